package engine

import (
	"crypto/sha256"
	"fmt"

	"switchyard/pipeline/run"
	"switchyard/value"
)

// maxInline is the size above which a value is kept as a payload, once, however
// many events name it.
const maxInline = 4 << 10

// maxPayloadDepth bounds payloads that name payloads.
const maxPayloadDepth = 128

// shrink replaces what makes v large by null and returns the places. The value
// itself is not changed. Large members and elements become payloads of their
// own, so that passing on a part of a large value doesn't write it again.
func (f *frames) shrink(v value.Value, secure bool, out *[]payload) (value.Value, []ref) {
	if sizeOf(v, maxInline) <= maxInline {
		return v, nil
	}
	var refs []ref
	switch t := v.(type) {
	case *value.Object:
		c := &value.Object{}
		for i, m := range t.Members() {
			part, r := f.shrink(m.Value, secure, out)
			c.Set(m.Name, part)
			refs = appendRefs(refs, i, r)
		}
		v = c
	case value.Array:
		c := make(value.Array, len(t))
		for i := range t {
			part, r := f.shrink(t[i], secure, out)
			c[i] = part
			refs = appendRefs(refs, i, r)
		}
		v = c
	}
	if len(refs) > 0 && sizeOf(v, maxInline) <= maxInline {
		return v, refs
	}
	return nil, []ref{{n: f.put(v, refs, secure, out)}}
}

// put gives the value a payload: the one it has if it has been written before.
func (f *frames) put(v value.Value, refs []ref, secure bool, out *[]payload) uint64 {
	b := encodePayload(v, appendRefs(nil, 0, refs))
	key := payloadKey(b, secure)
	if n, ok := f.known[key]; ok {
		return n
	}
	n := f.next
	f.remember(key, n)
	*out = append(*out, payload{n, f.seal(b, secure)})
	return n
}

func encodePayload(v value.Value, table []ref) []byte {
	return run.EncodeEvent(appendTable(newFrame(), table), &run.VariableAppended{Value: v})
}

// payloadKey tells payloads apart. A sealed one is never the same as an open one.
func payloadKey(plain []byte, secure bool) [sha256.Size]byte {
	if secure {
		b := append([]byte(nil), plain...)
		b[1] |= frameSealed
		plain = b
	}
	return sha256.Sum256(plain)
}

func (f *frames) remember(key [sha256.Size]byte, n uint64) {
	if f.known == nil {
		f.known = map[[sha256.Size]byte]uint64{}
	}
	f.known[key] = n
	f.next = max(f.next, n+1)
}

// sizeOf is about the size of a value in the history. It stops counting soon
// after limit.
func sizeOf(v value.Value, limit int) int {
	switch t := v.(type) {
	case string:
		return len(t) + 2
	case value.Array:
		n := 2
		for i := range t {
			if n += sizeOf(t[i], limit-n); n > limit {
				break
			}
		}
		return n
	case *value.Object:
		n := 2
		for _, m := range t.Members() {
			if n += len(m.Name) + 1 + sizeOf(m.Value, limit-n); n > limit {
				break
			}
		}
		return n
	}
	return 8
}

// A loader reads the payloads of one run while its events are folded, each once.
type loader struct {
	f      *frames
	read   func(n uint64) ([]byte, error)
	values map[uint64]value.Value
	depth  int
}

func (l *loader) value(n uint64) (value.Value, error) {
	if v, ok := l.values[n]; ok {
		return v, nil
	}
	if l.depth++; l.depth > maxPayloadDepth {
		return nil, fmt.Errorf("%w: payloads nest deeper than %d", errMalformedFrame, maxPayloadDepth)
	}
	defer func() { l.depth-- }()
	stored, err := l.read(n)
	if err != nil {
		return nil, fmt.Errorf("payload %d: %w", n, err)
	}
	plain, err := l.f.open(stored)
	if err != nil {
		return nil, fmt.Errorf("payload %d: %w", n, err)
	}
	e, err := l.f.decode(plain, l)
	if err != nil {
		return nil, fmt.Errorf("payload %d: %w", n, err)
	}
	p, ok := e.(*run.VariableAppended)
	if !ok {
		return nil, fmt.Errorf("payload %d: %w", n, errMalformedFrame)
	}
	if l.values == nil {
		l.values = map[uint64]value.Value{}
	}
	l.values[n] = p.Value
	l.f.remember(payloadKey(plain, stored[1]&frameSealed != 0), n)
	return p.Value, nil
}

// fill puts the payloads of the table where they belong in an event that has
// just been decoded.
func (l *loader) fill(e run.Event, table []ref) error {
	if len(table) == 0 {
		return nil
	}
	parts := run.PartsOf(e).Values
	for _, r := range table {
		v, err := l.value(r.n)
		if err != nil {
			return err
		}
		if r.place[0] >= len(parts) {
			return errMalformedFrame
		}
		part := parts[r.place[0]]
		if len(r.place) > 1 {
			whole := part.Get()
			if err := place(whole, r.place[1:], v); err != nil {
				return err
			}
			continue
		}
		if !part.Set(v) {
			return errMalformedFrame
		}
	}
	return nil
}

// place sets a part of a value.
func place(whole value.Value, at []int, v value.Value) error {
	for i, p := range at {
		last := i == len(at)-1
		switch t := whole.(type) {
		case value.Array:
			if p >= len(t) {
				return errMalformedFrame
			}
			if last {
				t[p] = v
			}
			whole = t[p]
		case *value.Object:
			if p >= t.Len() {
				return errMalformedFrame
			}
			if last {
				t.Set(t.At(p).Name, v)
			}
			whole = t.At(p).Value
		default:
			return errMalformedFrame
		}
	}
	return nil
}
