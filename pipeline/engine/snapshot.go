package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"switchyard/commit"
	"switchyard/compute"
	"switchyard/pipeline/run"
)

// A snapshot is the state of a run as of an event: a start reads it and the events behind it
// instead of all. It is an aid: one that is damaged, or of another version of the program or
// of the definition, is not used. See docs/decisions/0018-snapshots.md.
//
// In the history it is a version and flags, as a frame has, and then, sealed as a whole,
//
//	uvarint next, uvarint payloads, uvarint items, uvarint bytes, sealed (a byte),
//	time (varint seconds, uvarint nanoseconds), the state as package run encodes it
type snapshot struct {
	next     uint64 // number of the first event that is not in it
	payloads uint64 // number of the next payload
	items    int    // events and payloads that were written, and their bytes
	bytes    int64
	sealed   bool      // every frame of the run is
	changed  time.Time // when the run changed last
	state    []byte
}

const (
	snapshotVersion = 1
	// snapshotEvents is after how many events a run is worth a snapshot: to fold them takes
	// some hundredths of a second. snapshotShare is how many times the bytes of the last
	// snapshot the events must have that were written since, so that a run with a large state
	// spends little on snapshots.
	snapshotEvents, snapshotShare = 4096, 2
	// maxSnapshot is how much a run may hold of which there is a snapshot: it is written in
	// one unit.
	maxSnapshot = 32 << 20
)

var errOtherSnapshot = errors.New("snapshot of another version")

// encodeSnapshot returns the record of a snapshot. It is always sealed, because a state holds
// what was sealed in some event.
func (f *frames) encodeSnapshot(s *snapshot) []byte {
	b := append(make([]byte, 0, 64+len(s.state)), snapshotVersion, 0)
	for _, n := range []uint64{s.next, s.payloads, uint64(s.items), uint64(s.bytes)} {
		b = binary.AppendUvarint(b, n)
	}
	if s.sealed {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendVarint(b, s.changed.Unix())
	b = binary.AppendUvarint(b, uint64(s.changed.Nanosecond()))
	return f.seal(append(b, s.state...), f.sealer != nil)
}

func (f *frames) decodeSnapshot(b []byte) (*snapshot, error) {
	if len(b) < 2 {
		return nil, errMalformedFrame
	}
	if b[0] != snapshotVersion {
		return nil, fmt.Errorf("%w: %d, this program reads %d", errOtherSnapshot, b[0], snapshotVersion)
	}
	flags, b := b[1], b[2:]
	if flags&^frameSealed != 0 {
		return nil, errMalformedFrame
	}
	if flags == frameSealed {
		if f.sealer == nil {
			return nil, errSealedFrame
		}
		var err error
		if b, err = f.sealer.Open(b); err != nil {
			return nil, err
		}
	}
	return parseSnapshot(b)
}

func parseSnapshot(b []byte) (*snapshot, error) {
	var n [4]uint64
	for i := range n {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, errMalformedFrame
		}
		n[i], b = v, b[size:]
	}
	if len(b) == 0 || b[0] > 1 {
		return nil, errMalformedFrame
	}
	s := &snapshot{next: n[0], payloads: n[1], items: int(n[2]), bytes: int64(n[3]), sealed: b[0] == 1}
	seconds, size := binary.Varint(b[1:])
	if size <= 0 {
		return nil, errMalformedFrame
	}
	b = b[1+size:]
	nanos, size := binary.Uvarint(b)
	if size <= 0 || nanos >= 1e9 || s.next < 2 || s.items < 0 || s.bytes < 0 {
		return nil, errMalformedFrame
	}
	s.changed, s.state = time.Unix(seconds, int64(nanos)).UTC(), b[size:]
	return s, nil
}

// keepState writes a snapshot if it is time for one. What was decided before is durable and
// under way, so only the run's next turn waits.
func (r *runner) keepState() {
	j := &r.journal
	if !r.snapshotDue() || r.state.Status() != run.InProgress || r.end != nil || r.broken != nil ||
		r.state.Held() > maxSnapshot {
		return
	}
	select {
	case r.e.snapshotting <- struct{}{}:
		defer func() { <-r.e.snapshotting }()
	default:
		return // one at a time is in memory; it is looked at again after the next turn
	}
	if r.e.o.Log.Admit(r.e.executing, admitSize+j.snap.size) != nil {
		return // the disk is nearly full, or the engine stops
	}
	j.snap = snapped{next: j.next, payloads: j.frames.next, items: j.items, bytes: j.bytes}
	b := r.encodeState()
	if b == nil {
		return
	}
	u := new(commit.Unit)
	j.e.o.History.PutSnapshot(u, r.id, b)
	j.e.o.Log.Submit(u)
	written := r.e.pace.begin(r.e.executing, r.e.quit, r.requested, len(b))
	defer written()
	j.e.o.Log.Sync(u)
	j.snap.size, j.snapshots = len(b), true
}

func (r *runner) snapshotDue() bool {
	j, every := &r.journal, r.e.o.SnapshotEvery
	switch since := j.next - j.snap.next; {
	case every < 0 || since < uint64(every):
		return false
	case every == 1:
		return true
	}
	return j.bytes-j.snap.bytes >= snapshotShare*int64(j.snap.size)
}

// encodeState returns the run's snapshot, nil after a panic: a mistake of ours in what is
// only an aid stops no run.
func (r *runner) encodeState() (b []byte) {
	defer func() {
		if p := recover(); p != nil {
			b = nil
			r.e.o.Logger.Error("there is no snapshot of a pipeline run", "run", r.id, "error", panicked(r.e.o.Logger, r.id, p))
		}
	}()
	j := &r.journal
	compute.Do(int(r.state.Held()), func() {
		b = j.frames.encodeSnapshot(&snapshot{next: j.next, payloads: j.frames.next, items: j.items, bytes: j.bytes,
			sealed: j.frames.sealed, changed: r.changed, state: run.EncodeState(nil, r.state)})
	})
	return b
}

// A snapped is what an owner knows of its last snapshot; zero: there is none.
type snapped struct {
	next, payloads uint64 // as in snapshot
	items          int
	bytes          int64
	size           int // of the record
}

// readSnapshot makes the owner of a run from its snapshot and the events behind it; nil if
// there is none, or if it can't be used. There says that there is a record.
func (e *Engine) readSnapshot(id string) (r *runner, there bool) {
	b, err := e.o.History.Snapshot(id)
	if errors.Is(err, ErrNotInHistory) {
		return nil, false
	}
	if err == nil {
		r, err = e.restore(id, b)
	}
	if err != nil {
		e.o.Logger.Warn("a pipeline run is read from its start: its snapshot can't be used", "run", id, "error", err)
		return nil, true
	}
	return r, true
}

// restore is read for a run that has a snapshot. A panic is an error too.
func (e *Engine) restore(id string, b []byte) (r *runner, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, panicked(e.o.Logger, id, p)
		}
	}()
	x := e.reader(id, false)
	var s *snapshot
	compute.Do(len(b), func() { s, err = x.frames.decodeSnapshot(b) })
	if err != nil {
		return nil, err
	}
	err = e.o.History.Events(id, 0, func(n uint64, b []byte) error {
		if err := x.event(n, b); err != nil {
			return err
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if x.r == nil {
		return nil, fmt.Errorf("its events: %w", ErrNotInHistory)
	}
	var state *run.State
	compute.Do(len(s.state), func() { state, err = run.DecodeState(x.whole, x.r.revision, s.state) })
	if err != nil {
		return nil, err
	}
	x.r.adopt(state, s)
	x.next, x.frames.next = s.next, max(x.frames.next, s.payloads)
	if err := e.o.History.Events(id, s.next, x.event); err != nil {
		return nil, err
	}
	r, err = x.runner()
	if err == nil {
		r.journal.snap.size = len(b)
	}
	return r, err
}

// adopt goes on with a state that was read from a snapshot.
func (r *runner) adopt(state *run.State, s *snapshot) {
	state.SetKeeper(&keeper{r: r})
	state.SetWall(r.e.wall)
	state.Lighten(r.created)
	r.state, r.changed = state, s.changed
	r.journal.frames.sealed = r.journal.frames.sealed || s.sealed
	r.journal.snap = snapped{next: s.next, payloads: s.payloads, items: s.items, bytes: s.bytes}
}
