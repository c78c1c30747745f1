package encoding

import "fmt"

// Symbol is an AMQP symbol: an ASCII name from a constrained domain.
type Symbol string

// Char is one Unicode code point.
type Char rune

// UUID is a universally unique identifier in RFC 4122 byte order.
type UUID [16]byte

// String returns the usual text form, in lower case.
func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// Decimal32 holds the bytes of an IEEE 754 decimal32, uninterpreted.
type Decimal32 [4]byte

// Decimal64 holds the bytes of an IEEE 754 decimal64, uninterpreted.
type Decimal64 [8]byte

// Decimal128 holds the bytes of an IEEE 754 decimal128, uninterpreted.
type Decimal128 [16]byte

// List is an AMQP list: values of any types.
type List []any

// Described is a value with a descriptor, which is a uint64 or a [Symbol] in
// every registered type.
type Described struct {
	Descriptor any
	Value      any
}

// Array is an AMQP array whose elements have no Go slice of their own. All
// Items have the same type. If Descriptor is not nil every element carries it
// and Items holds the underlying values.
type Array struct {
	Descriptor any
	Items      []any
}

// A Pair is one entry of a [Map].
type Pair struct {
	Key, Value any
}

// Map is an AMQP map. Its entries keep the order in which they were read or
// added. A nil *Map reads like an empty one.
type Map struct {
	Pairs []Pair
}

// Len returns the number of entries.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.Pairs)
}

// Get returns the value under a key that is the string or the symbol name.
func (m *Map) Get(name string) (value any, ok bool) {
	if i := m.index(name); i >= 0 {
		return m.Pairs[i].Value, true
	}
	return nil, false
}

// Has reports whether there is an entry under the string or symbol name.
func (m *Map) Has(name string) bool { return m.index(name) >= 0 }

func (m *Map) index(name string) int {
	if m == nil {
		return -1
	}
	for i := range m.Pairs {
		switch k := m.Pairs[i].Key.(type) {
		case Symbol:
			if string(k) == name {
				return i
			}
		case string:
			if k == name {
				return i
			}
		}
	}
	return -1
}

// Set replaces the value under the string or symbol key with that name, or adds
// an entry. The key must be a string or a [Symbol]; an entry that is replaced
// keeps its place and the type of its key.
func (m *Map) Set(key, value any) {
	if i := m.index(keyName(key)); i >= 0 {
		m.Pairs[i].Value = value
		return
	}
	m.Pairs = append(m.Pairs, Pair{key, value})
}

// Delete removes the entry under the string or symbol name, if there is one.
func (m *Map) Delete(name string) {
	if i := m.index(name); i >= 0 {
		m.Pairs = append(m.Pairs[:i], m.Pairs[i+1:]...)
	}
}

func keyName(key any) string {
	switch k := key.(type) {
	case Symbol:
		return string(k)
	case string:
		return k
	}
	return ""
}
