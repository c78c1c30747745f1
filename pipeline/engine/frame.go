package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"switchyard/compute"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// An event in the history is a frame:
//
//	+---------+-------+----------------------+------------------------+
//	| version | flags | payload table, if any | event of package run   |
//	+---------+-------+----------------------+------------------------+
//	  1 byte   1 byte   \___ sealed as a whole if the flags say so ___/
//
// The payload table, present with the flag frameNamed, says where values are
// missing in the event: a uvarint count, and for each the payload's number, the
// length of its place and the place, all uvarints. A place is the number of a part
// (in the order of [run.Parts]) followed by the positions of members and
// elements on the way down. In the event itself a null stands there.
//
// A payload is a frame too, around a [run.VariableAppended] that has nothing but
// its value, because the encoding of values belongs to package run.
//
// A definition is a frame without a table, always sealed, around the JSON.
//
// Versions 2 to 5 have events of the same version of their encoding, which have more
// parts. They are read like version 1.
const frameVersion = 5

const (
	frameSealed = 1 << iota
	frameNamed
	frameFlags = frameSealed | frameNamed
)

var (
	errMalformedFrame = errors.New("malformed history frame")
	errSealedFrame    = errors.New("history frame is sealed and there is no key")
)

// frames encodes and decodes the events of one run. It belongs to the run's
// owner.
type frames struct {
	sealer Sealer // nil: nothing is sealed
	sealed bool   // every frame of this run is
	next   uint64 // number of the next payload
	// known holds the payloads that are written, by the hash of their frame.
	known map[[sha256.Size]byte]uint64
	// begun counts the large arrays that were written, by the hash of their first element.
	begun map[[sha256.Size]byte]int
	// scratch holds the frames of events since reset: a history copies what it is
	// given.
	scratch []byte
	encoded int64     // bytes of payloads, those too that were written before
	parts   run.Parts // of the event that was visited last
	visited run.Event
}

// A payload is a value that is written beside the event that names it.
type payload struct {
	n     uint64
	frame []byte
	value value.Value // in which a [run.Kept] stands for each payload of its own
}

// reset gives up the frames of events that encode has returned. They stay as they
// are until encode is called again.
func (f *frames) reset() { f.scratch = f.scratch[:0] }

// visit returns the parts of an event, until the next one is visited.
func (f *frames) visit(e run.Event) *run.Parts {
	if f.visited != e {
		f.parts.Visit(e)
		f.visited = e
	}
	return &f.parts
}

// encode returns the frame of an event and those of the payloads it names that
// have not been returned before. Secure frames are sealed.
//
// The event that it returns is the one to fold: e, or a copy in which a [run.Kept]
// stands for what is in payloads.
func (f *frames) encode(e run.Event, secure bool) ([]byte, []payload, run.Event) {
	secure = (secure || f.sealed) && f.sealer != nil
	f.visit(e)
	large := false // then nothing is encoded that becomes a payload anyhow
	for _, part := range f.parts.Values {
		large = large || sizeOf(part.Get(), 4*maxInline) > 4*maxInline
	}
	if !large {
		start := len(f.scratch)
		f.scratch = run.EncodeEvent(append(f.scratch, frameVersion, 0), e)
		if b := f.scratch[start:len(f.scratch):len(f.scratch)]; len(b) <= maxInline {
			return f.seal(b, secure), nil, e
		}
		f.scratch = f.scratch[:start]
	}
	var payloads []payload
	var table []ref
	var arrays []func()
	folded := run.Copy(e)
	for i, part := range run.PartsOf(folded).Values {
		v, refs, here := f.shrink(part.Get(), secure, &payloads)
		if len(refs) == 0 {
			continue
		}
		table = appendRefs(table, i, refs)
		if _, whole := run.Whole(v); whole && part.IsArray() {
			part.Set(nil)
			arrays = append(arrays, func() { part.Set(here) })
			continue
		}
		part.Set(v)
	}
	if len(table) == 0 {
		return f.seal(run.EncodeEvent(newFrame(), e), secure), nil, e
	}
	b := f.seal(run.EncodeEvent(appendTable(newFrame(), table), folded), secure)
	for _, set := range arrays {
		set()
	}
	if foldsWhole(e) {
		folded = e
	}
	return b, payloads, folded
}

// foldsWhole reports whether an event is folded with all its values: one that sets
// members of the return value.
func foldsWhole(e run.Event) bool {
	set, ok := e.(*run.VariableSet)
	return ok && set.System
}

func newFrame() []byte { return append(make([]byte, 0, 512), frameVersion, 0) }

func (f *frames) seal(b []byte, secure bool) []byte {
	if !secure {
		return b
	}
	return append([]byte{b[0], b[1] | frameSealed}, f.sealer.Seal(b[2:])...)
}

func (f *frames) open(b []byte) ([]byte, error) {
	if len(b) < 2 || b[1]&^frameFlags != 0 {
		return nil, errMalformedFrame
	}
	if b[0] < 1 || b[0] > frameVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads %d", errMalformedFrame, b[0], frameVersion)
	}
	if b[1]&frameSealed == 0 {
		return b, nil
	}
	if f.sealer == nil {
		return nil, errSealedFrame
	}
	plain, err := f.sealer.Open(b[2:])
	if err != nil {
		return nil, err
	}
	return append([]byte{b[0], b[1] &^ frameSealed}, plain...), nil
}

// decode reads the frame of an event. In its parts a [run.Kept] stands for what is
// in payloads, but for an array, which is read itself.
func (f *frames) decode(b []byte, o *outputs) (e run.Event, err error) {
	var table []ref
	compute.Do(len(b), func() { e, table, err = f.decodeAlone(b) })
	if err != nil {
		return nil, err
	}
	for _, r := range table {
		f.next = max(f.next, r.n+1)
	}
	if err := o.fill(e, table); err != nil {
		return nil, err
	}
	return e, nil
}

// decodeAlone is decode without what the frame names.
func (f *frames) decodeAlone(b []byte) (e run.Event, table []ref, err error) {
	if b, err = f.open(b); err != nil {
		return nil, nil, err
	}
	table, rest, err := readTable(b)
	if err != nil {
		return nil, nil, err
	}
	e, err = run.DecodeEvent(rest)
	return e, table, err
}

// A ref is a place in a value or event and the payload that belongs there.
type ref struct {
	n     uint64
	place []int
}

// appendRefs adds refs that are relative to the i-th part of a whole.
func appendRefs(table []ref, i int, refs []ref) []ref {
	for _, r := range refs {
		table = append(table, ref{r.n, append([]int{i}, r.place...)})
	}
	return table
}

func appendTable(b []byte, table []ref) []byte {
	if len(table) == 0 {
		return b
	}
	b[1] |= frameNamed
	b = binary.AppendUvarint(b, uint64(len(table)))
	for _, r := range table {
		b = binary.AppendUvarint(b, r.n)
		b = binary.AppendUvarint(b, uint64(len(r.place)))
		for _, p := range r.place {
			b = binary.AppendUvarint(b, uint64(p))
		}
	}
	return b
}

// readTable splits an open frame into its payload table and the event.
func readTable(b []byte) (table []ref, event []byte, err error) {
	flags, b := b[1], b[2:]
	if flags&frameNamed == 0 {
		return nil, b, nil
	}
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			err = errMalformedFrame
			return 0
		}
		b = b[n:]
		return v
	}
	count := next()
	if count > uint64(len(b)) {
		return nil, nil, errMalformedFrame
	}
	for range count {
		r := ref{n: next()}
		length := next()
		if err != nil || length == 0 || length > uint64(len(b)) {
			return nil, nil, errMalformedFrame
		}
		for range length {
			r.place = append(r.place, int(min(next(), 1<<31-1)))
		}
		table = append(table, r)
	}
	return table, b, err
}
