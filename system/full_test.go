package system

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/deploy"
	"switchyard/pipeline/run"
)

// A disk on which so much must stay free is nearly full.
const everything = 1 << 60

// TestNearlyFullDisk: below the limit a directory opens, with its folder; what stores
// something new is refused with a status that clients do not try again and the words,
// and what frees space goes through, on every plane.
func TestNearlyFullDisk(t *testing.T) {
	files := triggered(`{}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`)
	o := Options{DataDir: filepath.Join(t.TempDir(), "data"), Deployments: []*deploy.Deployment{folder(t, files)}}
	s := startSystem(t, o)
	bus := s.testNamespace("g", "roomy-1")
	makeNamespace(t, s, "g", "roomy-1")
	makeNamespace(t, s, "g", "roomy-2")
	factory := s.testGroup("g") + "/providers/Microsoft.DataFactory/factories/roomy-factory"
	role := s.testGroup("g") + "/providers/Microsoft.Authorization/roleAssignments/0e11d5e2-0000-4000-8000-000000000001"
	for _, x := range []struct{ path, version, body string }{
		{bus + "/queues/q", busVersion, `{"properties":{}}`},
		{bus + "/topics/t", busVersion, `{"properties":{}}`},
		{bus + "/topics/t/subscriptions/s", busVersion, `{"properties":{}}`},
		{bus + "/topics/t/subscriptions/s/rules/r", busVersion, `{"properties":{"filterType":"SqlFilter","sqlFilter":{"sqlExpression":"1=1"}}}`},
		{bus + "/authorizationRules/a", busVersion, `{"properties":{"rights":["Send"]}}`},
		{factory, factoryVersion, `{"location":"westeurope"}`},
		{factory + "/pipelines/P", factoryVersion, `{"properties":` + waiting + `}`},
		{factory + "/linkedservices/L", factoryVersion, `{"properties":{"type":"HttpServer","typeProperties":{"url":"http://127.0.0.1","authenticationType":"Anonymous"}}}`},
		{role, "2022-04-01", `{"properties":{"principalId":"0e11d5e2-0000-4000-8000-000000000002","roleDefinitionId":"` +
			"/subscriptions/" + s.subscription + `/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c"}}`},
	} {
		if code, body := request(t, s, "PUT", x.path+"?api-version="+x.version, x.body); code != 200 && code != 201 {
			t.Fatalf("PUT %s: %d %s", x.path, code, body)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	o.MinFree = everything
	s = startSystem(t, o)
	for _, x := range []struct{ method, path, version, body string }{
		{"PUT", bus + "/queues/more", busVersion, `{"properties":{}}`},
		{"PUT", s.testNamespace("g", "roomy-3"), busVersion, `{"location":"westeurope"}`},
		{"PUT", s.testGroup("h"), "2021-04-01", `{"location":"westeurope"}`},
		{"PUT", factory + "/pipelines/Q", factoryVersion, `{"properties":` + waiting + `}`},
		{"PUT", s.testGroup("g") + "/providers/Microsoft.DataFactory/factories/roomy-more", factoryVersion, `{"location":"westeurope"}`},
		{"POST", factory + "/pipelines/P/createRun", factoryVersion, "{}"},
	} {
		code, body := request(t, s, x.method, x.path+"?api-version="+x.version, x.body)
		if code != 507 || !strings.Contains(body, `"code":"InsufficientStorage"`) || !strings.Contains(body, "min-free") {
			t.Errorf("%s %s: %d %s, want 507 with the words", x.method, x.path, code, body)
		}
	}
	sender, err := clientOf(t, s, "test-ns").NewSender("in", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = sender.SendMessage(t.Context(), &azservicebus.Message{Body: []byte("x")}, nil)
	if err == nil || !strings.Contains(err.Error(), "amqp:resource-limit-exceeded") || !strings.Contains(err.Error(), "min-free") {
		t.Errorf("send: %v, want amqp:resource-limit-exceeded with the words", err)
	}
	for _, x := range []struct{ path, version string }{
		{role, "2022-04-01"},
		{bus + "/authorizationRules/a", busVersion},
		{bus + "/topics/t/subscriptions/s/rules/r", busVersion},
		{bus + "/topics/t/subscriptions/s", busVersion},
		{bus + "/topics/t", busVersion},
		{bus + "/queues/q", busVersion},
		{bus, busVersion},
		{factory + "/linkedservices/L", factoryVersion},
		{factory + "/pipelines/P", factoryVersion},
		{factory, factoryVersion},
	} {
		if code, body := request(t, s, "DELETE", x.path+"?api-version="+x.version, ""); code/100 != 2 {
			t.Errorf("DELETE %s: %d %s", x.path, code, body)
		}
	}
	if code, body := request(t, s, "DELETE", s.testGroup("g")+"?api-version=2021-04-01", ""); code != 202 {
		t.Errorf("DELETE of the group: %d %s", code, body)
	}
	eventually(t, func() string {
		code, body := request(t, s, "GET", s.testGroup("g")+"?api-version=2021-04-01", "")
		if code != 404 {
			return ""
		}
		return body
	})
}

// TestRunsEndOnANearlyFullDisk: below the limit a run that was under way ends, and its message
// is settled, while nothing new is taken.
func TestRunsEndOnANearlyFullDisk(t *testing.T) {
	files := triggered(`{}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
		{"name":"V","type":"SetVariable","dependsOn":[{"activity":"W","dependencyConditions":["Succeeded"]}],"typeProperties":{"variableName":"v","value":"x"}}`)
	files["pipeline/P.json"] = strings.Replace(files["pipeline/P.json"], `"activities"`, `"variables":{"v":{"type":"String"}},"activities"`, 1)
	o := Options{DataDir: filepath.Join(t.TempDir(), "data"), Deployments: []*deploy.Deployment{folder(t, files)}, Grace: time.Millisecond}
	s := startSystem(t, o)
	c := sdk(t, s)
	sendTo(t, c, "in", "a")
	eventually(t, func() string { return strings.Join(runsOf(t, s, "P"), "") })
	c.Close(context.Background())
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	usage, err := vfs.Default.GetDiskUsage(o.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	o.MinFree = int64(usage.AvailBytes / 2 * 3)
	s = startSystem(t, o)
	eventually(t, func() string {
		if r := allRuns(t, s)[0]; r.Status == run.Succeeded {
			return r.RunID
		}
		return ""
	})
	if n := counts(t, s, "test-ns", "in"); n.Active != 0 || n.DeadLetter != 0 {
		t.Errorf("the queue has %+v, want nothing: the message was settled", n)
	}
	c = sdk(t, s)
	sender, err := c.NewSender("in", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.SendMessage(t.Context(), &azservicebus.Message{Body: []byte("x")}, nil); err == nil || !strings.Contains(err.Error(), "min-free") {
		t.Errorf("send: %v, want it refused with the words", err)
	}
}

func clientOf(t *testing.T, s *System, ns string) *azservicebus.Client {
	t.Helper()
	c, err := azservicebus.NewClientFromConnectionString(s.ConnectionString(ns), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

const (
	busVersion     = "2021-11-01"
	factoryVersion = "2018-06-01"
	waiting        = `{"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}]}`
)
