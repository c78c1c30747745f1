package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestDemo runs the main job whole, in memory, and checks what it says of itself.
func TestDemo(t *testing.T) {
	var out, errs bytes.Buffer
	code := Main([]string{"demo", "--ephemeral", "--amqp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0", "--output", "json"}, &env{stdin: nil, stdout: &out, stderr: &errs})
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
