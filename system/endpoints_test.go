package system

import (
	"path/filepath"
	"testing"

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
	must(t, s, "DELETE", s.testGroup("g1"), "")
	check("DELETE of the group", "")
}
