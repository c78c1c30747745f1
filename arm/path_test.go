package arm

import (
	"strings"
	"testing"
)

// TestMalformedIDs: every form of path that names nothing. An ID is not a URL, so
// nothing in it is decoded, and a request's path is.
func TestMalformedIDs(t *testing.T) {
	const (
		sub = "/subscriptions/11111111-2222-4333-8444-555555555555"
		rg  = sub + "/resourceGroups/rg"
		ns  = rg + "/providers/A.B/c/d"
	)
	for name, path := range map[string]string{
		"empty":                            "",
		"no slash":                         "subscriptions",
		"a collection":                     sub + "/resourceGroups",
		"half of a pair":                   ns + "/e",
		"dot":                              rg + "/providers/A.B/c/.",
		"dot dot":                          sub + "/../resourceGroups/rg",
		"backslash":                        rg + `/providers/A.B/c/a\b`,
		"line end":                         rg + "/providers/A.B/c/a\n",
		"delete":                           rg + "/providers/A.B/c/a\x7f",
		"replacement":                      rg + "/providers/A.B/c/a\ufffd",
		"long":                             "/subscriptions/" + strings.Repeat("s", 3*maxIDLength),
		"five scopes":                      sub + strings.Repeat("/providers/A.B/c/d", 5),
		"scope that is a collection":       sub + "/resourceGroups/rg/locations/providers/A.B/c/d",
		"scope of pairs without provider":  rg + "/locations/x/providers/A.B/c/d",
		"extension of half a pair":         ns + "/e/providers/A.B/c/d",
		"providers action without a group": sub + "/providers/A.B/register",
	} {
		if id, err := ParseID(path); err == nil {
			t.Errorf("%s: ParseID(%.100q) = %q, want an error", name, path, id)
		}
	}
	for path, code := range map[string]string{
		"/subscriptions/%":                    "InvalidRequestUri",
		"/subscriptions/%zz":                  "InvalidRequestUri",
		"/subscriptions/%2e%2E":               "InvalidRequestUri",
		sub + "/resourceGroups/%2e":           "InvalidRequestUri",
		sub + "/resourceGroups/a%0a":          "InvalidRequestUri",
		sub + "/resourceGroups/a%5c":          "InvalidRequestUri",
		sub + "/resourceGroups/%ff":           "InvalidRequestUri",
		"/subscriptions/not-a-guid":           "InvalidSubscriptionId",
		"/subscriptions/" + sub[15:50]:        "InvalidSubscriptionId",
		"/subscriptions/" + sub[15:] + "0":    "InvalidSubscriptionId",
		"/subscriptions/{" + sub[15:] + "}":   "InvalidSubscriptionId",
		"/subscriptions/g" + sub[16:]:         "InvalidSubscriptionId",
		sub + "x":                             "InvalidSubscriptionId",
		strings.Replace(sub, "-", "", 1):      "InvalidSubscriptionId",
		strings.Replace(sub, "2-4", "24-", 1): "InvalidSubscriptionId",
	} {
		_, _, _, err := parsePath("GET", path)
		got := ""
		if e, ok := err.(*Error); ok {
			got = e.Code
		}
		if got != code {
			t.Errorf("GET %s: %v, want code %q", path, err, code)
		}
	}
}

// TestIDParts: the parts of an ID that messages and stores are made of.
func TestIDParts(t *testing.T) {
	const rg = "/subscriptions/s/resourceGroups/rg"
	for _, c := range []struct{ id, path, name, parent, scope string }{
		{"/", "", "", "", ""},
		{"/subscriptions/s", "", "s", "", "/subscriptions/s"},
		{rg, "", "rg", "/subscriptions/s", rg},
		{rg + "/providers/A.B/c/d", "A.B/c/d", "d", rg, rg},
		{rg + "/providers/A.B/c/d/e/f", "A.B/c/d/e/f", "f", rg + "/providers/A.B/c/d", rg},
		{rg + "/providers/A.B/c/d/e/f/providers/G.H/i/j", "G.H/i/j", "j", rg + "/providers/A.B/c/d/e/f", rg + "/providers/A.B/c/d/e/f"},
		{"/subscriptions/s/providers/A.B/c/d", "A.B/c/d", "d", "/subscriptions/s", "/subscriptions/s"},
	} {
		id, err := ParseID(c.id)
		if err != nil {
			t.Errorf("ParseID(%q): %v", c.id, err)
			continue
		}
		if id.Path() != c.path || id.Name() != c.name || id.Parent().String() != c.parent || id.ScopeID().String() != c.scope {
			t.Errorf("%q: path %q, name %q, parent %q, scope %q; want %q, %q, %q, %q", c.id, id.Path(), id.Name(), id.Parent(), id.ScopeID(), c.path, c.name, c.parent, c.scope)
		}
		if id.IsZero() != (c.id == "/") {
			t.Errorf("%q: IsZero() = %t", c.id, id.IsZero())
		}
	}
	parent, err := ParseID(rg + "/providers/A.B/c/d")
	if err != nil {
		t.Fatal(err)
	}
	// Children must not share memory: the second would rename the first.
	first, second := parent.Child("e", "1"), parent.Child("e", "2")
	if first.String() != rg+"/providers/A.B/c/d/e/1" || second.String() != rg+"/providers/A.B/c/d/e/2" || first.Parent().String() != parent.String() {
		t.Errorf("children: %q and %q", first, second)
	}
	collection := ResourceID{Subscription: "s", ResourceGroup: "rg", Provider: "A.B", Types: []string{"c", "e"}, Names: []string{"d"}}
	if got := collection.Parent().String(); got != rg+"/providers/A.B/c/d" || collection.Name() != "d" {
		t.Errorf("collection: parent %q, name %q", got, collection.Name())
	}
}

// TestCollectionsAndActions: what is left over after the pairs is an action in a
// POST and a collection otherwise [ARM 1.3].
func TestCollectionsAndActions(t *testing.T) {
	const rg = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg"
	for _, c := range []struct {
		method, path, id, action string
		collection               bool
	}{
		{"GET", "/subscriptions", "/subscriptions", "", true},
		{"GET", "/tenants/", "/tenants", "", true},
		{"GET", rg + "/resources", rg + "/resources", "", true},
		{"POST", rg + "/exportTemplate", rg, "exporttemplate", false},
		{"DELETE", rg + "/providers/A.B/c", rg + "/providers/A.B/c", "", true},
		{"POST", rg + "/providers/A.B/c/d/ListKeys", rg + "/providers/A.B/c/d", "listkeys", false},
		{"POST", rg + "/providers/A.B/c/d", rg + "/providers/A.B/c/d", "", false},
		{"GET", rg + "/providers/A.B/c/a%20b", rg + "/providers/A.B/c/a b", "", false},
		{"GET", rg + "/providers/A.B/c/100%25", rg + "/providers/A.B/c/100%", "", false},
		{"GET", rg + "/providers/A.B/c/%252e%252e", rg + "/providers/A.B/c/%2e%2e", "", false},
		{"GET", strings.ToUpper(rg), "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/RG", "", false},
	} {
		id, action, collection, err := parsePath(c.method, c.path)
		if err != nil || id.String() != c.id || action != c.action || collection != c.collection {
			t.Errorf("%s %s: %q, action %q, collection %t, %v; want %q, %q, %t", c.method, c.path, id, action, collection, err, c.id, c.action, c.collection)
		}
	}
}

func TestIsGUID(t *testing.T) {
	const good = "01234567-89ab-cdef-ABCD-EF0123456789"
	if !IsGUID(good) {
		t.Errorf("%s is none", good)
	}
	for i := range good {
		for _, c := range []string{"g", "G", "@", "`", "/", ":", " ", "0-"} {
			bad := good[:i] + c + good[i+1:]
			if IsGUID(bad) {
				t.Errorf("%s is one", bad)
			}
		}
	}
	if IsGUID("") || IsGUID(good[1:]) || IsGUID(good+"0") {
		t.Error("a GUID has 36 characters")
	}
}
