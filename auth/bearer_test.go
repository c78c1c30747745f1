package auth

import (
	"errors"
	"testing"
	"time"
)

// fakeBearer accepts the token "good" of the principal p for one audience.
type fakeBearer string

func (f fakeBearer) VerifyBearer(token string, audience func(string) bool, now time.Time) (Principal, error) {
	if token != "good" {
		return Principal{}, ErrSignature
	}
	if !audience(string(f)) {
		return Principal{}, ErrScope
	}
	return Principal{ObjectID: "p", Audience: string(f), Expires: now.Add(time.Hour)}, nil
}

type fakeRoles map[string][]string // by ns/path

func (f fakeRoles) DataRoles(objectID, ns, path string) []string {
	if objectID != "p" {
		return nil
	}
	return f[ns+"/"+path]
}

func TestVerifyJWT(t *testing.T) {
	now := time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)
	const queue = "amqps://orders.servicebus.windows.net/Incoming"
	var a Authority
	if _, err := a.VerifyJWT("orders", "good", queue, now); !errors.Is(err, ErrNoBearer) {
		t.Errorf("without a verifier: %v, want %v", err, ErrNoBearer)
	}
	for _, c := range []struct {
		audience string
		want     error
	}{
		{"https://servicebus.azure.net", nil},
		{"https://servicebus.azure.net/", nil},
		{"https://orders.servicebus.windows.net", nil},
		{"https://orders.servicebus.windows.net/", nil},
		{"https://ORDERS.servicebus.windows.net", nil},
		{"sb://orders.servicebus.windows.net/", nil},
		{"https://orders.servicebus.localhost:5671/", nil},
		{"https://orders.localhost:5671", nil},
		{"https://other.servicebus.windows.net", ErrScope},
		{"https://orders.example.com", ErrScope},
		{"https://orders.servicebus.windows.net/Incoming", ErrScope},
		{"https://servicebus.azure.net/x", ErrScope},
		{"http://servicebus.azure.net", ErrScope},
		{"servicebus.azure.net", ErrScope},
		{"https://management.azure.com/", ErrScope},
		{"https://localhost:5300", ErrScope}, // the control plane's audience
		{"https://127.0.0.1:5300", ErrScope},
		{"", ErrScope},
	} {
		a.AcceptBearer(fakeBearer(c.audience), nil)
		g, err := a.VerifyJWT("orders", "good", queue, now)
		if !errors.Is(err, c.want) {
			t.Errorf("audience %q: %v, want %v", c.audience, err, c.want)
		}
		if want := (Grant{Path: "incoming", Rights: Manage | Listen | Send, Expires: now.Add(time.Hour)}); err == nil && g != want {
			t.Errorf("audience %q: %+v, want %+v", c.audience, g, want)
		}
	}
	a.AcceptBearer(fakeBearer("https://management.azure.com/"), nil)
	if _, err := a.VerifyJWT("management", "good", queue, now); !errors.Is(err, ErrScope) {
		t.Errorf("a namespace that is called management takes the control plane's tokens: %v", err)
	}
	a.AcceptBearer(fakeBearer("https://servicebus.azure.net/"), nil)
	for name, in := range map[string]struct {
		token, audience string
		want            error
	}{
		"bad token":    {"bad", queue, ErrSignature},
		"bad audience": {"good", "ftp://x/y", ErrMalformed},
	} {
		if _, err := a.VerifyJWT("orders", in.token, in.audience, now); !errors.Is(err, in.want) {
			t.Errorf("%s: %v, want %v", name, err, in.want)
		}
	}
}

func TestVerifyJWTRoles(t *testing.T) {
	now := time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)
	var a Authority
	a.AcceptBearer(fakeBearer("https://servicebus.azure.net/"), fakeRoles{
		"orders/in":   {"Reader", RoleDataSender},
		"orders/out":  {"azure service bus data receiver"},
		"orders/both": {RoleDataSender, RoleDataReceiver},
		"orders/all":  {RoleDataOwner},
		"orders/none": {"Owner", "Contributor"},
	})
	for path, want := range map[string]Rights{"in": Send, "Out": Listen, "both": Send | Listen, "all": Manage | Send | Listen, "none": 0, "else": 0, "": 0} {
		g, err := a.VerifyJWT("orders", "good", "sb://orders.servicebus.windows.net/"+path, now)
		if err != nil || g.Rights != want {
			t.Errorf("%q: rights %v, %v; want %v", path, g.Rights, err, want)
		}
	}
}

func TestBearerToken(t *testing.T) {
	for _, c := range []struct{ header, want string }{
		{"Bearer abc", "abc"}, {"bearer  abc ", "abc"}, {"BEARER abc", "abc"},
		{"", ""}, {"Bearer", ""}, {"Bearer ", ""}, {"Basic abc", ""}, {"abc", ""},
	} {
		got, err := BearerToken(c.header)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("BearerToken(%q) = %q, %v; want %q", c.header, got, err, c.want)
		}
	}
}
