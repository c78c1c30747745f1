package resourcesrp

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"switchyard/arm"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/value"
)

const authorizationNamespace = "Microsoft.Authorization"

// authorization is the provider Microsoft.Authorization: role assignments, the
// built-in role definitions, and an empty list of locks.
type authorization struct{ p *Resources }

// Namespace implements [arm.Provider].
func (a *authorization) Namespace() string { return authorizationNamespace }

// Types implements [arm.Provider].
func (a *authorization) Types() []arm.TypeInfo {
	roles := []string{"2022-04-01", "2020-04-01-preview", "2018-01-01-preview", "2015-07-01"}
	return []arm.TypeInfo{
		{Type: "roleAssignments", APIVersions: roles},
		{Type: "roleDefinitions", APIVersions: roles},
		{Type: "locks", APIVersions: []string{"2020-05-01", "2016-09-01"}},
	}
}

// DeleteGroup implements [arm.Provider]: DeleteScope does it, with the group.
func (a *authorization) DeleteGroup(context.Context, string, string) error { return nil }

// GroupResources implements [arm.Provider].
func (a *authorization) GroupResources(string, string) []*value.Object { return nil }

// DeleteScope implements [arm.ScopeListener].
func (a *authorization) DeleteScope(u *commit.Unit, id arm.ResourceID) {
	a.p.roles.deleteScope(u, id)
}

// Handle implements [arm.Provider].
func (a *authorization) Handle(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if len(r.ID.Types) == 0 || r.Action != "" {
		return nil, notFound(r)
	}
	switch r.ID.Types[0] {
	case "roleAssignments":
		return a.assignments(ctx, r)
	case "roleDefinitions":
		return a.definitions(r)
	case "locks":
		return emptyList(r)
	case "operations":
		return arm.List(), nil
	}
	return nil, notFound(r)
}

// emptyList answers for a collection that is always empty.
func emptyList(r *arm.Request) (*arm.Response, error) {
	switch {
	case r.Method == http.MethodGet && r.Collection:
		return arm.List(), nil
	case r.Method == http.MethodGet:
		return nil, arm.ResourceNotFound(r.ID)
	case r.Method == http.MethodDelete:
		return arm.NoContent(), nil
	case r.Method == http.MethodPut || r.Method == http.MethodPatch:
		return nil, arm.BadRequest("Resources of type '%s' are not supported.", r.ID.Type())
	}
	return nil, arm.MethodNotAllowed(r)
}

func (a *authorization) definitions(r *arm.Request) (*arm.Response, error) {
	if r.Method != http.MethodGet {
		return nil, arm.BadRequest("Custom role definitions are not supported; there are only built-in ones.")
	}
	if !r.Collection {
		d, ok := LookUpRole(r.ID.Names[0])
		if !ok {
			return nil, arm.Errorf(http.StatusNotFound, "RoleDefinitionDoesNotExist",
				"The specified role definition with ID '%s' does not exist.", r.ID.Names[0])
		}
		return arm.OK(d.object(r.ID.Subscription)), nil
	}
	want, err := roleNameFilter(r.Param("$filter"))
	if err != nil {
		return nil, err
	}
	var items []*value.Object
	for _, d := range roleDefinitions {
		if want == "" || strings.EqualFold(d.Name, want) {
			items = append(items, d.object(r.ID.Subscription))
		}
	}
	return arm.List(items...), nil
}

var (
	roleNameEq  = regexp.MustCompile(`(?i)^roleName\s+eq\s+'((?:[^']|'')*)'$`)
	principalEq = regexp.MustCompile(`(?i)^principalId\s+eq\s+'([^']*)'$`)
	assignedTo  = regexp.MustCompile(`(?i)^assignedTo\(\s*'([^']*)'\s*\)$`)
	and         = regexp.MustCompile(`(?i)\s+and\s+`)
)

func badFilter(term string) error {
	return arm.Errorf(http.StatusBadRequest, "UnsupportedQuery", "The filter '%s' is not supported.", term)
}

// roleNameFilter reads roleName eq 'x', beside the conditions that every built-in
// role meets.
func roleNameFilter(s string) (name string, err error) {
	for _, term := range and.Split(strings.TrimSpace(s), -1) {
		switch m := roleNameEq.FindStringSubmatch(term); {
		case m != nil:
			name = strings.ReplaceAll(m[1], "''", "'")
		case term == "" || strings.EqualFold(term, "atScope()") || strings.EqualFold(term, "type eq 'BuiltInRole'"):
		default:
			return "", badFilter(term)
		}
	}
	return name, nil
}

func (a *authorization) assignments(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Collection {
		return a.listAssignments(r)
	}
	switch r.Method {
	case http.MethodGet:
		e, ok := a.p.roles.find(r.ID.Key())
		if !ok {
			return nil, assignmentNotFound(r)
		}
		return arm.OK(e.object()), nil
	case http.MethodPut:
		return a.putAssignment(ctx, r)
	case http.MethodDelete:
		a.p.changing.Lock()
		defer a.p.changing.Unlock()
		e, ok := a.p.roles.find(r.ID.Key())
		if !ok {
			return arm.NoContent(), nil
		}
		if err := a.p.free(ctx, func(u *commit.Unit) { a.p.roles.remove(u, r.ID.Key()) }); err != nil {
			return nil, err
		}
		return arm.OK(e.object()), nil
	}
	return nil, arm.MethodNotAllowed(r)
}

func assignmentNotFound(r *arm.Request) error {
	return arm.Errorf(http.StatusNotFound, "RoleAssignmentNotFound",
		"The role assignment '%s' is not found.", r.ID.Name())
}

// listAssignments lists what is at, above and below the scope.
func (a *authorization) listAssignments(r *arm.Request) (*arm.Response, error) {
	scope := r.ID.ScopeID()
	principal, upwards := "", false
	for _, term := range and.Split(strings.TrimSpace(r.Param("$filter")), -1) {
		if m := principalEq.FindStringSubmatch(term); m != nil {
			principal = m[1]
		} else if m := assignedTo.FindStringSubmatch(term); m != nil {
			principal = m[1]
		} else if strings.EqualFold(term, "atScope()") {
			upwards = true
		} else if term != "" {
			return nil, badFilter(term)
		}
	}
	var items []*value.Object
	for _, e := range a.p.roles.entries(func(e entry) bool {
		return (principal == "" || strings.EqualFold(e.PrincipalID, principal)) &&
			(e.scope.Covers(scope) || !upwards && scope.Covers(e.scope))
	}) {
		items = append(items, e.object())
	}
	return r.Page(items, resourcePage)
}

func (a *authorization) putAssignment(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	scope := r.ID.ScopeID()
	e, err := readAssignment(r, scope)
	if err != nil {
		return nil, err
	}
	if scope.Provider != "" { // the resource must be there
		if _, err := a.p.k.Dispatch(ctx, forward(r, http.MethodGet, scope, nil)); err != nil {
			return nil, err
		}
	} else if scope.ResourceGroup != "" {
		if _, err := a.p.group(scope.Subscription, scope.ResourceGroup); err != nil {
			return nil, groupError(r, err)
		}
	}
	a.p.changing.Lock()
	defer a.p.changing.Unlock()
	now := clock.ShownNow(a.p.clock)
	e.CreatedAt, e.UpdatedAt, e.CreatedBy, e.UpdatedBy = now, now, r.Caller.ObjectID, r.Caller.ObjectID
	old, exists := a.p.roles.find(r.ID.Key())
	if exists {
		if old.PrincipalID != e.PrincipalID || old.RoleID != e.RoleID {
			return nil, arm.Errorf(http.StatusConflict, "RoleAssignmentUpdateNotPermitted",
				"Tenant ID, application ID, principal ID, and scope are not allowed to be updated.")
		}
		e.CreatedAt, e.CreatedBy = old.CreatedAt, old.CreatedBy
	}
	same := a.p.roles.entries(func(x entry) bool {
		return x.scope.Key() == scope.Key() && x.PrincipalID == e.PrincipalID &&
			x.RoleID == e.RoleID && x.Name != e.Name
	})
	if len(same) > 0 {
		return nil, arm.Errorf(http.StatusConflict, "RoleAssignmentExists",
			"The role assignment already exists. The ID of the existing role assignment is %s.",
			strings.ReplaceAll(same[0].Name, "-", ""))
	}
	if err := a.p.commit(ctx, func(u *commit.Unit) { a.p.roles.put(u, e) }); err != nil {
		return nil, err
	}
	if exists {
		return arm.OK(e.object()), nil
	}
	return arm.Created(e.object()), nil
}

func readAssignment(r *arm.Request, scope arm.ResourceID) (entry, error) {
	name := strings.ToLower(r.ID.Name())
	if !arm.IsGUID(name) {
		return entry{}, arm.Errorf(http.StatusBadRequest, "InvalidRoleAssignmentId",
			"The role assignment ID '%s' is not valid. The role assignment ID must be a GUID.", r.ID.Name())
	}
	body := arm.Read(r.Body, arm.InvalidContent)
	props, _ := body.Object("properties")
	role, _ := props.String("roleDefinitionId")
	principal, _ := props.String("principalId")
	e := entry{
		RoleAssignment: RoleAssignment{Name: name, PrincipalID: strings.ToLower(principal),
			PrincipalType: "ServicePrincipal"},
		scope: scope}
	if t, ok := props.String("principalType"); ok {
		e.PrincipalType = t
	}
	e.Description, _ = props.String("description")
	for _, unsupported := range []string{"condition", "conditionVersion", "delegatedManagedIdentityResourceId"} {
		if s, _ := props.String(unsupported); s != "" {
			props.Fail(unsupported, "it is not supported")
		}
	}
	props.Ignore("scope", "createdOn", "updatedOn", "createdBy", "updatedBy", "canDelegate")
	props.Close()
	body.Ignore("id", "name", "type")
	body.Close()
	if err := body.Err(); err != nil {
		return e, err
	}
	if !arm.IsGUID(e.PrincipalID) {
		return e, arm.Errorf(http.StatusBadRequest, "InvalidPrincipalId",
			"The principal ID '%s' is not a GUID.", principal)
	}
	d, ok := LookUpRole(role[strings.LastIndexByte(role, '/')+1:])
	if !ok {
		return e, arm.Errorf(http.StatusBadRequest, "RoleDefinitionDoesNotExist",
			"The specified role definition with ID '%s' does not exist.", role)
	}
	e.RoleID = d.ID
	if e.Scope = scope.String(); e.Scope == "" {
		e.Scope = "/"
	}
	return e, nil
}

// insights is the provider Microsoft.Insights, which has nothing.
type insights struct{}

// Namespace implements [arm.Provider].
func (*insights) Namespace() string { return "Microsoft.Insights" }

// Types implements [arm.Provider].
func (*insights) Types() []arm.TypeInfo {
	return []arm.TypeInfo{{Type: "diagnosticSettings", APIVersions: []string{"2021-05-01-preview"}}}
}

// DeleteGroup implements [arm.Provider].
func (*insights) DeleteGroup(context.Context, string, string) error { return nil }

// GroupResources implements [arm.Provider].
func (*insights) GroupResources(string, string) []*value.Object { return nil }

// Handle implements [arm.Provider].
func (*insights) Handle(_ context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Action != "" {
		return nil, arm.MethodNotAllowed(r)
	}
	return emptyList(r)
}
