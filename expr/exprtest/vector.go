package exprtest

import (
	"errors"
	"fmt"
	"math"
	"time"

	"switchyard/expr"
	"switchyard/value"
)

// Now is the present of a vector whose context does not name one.
var Now = time.Date(2018, 4, 15, 13, 0, 0, 0, time.UTC)

// A Vector is one expectation: an expression, what its context is, and the
// value or the error it must give.
type Vector struct {
	Expr      value.Value   // usually a string
	Context   *value.Object // nil: empty
	Want      value.Value
	WantError bool
	Fragment  string // with WantError: text that the message must contain
	Source    string // where the expectation comes from
}

// ParseJSONVectors reads an array of vectors in the JSON format of [EXPR 12].
func ParseJSONVectors(b []byte) ([]Vector, error) {
	v, err := value.Parse(b)
	if err != nil {
		return nil, err
	}
	list, ok := v.(value.Array)
	if !ok {
		return nil, errors.New("vectors: not an array")
	}
	vectors := make([]Vector, 0, len(list))
	for i, e := range list {
		o, ok := e.(*value.Object)
		if !ok {
			return nil, fmt.Errorf("vector %d: not an object", i)
		}
		var x Vector
		wanted := false
		for _, m := range o.Members() {
			switch m.Name {
			case "expr":
				x.Expr = m.Value
			case "context":
				x.Context, ok = m.Value.(*value.Object)
			case "want":
				x.Want, wanted = m.Value, true
			case "wantError":
				x.WantError, ok = m.Value.(bool)
			case "source":
				x.Source, ok = m.Value.(string)
			default:
				ok = false
			}
			if !ok {
				return nil, fmt.Errorf("vector %d: member %q is not understood", i, m.Name)
			}
		}
		if wanted == x.WantError {
			return nil, fmt.Errorf("vector %d: want either a value or an error", i)
		}
		vectors = append(vectors, x)
	}
	return vectors, nil
}

// Check evaluates the vector and returns an error that says what came instead
// of what it wants.
func (v *Vector) Check() error {
	c, err := NewContext(v.Context, Now, 1)
	if err != nil {
		return err
	}
	got, err := c.Evaluate(v.Expr)
	switch {
	case err == nil && v.WantError:
		return fmt.Errorf("%s: got %s, want an error", v, value.Append(nil, got))
	case err == nil && !Same(got, v.Want):
		return fmt.Errorf("%s: got %s, want %s", v, value.Append(nil, got), value.Append(nil, v.Want))
	case err == nil:
		return nil
	}
	var e *expr.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: got an error of type %T, want *expr.Error: %w", v, err, err)
	}
	if e.Code != expr.CodeInvalidTemplate || e.Message == "" {
		return fmt.Errorf("%s: got an incomplete error %+v", v, e)
	}
	if !v.WantError {
		return fmt.Errorf("%s: got error %q, want %s", v, err, value.Append(nil, v.Want))
	}
	if !containsFold(e.Message, v.Fragment) {
		return fmt.Errorf("%s: got error %q, want one that contains %q", v, err, v.Fragment)
	}
	return nil
}

// String returns the expression and its source.
func (v *Vector) String() string {
	s := string(value.Append(nil, v.Expr))
	if v.Source != "" {
		s += " (" + v.Source + ")"
	}
	return s
}

// Same compares as [EXPR 12] says: numbers by value with a relative tolerance
// of 1e-9 if one is a float, objects without regard to order, the rest exactly.
func Same(a, b value.Value) bool {
	switch a := a.(type) {
	case float64:
		return close(a, b)
	case int64:
		if _, ok := b.(float64); ok {
			return close(float64(a), b)
		}
	case value.Array:
		b, ok := b.(value.Array)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Same(a[i], b[i]) {
				return false
			}
		}
		return true
	case *value.Object:
		b, ok := b.(*value.Object)
		if !ok || a.Len() != b.Len() {
			return false
		}
		for _, m := range a.Members() {
			v, ok := b.Get(m.Name)
			if !ok || !Same(m.Value, v) {
				return false
			}
		}
		return true
	}
	return value.Equal(a, b)
}

func close(a float64, v value.Value) bool {
	var b float64
	switch v := v.(type) {
	case int64:
		b = float64(v)
	case float64:
		b = v
	default:
		return false
	}
	return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b))
}
