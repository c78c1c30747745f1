package brokertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
	"switchyard/clock"
	"switchyard/commit"
)

// RunScripts runs the scenario scripts that match the pattern, each on a broker
// of its own over a [Store], in a testing/synctest bubble. With rewrite it
// writes what happened into the scripts instead of comparing.
//
// A line that begins with "> " is a command; the lines that follow, to the next
// command, comment or empty line, are all that the command caused, deliveries
// included. Messages are named by their message id; times are relative to the
// begin of the script. The commands are the methods of scenario, see
// scenario_commands.go:
//
//	queue PATH [lock=10s] [ttl=5s] [max-delivery=3] [dead-letter-expired] [status=SendDisabled] …
//	send PATH ID… [ttl=5s] [size=100] [with=NAME=VALUE,…]
//	consumer NAME PATH [receive-and-delete]
//	credit NAME N | drain NAME | close NAME
//	complete|abandon|release|defer|dead-letter PATH ID… [reason=R] [description=D] [prop=NAME:VALUE]
//	  [backoff=1s/10s]
//	begin TX | commit TX | rollback TX: a transaction, which send, schedule, cancel
//	  and the settlements take with in=TX
//	renew PATH ID… | receive-deferred PATH NUMBER… [receive-and-delete]
//	peek PATH [from=1] [max=10] | counts PATH | advance 10s | restart
//	reserve NAME PATH MAX | free NAME | lock NAME RUN | settle-reserved NAME OUTCOME …
//	run OUTCOME PATH RUN [NUMBER…] … | release-run RUN | runs
//	delete PATH [force]
//	topic PATH [ttl=5s] … | topic-info PATH | delete-topic PATH [force] | receive PATH
//	subscription TOPIC/NAME [skip-filter-errors] [rule=NAME] [sql=…] [action=…] [ttl=5s] …
//	delete-subscription TOPIC/NAME [force]
//	rule TOPIC/NAME RULE [sql=…|correlation=NAME:VALUE,…] [action=…] [create-only] [drop-automatic]
//	rules TOPIC/NAME | delete-rule TOPIC/NAME RULE
func RunScripts(t *testing.T, pattern string, rewrite bool) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts %s: %d files, error %v", pattern, len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) { got = runScript(t, string(script)) })
			if got == string(script) {
				return
			}
			if rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s: other than expected\n%s", file, difference(string(script), got))
		})
	}
}

// difference shows the lines around the first one that differs.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < min(len(w), len(g)) && w[i] == g[i] {
		i++
	}
	show := func(lines []string) string {
		return strings.Join(lines[min(max(i-3, 0), len(lines)):min(i+6, len(lines))], "\n")
	}
	return fmt.Sprintf("line %d\n--- want\n%s\n--- got\n%s", i+1, show(w), show(g))
}

type scenario struct {
	t            *testing.T
	store        *Store
	b            *broker.Broker
	start        time.Time
	consumers    map[string]*broker.Consumer
	reservations map[string]*broker.Reservation
	transactions map[string]*broker.Transaction
	tokens       map[string]broker.LockToken // by address and message id

	mu     sync.Mutex
	events []string
}

func runScript(t *testing.T, script string) string {
	s := &scenario{t: t, store: NewStore(), start: time.Now(), consumers: map[string]*broker.Consumer{},
		reservations: map[string]*broker.Reservation{}, tokens: map[string]broker.LockToken{},
		transactions: map[string]*broker.Transaction{}}
	s.open()
	if err := s.b.PutNamespace(context.Background(), "ns", broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	var out []string
	output := false
	for line := range strings.SplitSeq(script, "\n") {
		command, isCommand := strings.CutPrefix(line, "> ")
		switch {
		case isCommand:
			out = append(out, line)
			out = append(out, s.do(command)...)
			output = true
		case line == "" || line[0] == '#':
			out = append(out, line)
			output = false
		case !output:
			t.Fatalf("output without a command: %q", line)
		}
	}
	s.b.Close()
	return strings.Join(out, "\n")
}

func (s *scenario) open() {
	var err error
	s.b, err = broker.New(broker.Options{Store: s.store, Encoding: Encoding{}, Log: s.store, Clock: clock.Wall{}, Rand: rand.Reader,
		Events: broker.EventListener{
			DeadLettered: func(_, path, id, reason string, n int) {
				s.event("event: %s dead-lettered %d, last %s: %s", path, n, id, reason)
			},
			Expired: func(_, path string, dropped []int64) { s.event("event: %s dropped %d expired", path, len(dropped)) },
			IdleDeleted: func(d broker.IdleDeletion) {
				s.event("event: %v %s was idle for %v, %d messages are gone", d.Kind, d.Path, d.Idle, d.Messages)
			},
			QueueDeleted: func(_, path string, runs []broker.RunID) {
				s.event("event: %s deleted, runs %v", path, runs)
			},
		}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.b.Start(context.Background())
}

func (s *scenario) event(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf(format, args...))
}

// do runs a command and returns what it caused.
func (s *scenario) do(command string) []string {
	fields := strings.Fields(command)
	a := arguments{options: map[string]string{}}
	for _, f := range fields[1:] {
		if k, v, ok := strings.Cut(f, "="); ok {
			a.options[k] = strings.ReplaceAll(v, "_", " ")
		} else {
			a.words = append(a.words, f)
		}
	}
	f := commands[fields[0]]
	if f == nil {
		s.t.Fatalf("command %q: want one of %v", command, slices.Sorted(maps.Keys(commands)))
	}
	if err := f(s, a); err != nil {
		s.event("error: %v", err)
	}
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.events
	s.events = nil
	return out
}

type arguments struct {
	words   []string
	options map[string]string
}

func (a arguments) flag(name string) bool { return slices.Contains(a.words, name) }

func (a arguments) duration(s *scenario, name string) time.Duration {
	v, ok := a.options[name]
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		s.t.Fatalf("%s=%s: %v", name, v, err)
	}
	return d
}

func (a arguments) int(s *scenario, name string, fallback int) int {
	v, ok := a.options[name]
	if !ok {
		return fallback
	}
	return s.number(v)
}

func (s *scenario) number(v string) int {
	n, err := strconv.Atoi(v)
	if err != nil {
		s.t.Fatalf("number %q: %v", v, err)
	}
	return n
}

func (s *scenario) queue(path string) *broker.Queue {
	q, err := s.b.Queue("ns", path)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	return q
}

func (s *scenario) sender(path string) broker.Sender {
	to, err := s.b.Sender("ns", path)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	return to
}

// stage commits an effect as a unit of its own.
func (s *scenario) stage(e commit.Effect) error {
	u := &commit.Unit{}
	release, err := e.Stage(u)
	if err != nil {
		return err
	}
	s.store.Submit(u)
	release()
	s.store.Sync(u)
	return nil
}

// describe shows what of a message is not as it was sent.
func (s *scenario) describe(m *broker.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s count=%d", m.SequenceNumber, m.MessageID, m.DeliveryCount)
	if m.State == broker.Deferred {
		b.WriteString(" deferred")
	}
	if m.State == broker.Scheduled {
		b.WriteString(" scheduled")
	}
	if m.EnqueueSequence != 0 {
		fmt.Fprintf(&b, " enqueue-sequence=%d", m.EnqueueSequence)
	}
	if m.Hops != 0 {
		fmt.Fprintf(&b, " hops=%d", m.Hops)
	}
	if m.DeadLetterSource != "" {
		fmt.Fprintf(&b, " source=%s", m.DeadLetterSource)
	}
	if !m.LockedUntil.IsZero() {
		fmt.Fprintf(&b, " locked-until=%v", m.LockedUntil.Sub(s.start))
	}
	if m.Run != "" {
		fmt.Fprintf(&b, " run=%s", m.Run)
	}
	if !m.ExpiresAt.IsZero() {
		fmt.Fprintf(&b, " expires=%v", m.ExpiresAt.Sub(s.start))
	}
	if !m.NotBefore.IsZero() {
		fmt.Fprintf(&b, " not-before=%v", m.NotBefore.Sub(s.start))
	}
	if fields, _ := Fields(&m.Content); len(fields) > 0 {
		fmt.Fprintf(&b, " {%s}", strings.Join(fields, ","))
	}
	for _, p := range m.Properties {
		fmt.Fprintf(&b, " %s=%q", p.Name, p.Value)
	}
	return b.String()
}
