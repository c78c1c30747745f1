package encoding

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Read decodes the value at the start of b and returns what follows it.
func Read(b []byte) (v any, rest []byte, err error) {
	r := reader{empty: len(b) + spareEmpty}
	return r.value(b, 0)
}

// A reader carries what bounds the reading of one outermost value.
type reader struct {
	empty int // elements without bytes that may still be built
}

func (r *reader) value(b []byte, depth int) (any, []byte, error) {
	if len(b) == 0 {
		return nil, nil, ErrTruncated
	}
	if b[0] != codeDescribed {
		return r.data(b[0], b[1:], depth)
	}
	if depth >= MaxDepth {
		return nil, nil, fmt.Errorf("%w: nesting", ErrLimit)
	}
	var d Described
	var err error
	if d.Descriptor, b, err = r.value(b[1:], depth+1); err != nil {
		return nil, nil, err
	}
	if d.Value, b, err = r.value(b, depth+1); err != nil {
		return nil, nil, err
	}
	return d, b, nil
}

// data decodes a value whose constructor is code.
func (r *reader) data(code byte, b []byte, depth int) (any, []byte, error) {
	if depth > MaxDepth {
		return nil, nil, fmt.Errorf("%w: nesting", ErrLimit)
	}
	switch w := fixedWidth(code); {
	case w >= 0:
		if len(b) < w {
			return nil, nil, ErrTruncated
		}
		if err := checkFixed(code, b); err != nil {
			return nil, nil, err
		}
		return fixed(code, b), b[w:], nil
	case w == -2:
		return nil, nil, badCode(code)
	}
	switch code {
	case codeList8, codeList32:
		return r.list(code, b, depth)
	case codeMap8, codeMap32:
		return r.mapping(code, b, depth)
	case codeArray8, codeArray32:
		return r.array(code, b, depth)
	}
	data, rest, err := variable(code, b)
	if err != nil {
		return nil, nil, err
	}
	if err := checkText(code, data); err != nil {
		return nil, nil, err
	}
	switch code {
	case codeString8, codeString32:
		return string(data), rest, nil
	case codeSymbol8, codeSymbol32:
		return Symbol(data), rest, nil
	}
	return append([]byte{}, data...), rest, nil
}

// emptyList is shared, so that a list of empty lists takes no memory for each.
var emptyList any = List{}

// fixed decodes data of fixed width; b holds at least that much.
func fixed(code byte, b []byte) any {
	be := binary.BigEndian
	switch code {
	case codeTrue:
		return true
	case codeFalse:
		return false
	case codeBool:
		return b[0] == 1
	case codeUint0:
		return uint32(0)
	case codeUlong0:
		return uint64(0)
	case codeList0:
		return emptyList
	case codeUbyte:
		return b[0]
	case codeByte:
		return int8(b[0])
	case codeSmallUint:
		return uint32(b[0])
	case codeSmallUlong:
		return uint64(b[0])
	case codeSmallInt:
		return int32(int8(b[0]))
	case codeSmallLong:
		return int64(int8(b[0]))
	case codeUshort:
		return be.Uint16(b)
	case codeShort:
		return int16(be.Uint16(b))
	case codeUint:
		return be.Uint32(b)
	case codeInt:
		return int32(be.Uint32(b))
	case codeFloat:
		return math.Float32frombits(be.Uint32(b))
	case codeChar:
		return Char(be.Uint32(b))
	case codeDecimal32:
		return Decimal32(b[:4])
	case codeUlong:
		return be.Uint64(b)
	case codeLong:
		return int64(be.Uint64(b))
	case codeDouble:
		return math.Float64frombits(be.Uint64(b))
	case codeTimestamp:
		return time.UnixMilli(int64(be.Uint64(b))).UTC()
	case codeDecimal64:
		return Decimal64(b[:8])
	case codeDecimal128:
		return Decimal128(b[:16])
	case codeUUID:
		return UUID(b[:16])
	}
	return nil
}

func (r *reader) list(code byte, b []byte, depth int) (any, []byte, error) {
	items, n, rest, err := compound(code, b)
	if err != nil {
		return nil, nil, err
	}
	l := make(List, n)
	for i := range l {
		if l[i], items, err = r.value(items, depth+1); err != nil {
			return nil, nil, inside(err)
		}
	}
	return l, rest, atEnd(items)
}

func (r *reader) mapping(code byte, b []byte, depth int) (any, []byte, error) {
	items, n, rest, err := compound(code, b)
	if err != nil {
		return nil, nil, err
	}
	m := &Map{}
	if n > 0 {
		m.Pairs = make([]Pair, n/2)
	}
	for i := range m.Pairs {
		p := &m.Pairs[i]
		if p.Key, items, err = r.value(items, depth+1); err != nil {
			return nil, nil, inside(err)
		}
		if p.Value, items, err = r.value(items, depth+1); err != nil {
			return nil, nil, inside(err)
		}
	}
	return m, rest, atEnd(items)
}

func (r *reader) array(code byte, b []byte, depth int) (any, []byte, error) {
	items, n, rest, err := compound(code, b)
	if err != nil {
		return nil, nil, err
	}
	desc, elem, items, err := arrayConstructor(items, depth, func(b []byte) (any, []byte, error) {
		return r.value(b, depth+1)
	})
	if err != nil {
		return nil, nil, inside(err)
	}
	switch w := fixedWidth(elem); {
	case w == 0:
		if r.empty -= n; r.empty < 0 {
			return nil, nil, fmt.Errorf("%w: array of %d elements without bytes", ErrLimit, n)
		}
	case n > len(items):
		return nil, nil, fmt.Errorf("%w: array of %d elements in %d bytes", ErrMalformed, n, len(items))
	}
	a := arrayReader{r: r, code: elem, n: n, b: items, depth: depth + 1}
	v := a.elements(desc)
	if a.err != nil {
		return nil, nil, inside(a.err)
	}
	return v, rest, atEnd(a.b)
}

// An arrayReader decodes the elements of one array.
type arrayReader struct {
	r     *reader
	code  byte
	n     int
	b     []byte
	depth int
	err   error
}

func (a *arrayReader) elements(desc any) any {
	if desc != nil {
		return &Array{Descriptor: desc, Items: elements[any](a)}
	}
	switch a.code {
	case codeTrue, codeFalse, codeBool:
		return elements[bool](a)
	case codeUshort:
		return elements[uint16](a)
	case codeUint0, codeSmallUint, codeUint:
		return elements[uint32](a)
	case codeUlong0, codeSmallUlong, codeUlong:
		return elements[uint64](a)
	case codeByte:
		return elements[int8](a)
	case codeShort:
		return elements[int16](a)
	case codeSmallInt, codeInt:
		return elements[int32](a)
	case codeSmallLong, codeLong:
		return elements[int64](a)
	case codeFloat:
		return elements[float32](a)
	case codeDouble:
		return elements[float64](a)
	case codeChar:
		return elements[Char](a)
	case codeTimestamp:
		return elements[time.Time](a)
	case codeUUID:
		return elements[UUID](a)
	case codeBinary8, codeBinary32:
		return elements[[]byte](a)
	case codeString8, codeString32:
		return elements[string](a)
	case codeSymbol8, codeSymbol32:
		return elements[Symbol](a)
	}
	return &Array{Items: elements[any](a)}
}

func elements[T any](a *arrayReader) []T {
	s := make([]T, a.n)
	for i := range s {
		var v any
		if v, a.b, a.err = a.r.data(a.code, a.b, a.depth); a.err != nil {
			return nil
		}
		s[i], _ = v.(T) // a null element stays nil
	}
	return s
}
