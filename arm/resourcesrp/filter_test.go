package resourcesrp

import (
	"errors"
	"strings"
	"testing"

	"switchyard/arm"
)

// FuzzFilter: a $filter is read or refused with 400, and one that is read answers
// for any resource.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"tagName eq 'a' and tagValue eq 'b'", "substringof('x', name) or (name ne 'y')", "((((name eq ''))))", "name eq 'it''s'",
		"startswith(name,'a')", "name eq", "and", strings.Repeat("(", 100), "location eq 'West Europe' and tagvalue ne 'x'",
	} {
		f.Add(s)
	}
	resource := object("id", "/subscriptions/s/resourceGroups/g/providers/A.B/c/d", "name", "d", "type", "A.B/c", "location", "westeurope", "tags", object("a", "b"))
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseFilter(s)
		var e *arm.Error
		if err != nil {
			if !errors.As(err, &e) || e.Status != 400 {
				t.Fatalf("%q: %v, want an error 400", s, err)
			}
			return
		}
		p.matches(resource)
		if not, err := parseFilter("(" + s + ")"); strings.TrimSpace(s) != "" && err == nil && not.matches(resource) != p.matches(resource) {
			t.Fatalf("%q: parentheses change what it matches", s)
		}
	})
}

func TestMatchesAction(t *testing.T) {
	for _, c := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "a/b/read", true},
		{"*/read", "A/b/read", true},
		{"*/read", "A/b/write", false},
		{"Microsoft.ServiceBus/*/send/action", "microsoft.servicebus/namespaces/messages/send/action", true},
		{"Microsoft.ServiceBus/*/send/action", "Microsoft.ServiceBus/send/action", false},
		{"a*b*c", "abc", true},
		{"a*b*c", "acb", false},
		{"a/b", "a/b/c", false},
	} {
		if got := anyMatches([]string{c.pattern}, c.action); got != c.want {
			t.Errorf("%q matches %q: %t, want %t", c.pattern, c.action, got, c.want)
		}
	}
}
