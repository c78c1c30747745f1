package examples

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"switchyard/expr"
	"switchyard/language"
	"switchyard/pipeline"
	"switchyard/value"
)

// A ticket is one line of tickets/tickets.jsonl.
type ticket struct {
	Name        string  `json:"name"`
	MessageID   string  `json:"messageId"`
	ContentType string  `json:"contentType"`
	Body        *string `json:"body"`
	BodyRepeat  *struct {
		Text  string `json:"text"`
		Times int    `json:"times"`
	} `json:"bodyRepeat"`
	Expect string `json:"expect"`
	First  bool   `json:"first"`
}

func (t *ticket) body() string {
	if t.BodyRepeat != nil {
		return strings.Repeat(t.BodyRepeat.Text, t.BodyRepeat.Times)
	}
	return *t.Body
}

func readTickets(t *testing.T) []*ticket {
	t.Helper()
	b, err := fs.ReadFile(FS, "ticket-triage/tickets/tickets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []*ticket
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		x := &ticket{}
		dec := json.NewDecoder(bytes.NewReader(s.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(x); err != nil {
			t.Fatalf("tickets.jsonl line %d: %v", len(out)+1, err)
		}
		out = append(out, x)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTickets checks the file: unique names and ids, one body each, enough of
// each sort.
func TestTickets(t *testing.T) {
	names, ids := map[string]bool{}, map[string]bool{}
	bytes, expect, first := 0, map[string]int{}, map[string]int{}
	for _, x := range readTickets(t) {
		if x.Name == "" || names[x.Name] || x.MessageID == "" || ids[x.MessageID] {
			t.Errorf("ticket %q, id %q: empty or there twice", x.Name, x.MessageID)
		}
		names[x.Name], ids[x.MessageID] = true, true
		if (x.Body == nil) == (x.BodyRepeat == nil) {
			t.Errorf("ticket %q: want body or bodyRepeat, one of the two", x.Name)
			continue
		}
		expect[x.Expect]++
		if x.First {
			first[x.Expect]++
		}
		bytes = max(bytes, len(x.body()))
	}
	if expect["triaged"] < 60 || expect["dead-letter"] < 15 || len(expect) != 2 {
		t.Errorf("expectations %v, want at least 60 triaged and 15 dead-letter", expect)
	}
	if first["triaged"] != 7 || first["dead-letter"] != 1 {
		t.Errorf("the first look has %v, want eight tickets, one of them bad", first)
	}
	if bytes < 200_000 || bytes > 256_000 {
		t.Errorf("largest body has %d bytes, want about 200 KB and less than a message may have", bytes)
	}
}

// readFactory parses the folder; diagnostics of any severity fail the test.
func readFactory(t *testing.T) *pipeline.Factory {
	t.Helper()
	const root = "ticket-triage"
	read := func(file string) []byte {
		b, err := fs.ReadFile(FS, path.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var diags pipeline.Diagnostics
	f, ds := pipeline.ParseFactory("factory", read("factory/ticket-triage.json"))
	diags = append(diags, ds...)
	l, ds := pipeline.ParseLinkedService("Bus", read("linkedService/Bus.json"))
	diags = append(diags, ds...)
	p, ds := pipeline.ParsePipeline("TicketTriage", read("pipeline/TicketTriage.json"))
	diags = append(diags, ds...)
	tr, ds := pipeline.ParseTrigger("OnTicket", read("trigger/OnTicket.json"))
	diags = append(diags, ds...)
	if len(diags) > 0 {
		t.Fatalf("parse: %v", diags)
	}
	f.PutLinkedService(l)
	f.PutPipeline(p)
	f.PutTrigger(tr)
	f.Strict = true
	if ds := f.Validate(); len(ds) > 0 {
		t.Fatalf("validate: %v", ds)
	}
	return f
}

// message is a ticket as the trigger hands it to the run.
func (t *ticket) message(sequence int64) *value.Object {
	raw := t.body()
	m := value.NewObject(
		value.Member{Name: "messageId", Value: t.MessageID},
		value.Member{Name: "sequenceNumber", Value: sequence},
		value.Member{Name: "enqueuedTimeUtc", Value: "2026-01-15T10:00:00.0000000Z"})
	if !utf8.ValidString(raw) {
		return m
	}
	m.Set("body", raw)
	if t.ContentType == "" || t.ContentType == "application/json" {
		if v, err := value.Parse([]byte(raw)); err == nil {
			m.Set("body", v)
		}
	}
	m.Set("bodyText", raw)
	return m
}

// An iteration plays one ticket through the body of the loop, with the real
// expressions and the real language endpoint, and without an engine.
type iteration struct {
	t          *testing.T
	factory    *pipeline.Factory
	activities map[string]value.Value
	ctx        *expr.Context
}

func newIteration(t *testing.T, f *pipeline.Factory, item value.Value) *iteration {
	it := &iteration{t: t, factory: f, activities: map[string]value.Value{}}
	it.ctx = &expr.Context{
		Pipeline: value.NewObject(value.Member{Name: "RunId", Value: "run"}, value.Member{Name: "globalParameters", Value: f.GlobalParameters}),
		Item:     func() (value.Value, bool) { return item, true },
		Activity: func(name string) (value.Value, bool) { v, ok := it.activities[strings.ToLower(name)]; return v, ok },
	}
	return it
}

func (it *iteration) eval(what string, v value.Value) value.Value {
	it.t.Helper()
	out, err := it.ctx.Evaluate(v)
	if err != nil {
		it.t.Fatalf("%s: %v", what, err)
	}
	return out
}

// run returns the resolved properties of the last activity: the send or the
// settlement that decides the ticket.
func (it *iteration) run() (branch string, last *pipeline.Activity, props *value.Object) {
	it.t.Helper()
	check := it.factory.Pipeline("TicketTriage").Activities[0].ForEach.Activities[0]
	branch, _ = it.eval("CheckTicket.on", check.Switch.On).(string)
	list := check.Switch.Default
	for _, c := range check.Switch.Cases {
		if c.Value == branch {
			list = c.Activities
		}
	}
	for _, a := range list { // in the file they stand in an order that dependsOn allows
		for _, d := range a.DependsOn {
			if it.activities[strings.ToLower(d.Activity)] == nil {
				it.t.Fatalf("%s stands before %s, which it depends on", a.Name, d.Activity)
			}
		}
		last = a
		if a.Is("Filter") {
			it.activities[strings.ToLower(a.Name)] = value.NewObject(value.Member{Name: "output", Value: it.filter(a)})
			continue
		}
		props = it.eval(a.Name, a.TypeProperties).(*value.Object)
		if a.Is("WebActivity") {
			it.activities[strings.ToLower(a.Name)] = value.NewObject(value.Member{Name: "output", Value: it.call(a.Name, props)})
		}
	}
	return branch, last, props
}

// filter is a Filter activity: item() in its condition is the element.
func (it *iteration) filter(a *pipeline.Activity) value.Value {
	it.t.Helper()
	items, _ := a.TypeProperties.Get("items")
	condition, _ := a.TypeProperties.Get("condition")
	list := it.eval(a.Name+".items", items).(value.Array)
	kept := value.Array{}
	outer := it.ctx.Item
	for _, x := range list {
		it.ctx.Item = func() (value.Value, bool) { return x, true }
		if it.eval(a.Name+".condition", condition) == true {
			kept = append(kept, x)
		}
	}
	it.ctx.Item = outer
	return value.NewObject(value.Member{Name: "ItemsCount", Value: int64(len(list))},
		value.Member{Name: "FilteredItemsCount", Value: int64(len(kept))}, value.Member{Name: "Value", Value: kept})
}

func (it *iteration) call(name string, props *value.Object) value.Value {
	it.t.Helper()
	url, _ := props.Get("url")
	target, ok := strings.CutPrefix(fmt.Sprint(url), "switchyard:language")
	if !ok {
		it.t.Fatalf("%s: url is %v, want it at switchyard:language", name, url)
	}
	body, _ := props.Get("body")
	r := httptest.NewRequest("POST", target, bytes.NewReader(value.Append(nil, body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	language.NewHandler(language.Options{}).ServeHTTP(w, r)
	if w.Code != 200 {
		it.t.Fatalf("%s: POST %s with %.300s: status %d, answer %s", name, target, value.Append(nil, body), w.Code, w.Body)
	}
	v, err := value.Parse(w.Body.Bytes())
	if err != nil {
		it.t.Fatalf("%s: answer %s: %v", name, w.Body, err)
	}
	return v
}

// result is what is sent to the queue triaged, as its readers decode it.
type result struct {
	Priority string   `json:"priority"`
	Urgent   []string `json:"urgentWords"`
	Language struct {
		Code string `json:"code"`
		Name string `json:"name"`
	} `json:"language"`
	Sentiment struct {
		Label   string              `json:"label"`
		Scores  *map[string]float64 `json:"confidenceScores"`
		Because *string             `json:"notAvailableBecause"`
	} `json:"sentiment"`
	KeyPhrases   []string `json:"keyPhrases"`
	KeyBecause   *string  `json:"keyPhrasesNotAvailableBecause"`
	PersonalData []string `json:"personalData"`
	Text         *string  `json:"text"`
	Truncated    bool     `json:"truncated"`
}

// TestTriage plays every ticket and checks that it ends as the file expects.
func TestTriage(t *testing.T) {
	f := readFactory(t)
	for i, x := range readTickets(t) {
		t.Run(x.Name, func(t *testing.T) {
			branch, last, props := newIteration(t, f, x.message(int64(i+1))).run()
			if n, _ := props.Get("sequenceNumber"); last.Is(pipeline.ServiceBusSettle) && n != int64(i+1) {
				t.Errorf("settles message %v, want %d", n, i+1)
			}
			if x.Expect == "dead-letter" {
				outcome, _ := props.Get("outcome")
				reason, _ := props.Get("reason")
				description, _ := props.Get("description")
				if !last.Is(pipeline.ServiceBusSettle) || outcome != "DeadLetter" || reason == "" || len(fmt.Sprint(description)) < 20 {
					t.Errorf("branch %s ends in %s with %s, want a dead letter with reason and description", branch, last.Type, value.Append(nil, props))
				}
				return
			}
			if !last.Is(pipeline.ServiceBusSend) {
				t.Fatalf("branch %s ends in %s with %s, want a result", branch, last.Type, value.Append(nil, props))
			}
			if id, _ := props.Get("correlationId"); id != x.MessageID {
				t.Errorf("correlationId %v, want %s", id, x.MessageID)
			}
			if s := settlement(t, props); s != fmt.Sprintf("%d Complete", i+1) {
				t.Errorf("settles %s, want %d Complete", s, i+1)
			}
			r := decodeResult(t, props)
			if (r.Sentiment.Scores == nil) != (r.Sentiment.Because != nil) || r.Text == nil || r.Language.Name == "" {
				t.Errorf("result %+v: want scores or a reason, a text and a language", r)
			}
		})
	}
}

func settlement(t *testing.T, props *value.Object) string {
	v, _ := props.Get("settle")
	o, ok := v.(*value.Object)
	if !ok {
		t.Fatalf("settle is %v, want an object", v)
	}
	n, _ := o.Get("sequenceNumber")
	outcome, _ := o.Get("outcome")
	return fmt.Sprint(n, " ", outcome)
}

func decodeResult(t *testing.T, props *value.Object) *result {
	t.Helper()
	body, _ := props.Get("body")
	r := &result{}
	if err := json.Unmarshal(value.Append(nil, body), r); err != nil {
		t.Fatalf("result %s: %v", value.Append(nil, body), err)
	}
	return r
}

// TestResults states what a reader of the ticket expects of the analysis.
func TestResults(t *testing.T) {
	f := readFactory(t)
	tickets := map[string]*ticket{}
	for _, x := range readTickets(t) {
		tickets[x.Name] = x
	}
	const none = "not available"
	for _, tt := range []struct {
		ticket, language, sentiment, priority string
		personal                              string
	}{
		{"en-charged-twice", "en", "negative", "normal", "CreditCardNumber"},
		{"en-urgent-outage", "en", "negative", "high", "PhoneNumber"},
		{"en-thanks", "en", "positive", "low", ""},
		{"en-password", "en", "neutral", "low", ""},
		{"en-broken-kettle", "en", "negative", "high", ""},
		{"en-mixed", "en", "mixed", "normal", ""},
		{"en-ssn", "en", "negative", "normal", "USSocialSecurityNumber"},
		{"en-ip-block", "en", "negative", "high", "IPAddress IPAddress"},
		{"en-link-phishing", "en", "negative", "normal", "URL"},
		{"en-not-bad", "en", "positive", "low", ""},
		{"en-caps", "en", "negative", "high", ""},
		{"en-address-change", "en", "neutral", "low", "Email"},
		{"de-rechnung", "de", "negative", "normal", "InternationalBankingAccountNumber"},
		{"de-dringend", "de", "negative", "high", "PhoneNumber"},
		{"de-lob", "de", "positive", "low", ""},
		{"de-gemischt", "de", "mixed", "normal", ""},
		{"de-steuer", "de", "neutral", "low", "DETaxIdentificationNumber DEIdentityCardNumber"},
		{"de-kaputt", "de", "negative", "normal", ""},
		{"fr-facture", "fr", "negative", "normal", "InternationalBankingAccountNumber"},
		{"fr-urgent", "fr", "negative", "high", "PhoneNumber"},
		{"fr-merci", "fr", "positive", "low", ""},
		{"fr-secu", "fr", "neutral", "low", "FRSocialSecurityNumber"},
		{"es-factura", "es", "neutral", "low", "InternationalBankingAccountNumber"},
		{"es-urgente", "es", "negative", "high", "PhoneNumber"},
		{"es-gracias", "es", "positive", "low", ""},
		{"es-dni", "es", "neutral", "low", "ESDNI Email"},
		{"ja-login", "ja", none, "normal", "Email"},
		{"fi-paketti", "fi", none, "normal", "Email"},
		{"zh-account", "zh_chs", none, "normal", ""},
		{"he-rtl", "he", none, "normal", "Email"},
		{"emoji-only", "(Unknown)", none, "normal", ""},
	} {
		_, _, props := newIteration(t, f, tickets[tt.ticket].message(7)).run()
		r := decodeResult(t, props)
		if r.Language.Code != tt.language || r.Sentiment.Label != tt.sentiment || r.Priority != tt.priority || strings.Join(r.PersonalData, " ") != tt.personal {
			t.Errorf("ticket %s: %s, %s, %s, %v; want %s, %s, %s, [%s]", tt.ticket,
				r.Language.Code, r.Sentiment.Label, r.Priority, r.PersonalData, tt.language, tt.sentiment, tt.priority, tt.personal)
		}
		if tt.sentiment == none && (r.Sentiment.Because == nil || *r.Sentiment.Because != "UnsupportedLanguageCode") {
			t.Errorf("ticket %s: sentiment not available because of %v, want UnsupportedLanguageCode", tt.ticket, r.Sentiment.Because)
		}
		if tt.personal != "" && !strings.Contains(*r.Text, "****") {
			t.Errorf("ticket %s: text %q, want the personal data masked", tt.ticket, *r.Text)
		}
	}
	for name, want := range map[string]bool{"long-text": true, "blank-beginning": false, "astral-at-the-cut": true} {
		_, _, props := newIteration(t, f, tickets[name].message(7)).run()
		if r := decodeResult(t, props); r.Truncated != want || utf8.RuneCountInString(*r.Text) > 5000 {
			t.Errorf("ticket %s: truncated %v with %d characters, want %v and at most 5000", name, r.Truncated, utf8.RuneCountInString(*r.Text), want)
		}
	}
}

// TestBinary: a body that is not UTF-8 has no bodyText.
func TestBinary(t *testing.T) {
	body := "\xff\xfe\x00"
	x := &ticket{MessageID: "b", Body: &body}
	branch, last, props := newIteration(t, readFactory(t), x.message(3)).run()
	if reason, _ := props.Get("reason"); branch != "binary" || !last.Is(pipeline.ServiceBusSettle) || reason != "NotText" {
		t.Errorf("branch %s ends in %s with %s, want a dead letter NotText", branch, last.Type, value.Append(nil, props))
	}
}
