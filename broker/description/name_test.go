package description_test

import (
	"strings"
	"testing"

	"switchyard/broker/description"
)

const badCharacters = " contains character(s) that is not allowed by Service Bus: " +
	"entity segments can contain only letters, numbers, periods (.), hyphens (-), and underscores (_)"

// TestNames has the rules of [SB-SEM 1] and [ARM 6.1]; want is "" for a good name.
func TestNames(t *testing.T) {
	namespace, label, path := description.CheckNamespace, description.CheckLabel, description.CheckPath
	sub, rule := description.CheckSubscription, description.CheckRule
	const length, first = "it must have 6 to 50 characters", "it must begin with a letter"
	const characters, last = "it may contain only letters, digits and hyphens", "it must not end in a hyphen, -sb or -mgmt"
	for _, c := range []struct {
		check      func(string) error
		name, want string
	}{
		{namespace, "sbemulatorns", ""}, {namespace, "Contoso-2", ""}, {namespace, "a-----b", ""},
		{namespace, "six-ch", ""}, {namespace, "fives", length}, {namespace, "", length},
		{namespace, strings.Repeat("n", 50), ""}, {namespace, strings.Repeat("n", 51), length},
		{namespace, "1contoso", first}, {namespace, "-contoso", first},
		{namespace, "con_toso", characters}, {namespace, "con.toso", characters}, {namespace, "cöntoso", characters}, {namespace, "con toso", characters},
		{namespace, "contoso-", last}, {namespace, "contoso-sb", last}, {namespace, "contoso-SB", last}, {namespace, "contoso-mgmt", last}, {namespace, "contosomgmt", ""},

		{label, "n", ""}, {label, "ns-1", ""}, {label, strings.Repeat("n", 50), ""},
		{label, "", `namespace name "": want 1 to 50 characters`},
		{label, "-n", `namespace name "-n": want letters, digits and inner hyphens`}, {label, "n-", `namespace name "n-": want letters, digits and inner hyphens`},
		{label, "a.b", `namespace name "a.b": want letters, digits and inner hyphens`},

		{path, "q", ""}, {path, "Orders/EU/a_b-c.d~e", ""}, {path, strings.Repeat("q", 260), ""},
		{path, "", `queue path "": want 1 to 260 characters`}, {path, strings.Repeat("q", 261), `queue path "` + strings.Repeat("q", 261) + `": want 1 to 260 characters`},
		{path, "a//b", `queue path "a//b": empty segment`}, {path, "/a", `queue path "/a": empty segment`}, {path, "a/", `queue path "a/": empty segment`},
		{path, "a b", `queue path "a b"` + badCharacters}, {path, "a/$b", `queue path "a/$b"` + badCharacters}, {path, "ä", `queue path "ä"` + badCharacters},
		{path, "q/$DeadLetterQueue", `queue path "q/$DeadLetterQueue"` + badCharacters},
		{path, ".a", `queue path ".a" must begin and end with a letter or digit`}, {path, "a~", `queue path "a~" must begin and end with a letter or digit`},

		{sub, "s", ""}, {sub, "-a_b.c~", ""}, {sub, strings.Repeat("s", 50), ""},
		{sub, "", `subscription name "": want 1 to 50 characters`}, {sub, strings.Repeat("s", 51), `subscription name "` + strings.Repeat("s", 51) + `": want 1 to 50 characters`},
		{sub, "a/b", `subscription name "a/b"` + badCharacters}, {sub, "$Default", `subscription name "$Default"` + badCharacters},

		{rule, "$Default", ""}, {rule, "high priority", `rule name "high priority"` + badCharacters}, {rule, "", `rule name "": want 1 to 50 characters`},
	} {
		got := ""
		if err := c.check(c.name); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestForwards: a destination is a path, or a URL of the namespace.
func TestForwards(t *testing.T) {
	for _, c := range []struct{ text, path, want string }{
		{"q", "q", ""}, {"/a/b/", "a/b", ""}, {"sb://contoso.servicebus.windows.net/a/b", "a/b", ""},
		{"https://CONTOSO.example.com:5671/Q/", "Q", ""}, {"sb://localhost:5672/q", "q", ""}, {"sb://127.0.0.1/q", "q", ""},
		{"amqps://[::1]:5671/q", "q", ""}, {"sb://[::1]/q", "q", ""},
		{"sb://other.servicebus.windows.net/q", "q", `ForwardTo "sb://other.servicebus.windows.net/q": it must be in the namespace contoso`},
		{"Me/Too", "Me/Too", `ForwardTo "Me/Too": an entity can't forward to itself`},
	} {
		o := description.Options{ForwardTo: c.text}
		got := ""
		if err := o.CheckForwards("contoso", "me/too"); err != nil {
			got = err.Error()
		}
		if path := description.ForwardPath(c.text); path != c.path || got != c.want {
			t.Errorf("%s is %q, %s; want %q, %s", c.text, path, got, c.path, c.want)
		}
	}
	o := description.Options{ForwardTo: "q", RequiresSession: true}
	if err := o.CheckForwards("contoso", "x"); err == nil || err.Error() != "ForwardTo can't be chosen with RequiresSession" {
		t.Errorf("with sessions: %v", err)
	}
	o = description.Options{ForwardDeadLetteredMessagesTo: "q", RequiresSession: true}
	if err := o.CheckForwards("contoso", "x"); err != nil {
		t.Errorf("dead letters with sessions: %v", err)
	}
}
