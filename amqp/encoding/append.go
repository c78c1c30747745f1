package encoding

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Append adds the encoding of v to dst, in the narrowest form. A []any is
// written like a [List]. It fails for Go types that are not in the table of the
// package comment, for arrays of mixed types, and for nesting beyond
// [MaxDepth]; dst is then returned as it was.
func Append(dst []byte, v any) ([]byte, error) {
	out, err := appendValue(dst, v, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return dst, fmt.Errorf("%w: nesting", ErrLimit)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, codeNull), nil
	case bool:
		return AppendBool(dst, v), nil
	case uint32:
		return AppendUint(dst, v), nil
	case uint64:
		return AppendUlong(dst, v), nil
	case int32:
		return AppendInt(dst, v), nil
	case int64:
		return AppendLong(dst, v), nil
	case []byte:
		return AppendBinary(dst, v), nil
	case string:
		return AppendString(dst, v), nil
	case Symbol:
		return AppendSymbol(dst, v), nil
	case []any:
		return appendList(dst, v, depth)
	case List:
		return appendList(dst, v, depth)
	case *Map:
		return appendMap(dst, v, depth)
	case Described:
		dst, err := appendValue(append(dst, codeDescribed), v.Descriptor, depth+1)
		if err != nil {
			return dst, err
		}
		return appendValue(dst, v.Value, depth+1)
	}
	if code, ok := scalarCode(v); ok {
		return appendScalar(append(dst, code), v), nil
	}
	return appendArray(dst, v, depth)
}

// AppendBool adds a boolean.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, codeTrue)
	}
	return append(dst, codeFalse)
}

// AppendNull adds a null.
func AppendNull(dst []byte) []byte { return append(dst, codeNull) }

// AppendUbyte adds a ubyte.
func AppendUbyte(dst []byte, v uint8) []byte { return append(dst, codeUbyte, v) }

// AppendUshort adds a ushort.
func AppendUshort(dst []byte, v uint16) []byte {
	return append(dst, codeUshort, byte(v>>8), byte(v))
}

// AppendUint adds a uint.
func AppendUint(dst []byte, v uint32) []byte {
	switch {
	case v == 0:
		return append(dst, codeUint0)
	case v <= math.MaxUint8:
		return append(dst, codeSmallUint, byte(v))
	}
	return binary.BigEndian.AppendUint32(append(dst, codeUint), v)
}

// AppendUlong adds a ulong.
func AppendUlong(dst []byte, v uint64) []byte {
	switch {
	case v == 0:
		return append(dst, codeUlong0)
	case v <= math.MaxUint8:
		return append(dst, codeSmallUlong, byte(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeUlong), v)
}

// AppendInt adds an int in its shortest form.
func AppendInt(dst []byte, v int32) []byte {
	if v >= math.MinInt8 && v <= math.MaxInt8 {
		return append(dst, codeSmallInt, byte(v))
	}
	return binary.BigEndian.AppendUint32(append(dst, codeInt), uint32(v))
}

// AppendLong adds a long in its shortest form.
func AppendLong(dst []byte, v int64) []byte {
	if v >= math.MinInt8 && v <= math.MaxInt8 {
		return append(dst, codeSmallLong, byte(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, codeLong), uint64(v))
}

// AppendTimestamp adds a timestamp.
func AppendTimestamp(dst []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(append(dst, codeTimestamp), uint64(t.UnixMilli()))
}

// AppendBinary adds a binary.
func AppendBinary(dst, v []byte) []byte {
	return append(appendLength(dst, codeBinary8, len(v)), v...)
}

// AppendString adds a string.
func AppendString(dst []byte, v string) []byte {
	return append(appendLength(dst, codeString8, len(v)), v...)
}

// AppendSymbol adds a symbol.
func AppendSymbol(dst []byte, v Symbol) []byte {
	return append(appendLength(dst, codeSymbol8, len(v)), v...)
}

// appendLength adds the constructor of a variable-width type and its length;
// the constructor with a length of four bytes is 0x10 above code8.
func appendLength(dst []byte, code8 byte, n int) []byte {
	if n <= math.MaxUint8 {
		return append(dst, code8, byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, code8+0x10), uint32(n))
}

// BeginList starts a list whose size is not known yet; mark goes to [EndList].
func BeginList(dst []byte) (out []byte, mark int) {
	return append(dst, codeList8, 0, 0), len(dst)
}

// EndList ends the list that [BeginList] started and that n items were added to.
func EndList(dst []byte, mark, n int) []byte { return endCompound(dst, mark, n) }

// endCompound fills in size and count behind the one-byte constructor at mark.
// If they don't fit in a byte each, the items move up by six bytes.
func endCompound(dst []byte, mark, n int) []byte {
	size := len(dst) - mark - 3
	if size+1 <= math.MaxUint8 && n <= math.MaxUint8 {
		dst[mark+1], dst[mark+2] = byte(size+1), byte(n)
		return dst
	}
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	copy(dst[mark+9:], dst[mark+3:])
	dst[mark] += 0x10
	binary.BigEndian.PutUint32(dst[mark+1:], uint32(size+4))
	binary.BigEndian.PutUint32(dst[mark+5:], uint32(n))
	return dst
}

func appendList(dst []byte, l []any, depth int) ([]byte, error) {
	if len(l) == 0 {
		return append(dst, codeList0), nil
	}
	dst, mark := BeginList(dst)
	dst, err := appendItems(dst, l, depth)
	if err != nil {
		return dst, err
	}
	return endCompound(dst, mark, len(l)), nil
}

func appendItems(dst []byte, l []any, depth int) (out []byte, err error) {
	for _, v := range l {
		if dst, err = appendValue(dst, v, depth+1); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// AppendMap adds a map; nil is written as an empty one.
func AppendMap(dst []byte, m *Map) ([]byte, error) {
	out, err := appendMap(dst, m, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendMap(dst []byte, m *Map, depth int) ([]byte, error) {
	mark := len(dst)
	dst, err := appendPairs(append(dst, codeMap8, 0, 0), m, depth)
	if err != nil {
		return dst, err
	}
	return endCompound(dst, mark, 2*m.Len()), nil
}

func appendPairs(dst []byte, m *Map, depth int) (out []byte, err error) {
	if m == nil {
		return dst, nil
	}
	for i := range m.Pairs {
		if dst, err = appendValue(dst, m.Pairs[i].Key, depth+1); err != nil {
			return dst, err
		}
		if dst, err = appendValue(dst, m.Pairs[i].Value, depth+1); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// scalarCode returns the constructor of the full width for a value of fixed
// width.
func scalarCode(v any) (code byte, ok bool) {
	switch v.(type) {
	case nil:
		return codeNull, true
	case bool:
		return codeBool, true
	case uint8:
		return codeUbyte, true
	case uint16:
		return codeUshort, true
	case uint32:
		return codeUint, true
	case uint64:
		return codeUlong, true
	case int8:
		return codeByte, true
	case int16:
		return codeShort, true
	case int32:
		return codeInt, true
	case int64:
		return codeLong, true
	case float32:
		return codeFloat, true
	case float64:
		return codeDouble, true
	case Char:
		return codeChar, true
	case time.Time:
		return codeTimestamp, true
	case UUID:
		return codeUUID, true
	case Decimal32:
		return codeDecimal32, true
	case Decimal64:
		return codeDecimal64, true
	case Decimal128:
		return codeDecimal128, true
	}
	return 0, false
}

// appendScalar adds the data for the constructor of [scalarCode].
func appendScalar(dst []byte, v any) []byte {
	be := binary.BigEndian
	switch v := v.(type) {
	case bool:
		if v {
			return append(dst, 1)
		}
		return append(dst, 0)
	case uint8:
		return append(dst, v)
	case uint16:
		return be.AppendUint16(dst, v)
	case uint32:
		return be.AppendUint32(dst, v)
	case uint64:
		return be.AppendUint64(dst, v)
	case int8:
		return append(dst, byte(v))
	case int16:
		return be.AppendUint16(dst, uint16(v))
	case int32:
		return be.AppendUint32(dst, uint32(v))
	case int64:
		return be.AppendUint64(dst, uint64(v))
	case float32:
		return be.AppendUint32(dst, math.Float32bits(v))
	case float64:
		return be.AppendUint64(dst, math.Float64bits(v))
	case Char:
		return be.AppendUint32(dst, uint32(v))
	case time.Time:
		return be.AppendUint64(dst, uint64(v.UnixMilli()))
	case UUID:
		return append(dst, v[:]...)
	case Decimal32:
		return append(dst, v[:]...)
	case Decimal64:
		return append(dst, v[:]...)
	case Decimal128:
		return append(dst, v[:]...)
	}
	return dst
}
