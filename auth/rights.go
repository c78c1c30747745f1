package auth

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Rights is a set of what a rule allows.
type Rights uint8

// The three rights of Service Bus.
const (
	Send Rights = 1 << iota
	Listen
	Manage
)

var rightNames = []struct {
	right Rights
	name  string
}{{Manage, "Manage"}, {Listen, "Listen"}, {Send, "Send"}}

// Allows reports whether r holds any of the rights wanted. Manage holds the
// other two.
func (r Rights) Allows(wanted Rights) bool {
	if r&Manage != 0 {
		r |= Send | Listen
	}
	return r&wanted != 0
}

// Names returns the rights by name, in the order in which Azure lists them.
func (r Rights) Names() []string {
	names := []string{}
	for _, n := range rightNames {
		if r&n.right != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// String returns the names with commas between them.
func (r Rights) String() string { return strings.Join(r.Names(), ",") }

// ParseRights reads names of rights, ignoring case. Naming one twice is allowed.
func ParseRights(names []string) (Rights, error) {
	var r Rights
next:
	for _, name := range names {
		for _, n := range rightNames {
			if strings.EqualFold(name, n.name) {
				r |= n.right
				continue next
			}
		}
		return 0, fmt.Errorf("%w: unknown right %q", ErrInvalidRule, name)
	}
	return r, nil
}

// MarshalJSON writes the rights as an array of names.
func (r Rights) MarshalJSON() ([]byte, error) { return json.Marshal(r.Names()) }

// UnmarshalJSON reads an array of names.
func (r *Rights) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return err
	}
	parsed, err := ParseRights(names)
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
