package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"switchyard/client"
	"switchyard/config"
	"switchyard/identity"
)

// pack reads a file of packaging/.
func pack(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../packaging", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// assignments reads lines NAME=VALUE.
func assignments(text string) map[string]string {
	m := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimSpace(s.Text()), "="); ok && !strings.HasPrefix(name, "#") {
			m[name] = value
		}
	}
	return m
}

// served builds the program, without C as the packages do, runs it as a plain process with
// the arguments of a package, in what takes the place of the container or the service, and
// checks that the health check answers, that secrets are its own, and that it stops in good
// order. It listens on the loopback interface instead, on any port.
func served(t *testing.T, program, data string, args []string, env map[string]string, check []string) {
	t.Helper()
	delete(env, "SWITCHYARD_LISTEN")
	environ := []string{"SWITCHYARD_LISTEN=127.0.0.1", "SWITCHYARD_AMQP_ADDRESS=:0", "SWITCHYARD_HTTP_ADDRESS=:0"}
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	c := exec.Command(program, args...)
	var errs strings.Builder
	c.Env, c.Stderr, c.Dir = environ, &errs, t.TempDir()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	defer c.Process.Kill()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := client.Read(data); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("%q: %v: %s", args, err, errs.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q does not serve", args)
		}
	}
	h := exec.Command(program, check...)
	h.Env, h.Dir = environ, c.Dir
	if out, err := h.CombinedOutput(); err != nil || !strings.Contains(string(out), "healthy") {
		t.Errorf("health check: %v: %s", err, out)
	}
	for _, name := range []string{client.File, identity.OwnerFile, "secret.key", "tls/ca-key.pem", "tls/server.pem"} {
		if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want a file of its owner only", name, info, err)
		}
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("stop: %v: %s", err, errs.String())
	}
	h = exec.Command(program, check...)
	h.Env, h.Dir = environ, c.Dir
	if out, err := h.CombinedOutput(); err == nil {
		t.Errorf("the health check is content with nobody: %s", out)
	}
}

// program builds the program as the packages do.
func program(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "switchyard")
	c := exec.Command("go", "build", "-o", name, ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return name
}

// TestUnit: the unit of systemd starts a server. Its arguments are run as they are, with
// the directories that systemd would make.
func TestUnit(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	unit := assignments(pack(t, "switchyard.service"))
	state := t.TempDir()
	args := strings.Fields(strings.ReplaceAll(unit["ExecStart"], "%S", state))
	if args[0] != "/usr/local/bin/switchyard" || unit["DynamicUser"] != "yes" || unit["StateDirectoryMode"] != "0700" {
		t.Errorf("unit: %q", unit)
	}
	data := filepath.Join(state, unit["StateDirectory"])
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	env := assignments(pack(t, "switchyard.env"))
	for name := range env {
		settingOf(t, name)
	}
	served(t, program(t), data, args[1:], env, []string{"health", "--data", data})
	if verify, err := exec.LookPath("systemd-analyze"); err == nil {
		out, _ := exec.Command(verify, "verify", "--man=no", "../../packaging/switchyard.service").CombinedOutput()
		for line := range strings.SplitSeq(string(out), "\n") {
			// The program is not installed on this machine.
			if strings.Contains(line, "switchyard.service") && !strings.Contains(line, "not executable") {
				t.Errorf("systemd-analyze: %s", line)
			}
		}
	}
}

// settingOf checks that a variable is a setting.
func settingOf(t *testing.T, name string) {
	t.Helper()
	for _, s := range config.Settings {
		if s.Env() == name {
			return
		}
	}
	t.Errorf("%s is no setting", name)
}

var instruction = regexp.MustCompile(`(?m)^([A-Z]+) (.*)$`)

// TestImage: the entry point and the command of the image start a server, and its health
// check asks it. The image itself needs a Docker engine.
func TestImage(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	_, image, ok := strings.Cut(strings.ReplaceAll(pack(t, "Dockerfile"), "\\\n", " "), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the image is not made from scratch")
	}
	said := map[string]string{}
	for _, m := range instruction.FindAllStringSubmatch(image, -1) {
		said[m[1]] = m[2]
	}
	words := func(name string) (list []string) {
		text := said[name]
		if err := json.Unmarshal([]byte(text[strings.Index(text, "["):]), &list); err != nil {
			t.Fatalf("%s %s: %v", name, text, err)
		}
		return list
	}
	env := map[string]string{}
	for _, word := range strings.Fields(said["ENV"]) {
		name, value, _ := strings.Cut(word, "=")
		settingOf(t, name)
		env[name] = value
	}
	entry, check := words("ENTRYPOINT"), words("HEALTHCHECK")
	if said["USER"] != "65532:65532" || said["VOLUME"] != env["SWITCHYARD_DATA"] || len(entry) != 1 || check[0] != entry[0] {
		t.Errorf("image: %q", said)
	}
	data := filepath.Join(t.TempDir(), "data")
	env["SWITCHYARD_DATA"] = data
	served(t, program(t), data, words("CMD"), env, check[1:])
}

// TestCompose: the compose file is of the image and its ports, and gives settings only.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Build       struct{ Context, Dockerfile string }
			Image       string
			Environment map[string]string
			Ports       []string
			Volumes     []string
			ReadOnly    bool          `yaml:"read_only"`
			CapDrop     []string      `yaml:"cap_drop"`
			SecurityOpt []string      `yaml:"security_opt"`
			Grace       time.Duration `yaml:"stop_grace_period"`
			Restart     string
		}
		Volumes map[string]struct{}
	}
	d := yaml.NewDecoder(strings.NewReader(pack(t, "compose.yaml")))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	s := file.Services["switchyard"]
	for name := range s.Environment {
		settingOf(t, name)
	}
	if _, err := os.Stat(filepath.Join("../../packaging", s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	exposed := strings.Fields(regexp.MustCompile(`(?m)^EXPOSE (.*)$`).FindStringSubmatch(pack(t, "Dockerfile"))[1])
	if len(s.Ports) != len(exposed) {
		t.Errorf("ports %q, exposed %q", s.Ports, exposed)
	}
	for i, p := range s.Ports {
		if p != exposed[i]+":"+exposed[i] {
			t.Errorf("port %s, exposed %s", p, exposed[i])
		}
	}
	grace, _ := config.Lookup("grace")
	if d, err := time.ParseDuration(grace.Default); err != nil || s.Grace <= d+5*time.Second {
		t.Errorf("it is stopped after %v; the grace is %s and what does not end is left 5 s later", s.Grace, grace.Default)
	}
	if len(s.Volumes) != 1 || s.Volumes[0] != "data:/data" {
		t.Errorf("volumes: %q", s.Volumes)
	}
}
