package resourcesrp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/arm"
	"switchyard/arm/armtest"
	"switchyard/arm/resourcesrp"
	"switchyard/commit"
	"switchyard/value"
)

const (
	tenant = "72f988bf-0000-4000-8000-2d7cd011db47"
	sub    = "11111111-2222-4333-8444-555555555555"
)

var vars = map[string]string{"$SUB": "/subscriptions/" + sub, "$ID": sub, "$TENANT": tenant}

// things is a provider with one tracked type, as far as the tests here need one.
type things struct {
	store   *armtest.Store
	log     commit.Log
	k       *arm.Kernel
	deleted []string
	// onDelete stands for what deleting the group's things takes.
	onDelete func(ctx context.Context) error
}

func (p *things) Bind(k *arm.Kernel) { p.k = k }

func (p *things) Namespace() string { return "Contoso.Things" }

func (p *things) Types() []arm.TypeInfo {
	return []arm.TypeInfo{{Type: "things", Tracked: true, APIVersions: []string{"2024-01-01"}}}
}

func (p *things) DeleteGroup(ctx context.Context, _, group string) error {
	p.deleted = append(p.deleted, group)
	if p.onDelete != nil {
		return p.onDelete(ctx)
	}
	return nil
}

func (p *things) GroupResources(sub, group string) []*value.Object {
	var items []*value.Object
	for _, key := range p.store.Keys("things/") {
		id, err := arm.ParseID(strings.TrimPrefix(key, "things/"))
		if err != nil || id.Subscription != sub || group != "" && !strings.EqualFold(id.ResourceGroup, group) {
			continue
		}
		b, _ := p.store.Get(key)
		v, _ := value.Parse(b)
		o := v.(*value.Object)
		o.Set("createdTime", "2026-01-01T00:00:00Z")
		o.Set("changedTime", "2026-01-01T00:00:00Z")
		o.Set("provisioningState", "Succeeded")
		items = append(items, o)
	}
	return items
}

func (p *things) Handle(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	key := "things/" + r.ID.String()
	switch r.Method {
	case http.MethodGet:
		b, err := p.store.Get(key)
		if err != nil {
			return nil, arm.ResourceNotFound(r.ID)
		}
		v, err := value.Parse(b)
		return arm.OK(v.(*value.Object)), err
	case http.MethodPut, http.MethodPatch:
		tags, _ := r.Body.Get("tags")
		o := value.NewObject(value.Member{Name: "id", Value: r.ID.String()}, value.Member{Name: "name", Value: r.ID.Name()},
			value.Member{Name: "type", Value: r.ID.Type()}, value.Member{Name: "location", Value: "westeurope"}, value.Member{Name: "tags", Value: tags})
		return arm.OK(o), p.k.Commit(ctx, func(u *commit.Unit) { p.store.Put(u, key, value.Append(nil, o)) })
	}
	return nil, arm.MethodNotAllowed(r)
}

type fixture struct {
	store  *armtest.Store
	log    *armtest.Log
	clock  *armtest.Clock
	things *things
	rp     *resourcesrp.Resources
	k      *arm.Kernel
}

func newFixture(t *testing.T, store *armtest.Store) *fixture {
	t.Helper()
	f := &fixture{store: store, log: &armtest.Log{}, clock: armtest.NewClock()}
	rp, err := resourcesrp.New(resourcesrp.Options{Store: store, Log: f.log, Clock: f.clock})
	if err != nil {
		t.Fatal(err)
	}
	f.rp = rp
	f.things = &things{store: store, log: f.log}
	k, err := arm.NewKernel(arm.Options{
		Store: store, Log: f.log, Clock: f.clock, Rand: armtest.NewRand(1), Providers: append([]arm.Provider{f.things}, rp.Providers()...),
		Authenticate: func(*http.Request) (arm.Caller, error) {
			return arm.Caller{ObjectID: "aaaaaaaa-0000-4000-8000-000000000001"}, nil
		},
		TenantID: tenant, DefaultSubscriptionID: sub,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.k = k
	t.Cleanup(k.Close)
	return f
}

func (f *fixture) do(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://"+armtest.Host+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	w := httptest.NewRecorder()
	f.k.ServeHTTP(w, r)
	return w
}

// TestDamagedRecords: what can't be read is told by name, keeps nothing else from being
// read, and can be made again.
func TestDamagedRecords(t *testing.T) {
	f := newFixture(t, armtest.NewStore())
	group := "/subscriptions/" + sub + "/resourceGroups/"
	const v = "?api-version=2022-04-01"
	role := "/providers/Microsoft.Authorization/roleAssignments/aaaaaaaa-0000-4000-8000-00000000000"
	assigned := `{"properties":{"principalId":"aaaaaaaa-0000-4000-8000-000000000002","roleDefinitionId":` +
		`"/subscriptions/` + sub + `/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"}}`
	must := func(method, path, body string, want int) string {
		t.Helper()
		w := f.do(method, path+v, body)
		if w.Code != want {
			t.Fatalf("%s %s: want %d, got %s", method, path, want, armtest.Describe(w))
		}
		return w.Body.String()
	}
	must("PUT", group+"a", `{"location":"westeurope"}`, 201)
	must("PUT", group+"b", `{"location":"westeurope"}`, 201)
	must("PUT", group+"b"+role+"1", assigned, 201)
	must("PUT", group+"b"+role+"2", strings.Replace(assigned, "000000000002", "000000000003", 1), 201)
	f.store.Damage(f.store.Keys("resources/groups/")[0])
	f.store.Damage(f.store.Keys("authorization/assignments/")[0])

	f = newFixture(t, f.store)
	for _, path := range []string{group + "a", "/subscriptions/" + sub + "/resourceGroups"} {
		if got := must("GET", path, "", 409); !strings.Contains(got, `"DamagedRecord"`) || !strings.Contains(got, "groups/") || !strings.Contains(got, "create it again") {
			t.Errorf("GET %s: %s, want the record and the way out", path, got)
		}
	}
	must("GET", group+"b", "", 200)
	must("GET", group+"b"+role+"1", "", 404)
	must("GET", group+"b"+role+"2", "", 200)
	must("PUT", group+"a", `{"location":"westeurope"}`, 201)
	must("PUT", group+"b"+role+"1", assigned, 201)
	must("GET", "/subscriptions/"+sub+"/resourceGroups", "", 200)
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"subscriptions", "groups", "providers", "resources", "tags", "roles"} {
		t.Run(name, func(t *testing.T) {
			armtest.Golden(t, newFixture(t, armtest.NewStore()).k, "testdata/"+name+".txt", vars)
		})
	}
}

// TestGroupSurvives covers [ARM 14.9] for groups, tags and assignments.
func TestGroupSurvives(t *testing.T) {
	f := newFixture(t, armtest.NewStore())
	const version = "?api-version=2021-04-01"
	group := "/subscriptions/" + sub + "/resourceGroups/rg1"
	paths := []string{
		group + version,
		group + "/providers/Microsoft.Authorization/roleAssignments/99999999-0000-4000-8000-000000000001" + version,
		"/subscriptions/" + sub + "/providers/Microsoft.Resources/tags/default" + version,
	}
	for i, body := range []string{
		`{"location":"westeurope","tags":{"b":"2","a":"1"}}`,
		`{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/69a216fc-b8fb-44d8-bc22-1f3c2cd27a39","principalId":"bbbbbbbb-0000-4000-8000-000000000001"}}`,
		`{"properties":{"tags":{"team":"x"}}}`,
	} {
		if w := f.do("PUT", paths[i], body); w.Code >= 300 {
			t.Fatalf("PUT %s: %s", paths[i], armtest.Describe(w))
		}
	}
	again := newFixture(t, f.store.Clone())
	for _, path := range paths {
		before, after := f.do("GET", path, ""), again.do("GET", path, "")
		if after.Code != 200 || after.Body.String() != before.Body.String() {
			t.Errorf("GET %s after a restart:\n%s\nbefore:\n%s", path, armtest.Describe(after), armtest.Describe(before))
		}
	}
}

// TestFailedDeletion: if a provider fails, the poll says so and the group stays.
func TestFailedDeletion(t *testing.T) {
	f := newFixture(t, armtest.NewStore())
	group := "/subscriptions/" + sub + "/resourceGroups/rg1?api-version=2021-04-01"
	f.do("PUT", group, `{"location":"westeurope"}`)
	f.things.onDelete = func(context.Context) error { return arm.Errorf(409, "Conflict", "a thing is stuck") }
	deletion := f.do("DELETE", group, "")
	if deletion.Code != 202 {
		t.Fatalf("DELETE: %s", armtest.Describe(deletion))
	}
	poll := strings.TrimPrefix(deletion.Header().Get("Location"), "https://"+armtest.Host)
	if w := f.do("GET", poll, ""); w.Code != 409 || w.Header().Get("x-ms-error-code") != "Conflict" {
		t.Errorf("poll of a failed deletion: got\n%s\nwant 409 Conflict", armtest.Describe(w))
	}
	status := f.do("GET", strings.Replace(poll, "operationresults", "operationStatuses", 1), "")
	if status.Code != 200 || !strings.Contains(status.Body.String(), `"status":"Failed"`) || !strings.Contains(status.Body.String(), "a thing is stuck") {
		t.Errorf("status of a failed deletion: got\n%s\nwant 200 with status Failed", armtest.Describe(status))
	}
	if w := f.do("PUT", group, `{"location":"westeurope"}`); w.Code != 200 || !strings.Contains(w.Body.String(), `"Succeeded"`) {
		t.Errorf("group after a failed deletion: got\n%s\nwant it usable", armtest.Describe(w))
	}
}

// TestDeletionContinues kills the process while a group is being deleted.
func TestDeletionContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, armtest.NewStore())
		group := "/subscriptions/" + sub + "/resourceGroups/rg1?api-version=2021-04-01"
		f.do("PUT", group, `{"location":"westeurope"}`)
		f.things.onDelete = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		deletion := f.do("DELETE", group, "") // waits its two seconds
		poll := strings.TrimPrefix(deletion.Header().Get("Location"), "https://"+armtest.Host)
		if w := f.do("GET", poll, ""); w.Code != 202 || w.Header().Get("Retry-After") != "1" {
			t.Errorf("poll while deleting: got\n%s\nwant 202 with Retry-After: 1", armtest.Describe(w))
		}
		if w := f.do("PUT", group, `{"location":"westeurope"}`); w.Code != 409 {
			t.Errorf("PUT while deleting: got\n%s\nwant 409", armtest.Describe(w))
		}
		thing := "/subscriptions/" + sub + "/resourceGroups/rg1/providers/Contoso.Things/things/x?api-version=2024-01-01"
		if w := f.do("PUT", thing, `{"location":"westeurope"}`); w.Code != 409 {
			t.Errorf("PUT of a resource while deleting: got\n%s\nwant 409", armtest.Describe(w))
		}
		f.k.Close()

		again := newFixture(t, f.store.Clone())
		if err := again.k.Start(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if w := again.do("GET", poll, ""); w.Code != 200 {
			t.Errorf("poll after the restart: got\n%s\nwant 200", armtest.Describe(w))
		}
		if w := again.do("GET", group, ""); w.Code != 404 {
			t.Errorf("group after the restart: got\n%s\nwant 404", armtest.Describe(w))
		}
		if got := again.things.deleted; !slices.Equal(got, []string{"rg1"}) {
			t.Errorf("the provider was asked to delete %q, want rg1 once", got)
		}
	})
}

// TestRolesAt: a role holds at its scope and below, and for its principal only.
func TestRolesAt(t *testing.T) {
	const (
		namespace = "/subscriptions/" + sub + "/resourceGroups/rg1/providers/Microsoft.ServiceBus/namespaces/ns"
		sender    = "bbbbbbbb-0000-4000-8000-000000000001"
		owner     = "bbbbbbbb-0000-4000-8000-000000000002"
		outsider  = "bbbbbbbb-0000-4000-8000-000000000003"
	)
	f := newFixture(t, armtest.NewStore())
	f.do("PUT", "/subscriptions/"+sub+"/resourceGroups/rg1?api-version=2021-04-01", `{"location":"westeurope"}`)
	assign := func(scope, name, role, principal string) {
		t.Helper()
		w := f.do("PUT", scope+"/providers/Microsoft.Authorization/roleAssignments/"+name+"?api-version=2022-04-01",
			`{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/`+role+`","principalId":"`+principal+`"}}`)
		if w.Code != 201 {
			t.Fatalf("assign: %s", armtest.Describe(w))
		}
	}
	assign("/subscriptions/"+sub+"/resourceGroups/rg1", "99999999-0000-4000-8000-000000000001", "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", sender)
	assign("/subscriptions/"+sub, "99999999-0000-4000-8000-000000000002", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", owner)
	for _, c := range []struct {
		principal, namespace, path, want string
	}{
		{sender, namespace, "q", "[Azure Service Bus Data Sender]"},
		{sender, namespace, "", "[Azure Service Bus Data Sender]"},
		{strings.ToUpper(sender), strings.ToUpper(namespace), "Q", "[Azure Service Bus Data Sender]"},
		{sender, strings.Replace(namespace, "/rg1/", "/rg10/", 1), "q", "[]"},
		{owner, namespace, "q", "[Owner]"}, // which has no data actions
		{outsider, namespace, "q", "[]"},
	} {
		id, err := arm.ParseID(c.namespace)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(f.rp.Roles().At(c.principal, id, c.path)); got != c.want {
			t.Errorf("At(%s, %s, %s) = %s, want %s", c.principal, c.namespace, c.path, got, c.want)
		}
	}
	if got := f.rp.Roles().Assignments(sender); len(got) != 1 || got[0].PrincipalID != sender {
		t.Errorf("Assignments(%s) = %v, want the one", sender, got)
	}
	f.do("DELETE", "/subscriptions/"+sub+"/resourceGroups/rg1?api-version=2021-04-01", "")
	if got := f.rp.Roles().Assignments(""); len(got) != 1 || got[0].PrincipalID != owner {
		t.Errorf("after the group was deleted: Assignments = %v, want that of the subscription", got)
	}
}

// TestListLocations is what az account list-locations asks for [ARM 11].
func TestListLocations(t *testing.T) {
	w := newFixture(t, armtest.NewStore()).do("GET", "/subscriptions/"+sub+"/locations?api-version=2019-11-01", "")
	var list struct{ Value []json.RawMessage }
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.Value) != len(arm.Regions()) {
		t.Fatalf("%v: %d locations, want %d\n%s", err, len(list.Value), len(arm.Regions()), armtest.Describe(w))
	}
	const base = "/subscriptions/" + sub + "/locations/"
	const want = `{"id":"` + base + `westeurope","name":"westeurope","type":"Region","displayName":"West Europe","regionalDisplayName":"(Europe) West Europe",` +
		`"metadata":{"regionType":"Physical","regionCategory":"Recommended","geographyGroup":"Europe","longitude":"4.9","latitude":"52.3667",` +
		`"physicalLocation":"Netherlands","pairedRegion":[{"name":"northeurope","id":"` + base + `northeurope"}]}}`
	if !slices.ContainsFunc(list.Value, func(x json.RawMessage) bool { return string(x) == want }) {
		t.Errorf("locations: got\n%s\nwant among them\n%s", w.Body, want)
	}
}
