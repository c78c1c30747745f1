package resourcesrp

import (
	"strings"

	"switchyard/arm"
)

// At returns the names of the roles that a principal has at an entity of a Service
// Bus namespace, by its path such as queue or topic/Subscriptions/name, or at the
// namespace itself if that is "", by assignments there or above.
func (a *Roles) At(principalID string, namespace arm.ResourceID, path string) []string {
	var names []string
	for _, d := range roleDefinitions {
		if a.has(principalID, func(e entry) bool {
			return e.RoleID == d.ID && coversEntity(e.Scope, namespace.String(), path)
		}) {
			names = append(names, d.Name)
		}
	}
	return names
}

// coversEntity reports whether a scope is the entity of a namespace that is at a
// path, the namespace itself if that is "", or above it.
func coversEntity(scope, namespace, path string) bool {
	scope = strings.TrimSuffix(strings.ToLower(scope), "/") + "/"
	namespace = strings.ToLower(namespace) + "/"
	if strings.HasPrefix(namespace, scope) {
		return true
	}
	entity, ok := strings.CutPrefix(scope, namespace)
	if !ok {
		return false
	}
	kind, entity, _ := strings.Cut(entity, "/")
	entity = strings.ReplaceAll(entity, "~", "/") // as it stands in a resource id
	below, ok := strings.CutPrefix(strings.ToLower(path)+"/", entity)
	if !ok || kind != "queues" && kind != "topics" {
		return false
	}
	// Below queue a are its dead letters, not queue a/b.
	return below == "" || below[0] == '$' || strings.HasPrefix(below, "subscriptions/")
}
