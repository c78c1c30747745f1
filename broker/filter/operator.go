package filter

import (
	"cmp"
	"math"
	"strings"
	"time"
)

type comparison uint8

const (
	equal comparison = iota
	notEqual
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// of compares two values as C# would with its promotions. Values without a
// common type are unknown, and so are those without an order.
func (op comparison) of(a, b Value) truth {
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return op.ordered(cmp.Compare(x, y))
		case float64:
			return op.floats(float64(x), y)
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return op.floats(x, float64(y))
		case float64:
			return op.floats(x, y)
		}
	case string:
		switch y := b.(type) {
		case string:
			return op.ordered(strings.Compare(x, y))
		case UUID:
			return op.of(y, x)
		}
	case bool:
		if y, ok := b.(bool); ok {
			return op.same(x == y)
		}
	case UUID:
		switch y := b.(type) {
		case UUID:
			return op.same(x == y)
		case string:
			if u, ok := ParseUUID(y); ok {
				return op.same(x == u)
			}
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return op.ordered(x.Compare(y))
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			return op.ordered(cmp.Compare(x, y))
		}
	}
	return unknown
}

func (op comparison) ordered(order int) truth {
	switch op {
	case equal:
		return truthOf(order == 0)
	case notEqual:
		return truthOf(order != 0)
	case less:
		return truthOf(order < 0)
	case lessOrEqual:
		return truthOf(order <= 0)
	case greater:
		return truthOf(order > 0)
	default:
		return truthOf(order >= 0)
	}
}

// floats compares with the rules of IEEE 754 for what is not a number.
func (op comparison) floats(x, y float64) truth {
	if x != x || y != y {
		return truthOf(op == notEqual)
	}
	return op.ordered(cmp.Compare(x, y))
}

func (op comparison) same(same bool) truth {
	switch op {
	case equal:
		return truthOf(same)
	case notEqual:
		return truthOf(!same)
	}
	return unknown
}

// maxText bounds a text that is computed: all headers and properties of a
// message together may have that many bytes [SB-SEM 1.5].
const maxText = 64 << 10

// compute applies + - * / %. What has no meaning is NULL.
func compute(op byte, a, b Value) (Value, error) {
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return integers(op, x, y)
		case float64:
			return floats(op, float64(x), y)
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return floats(op, x, float64(y))
		case float64:
			return floats(op, x, y)
		}
	case string:
		if y, ok := b.(string); ok && op == '+' {
			if len(x)+len(y) > maxText {
				return nil, evaluation("a text of more than %d bytes", maxText)
			}
			return x + y, nil
		}
	case time.Time:
		switch y := b.(type) {
		case time.Time:
			if op == '-' {
				return x.Sub(y), nil
			}
		case time.Duration:
			switch op {
			case '+':
				return x.Add(y), nil
			case '-':
				return x.Add(-y), nil
			}
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			switch op {
			case '+':
				return x + y, nil
			case '-':
				return x - y, nil
			}
		}
	}
	return nil, nil
}

// integers computes with 64 bits. A result that does not fit wraps around, as in
// C#.
func integers(op byte, x, y int64) (Value, error) {
	switch op {
	case '+':
		return x + y, nil
	case '-':
		return x - y, nil
	case '*':
		return x * y, nil
	}
	switch {
	case y == 0:
		return nil, evaluation("division by zero")
	case x == math.MinInt64 && y == -1:
		return nil, evaluation("arithmetic overflow")
	case op == '/':
		return x / y, nil
	}
	return x % y, nil
}

func floats(op byte, x, y float64) (Value, error) {
	switch op {
	case '+':
		return x + y, nil
	case '-':
		return x - y, nil
	case '*':
		return x * y, nil
	}
	switch {
	case y == 0:
		return nil, evaluation("division by zero")
	case op == '/':
		return x / y, nil
	}
	return math.Mod(x, y), nil
}
