package system

import (
	"strings"
	"testing"
	"time"

	"switchyard/auth"
	"switchyard/auth/issuer"
	"switchyard/identity"
)

// TestRolesOfTheDataPlane: where only registered applications log in, the role
// assignments of the control plane decide what a token may do with messages.
func TestRolesOfTheDataPlane(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true, Auth: identity.Strict, Applications: []byte(`{"applications":[]}`)})
	home := s.subscription
	elsewhere := "0e11d5e2-0000-4000-8000-000000000001"
	for _, sub := range []string{home, elsewhere} {
		name := "ns-" + sub[:6]
		in := func(path string) string { return strings.Replace(path, home, sub, 1) }
		must(t, s, "PUT", in(s.testGroup("queues")), `{"location":"westeurope"}`)
		must(t, s, "PUT", in(s.testNamespace("queues", name)), `{"location":"westeurope"}`)
		for _, entity := range []string{"queues/q", "queues/a", "queues/a%2Fb", "queues/ab", "topics/t", "topics/t/subscriptions/s"} {
			must(t, s, "PUT", in(s.testNamespace("queues", name))+"/"+entity, `{"properties":{}}`)
		}
	}
	roles := map[string]string{
		auth.RoleDataOwner:    "090c5cfd-751d-490a-894a-3ce6f1109419",
		auth.RoleDataReceiver: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
		auth.RoleDataSender:   "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
		"Contributor":         "b24988ac-6180-42a0-ab88-20f7382dd24c",
	}
	iss, err := s.identities.Issuer().Issuer()
	if err != nil {
		t.Fatal(err)
	}
	const all = auth.Manage | auth.Listen | auth.Send
	for i, c := range []struct {
		role, sub, scope string // scope is what follows the namespace's id; "..": its group
		path             string
		want             auth.Rights
	}{
		{auth.RoleDataSender, home, "", "a", auth.Send},
		{auth.RoleDataReceiver, home, "", "a", auth.Listen},
		{auth.RoleDataOwner, home, "", "a", all},
		{auth.RoleDataSender, home, "..", "a", auth.Send},
		{auth.RoleDataOwner, elsewhere, "", "a", all},
		{auth.RoleDataOwner, elsewhere, "..", "a", all},
		{auth.RoleDataSender, elsewhere, "/queues/a", "a", auth.Send},
		{auth.RoleDataReceiver, home, "/queues/a", "a/$DeadLetterQueue", auth.Listen},
		{auth.RoleDataSender, home, "/queues/a", "ab", 0},
		{auth.RoleDataSender, home, "/queues/a", "a/b", 0},
		{auth.RoleDataSender, home, "/queues/a", "", 0},
		{auth.RoleDataSender, home, "/queues/a~b", "a/b", auth.Send},
		{auth.RoleDataSender, home, "/queues/a~b", "a", 0},
		{auth.RoleDataSender, home, "/topics/t", "t", auth.Send},
		{auth.RoleDataReceiver, home, "/topics/t", "t/Subscriptions/s", auth.Listen},
		{auth.RoleDataReceiver, home, "/topics/t/subscriptions/s", "t/Subscriptions/s", auth.Listen},
		{auth.RoleDataReceiver, home, "/topics/t/subscriptions/s", "t", 0},
		{"Contributor", home, "", "a", 0},
	} {
		name := "ns-" + c.sub[:6]
		oid := issuer.ObjectID(c.role + c.scope + c.path + c.sub)
		id := strings.Replace(s.testNamespace("queues", name), home, c.sub, 1) + c.scope
		if c.scope == ".." {
			id = strings.Replace(s.testGroup("queues"), home, c.sub, 1)
		}
		assignment := id + "/providers/Microsoft.Authorization/roleAssignments/" + issuer.ObjectID("assignment"+oid)
		must(t, s, "PUT", assignment, `{"properties":{"roleDefinitionId":"`+roles[c.role]+`","principalId":"`+oid+`"}}`)
		token, err := iss.Issue("", issuer.Claims{Audience: "https://servicebus.azure.net", AppID: oid, ObjectID: oid}, s.broker.Now())
		if err != nil {
			t.Fatal(err)
		}
		g, err := s.auth.VerifyJWT(name, token, "amqp://"+name+".servicebus.windows.net/"+c.path, s.broker.Now().Add(time.Second))
		if err != nil || g.Rights != c.want {
			t.Errorf("%d: %s at %q of %s gives %v (error %v) on %q, want %v", i, c.role, c.scope, name, g.Rights, err, c.path, c.want)
		}
		must(t, s, "DELETE", assignment, "")
	}
}
