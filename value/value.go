// Package value is JSON as the rest of the program sees it: values whose objects
// keep the order of their members and whose integers stay apart from floats, read
// from text by [Parse] and written by [Append]. It knows no expressions: package
// expr evaluates them over these values. It has no state and does no I/O.
package value

import "strings"

// A Value is a JSON value as the expression language sees it: nil, bool, int64,
// float64, string, Array or *Object. Integer and float are distinct types, as
// in [EXPR 2.2]: a JSON number without fraction and exponent is an integer.
// Values are immutable once they have been handed to another package: the caller that
// changes one clones it first.
type Value = any

// An Array is a JSON array.
type Array = []Value

// A Member is one name and value of an [Object].
type Member struct {
	Name  string
	Value Value
}

// An Object is a JSON object whose members keep the order in which they were
// added. The zero value is an empty object, ready to use; a nil *Object reads
// as an empty one.
type Object struct {
	members []Member
	index   map[string]int // built when there are more than indexFrom members
}

const indexFrom = 12

// NewObject returns an object with the given members. A name that occurs again
// replaces the earlier value in its place.
func NewObject(members ...Member) *Object {
	o := &Object{members: make([]Member, 0, len(members))}
	for _, m := range members {
		o.Set(m.Name, m.Value)
	}
	return o
}

// Len returns the number of members.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.members)
}

// At returns the i-th member in order.
func (o *Object) At(i int) Member { return o.members[i] }

// Members returns the members in order. The caller must not change them.
func (o *Object) Members() []Member {
	if o == nil {
		return nil
	}
	return o.members
}

func (o *Object) find(name string) int {
	if o == nil {
		return -1
	}
	if o.index != nil {
		if i, ok := o.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range o.members {
		if o.members[i].Name == name {
			return i
		}
	}
	return -1
}

// Get returns the value of the member spelled exactly name.
func (o *Object) Get(name string) (Value, bool) {
	if i := o.find(name); i >= 0 {
		return o.members[i].Value, true
	}
	return nil, false
}

// Lookup returns the member spelled exactly name or, if there is none, the
// first one that equals it ignoring case: the rule of property access in
// [EXPR 2.1], which Data Factory also applies when it reads definitions.
func (o *Object) Lookup(name string) (Value, bool) {
	if i := o.find(name); i >= 0 {
		return o.members[i].Value, true
	}
	if o == nil {
		return nil, false
	}
	for i := range o.members {
		if strings.EqualFold(o.members[i].Name, name) {
			return o.members[i].Value, true
		}
	}
	return nil, false
}

// Set adds a member at the end, or replaces the value of the one that is there.
func (o *Object) Set(name string, v Value) {
	if i := o.find(name); i >= 0 {
		o.members[i].Value = v
		return
	}
	o.members = append(o.members, Member{name, v})
	if o.index != nil {
		o.index[name] = len(o.members) - 1
	} else if len(o.members) > indexFrom {
		o.index = make(map[string]int, 2*len(o.members))
		for i := range o.members {
			o.index[o.members[i].Name] = i
		}
	}
}

// Clone returns a copy that can be changed without changing o. The values are
// shared.
func (o *Object) Clone() *Object {
	c := &Object{}
	if o != nil {
		c.members = make([]Member, 0, len(o.members)+4)
		for _, m := range o.members {
			c.Set(m.Name, m.Value)
		}
	}
	return c
}
