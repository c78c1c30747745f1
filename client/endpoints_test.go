package client

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var running = Endpoints{
	PID: 7, AMQP: "127.0.0.1:5672", HTTP: "http://127.0.0.1:8080", HTTPS: "https://127.0.0.1:8080",
	ConnectionString: "Endpoint=sb://127.0.0.1:5672;SharedAccessKey=k",
	TenantID:         "tenant", SubscriptionID: "sub", ClientID: "id", ClientSecret: "secret",
	CAFile: "/data/ca.pem", BundleFile: "/data/bundle.pem", Token: "token",
}

// TestEndpointsFile: what is written is read again, by its owner only.
func TestEndpointsFile(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second replaces the first
		if err := running.Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(dir)
	if err != nil || !reflect.DeepEqual(got, running) {
		t.Errorf("read %+v, %v, want what was written", got, err)
	}
	info, err := os.Stat(filepath.Join(dir, File))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v, want 0600", info.Mode(), err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("in the directory: %v, %v, want the file only", files, err)
	}
	if public := running.Public(); public.Token != "" || public.HTTP != running.HTTP || running.Token == "" {
		t.Errorf("to be printed: %+v", public)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(dir)
	if not, ok := errors.AsType[*NotRunningError](err); !ok || not.Dir != dir || !strings.Contains(err.Error(), "switchyard up") {
		t.Errorf("error %v, want NotRunningError that says what to do", err)
	}
	if err := os.WriteFile(filepath.Join(dir, File), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), File) {
		t.Errorf("error %v, want one that names the file", err)
	}
	if err := running.Write(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("written into a directory that does not exist")
	}
}

func TestEnvironment(t *testing.T) {
	got := map[string]string{}
	for _, v := range running.Environment() {
		if _, twice := got[v.Name]; twice {
			t.Errorf("%s is given twice", v.Name)
		}
		got[v.Name] = v.Value
	}
	for name, want := range map[string]string{
		"ARM_METADATA_HOSTNAME":               "127.0.0.1:8080",
		"ARM_TENANT_ID":                       "tenant",
		"ARM_ENVIRONMENT":                     "custom",
		"ARM_ACTIVE_DIRECTORY_AUTHORITY_HOST": "https://127.0.0.1:8080/",
		"ARM_RESOURCE_MANAGER_ENDPOINT":       "https://127.0.0.1:8080",
		"ARM_RESOURCE_MANAGER_AUDIENCE":       "https://127.0.0.1:8080",
		"AZURE_CORE_INSTANCE_DISCOVERY":       "false",
		"AZURE_CLIENT_SECRET":                 "secret",
		"AZURE_AUTHORITY_HOST":                "https://127.0.0.1:8080/",
		"IDENTITY_ENDPOINT":                   "http://127.0.0.1:8080/msi/token",
		"IDENTITY_HEADER":                     "token",
		"SSL_CERT_FILE":                       "/data/bundle.pem",
		"NODE_EXTRA_CA_CERTS":                 "/data/ca.pem",
		"SWITCHYARD_CONNECTION_STRING":        running.ConnectionString,
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	e := running
	e.ConnectionString = ""
	for _, v := range e.Environment() {
		if v.Name == "SWITCHYARD_CONNECTION_STRING" {
			t.Errorf("a connection string %q without a namespace", v.Value)
		}
	}
}
