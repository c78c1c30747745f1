package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"
)

// examples is where the programs are that users read.
const examples = "../../../examples/"

func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("left out: %s is not installed", name)
	}
}

// TestNode runs the vendor's Node packages.
func TestNode(t *testing.T) {
	w := start(t)
	need(t, "npm")
	dir := w.copyTo(t, "testdata/node")
	w.run(t, dir, nil, "npm", "install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts")
	trust := map[string]string{"NODE_EXTRA_CA_CERTS": w.env["SSL_CERT_FILE"]}
	t.Run("life", func(t *testing.T) { t.Log(w.run(t, dir, trust, "node", "life.js")) })
	t.Run("example", func(t *testing.T) {
		program := filepath.Join(w.copyTo(t, examples+"pulumi-typescript"), "index.ts")
		t.Log(w.run(t, dir, trust, "node", "example.js", program))
	})
}

// TestPython runs the vendor's Python packages, and with them the reference program
// as it is and as the example has it.
func TestPython(t *testing.T) {
	w := start(t)
	need(t, "python3")
	dir := w.copyTo(t, "testdata/python")
	w.run(t, dir, nil, "python3", "-m", "venv", "venv")
	python := filepath.Join(dir, "venv", "bin", "python")
	if runtime.GOOS == "windows" {
		python = filepath.Join(dir, "venv", "Scripts", "python.exe")
	}
	w.run(t, dir, nil, python, "-m", "pip", "install", "-q", "-r", "requirements.txt")
	t.Run("life", func(t *testing.T) { t.Log(w.run(t, dir, nil, python, "life.py")) })
	t.Run("reference", func(t *testing.T) {
		t.Log(w.run(t, dir, nil, python, "reference.py", "--as-given", "reference/program.py"))
	})
	t.Run("example", func(t *testing.T) {
		program := filepath.Join(w.copyTo(t, examples+"pulumi-python"), "__main__.py")
		t.Log(w.run(t, dir, nil, python, "reference.py", program))
	})
}

// TestReferenceProgramIsAsGiven: the program came as one line; its characters are as
// they were, but for blanks and line ends.
func TestReferenceProgramIsAsGiven(t *testing.T) {
	const want = "8062acf3d4bb3fec85092696d6ea9a85dcc32020695d984e0e39aab9097e18a1"
	b, err := os.ReadFile("testdata/python/reference/program.py")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, string(b))
	sum := sha256.Sum256([]byte(text))
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("sha256 without white space = %s, want %s", got, want)
	}
}
