package auth

import (
	"strings"
	"time"
)

// A Grant is what a token or a key gives to the connection that presented it.
type Grant struct {
	// Path is the entity's path in lower case; what lies below it is granted
	// too. Empty means the whole namespace.
	Path string
	// Rights are those of the rule, also ones that Path has no use for.
	Rights Rights
	// Expires is when it ends; zero means never.
	Expires time.Time
	// KeyName is the rule that it came from.
	KeyName string
	// Entity says that it came from a rule or role of an entity: below Path only what
	// belongs to that is granted, not entities whose names begin with it.
	Entity bool
}

// Covers reports whether the grant is for path or for something above it.
func (g Grant) Covers(path string) bool {
	return covers(g.Path, path) && (!g.Entity || belongs(g.Path, path))
}

// belongs reports whether a path below an entity's is of the same entity: its dead
// letters and other nodes, and the subscriptions of a topic. Queue a/b has nothing to
// do with queue a. Everything belongs to the namespace.
func belongs(entity, path string) bool {
	if entity == "" || len(path) <= len(entity) {
		return true
	}
	below := strings.ToLower(path[len(entity)+1:])
	return below == "" || below[0] == '$' || strings.HasPrefix(below, "subscriptions/")
}

func (g Grant) expired(now time.Time) bool { return !g.Expires.IsZero() && !now.Before(g.Expires) }

// Grants are the grants of one connection, the latest of each path. The zero
// value holds none. It is not safe for concurrent use.
type Grants struct {
	byPath map[string]Grant
}

// Put adds a grant, in place of an earlier one for the same path. A connection
// holds at most limit of them (0: no limit); Put then refuses a new path.
func (g *Grants) Put(grant Grant, limit int) bool {
	if g.byPath == nil {
		g.byPath = map[string]Grant{}
	}
	key := strings.ToLower(grant.Path)
	if _, ok := g.byPath[key]; !ok && limit > 0 && len(g.byPath) >= limit {
		return false
	}
	g.byPath[key] = grant
	return true
}

// Len returns the number of grants, expired ones included.
func (g *Grants) Len() int { return len(g.byPath) }

// Allows reports whether an unexpired grant gives any of the rights wanted on
// path.
func (g *Grants) Allows(path string, wanted Rights, now time.Time) bool {
	for _, scope := range scopes(path) {
		grant, ok := g.byPath[scope]
		if ok && grant.Covers(path) && !grant.expired(now) && grant.Rights.Allows(wanted) {
			return true
		}
	}
	return false
}

// Expire removes the grants that are over and returns them, in no order.
func (g *Grants) Expire(now time.Time) []Grant {
	var over []Grant
	for path, grant := range g.byPath {
		if grant.expired(now) {
			over = append(over, grant)
			delete(g.byPath, path)
		}
	}
	return over
}

// Next returns when the next grant expires, zero if none does.
func (g *Grants) Next() time.Time {
	var next time.Time
	for _, grant := range g.byPath {
		if !grant.Expires.IsZero() && (next.IsZero() || grant.Expires.Before(next)) {
			next = grant.Expires
		}
	}
	return next
}

// scopes returns the path and everything above it in lower case, the longest
// first and the whole namespace last.
func scopes(path string) []string {
	path = strings.ToLower(path)
	var all []string
	for path != "" {
		all = append(all, path)
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	return append(all, "")
}
