package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"

	"switchyard/config"
)

// TestDemo runs the main job whole, in memory, and checks what it says of itself.
func TestDemo(t *testing.T) {
	var out, errs bytes.Buffer
	code := Main([]string{"demo", "--all", "--ephemeral", "--amqp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--output", "json"}, &env{stdin: nil, stdout: &out, stderr: &errs})
	if code != exitOK {
		t.Fatalf("exit code %d, want 0; stderr: %s", code, errs.String())
	}
	var s triageSummary
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatalf("output %q: %v", out.String(), err)
	}
	if len(s.Tickets) < 60 || s.Results+s.DeadLetters != len(s.Tickets) || s.DeadLetters == 0 || s.Runs == 0 || s.Activities < 4*s.Results {
		t.Errorf("summary = %d tickets, %d results, %d dead letters, %d runs, %d activities", len(s.Tickets), s.Results, s.DeadLetters, s.Runs, s.Activities)
	}
	languages := map[string]bool{}
	for _, x := range s.Tickets {
		if x.Where == outQueue {
			languages[x.Language] = true
			if x.Language == "" || x.Sentiment == "" || x.Priority == "" {
				t.Errorf("result of %s lacks language %q, sentiment %q or priority %q", x.Name, x.Language, x.Sentiment, x.Priority)
			}
		} else if x.Why == "" {
			t.Errorf("%s was dead-lettered without a reason", x.Name)
		}
	}
	if len(languages) < 4 {
		t.Errorf("languages = %v, want several", languages)
	}
}

// TestFirstLook: what somebody sees who starts the demonstration without a flag. A
// file gets what a terminal of 80 columns gets, and nothing is written over.
func TestFirstLook(t *testing.T) {
	t.Setenv("COLUMNS", "")
	data := t.TempDir() + "/of mine"
	code, out, errs := call(t, "", "demo", "--data", data, "--amqp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
	if code != exitOK || errs != "" {
		t.Fatalf("exit code %d, stderr %q; want 0 and nothing that could alarm anybody", code, errs)
	}
	if !strings.HasPrefix(out, "Switchyard is up: ") {
		t.Errorf("the first line is %.60q", out)
	}
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		long := strings.Contains(line, `"text": `) || strings.Contains(line, data) // can't be broken
		if strings.ContainsRune(line, '\r') || displayWidth(line) > 80 && !long {
			t.Errorf("a line of %d columns: %q", displayWidth(line), line)
		}
	}
	for _, want := range []string{
		"my card 4111 1111 1111 1111.",  // before
		"my card *******************. ", // after
		`"priority": "normal",`,
		"\nja-login          Japanese  not available  normal\n",
		"\ninvalid-json   InvalidJson: ",
		"\n8 tickets: 7 results, 1 dead letter; ",
		"\n  examples/ticket-triage/pipeline/TicketTriage.json\n",
		" up --detach --data '" + data + "'\n",
		` send tickets '{"text": "The printer is on fire!"}' --data '` + data + "'\n",
		" receive triaged --data '" + data + "'\n",
		"\n88 more tickets, most of them awkward:\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestNext: the commands to go on with can be typed where the program was called, and
// none is named that can find nothing.
func TestNext(t *testing.T) {
	for arg0, want := range map[string]string{
		"switchyard": "switchyard", "./switchyard": "./switchyard",
		"/tmp/go-build2873/b001/exe/switchyard": "go run ./cmd/switchyard",
	} {
		if got := called(arg0); got != want {
			t.Errorf("called %s: commands begin with %s, want %s", arg0, got, want)
		}
	}
	for args, want := range map[string]string{
		"":                   " up --detach\n",
		"--data d":           " up --detach --data d\n",
		"--data d --keep":    "A ticket of your own, and what becomes of it:\n  " + called(os.Args[0]) + " send ",
		"--ephemeral":        "TicketTriage.json\n\n5 more tickets",
		"--ephemeral --keep": "TicketTriage.json\n\n5 more tickets",
	} {
		v, _, err := config.Parse(append([]string{"keep"}, serving...), strings.Fields(args), config.Source{
			LookupEnv: func(string) (string, bool) { return "", false }, ReadFile: config.OS.ReadFile})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if printNext(&env{stdout: &out}, v, 5); !strings.Contains(out.String(), want) {
			t.Errorf("after demo %s: no %q in\n%s", args, want, out.String())
		}
	}
	for word, want := range map[string]string{"data": "data", "of mine": "'of mine'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "": "''"} {
		if got := quoted(word); got != want {
			t.Errorf("%s is quoted as %s, want %s", word, got, want)
		}
	}
}

// TestQuiet: without --log-level the demonstration tells only what is wrong.
func TestQuiet(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(quiet{slog.NewTextHandler(&b, nil)}).With("a", 1).WithGroup("g")
	log.Info("news")
	log.Warn("trouble")
	if got := b.String(); strings.Contains(got, "news") || !strings.Contains(got, "trouble") || !strings.Contains(got, "a=1") {
		t.Errorf("the log is %q", got)
	}
}
