package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"switchyard/config"
)

// TestExamplesParse: what the help texts, and with them docs/commands.md, give as
// examples are command lines that the program understands. They are not run: their
// folders and ids are made up.
func TestExamplesParse(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("the examples are for a shell of Unix systems; there is no bash")
	}
	for _, c := range all(commands) {
		for _, example := range helpExamples(c.help) {
			calls := callsOf(t, shell, example)
			if len(calls) == 0 {
				t.Errorf("help %s: %s calls nothing", c.path, example)
			}
			for _, args := range calls {
				if err := understand(args); err != nil {
					t.Errorf("help %s: %s: %v", c.path, example, err)
				}
			}
		}
	}
}

// helpExamples are the indented command lines of a help text.
func helpExamples(help string) []string {
	var list []string
	for line := range strings.Lines(strings.ReplaceAll(help, "\\\n", "")) {
		if text, ok := strings.CutPrefix(line, "  "); ok && strings.Contains(text, "switchyard ") {
			list = append(list, strings.TrimSpace(text))
		}
	}
	return list
}

// callsOf has a shell take a line apart, in which switchyard only notes how it is
// called and all else does nothing.
func callsOf(t *testing.T, shell, line string) [][]string {
	dir := t.TempDir()
	for name, text := range map[string]string{"secret.txt": "s", "key.txt": "s", ".config/fish/completions/none": ""} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(shell, "-c", `
switchyard() { printf '%s\0' "$@" >>calls; printf '\n\0' >>calls; }
command_not_found_handle() { :; }
pulumi() { :; }
`+line)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH="}
	cmd.Stdin = strings.NewReader("")
	_ = cmd.Run() // what the line does after the call is made up, too
	b, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		return nil
	}
	var calls [][]string
	for text := range strings.SplitSeq(strings.TrimSuffix(string(b), "\n\x00"), "\n\x00") {
		calls = append(calls, strings.Split(strings.TrimSuffix(text, "\x00"), "\x00"))
	}
	return calls
}

// understand reads a command line as dispatch does.
func understand(args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		return nil // --version and its like, which have tests of their own
	}
	c, rest := find(args)
	if c == nil {
		return unknown(nil, args[0])
	}
	_, operands, err := config.Parse(c.settings, rest, config.Source{
		LookupEnv: func(string) (string, bool) { return "", false },
		ReadFile:  func(string) ([]byte, error) { return nil, fs.ErrNotExist }})
	if err != nil {
		return err
	}
	return c.check(operands)
}
