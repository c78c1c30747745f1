package resourcesrp_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"switchyard/arm/armtest"
	"switchyard/arm/resourcesrp"
	"switchyard/commit"
)

// TestRefused: requests that change nothing, each with its status and code. The
// files in testdata show what succeeds.
func TestRefused(t *testing.T) {
	f := newFixture(t, armtest.NewStore())
	const (
		version    = "?api-version=2021-04-01"
		group      = "/subscriptions/" + sub + "/resourceGroups/rg1"
		tags       = group + "/providers/Microsoft.Resources/tags/default"
		assignment = group + "/providers/Microsoft.Authorization/roleAssignments/99999999-0000-4000-8000-000000000001"
		sender     = "/providers/Microsoft.Authorization/roleDefinitions/69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
		principal  = "bbbbbbbb-0000-4000-8000-000000000001"
	)
	if w := f.do("PUT", group+version, `{"location":"westeurope","tags":{"a":"1"}}`); w.Code != 201 {
		t.Fatal(armtest.Describe(w))
	}
	const subscriptionTags = "/subscriptions/" + sub + "/providers/Microsoft.Resources/tags/default"
	if w := f.do("PUT", subscriptionTags+version, `{"properties":{"tags":{"a":"1"}}}`); w.Code != 200 {
		t.Fatal(armtest.Describe(w))
	}
	before := strings.Join(f.store.Keys(""), "\n")
	assign := func(properties string) string { return `{"properties":{` + properties + `}}` }
	good := `"roleDefinitionId":"` + sender + `","principalId":"` + principal + `"`
	manyTags := make([]string, 51)
	for i := range manyTags {
		manyTags[i] = fmt.Sprintf(`"t%d":"x"`, i)
	}
	tag := func(text string) string {
		return `{"operation":"Merge","properties":{"tags":{` + text + `}}}`
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"PUT", group, `{"location":"atlantis"}`, 400, "LocationNotAvailableForResourceGroup"},
		{"PUT", group, `{"location":""}`, 400, "LocationRequired"},
		{"PUT", group, `{"location":5}`, 400, "InvalidRequestContent"},
		{"PUT", group, `{"location":"westeurope","tags":{"a":1}}`, 400, "InvalidRequestContent"},
		{"PUT", group, `{"location":"westeurope","tags":[]}`, 400, "InvalidRequestContent"},
		{"PUT", group, `{"location":"westeurope","zones":["1"]}`, 400, "InvalidRequestContent"},
		{"PUT", group, `{"location":"westus"}`, 409, "InvalidResourceGroupLocation"},
		{"PATCH", group, `{"location":"westus"}`, 409, "InvalidResourceGroupLocation"},
		{"PATCH", group, `{"colour":"red"}`, 400, "InvalidRequestContent"},
		{"PUT", group + strings.Repeat("x", 88), `{"location":"westeurope"}`, 400, "InvalidResourceGroup"},
		{"PUT", group + "%2Fx", `{"location":"westeurope"}`, 400, "InvalidResourceGroup"},
		{"PUT", group + "@", `{"location":"westeurope"}`, 400, "InvalidResourceGroup"},
		{"POST", group, ``, 405, "MethodNotAllowed"},
		{"POST", group + "/moveResources", `{}`, 501, "NotSupported"},
		{"GET", group + "/nothing", ``, 404, "NotFound"},
		{"GET", group + "/resources/x", ``, 404, "NotFound"},
		{"PUT", "/subscriptions/" + sub, `{}`, 405, "MethodNotAllowed"},
		{"GET", "/subscriptions/" + sub + "/locations/westeurope", ``, 404, "NotFound"},
		{"GET", "/tenants/" + tenant, ``, 404, "NotFound"},
		{"GET", "/subscriptions/" + sub + "/resourcegroups", `?$filter=name gt 'a'`, 400, "InvalidFilterInQueryString"},
		{"GET", group + "/resources", `?$filter=colour eq 'red'`, 400, "InvalidFilterInQueryString"},

		{"PUT", tags, tag(`"<":"1"`), 400, "InvalidTagNameCharacters"},
		{"PATCH", tags, tag(`"":"1"`), 400, "InvalidTagNameLength"},
		{"PATCH", tags, tag(`"` + strings.Repeat("n", 513) + `":"1"`), 400, "InvalidTagNameLength"},
		{"PATCH", tags, tag(`"n":"` + strings.Repeat("v", 257) + `"`), 400, "InvalidTagValueLength"},
		{"PATCH", tags, tag(`"n":"1","N":"2"`), 400, "DuplicateTagName"},
		{"PUT", tags, tag(strings.Join(manyTags, ",")), 400, "TooManyTags"},
		{"PATCH", tags, tag(strings.Join(manyTags[:50], ",")), 400, "TooManyTags"}, // with the one that is there
		{"PATCH", subscriptionTags, tag(strings.Join(manyTags[:50], ",")), 400, "TooManyTags"},
		{"PATCH", tags, `{"properties":{"tags":{}}}`, 400, "InvalidRequestContent"},
		{"PATCH", tags, `{"operation":"Add","properties":{"tags":{}}}`, 400, "InvalidRequestContent"},
		{"PUT", tags, `{"properties":{"tags":{"a":null}}}`, 400, "InvalidRequestContent"},
		{"PUT", tags, `{"properties":{"labels":{}}}`, 400, "InvalidRequestContent"},
		{"POST", tags, ``, 405, "MethodNotAllowed"},
		{"GET", group + "/providers/Microsoft.Resources/tags", ``, 404, "NotFound"},
		{"GET", "/providers/Microsoft.Resources/tags/default", ``, 404, "NotFound"},

		{"PUT", assignment, assign(`"principalId":"` + principal + `"`), 400, "RoleDefinitionDoesNotExist"},
		{"PUT", assignment, assign(`"roleDefinitionId":"` + sender + `","principalId":"me"`), 400, "InvalidPrincipalId"},
		{"PUT", assignment, assign(good + `,"conditionVersion":"2.0"`), 400, "InvalidRequestContent"},
		{"PUT", assignment, assign(good + `,"delegatedManagedIdentityResourceId":"x"`), 400, "InvalidRequestContent"},
		{"PUT", assignment, assign(good + `,"colour":"red"`), 400, "InvalidRequestContent"},
		{"PUT", assignment, `{` + good + `}`, 400, "InvalidRequestContent"},
		{"PUT", assignment + "0", assign(good), 400, "InvalidRoleAssignmentId"},
		{"PATCH", assignment, assign(good), 405, "MethodNotAllowed"},
		{"GET", assignment, ``, 404, "RoleAssignmentNotFound"},
		{"POST", assignment + "/act", ``, 404, "NotFound"},
		{"DELETE", group + "/providers/Microsoft.Authorization/roleDefinitions/x", ``, 400, "BadRequest"},
		{"GET", group + "/providers/Microsoft.Authorization/roleDefinitions", `?$filter=roleName ne 'Owner'`, 400, "UnsupportedQuery"},
		{"GET", group + "/providers/Microsoft.Authorization/roleAssignments", `?$filter=atScope() or assignedTo('x')`, 400, "UnsupportedQuery"},
		{"GET", group + "/providers/Microsoft.Authorization/locks/l", ``, 404, "ResourceNotFound"},
		{"PATCH", group + "/providers/Microsoft.Authorization/locks/l", `{}`, 400, "BadRequest"},
		{"POST", group + "/providers/Microsoft.Authorization/locks/l", ``, 405, "MethodNotAllowed"},
		{"POST", group + "/providers/Microsoft.Insights/diagnosticSettings/d/act", ``, 405, "MethodNotAllowed"},

		{"POST", "/subscriptions/" + sub + "/providers/Contoso~Things/register", ``, 400, "InvalidResourceNamespace"},
		{"POST", "/subscriptions/" + sub + "/providers/Contoso.Things/deregister", ``, 405, "MethodNotAllowed"},
		{"PUT", "/subscriptions/" + sub + "/providers/Contoso.Things", `{}`, 405, "MethodNotAllowed"},
	} {
		path := c.path + version
		if query, ok := strings.CutPrefix(c.body, "?"); ok {
			path, c.body = path+"&"+strings.ReplaceAll(query, " ", "%20"), ""
		}
		w := f.do(c.method, path, c.body)
		if w.Code != c.status || w.Header().Get("x-ms-error-code") != c.code {
			t.Errorf("%s %s %.80s: got\n%s\nwant %d %s", c.method, path, c.body, armtest.Describe(w), c.status, c.code)
		}
	}
	if w := f.do("GET", group+version, ""); !strings.Contains(w.Body.String(), `"tags":{"a":"1"}`) {
		t.Errorf("what was refused changed the group: %s", armtest.Describe(w))
	}
	if after := strings.Join(f.store.Keys(""), "\n"); after != before {
		t.Errorf("what was refused changed the store: before\n%s\nafter\n%s", before, after)
	}
}

// TestGroupNames covers [ARM 5.2]: 1 to 90 letters, digits, _ - . ( ), a period
// not at the end.
func TestGroupNames(t *testing.T) {
	f := newFixture(t, armtest.NewStore())
	for name, good := range map[string]bool{
		"a": true, "0": true, "_-.()a": true, "Größe": true, "名前": true, strings.Repeat("n", 90): true,
		"a.": false, ".": false, "a b": false, "a+b": false, "a~b": false, "a:b": false, "a;b": false, strings.Repeat("ä", 91): false,
	} {
		path := "/subscriptions/" + sub + "/resourceGroups/" + strings.ReplaceAll(name, " ", "%20") + "?api-version=2021-04-01"
		if w := f.do("PUT", path, `{"location":"westeurope"}`); good != (w.Code == 201) || !good && w.Code != 400 {
			t.Errorf("%q: got\n%s\nwant it good: %t", name, armtest.Describe(w), good)
		}
		// A name is found in any case, letters beyond ASCII included.
		if w := f.do("GET", strings.Replace(path, name, strings.ToUpper(name), 1), ""); good && (w.Code != 200 || !strings.Contains(w.Body.String(), `"name":"`+name+`"`)) {
			t.Errorf("%q in upper case: got\n%s\nwant the group as it was created", name, armtest.Describe(w))
		}
	}
}

// TestSubscriptionsWithGroups: a list shows the default subscription and those
// that somebody uses, each once.
func TestSubscriptionsWithGroups(t *testing.T) {
	f := newFixture(t, armtest.NewStore())
	const other = "AAAAAAAA-0000-4000-8000-000000000001"
	for _, path := range []string{sub + "/resourceGroups/a", other + "/resourceGroups/a", other + "/resourceGroups/b"} {
		f.do("PUT", "/subscriptions/"+path+"?api-version=2021-04-01", `{"location":"westeurope"}`)
	}
	body := f.do("GET", "/subscriptions?api-version=2021-04-01", "").Body.String()
	if strings.Count(body, `"subscriptionId":`) != 2 || !strings.Contains(body, `"subscriptionId":"`+sub+`"`) || !strings.Contains(body, `"subscriptionId":"`+strings.ToLower(other)+`"`) || !strings.HasSuffix(body, `"count":{"type":"Total","value":2}}`) {
		t.Errorf("subscriptions: %s", body)
	}
	list := f.do("GET", "/subscriptions/"+other+"/resourcegroups?api-version=2021-04-01", "").Body.String()
	if strings.Count(list, `"name":`) != 2 || strings.Contains(list, sub) {
		t.Errorf("groups of one subscription: %s", list)
	}
}

// TestNotDurable: what can't be written is not answered with success, and is not
// there afterwards.
func TestNotDurable(t *testing.T) {
	f := newFixture(t, armtest.NewStore())
	const version, group = "?api-version=2021-04-01", "/subscriptions/" + sub + "/resourceGroups/rg1"
	const assignment = group + "/providers/Microsoft.Authorization/roleAssignments/99999999-0000-4000-8000-000000000001" + version
	const role = `{"properties":{"roleDefinitionId":"69a216fc-b8fb-44d8-bc22-1f3c2cd27a39","principalId":"bbbbbbbb-0000-4000-8000-000000000001"}}`
	f.do("PUT", group+version, `{"location":"westeurope"}`)
	f.log.Full = errors.New("no space left on device")
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/subscriptions/" + sub + "/resourceGroups/rg2" + version, `{"location":"westeurope"}`},
		{"PATCH", group + version, `{"tags":{"a":"1"}}`},
		{"DELETE", group + version, ``},
		{"PUT", "/subscriptions/" + sub + "/providers/Microsoft.Resources/tags/default" + version, `{"properties":{"tags":{"a":"1"}}}`},
		{"PUT", assignment, role},
	} {
		if w := f.do(c.method, c.path, c.body); w.Code != 500 || strings.Contains(w.Body.String(), "space") {
			t.Errorf("%s %s: got\n%s\nwant 500 and no word of the disk", c.method, c.path, armtest.Describe(w))
		}
	}
	f.log.Full = nil
	for path, want := range map[string]string{
		"/subscriptions/" + sub + "/resourcegroups" + version:                             `"tags":{},"properties":{"provisioningState":"Succeeded"}}]}`,
		"/subscriptions/" + sub + version:                                                 `"tags":{}`,
		group + "/providers/Microsoft.Authorization/roleAssignments" + version:            `{"value":[]}`,
		"/subscriptions/" + sub + "/providers/Microsoft.Resources/tags/default" + version: `"tags":{}`,
	} {
		if w := f.do("GET", path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("GET %s: got\n%s\nwant it as before, with %s", path, armtest.Describe(w), want)
		}
	}
	if len(f.rp.Roles().Assignments("")) != 0 {
		t.Error("a role assignment that is not durable holds")
	}
}

// TestConcurrentAssignments: of many clients that give one principal one role at
// one scope under different names, one succeeds.
func TestConcurrentAssignments(t *testing.T) {
	f := newFixture(t, armtest.NewStore())
	const clients = 16
	status := make([]int, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			status[i] = f.do("PUT", fmt.Sprintf("/subscriptions/%s/providers/Microsoft.Authorization/roleAssignments/99999999-0000-4000-8000-0000000000%02d?api-version=2022-04-01", sub, i),
				`{"properties":{"roleDefinitionId":"69a216fc-b8fb-44d8-bc22-1f3c2cd27a39","principalId":"bbbbbbbb-0000-4000-8000-000000000001"}}`).Code
		})
	}
	wg.Wait()
	created := 0
	for i, s := range status {
		switch s {
		case 201:
			created++
		case 409:
		default:
			t.Errorf("client %d got %d", i, s)
		}
	}
	if created != 1 || len(f.rp.Roles().Assignments("")) != 1 {
		t.Errorf("%d clients created an assignment, and there are %d; want 1: %v", created, len(f.rp.Roles().Assignments("")), status)
	}
}

// TestRecords: records of another version, and those that can't be read, are not
// taken for "not there": a group would be created anew in place of the old one.
func TestRecords(t *testing.T) {
	const version = "?api-version=2021-04-01"
	put := func(key, val string) *armtest.Store {
		store, log, u := armtest.NewStore(), &armtest.Log{}, &commit.Unit{}
		store.Put(u, key, []byte(val))
		log.Submit(u)
		log.Sync(u)
		return store
	}
	for _, val := range []string{`{"version":2,"name":"rg1","location":"westeurope"}`, `{"version":1`, ``} {
		f := newFixture(t, put("resources/groups/"+sub+"/rg1", val))
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			if w := f.do(method, "/subscriptions/"+sub+"/resourceGroups/rg1"+version, `{"location":"westeurope"}`); w.Code != 500 {
				t.Errorf("group record %q: %s: got %d, want 500", val, method, w.Code)
			}
		}
		if w := f.do("GET", "/subscriptions/"+sub+"/resourcegroups"+version, ""); w.Code != 500 {
			t.Errorf("group record %q: list: got %d, want 500", val, w.Code)
		}
		// Nor is what is in the group "not there": a client would forget it.
		if w := f.do("GET", "/subscriptions/"+sub+"/resourceGroups/rg1/providers/Contoso.Things/things/t"+version, ""); w.Code != 500 {
			t.Errorf("group record %q: a resource in it: got %d, want 500", val, w.Code)
		}
		f = newFixture(t, put("resources/subscriptions/"+sub, val))
		for _, path := range []string{"/subscriptions", "/subscriptions/" + sub, "/subscriptions/" + sub + "/providers/Microsoft.Resources/tags/default"} {
			if w := f.do("GET", path+version, ""); w.Code != 500 {
				t.Errorf("subscription record %q: GET %s: got %d, want 500", val, path, w.Code)
			}
		}
	}
	for _, val := range []string{`{"version":2}`, `{"version":1`, `{"version":1,"scope":"no ID"}`} {
		_, err := resourcesrp.New(resourcesrp.Options{Store: put("authorization/assignments/x", val), Log: &armtest.Log{}, Clock: armtest.NewClock()})
		if err == nil || !strings.HasPrefix(err.Error(), "read role assignment: ") {
			t.Errorf("assignment record %q: New: %v, want an error", val, err)
		}
	}
}
