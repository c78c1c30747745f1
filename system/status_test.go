package system

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/client"
	"switchyard/deploy"
	"switchyard/servicebus"
)

// TestStatus: the counts of messages and runs, and the states of triggers after the
// control plane changed them; only who may read the data directory is told.
func TestStatus(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	files := triggered(`{"MaxDeliveryCount":1}`, `{"name":"Stop","type":"Fail","typeProperties":{"message":"on purpose","errorCode":"1"}}`)
	s := startSystem(t, Options{DataDir: dir, Version: "1.2.3", Deployments: []*deploy.Deployment{folder(t, files)},
		Clients: servicebus.Limits{Connections: 1}, RequestMemory: 1 << 20})
	c := sdk(t, s)
	sendTo(t, c, "out", "a", "b")
	r, err := c.NewReceiverForQueue("out", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReceiveMessages(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	sendTo(t, c, "in", "bad")
	ask := func() *client.Status {
		t.Helper()
		got, err := client.Server{Endpoints: s.Endpoints()}.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	eventually(t, func() string { // the dead letter and the end of its run
		now := ask()
		q := now.Namespaces[0].Queues
		if now.Factories[0].Pipelines[0].Active > 0 {
			return ""
		}
		return strings.Repeat("dead", int(q[slices.IndexFunc(q, named("in"))].DeadLettered))
	})
	got := ask()
	n, f := got.Namespaces[0], got.Factories[0]
	q := n.Queues[slices.IndexFunc(n.Queues, named("out"))]
	if q.Active != 2 || q.Locked < 1 || q.DeadLettered != 0 || n.Address != s.amqp.Addr().String() {
		t.Errorf("namespace %+v", n)
	}
	if p := f.Pipelines[0]; p != (client.PipelineStatus{Name: "P", Failed: 1}) {
		t.Errorf("pipeline %+v, want one failed run", p)
	}
	if tr := f.Triggers[0]; tr.State != "Started" || tr.Queue != "in" || !slices.Equal(tr.Pipelines, []string{"P"}) {
		t.Errorf("trigger %+v", tr)
	}
	if got.Health.Status != "healthy" || got.Disk == nil || got.Disk.Used <= 0 || got.Disk.Free == 0 || got.DataDir != dir ||
		got.Auth != "development" || got.Version != "1.2.3" || got.PID != os.Getpid() || got.Since.IsZero() {
		t.Errorf("%+v", got)
	}
	// The client's links to "out", those by which it sent, and its token's.
	if c := got.Clients; c.Connections != 1 || c.Links < 2 || c.Unsettled < 1 || c.Refused != (client.Refusals{}) {
		t.Errorf("clients %+v, want one connection with links and an unsettled message", c)
	}
	second, err := azservicebus.NewClientFromConnectionString(s.Endpoints().ConnectionString, &azservicebus.ClientOptions{RetryOptions: azservicebus.RetryOptions{MaxRetries: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close(t.Context())
	sender, err := second.NewSender("out", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.SendMessage(t.Context(), &azservicebus.Message{}, nil); err == nil || !strings.Contains(err.Error(), "ConnectionsQuotaExceeded") {
		t.Errorf("a connection more than may be: %v", err)
	}
	if n := ask().Clients.Refused.Connections; n == 0 {
		t.Error("the connection that was refused is not counted")
	}
	// A body of which more has come than all together may take.
	if r := ask().Requests; r.Memory != 0 || r.Refused != 0 {
		t.Errorf("requests %+v, want none", r)
	}
	code, body := request(t, s, "PUT", s.testGroup("g")+"?api-version=2021-04-01",
		`{"location":"westeurope","tags":{"a":"`+strings.Repeat("x", 2<<20)+`"}}`)
	if code != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"RequestMemoryExceeded"`) {
		t.Errorf("a body above the limit: %d %s", code, body)
	}
	if r := ask().Requests; r.Memory != 0 || r.Refused != 1 {
		t.Errorf("requests %+v, want one that was refused", r)
	}
	id := s.factories.List("", "")[0].ID
	must(t, s, "POST", "/subscriptions/"+id.Subscription+"/resourceGroups/"+id.ResourceGroup+
		"/providers/Microsoft.DataFactory/factories/"+id.Factory+"/triggers/OnIn/stop", "")
	if tr := ask().Factories[0].Triggers[0]; tr.State != "Stopped" {
		t.Errorf("after a stop: %+v", tr)
	}
	for _, token := range []string{"", "Bearer", "Bearer x" + s.token} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, client.StatusPath, nil)
		r.Header.Set("Authorization", token)
		s.routes().ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("with %q: %d %s", token, w.Code, w.Body)
		}
	}
}

func named(name string) func(client.QueueStatus) bool {
	return func(q client.QueueStatus) bool { return q.Name == name }
}
