package system

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/identity"
	"switchyard/listen"
)

// TestFirstOwner: in strict mode without a list of applications the first start makes one,
// shows its secret once to the owner of the directory, and knows it from then on; it ends
// when applications are registered.
func TestFirstOwner(t *testing.T) {
	dir := t.TempDir() + "/data"
	name := filepath.Join(dir, identity.OwnerFile)
	first := struct{ ClientID, ClientSecret string }{}
	login := func(s *System) int {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {first.ClientID}, "client_secret": {first.ClientSecret},
			"scope": {"https://management.azure.com/.default"}}
		r, err := http.PostForm("http://"+s.http.Addr().String()+"/"+s.identities.TenantID()+"/oauth2/v2.0/token", form)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	apps := strictApplications(t, "owner", `[{"role":"Owner"}]`)
	for i, c := range []struct {
		mode  identity.Mode
		apps  []byte
		fails string
		shown bool
		login int
	}{
		{identity.Development, nil, "", false, 0},
		{identity.Strict, nil, "", true, 200},
		{"", nil, "", false, 200},
		{"", apps, "", false, 401},
		{"", nil, "was last served with --auth strict", false, 0},
	} {
		s, err := Start(t.Context(), Options{DataDir: dir, Auth: c.mode, Applications: c.apps})
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%d: error %v, want %q", i, err, c.fails)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		info, err := os.Stat(name)
		if (err == nil) != c.shown || err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%d: file %v, %v; want it %v", i, info, err, c.shown)
		}
		if c.shown {
			b, err := os.ReadFile(name)
			if err != nil || json.Unmarshal(b, &first) != nil || len(first.ClientSecret) < 43 {
				t.Fatalf("%d: %s, %v", i, b, err)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		if c.login != 0 {
			if got := login(s); got != c.login {
				t.Errorf("%d: login: %d, want %d", i, got, c.login)
			}
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestListenNeedsStrict: a data directory that is open to everybody is not opened to other
// machines, even if that was only forgotten to say.
func TestListenNeedsStrict(t *testing.T) {
	x, err := listen.ParseExposure("0.0.0.0", "bus.example.com", "", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Options{Ephemeral: true, Exposure: x, AMQPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "--auth strict only") {
		t.Errorf("error %v", err)
	}
}
