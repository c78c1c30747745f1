package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/internal/golden"
	"switchyard/value"
)

// What is printed shows local times. The zone is set before anything runs: what a test
// leaves behind may still be reading it.
func init() { time.Local = time.UTC }

// record reads an object, or a list of them.
func record(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRunTree: runs as trees. Each case of testdata/runtree.txt is options, a run, its
// activities and what is printed; -update writes that.
func TestRunTree(t *testing.T) {
	const name = "testdata/runtree.txt"
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)
	var out strings.Builder
	for i, part := range strings.Split(string(b), "\n=== ") {
		input, want, _ := strings.Cut(part, "\n---\n")
		lines := strings.SplitN(input, "\n", 3)
		o := treeOptions{Now: now, Columns: 80, Cut: 80}
		for word := range strings.FieldsSeq(lines[0]) {
			switch flag, arg, _ := strings.Cut(word, "="); flag {
			case "full":
				o.Full = true
			case "failed":
				o.Failed = true
			case "activity":
				o.Activity = arg
			}
		}
		var got bytes.Buffer
		printTree(&got, record(t, lines[1]).(*value.Object), objects(record(t, lines[2]).(value.Array)), o)
		if got.String() != want && !*golden.Update {
			t.Errorf("%s: got\n%swant\n%s", lines[0], got.String(), want)
		}
		for line := range strings.Lines(got.String()) {
			if displayWidth(strings.TrimRight(line, "\n")) > 80 || strings.ContainsAny(line, "\x1b\r") {
				t.Errorf("%s: line %q is too wide or moves the cursor", lines[0], line)
			}
		}
		if i > 0 {
			out.WriteString("\n=== ")
		}
		out.WriteString(input + "\n---\n" + got.String())
	}
	if *golden.Update {
		if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestIterations: the scopes of paths. A name may look like one.
func TestIterations(t *testing.T) {
	for scope, want := range map[string]string{
		"Each[3]": "Each|item 3", "A/Each[12]": "A/Each|item 12", "Until#2": "Until|round 2", "If": "|", "Odd]": "|", "Odd[x]": "|", "#1": "|", "[1]": "|",
	} {
		if owner, title, _ := iterationOf(scope); owner+"|"+title != want {
			t.Errorf("%s: %s|%s, want %s", scope, owner, title, want)
		}
	}
}

// TestSetParameters: values have the types that the pipeline declares.
func TestSetParameters(t *testing.T) {
	definition := record(t, `{"properties":{"parameters":{"s":{"type":"String"},"key":{"type":"SecureString"},"n":{"type":"Int"},"a":{"type":"Array"}}}}`).(*value.Object)
	params := record(t, `{"n":1,"other":true}`).(*value.Object)
	if err := setParameters(params, definition, []string{"s=007", "key=a=b", "n=9007199254740993", `A=["x"]`}); err != nil {
		t.Fatal(err)
	}
	if got, want := string(value.Append(nil, params)), `{"n":9007199254740993,"other":true,"s":"007","key":"a=b","A":["x"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for arg, want := range map[string]string{
		"x=1": `no parameter "x"; it has: s, key, n, a`, "n=one": `"one" is no Int as JSON writes it`, "n": "is not NAME=VALUE", "=1": "is not NAME=VALUE",
	} {
		if err := setParameters(params, definition, []string{arg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", arg, err, want)
		}
	}
}

// TestMoment: a time, or a duration from now or back.
func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"90m": now.Add(90 * time.Minute), "2026-03-02T01:02:03Z": time.Date(2026, 3, 2, 1, 2, 3, 0, time.UTC),
		"2026-03-02T01:02:03+02:00": time.Date(2026, 3, 1, 23, 2, 3, 0, time.UTC), "2026-03-02": time.Date(2026, 3, 2, 0, 0, 0, 0, time.Local),
	} {
		if got, err := moment(text, now, 1); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := moment("1h", now, -1); err != nil || !got.Equal(now.Add(-time.Hour)) {
		t.Errorf("an hour back: %v, %v", got, err)
	}
	if _, err := moment("soon", now, 1); err == nil {
		t.Error("soon is a time")
	}
}
