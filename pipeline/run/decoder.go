package run

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"switchyard/value"
)

// decoder is the codec that reads. After an error every read is a no-op.
type decoder struct {
	b       []byte
	version uint8 // of the event
	depth   int
	keeps   bool // it is a state, in which a [Kept] may stand
	err     error
}

func (r *decoder) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformedEvent, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

func (r *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *decoder) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *decoder) byte() byte {
	if len(r.b) == 0 {
		r.fail("ends early")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// take returns the next n bytes, still part of the input.
func (r *decoder) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail("length %d, %d bytes left", n, len(r.b))
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// count reads a number of elements that are at least one byte each.
func (r *decoder) count() int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail("count %d, %d bytes left", n, len(r.b))
		return 0
	}
	return int(n)
}

func (r *decoder) text(p *string) { *p = string(r.take(r.uvarint())) }

func (r *decoder) bytes(p *[]byte) {
	if b := r.take(r.uvarint()); len(b) > 0 {
		*p = append(json.RawMessage(nil), b...)
	}
}

func (r *decoder) int(p *int)                { *p = int(r.varint()) }
func (r *decoder) duration(p *time.Duration) { *p = time.Duration(r.varint()) }
func (r *decoder) small(p *uint8)            { *p = r.byte() }

func (r *decoder) bool(p *bool) {
	switch r.byte() {
	case 0:
		*p = false
	case 1:
		*p = true
	default:
		r.fail("bad boolean")
	}
}

func (r *decoder) time(p *time.Time) {
	sec, nsec := r.varint(), r.uvarint()
	if nsec >= 1e9 {
		r.fail("bad time")
		return
	}
	*p = time.Unix(sec, int64(nsec)).UTC()
}

func (r *decoder) optional(_ bool, f func()) {
	var present bool
	if r.bool(&present); present && r.err == nil {
		f()
	}
}

func (r *decoder) since(version uint8) bool { return r.version >= version }
func (r *decoder) sealed()                  {}

func (r *decoder) object(p **value.Object) {
	if r.keeps && len(r.b) > 0 && r.b[0] == presentElsewhere {
		r.b = r.b[1:]
		*p = r.keptObject()
		return
	}
	r.optional(false, func() { *p = r.members() })
}

// keptObject reads what stands for an object.
func (r *decoder) keptObject() *value.Object {
	return value.NewObject(value.Member{Value: keptWhole{Kept{r.uvarint()}}})
}

func (r *decoder) input(p **value.Object) { r.object(p) }
func (r *decoder) array(p *value.Array)   { r.optional(false, func() { *p = r.elements() }) }

func (r *decoder) texts(p *[]string) {
	for range r.count() {
		var s string
		r.text(&s)
		*p = append(*p, s)
	}
}

func (r *decoder) hash(p *Hash) { copy(p[:], r.take(uint64(len(p)))) }

func (r *decoder) elements() value.Array {
	n := r.count()
	a := make(value.Array, 0, min(n, 1024))
	for range n {
		if r.err != nil {
			break
		}
		var v value.Value
		r.value(&v)
		a = append(a, v)
	}
	return a
}

func (r *decoder) members() *value.Object {
	o := &value.Object{}
	for range r.count() {
		if r.err != nil {
			break
		}
		var name string
		var v value.Value
		r.text(&name)
		r.value(&v)
		o.Set(name, v)
	}
	return o
}

func (r *decoder) value(p *value.Value) {
	if r.depth++; r.depth > maxValueDepth {
		r.fail("values nested deeper than %d", maxValueDepth)
		return
	}
	defer func() { r.depth-- }()
	tag := r.byte()
	if tag >= tagKept && !r.keeps {
		r.fail("unknown value tag %d", tag)
	}
	switch tag {
	case tagKept:
		*p = Kept{r.uvarint()}
	case tagKeptObject:
		*p = r.keptObject()
	case tagNull:
		*p = nil
	case tagFalse:
		*p = false
	case tagTrue:
		*p = true
	case tagInteger:
		*p = r.varint()
	case tagFloat:
		if b := r.take(8); b != nil {
			*p = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case tagText:
		var s string
		r.text(&s)
		*p = s
	case tagArray:
		*p = r.elements()
	case tagObject:
		*p = r.members()
	default:
		r.fail("unknown value tag %d", tag)
	}
}
