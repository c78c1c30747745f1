package arm

import (
	"errors"
	"strings"
	"testing"
)

func TestParseID(t *testing.T) {
	const (
		sub   = "/subscriptions/11111111-2222-4333-8444-555555555555"
		ns    = sub + "/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/ns"
		queue = ns + "/queues/q"
	)
	for _, c := range []struct{ in, out, typ, name, parent string }{
		{sub, sub, "Microsoft.Resources/subscriptions", sub[15:], ""},
		{sub + "/resourcegroups/rg/", sub + "/resourceGroups/rg", "Microsoft.Resources/resourceGroups", "rg", sub},
		{ns, ns, "Microsoft.ServiceBus/namespaces", "ns", sub + "/resourceGroups/rg"},
		{strings.Replace(queue, "/providers", "//Providers", 1), queue, "Microsoft.ServiceBus/namespaces/queues", "q", ns},
		{queue + "~r", queue + "~r", "Microsoft.ServiceBus/namespaces/queues", "q~r", ns},
		{queue + "/providers/Microsoft.Authorization/roleAssignments/a", queue + "/providers/Microsoft.Authorization/roleAssignments/a",
			"Microsoft.Authorization/roleAssignments", "a", queue},
		{sub + "/providers/Microsoft.Authorization/roleDefinitions/d", sub + "/providers/Microsoft.Authorization/roleDefinitions/d",
			"Microsoft.Authorization/roleDefinitions", "d", sub},
		{"/providers/Microsoft.Authorization/roleDefinitions/d", "/providers/Microsoft.Authorization/roleDefinitions/d",
			"Microsoft.Authorization/roleDefinitions", "d", ""},
		{"/subscriptions/s/providers/Microsoft.Web", "/subscriptions/s/providers/Microsoft.Web", "Microsoft.Resources/providers", "Microsoft.Web", "/subscriptions/s"},
	} {
		id, err := ParseID(c.in)
		if err != nil {
			t.Errorf("ParseID(%q): %v", c.in, err)
			continue
		}
		if id.String() != c.out || id.Type() != c.typ || id.Name() != c.name || id.Parent().String() != c.parent {
			t.Errorf("ParseID(%q) = %q of type %q called %q in %q, want %q, %q, %q, %q", c.in, id, id.Type(), id.Name(), id.Parent(), c.out, c.typ, c.name, c.parent)
		}
		if upper, err := ParseID(strings.ToUpper(c.in)); err != nil || upper.Key() != id.Key() {
			t.Errorf("ParseID in upper case: key %q, %v; want %q", upper.Key(), err, id.Key())
		}
	}
	for _, bad := range []string{"subscriptions/s", sub + "/resourceGroups", ns + "/queues", ns + "/queues/..", ns + "/queues/a\x00", ns + "/queues/a\\b",
		sub + "/locations/x/providers/A.B/c/d", strings.Repeat("/a", 1<<15), strings.Repeat("/providers/A.B/c/d", 9)} {
		if id, err := ParseID(bad); !errors.Is(err, ErrInvalidID) {
			t.Errorf("ParseID(%.80q) = %q, %v; want ErrInvalidID", bad, id, err)
		}
	}
}

func TestCovers(t *testing.T) {
	const sub = "/subscriptions/s"
	for _, c := range []struct {
		scope, id string
		want      bool
	}{
		{"", sub, true},
		{sub, sub + "/resourceGroups/g", true},
		{sub + "/resourceGroups/g", sub, false},
		{sub + "/resourceGroups/g", sub + "/resourceGroups/G/providers/A.B/c/d", true},
		{sub + "/resourceGroups/g", sub + "/resourceGroups/g2", false},
		{sub, "/subscriptions/s2", false},
	} {
		var scope ResourceID
		if c.scope != "" {
			scope, _ = ParseID(c.scope)
		}
		id, err := ParseID(c.id)
		if err != nil {
			t.Fatal(err)
		}
		if got := scope.Covers(id); got != c.want {
			t.Errorf("%q covers %q: %t, want %t", c.scope, c.id, got, c.want)
		}
	}
}

// FuzzParseID: what is read is written and read again as the same.
func FuzzParseID(f *testing.F) {
	for _, s := range []string{
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/ns/queues/q",
		"/subscriptions/s/resourceGroups/g/providers/A.B/c/d/providers/E.F/g/h",
		"/subscriptions/s/providers/A.B", "/providers/A.B/c/d", "//subscriptions//s/", "/a/b/c/d", "/providers/providers/providers/providers",
		"/subscriptions/providers/providers/providers/x/y", "/subscriptions/s/providers/A/register/b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if !errors.Is(err, ErrInvalidID) {
				t.Fatalf("ParseID(%q): %v is not ErrInvalidID", s, err)
			}
			return
		}
		text := id.String()
		again, err := ParseID(text)
		if id.IsZero() {
			return // the tenant has no segments
		}
		if err != nil || again.String() != text || again.Key() != id.Key() || again.Type() != id.Type() {
			t.Fatalf("ParseID(%q) = %q, read again: %q, %v", s, text, again, err)
		}
		if !id.Parent().Covers(id) && id.Parent().String() != "" {
			t.Fatalf("%q is not in its parent %q", id, id.Parent())
		}
	})
}

// FuzzPath: a request's path is read into an ID, an action or a collection, or
// refused with 400; nothing that could be taken for a way up is left in a name.
func FuzzPath(f *testing.F) {
	const sub = "/subscriptions/11111111-2222-4333-8444-555555555555"
	for _, s := range []string{
		sub, sub + "/resourcegroups/g//", sub + "/resourceGroups/g/providers/A.B//c/d%2Fe/ListKeys", "/providers/A.B/operations", "/tenants", "/%2e%2e/a",
		"/subscriptions/%zz", "/a%00", "/..;/x", sub + "/providers/A.B/register", sub + "/providers/A.B/c/d/providers/E.F/g",
	} {
		f.Add("GET", s)
		f.Add("POST", s)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		id, action, collection, err := parsePath(method, path)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Status != 400 {
				t.Fatalf("%s %q: %v, want an error 400", method, path, err)
			}
			return
		}
		extra := len(id.Types) - len(id.Names)
		if collection != (extra == 1) || !collection && extra != 0 || action != "" && method != "POST" {
			t.Fatalf("%s %q: ID %q, action %q, collection %t", method, path, id, action, collection)
		}
		for x := &id; x != nil; x = x.Scope {
			for _, s := range append(append([]string{x.Provider, x.ResourceGroup, x.Subscription}, x.Types...), x.Names...) {
				for part := range strings.SplitSeq(s, "/") {
					if part == ".." || part == "." || strings.ContainsAny(part, "\x00\n\\") {
						t.Fatalf("%s %q: segment %q", method, path, s)
					}
				}
			}
		}
		if id.Subscription != "" && !IsGUID(id.Subscription) {
			t.Fatalf("%s %q: subscription %q", method, path, id.Subscription)
		}
	})
}
