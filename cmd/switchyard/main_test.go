package main

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/config"
)

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestOutputLost: an answer that could not be written is no success.
func TestOutputLost(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"version", "--output", "json"}, {"help"}, {"eval"}, {"completion", "bash"}, {"completion", "zsh"},
		{"validate", "../../examples/ticket-triage"},
		{"run", "../../examples/ticket-triage", "TicketTriage", "--parameters", `{"messages":[]}`}} {
		var errs bytes.Buffer
		code := Main(args, &env{stdin: strings.NewReader(`{"expr":"@add(1,2)"}` + "\n"), stdout: full{}, stderr: &errs})
		if code != exitFailed || strings.Count(errs.String(), errFull.Error()) != 1 {
			t.Errorf("%q: exit code %d, stderr %q; want 1 and the reason once", args, code, errs.String())
		}
	}
}

// TestEvalAnswersEveryLine: as many lines out as in, whatever comes in.
func TestEvalAnswersEveryLine(t *testing.T) {
	in := strings.Join([]string{
		`{"expr":"@add(1,2)"}`, "", "  ", "\r", "\xff\xfe", strings.Repeat("[", 1<<20), `{"expr":"` + strings.Repeat("x", maxLine) + `"}`, "null",
		`{"expr":"@add(3,4)"}`, // and no line end
	}, "\n")
	var out, errs bytes.Buffer
	if code := Main([]string{"eval"}, &env{stdin: strings.NewReader(in), stdout: &out, stderr: &errs}); code != exitOK {
		t.Fatalf("exit code %d, stderr %q", code, errs.String())
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 9 {
		t.Fatalf("%d lines out, want 9:\n%.2000s", len(lines), out.String())
	}
	for i, line := range lines {
		want := `{"error":{"code":"BadRequest","message":"the line `
		switch i {
		case 0:
			want = `{"value":3}`
		case 8:
			want = `{"value":7}`
		}
		if !strings.HasPrefix(line, want) {
			t.Errorf("line %d = %.200s, want %s", i+1, line, want)
		}
	}
	if !strings.Contains(lines[6], "longer than") {
		t.Errorf("the huge line got %s", lines[6])
	}
}

// TestNoGrace: no grace is not the default grace, which is what zero means to
// package system.
func TestNoGrace(t *testing.T) {
	v, _, err := config.Parse(serving, []string{"--grace", "0s"}, config.Source{
		LookupEnv: func(string) (string, bool) { return "", false }, ReadFile: config.OS.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	o, err := options(t.Context(), &env{stdout: full{}, stderr: full{}}, v)
	if err != nil || o.Grace == 0 || o.Grace > 1e6 {
		t.Errorf("options: grace %v, error %v; want next to none, which is not zero", o.Grace, err)
	}
}

// TestTerminal: what a message says of itself does not move the cursor.
func TestTerminal(t *testing.T) {
	const evil = "\x1b[2J\u009b1m\u202e"
	reason := evil
	number := int64(1)
	m := &azservicebus.ReceivedMessage{SequenceNumber: &number, MessageID: evil, Body: []byte(evil), DeadLetterReason: &reason, DeadLetterErrorDescription: &reason,
		ApplicationProperties: map[string]any{evil: evil}}
	out := tableOf(t, []*azservicebus.ReceivedMessage{m}, 80) + shown(m).text(80)
	if strings.ContainsAny(out, "\x1b\u009b\u202e") {
		t.Errorf("output %q: want no control characters", out)
	}
}

// TestProperties: a whole number is a whole number to the receiver and to filters,
// and what AMQP has no place for is refused here.
func TestProperties(t *testing.T) {
	got, err := properties(`{"i":1,"big":9007199254740993,"bigger":18446744073709551615,"f":1.5,"tenth":0.10,"e":1e3,"s":"x","b":true,"n":null}`)
	want := map[string]any{"i": int64(1), "big": int64(9007199254740993), "bigger": uint64(18446744073709551615), "f": 1.5, "tenth": 0.1, "e": 1000.0,
		"s": "x", "b": true, "n": nil}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("properties = %#v, %v; want %#v", got, err, want)
	}
	for _, text := range []string{`{"a":{"b":1}}`, `{"a":[1]}`, `[1]`, `5`, `{"a":1} x`, `{"a":1e999}`, `{"a":18446744073709551616}`, `{"a":-9223372036854775809}`, `{"a":0.1234567890123456789}`, ``, `null`} {
		if got, err := properties(text); err == nil {
			t.Errorf("properties(%s) = %v, want an error", text, got)
		}
	}
}
