package expr

import (
	"cmp"
	"slices"
	"strings"

	"switchyard/value"
)

// What package value does with whole values, done here so that it takes steps of
// the budget and ends when that says so.

// equal reports whether a and b are the same value, integers apart from floats:
// [EXPR 6] deep equality.
func (ev *evaluation) equal(a, b value.Value) (bool, error) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		if !ok || len(a) != len(b) {
			return false, ev.spend(1)
		}
		return a == b, ev.spend(1 + len(a)/bytesPerStep)
	case value.Array:
		b, ok := b.(value.Array)
		if !ok || len(a) != len(b) {
			return false, ev.spend(1)
		}
		for i := range a {
			if same, err := ev.equal(a[i], b[i]); !same || err != nil {
				return false, err
			}
		}
		return true, ev.spend(1)
	case *value.Object:
		b, ok := b.(*value.Object)
		if !ok || a.Len() != b.Len() {
			return false, ev.spend(1)
		}
		if a == b {
			return true, ev.spend(1)
		}
		for _, m := range a.Members() {
			v, ok := b.Get(m.Name)
			if err := ev.spend(2 + len(m.Name)/bytesPerStep); err != nil || !ok {
				return false, err
			}
			if same, err := ev.equal(m.Value, v); !same || err != nil {
				return false, err
			}
		}
		return true, ev.spend(1)
	}
	_, float1 := a.(float64)
	_, float2 := b.(float64)
	return float1 == float2 && value.Equal(a, b), ev.spend(1)
}

// keySteps is what a scalar takes to become a key, beside its text.
const keySteps = 8

// appendKey is [value.AppendKey], but integers and floats never share a key.
func (ev *evaluation) appendKey(dst []byte, v value.Value) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return value.AppendKey(dst, v), ev.spend(keySteps + len(v)/bytesPerStep)
	case float64:
		return value.AppendKey(append(dst, 'f'), v), ev.spend(keySteps)
	case value.Array:
		dst = append(dst, '[')
		for _, e := range v {
			var err error
			if dst, err = ev.appendKey(dst, e); err != nil {
				return nil, err
			}
			dst = append(dst, ',')
		}
		return append(dst, ']'), ev.spend(keySteps)
	case *value.Object:
		members, err := ev.sorted(v)
		if err != nil {
			return nil, err
		}
		dst = append(dst, '{')
		for _, m := range members {
			if dst, err = ev.appendKey(dst, m.Name); err != nil {
				return nil, err
			}
			dst = append(dst, '=')
			if dst, err = ev.appendKey(dst, m.Value); err != nil {
				return nil, err
			}
			dst = append(dst, ',')
		}
		return append(dst, '}'), ev.spend(keySteps)
	}
	return value.AppendKey(dst, v), ev.spend(keySteps)
}

// sorted returns the members of o by name.
func (ev *evaluation) sorted(o *value.Object) ([]value.Member, error) {
	if err := ev.spend(o.Len()); err != nil {
		return nil, err
	}
	members := slices.Clone(o.Members())
	var err error
	slices.SortFunc(members, func(a, b value.Member) int {
		if err == nil {
			err = ev.spend(2)
		}
		if err != nil {
			return 0 // what is all equal is soon sorted
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return members, err
}

// lookup is [value.Object.Lookup].
func (ev *evaluation) lookup(o *value.Object, name string) (value.Value, bool, error) {
	if v, ok := o.Get(name); ok {
		return v, true, nil
	}
	for _, m := range o.Members() {
		if err := ev.spend(2 + min(len(m.Name), len(name))/bytesPerStep); err != nil {
			return nil, false, err
		}
		if strings.EqualFold(m.Name, name) {
			return m.Value, true, nil
		}
	}
	return nil, false, nil
}
