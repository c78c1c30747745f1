package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/client"
)

// Every block of commands on a page that users read is run, in the order of the page
// and by one shell, in a copy of what the page takes for granted: the folder of
// Switchyard's source, in which it may build the program. What is behind the language
// of a block says more:
//
//	```sh                    commands; they succeed
//	```sh not run: REASON    commands that can't be run here
//	```text printed          what the commands above have printed; … is any text, and a
//	                         line of nothing else is any lines
//	```json NAME             the content of the file of that name
//
// Blocks of other languages are not looked at.

// notPages are the texts that hold no commands for users.
var notPages = []string{"docs/spec", "docs/decisions", "system/testdata", "CHANGELOG.md",
	"docs/commands.md"} // TestExamplesParse has its commands

const root = "../.."

// A block is one that is fenced on a page.
type block struct {
	line           int // of its first line
	language, info string
	text           string
}

// blocks reads a page. A fence that does not end is an error, and so are commands
// without a fence, which nobody would run.
func blocks(page string) ([]block, error) {
	var list []block
	var open *block
	fence := ""
	for i, line := range strings.Split(page, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open != nil && trimmed == fence:
			list, open = append(list, *open), nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(trimmed, "```"):
			rest := strings.TrimLeft(trimmed, "`")
			fence = trimmed[:len(trimmed)-len(rest)]
			language, info, _ := strings.Cut(rest, " ")
			open = &block{line: i + 2, language: language, info: strings.TrimSpace(info)}
		case regexp.MustCompile(`^(    |\t)(\$ |go |\./|switchyard )`).MatchString(line):
			return nil, fmt.Errorf("line %d: commands stand between fences", i+1)
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the fence does not end", open.line-1)
	}
	return list, nil
}

// pages lists the texts of the tree that users read.
func pages(t *testing.T) []string {
	var list []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(name, root+string(filepath.Separator)))
		switch {
		case slices.Contains(notPages, rel), d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." ||
			slices.Contains([]string{"node_modules", "venv"}, d.Name())):
			if d.IsDir() {
				return fs.SkipDir
			}
		case strings.HasSuffix(rel, ".md"):
			list = append(list, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPages runs what every page tells to run.
func TestPages(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the pages' commands are for the shell of Unix systems")
	}
	ran := 0
	for _, name := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		list, err := blocks(string(text))
		if err != nil {
			t.Errorf("%s, %v", name, err)
		}
		var commands []block
		for _, b := range list {
			switch b.language {
			case "sh":
				if reason, ok := strings.CutPrefix(b.info, "not run: "); ok && reason != "" {
					continue
				}
				if b.info != "" {
					t.Errorf("%s:%d: %q says neither nothing nor why the commands are not run", name, b.line, b.info)
				}
				commands = append(commands, b)
			case "bash", "shell", "console", "zsh":
				t.Errorf("%s:%d: commands are called sh", name, b.line)
			case "text":
				if b.info == "printed" && len(commands) > 0 {
					commands = append(commands, b)
				}
			default:
				if b.info == "" {
					continue
				}
				file, err := os.ReadFile(filepath.Join(root, b.info))
				if err != nil || string(file) != b.text {
					t.Errorf("%s:%d: the block is not the file %s: %v", name, b.line, b.info, err)
				}
			}
		}
		if len(commands) > 0 {
			ran++
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				runPage(t, name, commands)
			})
		}
	}
	if ran < 7 {
		t.Errorf("commands of %d pages were run, which is less than there were", ran)
	}
}

// TestLinks: what a page links to in the tree is there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)\s]*)?\)`)
	seen := 0
	for _, name := range append(pages(t), "docs/commands.md", "CHANGELOG.md") {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			seen++
			target := filepath.Join(root, filepath.Dir(name), m[1])
			page, err := os.ReadFile(target)
			if info, missing := os.Stat(target); missing != nil || err != nil && !info.IsDir() {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			} else if m[2] != "" && !slices.Contains(anchors(string(page)), m[2]) {
				t.Errorf("%s links to %s%s; that page has no such heading", name, m[1], m[2])
			}
		}
	}
	if seen < 50 {
		t.Errorf("the pages have %d links", seen)
	}
}

// anchors are what a page's headings are called in links.
func anchors(page string) []string {
	var list []string
	for line := range strings.Lines(page) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			list = append(list, "#"+strings.ReplaceAll(title, " ", "-"))
		}
	}
	return list
}

// pagePatience is how long the commands of one page may take; it ends a test that
// hangs and decides nothing else.
const pagePatience = 3 * time.Minute

// runPage runs the commands of a page in one shell and compares what they print.
func runPage(t *testing.T, page string, list []block) {
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	work := filepath.Join(dir, "switchyard") // as git clone calls it
	for _, d := range []string{logs, filepath.Join(dir, "home")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(work, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("switchyard")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(work, "switchyard")); err != nil { // which README builds
		t.Fatal(err)
	}
	script := "set -e\ncd '" + work + "'\n"
	for i, b := range list {
		if b.language == "sh" {
			file := filepath.Join(logs, fmt.Sprint(i))
			if err := os.WriteFile(file+".sh", []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
			script += fmt.Sprintf(". '%s.sh' >'%s.out' 2>&1 </dev/null\n: >'%s.done'\n", file, file, file)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), pagePatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Env = pageEnvironment(t, dir, program)
	t.Cleanup(func() { stopServers(t, dir) })
	err = cmd.Run()
	printed := ""
	for i, b := range list {
		if b.language != "sh" {
			if want := missingLine(printed, b.text); want != "" {
				t.Errorf("%s:%d: the commands did not print %q, but\n%s", page, b.line, want, printed)
			}
			continue
		}
		file := filepath.Join(logs, fmt.Sprint(i))
		out, _ := os.ReadFile(file + ".out")
		printed = string(out)
		if _, gone := os.Stat(file + ".done"); gone != nil {
			t.Fatalf("%s:%d: %v (%v)\n%s\n%s", page, b.line, err, ctx.Err(), b.text, out)
		}
	}
	if err != nil {
		t.Errorf("%s: %v", page, err)
	}
}

// missingLine returns the first line of the expected text that is not in what was
// printed, in its order, or "".
func missingLine(printed, expected string) string {
	rest, gap := strings.Split(strings.TrimRight(printed, "\n"), "\n"), true
	for line := range strings.Lines(expected) {
		line = strings.TrimRight(line, " \n")
		if line == "…" {
			gap = true
			continue
		}
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + "$")
		at := slices.IndexFunc(rest, func(s string) bool { return pattern.MatchString(strings.TrimRight(s, " \r")) })
		if at < 0 || at > 0 && !gap {
			return line
		}
		rest, gap = rest[at+1:], false
	}
	return ""
}

// pageEnvironment is what a page's commands find: free ports, a home of their own, the
// program under test as switchyard and as what "go run" and "go build" make.
func pageEnvironment(t *testing.T, dir, program string) []string {
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	// Building the program takes longer than all that the pages do with it, and .ci/run
	// builds it anyway.
	shim := "#!/bin/sh\n" + `case "$*" in
"run ./cmd/switchyard "*) shift 2; exec switchyard "$@";;
"test ./...") exit 0;; # this test is one of them
"build "*"-o switchyard ./cmd/switchyard") exec ln -sf '` + program + `' switchyard;;
esac
echo "a page may not call: go $*" >&2
exit 1
`
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(shim), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "home"),
		"TMPDIR=" + dir, "SWITCHYARD_AMQP_ADDRESS=127.0.0.1:0", "SWITCHYARD_HTTP_ADDRESS=127.0.0.1:0"}
	for _, s := range os.Environ() {
		name, _, _ := strings.Cut(s, "=")
		if !regexp.MustCompile(`^(SWITCHYARD_|ARM_|AZURE_|XDG_|(PATH|HOME|TMPDIR|COLUMNS)$)`).MatchString(name) {
			env = append(env, s)
		}
	}
	return env
}

// stopServers ends what a page left running.
func stopServers(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != client.File {
			return err
		}
		if code, _, errs := call(t, "", "down", "--data", filepath.Dir(name)); code != exitOK {
			return errors.New(errs)
		}
		return nil
	})
	if err != nil {
		t.Errorf("a server that the page left running: %v", err)
	}
}
