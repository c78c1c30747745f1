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
