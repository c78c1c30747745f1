package run_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/pipeline/run"
	"switchyard/value"
)

// A host is a second host of runs, beside the engine: between two events it has nothing of a
// run but its first event and an encoded state. What reaches it comes in any order, too early,
// late and twice, as it does to a worker that hears of activities through a queue.
type host struct {
	t     testing.TB
	draws *rand.Rand
	c     *run.Created
	bytes []byte
	now   time.Time
}

func newHost(t testing.TB, c *run.Created, seed uint64) *host {
	s, err := newRun(c)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, draws: rand.New(rand.NewPCG(seed, 2)), c: c, bytes: run.EncodeState(nil, s), now: testStart}
	h.decide()
	return h
}

// state is what the host has of the run.
func (h *host) state() *run.State {
	s, err := decodeState(h.c, h.bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// decide takes decisions one by one, each of a state that was just read.
func (h *host) decide() {
	for {
		s := h.state()
		events := decide(s, h.now, 1)
		h.bytes = run.EncodeState(h.bytes[:0], s)
		if len(events) == 0 {
			return
		}
	}
}

// apply takes an outcome, and reports whether it was wanted.
func (h *host) apply(e run.Event) bool {
	s := h.state()
	err := s.Apply(e)
	if err != nil && !errors.Is(err, run.ErrNotWanted) {
		h.t.Fatal(err)
	}
	h.bytes = run.EncodeState(h.bytes[:0], s)
	h.decide()
	return err == nil
}

// A delivery is the outcome that a line of a script tells; nil if nothing waits for it.
type delivery func(s *run.State, now time.Time) run.Event

// deliver takes all deliveries in any order. One that nothing waits for yet comes again
// later; one that was taken may, and is not taken twice.
func (h *host) deliver(pending []delivery) {
	var taken []delivery
	for tries := 0; len(pending) > 0 && tries < 20*len(pending)+20; tries++ {
		if len(taken) > 0 && h.draws.IntN(3) == 0 {
			d := taken[h.draws.IntN(len(taken))]
			if e := d(h.state(), h.now); e != nil && h.apply(e) {
				h.t.Errorf("%s is taken twice", describe(e))
			}
		}
		i := h.draws.IntN(len(pending))
		if e := pending[i](h.state(), h.now); e != nil && h.apply(e) {
			taken = append(taken, pending[i])
			pending = slices.Delete(pending, i, i+1)
			tries = 0
		}
	}
}

// fire fires the timer that is due first.
func (h *host) fire() {
	timers := h.state().Timers()
	if len(timers) == 0 {
		h.t.Fatal("no timer to fire")
	}
	next := slices.MinFunc(timers, func(a, b run.Timer) int { return a.FireAt.Compare(b.FireAt) })
	h.now = next.FireAt
	h.apply(next.Fired(h.now))
	if h.apply(next.Fired(h.now)) {
		h.t.Errorf("the timer of %s fires twice", next.Path)
	}
}

// play runs the script of a scenario: what stands between two moves of the clock, or before a
// cancellation, is delivered in any order.
func (h *host) play(t *testing.T, script string) {
	var pending, refused []delivery
	told := map[string]bool{}
	flush := func() {
		h.deliver(pending)
		for _, d := range refused {
			if e := d(h.state(), h.now); e != nil && h.apply(e) {
				t.Errorf("%s is taken after another outcome", describe(e))
			}
		}
		pending, refused = nil, nil
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "ok", "fail", "child":
			d := func(s *run.State, now time.Time) run.Event { return scripted(t, s, line, now) }
			if key, _, _ := strings.Cut(rest, " "); told[key] {
				refused = append(refused, d) // the first that was told counts
			} else {
				told[key] = true
				pending = append(pending, d)
			}
		case "fire":
			flush()
			n := 1
			_, _ = fmt.Sscan(rest, &n)
			for range n {
				h.fire()
			}
		case "at":
			flush()
			d, err := time.ParseDuration(rest)
			if err != nil {
				t.Fatal(err)
			}
			h.now = testStart.Add(d)
			h.decide()
		case "cancel":
			flush()
			h.apply(&run.CancelRequested{At: h.now})
		}
	}
	flush()
}

// outcome is what a run has come to, but for what depends on the order of what is concurrent:
// times, and the order of records, of failures and of what is appended.
func outcome(s *run.State) string {
	var lines []string
	for _, r := range s.Activities() {
		line := fmt.Sprintf("%s %s in %s out %s", run.Key(r.Path, r.Attempt), r.Status,
			text(r.Input), text(r.Output))
		if r.Error != nil {
			line += " error " + r.Error.Code + ": " + inAnyOrder(r.Error.Message, "; ")
		}
		lines = append(lines, line)
	}
	for _, v := range s.Pipeline().Variables {
		val, _ := s.Variable(v.Name)
		lines = append(lines, "variable "+v.Name+" "+text(val))
	}
	slices.Sort(lines)
	result, ended := s.Result()
	return fmt.Sprintf("%t %s %s %s\n%s\n", ended, result.Status, inAnyOrder(result.Message, ", Operation"), object(result.ReturnValue),
		strings.Join(lines, "\n"))
}

// text is a value with the elements of its arrays in the order of their texts.
func text(v value.Value) string {
	switch v := v.(type) {
	case value.Array:
		var parts []string
		for _, x := range v {
			parts = append(parts, text(x))
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, ",") + "]"
	case *value.Object:
		out := "{"
		for _, m := range v.Members() {
			out += m.Name + ":" + text(m.Value) + ","
		}
		return out + "}"
	}
	return string(value.Append(nil, v))
}

func inAnyOrder(text, separator string) string {
	parts := strings.Split(text, separator)
	slices.Sort(parts)
	return strings.Join(parts, separator)
}

// TestSecondHost: a host that shuffles, delays and doubles what it is told, and has the state
// as bytes between any two events, reaches what a host does that does none of this, in every
// scenario.
func TestSecondHost(t *testing.T) {
	eachScenario(t, func(t *testing.T, archive string) {
		var straight *run.State
		scenario(t, archive, func(_ testing.TB, s *run.State, _ []run.Event) *run.State {
			straight = s
			return s
		})
		want := outcome(straight)
		for seed := range uint64(20) {
			h := newHost(t, scenarioCreated(t, archive), seed)
			h.play(t, section(archive, "script"))
			if got := outcome(h.state()); got != want {
				t.Fatalf("order %d: got\n%s--- want\n%s", seed, got, want)
			}
		}
	})
}

// TestSecondHostOfOutcomes has the second host run the vectors of outcomes: all activities may
// be told of at once, in any order.
func TestSecondHostOfOutcomes(t *testing.T) {
	for _, v := range outcomeVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			results, _ := v.results()
			for seed := range uint64(3) {
				h := newHost(t, newCreated(t, map[string]any{"activities": activitiesJSON(v.Activities)}, nil), seed)
				var pending []delivery
				for _, name := range slices.Sorted(maps.Keys(results)) {
					pending = append(pending, func(s *run.State, now time.Time) run.Event { return answerOf(s, name, results[name], now) })
				}
				h.deliver(pending)
				if got := h.state().Status().String(); got != v.Want.Pipeline {
					t.Errorf("order %d: the pipeline is %s, want %s", seed, got, v.Want.Pipeline)
				}
				for _, r := range h.state().Activities() {
					if want := v.Want.Activities[r.Name]; r.Status != run.Inactive && r.Status.String() != want {
						t.Errorf("order %d: %s is %s, want %s", seed, r.Name, r.Status, want)
					}
				}
			}
		})
	}
}

// answerOf is the outcome of an activity by its name; nil if it is not in flight.
func answerOf(s *run.State, name, result string, now time.Time) run.Event {
	for _, a := range s.InFlight() {
		if a.Activity == name {
			e := succeeded(nil)
			if result == "Failed" {
				e = failed("Oops", "forced")
			}
			e.Path, e.Attempt, e.At = a.Path, a.Attempt, now
			return e
		}
	}
	return nil
}
