package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/auth/issuer"
	"switchyard/client"
	"switchyard/config"
)

// TestOptions: a default port may be given up for a free one, a port that was
// asked for may not, whatever it is.
func TestOptions(t *testing.T) {
	e := &env{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	o, err := options(t.Context(), e, settings(t, serving))
	if err != nil || !o.AMQPFallback || !o.HTTPFallback || o.Strict || o.Relaxed || o.Ephemeral || o.DataDir != ".switchyard" {
		t.Errorf("defaults: %+v, %v", o, err)
	}
	o, err = options(t.Context(), e, settings(t, serving, "--amqp-address", "127.0.0.1:5672", "--ephemeral", "--strict", "--relaxed", "--data", "d", "--key-file", "commands.go"))
	if err != nil || o.AMQPFallback || !o.HTTPFallback || !o.Strict || !o.Relaxed || !o.Ephemeral || o.DataDir != "d" || o.KeyFile != "commands.go" {
		t.Errorf("the default port asked for by name: %+v, %v", o, err)
	}
	o, err = options(t.Context(), e, settings(t, serving, "--http-address", "127.0.0.1:0"))
	if err != nil || !o.AMQPFallback || o.HTTPFallback || o.HTTPAddress != "127.0.0.1:0" {
		t.Errorf("HTTP address: %+v, %v", o, err)
	}
	apps := filepath.Join(t.TempDir(), "apps.json")
	if err := os.WriteFile(apps, []byte(`{"applications":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if o, err = options(t.Context(), e, settings(t, serving, "--auth", "strict", "--auth-applications", apps)); err != nil || string(o.Applications) != `{"applications":[]}` {
		t.Errorf("applications: %q, %v", o.Applications, err)
	}
}

// TestLeftOver: a flag beats what is left over in the environment of another setting
// that it excludes.
func TestLeftOver(t *testing.T) {
	src := config.Source{ReadFile: config.OS.ReadFile, LookupEnv: func(name string) (string, bool) {
		v, ok := map[string]string{"SWITCHYARD_EPHEMERAL": "true", "SWITCHYARD_CONNECTION_STRING": "Endpoint=sb://elsewhere/",
			"SWITCHYARD_AUTH_APPLICATIONS": "left-over.json"}[name]
		return v, ok
	}}
	v, _, err := config.Parse(serving, []string{"--data", "d", "--auth", "development"}, src)
	if err != nil {
		t.Fatal(err)
	}
	e := &env{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	if o, err := options(t.Context(), e, v); err != nil || o.Ephemeral || o.Applications != nil || o.DataDir != "d" {
		t.Errorf("ephemeral %t, applications %q, %v; want a data directory without applications", o.Ephemeral, o.Applications, err)
	}
	if v, _, err = config.Parse(serving, nil, src); err != nil || !ephemeral(v) {
		t.Errorf("without a flag: ephemeral %t, %v", ephemeral(v), err)
	}
	if v, _, err = config.Parse(onBus, []string{"--data", "nowhere"}, src); err != nil {
		t.Fatal(err)
	}
	if _, err = connect(t.Context(), v); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("connect: %v, want the data directory's", err)
	}
}

// TestLogger: the log goes to standard error in the form and from the level that
// was asked for.
func TestLogger(t *testing.T) {
	for _, c := range []struct {
		args   []string
		debug  bool
		prefix string
	}{
		{nil, false, "time="},
		{[]string{"--log-format", "json"}, false, `{"time":`},
		{[]string{"--log-level", "debug"}, true, "time="},
		{[]string{"--log-level", "error"}, false, "time="},
		{[]string{"--log-level", "ERROR"}, false, "time="},
	} {
		var out, errs bytes.Buffer
		log, err := (&env{stdin: nil, stdout: &out, stderr: &errs}).logger(settings(t, serving, c.args...))
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		log.Debug("one")
		log.Error("two", slog.Int("n", 1))
		got := errs.String()
		if strings.Contains(got, "one") != c.debug || !strings.Contains(got, "two") || !strings.HasPrefix(got, c.prefix) || out.Len() > 0 {
			t.Errorf("%q: log %q, stdout %q", c.args, got, out.String())
		}
	}
}

// TestEnvironment: what a shell evaluates is one assignment for each variable,
// whatever its value holds; as JSON it is the same.
func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	const evil = `it's $(touch pwned) "now" \ ` + "`x`"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"healthy"}`) }))
	defer server.Close()
	b, err := json.Marshal(map[string]any{"amqp": "127.0.0.1:1", "http": server.URL, "https": "https://127.0.0.1:3", "clientSecret": evil, "caFile": evil, "connectionString": "Endpoint=x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "endpoints.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	code, text, errs := call(t, "", "env", "--data", dir)
	if code != exitOK || errs != "" {
		t.Fatalf("exit code %d, stderr %q", code, errs)
	}
	for line := range strings.Lines(text) {
		name, quoted, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "export "), "=")
		inner := strings.ReplaceAll(quoted, `'\''`, "")
		if !ok || strings.ToUpper(name) != name || !strings.HasPrefix(line, "export ") || len(inner) < 2 || strings.Count(inner, "'") != 2 || inner[0] != '\'' || inner[len(inner)-1] != '\'' {
			t.Errorf("line %q is not one quoted assignment", line)
		}
	}
	code, object, errs := call(t, "", "env", "--data", dir, "--output", "json")
	var vars map[string]string
	if err := json.Unmarshal([]byte(object), &vars); code != exitOK || err != nil {
		t.Fatalf("JSON: exit code %d, stderr %q, %v", code, errs, err)
	}
	if len(vars) != strings.Count(text, "\n") || vars["NODE_EXTRA_CA_CERTS"] != evil || vars["SWITCHYARD_CONNECTION_STRING"] != "Endpoint=x" || vars["ARM_METADATA_HOSTNAME"] != "127.0.0.1:3" {
		t.Errorf("variables: %q, and %d lines as text", vars, strings.Count(text, "\n"))
	}
	if err := os.WriteFile(filepath.Join(dir, "endpoints.json"), b[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := call(t, "", "env", "--data", dir, "--wait", "0s"); code != exitFailed || !strings.HasPrefix(out, "false # ") || strings.Count(out, "\n") != 1 || !strings.Contains(errs, "endpoints.json is damaged: ") {
		t.Errorf("half a file: exit code %d, stdout %q, stderr %q", code, out, errs)
	}
}

// TestUpHidesKeys: the text shows the documented key, which everybody knows, and no
// other.
func TestUpHidesKeys(t *testing.T) {
	var out bytes.Buffer
	const open = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
	random := strings.NewReplacer("SAS_KEY_VALUE", "cmFuZG9t", ":1;", ":2;").Replace(open)
	ep := client.Endpoints{Namespaces: []client.Namespace{{Name: "folder", ConnectionString: open, Queues: []string{"in"}}}}
	printEndpointsText(&out, ep, "data")
	if got := out.String(); !strings.Contains(got, "\n  "+open+"\n  queue in\n") || strings.Contains(got, "****") {
		t.Errorf("with the documented key: %s", got)
	}
	out.Reset()
	ep.Namespaces = append(ep.Namespaces, client.Namespace{Name: "made", ConnectionString: random})
	printEndpointsText(&out, ep, "data")
	if got := out.String(); strings.Contains(got, "cmFuZG9t") || !strings.Contains(got, "Endpoint=sb://127.0.0.1:2;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=****;") ||
		!strings.Contains(got, "**** is a key: "+filepath.Join("data", client.File)+" has it") {
		t.Errorf("with a random key: %s", got)
	}
}

// TestHash: the line end belongs to the terminal and not to the secret.
func TestHash(t *testing.T) {
	code, first, errs := call(t, "open sesame\n", "hash")
	if code != exitOK || errs != "" || strings.Count(first, "\n") != 1 || strings.Contains(first, "sesame") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, first, errs)
	}
	if _, second, _ := call(t, "open sesame\n", "hash"); second == first {
		t.Error("the same secret has the same hash twice: it has no salt")
	}
	apps, err := issuer.ParseApplications(fmt.Appendf(nil, `{"applications":[{"id":"app","secretHashes":[%q]}]}`, strings.TrimSuffix(first, "\n")))
	if err != nil || !apps.VerifySecret("app", "open sesame") || apps.VerifySecret("app", "open sesame\n") {
		t.Errorf("%v: the hash is not of the secret without its line end", err)
	}
	for _, empty := range []string{"", "\n", "\r\n"} {
		if code, out, _ := call(t, empty, "hash"); code != exitUsage || out != "" {
			t.Errorf("secret %q: exit code %d, stdout %q; want %d and nothing", empty, code, out, exitUsage)
		}
	}
}

func TestVersion(t *testing.T) {
	code, text, _ := call(t, "", "version")
	if code != exitOK || !strings.HasPrefix(text, "switchyard ") || strings.Count(text, "\n") != 1 {
		t.Errorf("exit code %d, stdout %q", code, text)
	}
	var v map[string]string
	code, text, _ = call(t, "", "version", "--output", "json")
	if err := json.Unmarshal([]byte(text), &v); err != nil || code != exitOK || len(v) != 2 || v["version"] == "" {
		t.Errorf("exit code %d, %v, stdout %q", code, err, text)
	}
}
