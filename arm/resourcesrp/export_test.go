package resourcesrp

import "strings"

// Assignments returns the assignments of a principal, or of all if it is "".
func (a *Roles) Assignments(principalID string) []RoleAssignment {
	var out []RoleAssignment
	for _, e := range a.entries(func(e entry) bool {
		return principalID == "" || strings.EqualFold(e.PrincipalID, principalID)
	}) {
		out = append(out, e.RoleAssignment)
	}
	return out
}

// Allows reports whether the role allows an action of the control plane, or, if
// data is set, of the data plane: Microsoft.ServiceBus/namespaces/messages/send/action.
func (d RoleDefinition) Allows(action string, data bool) bool {
	if data {
		return matchesAny(d.DataActions, action) && !matchesAny(d.NotDataActions, action)
	}
	return d.allows(action)
}
