package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/config"
	"switchyard/deploy"
	"switchyard/examples"
	"switchyard/system"
)

// A ticket is one line of examples/ticket-triage/tickets/tickets.jsonl.
type ticket struct {
	Name        string  `json:"name"`
	MessageID   string  `json:"messageId"`
	ContentType string  `json:"contentType"`
	Body        *string `json:"body"`
	BodyRepeat  *struct {
		Text  string `json:"text"`
		Times int    `json:"times"`
	} `json:"bodyRepeat"`
	Expect string `json:"expect"` // "triaged" or "dead-letter"
}

func (t *ticket) body() []byte {
	if t.BodyRepeat != nil {
		return []byte(strings.Repeat(t.BodyRepeat.Text, t.BodyRepeat.Times))
	}
	if t.Body != nil {
		return []byte(*t.Body)
	}
	return nil
}

func readTickets(fsys fs.FS) ([]*ticket, error) {
	b, err := fs.ReadFile(fsys, "tickets/tickets.jsonl")
	if err != nil {
		return nil, err
	}
	var out []*ticket
	for i, line := range strings.Split(string(b), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		t := &ticket{}
		if err := json.Unmarshal([]byte(line), t); err != nil {
			return nil, fmt.Errorf("tickets/tickets.jsonl, line %d: %w", i+1, err)
		}
		out = append(out, t)
	}
	return out, nil
}

// An answer is what became of a ticket.
type answer struct {
	queue string // "triaged" or "dead-letter"
	body  []byte
	why   string // of a dead letter
	times int    // how often it came out: must be 1
}

const (
	demoExample = "ticket-triage"
	inQueue     = "tickets"
	outQueue    = "triaged"
	// demoPatience is how long the demonstration waits for the next answer
	// before it says which are missing.
	demoPatience = time.Minute
)

func demo(ctx context.Context, e *env, v *config.Values, _ []string) int {
	o, err := options(ctx, e, v)
	if err != nil {
		return e.fail(err)
	}
	example, err := fs.Sub(examples.FS, demoExample)
	if err != nil {
		return e.fail(err)
	}
	tickets, err := readTickets(example)
	if err != nil {
		return e.fail(err)
	}
	d, code := readDeployment(e, example, demoExample, o.Strict)
	if code != exitOK {
		return code
	}
	o.Deployments = []*deploy.Deployment{d}
	began := time.Now()
	sys, err := system.Start(ctx, o)
	if err != nil {
		return e.fail(err)
	}
	quiet := v.String("output") == "json"
	say := func(format string, a ...any) {
		if !quiet {
			e.printf(format, a...)
		}
	}
	say("Switchyard is up after %s: %s, Service Bus at %s\n",
		time.Since(began).Round(time.Millisecond), d.Summary(), sys.Endpoints().AMQP)

	code = exitOK
	if err := triage(ctx, e, sys, tickets, quiet); err != nil {
		code = e.fail(err)
	}
	if v.Bool("keep") && ctx.Err() == nil {
		say("\n")
		if err := printEndpoints(e, v, sys); err != nil {
			code = e.fail(err)
		}
		say("\nstaying up until a signal comes%s\n", hint(v))
		<-ctx.Done()
	}
	if err := sys.Stop(); err != nil {
		code = e.fail(err)
	}
	return code
}

// hint is a command that works while the demonstration stays up: in memory there
// is no data directory by which another command could find it.
func hint(v *config.Values) string {
	switch {
	case ephemeral(v):
		return ""
	case v.Origin("data") == "flag":
		return "; try: switchyard runs --data " + v.String("data")
	}
	return "; try: switchyard runs"
}

// triage sends the tickets, collects what becomes of each and reports.
func triage(ctx context.Context, e *env, sys *system.System, tickets []*ticket, quiet bool) error {
	var mark [4]byte
	if _, err := rand.Read(mark[:]); err != nil {
		return err
	}
	// The data directory may hold tickets of an earlier demonstration that was
	// killed: they are finished too, and told apart by this suffix.
	suffix := "/" + hex.EncodeToString(mark[:])

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := azservicebus.NewClientFromConnectionString(sys.Endpoints().ConnectionString, nil)
	if err != nil {
		return err
	}
	defer client.Close(context.WithoutCancel(ctx))

	began := time.Now()
	answers := &answers{byID: map[string]*answer{}, news: make(chan struct{}, 1)}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	failed := make(chan error, 2)
	for _, queue := range []string{outQueue, "dead-letter"} {
		wg.Go(func() {
			if err := answers.collect(ctx, client, queue); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	var sent atomic.Int64
	wg.Go(func() {
		if err := sendTickets(ctx, client, tickets, suffix, &sent); err != nil && ctx.Err() == nil {
			failed <- err
		}
	})

	progress := time.NewTicker(200 * time.Millisecond)
	defer progress.Stop()
	last, shown := time.Now(), [2]int{-1, -1}
	for mine := 0; mine < len(tickets); {
		select {
		case <-answers.news:
			mine, last = answers.count(suffix), time.Now()
		case <-progress.C:
			if time.Since(last) > demoPatience {
				return answers.missing(tickets, suffix)
			}
		case err := <-failed:
			return err
		case <-ctx.Done():
			return errors.New(
				"interrupted; the tickets that were accepted will be finished when a demo starts on this data directory again")
		}
		if now := [2]int{int(sent.Load()), mine}; !quiet && now != shown {
			fmt.Fprintf(e.stderr, "\rtickets sent %d, answered %d of %d ", now[0], now[1], len(tickets))
			shown = now
		}
	}
	took := time.Since(began)
	if !quiet {
		fmt.Fprintln(e.stderr)
	}
	// A duplicate would come out after its first copy: a short look for one.
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
	}
	cancel()
	wg.Wait()
	sum := summarize(sys, answers, tickets, suffix, took)
	if quiet {
		b, err := json.Marshal(sum)
		if err != nil {
			return err
		}
		e.printf("%s\n", b)
	} else {
		printTriage(e, sum)
	}
	return sum.verdict()
}

func sendTickets(ctx context.Context, client *azservicebus.Client, tickets []*ticket, suffix string,
	sent *atomic.Int64) error {
	s, err := client.NewSender(inQueue, nil)
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	for _, t := range tickets {
		id := t.MessageID + suffix
		m := &azservicebus.Message{MessageID: &id, Body: t.body()}
		if t.ContentType != "" {
			m.ContentType = &t.ContentType
		}
		if err := s.SendMessage(ctx, m, nil); err != nil {
			return fmt.Errorf("send ticket %s: %w", t.Name, err)
		}
		sent.Add(1)
	}
	return nil
}

// answers is what has come out, by message id of the ticket.
type answers struct {
	mu   sync.Mutex
	byID map[string]*answer // guarded by mu
	news chan struct{}
}

func (a *answers) collect(ctx context.Context, client *azservicebus.Client, queue string) error {
	from, o := queue, &azservicebus.ReceiverOptions{}
	if queue == "dead-letter" {
		from, o.SubQueue = inQueue, azservicebus.SubQueueDeadLetter
	}
	r, err := client.NewReceiverForQueue(from, o)
	if err != nil {
		return err
	}
	defer r.Close(context.WithoutCancel(ctx))
	for {
		msgs, err := r.ReceiveMessages(ctx, 20, nil)
		if err != nil {
			return fmt.Errorf("receive from %s: %w", queue, err)
		}
		for _, m := range msgs {
			if err := r.CompleteMessage(ctx, m, nil); err != nil {
				return fmt.Errorf("complete a message of %s: %w", queue, err)
			}
			id := m.MessageID
			if queue == outQueue && m.CorrelationID != nil {
				id = *m.CorrelationID
			}
			x := &answer{queue: queue, body: m.Body}
			if m.DeadLetterReason != nil {
				x.why = *m.DeadLetterReason
			}
			if m.DeadLetterErrorDescription != nil {
				x.why += ": " + *m.DeadLetterErrorDescription
			}
			a.add(id, x)
		}
	}
}

func (a *answers) add(id string, x *answer) {
	a.mu.Lock()
	if old := a.byID[id]; old != nil {
		old.times++
	} else {
		x.times = 1
		a.byID[id] = x
	}
	a.mu.Unlock()
	select {
	case a.news <- struct{}{}:
	default:
	}
}

func (a *answers) count(suffix string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for id := range a.byID {
		if strings.HasSuffix(id, suffix) {
			n++
		}
	}
	return n
}

func (a *answers) missing(tickets []*ticket, suffix string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for _, t := range tickets {
		if a.byID[t.MessageID+suffix] == nil {
			names = append(names, t.Name)
		}
	}
	return fmt.Errorf("no answer within %s for %d tickets: %s",
		demoPatience, len(names), strings.Join(names, ", "))
}

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

func printTriage(e *env, s *triageSummary) {
	e.printf("\n")
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TICKET\tLANGUAGE\tSENTIMENT\tPRIORITY\tPERSONAL DATA\tKEY PHRASES")
	for _, t := range s.Tickets {
		if t.Where == outQueue {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", t.Name, t.Language, t.Sentiment, t.Priority, t.Personal,
				cut(printable(strings.Join(t.Phrases, ", ")), 50))
		}
	}
	w.Flush()
	e.printf("\n")
	w = tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEAD-LETTERED\tREASON")
	for _, t := range s.Tickets {
		if t.Where != outQueue {
			fmt.Fprintf(w, "%s\t%s\n", t.Name, cut(printable(t.Why), 120))
		}
	}
	w.Flush()
	e.printf(
		"\n%d tickets: %d results, %d dead letters; %d runs, %d activities; %.2f s, %.0f tickets/s, %.0f activities/s\n",
		len(s.Tickets), s.Results, s.DeadLetters, s.Runs, s.Activities, s.Seconds, s.TicketsPerSec,
		s.ActivitiesPerS)
	if s.Earlier > 0 {
		e.printf("%d more tickets of an earlier demonstration on this data directory were finished\n", s.Earlier)
	}
}
