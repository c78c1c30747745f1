package arm

import (
	"errors"
	"fmt"
	"strings"
)

// A ResourceID names a subscription, a resource group or a resource.
type ResourceID struct {
	Subscription  string // "": the tenant
	ResourceGroup string // "": not in one
	// Provider is the namespace of the provider; "" for subscriptions, groups and
	// what hangs directly below them (locations, providers, tagNames …).
	Provider string
	// Types and Names are the path below the provider, outermost first:
	// [namespaces queues] and [ns q]. The path of a collection has one type more
	// than names.
	Types []string
	Names []string
	// Scope is what an extension resource such as a role assignment belongs to,
	// if that is itself a resource of a provider. An extension of a subscription
	// or group has none: see [ResourceID.ScopeID]. Subscription and ResourceGroup
	// are the scope's.
	Scope *ResourceID
}

// ErrInvalidID is what [ParseID] fails with.
var ErrInvalidID = errors.New("invalid resource ID")

const (
	maxIDLength = 4096 // of a whole path, decoded
	maxDepth    = 4    // of scopes
)

// ParseID reads the ID of one thing, not of a collection. Empty segments are
// ignored and names of fixed segments are compared ignoring case
// [ARM 1.3, 1.4]. An ID is not a URL: nothing in it is percent-decoded. Errors
// wrap [ErrInvalidID].
func ParseID(s string) (ResourceID, error) {
	segments, err := splitPath(s, func(s string) (string, error) { return s, nil })
	if err != nil {
		return ResourceID{}, fmt.Errorf("%w: %w", ErrInvalidID, err)
	}
	id, tail, err := parseSegments(segments, 0)
	if err != nil {
		return ResourceID{}, fmt.Errorf("%w: %w", ErrInvalidID, err)
	}
	if tail != "" || len(id.Types) != len(id.Names) {
		return ResourceID{}, fmt.Errorf("%w: %q does not name one resource", ErrInvalidID, clip(s))
	}
	return id, nil
}

// splitPath splits a path into its decoded segments, without the empty ones. It
// refuses what no resource can be named: dot segments and control characters.
func splitPath(escaped string, decode func(string) (string, error)) ([]string, error) {
	if len(escaped) > 3*maxIDLength {
		return nil, fmt.Errorf("the path is longer than %d characters", maxIDLength)
	}
	if !strings.HasPrefix(escaped, "/") {
		return nil, fmt.Errorf("%q does not begin with a slash", clip(escaped))
	}
	var segments []string
	for raw := range strings.SplitSeq(escaped, "/") {
		if raw == "" {
			continue
		}
		s, err := decode(raw)
		if err != nil {
			return nil, fmt.Errorf("segment %q: %w", clip(raw), err)
		}
		for part := range strings.SplitSeq(s, "/") {
			if part == "." || part == ".." {
				return nil, fmt.Errorf("segment %q is not a name", clip(raw))
			}
		}
		if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0xfffd || c == '\\' }) {
			return nil, fmt.Errorf("segment %q has a character that no name can have", clip(raw))
		}
		segments = append(segments, s)
	}
	return segments, nil
}

// parseSegments reads segments as far as they come in pairs. What is left over
// is the tail: the name of a collection or of an action.
func parseSegments(s []string, depth int) (id ResourceID, tail string, err error) {
	if depth >= maxDepth {
		return id, "", fmt.Errorf("more than %d scopes", maxDepth)
	}
	// The last "providers" that is followed by a namespace, at a place where a
	// type may stand, begins the resource; what is before it is the scope.
	if at := lastProviders(s); at >= 0 {
		scope, left, err := parseScope(s[:at], depth+1)
		if err != nil {
			return id, "", err
		}
		if left != "" || scope.Provider == "" && len(scope.Types) > 0 {
			return id, "", fmt.Errorf("%q is not the scope of anything", clip("/"+strings.Join(s[:at], "/")))
		}
		id = ResourceID{Subscription: scope.Subscription, ResourceGroup: scope.ResourceGroup, Provider: s[at+1]}
		if scope.Provider != "" {
			id.Scope = &scope
		}
		return pairs(id, s[at+2:])
	}
	return parseScope(s, depth)
}

func parseScope(s []string, depth int) (id ResourceID, tail string, err error) {
	if lastProviders(s) >= 0 {
		return parseSegments(s, depth)
	}
	if len(s) >= 2 && strings.EqualFold(s[0], "subscriptions") {
		id.Subscription, s = s[1], s[2:]
		if len(s) >= 2 && strings.EqualFold(s[0], "resourceGroups") {
			id.ResourceGroup, s = s[1], s[2:]
		}
	}
	return pairs(id, s)
}

// lastProviders finds where the innermost resource begins: the index of its
// "providers" segment, or -1. A path below a resource consists of pairs, so a
// resource named "providers" is not taken for one.
func lastProviders(s []string) int {
	at := -1
	i := 0
	if len(s) >= 2 && strings.EqualFold(s[0], "subscriptions") {
		i = 2
		if len(s) >= 4 && strings.EqualFold(s[2], "resourceGroups") {
			i = 4
		}
	}
	for i+2 < len(s) { // a namespace alone is the resource of the providers API
		if !strings.EqualFold(s[i], "providers") {
			i += 2
			continue
		}
		if len(s) == i+3 && at < 0 && providerAction(s[i+2]) {
			return -1
		}
		at = i
		i += 2
	}
	return at
}

// providerAction says whether a segment after /providers/NS is of the providers
// API and not of the provider.
func providerAction(s string) bool {
	switch strings.ToLower(s) {
	case "register", "unregister", "resourcetypes", "providerpermissions":
		return true
	}
	return false
}

func pairs(id ResourceID, s []string) (ResourceID, string, error) {
	for len(s) >= 2 {
		id.Types, id.Names, s = append(id.Types, s[0]), append(id.Names, s[1]), s[2:]
	}
	if len(s) == 1 {
		return id, s[0], nil
	}
	return id, "", nil
}

// String writes the ID as Azure does, with the fixed segments in their
// canonical casing. A slash in a name is written as ~ [ARM 1.4].
func (id ResourceID) String() string {
	var b strings.Builder
	if id.Scope != nil {
		b.WriteString(id.Scope.String())
	} else {
		if id.Subscription != "" {
			b.WriteString("/subscriptions/" + id.Subscription)
		}
		if id.ResourceGroup != "" {
			b.WriteString("/resourceGroups/" + id.ResourceGroup)
		}
	}
	if id.Provider != "" {
		b.WriteString("/providers/" + id.Provider)
	}
	for i, t := range id.Types {
		b.WriteString("/" + t)
		if i < len(id.Names) {
			b.WriteString("/" + strings.ReplaceAll(id.Names[i], "/", "~"))
		}
	}
	return b.String()
}

// Key is the same for IDs that name the same thing: the ID in lower case.
func (id ResourceID) Key() string { return strings.ToLower(id.String()) }

// Type is the full resource type, such as Microsoft.ServiceBus/namespaces/queues.
func (id ResourceID) Type() string {
	switch {
	case id.Provider != "" && len(id.Types) == 0:
		return id.Provider
	case id.Provider != "":
		return id.Provider + "/" + id.TypePath()
	case len(id.Types) > 0:
		return "Microsoft.Resources/" + id.TypePath()
	case id.ResourceGroup != "":
		return "Microsoft.Resources/resourceGroups"
	case id.Subscription != "":
		return "Microsoft.Resources/subscriptions"
	}
	return "Microsoft.Resources/tenants"
}

// TypePath is the type without the provider's namespace: namespaces/queues.
func (id ResourceID) TypePath() string { return strings.Join(id.Types, "/") }

// Path is the type and the names interleaved, as error messages have it:
// Microsoft.ServiceBus/namespaces/ns/queues/q.
func (id ResourceID) Path() string {
	var b strings.Builder
	b.WriteString(id.Provider)
	for i, t := range id.Types {
		b.WriteString("/" + t)
		if i < len(id.Names) {
			b.WriteString("/" + id.Names[i])
		}
	}
	return strings.TrimPrefix(b.String(), "/")
}

// Name is the innermost name; "" for a collection of the top level.
func (id ResourceID) Name() string {
	switch {
	case len(id.Names) > 0:
		return id.Names[len(id.Names)-1]
	case id.Provider == "" && id.ResourceGroup != "":
		return id.ResourceGroup
	case id.Provider == "":
		return id.Subscription
	}
	return ""
}

// Parent is the resource that this one is in. A top-level resource's is its
// scope.
func (id ResourceID) Parent() ResourceID {
	n := min(len(id.Types), len(id.Names))
	if len(id.Types) > len(id.Names) {
		n++ // the parent of a collection is the resource before it
	}
	switch {
	case n > 1:
		p := id
		p.Types, p.Names = id.Types[:n-1:n-1], id.Names[:n-1:n-1]
		return p
	case n == 1 || id.Provider != "":
		return id.ScopeID()
	case id.ResourceGroup != "":
		return ResourceID{Subscription: id.Subscription}
	}
	return ResourceID{}
}

// ScopeID is what the provider's part of the ID hangs on: a resource, a group, a
// subscription or the tenant.
func (id ResourceID) ScopeID() ResourceID {
	if id.Scope != nil {
		return *id.Scope
	}
	return ResourceID{Subscription: id.Subscription, ResourceGroup: id.ResourceGroup}
}

// Child is the ID of a resource in this one.
func (id ResourceID) Child(typ, name string) ResourceID {
	c := id
	c.Types = append(id.Types[:len(id.Types):len(id.Types)], typ)
	c.Names = append(id.Names[:len(id.Names):len(id.Names)], name)
	return c
}

// IsZero reports whether the ID names the tenant itself.
func (id ResourceID) IsZero() bool {
	return id.Subscription == "" && id.Provider == "" && len(id.Types) == 0
}

// clip bounds what of a request is repeated in an error.
func clip(s string) string {
	const limit = 200
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
