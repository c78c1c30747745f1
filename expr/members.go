package expr

import (
	"hash/maphash"
	"strings"
	"unicode"
	"unicode/utf8"

	"switchyard/value"
)

// indexFrom is the number of elements from which an index is made.
const indexFrom = 16

// A members is an index of the elements of an array, or of the names of an
// object's members, for many calls of contains on the same one.
type members struct {
	built bool
	seed  maphash.Seed
	// first is, for each hash of an element's key, one more than the place of the
	// first such element; next, for each element, the same of the next one.
	first map[uint64]int32
	next  []int32
	names map[string]bool // folded
	buf   []byte
}

// memberCost is what an entry of the index is charged in bytes.
const memberCost = 48

// members returns the index of the first argument if that is the same for all
// items and large enough; nil otherwise.
func (c *call) members(n int) *members {
	loop := c.ev.loop
	if loop == nil || n < indexFrom {
		return nil
	}
	f := loop.fixed[c.node.args[0]]
	if f == nil || c.node.args[0].varies {
		return nil
	}
	if f.members == nil {
		f.members = &members{seed: maphash.MakeSeed()}
	}
	return f.members
}

// keep charges n entries that stay for all items.
func (m *members) keep(ev *evaluation, n int) error {
	m.built = true
	ev.loop.kept += int64(n) * memberCost
	return ev.charge(n * memberCost)
}

// hasElement reports whether an element of a, which is the array of the index,
// equals v.
func (m *members) hasElement(ev *evaluation, a value.Array, v value.Value) (bool, error) {
	if !m.built {
		if err := m.keep(ev, len(a)); err != nil {
			return false, err
		}
		m.first, m.next = make(map[uint64]int32, len(a)), make([]int32, len(a))
		for i := len(a) - 1; i >= 0; i-- {
			h, err := m.hash(ev, a[i])
			if err != nil {
				m.built = false
				return false, err
			}
			m.next[i], m.first[h] = m.first[h], int32(i+1)
		}
	}
	h, err := m.hash(ev, v)
	if err != nil {
		return false, err
	}
	for i := m.first[h]; i > 0; i = m.next[i-1] {
		if same, err := ev.equal(a[i-1], v); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func (m *members) hash(ev *evaluation, v value.Value) (uint64, error) {
	var err error
	if m.buf, err = ev.appendKey(m.buf[:0], v); err != nil {
		return 0, err
	}
	return maphash.Bytes(m.seed, m.buf), nil
}

// hasName reports whether o, which is the object of the index, has a member of
// the name, as [value.Object.Lookup] finds it.
func (m *members) hasName(ev *evaluation, o *value.Object, name string) (bool, error) {
	if _, ok := o.Get(name); ok {
		return true, nil
	}
	if !m.built {
		if err := m.keep(ev, o.Len()); err != nil {
			return false, err
		}
		m.names = make(map[string]bool, o.Len())
		for _, x := range o.Members() {
			if err := ev.charge(len(x.Name) + elementCost); err != nil {
				return false, err
			}
			ev.loop.kept += int64(len(x.Name) + elementCost)
			m.names[foldKey(x.Name)] = true
		}
	}
	if err := ev.spend(len(name)); err != nil {
		return false, err
	}
	return m.names[foldKey(name)], nil
}

// foldKey returns a text that two texts share exactly if strings.EqualFold says
// that they are equal.
func foldKey(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			if r != 'k' && r != 's' { // which have equals beyond ASCII
				return r
			}
		}
		// The least of the runes that are equal, but for those of ASCII its lower
		// case.
		least := r
		for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
			least = min(least, x)
		}
		if 'A' <= least && least <= 'Z' {
			return least + 'a' - 'A'
		}
		return least
	}, s)
}
