package encoding

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Descriptor reads what stands before a described value: the constructor 00 and
// a ulong or a symbol. For a symbol, name is a part of b and code is 0.
func Descriptor(b []byte) (code uint64, name, rest []byte, err error) {
	if len(b) >= 3 && b[0] == codeDescribed && b[1] == codeSmallUlong {
		return uint64(b[2]), nil, b[3:], nil
	}
	if len(b) > 0 && b[0] != codeDescribed {
		return 0, nil, nil, fmt.Errorf("%w: constructor %#02x instead of a described type", ErrMalformed, b[0])
	}
	if len(b) < 2 {
		return 0, nil, nil, ErrTruncated
	}
	switch b[1] {
	case codeUlong0:
		return 0, nil, b[2:], nil
	case codeSmallUlong:
		return 0, nil, nil, ErrTruncated
	case codeUlong:
		if len(b) < 10 {
			return 0, nil, nil, ErrTruncated
		}
		return binary.BigEndian.Uint64(b[2:]), nil, b[10:], nil
	case codeSymbol8, codeSymbol32:
		name, rest, err := variable(b[1], b[2:])
		return 0, name, rest, err
	}
	return 0, nil, nil, fmt.Errorf("%w: descriptor with constructor %#02x", ErrMalformed, b[1])
}

// Fields reads the fields of a list, one call per field in their order. A field
// that is null or that the list does not have is absent: set is false. The
// first fault sticks: all further fields are absent and [Fields.Err] tells it.
type Fields struct {
	b   []byte
	n   int
	err error
}

// ReadFields starts to read the list at the start of b.
func ReadFields(b []byte) (f Fields, rest []byte, err error) {
	if len(b) == 0 {
		return f, nil, ErrTruncated
	}
	switch b[0] {
	case codeList0:
		return f, b[1:], nil
	case codeList8, codeList32:
		f.b, f.n, rest, err = compound(b[0], b[1:])
		return f, rest, err
	}
	return f, nil, fmt.Errorf("%w: constructor %#02x instead of a list", ErrMalformed, b[0])
}

// Err returns the first fault, also if fields or bytes are left over.
func (f *Fields) Err() error {
	if f.err != nil {
		return f.err
	}
	if f.n != 0 {
		return fmt.Errorf("%w: list has %d fields too many", ErrMalformed, f.n)
	}
	return atEnd(f.b)
}

// Fail makes err the fault of the list unless there already is one.
func (f *Fields) Fail(err error) {
	if f.err == nil {
		f.err = err
		f.n = 0
	}
}

// next steps to the next field and returns its constructor; f.b then starts
// behind it. ok is false if the field is absent.
func (f *Fields) next() (code byte, ok bool) {
	if f.n == 0 {
		return 0, false
	}
	f.n--
	if len(f.b) == 0 {
		f.Fail(inside(ErrTruncated))
		return 0, false
	}
	code, f.b = f.b[0], f.b[1:]
	return code, code != codeNull
}

// take splits w bytes off the field's data.
func (f *Fields) take(w int) []byte {
	if len(f.b) < w {
		f.Fail(inside(ErrTruncated))
		return nil
	}
	d := f.b[:w]
	f.b = f.b[w:]
	return d
}

func (f *Fields) mismatch(code byte, want string) {
	f.Fail(fmt.Errorf("%w: constructor %#02x instead of %s", ErrMalformed, code, want))
}

// Bool reads a boolean.
func (f *Fields) Bool() (v, set bool) {
	code, ok := f.next()
	if !ok {
		return false, false
	}
	switch code {
	case codeTrue:
		return true, true
	case codeFalse:
		return false, true
	case codeBool:
		d := f.take(1)
		if d != nil && d[0] <= 1 {
			return d[0] == 1, true
		}
	}
	f.mismatch(code, "a boolean")
	return false, false
}

// Ubyte reads a ubyte.
func (f *Fields) Ubyte() (v uint8, set bool) {
	code, ok := f.next()
	if !ok {
		return 0, false
	}
	if code != codeUbyte {
		f.mismatch(code, "a ubyte")
		return 0, false
	}
	if d := f.take(1); d != nil {
		return d[0], true
	}
	return 0, false
}

// Ushort reads a ushort.
func (f *Fields) Ushort() (v uint16, set bool) {
	code, ok := f.next()
	if !ok {
		return 0, false
	}
	if code != codeUshort {
		f.mismatch(code, "a ushort")
		return 0, false
	}
	if d := f.take(2); d != nil {
		return binary.BigEndian.Uint16(d), true
	}
	return 0, false
}

// Uint reads a uint.
func (f *Fields) Uint() (v uint32, set bool) {
	code, ok := f.next()
	if !ok {
		return 0, false
	}
	switch code {
	case codeUint0:
		return 0, true
	case codeSmallUint:
		if d := f.take(1); d != nil {
			return uint32(d[0]), true
		}
	case codeUint:
		if d := f.take(4); d != nil {
			return binary.BigEndian.Uint32(d), true
		}
	default:
		f.mismatch(code, "a uint")
	}
	return 0, false
}

// Ulong reads a ulong.
func (f *Fields) Ulong() (v uint64, set bool) {
	code, ok := f.next()
	if !ok {
		return 0, false
	}
	switch code {
	case codeUlong0:
		return 0, true
	case codeSmallUlong:
		if d := f.take(1); d != nil {
			return uint64(d[0]), true
		}
	case codeUlong:
		if d := f.take(8); d != nil {
			return binary.BigEndian.Uint64(d), true
		}
	default:
		f.mismatch(code, "a ulong")
	}
	return 0, false
}

// Timestamp reads a timestamp.
func (f *Fields) Timestamp() (v time.Time, set bool) {
	code, ok := f.next()
	if !ok {
		return time.Time{}, false
	}
	if code != codeTimestamp {
		f.mismatch(code, "a timestamp")
		return time.Time{}, false
	}
	if d := f.take(8); d != nil {
		return time.UnixMilli(int64(binary.BigEndian.Uint64(d))).UTC(), true
	}
	return time.Time{}, false
}

// variable reads the data of a type with a length; code8 is its constructor
// with a length of one byte. The data is a part of the input.
func (f *Fields) variable(code8 byte, want string) (v []byte, set bool) {
	code, ok := f.next()
	if !ok {
		return nil, false
	}
	if code != code8 && code != code8+0x10 {
		f.mismatch(code, want)
		return nil, false
	}
	data, rest, err := variable(code, f.b)
	if err == nil {
		err = checkText(code, data)
	}
	if err != nil {
		f.Fail(inside(err))
		return nil, false
	}
	f.b = rest
	return data, true
}

// Binary reads a binary. It is a part of the input; if set, it is not nil.
func (f *Fields) Binary() (v []byte, set bool) { return f.variable(codeBinary8, "a binary") }

// String reads a string.
func (f *Fields) String() (v string, set bool) {
	b, ok := f.variable(codeString8, "a string")
	return string(b), ok
}

// Symbol reads a symbol.
func (f *Fields) Symbol() (v Symbol, set bool) {
	b, ok := f.variable(codeSymbol8, "a symbol")
	return Symbol(b), ok
}

// Value reads a field of any type.
func (f *Fields) Value() (v any, set bool) {
	code, ok := f.next()
	if !ok {
		return nil, false
	}
	if code == codeDescribed {
		return f.described()
	}
	r := reader{empty: len(f.b) + spareEmpty}
	v, rest, err := r.data(code, f.b, 1)
	if err != nil {
		f.Fail(inside(err))
		return nil, false
	}
	f.b = rest
	return v, true
}

func (f *Fields) described() (v any, set bool) {
	r := reader{empty: len(f.b) + spareEmpty}
	var d Described
	var err error
	rest := f.b
	if d.Descriptor, rest, err = r.value(rest, 2); err == nil {
		d.Value, rest, err = r.value(rest, 2)
	}
	if err != nil {
		f.Fail(inside(err))
		return nil, false
	}
	f.b = rest
	return d, true
}

// Raw returns the whole encoding of a field, a part of the input, after
// checking it as [Skip] does.
func (f *Fields) Raw() (v []byte, set bool) {
	b := f.b
	if _, ok := f.next(); !ok {
		return nil, false
	}
	rest, err := skip(b, 1)
	if err != nil {
		f.Fail(inside(err))
		return nil, false
	}
	f.b = rest
	return b[:len(b)-len(rest)], true
}

// Map reads a map.
func (f *Fields) Map() (v *Map, set bool) {
	if f.n > 0 && len(f.b) > 0 && f.b[0] != codeMap8 && f.b[0] != codeMap32 && f.b[0] != codeNull {
		f.mismatch(f.b[0], "a map")
		return nil, false
	}
	a, ok := f.Value()
	if !ok {
		return nil, false
	}
	v, ok = a.(*Map)
	return v, ok
}

// Symbols reads a field of several symbols: an array of them, or a single one.
func (f *Fields) Symbols() (v []Symbol, set bool) {
	a, ok := f.Value()
	if !ok {
		return nil, false
	}
	switch a := a.(type) {
	case Symbol:
		return []Symbol{a}, true
	case []Symbol:
		return a, true
	case *Array:
		if a.Descriptor == nil && len(a.Items) == 0 {
			return nil, false
		}
	}
	f.Fail(fmt.Errorf("%w: %T instead of symbols", ErrMalformed, a))
	return nil, false
}
