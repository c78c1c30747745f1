package expr

import (
	"cmp"
	"math"
	"math/bits"

	"switchyard/value"
)

// The functions of [EXPR 9]: 64-bit integer arithmetic that refuses to
// overflow, and floats as soon as one operand is a float.

// operands returns both arguments, as integers if both are, else as floats.
func (c *call) operands() (a, b int64, x, y float64, integers bool, err error) {
	for i := range c.args {
		if _, err = c.number(i); err != nil {
			return
		}
	}
	a, ok1 := c.args[0].(int64)
	b, ok2 := c.args[1].(int64)
	return a, b, toFloat(c.args[0]), toFloat(c.args[1]), ok1 && ok2, nil
}

func toFloat(v value.Value) float64 {
	if i, ok := v.(int64); ok {
		return float64(i)
	}
	f, _ := v.(float64)
	return f
}

// compareNumbers orders two numbers, as floats unless both are integers.
func compareNumbers(a, b value.Value) int {
	x, ok1 := a.(int64)
	y, ok2 := b.(int64)
	if ok1 && ok2 {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(toFloat(a), toFloat(b))
}

func (c *call) overflow() error {
	return errorf("The result of the function '%s' does not fit a 64-bit integer.", c.name)
}

func fnAdd(c *call) (value.Value, error) {
	a, b, x, y, integers, err := c.operands()
	if err != nil {
		return nil, err
	}
	if !integers {
		return finite(c.name, x+y)
	}
	sum := a + b
	if (sum > a) != (b > 0) {
		return nil, c.overflow()
	}
	return sum, nil
}

func fnSub(c *call) (value.Value, error) {
	a, b, x, y, integers, err := c.operands()
	if err != nil {
		return nil, err
	}
	if !integers {
		return finite(c.name, x-y)
	}
	difference := a - b
	if (difference < a) != (b > 0) {
		return nil, c.overflow()
	}
	return difference, nil
}

func fnMul(c *call) (value.Value, error) {
	a, b, x, y, integers, err := c.operands()
	if err != nil {
		return nil, err
	}
	if !integers {
		return finite(c.name, x*y)
	}
	abs := func(i int64) uint64 {
		if i < 0 {
			return -uint64(i)
		}
		return uint64(i)
	}
	high, low := bits.Mul64(abs(a), abs(b))
	negative := (a < 0) != (b < 0)
	if high != 0 || low > 1<<63 || low == 1<<63 && !negative {
		return nil, c.overflow()
	}
	if negative {
		return int64(-low), nil
	}
	return int64(low), nil
}

func (c *call) divideByZero() error {
	return errorf("Attempt to divide an integral or decimal value by zero in function '%s'.", c.name)
}

func fnDiv(c *call) (value.Value, error) {
	a, b, x, y, integers, err := c.operands()
	switch {
	case err != nil:
		return nil, err
	case y == 0:
		return nil, c.divideByZero()
	case !integers:
		return finite(c.name, x/y)
	case a == math.MinInt64 && b == -1:
		return nil, c.overflow()
	}
	return a / b, nil
}

func fnMod(c *call) (value.Value, error) {
	a, b, x, y, integers, err := c.operands()
	switch {
	case err != nil:
		return nil, err
	case y == 0:
		return nil, c.divideByZero()
	case !integers:
		return finite(c.name, math.Mod(x, y))
	}
	return a % b, nil
}

func fnMax(c *call) (value.Value, error) { return c.extreme(1) }

func fnMin(c *call) (value.Value, error) { return c.extreme(-1) }

// extreme returns the first of the greatest (sign 1) or least (sign -1) numbers
// among the arguments, or in the one array that is the argument.
func (c *call) extreme(sign int) (value.Value, error) {
	numbers := c.args
	if a, ok := numbers[0].(value.Array); ok && len(numbers) == 1 {
		if len(a) == 0 {
			return nil, errorf("The function '%s' expects an array that is not empty.", c.name)
		}
		numbers = a
	}
	var best value.Value
	for i, v := range numbers {
		if err := c.ev.spend(1); err != nil {
			return nil, err
		}
		switch v.(type) {
		case int64, float64:
		default:
			return nil, errorf(
				"The function '%s' expects all of its parameters to be integers, floats or decimal numbers. Found "+
					"invalid parameter types: '%s'.",
				c.name, value.TypeName(v))
		}
		if i == 0 || compareNumbers(v, best)*sign > 0 {
			best = v
		}
	}
	return best, nil
}

// Limits of range [EXPR 9].
const (
	maxRangeCount = 100_000
	maxRangeEnd   = 2_147_483_647
)

func fnRange(c *call) (value.Value, error) {
	start, err := c.integer(0)
	if err != nil {
		return nil, err
	}
	count, err := c.integer(1)
	if err != nil {
		return nil, err
	}
	if count < 0 || count > maxRangeCount {
		return nil, errorf(
			"The function 'range' expects its second parameter to be a non-negative integer of at most %d. The "+
				"provided value is '%d'.",
			maxRangeCount, count)
	}
	if start > maxRangeEnd-count+1 {
		return nil, errorf(
			"The function 'range' expects its numbers to be at most %d. The provided values are '%d' and '%d'.",
			maxRangeEnd, start, count)
	}
	if err := c.ev.charge(int(count) * elementCost); err != nil {
		return nil, err
	}
	if err := c.ev.spend(2 * int(count)); err != nil {
		return nil, err
	}
	a := make(value.Array, count)
	for i := range a {
		a[i] = start + int64(i)
	}
	return a, nil
}
