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
		"startswith(name,'a')", "name eq", "and", "NAME EQ 'd' AND RESOURCETYPE eq 'a.b/c'", "tagValue eq 'b' and tagName eq 'a' and name eq 'd'", "kind eq ''",
		"(name eq 'd') or", "substringof(name, 'x')", "'name' eq 'd'", "name eq d", "name eq 'd' 'e'", "resourceGroup eq 'g' or (id ne 'x' and managedBy eq '')", strings.Repeat("(", 100), "location eq 'West Europe' and tagvalue ne 'x'",
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

// TestFilter covers [ARM 5.2]: comparisons, functions, precedence and the pair of
// tagName and tagValue that means one tag.
func TestFilter(t *testing.T) {
	resource := object("id", "/subscriptions/s/resourceGroups/Prod/providers/A.B/c/Web1", "name", "Web1", "type", "A.B/c", "location", "westeurope",
		"kind", "linux", "tags", object("env", "test", "Owner", "it's me", "n", "env"))
	for _, c := range []struct {
		filter string
		want   bool
	}{
		{"", true},
		{"  ", true},
		{"name eq 'Web1'", true},
		{"name eq 'web1'", true},
		{"NAME EQ 'WEB1'", true},
		{"name eq 'Web'", false},
		{"name ne 'Web1'", false},
		{"name ne 'x'", true},
		{"resourceType eq 'a.b/C'", true},
		{"type eq 'A.B/c'", true},
		{"resourceGroup eq 'PROD'", true},
		{"resourceGroup ne 'prod'", false},
		{"location eq 'West Europe'", true},
		{"location eq 'westeurope'", true},
		{"location ne 'West US'", true},
		{"kind eq 'linux'", true},
		{"managedBy eq ''", true},
		{"managedBy ne ''", false},
		{"id eq '/subscriptions/s/resourceGroups/prod/providers/A.B/c/web1'", true},
		{"tagName eq 'ENV'", true},
		{"tagName eq 'test'", false},
		{"tagName ne 'env'", false},
		{"tagName ne 'gone'", true},
		{"tagValue eq 'test'", true},
		{"tagValue eq 'TEST'", false},
		{"tagValue ne 'test'", false},
		{"tagValue eq 'it''s me'", true},
		// Beside each other they are of one tag: n is not test, though env is.
		{"tagName eq 'env' and tagValue eq 'test'", true},
		{"tagValue eq 'test' and tagName eq 'env'", true},
		{"tagName eq 'n' and tagValue eq 'test'", false},
		{"tagName eq 'n' and name eq 'web1' and tagValue eq 'env'", true},
		{"tagName eq 'n' and name eq 'other' and tagValue eq 'env'", false},
		{"(tagName eq 'n') and (tagValue eq 'test')", false},
		{"tagName eq 'n' or tagValue eq 'test'", true},
		{"tagName ne 'gone' and tagValue eq 'test'", true},
		{"substringof('EB', name)", true},
		{"substringof('', name)", true},
		{"substringof('x', name)", false},
		{"startswith(name, 'we')", true},
		{"startswith(name,'eb')", false},
		{"StartsWith( resourceType , 'a.' )", true},
		// and binds closer than or.
		{"name eq 'web1' or name eq 'x' and name eq 'y'", true},
		{"(name eq 'web1' or name eq 'x') and name eq 'y'", false},
		{"name eq 'y' and name eq 'x' or name eq 'web1'", true},
		{"name eq 'x' or name eq 'y' or name eq 'web1'", true},
		{"((name eq 'web1'))", true},
	} {
		p, err := parseFilter(c.filter)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if got := p.matches(resource); got != c.want {
			t.Errorf("%s: %t, want %t", c.filter, got, c.want)
		}
	}
	for _, c := range []struct{ filter, want string }{
		{"name", "after 'name' only eq and ne are supported"},
		{"name lt 'a'", "after 'name' only eq and ne are supported"},
		{"name eq", "a string in single quotes is missing"},
		{"name eq web1", "a string in single quotes is missing"},
		{"name eq \"web1\"", "a string in single quotes is missing"},
		{"name eq 'web1", "a string has no end"},
		{"name eq 'web1' name", "unexpected 'name'"},
		{"name eq 'web1')", "unexpected ')'"},
		{"(name eq 'web1'", "')' is missing"},
		{"name eq 'a' and", "'' can't be filtered by"},
		{"or name eq 'a'", "'or' can't be filtered by"},
		{"'name' eq 'a'", "'name' can't be filtered by"},
		{"colour eq 'a'", "'colour' can't be filtered by"},
		{"substringof(name, 'x')", "a string in single quotes is missing"},
		{"substringof('x' name)", "',' is missing"},
		{"substringof 'x', name)", "'(' is missing"},
		{"startswith('x', name)", "'x' can't be filtered by"},
		{"startswith(name, 'x'", "')' is missing"},
		{"not name eq 'x'", "'not' can't be filtered by"},
		{strings.Repeat("(", 40) + "name eq 'a'" + strings.Repeat(")", 40), "it nests too deeply"},
		{"name eq '" + strings.Repeat("a", maxFilter) + "'", "it is longer than 4096 characters"},
	} {
		_, err := parseFilter(c.filter)
		if e, ok := errors.AsType[*arm.Error](err); !ok || e.Status != 400 || e.Code != "InvalidFilterInQueryString" || e.Message != "Invalid $filter in query string: "+c.want+"." {
			t.Errorf("%.60s: %v, want %s", c.filter, err, c.want)
		}
	}
	depth := strings.Repeat("(", maxFilterDepth) + "name eq 'web1'" + strings.Repeat(")", maxFilterDepth)
	if p, err := parseFilter(depth); err != nil || !p.matches(resource) {
		t.Errorf("%d parentheses: %v", maxFilterDepth, err)
	}
	if p, err := parseFilter("resourceGroup eq 'g' or tagName eq 'a'"); err != nil || p.matches(object("id", "no ID", "tags", "none")) {
		t.Errorf("a resource whose id and tags are none: %v", err)
	}
}

// TestRoles: what the built-in roles allow on both planes.
func TestRoles(t *testing.T) {
	byName := map[string]RoleDefinition{}
	for _, d := range roleDefinitions {
		if !arm.IsGUID(d.ID) || d.Description == "" || byName[d.Name].ID != "" {
			t.Errorf("role %q with ID %q is incomplete or there twice", d.Name, d.ID)
		}
		byName[d.Name] = d
	}
	for _, c := range []struct {
		role, action string
		data, want   bool
	}{
		{"Owner", "Microsoft.Authorization/roleAssignments/write", false, true},
		{"Owner", "Microsoft.ServiceBus/namespaces/messages/send/action", true, false},
		{"Contributor", "Microsoft.ServiceBus/namespaces/write", false, true},
		{"Contributor", "Microsoft.Authorization/roleAssignments/write", false, false},
		{"Contributor", "Microsoft.Authorization/roleAssignments/delete", false, false},
		{"Contributor", "Microsoft.Authorization/roleAssignments/read", false, true},
		{"Reader", "Microsoft.ServiceBus/namespaces/read", false, true},
		{"Reader", "Microsoft.ServiceBus/namespaces/write", false, false},
		{"Reader", "Microsoft.ServiceBus/namespaces/queues/readers/action", false, false},
		{"User Access Administrator", "Microsoft.Authorization/roleAssignments/write", false, true},
		{"User Access Administrator", "Microsoft.ServiceBus/namespaces/write", false, false},
		{"Azure Service Bus Data Owner", "microsoft.servicebus/namespaces/messages/receive/action", true, true},
		{"Azure Service Bus Data Owner", "Microsoft.ServiceBus/namespaces/queues/write", false, true},
		{"Azure Service Bus Data Sender", "Microsoft.ServiceBus/namespaces/messages/send/action", true, true},
		{"Azure Service Bus Data Sender", "Microsoft.ServiceBus/namespaces/messages/receive/action", true, false},
		{"Azure Service Bus Data Sender", "Microsoft.ServiceBus/namespaces/queues/read", false, true},
		{"Azure Service Bus Data Sender", "Microsoft.ServiceBus/namespaces/queues/write", false, false},
		{"Azure Service Bus Data Receiver", "Microsoft.ServiceBus/namespaces/messages/receive/action", true, true},
		{"Azure Service Bus Data Receiver", "Microsoft.ServiceBus/namespaces/messages/send/action", true, false},
		{"Data Factory Contributor", "Microsoft.DataFactory/factories/pipelines/write", false, true},
		{"Data Factory Contributor", "Microsoft.ServiceBus/namespaces/write", false, false},
		{"Cognitive Services OpenAI User", "Microsoft.CognitiveServices/accounts/OpenAI/deployments/completions/action", true, true},
		{"Cognitive Services OpenAI User", "Microsoft.CognitiveServices/accounts/Language/analyze-text/action", true, false},
	} {
		d, ok := byName[c.role]
		if !ok {
			t.Errorf("there is no role %q", c.role)
			continue
		}
		if got := d.Allows(c.action, c.data); got != c.want {
			t.Errorf("%s allows %s (data: %t): %t, want %t", c.role, c.action, c.data, got, c.want)
		}
		if again, ok := LookUpRole(strings.ToUpper(d.ID)); !ok || again.Name != d.Name {
			t.Errorf("LookUpRole(%s) = %q, %t", d.ID, again.Name, ok)
		}
	}
}
