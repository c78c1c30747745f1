package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// TestReadTickets: blank lines are no tickets, and a broken line is named.
func TestReadTickets(t *testing.T) {
	file := func(text string) fstest.MapFS {
		return fstest.MapFS{"tickets/tickets.jsonl": {Data: []byte(text)}}
	}
	tickets, err := readTickets(file(`{"name":"a","messageId":"1","body":"text"}` + "\n\n  \n" +
		`{"name":"b","messageId":"2","contentType":"application/json","bodyRepeat":{"text":"ab","times":3},"expect":"dead-letter"}` + "\n" + `{"name":"c"}`))
	if err != nil || len(tickets) != 3 {
		t.Fatalf("%d tickets, %v; want 3", len(tickets), err)
	}
	for i, want := range []string{"text", "ababab", ""} {
		if got := string(tickets[i].body()); got != want {
			t.Errorf("body of ticket %s = %q, want %q", tickets[i].Name, got, want)
		}
	}
	if b := tickets[1]; b.MessageID != "2" || b.ContentType != "application/json" || b.Expect != "dead-letter" {
		t.Errorf("ticket b = %+v", b)
	}
	if _, err := readTickets(file("{}\n\n{\"name\":5}\n")); err == nil || !strings.Contains(err.Error(), "tickets/tickets.jsonl, line 3: ") {
		t.Errorf("a broken third line: %v", err)
	}
	if _, err := readTickets(fstest.MapFS{}); err == nil {
		t.Error("no file: no error")
	}
}

// TestAnswers: a second copy of an answer is counted, not taken for another, and
// tickets of an earlier demonstration don't count as this one's.
func TestAnswers(t *testing.T) {
	a := &answers{byID: map[string]*answer{}, news: make(chan struct{}, 1)}
	a.add("1/now", &answer{queue: outQueue, body: []byte("first")})
	a.add("1/now", &answer{queue: "dead-letter", body: []byte("second")})
	a.add("1/before", &answer{queue: outQueue})
	a.add("2/now", &answer{queue: outQueue})
	if got := a.count("/now"); got != 2 {
		t.Errorf("count = %d, want 2", got)
	}
	if x := a.byID["1/now"]; x.times != 2 || x.queue != outQueue || string(x.body) != "first" {
		t.Errorf("answer that came twice = %+v, want the first, twice", x)
	}
	select {
	case <-a.news:
	default:
		t.Error("nobody was told of the news")
	}
	tickets := []*ticket{{Name: "one", MessageID: "1"}, {Name: "two", MessageID: "2"}, {Name: "three", MessageID: "3"}, {Name: "four", MessageID: "4"}}
	if err := a.missing(tickets, "/now"); !strings.HasSuffix(err.Error(), "for 2 tickets: three, four") {
		t.Errorf("missing: %v", err)
	}
}

// TestVerdict: the demonstration succeeds only if each ticket came out once, at
// the place where its file expects it.
func TestVerdict(t *testing.T) {
	good := triaged{Name: "good", Where: "triaged", Expected: "triaged", Times: 1}
	lost := triaged{Name: "lost", Where: "triaged", Expected: "triaged", Times: 0}
	twice := triaged{Name: "twice", Where: "triaged", Expected: "triaged", Times: 2}
	astray := triaged{Name: "astray", Where: "dead-letter", Expected: "triaged", Times: 1}
	for _, c := range []struct {
		tickets []triaged
		want    string
	}{
		{nil, "<nil>"},
		{[]triaged{good}, "<nil>"},
		{[]triaged{good, lost}, "lost came out 0 times"},
		{[]triaged{twice, good, astray}, "twice came out 2 times; astray went to dead-letter, expected triaged"},
	} {
		if got := fmt.Sprint((&triageSummary{Tickets: c.tickets}).verdict()); got != c.want {
			t.Errorf("verdict of %v: %s, want %s", c.tickets, got, c.want)
		}
	}
}

// TestPrintTriage: one ticket whole, results and dead letters in a table each, and the
// sum.
func TestPrintTriage(t *testing.T) {
	t.Setenv("COLUMNS", "60")
	var r triaged
	r.read([]byte(`{"language":{"name":"English"},"sentiment":{"label":"negative"},"priority":"high","keyPhrases":["the printer","on \u001b[31mfire"],"personalData":[{},{}]}`))
	r.Name, r.Where = "en-fire", outQueue
	var broken triaged
	broken.read([]byte("no JSON"))
	if !strings.HasPrefix(broken.Why, "the result is not what the table expects: ") {
		t.Errorf("a result that is no JSON: %q", broken.Why)
	}
	dead := triaged{Name: "huge", Where: "dead-letter", Why: "MaxDeliveryCountExceeded: too\nlarge, and that at great length"}
	var out bytes.Buffer
	e := &env{stdin: nil, stdout: &out, stderr: &out}
	(&triageSummary{Tickets: []triaged{r, dead}, Results: 1, DeadLetters: 1, Seconds: 0.5, sent: []byte(`{"text":"fire"}`),
		received: []byte(`{"a":{"b":[1,2]},"text":"a text that is too long for a line of so many columns"}`)}).print(e)
	want := `2 tickets went to the queue tickets with the Azure SDK for Go. One of them:

  {"text": "fire"}

and what the pipeline made of it, in the queue triaged:

  {
    "a": {"b": [1, 2]},
    "text": "a text that is too long for a line of so many columns"
  }

TICKET   LANGUAGE  SENTIMENT  PRIORITY  KEY PHRASES
en-fire  English   negative   high      the printer, on  [3…

DEAD-LETTERED  REASON
huge           MaxDeliveryCountExceeded: too large, and tha…

2 tickets: 1 result, 1 dead letter; 0.5 s
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	(&triageSummary{Earlier: 3}).print(e)
	if !strings.HasSuffix(out.String(), "\nand 3 tickets of an earlier demonstration on this data directory\n") {
		t.Errorf("earlier tickets are not told:\n%s", out.String())
	}
}
