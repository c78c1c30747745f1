package trial

import (
	"fmt"
	"strings"

	"switchyard/value"
	"switchyard/value/read"
)

// mismatch says where a value is not what is expected, "" if it is. Of an object only
// the members that are expected are looked at; one that is expected to be null may be
// absent. Arrays agree element by element. Numbers agree by value.
func mismatch(want, got value.Value, at string) string {
	switch w := want.(type) {
	case *value.Object:
		g, ok := got.(*value.Object)
		if !ok {
			return differs(at, want, got)
		}
		for _, m := range w.Members() {
			v, _ := g.Get(m.Name)
			if why := mismatch(m.Value, v, join(at, m.Name)); why != "" {
				return why
			}
		}
		return ""
	case value.Array:
		g, ok := got.(value.Array)
		if !ok || len(g) != len(w) {
			return differs(at, want, got)
		}
		for i := range w {
			if why := mismatch(w[i], g[i], read.Element(at, i)); why != "" {
				return why
			}
		}
		return ""
	}
	if !value.Equal(want, got) {
		return differs(at, want, got)
	}
	return ""
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func differs(at string, want, got value.Value) string {
	if at != "" {
		at += " "
	}
	return fmt.Sprintf("%sis %s, want %s", at, short(got), short(want))
}

// agreement counts what of a value is as expected.
func agreement(want, got value.Value) int {
	switch w := want.(type) {
	case *value.Object:
		g, _ := got.(*value.Object)
		n := 0
		for _, m := range w.Members() {
			v, _ := g.Get(m.Name)
			n += agreement(m.Value, v)
		}
		return n
	case value.Array:
		g, _ := got.(value.Array)
		n := 0
		for i := range min(len(w), len(g)) {
			n += agreement(w[i], g[i])
		}
		return n
	}
	if value.Equal(want, got) {
		return 1
	}
	return 0
}

// maxShown bounds what is shown of a value, in bytes.
const maxShown = 200

// short is a value as JSON, cut off.
func short(v value.Value) string {
	s := string(value.Append(nil, v))
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

// pairs pairs each of n with one of m that fits, as many as can be, and returns the
// partner of each, -1 if it has none. Expectations say different amounts, so the first
// that fits may be the only one that fits another: then it moves on.
func pairs(n, m int, fits func(i, j int) bool) []int {
	partner, of := make([]int, n), make([]int, m)
	for i := range partner {
		partner[i] = -1
	}
	for j := range of {
		of[j] = -1
	}
	var place func(i int, seen []bool) bool
	place = func(i int, seen []bool) bool {
		for j := range m {
			if seen[j] || !fits(i, j) {
				continue
			}
			seen[j] = true
			if of[j] < 0 || place(of[j], seen) {
				partner[i], of[j] = j, i
				return true
			}
		}
		return false
	}
	for i := range n {
		place(i, make([]bool, m))
	}
	return partner
}
