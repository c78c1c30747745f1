package value

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// Equal reports whether a and b are the same JSON value: numbers compare by
// value whatever their type, objects without regard to the order of members,
// names and strings by their exact spelling.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case Array:
		b, ok := b.(Array)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *Object:
		b, ok := b.(*Object)
		if !ok || a.Len() != b.Len() {
			return false
		}
		if a == b {
			return true
		}
		for _, m := range a.Members() {
			v, ok := b.Get(m.Name)
			if !ok || !Equal(m.Value, v) {
				return false
			}
		}
		return true
	case int64:
		switch b := b.(type) {
		case int64:
			return a == b
		case float64:
			i, ok := Integral(b)
			return ok && i == a
		}
		return false
	case float64:
		if i, ok := b.(int64); ok {
			n, ok := Integral(a)
			return ok && n == i
		}
		f, ok := b.(float64)
		return ok && a == f
	case nil:
		return b == nil
	case string:
		s, ok := b.(string)
		return ok && a == s
	case bool:
		t, ok := b.(bool)
		return ok && a == t
	}
	return false
}

// Integral returns the integer that f is, if it is one of 64 bits.
func Integral(f float64) (int64, bool) {
	// 1<<63 is a float64; the largest int64 is not.
	if f != math.Trunc(f) || f < -(1<<63) || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// AppendKey appends a text that two values share exactly if they are [Equal],
// so that sets of values cost a map and not a comparison of all pairs.
func AppendKey(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case int64:
		return strconv.AppendInt(append(dst, 'n'), v, 10)
	case float64:
		if i, ok := Integral(v); ok {
			return strconv.AppendInt(append(dst, 'n'), i, 10)
		}
		return strconv.AppendFloat(append(dst, 'n'), v, 'e', -1, 64)
	case string:
		dst = strconv.AppendInt(append(dst, 's'), int64(len(v)), 10)
		return append(append(dst, ':'), v...)
	case Array:
		dst = append(dst, '[')
		for _, e := range v {
			dst = append(AppendKey(dst, e), ',')
		}
		return append(dst, ']')
	case *Object:
		members := slices.Clone(v.Members())
		slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
		dst = append(dst, '{')
		for _, m := range members {
			dst = append(AppendKey(dst, m.Name), '=')
			dst = append(AppendKey(dst, m.Value), ',')
		}
		return append(dst, '}')
	}
	return Append(dst, v)
}
