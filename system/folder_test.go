package system

import (
	"path/filepath"
	"testing"

	"switchyard/auth"
	"switchyard/deploy"
	"switchyard/deploy/provision"
)

// TestFolderKeepsRegeneratedKey: the documented key is given to a folder's
// namespace when it is created. Once it was replaced no start brings it back.
func TestFolderKeepsRegeneratedKey(t *testing.T) {
	o := Options{
		DataDir:     filepath.Join(t.TempDir(), "data"),
		Deployments: []*deploy.Deployment{folder(t, map[string]string{"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"q"}]}]}}`})},
	}
	s := startSystem(t, o)
	key := func() string {
		r, err := s.auth.Rule("test-ns", "", auth.DefaultRuleName)
		if err != nil {
			t.Fatal(err)
		}
		return r.PrimaryKey
	}
	restart := func() {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s = startSystem(t, o)
	}
	if key() != auth.DevelopmentKey {
		t.Fatalf("key of a new namespace = %q, want the documented one", key())
	}
	must(t, s, "POST", s.testNamespace(provision.ResourceGroup, "test-ns")+"/AuthorizationRules/"+auth.DefaultRuleName+"/regenerateKeys", `{"keyType":"PrimaryKey"}`)
	regenerated := key()
	restart()
	if got := key(); got != regenerated || got == auth.DevelopmentKey {
		t.Errorf("key after a restart = %q, before %q", got, regenerated)
	}
	// A namespace that the folder has to create again is a new one.
	must(t, s, "DELETE", s.testNamespace(provision.ResourceGroup, "test-ns"), "")
	restart()
	if got := key(); got != auth.DevelopmentKey {
		t.Errorf("key of a namespace that was created again = %q, want the documented one", got)
	}
}
