package auth

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"switchyard/auth/authtest"
	"sync"
	"testing"
	"time"
)

var testNow = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const testHost = "ns1.servicebus.windows.net"

func testAuthority(t *testing.T) *Authority {
	t.Helper()
	a := new(Authority)
	put := func(entity, name, primary, secondary string, rights Rights) {
		t.Helper()
		if _, err := a.PutRule("NS1", entity, AuthorizationRule{Name: name, PrimaryKey: primary, SecondaryKey: secondary, Rights: rights}); err != nil {
			t.Fatal(err)
		}
	}
	put("", DefaultRuleName, "root-1", "root-2", Send|Listen|Manage)
	put("", "shared", "ns-shared", "", Listen)
	put("Orders", "send", "orders-send", "", Send)
	put("Orders", "shared", "orders-shared", "", Send)
	put("a/b", "listen", "ab-listen", "", Listen)
	return a
}

func TestVerifySAS(t *testing.T) {
	a := testAuthority(t)
	const all = Send | Listen | Manage
	tests := []struct {
		name                string
		sr, keyName, key    string
		audience            string
		expires             time.Time
		wantPath            string
		wantRights          Rights
		wantErr             error
		wantKeyNameInErrors bool
	}{
		{name: "namespace rule for a queue", sr: "sb://" + testHost + "/orders", keyName: DefaultRuleName, key: "root-1", audience: "amqps://" + testHost + "/Orders", wantPath: "orders", wantRights: all},
		{name: "secondary key", sr: "sb://" + testHost + "/orders", keyName: DefaultRuleName, key: "root-2", audience: "sb://" + testHost + "/orders", wantPath: "orders", wantRights: all},
		{name: "token for the namespace, audience a queue", sr: "sb://" + testHost + "/", keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/orders/$management", wantPath: "orders/$management", wantRights: all},
		{name: "bare host name", sr: testHost, keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/q", wantPath: "q", wantRights: all},
		{name: "audience is the namespace", sr: "sb://" + testHost, keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/", wantPath: "", wantRights: all},
		{name: "ports differ", sr: "amqp://127.0.0.1/orders", keyName: DefaultRuleName, key: "root-1", audience: "amqp://127.0.0.1:41234/orders", wantPath: "orders", wantRights: all},
		{name: "names of this machine are one", sr: "sb://localhost/orders", keyName: DefaultRuleName, key: "root-1", audience: "amqp://127.0.0.1:5672/orders", wantPath: "orders", wantRights: all},
		{name: "signed for the namespace, used through localhost", sr: "sb://" + testHost + "/orders", keyName: DefaultRuleName, key: "root-1", audience: "amqp://localhost/orders", wantPath: "orders", wantRights: all},
		{name: "queue rule", sr: "sb://" + testHost + "/orders", keyName: "send", key: "orders-send", audience: "sb://" + testHost + "/orders", wantPath: "orders", wantRights: Send},
		{name: "queue rule for the dead-letter queue", sr: "sb://" + testHost + "/orders", keyName: "send", key: "orders-send", audience: "sb://" + testHost + "/orders/$DeadLetterQueue", wantPath: "orders/$deadletterqueue", wantRights: Send},
		{name: "rule of a queue with a slash in its name", sr: "sb://" + testHost + "/A/B", keyName: "listen", key: "ab-listen", audience: "sb://" + testHost + "/a/b", wantPath: "a/b", wantRights: Listen},
		{name: "same name on queue and namespace: the queue's", sr: "sb://" + testHost + "/orders", keyName: "shared", key: "orders-shared", audience: "sb://" + testHost + "/orders", wantPath: "orders", wantRights: Send},
		{name: "same name on queue and namespace: the namespace's", sr: "sb://" + testHost + "/orders", keyName: "shared", key: "ns-shared", audience: "sb://" + testHost + "/orders", wantPath: "orders", wantRights: Listen},

		{name: "queue rule on another queue", sr: "sb://" + testHost + "/", keyName: "send", key: "orders-send", audience: "sb://" + testHost + "/q", wantErr: ErrUnknownKey},
		{name: "queue rule on a queue whose name begins with its own", sr: "sb://" + testHost + "/orders", keyName: "send", key: "orders-send", audience: "sb://" + testHost + "/orders/paid", wantErr: ErrUnknownKey},
		{name: "queue rule on the namespace", sr: "sb://" + testHost + "/", keyName: "send", key: "orders-send", audience: "sb://" + testHost + "/", wantErr: ErrUnknownKey},
		{name: "key name in other case", sr: "sb://" + testHost + "/q", keyName: "rootmanagesharedaccesskey", key: "root-1", audience: "sb://" + testHost + "/q", wantErr: ErrUnknownKey},
		{name: "wrong key", sr: "sb://" + testHost + "/q", keyName: DefaultRuleName, key: "root-3", audience: "sb://" + testHost + "/q", wantErr: ErrSignature},
		{name: "absent secondary key", sr: "sb://" + testHost + "/q", keyName: "shared", key: "", audience: "sb://" + testHost + "/q", wantErr: ErrSignature},
		{name: "signed for another queue", sr: "sb://" + testHost + "/orders", keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/invoices", wantErr: ErrScope},
		{name: "segment boundary", sr: "sb://" + testHost + "/ord", keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/orders", wantErr: ErrScope},
		{name: "signed for less than the audience", sr: "sb://" + testHost + "/orders/$management", keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/orders", wantErr: ErrScope},
		{name: "another host", sr: "sb://ns2.servicebus.windows.net/orders", keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/orders", wantErr: ErrScope},
		{name: "host that begins like the namespace", sr: "sb://ns12.servicebus.windows.net/orders", keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/orders", wantErr: ErrScope},
		{name: "expired", sr: "sb://" + testHost + "/q", keyName: DefaultRuleName, key: "root-1", audience: "sb://" + testHost + "/q", expires: testNow, wantErr: ErrExpired},
		{name: "malformed audience", sr: "sb://" + testHost + "/q", keyName: DefaultRuleName, key: "root-1", audience: "ftp://h/q", wantErr: ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expires := tt.expires
			if expires.IsZero() {
				expires = testNow.Add(time.Second)
			}
			got, err := a.VerifySAS("ns1", authtest.FormatSAS(tt.sr, tt.keyName, tt.key, expires), tt.audience, testNow)
			if tt.wantErr != nil {
				if !errors.Is(err, tt.wantErr) {
					t.Fatalf("err = %v, want %v (grant %+v)", err, tt.wantErr, got)
				}
				return
			}
			entity := !strings.HasPrefix(tt.key, "root-") && !strings.HasPrefix(tt.key, "ns-")
			want := Grant{Path: tt.wantPath, Rights: tt.wantRights, Expires: expires, KeyName: tt.keyName, Entity: entity}
			if err != nil || got != want {
				t.Errorf("grant = %+v, %v, want %+v", got, err, want)
			}
		})
	}

	if _, err := a.VerifySAS("ns2", authtest.FormatSAS("sb://"+testHost+"/q", DefaultRuleName, "root-1", testNow.Add(time.Hour)), "sb://"+testHost+"/q", testNow); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a key of another namespace: err = %v, want ErrUnknownKey", err)
	}
	var expired *ExpiredError
	_, err := a.VerifySAS("ns1", authtest.FormatSAS("sb://"+testHost+"/q", DefaultRuleName, "root-1", testNow), "sb://"+testHost+"/q", testNow)
	if !errors.As(err, &expired) || !expired.Expires.Equal(testNow) {
		t.Errorf("err = %v, want an ExpiredError of %v", err, testNow)
	}
}

func TestVerifyKey(t *testing.T) {
	a := testAuthority(t)
	for _, key := range []string{"root-1", "root-2"} {
		got, err := a.VerifyKey("ns1", DefaultRuleName, key)
		if want := (Grant{Rights: Send | Listen | Manage, KeyName: DefaultRuleName}); err != nil || got != want {
			t.Errorf("VerifyKey(%q) = %+v, %v, want %+v", key, got, err, want)
		}
	}
	for _, tt := range []struct {
		ns, name, key string
		want          error
	}{
		{"ns1", DefaultRuleName, "root-3", ErrSignature},
		{"ns1", DefaultRuleName, "", ErrSignature},
		{"ns1", "shared", "", ErrSignature},
		{"ns1", "send", "orders-send", ErrUnknownKey}, // a queue's rule is not the namespace's
		{"ns2", DefaultRuleName, "root-1", ErrUnknownKey},
	} {
		if got, err := a.VerifyKey(tt.ns, tt.name, tt.key); !errors.Is(err, tt.want) {
			t.Errorf("VerifyKey(%q, %q, %q) = %+v, %v, want %v", tt.ns, tt.name, tt.key, got, err, tt.want)
		}
	}
}

func TestRules(t *testing.T) {
	a := testAuthority(t)
	r, err := a.Rule("ns1", "ORDERS", "SEND")
	if err != nil || r.PrimaryKey != "orders-send" {
		t.Fatalf("Rule = %v, %v, want the rule of Orders", r, err)
	}
	r.PrimaryKey = "changed"
	if created, err := a.PutRule("ns1", "orders", r); created || err != nil {
		t.Errorf("PutRule of a known name = %v, %v, want false, nil", created, err)
	}
	if got := a.Rules("ns1", "orders"); len(got) != 2 || got[0].PrimaryKey != "changed" || got[1].Name != "shared" {
		t.Errorf("Rules = %v, want send (changed), shared", got)
	}
	if err := a.DeleteRule("ns1", "orders", "send"); err != nil {
		t.Error(err)
	}
	if err := a.DeleteRule("ns1", "orders", "send"); !errors.Is(err, ErrRuleNotFound) {
		t.Errorf("second DeleteRule = %v, want ErrRuleNotFound", err)
	}
	if _, err := a.Rule("ns1", "orders", "send"); !errors.Is(err, ErrRuleNotFound) {
		t.Errorf("Rule after DeleteRule: %v, want ErrRuleNotFound", err)
	}
	a.DeleteEntity("ns1", "Orders")
	if got := a.Rules("ns1", "orders"); len(got) != 0 {
		t.Errorf("rules after DeleteEntity = %v, want none", got)
	}
	if got := a.Rules("ns1", ""); len(got) != 2 {
		t.Errorf("namespace rules after DeleteEntity = %v, want 2", got)
	}
	a.DeleteNamespace("Ns1")
	if got := a.Rules("ns1", ""); len(got) != 0 {
		t.Errorf("rules after DeleteNamespace = %v, want none", got)
	}
}

func TestRuleLimits(t *testing.T) {
	var a Authority
	for i := range MaxRules {
		if _, err := a.PutRule("ns", "q", AuthorizationRule{Name: fmt.Sprint("r", i), PrimaryKey: "k", Rights: Send}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.PutRule("ns", "q", AuthorizationRule{Name: "one-more", PrimaryKey: "k", Rights: Send}); !errors.Is(err, ErrTooManyRules) {
		t.Errorf("rule %d: %v, want ErrTooManyRules", MaxRules+1, err)
	}
	for _, r := range []AuthorizationRule{
		{PrimaryKey: "k", Rights: Send},
		{Name: "a b", PrimaryKey: "k", Rights: Send},
		{Name: "r", Rights: Send},
		{Name: "r", PrimaryKey: "k"},
		{Name: "r", PrimaryKey: "k", Rights: Manage},
		{Name: "r", PrimaryKey: "k", Rights: 1 << 7},
		{Name: "r", PrimaryKey: strings.Repeat("k", maxKeyLength+1), Rights: Send},
	} {
		if _, err := a.PutRule("ns", "p", r); !errors.Is(err, ErrInvalidRule) {
			t.Errorf("PutRule(%v) = %v, want ErrInvalidRule", r, err)
		}
	}
}

// TestRecords: rules are read as they were written, and what is no rule is refused,
// also in the record of earlier versions.
func TestRecords(t *testing.T) {
	rules := testAuthority(t).Rules("ns1", "")
	got, err := DecodeRules(EncodeRules(rules))
	if err != nil || len(rules) == 0 || !reflect.DeepEqual(got, rules) {
		t.Errorf("read back: %v, %v, want %v", got, err, rules)
	}
	for _, bad := range []string{`{"version":2}`, `{`, `{"version":1,"rules":[{"name":"r"}]}`, `{"version":1,"rules":[{"name":"r","primaryKey":"k","rights":["Own"]}]}`} {
		if rules, err := DecodeRules([]byte(bad)); err == nil {
			t.Errorf("DecodeRules(%s) = %v", bad, rules)
		}
	}
	for _, bad := range []string{`{"version":2}`, `{`, `{"version":1,"namespaces":{"ns":{"":[{"name":"r"}]}}}`, `{"version":1,"namespaces":{"ns":{"":[{"name":"r","primaryKey":"k","rights":["Own"]}]}}}`} {
		if all, err := DecodeAuthority([]byte(bad)); err == nil {
			t.Errorf("DecodeAuthority(%s) = %v", bad, all)
		}
	}
}

func TestRuleHidesKeys(t *testing.T) {
	r := AuthorizationRule{Name: "r", PrimaryKey: "secret-1", SecondaryKey: "secret-2", Rights: Send}
	for _, s := range []string{fmt.Sprint(r), fmt.Sprintf("%+v", r), fmt.Sprintf("%#v", r), r.LogValue().String()} {
		if strings.Contains(s, "secret") {
			t.Errorf("%q shows a key", s)
		}
	}
}

func TestNewRule(t *testing.T) {
	r, err := NewRule("r", Send, strings.NewReader(strings.Repeat("a", 32)+strings.Repeat("b", 32)))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("YWFh", 10) + "YWE="; r.PrimaryKey != want || len(r.SecondaryKey) != 44 || r.SecondaryKey == want {
		t.Errorf("keys = %q, %q, want %q and another of 44 characters", r.PrimaryKey, r.SecondaryKey, want)
	}
	if _, err := GenerateKey(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("GenerateKey of a short reader: %v, want ErrUnexpectedEOF", err)
	}
}

func TestAuthorityConcurrent(t *testing.T) {
	a := testAuthority(t)
	token := authtest.FormatSAS("sb://"+testHost+"/q", DefaultRuleName, "root-1", testNow.Add(time.Hour))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 100 {
				if _, err := a.VerifySAS("ns1", token, "sb://"+testHost+"/q", testNow); err != nil {
					t.Error(err)
				}
				if _, err := a.PutRule("ns1", "q", AuthorizationRule{Name: fmt.Sprint("r", i), PrimaryKey: "k", Rights: Send}); err != nil {
					t.Error(err)
				}
				if len(a.Rules("ns1", "")) == 0 {
					t.Error("the namespace has no rules")
				}
			}
		})
	}
	wg.Wait()
}
