package resourcesrp

import (
	"fmt"
	"strings"

	"switchyard/arm"
)

// Allows implements [arm.Authorizer]: a role that is assigned at the scope or above
// it has the action. What one role lacks another may have.
func (a *Roles) Allows(c arm.Caller, action string, scope arm.ResourceID) bool {
	return a.has(c.ObjectID, func(e entry) bool { return e.scope.Covers(scope) && e.role().allows(action) })
}

// Knows implements [arm.Authorizer].
func (a *Roles) Knows(c arm.Caller, scope arm.ResourceID) bool {
	return a.has(c.ObjectID, func(e entry) bool { return e.scope.Covers(scope) || scope.Covers(e.scope) })
}

func (r RoleAssignment) role() RoleDefinition {
	d, _ := LookUpRole(r.RoleID)
	return d
}

func (d RoleDefinition) allows(action string) bool {
	return matchesAny(d.Actions, action) && !matchesAny(d.NotActions, action)
}

func matchesAny(patterns []string, action string) bool {
	for _, p := range patterns {
		if matches(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// matches reports whether a text is of a pattern, in which * stands for any text,
// slashes included.
func matches(pattern, s string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	last := len(parts) - 1
	for _, part := range parts[:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, parts[last])
}

// A Grant is a role that who starts the process gives to a principal. It is in no
// record: it ends with the process.
type Grant struct {
	PrincipalID string
	Role        string // name or GUID of a built-in role
	Scope       string // resource ID; "" or "/": everything
}

// grants reads the roles that are given from outside.
func grants(list []Grant) ([]entry, error) {
	var out []entry
	for _, g := range list {
		d, ok := findRole(g.Role)
		if !ok {
			return nil, fmt.Errorf("there is no role %q; there are %s", g.Role, strings.Join(roleNames(), ", "))
		}
		scope, err := scopeID(g.Scope)
		if err != nil {
			return nil, fmt.Errorf("role %q: scope: %w", g.Role, err)
		}
		out = append(out, entry{
			RoleAssignment{RoleID: d.ID, PrincipalID: strings.ToLower(g.PrincipalID), Scope: g.Scope}, scope})
	}
	return out, nil
}

// findRole finds a role by its name or GUID.
func findRole(name string) (RoleDefinition, bool) {
	for _, d := range roleDefinitions {
		if strings.EqualFold(d.Name, name) {
			return d, true
		}
	}
	return LookUpRole(name)
}

func roleNames() []string {
	var names []string
	for _, d := range roleDefinitions {
		names = append(names, d.Name)
	}
	return names
}
