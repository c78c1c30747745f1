package engine

import (
	"crypto/sha256"
	"math"

	"switchyard/compute"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// maxInline is the size above which a value is kept as a payload, once, however
// many events name it.
const maxInline = 4 << 10

// shrink replaces what makes v large by [run.Kept] and returns the places. The value
// itself is not changed. Large members and elements become payloads of their
// own, so that passing on a part of a large value doesn't write it again. If v is one
// itself, here is v with what it names replaced.
func (f *frames) shrink(v value.Value, secure bool, out *[]payload) (small value.Value, refs []ref,
	here value.Value) {
	if sizeOf(v, maxInline) <= maxInline {
		return v, nil, v
	}
	switch t := v.(type) {
	case *value.Object:
		c := &value.Object{}
		for i, m := range t.Members() {
			part, r, _ := f.shrink(m.Value, secure, out)
			c.Set(m.Name, part)
			refs = appendRefs(refs, i, r)
		}
		v = c
	case value.Array:
		v, refs = f.shrinkArray(t, secure, out)
	}
	if len(refs) > 0 && sizeOf(v, maxInline) <= maxInline {
		return v, refs, v
	}
	before := len(*out)
	n := f.put(v, refs, secure, out)
	if c, ok := v.(value.Array); ok && len(*out) > before {
		f.begin(c, refs)
	}
	return run.Kept{Number: n}, []ref{{n: n}}, v
}

// shrinkArray is shrink for an array, which is not made a payload itself.
func (f *frames) shrinkArray(t value.Array, secure bool, out *[]payload) (c value.Array, refs []ref) {
	c = make(value.Array, len(t))
	parts := make([][]ref, len(t)) // the places in each element
	for i := range t {
		c[i], parts[i], _ = f.shrink(t[i], secure, out)
	}
	if sizeOf(c, maxInline) > maxInline && f.begun[firstOf(c, parts[0])] >= alike {
		for i := range c {
			if _, whole := run.Whole(c[i]); !whole && sizeOf(c[i], leastApart) > leastApart {
				n := f.put(c[i], parts[i], secure, out)
				c[i], parts[i] = run.Kept{Number: n}, []ref{{n: n}}
			}
		}
	}
	for i := range c {
		refs = appendRefs(refs, i, parts[i])
	}
	return c, refs
}

const (
	// alike is how many arrays that begin alike are payloads as they are. Of those that come
	// then each element is one: they are a list that grows, such as a conversation that is sent
	// again with each message.
	alike = 2
	// leastApart is the size up to which an element is not worth a payload.
	leastApart = 64
	// mostBegun bounds how many beginnings are remembered.
	mostBegun = 1000
)

// firstOf is the beginning of an array: the hash of its first element, in which refs are.
func firstOf(c value.Array, refs []ref) [sha256.Size]byte {
	return sha256.Sum256(encodePayload(c[0], 0, appendRefs(nil, 0, refs)))
}

// begin notes the beginning of an array that has become a payload.
func (f *frames) begin(c value.Array, refs []ref) {
	if f.begun == nil || len(f.begun) >= mostBegun {
		f.begun = map[[sha256.Size]byte]int{}
	}
	var first []ref
	for _, r := range refs {
		if r.place[0] == 0 {
			first = append(first, ref{r.n, r.place[1:]})
		}
	}
	f.begun[firstOf(c, first)]++
}

// put gives the value a payload: the one it has if it has been written before.
func (f *frames) put(v value.Value, refs []ref, secure bool, out *[]payload) (n uint64) {
	size := sizeOf(v, math.MaxInt)
	compute.Do(size, func() { n = f.putNow(v, size, refs, secure, out) })
	return n
}

func (f *frames) putNow(v value.Value, size int, refs []ref, secure bool, out *[]payload) uint64 {
	b := encodePayload(v, size, appendRefs(nil, 0, refs))
	f.encoded += int64(len(b))
	key := payloadKey(b, secure)
	if n, ok := f.known[key]; ok {
		return n
	}
	n := f.next
	f.remember(key, n)
	*out = append(*out, payload{n, f.seal(b, secure), v})
	return n
}

func encodePayload(v value.Value, size int, table []ref) []byte {
	b := make([]byte, 0, 64+16*len(table)+size*9/8)
	b = appendTable(append(b, frameVersion, 0), table)
	return run.EncodeEvent(b, &run.VariableAppended{Value: v})
}

// payloadKey tells payloads apart. A sealed one is never the same as an open one.
func payloadKey(plain []byte, secure bool) [sha256.Size]byte {
	if secure {
		plain[1] |= frameSealed
		defer func() { plain[1] &^= frameSealed }()
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
