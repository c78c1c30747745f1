package resourcesrp

import (
	"strings"

	"switchyard/arm"
)

// Allowed reports whether a principal may perform a data action on a resource:
// whether it has a role with that action at the resource or above it. resource is
// an ID such as that of a queue; action is for example
// Microsoft.ServiceBus/namespaces/messages/send/action.
func (a *Roles) Allowed(principalID string, resource arm.ResourceID, action string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, e := range a.byKey {
		if !strings.EqualFold(e.PrincipalID, principalID) || !e.scope.Covers(resource) {
			continue
		}
		if d, ok := LookUpRole(e.RoleID); ok && d.Allows(action, true) {
			return true
		}
	}
	return false
}

// Allows reports whether the role allows an action of the control plane, or, if
// data is set, of the data plane: Microsoft.ServiceBus/namespaces/messages/send/action.
func (d RoleDefinition) Allows(action string, data bool) bool {
	allow, deny := d.Actions, d.NotActions
	if data {
		allow, deny = d.DataActions, d.NotDataActions
	}
	return anyMatches(allow, action) && !anyMatches(deny, action)
}
