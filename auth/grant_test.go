package auth

import (
	"slices"
	"testing"
	"time"

	"switchyard/auth/authtest"
)

func TestRights(t *testing.T) {
	tests := []struct {
		has, wanted Rights
		want        bool
	}{
		{Send, Send, true}, {Send, Listen, false}, {Listen, Send, false}, {Listen, Listen | Send, true},
		{Manage, Send, true}, {Manage, Listen, true}, {Manage, Manage, true}, {Send | Listen, Manage, false}, {0, Send, false},
	}
	for _, tt := range tests {
		if got := tt.has.Allows(tt.wanted); got != tt.want {
			t.Errorf("(%v).Allows(%v) = %v, want %v", tt.has, tt.wanted, got, tt.want)
		}
	}
	if got, want := (Send | Manage | Listen).Names(), []string{"Manage", "Listen", "Send"}; !slices.Equal(got, want) {
		t.Errorf("Names = %v, want %v", got, want)
	}
	if got, err := ParseRights([]string{"send", "LISTEN"}); err != nil || got != Send|Listen {
		t.Errorf("ParseRights = %v, %v, want Listen,Send", got, err)
	}
}

func TestGrants(t *testing.T) {
	var g Grants
	at := func(s int) time.Time { return testNow.Add(time.Duration(s) * time.Second) }
	g.Put(Grant{Path: "orders", Rights: Send, Expires: at(10)}, 3)
	g.Put(Grant{Path: "Invoices", Rights: Listen, Expires: at(20)}, 3)
	g.Put(Grant{Path: "q/$management", Rights: Send | Listen, Expires: at(30)}, 3)
	if g.Put(Grant{Path: "more", Rights: Send}, 3) {
		t.Error("a fourth path was accepted, want the limit of 3 kept")
	}
	tests := []struct {
		path   string
		wanted Rights
		now    int
		want   bool
	}{
		{"orders", Send, 0, true},
		{"ORDERS", Send, 0, true},
		{"orders", Listen, 0, false},
		{"orders/$DeadLetterQueue", Send, 0, true},
		{"orders2", Send, 0, false},
		{"order", Send, 0, false},
		{"orders", Send, 9, true},
		{"orders", Send, 10, false},
		{"invoices", Listen, 10, true},
		{"q", Listen, 0, false},
		{"q/$management", Listen, 0, true},
		{"", Send, 0, false},
	}
	for _, tt := range tests {
		if got := g.Allows(tt.path, tt.wanted, at(tt.now)); got != tt.want {
			t.Errorf("Allows(%q, %v) after %d s = %v, want %v", tt.path, tt.wanted, tt.now, got, tt.want)
		}
	}
	if got := g.Next(); !got.Equal(at(10)) {
		t.Errorf("Next = %v, want %v", got, at(10))
	}
	g.Put(Grant{Path: "orders", Rights: Send, Expires: at(40)}, 3) // renewed
	if over := g.Expire(at(20)); len(over) != 1 || over[0].Path != "Invoices" || g.Len() != 2 {
		t.Errorf("Expire removed %v and left %d, want Invoices and 2", over, g.Len())
	}
	if !g.Allows("orders", Send, at(39)) {
		t.Error("the renewed grant is gone")
	}
	g.Put(Grant{Rights: Listen}, 3)
	if !g.Allows("anything/at/all", Listen, at(1000)) {
		t.Error("a grant for the namespace does not cover a queue")
	}
	if !(Grant{Path: "a"}).Covers("A/b") || (Grant{Path: "a"}).Covers("ab") {
		t.Error("Covers ignores segments or case")
	}
}

// TestGrantsOfEntities: queue a/b is not below queue a, whatever kind of token says so:
// a role or rule of an entity gives its own nodes and subscriptions, a rule of the
// namespace whatever begins with what was signed.
func TestGrantsOfEntities(t *testing.T) {
	var a Authority
	for entity, key := range map[string]string{"": "root", "a": "of-a"} {
		if _, err := a.PutRule("ns1", entity, AuthorizationRule{Name: key, PrimaryKey: key, Rights: Listen | Send}); err != nil {
			t.Fatal(err)
		}
	}
	a.AcceptBearer(fakeBearer("https://servicebus.azure.net/"), fakeRoles{"ns1/a": {RoleDataOwner}, "ns1/": {RoleDataReceiver}})
	const host = "sb://ns1.servicebus.windows.net"
	sas := func(key string) func(string) (Grant, error) {
		return func(path string) (Grant, error) {
			return a.VerifySAS("ns1", authtest.FormatSAS(host+path, key, key, testNow.Add(time.Hour)), host+path, testNow)
		}
	}
	bearer := func(path string) (Grant, error) { return a.VerifyJWT("ns1", "good", host+path, testNow) }
	for _, c := range []struct {
		name     string
		verify   func(path string) (Grant, error)
		audience string
		nested   bool
	}{
		{"role", bearer, "/a", false},
		{"role of the namespace", bearer, "", true},
		{"rule", sas("of-a"), "/a", false},
		{"rule of the namespace", sas("root"), "/a", true},
	} {
		g, err := c.verify(c.audience)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var all Grants
		all.Put(g, 0)
		for path, want := range map[string]bool{"a": true, "A/$management": true, "a/$DeadLetterQueue": true,
			"a/Subscriptions/s": true, "a/subscriptions/s/$deadletterqueue/$management": true, "a/b": c.nested, "A/B/$management": c.nested} {
			if got := all.Allows(path, Listen, testNow); got != want {
				t.Errorf("%s: Allows(%q) = %v, want %v", c.name, path, got, want)
			}
		}
	}
}
