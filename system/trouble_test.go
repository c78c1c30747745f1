package system

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"switchyard/client"
	"switchyard/deploy"
	"switchyard/identity"
)

// TestTroubleOfATrigger: a trigger that is started and takes no messages says why, and
// what it says mends it; one that takes them says nothing, and says so again when its role
// is taken away.
func TestTroubleOfATrigger(t *testing.T) {
	files := triggered(`{}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`)
	s := startSystem(t, Options{Auth: identity.Strict, Deployments: []*deploy.Deployment{folder(t, files)}})
	trouble := func() string {
		t.Helper()
		code, body := request(t, s, "GET", client.StatusPath, "")
		var got client.Status
		if err := json.Unmarshal([]byte(body), &got); code != 200 || err != nil {
			t.Fatal(code, body, err)
		}
		x := got.Factories[0].Triggers[0]
		if x.State != "Started" {
			t.Errorf("state %s, want that of Azure", x.State)
		}
		return x.Trouble
	}
	why := trouble()
	m := regexp.MustCompile(`--role "Azure Service Bus Data Receiver" --assignee-object-id ([0-9a-f-]{36}) --assignee-principal-type ServicePrincipal --scope (/subscriptions/\S+/namespaces/test-ns)$`).FindStringSubmatch(why)
	if m == nil || !strings.Contains(why, "'Listen' claim(s) are required on in of namespace test-ns") {
		t.Fatalf("trouble: %s", why)
	}
	role := m[2] + "/providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-111111111111?api-version=2022-04-01"
	body := `{"properties":{"principalId":"` + m[1] + `","principalType":"ServicePrincipal","roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"}}`
	if code, answer := request(t, s, "PUT", role, body); code != 201 {
		t.Fatalf("%d %s", code, answer)
	}
	if why := trouble(); why != "" {
		t.Errorf("with the role that was named: %s", why)
	}
	if code, answer := request(t, s, "DELETE", role, ""); code != 200 {
		t.Fatalf("%d %s", code, answer)
	}
	if why := trouble(); !strings.Contains(why, "unauthorized access") {
		t.Errorf("without the role again: %q", why)
	}
}

// TestTroubleOfAQueue: what has become of the queue since the trigger was started is told,
// too, as long as nothing can be received there.
func TestTroubleOfAQueue(t *testing.T) {
	files := triggered(`{}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`)
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, files)}})
	queue := "/subscriptions/" + s.subscription + "/resourceGroups/switchyard/providers/Microsoft.ServiceBus/namespaces/test-ns/queues/in?api-version=2021-11-01"
	for _, c := range []struct{ properties, want string }{
		{`{"forwardTo":"out"}`, `queue "in": receive: messages are forwarded to another entity, so they can't be received here: ForwardTo is set`},
		{`{"forwardDeadLetteredMessagesTo":"out"}`, ""},
		{`{"status":"ReceiveDisabled"}`, `queue "in": receive: entity disabled: status is ReceiveDisabled`},
		{`{"status":"SendDisabled"}`, ""},
	} {
		if code, answer := request(t, s, "PUT", queue, `{"properties":`+c.properties+`}`); code != 200 {
			t.Fatal(code, answer)
		}
		var got client.Status
		code, body := request(t, s, "GET", client.StatusPath, "")
		if err := json.Unmarshal([]byte(body), &got); code != 200 || err != nil {
			t.Fatal(code, body, err)
		}
		if why := got.Factories[0].Triggers[0].Trouble; why != c.want {
			t.Errorf("%s: trouble %q, want %q", c.properties, why, c.want)
		}
	}
}
