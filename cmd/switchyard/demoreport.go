package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"switchyard/config"
	"switchyard/system"
)

// A triaged ticket, as the summary shows it.
type triaged struct {
	Name      string   `json:"name"`
	Language  string   `json:"language,omitempty"`
	Sentiment string   `json:"sentiment,omitempty"`
	Priority  string   `json:"priority,omitempty"`
	Phrases   []string `json:"keyPhrases,omitempty"`
	Personal  int      `json:"personalData"`
	Where     string   `json:"where"`
	Why       string   `json:"why,omitempty"`
	Times     int      `json:"times"`
	Expected  string   `json:"expected"`
}

type triageSummary struct {
	sent, received []byte // bodies of the first ticket with a result, and of the result

	Tickets        []triaged `json:"tickets"`
	Results        int       `json:"results"`
	DeadLetters    int       `json:"deadLetters"`
	Earlier        int       `json:"fromEarlierRuns"`
	Runs           int       `json:"runs"`
	Activities     int       `json:"activities"`
	Seconds        float64   `json:"seconds"`
	TicketsPerSec  float64   `json:"ticketsPerSecond"`
	ActivitiesPerS float64   `json:"activitiesPerSecond"`
}

func (s *triageSummary) verdict() error {
	var wrong []string
	for _, t := range s.Tickets {
		switch {
		case t.Times != 1:
			wrong = append(wrong, fmt.Sprintf("%s came out %d times", t.Name, t.Times))
		case t.Where != t.Expected:
			wrong = append(wrong, fmt.Sprintf("%s went to %s, expected %s", t.Name, t.Where, t.Expected))
		}
	}
	if wrong != nil {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

func summarize(sys *system.System, a *answers, tickets []*ticket, suffix string,
	took time.Duration) *triageSummary {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &triageSummary{Seconds: took.Seconds()}
	for _, t := range tickets {
		x := a.byID[t.MessageID+suffix]
		row := triaged{Name: t.Name, Where: x.queue, Why: x.why, Times: x.times, Expected: t.Expect}
		if x.queue == outQueue {
			s.Results++
			row.read(x.body)
			if s.sent == nil {
				s.sent, s.received = t.body(), x.body
			}
		} else {
			s.DeadLetters++
		}
		s.Tickets = append(s.Tickets, row)
	}
	s.Earlier = len(a.byID) - len(tickets)
	s.Runs, s.Activities = sys.RunCounts()
	if took > 0 {
		s.TicketsPerSec = float64(len(tickets)) / took.Seconds()
		s.ActivitiesPerS = float64(s.Activities) / took.Seconds()
	}
	return s
}

func (t *triaged) read(body []byte) {
	var r struct {
		Language  struct{ Name string }
		Sentiment struct{ Label string }
		Priority  string
		Phrases   []string          `json:"keyPhrases"`
		Personal  []json.RawMessage `json:"personalData"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		t.Why = "the result is not what the table expects: " + err.Error()
		return
	}
	t.Language, t.Sentiment, t.Priority = r.Language.Name, r.Sentiment.Label, r.Priority
	t.Phrases, t.Personal = r.Phrases, len(r.Personal)
}

func (s *triageSummary) printJSON(e *env) int {
	b, err := json.Marshal(s)
	if err != nil {
		return e.fail(err)
	}
	e.printf("%s\n", b)
	return exitOK
}

// print shows one ticket whole, before and after, and what became of each in a line.
func (s *triageSummary) print(e *env) {
	if s.sent != nil {
		e.printf("%s went to the queue %s with the Azure SDK for Go. One of them:\n\n  %s\n\n"+
			"and what the pipeline made of it, in the queue %s:\n\n  %s\n\n", plural(len(s.Tickets), "ticket"), inQueue,
			layoutJSON(s.sent, "  ", e.width()), outQueue, layoutJSON(s.received, "  ", e.width()))
	}
	results := table{columns: []column{{"TICKET", true}, {"LANGUAGE", true}, {"SENTIMENT", true}, {"PRIORITY", true},
		{"KEY PHRASES", false}}}
	dead := table{columns: []column{{"DEAD-LETTERED", true}, {"REASON", false}}}
	for _, t := range s.Tickets {
		if t.Where == outQueue {
			results.add(t.Name, t.Language, t.Sentiment, t.Priority, strings.Join(t.Phrases, ", "))
		} else {
			dead.add(t.Name, t.Why)
		}
	}
	e.printf("%s", results.layout(e.width()))
	if len(dead.rows) > 0 {
		e.printf("\n%s", dead.layout(e.width()))
	}
	e.printf("\n%s: %s, %s; %.1f s\n", plural(len(s.Tickets), "ticket"), plural(s.Results, "result"),
		plural(s.DeadLetters, "dead letter"), s.Seconds)
	if s.Earlier > 0 {
		e.printf("and %s of an earlier demonstration on this data directory\n", plural(s.Earlier, "ticket"))
	}
}

// printNext says where to look and what to try after a demonstration that left out so
// many tickets.
func printNext(e *env, v *config.Values, more int) {
	e.printf("\nThe pipeline is a file of Switchyard's source:\n  %s\n",
		path.Join("examples", demoExample, "pipeline/TicketTriage.json"))
	me, data := called(os.Args[0]), ""
	if v.Origin("data") == "flag" {
		data = " --data " + quoted(v.String("data"))
	}
	if !ephemeral(v) {
		up := "  " + me + " up --detach" + data + "\n"
		if v.Bool("keep") {
			up = ""
		}
		e.printf("\nA ticket of your own, and what becomes of it:\n%s  %s send %s '{\"text\": \"The printer is on fire!\"}'%s\n"+
			"  %s receive %s%s\n", up, me, inQueue, data, me, outQueue, data)
	}
	if more > 0 {
		e.printf("\n%d more tickets, most of them awkward:\n  %s demo --all\n", more, me)
	}
}

// called is how this program was called, for commands to copy.
func called(arg0 string) string {
	if strings.Contains(filepath.ToSlash(arg0), "/go-build") { // by go run, which builds it there
		return "go run ./cmd/switchyard"
	}
	return arg0
}

// quoted is a word for a shell.
func quoted(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./:=@,", r)
	}) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
