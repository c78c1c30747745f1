package factory

import (
	"fmt"
	"strings"

	"switchyard/value"
)

// A reference is where a definition names another.
type reference struct {
	kind Kind
	name string
	path string
}

// references finds what a definition refers to: every object with a
// referenceName and a type of a kind that is kept. A linkedServiceName may leave
// out the type. Activities that are inactive don't count.
func references(v value.Value, at, member string, out []reference) []reference {
	switch v := v.(type) {
	case value.Array:
		for i, x := range v {
			out = references(x, fmt.Sprintf("%s[%d]", at, i), member, out)
		}
	case *value.Object:
		if s, ok := v.Lookup("state"); ok {
			if text, _ := s.(string); strings.EqualFold(text, "Inactive") &&
				strings.HasSuffix(strings.ToLower(member), "activities") {
				return out
			}
		}
		name, _ := v.Lookup("referenceName")
		if text, ok := name.(string); ok {
			if k, ok := referredKind(v, member); ok {
				out = append(out, reference{k, text, at})
			}
		}
		for _, m := range v.Members() {
			out = references(m.Value, at+"."+m.Name, m.Name, out)
		}
	}
	return out
}

func referredKind(ref *value.Object, member string) (Kind, bool) {
	v, _ := ref.Lookup("type")
	t, _ := v.(string)
	if t == "" && strings.EqualFold(member, "linkedServiceName") {
		return LinkedServices, true
	}
	for i := range kindTable {
		if strings.EqualFold(kindTable[i].reference, t) {
			return Kind(i), true
		}
	}
	return 0, false
}

// exists reports whether a reference leads somewhere.
func (s *state) exists(r reference) bool {
	return s.find(r.kind, r.name) != nil ||
		r.kind == IntegrationRuntimes && strings.EqualFold(r.name, AutoResolve)
}

// missing checks the references of a definition that is in the state.
func (s *state) missing(d *definition) error {
	for _, r := range d.refs {
		if !s.exists(r) {
			return errorf(ErrMissingReference,
				"The document creation or update failed because of invalid reference '%s': %s names a %s that does not exist.",
				r.name, r.path, r.kind.Noun())
		}
	}
	return nil
}

// referrers returns what refers to a definition, itself excepted.
func (s *state) referrers(d *definition) (names []string) {
	for _, k := range Kinds() {
		for _, other := range s.sorted(k) {
			for _, r := range other.refs {
				if other != d && r.kind == d.kind && strings.EqualFold(r.name, d.record.Name) {
					names = append(names, other.record.Name)
					break
				}
			}
		}
	}
	return names
}
