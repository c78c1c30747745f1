package factory

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"switchyard/value"
)

// TestMask: what is secret, and how the rest of the text stays.
func TestMask(t *testing.T) {
	tests := []struct {
		kind     Kind
		in, want string
	}{
		{LinkedServices, `{"a":{"type":"SecureString","value":"x"},"n":1.50}`, `{"a":{"type":"SecureString","value":"**********"},"n":1.50}`},
		{LinkedServices, `{"a":{"VALUE":"x\"y","Type":"securestring"}}`, `{"a":{"VALUE":"**********","Type":"securestring"}}`},
		{LinkedServices, `{"a":[{"b":{"type":"SecureString","value":"x"}},{"type":"SecureString","value":""}]}`, `{"a":[{"b":{"type":"SecureString","value":"**********"}},{"type":"SecureString","value":""}]}`},
		{LinkedServices, `{"a":{"type":"AzureKeyVaultSecret","secretName":"x"}}`, `{"a":{"type":"AzureKeyVaultSecret","secretName":"x"}}`},
		{LinkedServices, `{"a":{"type":"SecureString","value":"one","value":"two"}}`, `{"a":{"type":"SecureString","value":"**********","value":"**********"}}`},
		{LinkedServices, `{"password":"x","userName":"u","functionKey":"@{linkedService().key}"}`, `{"password":"**********","userName":"u","functionKey":"@{linkedService().key}"}`},
		{LinkedServices, `{"password":"@concat('se','cret')"}`, `{"password":"**********"}`},
		{LinkedServices, `{"authHeaders":{"x-a":"one","type":"two","x-b":{"type":"SecureString","value":"three"},"x-c":"@linkedService().h","x-d":{"n":"shown"}},"other":{"x-a":"shown"}}`,
			`{"authHeaders":{"x-a":"**********","type":"**********","x-b":{"type":"SecureString","value":"**********"},"x-c":"@linkedService().h","x-d":{"n":"shown"}},"other":{"x-a":"shown"}}`},
		{LinkedServices, `{"authHeaders":{"type":"Expression","value":"@linkedService().h"}}`, `{"authHeaders":{"type":"Expression","value":"@linkedService().h"}}`},
		{LinkedServices, `{"privateKeyPassphrase":"a","secretKey":"b","Key":"c","credential":{"referenceName":"C","type":"CredentialReference"}}`,
			`{"privateKeyPassphrase":"**********","secretKey":"**********","Key":"**********","credential":{"referenceName":"C","type":"CredentialReference"}}`},
		{LinkedServices, `{"password":"@@literal"}`, `{"password":"**********"}`},
		{LinkedServices, `{"connectionString":"Server=s;Database=d;User ID=u;Password=p;Encrypt=true"}`, `{"connectionString":"Server=s;Database=d;User ID=u;Password=**********;Encrypt=true"}`},
		{LinkedServices, `{"connectionString":"Endpoint=sb://n/;SharedAccessKeyName=Root;SharedAccessKey=a=b=;"}`, `{"connectionString":"Endpoint=sb://n/;SharedAccessKeyName=Root;SharedAccessKey=**********;"}`},
		{LinkedServices, `{"connectionString":"Password='a;b';Server=s"}`, `{"connectionString":"Password=**********;Server=s"}`},
		{LinkedServices, `{"connectionString":"Server=@{linkedService().s};Password=@{linkedService().p};Pwd=x"}`, `{"connectionString":"Server=@{linkedService().s};Password=@{linkedService().p};Pwd=**********"}`},
		{LinkedServices, `{"connectionString":"mongodb://u:p@host/?ssl=true"}`, `{"connectionString":"**********"}`},
		{LinkedServices, `{"connectionString":"host:6380,password=p,ssl=True"}`, `{"connectionString":"**********"}`},
		{LinkedServices, `{"connectionString":{"type":"SecureString","value":"Password=p"}}`, `{"connectionString":{"type":"SecureString","value":"**********"}}`},
		{LinkedServices, `{"connectionString":"@linkedService().c"}`, `{"connectionString":"@linkedService().c"}`},
		{Pipelines, `{"activities":[{"typeProperties":{"authentication":{"password":{"type":"SecureString","value":"x"}},"connectionString":"Password=shown"}}]}`, `{"activities":[{"typeProperties":{"authentication":{"password":{"type":"SecureString","value":"**********"}},"connectionString":"Password=shown"}}]}`},
		{Pipelines, `{"parameters":{"p":{"type":"SecureString","defaultValue":"x"},"q":{"type":"String","defaultValue":"y"}}}`, `{"parameters":{"p":{"type":"SecureString","defaultValue":"**********"},"q":{"type":"String","defaultValue":"y"}}}`},
	}
	for _, tt := range tests {
		if got := string(mask(tt.kind, []byte(tt.in))); got != tt.want {
			t.Errorf("mask(%s, %s):\ngot  %s\nwant %s", tt.kind, tt.in, got, tt.want)
		}
	}
}

// TestRestore: masks keep what was there, in the place where it was.
func TestRestore(t *testing.T) {
	old := `{"a":{"type":"SecureString","value":"A"},"b":[{"type":"SecureString","value":"B"}],"connectionString":"Server=s;Password=P;AccountKey=K","x.y":{"type":"SecureString","value":"XY"}}`
	tests := []struct{ in, want string }{
		{`{"A":{"value":"**********","type":"SecureString"}}`, `{"A":{"value":"A","type":"SecureString"}}`},
		{`{"b":[{"type":"SecureString","value":"**********"}],"n":1e0}`, `{"b":[{"type":"SecureString","value":"B"}],"n":1e0}`},
		{`{"a":{"type":"SecureString","value":"new"}}`, `{"a":{"type":"SecureString","value":"new"}}`},
		{`{"connectionString":"Server=t;password=**********"}`, `{"connectionString":"Server=t;password=P"}`},
		{`{"connectionString":"**********"}`, `{"connectionString":"Server=s;Password=P;AccountKey=K"}`},
		{`{"b":[{},{"type":"SecureString","value":"**********"}]}`, ""},
		{`{"c":{"type":"SecureString","value":"**********"}}`, ""},
		{`{"x":{"y":{"type":"SecureString","value":"**********"}}}`, ""},
		{`{"connectionString":"Server=t;Pwd=**********"}`, ""},
	}
	for _, tt := range tests {
		got, _, err := restore(LinkedServices, []byte(tt.in), []byte(old))
		if tt.want == "" {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("restore(%s): got %s, %v, want ErrInvalid", tt.in, got, err)
			}
			continue
		}
		if err != nil || string(got) != tt.want {
			t.Errorf("restore(%s):\ngot  %s, %v\nwant %s", tt.in, got, err, tt.want)
		}
	}
}

// TestSealed: no secret is on disk, a run sees it, and a put of what was read
// keeps it over a restart.
func TestSealed(t *testing.T) {
	w := open(t, newRecords()).factory()
	w.put(LinkedServices, "Bus", busText)
	w.put(Pipelines, "P", `{"activities":[{"name":"W","type":"WebActivity","typeProperties":{"url":"https://x","method":"GET","authentication":{"type":"Basic","username":"u","password":{"type":"SecureString","value":"hidden!"}}}}]}`)
	onDisk := func() {
		t.Helper()
		for key, val := range w.records.m {
			for _, secret := range []string{"k3y", "hidden!", "SharedAccessKey"} {
				if bytes.Contains(val, []byte(secret)) {
					t.Errorf("%s holds %q: %s", key, secret, val)
				}
			}
		}
	}
	onDisk()
	for _, name := range []string{"restart", "put of what was read"} {
		w = open(t, w.records)
		d, err := w.Definition(theID, LinkedServices, "Bus")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(d.Properties), "k3y") {
			t.Errorf("%s: shown: %s", name, d.Properties)
		}
		l, err := w.LinkedService("contoso", "Bus")
		if err != nil || !strings.Contains(string(value.Append(nil, l.TypeProperties)), "SharedAccessKey=k3y") {
			t.Errorf("%s: a run sees %v, %v, want the secret", name, l, err)
		}
		w.put(LinkedServices, "Bus", string(d.Properties))
		onDisk()
	}
}

// FuzzSecrets: of any JSON, the mask shows no secret, changes nothing else, is
// the same when repeated, and can be sent back.
func FuzzSecrets(f *testing.F) {
	for _, s := range []string{
		busText, `{"a":{"type":"SecureString","value":"topsecret"},"connectionString":"A=b;Password=topsecret"}`, `[1,{"password":"topsecret"}]`,
		`{"connectionString":"Password='topsecret;Server=s"}`, `{"connectionString":";;=;Password=topsecret;;"}`, `{"type":"SecureString","value":"\u0041\ud800"}`,
		`{"connectionString":"Password=@{concat('}')};Key=topsecret"}`, `{"accountKey":"**********"}`, `{"a":1,"a":{"type":"SecureString","value":"x"}}`,
	} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, byName bool) {
		kind := Pipelines
		if byName {
			kind = LinkedServices
		}
		if _, err := value.Parse(text); err != nil {
			scan(text) // any text at all
			Member(text, "a")
			return
		}
		found, err := secrets(kind, text)
		if err != nil {
			t.Fatalf("secrets(%s): %v", text, err)
		}
		shown := mask(kind, text)
		if _, err := value.Parse(shown); err != nil {
			t.Fatalf("mask(%s) is not JSON: %s", text, shown)
		}
		if again := mask(kind, shown); !bytes.Equal(again, shown) {
			t.Errorf("mask(%s) is %s, and masked again %s", text, shown, again)
		}
		masked, err := secrets(kind, shown)
		if err != nil || len(masked) != len(found) {
			t.Fatalf("mask(%s) has %d secrets, want %d: %s (%v)", text, len(masked), len(found), shown, err)
		}
		distinct := map[string]bool{}
		unique := true
		for i, s := range masked {
			if !s.connection && s.text != Mask {
				t.Errorf("mask(%s) shows %q: %s", text, s.text, shown)
			}
			if s.connection && s.text == found[i].text && !harmless(s.text) {
				t.Errorf("mask(%s) shows the connection string %q", text, s.text)
			}
			unique = unique && !distinct[s.key]
			distinct[s.key] = true
		}
		back, _, err := restore(kind, shown, text)
		if err != nil {
			t.Fatalf("restore of %s to %s: %v", shown, text, err)
		}
		restored, err := secrets(kind, back)
		if err != nil || len(restored) != len(found) {
			t.Fatalf("restore of %s: %s has %d secrets, want %d", shown, back, len(restored), len(found))
		}
		for i := range restored {
			if unique && !repeats(found[i].text) && restored[i].text != found[i].text {
				t.Errorf("restore of %s: secret %d is %q, want %q", shown, i, restored[i].text, found[i].text)
			}
		}
	})
}

// harmless reports that a connection string has no part that is secret.
func harmless(s string) bool {
	parts, ok := connectionParts(s)
	for _, p := range parts {
		if isSecretKey(p.key) && strings.TrimSpace(p.value) != "" && strings.TrimSpace(p.value) != Mask && !refersOnly(p.value) {
			return false
		}
	}
	return ok || s == Mask
}

// repeats reports that a connection string has a key twice: its mask can't say
// which is which.
func repeats(s string) bool {
	parts, _ := connectionParts(s)
	seen := map[string]bool{}
	for _, p := range parts {
		k := strings.ToLower(p.key)
		if seen[k] && k != "" {
			return true
		}
		seen[k] = true
	}
	return false
}
