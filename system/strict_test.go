package system

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/servicebus/armservicebus"

	"switchyard/auth"
	"switchyard/auth/issuer"
	"switchyard/deploy"
	"switchyard/identity"
)

// A strict is a Switchyard where role assignments decide. Its application owner is
// Owner of everything.
type strict struct {
	*System
	t      *testing.T
	tokens map[string]string // of applications
}

const clientSecret = "correct horse battery staple"

// strictApplications registers applications; each is followed by its roles in JSON.
func strictApplications(t *testing.T, apps ...string) []byte {
	t.Helper()
	hash, err := issuer.HashSecret(clientSecret, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := 0; i < len(apps); i += 2 {
		list = append(list, fmt.Sprintf(`{"id":%q,"secretHashes":[%q],"roles":%s}`, apps[i], hash, apps[i+1]))
	}
	return []byte(`{"applications":[` + strings.Join(list, ",") + `]}`)
}

func startStrict(t *testing.T) strict {
	s := startSystem(t, Options{Ephemeral: true, Auth: identity.Strict, Applications: strictApplications(t,
		"owner", `[{"role":"Owner"}]`, "stranger", `[]`, "tenant-sender", `[{"role":"Azure Service Bus Data Sender","scope":"/"}]`)})
	return strict{s, t, map[string]string{}}
}

// as makes a request of an application.
func (s strict) as(app, method, path, body string) (status int, answer string) {
	s.t.Helper()
	token, ok := s.tokens[app]
	if !ok {
		iss, err := s.identities.Issuer().Issuer()
		if err != nil {
			s.t.Fatal(err)
		}
		token, err = iss.Issue("", issuer.Claims{Audience: "https://management.azure.com/", AppID: app, ObjectID: issuer.ObjectID(app)}, s.broker.Now())
		if err != nil {
			s.t.Fatal(err)
		}
		s.tokens[app] = token
	}
	r := httptest.NewRequestWithContext(s.t.Context(), method, "https://127.0.0.1"+path+"?api-version=2022-04-01", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.control.kernel.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (s strict) must(app, method, path, body string) string {
	s.t.Helper()
	status, answer := s.as(app, method, path, body)
	if status >= 300 {
		s.t.Fatalf("%s: %s %s: %d %s", app, method, path, status, answer)
	}
	return answer
}

// world makes the group g with the namespace strict-bus, its queue q, and the factory strict-df.
func (s strict) world() (group, bus, df string) {
	s.t.Helper()
	group = s.testGroup("g")
	bus, df = s.testNamespace("g", "strict-bus"), group+"/providers/Microsoft.DataFactory/factories/strict-df"
	for _, x := range [][2]string{
		{group, `{"location":"westeurope"}`}, {bus, `{"location":"westeurope"}`},
		{bus + "/queues/q", `{"properties":{}}`}, {bus + "/queues/r", `{"properties":{}}`},
		{df, `{"location":"westeurope","identity":{"type":"SystemAssigned"}}`},
		{df + "/pipelines/p", `{"properties":{"activities":[]}}`},
	} {
		s.must("owner", "PUT", x[0], x[1])
	}
	return group, bus, df
}

// assign gives an application a role at a scope.
func (s strict) assign(app, role, scope string) (name string) {
	s.t.Helper()
	name = scope + "/providers/Microsoft.Authorization/roleAssignments/" + issuer.ObjectID(app+role+scope)
	s.must("owner", "PUT", name, assignment(role, app))
	return name
}

func assignment(role, app string) string {
	return `{"properties":{"roleDefinitionId":"` + roleIDs[role] + `","principalId":"` + issuer.ObjectID(app) + `"}}`
}

var roleIDs = map[string]string{
	"Owner":                           "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
	"Contributor":                     "b24988ac-6180-42a0-ab88-20f7382dd24c",
	"Reader":                          "acdd72a7-3385-48ef-bd42-f606fba81ae7",
	"User Access Administrator":       "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
	"Data Factory Contributor":        "673868aa-7521-48a0-acc6-0f60742d39f5",
	"Azure Service Bus Data Owner":    "090c5cfd-751d-490a-894a-3ce6f1109419",
	"Azure Service Bus Data Sender":   "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
	"Azure Service Bus Data Receiver": "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
}

var refusal = regexp.MustCompile(`^The client '([^']*)' with object id '([^']*)' does not have authorization to perform action '([A-Za-z./]+)' over scope '([^']*)' or the scope is invalid. If access was recently granted, please refresh your credentials.$`)

// refused reads what an answer says is missing.
func refused(t *testing.T, status int, answer string) (client, oid, action, scope string, ok bool) {
	t.Helper()
	var e struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(answer), &e); err != nil && answer != "" {
		t.Fatalf("%d %s: %v", status, answer, err)
	}
	m := refusal.FindStringSubmatch(e.Error.Message)
	if status != http.StatusForbidden || e.Error.Code != "AuthorizationFailed" || m == nil {
		return "", "", "", "", false
	}
	return m[1], m[2], m[3], m[4], true
}

// TestEveryRouteNeedsAnAction: whatever type a provider has, and whatever the
// method, an application without roles is told which action it lacks.
func TestEveryRouteNeedsAnAction(t *testing.T) {
	s := startStrict(t)
	group, bus, _ := s.world()
	sub := "/subscriptions/" + s.subscription
	var paths []string
	for _, p := range s.control.kernel.Providers() {
		for _, typ := range p.Types() {
			root, path := "/providers/"+p.Namespace(), ""
			for _, segment := range strings.Split(typ.Type, "/") {
				list := path + "/" + segment
				path = list + "/x"
				paths = append(paths, sub+root+list, group+root+list, sub+root+path, group+root+path, bus+root+path, group+root+path+"/anything")
			}
		}
		paths = append(paths, sub+"/providers/"+p.Namespace()+"/checkNameAvailability")
	}
	paths = append(paths, sub+"/resourceGroups/x", group, group+"/resources", sub+"/tagNames", sub+"/tagNames/x", group+"/anything",
		group+"/deployments/x", sub+"/anything", sub+"/anything/x", sub+"/providers/Microsoft.X/register")
	asked := 0
	for _, path := range paths {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "POST"} {
			status, answer := s.as("stranger", method, path, `{}`)
			asked++
			if head, _ := s.as("stranger", "HEAD", path, ""); method == "GET" && head != status {
				t.Errorf("HEAD %s: %d, and GET %d", path, head, status)
			}
			client, oid, action, scope, ok := refused(t, status, answer)
			if !ok && (strings.Contains(answer, `"InvalidResourceType"`) || strings.Contains(answer, `"InvalidRequestUri"`)) {
				continue // no such route
			}
			if !ok || client != "stranger" || oid != issuer.ObjectID("stranger") || strings.Contains(action, "//") ||
				!strings.HasPrefix(strings.ToLower(path), strings.ToLower(scope)) {
				t.Errorf("%s %s: %d %s", method, path, status, answer)
			}
		}
	}
	if asked < 500 {
		t.Errorf("%d requests: the walk does not see the providers", asked)
	}
	// What a login is enough for shows nothing of what is there.
	for path, want := range map[string]string{
		"/subscriptions": `"value":[]`, "/tenants": `"tenantCategory"`, "/providers": `"namespace"`,
		"/providers/Microsoft.ServiceBus/operations": `"name"`,
	} {
		if status, answer := s.as("stranger", "GET", path, ""); status != 200 || !strings.Contains(answer, want) || strings.Contains(answer, "strict-") {
			t.Errorf("GET %s: %d %s", path, status, answer)
		}
	}
}

// TestActions: the actions of requests are those of Azure's permission lists.
func TestActions(t *testing.T) {
	s := startStrict(t)
	group, bus, df := s.world()
	sub := "/subscriptions/" + s.subscription
	for _, c := range []struct{ method, path, action, scope string }{
		{"GET", sub, "Microsoft.Resources/subscriptions/read", sub},
		{"GET", sub + "/locations", "Microsoft.Resources/subscriptions/locations/read", sub},
		{"GET", sub + "/resources", "Microsoft.Resources/subscriptions/resources/read", sub},
		{"GET", sub + "/resourcegroups", "Microsoft.Resources/subscriptions/resourceGroups/read", sub},
		{"GET", group, "Microsoft.Resources/subscriptions/resourceGroups/read", group},
		{"PUT", sub + "/resourceGroups/new", "Microsoft.Resources/subscriptions/resourceGroups/write", sub + "/resourceGroups/new"},
		{"PATCH", group, "Microsoft.Resources/subscriptions/resourceGroups/write", group},
		{"DELETE", group, "Microsoft.Resources/subscriptions/resourceGroups/delete", group},
		{"GET", group + "/resources", "Microsoft.Resources/subscriptions/resourceGroups/resources/read", group},
		{"POST", sub + "/providers/Microsoft.ServiceBus/register", "Microsoft.ServiceBus/register/action", sub},
		{"POST", sub + "/providers/Microsoft.ServiceBus/checkNameAvailability", "Microsoft.ServiceBus/checkNameAvailability/action", sub + "/providers/Microsoft.ServiceBus"},
		{"PUT", bus, "Microsoft.ServiceBus/namespaces/write", bus},
		{"PUT", strings.ToLower(bus) + "/QUEUES/q", "Microsoft.ServiceBus/namespaces/queues/write", bus + "/queues/q"},
		{"GET", bus + "/queues", "Microsoft.ServiceBus/namespaces/queues/read", bus},
		{"DELETE", bus + "/topics/t/subscriptions/s/rules/r", "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules/delete", bus + "/topics/t/subscriptions/s/rules/r"},
		{"POST", bus + "/authorizationRules/RootManageSharedAccessKey/listKeys", "Microsoft.ServiceBus/namespaces/authorizationRules/listKeys/action", bus + "/authorizationRules/RootManageSharedAccessKey"},
		{"POST", bus + "/queues/q/authorizationRules/a/regenerateKeys", "Microsoft.ServiceBus/namespaces/queues/authorizationRules/regenerateKeys/action", bus + "/queues/q/authorizationRules/a"},
		{"PUT", df + "/pipelines/p", "Microsoft.DataFactory/factories/pipelines/write", df + "/pipelines/p"},
		{"POST", df + "/pipelines/p/createRun", "Microsoft.DataFactory/factories/pipelines/createRun/action", df + "/pipelines/p"},
		{"POST", df + "/triggers/t/start", "Microsoft.DataFactory/factories/triggers/start/action", df + "/triggers/t"},
		{"POST", df + "/queryPipelineRuns", "Microsoft.DataFactory/factories/queryPipelineRuns/action", df},
		{"POST", df + "/pipelineruns/x/cancel", "Microsoft.DataFactory/factories/pipelineruns/cancel/action", df + "/pipelineruns/x"},
		{"GET", df + "/linkedservices/l", "Microsoft.DataFactory/factories/linkedservices/read", df + "/linkedservices/l"},
		{"PUT", bus + "/providers/Microsoft.Authorization/roleAssignments/x", "Microsoft.Authorization/roleAssignments/write", bus + "/providers/Microsoft.Authorization/roleAssignments/x"},
		{"GET", group + "/providers/Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleAssignments/read", group},
		{"PATCH", group + "/providers/Microsoft.Resources/tags/default", "Microsoft.Resources/tags/write", group + "/providers/Microsoft.Resources/tags/default"},
	} {
		status, answer := s.as("stranger", c.method, c.path, "{}")
		_, _, action, scope, ok := refused(t, status, answer)
		if !ok || !strings.EqualFold(action, c.action) || !strings.EqualFold(scope, c.scope) {
			t.Errorf("%s %s: %d %s\nwant %s over %s", c.method, c.path, status, answer, c.action, c.scope)
		}
	}
}

// TestRolesOfTheControlPlane: what a role at a scope allows, and what it does not.
func TestRolesOfTheControlPlane(t *testing.T) {
	s := startStrict(t)
	group, bus, df := s.world()
	sub := "/subscriptions/" + s.subscription
	other := s.testGroup("other")
	s.must("owner", "PUT", other, `{"location":"westeurope"}`)
	const located, queue = `{"location":"westeurope"}`, `{"properties":{}}`
	keys := bus + "/authorizationRules/RootManageSharedAccessKey/listKeys"
	give := "/providers/Microsoft.Authorization/roleAssignments/" + issuer.ObjectID("given")
	for _, c := range []struct {
		role, at           string
		method, path, body string
		want               bool
	}{
		{"Reader", sub, "GET", bus + "/queues/q", "", true},
		{"Reader", sub, "GET", bus + "/queues", "", true},
		{"Reader", sub, "HEAD", group, "", true},
		{"Reader", sub, "PUT", bus + "/queues/new", queue, false},
		{"Reader", sub, "POST", keys, "", false},
		{"Reader", sub, "POST", df + "/pipelines/p/createRun", "{}", false},
		{"Reader", sub, "DELETE", group, "", false},
		{"Reader", bus, "GET", bus + "/queues/q", "", true},
		{"Reader", bus, "GET", df, "", false},
		{"Reader", bus, "GET", group, "", false},
		{"Reader", bus + "/queues/q", "GET", bus + "/queues/q", "", true},
		{"Reader", bus + "/queues/q", "GET", bus + "/queues/r", "", false},
		{"Reader", bus + "/queues/q", "GET", bus + "/queues", "", false},
		{"Reader", other, "GET", group, "", false},
		{"Contributor", group, "PUT", bus + "/queues/new", queue, true},
		{"Contributor", group, "POST", keys, "", true},
		{"Contributor", group, "PUT", group, located, true},
		{"Contributor", group, "PUT", s.testGroup("third"), located, false},
		{"Contributor", group, "DELETE", other, "", false},
		{"Contributor", group, "PUT", group + give, assignment("Reader", "x"), false},
		{"Contributor", sub, "POST", sub + "/providers/Microsoft.ServiceBus/register", "", true},
		{"Contributor", sub, "PUT", sub + "/resourceGroups/third", located, true},
		{"Contributor", group, "PUT", group + "/providers/Microsoft.Resources/tags/default", `{"properties":{"tags":{}}}`, true},
		{"Reader", group, "PUT", group + "/providers/Microsoft.Resources/tags/default", `{"properties":{"tags":{}}}`, false},
		{"User Access Administrator", group, "PUT", group + give, assignment("Reader", "x"), true},
		{"User Access Administrator", group, "DELETE", group + give, "", true},
		{"User Access Administrator", group, "PUT", sub + give, assignment("Reader", "x"), false},
		{"User Access Administrator", group, "PUT", bus + "/queues/new", queue, false},
		{"User Access Administrator", group, "POST", keys, "", false},
		{"Owner", group, "PUT", group + give, assignment("Reader", "x"), true},
		{"Owner", bus, "PUT", group + give, assignment("Owner", "x"), false},
		{"Owner", bus, "DELETE", bus + "/queues/new", "", true},
		{"Data Factory Contributor", group, "PUT", df + "/pipelines/p2", `{"properties":{"activities":[]}}`, true},
		{"Data Factory Contributor", group, "POST", df + "/pipelines/p/createRun", "{}", true},
		{"Data Factory Contributor", group, "GET", group, "", true},
		{"Data Factory Contributor", group, "GET", bus, "", false},
		{"Data Factory Contributor", group, "POST", keys, "", false},
		{"Azure Service Bus Data Owner", bus, "PUT", bus + "/queues/new", queue, true},
		{"Azure Service Bus Data Owner", bus, "POST", keys, "", true},
		{"Azure Service Bus Data Owner", bus, "GET", df, "", false},
		{"Azure Service Bus Data Sender", bus, "GET", bus + "/queues/q", "", true},
		{"Azure Service Bus Data Sender", bus, "GET", bus, "", false},
		{"Azure Service Bus Data Receiver", bus, "PUT", bus + "/queues/new", queue, false},
		{"Azure Service Bus Data Receiver", bus, "POST", keys, "", false},
		// Who has a role somewhere sees the subscription, its regions and providers.
		{"Reader", bus, "GET", sub, "", true},
		{"Reader", bus, "GET", sub + "/locations", "", true},
		{"Reader", bus, "GET", sub + "/providers/Microsoft.ServiceBus", "", true},
		{"Reader", bus, "GET", sub + "/tagNames", "", false},
	} {
		name := s.assign("clerk", c.role, c.at)
		status, answer := s.as("clerk", c.method, c.path, c.body)
		_, _, _, _, denied := refused(t, status, answer)
		if c.want && status >= 300 || !c.want && !denied {
			t.Errorf("%s at %s: %s %s: %d %s, want allowed: %t", c.role, c.at, c.method, c.path, status, answer, c.want)
		}
		s.must("owner", "DELETE", name, "")
		if status, answer := s.as("clerk", c.method, c.path, c.body); c.want && status != http.StatusForbidden {
			t.Errorf("without its role: %s %s: %d %s", c.method, c.path, status, answer)
		}
	}
}

// TestListsShowWhatMayBeRead: the lists of a subscription or group have what the
// caller may read, and nothing else.
func TestListsShowWhatMayBeRead(t *testing.T) {
	s := startStrict(t)
	group, bus, _ := s.world()
	sub := "/subscriptions/" + s.subscription
	s.must("owner", "PUT", s.testGroup("other"), `{"location":"westeurope"}`)
	s.must("owner", "PUT", s.testNamespace("other", "other-bus"), `{"location":"westeurope"}`)
	s.assign("of-bus", "Reader", bus)
	s.assign("of-group", "Reader", group)
	for _, c := range []struct {
		app, path string
		want      []string // the names that may be there; no others
	}{
		{"owner", sub + "/resources", []string{"strict-bus", "strict-df", "other-bus"}},
		{"of-group", sub + "/resources", []string{"strict-bus", "strict-df"}},
		{"of-bus", sub + "/resources", []string{"strict-bus"}},
		{"of-bus", group + "/resources", []string{"strict-bus"}},
		{"of-bus", sub + "/providers/Microsoft.ServiceBus/namespaces", []string{"strict-bus"}},
		{"of-bus", sub + "/providers/Microsoft.DataFactory/factories", nil},
		{"of-group", sub + "/resourcegroups", []string{"g"}},
		{"of-bus", sub + "/resourcegroups", nil},
		{"of-bus", "/subscriptions", []string{s.subscription}},
		{"owner", "/subscriptions", []string{s.subscription}},
	} {
		var list struct {
			Value []struct{ Name, SubscriptionID string }
			Count struct{ Value int }
		}
		answer := s.must(c.app, "GET", c.path, "")
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, v := range list.Value {
			got[v.Name+v.SubscriptionID] = true
		}
		for _, name := range c.want {
			if !got[name] {
				t.Errorf("%s: GET %s: no %s in %s", c.app, c.path, name, answer)
			}
		}
		if len(got) != len(c.want) || c.path == "/subscriptions" && list.Count.Value != len(c.want) {
			t.Errorf("%s: GET %s: %s, want %q only", c.app, c.path, answer, c.want)
		}
	}
}

// TestStrictAgainstItsOwn: what a registered application without a role, in Azure's
// own client library, can do to the resources of another: nothing.
func TestStrictAgainstItsOwn(t *testing.T) {
	s := startStrict(t)
	group, bus, _ := s.world()
	c := newAzureClient(t, s.System)
	tenant := s.identities.TenantID()
	cred, err := azidentity.NewClientSecretCredential(tenant, "stranger", clientSecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: c.options, DisableInstanceDiscovery: true})
	c.must(err)
	options := &arm.ClientOptions{ClientOptions: c.options}
	client, err := armservicebus.NewClientFactory(s.subscription, cred, options)
	c.must(err)
	groups, err := armresources.NewClientFactory(s.subscription, cred, options)
	c.must(err)
	ctx := context.Background()

	_, err = client.NewNamespacesClient().ListKeys(ctx, "g", "strict-bus", "RootManageSharedAccessKey", nil)
	c.wantCode("listKeys", err, 403, "AuthorizationFailed")
	if e, ok := errors.AsType[*azcore.ResponseError](err); ok && !strings.Contains(e.Error(), "has no role anywhere") {
		t.Errorf("the refusal does not say what to do: %v", e)
	}
	_, err = groups.NewResourceGroupsClient().BeginDelete(ctx, "g", nil)
	c.wantCode("delete of another's group", err, 403, "AuthorizationFailed")
	_, err = client.NewQueuesClient().CreateOrUpdate(ctx, "g", "strict-bus", "q", armservicebus.SBQueue{Properties: &armservicebus.SBQueueProperties{}}, nil)
	c.wantCode("change of a queue", err, 403, "AuthorizationFailed")
	_, err = groups.NewResourceGroupsClient().CreateOrUpdate(ctx, "mine", armresources.ResourceGroup{Location: to.Ptr("westeurope")}, nil)
	c.wantCode("a group of its own", err, 403, "AuthorizationFailed")
	self := "/providers/Microsoft.Authorization/roleAssignments/" + issuer.ObjectID("self")
	for _, scope := range []string{"", "/subscriptions/" + s.subscription, group, bus, bus + "/queues/q"} {
		if status, answer := s.as("stranger", "PUT", scope+self, assignment("Azure Service Bus Data Owner", "stranger")); status != 403 {
			t.Errorf("a role for itself at %q: %d %s", scope, status, answer)
		}
	}
	s.must("owner", "GET", bus+"/queues/q", "") // it is all still there
}

// TestFactoryNeedsRoles: a pipeline sends as its factory's identity, which may do
// what roles that are assigned to it say.
func TestFactoryNeedsRoles(t *testing.T) {
	s := startStrict(t)
	_, bus, df := s.world()
	s.must("owner", "PUT", df+"/linkedservices/Bus", `{"properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"strict-bus.servicebus.windows.net"}}}`)
	s.must("owner", "PUT", df+"/pipelines/sends", `{"properties":{"activities":[{"name":"S","type":"ServiceBusSend","linkedServiceName":{"type":"LinkedServiceReference","referenceName":"Bus"},"typeProperties":{"queueName":"q","body":"x"}}]}}`)
	run := func() (status, answer string) {
		t.Helper()
		var created struct{ RunID string }
		if err := json.Unmarshal([]byte(s.must("owner", "POST", df+"/pipelines/sends/createRun", "{}")), &created); err != nil {
			t.Fatal(err)
		}
		end, err := s.engine.Wait(t.Context(), created.RunID)
		if err != nil {
			t.Fatal(err)
		}
		return end.String(), s.must("owner", "GET", df+"/pipelineruns/"+created.RunID, "")
	}
	var f struct {
		Identity struct{ PrincipalID string }
	}
	if err := json.Unmarshal([]byte(s.must("owner", "GET", df, "")), &f); err != nil {
		t.Fatal(err)
	}
	if end, answer := run(); end != "Failed" || !strings.Contains(answer, "object id "+f.Identity.PrincipalID) {
		t.Errorf("without a role: %s %s", end, answer)
	}
	role := bus + "/queues/q/providers/Microsoft.Authorization/roleAssignments/" + issuer.ObjectID("df")
	s.must("owner", "PUT", role, strings.Replace(assignment("Azure Service Bus Data Sender", "x"), issuer.ObjectID("x"), f.Identity.PrincipalID, 1))
	if end, answer := run(); end != "Succeeded" {
		t.Errorf("with the role: %s %s", end, answer)
	}
	s.must("owner", "DELETE", role, "")
	if end, _ := run(); end != "Failed" {
		t.Errorf("after the role was taken away: %s", end)
	}
}

// TestRolesOfApplications: the file says which built-in roles an application has.
func TestRolesOfApplications(t *testing.T) {
	for _, c := range []struct{ roles, want string }{
		{`[{"role":"Emperor"}]`, `there is no role "Emperor"; there are Owner, Contributor`},
		{`[{"role":"Owner","scope":"nowhere"}]`, `scope: invalid resource ID`},
		{`[{"scope":"/"}]`, `one of its roles has no name`},
		{`[{"role":"Owner","at":"/"}]`, `unknown field "at"`},
	} {
		_, err := Start(t.Context(), Options{Ephemeral: true, Auth: identity.Strict, Applications: strictApplications(t, "a", c.roles)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.roles, err, c.want)
		}
	}
	s := startStrict(t)
	_, bus, _ := s.world()
	if g, err := s.factoryRights("strict-df", "strict-bus", "q"); err != nil || g.Rights != 0 {
		t.Errorf("rights of a new factory: %+v, %v", g, err)
	}
	if roles := (entityRoles{&s.control}).DataRoles(issuer.ObjectID("tenant-sender"), "strict-bus", "q"); len(roles) != 1 {
		t.Errorf("roles of tenant-sender at %s/queues/q: %q", bus, roles)
	}
}

// TestModeIsKept: a data directory is served as the last time unless it is said
// otherwise, and what was given out in development is worth nothing in strict mode.
func TestModeIsKept(t *testing.T) {
	dir := t.TempDir() + "/data"
	apps := strictApplications(t, "owner", `[{"role":"Owner"}]`)
	config := folder(t, map[string]string{"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"strict-ns","Queues":[{"Name":"q"}]}]}}`})
	var owner *strict // an owner's token of the last start
	for i, c := range []struct {
		mode  identity.Mode
		apps  []byte
		want  string // of the error
		serve identity.Mode
		token int // what the Resource Manager answers to the token of the last start
	}{
		{"", nil, "", identity.Development, 0},
		{"", apps, "auth-applications needs --auth strict", "", 0},
		{identity.Strict, apps, "", identity.Strict, 401},
		{"", nil, "was last served with --auth strict", "", 0},
		{"", apps, "", identity.Strict, 200},
		{identity.Development, apps, "auth-applications needs --auth strict", "", 0},
		{identity.Development, nil, "", identity.Development, 200},
		{"", nil, "", identity.Development, 200},
		{identity.Strict, apps, "", identity.Strict, 401},
	} {
		s, err := Start(t.Context(), Options{DataDir: dir, Auth: c.mode, Applications: c.apps, Deployments: []*deploy.Deployment{config}})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%d: error %v, want one with %q", i, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if got := s.identities.Strict(); got != (c.serve == identity.Strict) {
			t.Errorf("%d: strict: %t, want %s", i, got, c.serve)
		}
		now := strict{s, t, map[string]string{}}
		if owner != nil {
			now.tokens = owner.tokens
			if status, answer := now.as("owner", "GET", "/subscriptions", ""); status != c.token {
				t.Errorf("%d: with the token of the last start: %d %s, want %d", i, status, answer, c.token)
			}
			now.tokens = map[string]string{}
		}
		now.must("owner", "GET", "/subscriptions/"+s.subscription, "")
		owner = &now
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStrictFolder: a namespace that a folder declares in strict mode does not get the
// key that everybody knows, then or later.
func TestStrictFolder(t *testing.T) {
	dir := t.TempDir() + "/data"
	config := folder(t, map[string]string{"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"strict-ns","Queues":[{"Name":"q"}]}]}}`})
	for _, o := range []Options{
		{Auth: identity.Strict, Applications: strictApplications(t, "owner", `[{"role":"Owner"}]`)}, {Auth: identity.Development},
	} {
		o.DataDir, o.Deployments = dir, []*deploy.Deployment{config}
		s, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.auth.Rule("strict-ns", "", auth.DefaultRuleName)
		if err != nil || r.PrimaryKey == auth.DevelopmentKey || r.PrimaryKey == "" {
			t.Errorf("%s: the key is %q (error %v)", o.Auth, r.PrimaryKey, err)
		}
		s.Stop()
	}
}
