package system

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"switchyard/auth"
	"switchyard/client"
)

// TestEndpointsFileFollows: the file by which the commands find a Switchyard
// knows the namespaces that the control plane has made since the start, and the
// keys that are good.
func TestEndpointsFileFollows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := startSystem(t, Options{DataDir: dir})
	check := func(after, want string) {
		t.Helper()
		e, err := client.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if e.ConnectionString != want {
			t.Errorf("connection string after %s = %q, want %q", after, e.ConnectionString, want)
		}
	}
	check("the start", "")
	makeNamespace(t, s, "g1", "made-later")
	before := s.ConnectionString("made-later")
	check("PUT", before)
	must(t, s, "POST", s.testNamespace("g1", "made-later")+"/AuthorizationRules/"+auth.DefaultRuleName+"/regenerateKeys", `{"keyType":"PrimaryKey"}`)
	if after := s.ConnectionString("made-later"); after == before || after == "" {
		t.Errorf("connection string after regenerateKeys = %q, before %q", after, before)
	}
	check("regenerateKeys", s.ConnectionString("made-later"))
	namespace := s.testNamespace("g1", "made-later")
	must(t, s, "PUT", namespace+"/queues/orders", `{"properties":{}}`)
	must(t, s, "PUT", namespace+"/topics/news", `{"properties":{}}`)
	must(t, s, "PUT", namespace+"/topics/news/subscriptions/all", `{"properties":{}}`)
	must(t, s, "PUT", s.testGroup("g1")+"/providers/Microsoft.DataFactory/factories/works", `{"location":"westeurope"}`)
	must(t, s, "PUT", s.testGroup("g1")+"/providers/Microsoft.DataFactory/factories/works/pipelines/p", `{"properties":{"activities":[]}}`)
	// The file is written after the answer, so it is looked at until it says so.
	tells := func(want func(client.Endpoints) bool) {
		t.Helper()
		var e client.Endpoints
		var err error
		for range 1000 {
			if e, err = client.Read(dir); err == nil && want(e) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("the file says %+v, %v", e, err)
	}
	tells(func(e client.Endpoints) bool {
		if len(e.Namespaces) != 1 || len(e.Factories) != 1 {
			return false
		}
		n, f := e.Namespaces[0], e.Factories[0]
		return slices.Equal(n.Queues, []string{"orders", "q"}) && slices.Equal(n.Topics, []string{"news"}) &&
			slices.Equal(n.Subscriptions, []string{"news/Subscriptions/all"}) && slices.Equal(f.Pipelines, []string{"p"})
	})
	must(t, s, "DELETE", namespace+"/queues/orders", "")
	tells(func(e client.Endpoints) bool { return len(e.Namespaces[0].Queues) == 1 })
	must(t, s, "DELETE", s.testGroup("g1"), "")
	check("DELETE of the group", "")
}
