package run

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"switchyard/value"
)

// encoder is the codec that writes.
type encoder struct {
	b     []byte
	keeps bool // a [Kept] is written by its number, as in a state, not left out
}

func (w *encoder) text(p *string) { w.string(*p) }

func (w *encoder) string(s string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *encoder) bytes(p *[]byte) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*p)))
	w.b = append(w.b, *p...)
}

func (w *encoder) int(p *int)                { w.b = binary.AppendVarint(w.b, int64(*p)) }
func (w *encoder) duration(p *time.Duration) { w.b = binary.AppendVarint(w.b, int64(*p)) }
func (w *encoder) small(p *uint8)            { w.b = append(w.b, *p) }

func (w *encoder) bool(p *bool) { w.present(*p) }

// present writes a boolean and returns it.
func (w *encoder) present(b bool) bool {
	if b {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
	return b
}

func (w *encoder) time(p *time.Time) {
	w.b = binary.AppendVarint(w.b, p.Unix())
	w.b = binary.AppendUvarint(w.b, uint64(p.Nanosecond()))
}

func (w *encoder) optional(present bool, f func()) {
	if w.present(present) {
		f()
	}
}

func (w *encoder) since(uint8) bool { return true }
func (w *encoder) sealed()          {}

func (w *encoder) input(p **value.Object) { w.object(p) }

func (w *encoder) uvarint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *encoder) object(p **value.Object) {
	k, elsewhere := Whole(*p)
	if elsewhere && w.keeps {
		w.b = append(w.b, presentElsewhere)
		w.uvarint(k.Number)
		return
	}
	if w.present(*p != nil && !elsewhere) {
		w.members(*p)
	}
}

func (w *encoder) array(p *value.Array) {
	if w.present(*p != nil) {
		w.elements(*p)
	}
}

func (w *encoder) texts(p *[]string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*p)))
	for i := range *p {
		w.text(&(*p)[i])
	}
}

func (w *encoder) hash(p *Hash) { w.b = append(w.b, p[:]...) }

func (w *encoder) elements(a value.Array) {
	w.b = binary.AppendUvarint(w.b, uint64(len(a)))
	for i := range a {
		w.any(a[i])
	}
}

func (w *encoder) members(o *value.Object) {
	w.b = binary.AppendUvarint(w.b, uint64(o.Len()))
	for _, m := range o.Members() {
		w.string(m.Name)
		w.any(m.Value)
	}
}

// Tags of encoded values.
const (
	tagNull = iota
	tagFalse
	tagTrue
	tagInteger
	tagFloat
	tagText
	tagArray
	tagObject
	// In a state only, with the number of what is elsewhere.
	tagKept
	tagKeptObject
)

// presentElsewhere stands, in a state, where the boolean of an optional object does.
const presentElsewhere = 2

func (w *encoder) value(p *value.Value) { w.any(*p) }

func (w *encoder) any(v value.Value) {
	switch v := v.(type) {
	case nil:
		w.b = append(w.b, tagNull)
	case Kept:
		if !w.keeps {
			w.b = append(w.b, tagNull)
			return
		}
		w.b = append(w.b, tagKept)
		w.uvarint(v.Number)
	case bool:
		if v {
			w.b = append(w.b, tagTrue)
		} else {
			w.b = append(w.b, tagFalse)
		}
	case int64:
		w.b = binary.AppendVarint(append(w.b, tagInteger), v)
	case float64:
		w.b = binary.BigEndian.AppendUint64(append(w.b, tagFloat), math.Float64bits(v))
	case string:
		w.b = append(w.b, tagText)
		w.string(v)
	case value.Array:
		w.b = append(w.b, tagArray)
		w.elements(v)
	case *value.Object:
		if v == nil {
			w.b = append(w.b, tagNull)
			return
		}
		if k, elsewhere := Whole(v); elsewhere && w.keeps {
			w.b = append(w.b, tagKeptObject)
			w.uvarint(k.Number)
			return
		}
		w.b = append(w.b, tagObject)
		w.members(v)
	default:
		panic(fmt.Sprintf("run: %T is no JSON value", v)) // value.Value is a closed set
	}
}
