package run

import (
	"slices"
	"time"

	"switchyard/value"
)

// Parts are the values in an event: what may be large, or hold a secret.
type Parts struct {
	// Values stand in an order that is written to disk: the input first, the others
	// as the event lists its fields. New ones are added at the end, so a kind of event
	// that has no input never gets one. Values in optional parts of an event are not
	// among them.
	Values []Part
	// Input is the resolved input of an activity, nil if the event has none.
	Input *value.Object
	// Sealed says that any part of the event may be a secret.
	Sealed bool
}

// PartsOf returns the parts of an event.
func PartsOf(e Event) Parts {
	var p Parts
	p.Visit(e)
	return p
}

// Visit makes p the parts of another event, in the memory of the one before.
func (p *Parts) Visit(e Event) {
	clear(p.Values) // nothing of that one is held
	*p = Parts{Values: p.Values[:0]}
	e.fields((*visitor)(p))
}

// Copy returns a copy of an event whose parts can be set without changing e.
func Copy(e Event) Event { return kinds[numberOf(e)].copy(e) }

// A Part is one value in an event. One of its members is set.
type Part struct {
	value  *value.Value
	object **value.Object
	array  *value.Array
}

// Get returns the value: nil for an object or array that is absent.
func (p Part) Get() value.Value {
	switch {
	case p.value != nil:
		return *p.value
	case p.object != nil && *p.object != nil:
		return *p.object
	case p.array != nil && *p.array != nil:
		return *p.array
	}
	return nil
}

// IsArray reports whether the part holds nothing but arrays. A fold counts their
// elements, so no [Kept] fits.
func (p Part) IsArray() bool { return p.array != nil }

// Set replaces the value and reports whether v has the part's type; nil fits all.
// Where an object belongs a [Kept] stands for one.
func (p Part) Set(v value.Value) (ok bool) {
	if k, kept := v.(Kept); kept && p.object != nil {
		v = value.NewObject(value.Member{Value: keptWhole{k}})
	}
	switch {
	case p.value != nil:
		*p.value = v
		return true
	case p.object != nil:
		*p.object, ok = v.(*value.Object)
	default:
		*p.array, ok = v.(value.Array)
	}
	return ok || v == nil
}

// visitor is the codec that collects the parts of an event.
type visitor Parts

func (v *visitor) value(p *value.Value)    { v.Values = append(v.Values, Part{value: p}) }
func (v *visitor) object(p **value.Object) { v.Values = append(v.Values, Part{object: p}) }
func (v *visitor) array(p *value.Array)    { v.Values = append(v.Values, Part{array: p}) }
func (v *visitor) sealed()                 { v.Sealed = true }
func (v *visitor) since(uint8) bool        { return true }
func (v *visitor) optional(bool, func())   {}
func (v *visitor) text(*string)            {}
func (v *visitor) bytes(*[]byte)           {}
func (v *visitor) int(*int)                {}
func (v *visitor) duration(*time.Duration) {}
func (v *visitor) bool(*bool)              {}
func (v *visitor) small(*uint8)            {}
func (v *visitor) time(*time.Time)         {}
func (v *visitor) hash(*Hash)              {}
func (v *visitor) texts(*[]string)         {}

func (v *visitor) input(p **value.Object) {
	v.Input = *p
	v.Values = slices.Insert(v.Values, 0, Part{object: p})
}
