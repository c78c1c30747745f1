package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTestingPage: the commands of docs/testing-pipelines.md succeed from the root of a
// checkout, and the files that it shows are those that they use.
func TestTestingPage(t *testing.T) {
	t.Chdir("../..")
	page, err := os.ReadFile("docs/testing-pipelines.md")
	if err != nil {
		t.Fatal(err)
	}
	commands, files := 0, 0
	for _, m := range regexp.MustCompile("(?s)```(\\w+) ?([\\w.]*)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		language, name, text := m[1], m[2], m[3]
		if language != "sh" {
			files++
			if b, err := os.ReadFile("examples/ticket-triage/test/" + name); err != nil || string(b) != text {
				t.Errorf("%s on the page is not the file: %v", name, err)
			}
			continue
		}
		commands++
		line := strings.ReplaceAll(strings.TrimSpace(text), "\\\n", "")
		args := strings.Fields(strings.ReplaceAll(line, "'", ""))
		if code, out, errs := call(t, "", args[1:]...); code != exitOK {
			t.Errorf("%s: exit code %d\n%s%s", line, code, out, errs)
		}
	}
	if commands != 2 || files != 2 {
		t.Errorf("%d commands and %d files on the page, want two of each", commands, files)
	}
}
