package frames

import (
	"fmt"
	"time"

	"switchyard/amqp/encoding"
)

// A list is a described list that is being written, with all its fields.
type list struct {
	b       []byte
	mark, n int
	err     error
}

func newList(dst []byte, code Code) list {
	dst, mark := encoding.BeginList(append(dst, 0x00, 0x53, byte(code)))
	return list{b: dst, mark: mark}
}

func (l *list) end() ([]byte, error) {
	return encoding.EndList(l.b, l.mark, l.n), l.err
}

func (l *list) null()                { l.b = encoding.AppendNull(l.b); l.n++ }
func (l *list) bool(v bool)          { l.b = encoding.AppendBool(l.b, v); l.n++ }
func (l *list) ubyte(v uint8)        { l.b = encoding.AppendUbyte(l.b, v); l.n++ }
func (l *list) ushort(v uint16)      { l.b = encoding.AppendUshort(l.b, v); l.n++ }
func (l *list) uint(v uint32)        { l.b = encoding.AppendUint(l.b, v); l.n++ }
func (l *list) ulong(v uint64)       { l.b = encoding.AppendUlong(l.b, v); l.n++ }
func (l *list) string(v string)      { l.b = encoding.AppendString(l.b, v); l.n++ }
func (l *list) symbol(v sym)         { l.b = encoding.AppendSymbol(l.b, v); l.n++ }
func (l *list) symbols(v []sym)      { l.b = encoding.AppendSymbols(l.b, v); l.n++ }
func (l *list) optString(v optStr)   { opt(l, v, (*list).string) }
func (l *list) optUint(v optUint)    { opt(l, v, (*list).uint) }
func (l *list) optSymbol(v Opt[sym]) { opt(l, v, (*list).symbol) }

type (
	sym     = encoding.Symbol
	optStr  = Opt[string]
	optUint = Opt[uint32]
)

func opt[T any](l *list, v Opt[T], write func(*list, T)) {
	if v.Set {
		write(l, v.Value)
	} else {
		l.null()
	}
}

// name writes a symbol for which "" means absent.
func (l *list) name(v sym) {
	if v == "" {
		l.null()
	} else {
		l.symbol(v)
	}
}

// binary writes nil as absent.
func (l *list) binary(v []byte) {
	if v == nil {
		l.null()
		return
	}
	l.b = encoding.AppendBinary(l.b, v)
	l.n++
}

// timestamp writes the zero time as absent.
func (l *list) timestamp(v time.Time) {
	if v.IsZero() {
		l.null()
		return
	}
	l.b = encoding.AppendTimestamp(l.b, v)
	l.n++
}

// mapping writes nil as absent.
func (l *list) mapping(m *encoding.Map) {
	if m == nil {
		l.null()
		return
	}
	var err error
	l.b, err = encoding.AppendMap(l.b, m)
	l.n++
	l.fail(err)
}

func (l *list) value(v any) {
	var err error
	l.b, err = encoding.Append(l.b, v)
	l.n++
	l.fail(err)
}

// nested adds a described value that write appends.
func (l *list) nested(write func([]byte) ([]byte, error)) {
	var err error
	l.b, err = write(l.b)
	l.n++
	l.fail(err)
}

func (l *list) state(s State) {
	if s == nil {
		l.null()
		return
	}
	var err error
	l.b, err = AppendState(l.b, s)
	l.n++
	l.fail(err)
}

func (l *list) error(e *Error) {
	if e == nil {
		l.null()
		return
	}
	l.nested(e.Append)
}

func (l *list) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// missing makes the absence of a mandatory field the fault of the list.
func missing(f *encoding.Fields, field string, set bool) {
	if !set {
		f.Fail(fmt.Errorf("%w: mandatory field %s is absent", encoding.ErrMalformed, field))
	}
}

// some turns a field that was read into an optional one.
func some[T any](v T, set bool) Opt[T] { return Opt[T]{v, set} }

// orDefault returns def for an absent field.
func orDefault[T any](v T, set bool, def T) T {
	if !set {
		return def
	}
	return v
}
