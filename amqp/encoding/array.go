package encoding

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"time"
)

// appendArray adds an array, or fails for a type that has no encoding at all.
func appendArray(dst []byte, v any, depth int) ([]byte, error) {
	mark := len(dst)
	dst, n, err := appendArrayBody(append(dst, codeArray8, 0, 0), v, depth)
	if err != nil {
		return dst, err
	}
	return endCompound(dst, mark, n), nil
}

// appendArrayBody adds the element constructor and the elements.
func appendArrayBody(dst []byte, v any, depth int) (out []byte, n int, err error) {
	switch v := v.(type) {
	case []bool:
		return appendScalars(dst, codeBool, v)
	case []uint16:
		return appendScalars(dst, codeUshort, v)
	case []uint32:
		return appendScalars(dst, codeUint, v)
	case []uint64:
		return appendScalars(dst, codeUlong, v)
	case []int8:
		return appendScalars(dst, codeByte, v)
	case []int16:
		return appendScalars(dst, codeShort, v)
	case []int32:
		return appendScalars(dst, codeInt, v)
	case []int64:
		return appendScalars(dst, codeLong, v)
	case []float32:
		return appendScalars(dst, codeFloat, v)
	case []float64:
		return appendScalars(dst, codeDouble, v)
	case []Char:
		return appendScalars(dst, codeChar, v)
	case []time.Time:
		return appendScalars(dst, codeTimestamp, v)
	case []UUID:
		return appendScalars(dst, codeUUID, v)
	case [][]byte:
		return appendTexts(dst, codeBinary8, v)
	case []string:
		return appendTexts(dst, codeString8, v)
	case []Symbol:
		return appendTexts(dst, codeSymbol8, v)
	case *Array:
		return appendGeneric(dst, v, depth)
	}
	return dst, 0, fmt.Errorf("%w: %T", ErrUnsupported, v)
}

func appendScalars[T any](dst []byte, code byte, s []T) ([]byte, int, error) {
	dst = append(dst, code)
	for i := range s {
		dst = appendScalar(dst, s[i])
	}
	return dst, len(s), nil
}

// appendTexts adds elements with a length: of one byte if all fit.
func appendTexts[T ~string | ~[]byte](dst []byte, code8 byte, s []T) ([]byte, int, error) {
	wide := false
	for i := range s {
		wide = wide || len(s[i]) > math.MaxUint8
	}
	if wide {
		code8 += 0x10
	}
	dst = append(dst, code8)
	for i := range s {
		if wide {
			dst = binary.BigEndian.AppendUint32(dst, uint32(len(s[i])))
		} else {
			dst = append(dst, byte(len(s[i])))
		}
		dst = append(dst, s[i]...)
	}
	return dst, len(s), nil
}

// AppendSymbols adds an array of symbols, as fields declared "multiple" are
// written; null if there are none.
func AppendSymbols(dst []byte, s []Symbol) []byte {
	if len(s) == 0 {
		return append(dst, codeNull)
	}
	mark := len(dst)
	dst, n, _ := appendTexts(append(dst, codeArray8, 0, 0), codeSymbol8, s)
	return endCompound(dst, mark, n)
}

// appendGeneric adds the elements of an [Array], all in the widest form because
// they share one constructor.
func appendGeneric(dst []byte, a *Array, depth int) (out []byte, n int, err error) {
	if a == nil {
		return append(dst, codeNull), 0, nil
	}
	if a.Descriptor != nil {
		if dst, err = appendValue(append(dst, codeDescribed), a.Descriptor, depth+1); err != nil {
			return dst, 0, err
		}
	}
	if len(a.Items) == 0 {
		return append(dst, codeNull), 0, nil
	}
	code, err := elementCode(a.Items[0])
	if err != nil {
		return dst, 0, err
	}
	dst = append(dst, code)
	for _, v := range a.Items {
		if c, err := elementCode(v); err != nil || c != code {
			return dst, 0, fmt.Errorf("%w: array of %T and %T", ErrUnsupported, a.Items[0], v)
		}
		if dst, err = appendElement(dst, v, depth+1); err != nil {
			return dst, 0, err
		}
	}
	return dst, len(a.Items), nil
}

// elementCode returns the constructor of the widest form of v.
func elementCode(v any) (byte, error) {
	if code, ok := scalarCode(v); ok {
		return code, nil
	}
	switch v.(type) {
	case []byte:
		return codeBinary32, nil
	case string:
		return codeString32, nil
	case Symbol:
		return codeSymbol32, nil
	case List, []any:
		return codeList32, nil
	case *Map:
		return codeMap32, nil
	case Described:
		return 0, fmt.Errorf("%w: described elements belong in Array.Descriptor", ErrUnsupported)
	}
	if v == nil || reflect.TypeOf(v).Kind() != reflect.Slice && reflect.TypeOf(v) != reflect.TypeFor[*Array]() {
		return 0, fmt.Errorf("%w: %T", ErrUnsupported, v)
	}
	return codeArray32, nil
}

// appendElement adds the data of v for the constructor of [elementCode].
func appendElement(dst []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return dst, fmt.Errorf("%w: nesting", ErrLimit)
	}
	be := binary.BigEndian
	switch v := v.(type) {
	case []byte:
		return append(be.AppendUint32(dst, uint32(len(v))), v...), nil
	case string:
		return append(be.AppendUint32(dst, uint32(len(v))), v...), nil
	case Symbol:
		return append(be.AppendUint32(dst, uint32(len(v))), v...), nil
	}
	if _, ok := scalarCode(v); ok {
		return appendScalar(dst, v), nil
	}
	mark := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	var n int
	var err error
	switch v := v.(type) {
	case List:
		n = len(v)
		dst, err = appendItems(dst, v, depth)
	case []any:
		n = len(v)
		dst, err = appendItems(dst, v, depth)
	case *Map:
		n = 2 * v.Len()
		dst, err = appendPairs(dst, v, depth)
	default:
		dst, n, err = appendArrayBody(dst, v, depth)
	}
	if err != nil {
		return dst, err
	}
	be.PutUint32(dst[mark:], uint32(len(dst)-mark-4))
	be.PutUint32(dst[mark+4:], uint32(n))
	return dst, nil
}
