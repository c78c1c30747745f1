package resourcesrp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"switchyard/arm"
	"switchyard/commit"
	"switchyard/value"
)

// A RoleAssignment gives a principal a role at a scope and below.
type RoleAssignment struct {
	Name          string    `json:"name"`  // GUID
	Scope         string    `json:"scope"` // resource ID in canonical casing; "/" for the tenant
	RoleID        string    `json:"roleId"`
	PrincipalID   string    `json:"principalId"`
	PrincipalType string    `json:"principalType"`
	Description   string    `json:"description,omitempty"`
	CreatedAt     time.Time `json:"createdAt"`
	UpdatedAt     time.Time `json:"updatedAt"`
	CreatedBy     string    `json:"createdBy,omitempty"`
	UpdatedBy     string    `json:"updatedBy,omitempty"`
}

// assignmentRecord is an assignment as it is stored.
type assignmentRecord struct {
	Version int `json:"version"`
	RoleAssignment
}

const (
	assignmentPrefix  = "authorization/assignments/"
	assignmentVersion = 1
)

// Roles holds all role assignments in memory, as they are on disk. It is safe for
// concurrent use.
type Roles struct {
	store arm.Store
	given []entry // by who starts the process; not changed
	mu    sync.RWMutex
	byKey map[string]entry // guarded by mu; by ID in lower case
}

type entry struct {
	RoleAssignment
	scope arm.ResourceID
}

func newRoles(o Options) (*Roles, error) {
	given, err := grants(o.Grants)
	if err != nil {
		return nil, err
	}
	a := &Roles{store: o.Store, given: given, byKey: map[string]entry{}}
	err = o.Store.List(assignmentPrefix, func(_ string, val []byte, damage error) error {
		if damage != nil {
			return nil // what it allows is not allowed until it is made again
		}
		var r assignmentRecord
		if err := json.Unmarshal(val, &r); err != nil {
			return err
		}
		if r.Version != assignmentVersion {
			return fmt.Errorf("it has version %d, want %d", r.Version, assignmentVersion)
		}
		scope, err := scopeID(r.Scope)
		if err != nil {
			return err
		}
		a.byKey[r.id(scope).Key()] = entry{r.RoleAssignment, scope}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read role assignment: %w", err)
	}
	return a, nil
}

func scopeID(s string) (arm.ResourceID, error) {
	if s == "" || s == "/" {
		return arm.ResourceID{}, nil
	}
	return arm.ParseID(s)
}

// has reports whether one of the roles of a principal, assigned or given, is wanted.
func (a *Roles) has(principalID string, want func(entry) bool) bool {
	of := func(e entry) bool { return strings.EqualFold(e.PrincipalID, principalID) && want(e) }
	if slices.ContainsFunc(a.given, of) {
		return true
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, e := range a.byKey {
		if of(e) {
			return true
		}
	}
	return false
}

func (a *Roles) entries(want func(entry) bool) []entry {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var out []entry
	for _, e := range a.byKey {
		if want(e) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b entry) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Scope), strings.ToLower(b.Scope)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (a *Roles) find(key string) (entry, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	e, ok := a.byKey[key]
	return e, ok
}

// put adds an assignment to a unit; memory follows once it is durable.
func (a *Roles) put(u *commit.Unit, e entry) {
	b, err := json.Marshal(assignmentRecord{assignmentVersion, e.RoleAssignment})
	if err != nil {
		panic(fmt.Sprintf("resourcesrp: role assignment that is not JSON: %v", err))
	}
	key := e.id(e.scope).Key()
	a.store.Put(u, storeKey(key), b)
	u.Then(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.byKey[key] = e
	})
}

func (a *Roles) remove(u *commit.Unit, key string) {
	a.store.Delete(u, storeKey(key))
	u.Then(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.byKey, key)
	})
}

// storeKey is the key of a record: the ID may hold letters that are not ASCII.
func storeKey(id string) string { return assignmentPrefix + url.PathEscape(id) }

// deleteScope adds the removal of the assignments at a scope and below.
func (a *Roles) deleteScope(u *commit.Unit, scope arm.ResourceID) {
	for _, e := range a.entries(func(e entry) bool { return scope.Covers(e.scope) }) {
		a.remove(u, e.id(e.scope).Key())
	}
}

func (r RoleAssignment) id(scope arm.ResourceID) arm.ResourceID {
	id := arm.ResourceID{Subscription: scope.Subscription, ResourceGroup: scope.ResourceGroup,
		Provider: authorizationNamespace}
	if scope.Provider != "" {
		id.Scope = &scope
	}
	return id.Child("roleAssignments", r.Name)
}

func (e entry) object() *value.Object {
	props := object("roleDefinitionId", roleID(e.scope.Subscription, e.RoleID), "principalId", e.PrincipalID,
		"principalType", e.PrincipalType, "scope", e.Scope)
	if e.Description != "" {
		props.Set("description", e.Description)
	}
	props.Set("createdOn", arm.FormatTime(e.CreatedAt))
	props.Set("updatedOn", arm.FormatTime(e.UpdatedAt))
	props.Set("createdBy", e.CreatedBy)
	props.Set("updatedBy", e.UpdatedBy)
	return object("id", e.id(e.scope).String(), "name", e.Name,
		"type", "Microsoft.Authorization/roleAssignments", "properties", props)
}
