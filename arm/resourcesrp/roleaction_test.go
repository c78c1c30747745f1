package resourcesrp

import "strings"

// What the definitions of roles allow is decided by clients and, in Azure, by the
// service; here it tells what the table means.

// Allows reports whether the role allows an action of the control plane, or, if
// data is set, of the data plane: Microsoft.ServiceBus/namespaces/messages/send/action.
func (d RoleDefinition) Allows(action string, data bool) bool {
	allow, deny := d.Actions, d.NotActions
	if data {
		allow, deny = d.DataActions, d.NotDataActions
	}
	return anyMatches(allow, action) && !anyMatches(deny, action)
}

func anyMatches(patterns []string, action string) bool {
	for _, p := range patterns {
		if matchesAction(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// matchesAction compares an action with a pattern in which * is any text.
func matchesAction(pattern, action string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == action
	}
	rest, ok := strings.CutPrefix(action, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
