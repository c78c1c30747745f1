package run_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"switchyard/internal/golden"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// restore returns the state that an encoded one is read as, which is written alike.
func restore(t failer, s *run.State) *run.State {
	t.Helper()
	b := run.EncodeState(nil, s)
	back, err := decodeState(s.Created(), b)
	if err != nil {
		t.Fatal(err)
	}
	if again := run.EncodeState(nil, back); !bytes.Equal(again, b) {
		t.Fatalf("a state is written as\n%x, read and written as\n%x", b, again)
	}
	return back
}

func decodeState(c *run.Created, b []byte) (*run.State, error) {
	r, err := run.ParseRevision(c.PipelineName, c.Definition)
	if err != nil {
		return nil, err
	}
	return run.DecodeState(c, r, b)
}

// checkRestored reads the state behind some drawn event, applies the rest of the history to
// it, and compares all that a host can ask for.
func checkRestored(t failer, g *generator, history []entry) {
	t.Helper()
	k := 1 + g.draw("restored behind", len(history))
	s := restore(t, refoldEntries(t, history[:k]))
	for i, e := range history[k:] {
		if err := s.Apply(e.event); err != nil {
			t.Fatalf("event %d %s: %v", k+i, describe(e.event), err)
		}
	}
	sameState(t, s, refoldEntries(t, history))
}

// sameState compares all that a host can ask two states for.
func sameState(t failer, got, want *run.State) {
	t.Helper()
	of := func(s *run.State) []any {
		result, ended := s.Result()
		return []any{s.Activities(), s.InFlight(), s.Timers(), s.Children(), result, ended, s.FirstFailure(), s.Status(),
			s.Ended(), s.Held(), s.Revealed(), s.Masker().Text("hunter2"), run.EncodeState(nil, s)}
	}
	for i, g := range of(got) {
		if w := of(want)[i]; !reflect.DeepEqual(g, w) {
			t.Fatalf("a state that was encoded and read differs in %d: got\n%+v, want\n%+v", i, g, w)
		}
	}
}

// TestScenariosThroughBytes: a state that is encoded and read after every event gives what
// the script of each scenario wants.
func TestScenariosThroughBytes(t *testing.T) {
	eachScenario(t, func(t *testing.T, archive string) {
		got := scenario(t, archive, func(t testing.TB, s *run.State, history []run.Event) *run.State {
			s = restore(t, s)
			sameState(t, s, refold(t, history))
			return s
		})
		if want := section(archive, "output"); got != want {
			t.Errorf("got\n%s--- want\n%s", got, want)
		}
	})
}

const everyState = `{"name":"P","properties":{"variables":{"v":{"type":"Array"},"s":{"type":"String"}},"activities":[
	{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":60}},
	{"name":"Call","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"Q","type":"PipelineReference"},"waitOnCompletion":true}},
	{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"s","value":"x"}},
	{"name":"Add","type":"AppendVariable","typeProperties":{"variableName":"v","value":"y"}},
	{"name":"More","type":"AppendVariable","dependsOn":[{"activity":"Add"}],"typeProperties":{"variableName":"v","value":"z"}},
	{"name":"Hook","type":"WebHook","policy":{"secureInput":true},"typeProperties":{"url":"http://h/","method":"POST"}},
	{"name":"Retried","type":"Probe","policy":{"retry":2,"retryIntervalInSeconds":30},"typeProperties":{"key":"hunter2!"}},
	{"name":"Behind","type":"Probe","dependsOn":[{"activity":"Retried"}]},
	{"name":"If","type":"IfCondition","typeProperties":{"expression":"@bool(1)","ifTrueActivities":[{"name":"In","type":"Probe"}]}},
	{"name":"Loop","type":"ForEach","typeProperties":{"batchCount":2,"items":"@createArray('a','b','c','d')","activities":[
		{"name":"One","type":"Probe"},{"name":"Two","type":"Probe","dependsOn":[{"activity":"One"}]}]}},
	{"name":"Until","type":"Until","typeProperties":{"expression":"@equals(activity('Poll').output.n,3)","activities":[{"name":"Poll","type":"Probe"}]}}]}}`

// richStates are the states of a run of everyState: busy with all that a state may hold, on
// the way to its cancellation, and ended.
func richStates(t testing.TB) map[string]*run.State {
	c := created([]byte(everyState), value.NewObject(value.Member{Name: "key", Value: "hunter2"}))
	c.Secure, c.Recovers = []string{"key"}, "was"
	var history []run.Event
	var s *run.State
	add := func(events ...run.Event) {
		t.Helper()
		for _, e := range events {
			history = append(history, e)
			var err error
			if len(history) == 1 {
				s, err = newRun(c)
			} else {
				err = s.Apply(e)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	// decides adds decisions, in some of which what is large is elsewhere.
	decides := func(now time.Time) {
		for _, e := range decide(s, now, math.MaxInt) {
			switch e := e.(type) {
			case *run.ActivityStarted:
				if e.Path == "If/In" {
					run.PartsOf(e).Values[0].Set(run.Kept{Number: 2})
				}
			case *run.VariableAppended:
				run.PartsOf(e).Values[0].Set(run.Kept{Number: 1})
			}
			history = append(history, e)
		}
		all := history
		history = nil
		add(all...)
	}
	ends := func(path string, attempt int, e *run.ActivityFinished) {
		t.Helper()
		e.Path, e.Attempt, e.At = path, attempt, testStart.Add(time.Second)
		add(e)
	}
	add(c, &run.Recovered{Path: "Behind", Type: "Probe", Status: run.Succeeded, Output: value.NewObject(), At: testStart},
		&run.Recovered{Path: "Call", Type: "ExecutePipeline", Child: "before", At: testStart})
	decides(testStart)
	add(&run.AttemptAccepted{Path: "Hook", Attempt: 1, At: testStart, Reports: true, Secrets: []string{"hooked"}})
	ends("Retried", 1, failed("500", "down"))
	ends("Loop[1]/One", 1, failed("501", "downer"))
	ends("Until#1/Poll", 1, succeeded(value.NewObject(value.Member{Name: "n", Value: int64(1)}, value.Member{Name: "large", Value: run.Kept{Number: 3}})))
	decides(testStart.Add(2 * time.Second))
	e := succeeded(value.NewObject(value.Member{Name: "n", Value: "of swordfish"}))
	e.Secrets = []string{"swordfish"}
	ends("Loop[0]/One", 1, e)
	states := map[string]*run.State{"busy": s}
	first := len(history)
	add(&run.CancelRequested{At: testStart.Add(3 * time.Second)})
	events := decide(s, testStart.Add(3*time.Second), 3)
	history = append(history, events...)
	states["cancelling"] = s
	ending := history
	history = nil
	add(ending...)
	decide(s, testStart.Add(3*time.Second), math.MaxInt)
	states["ended"] = s
	ending, history = ending[:first], nil
	add(ending...)
	states["busy"] = s
	return states
}

// TestGoldenStates: the bytes of a state belong to its version. Nothing upgrades them: a state
// of another version is not read.
func TestGoldenStates(t *testing.T) {
	golden.Check(t, "states", run.StateVersion, func(int) (records []golden.Record) {
		for name, s := range richStates(t) {
			b := run.EncodeState(nil, s)
			records = append(records, golden.Record{Name: name, Value: b,
				Encode: func() []byte { return b },
				Decode: func(b []byte) (any, error) {
					s, err := decodeState(s.Created(), b)
					if err != nil {
						return nil, err
					}
					return run.EncodeState(nil, s), nil
				}})
		}
		return records
	})
}

// TestRichStates: states with all that there is are read as they were.
func TestRichStates(t *testing.T) {
	for name, s := range richStates(t) {
		sameState(t, restore(t, s), s)
		if text := s.Masker().Text("hunter2"); text != run.Mask {
			t.Errorf("%s: a secret is shown as %s", name, text)
		}
	}
}

// FuzzDecodeState: bytes that are taken are those of a state that is written alike, and that
// takes events and decides.
func FuzzDecodeState(f *testing.F) {
	for _, s := range richStates(f) {
		f.Add(run.EncodeState(nil, s))
	}
	c := richStates(f)["busy"].Created()
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeState(c, data)
		if err != nil {
			if !errors.Is(err, run.ErrMalformedState) && !errors.Is(err, run.ErrOtherState) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		b := run.EncodeState(nil, s)
		again, err := decodeState(c, b)
		if err != nil {
			t.Fatalf("read, written and not read again: %v", err)
		}
		if third := run.EncodeState(nil, again); !bytes.Equal(b, third) {
			t.Fatalf("written as %x, then as %x", b, third)
		}
		now := testStart.Add(time.Minute)
		for _, x := range s.Timers() {
			_ = s.Apply(x.Fired(now))
		}
		for _, x := range s.InFlight() {
			_ = s.Apply(&run.ActivityFinished{Path: x.Path, Attempt: x.Attempt, Status: run.Failed, At: now})
		}
		for _, x := range s.Children() {
			_ = s.Apply(s.ChildEnded(x.RunID, run.ChildResult{Status: run.Failed}, now))
		}
		decide(s, now, 1000)
		_ = s.Apply(&run.CancelRequested{At: now})
		decide(s, now, 1000)
		s.Activities()
		s.FirstFailure()
	})
}

func TestDecodeStateRefuses(t *testing.T) {
	s := forEach(t, 3)
	decide(s, testStart, math.MaxInt)
	good := run.EncodeState(nil, s)
	c := s.Created()
	for n := range good {
		if _, err := decodeState(c, good[:n]); !errors.Is(err, run.ErrMalformedState) && !errors.Is(err, run.ErrOtherState) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := decodeState(c, append(bytes.Clone(good), 0)); !errors.Is(err, run.ErrMalformedState) {
		t.Errorf("a byte more: %v", err)
	}
	other := *c
	other.ID = "another"
	changed := newCreated(t, map[string]any{}, nil)
	newer := bytes.Clone(good)
	newer[0]++
	for name, x := range map[string]struct {
		c *run.Created
		b []byte
	}{"another version": {c, newer}, "another run": {&other, good}, "another definition": {changed, good}} {
		if _, err := decodeState(x.c, x.b); !errors.Is(err, run.ErrOtherState) {
			t.Errorf("%s: %v, want ErrOtherState", name, err)
		}
	}
}
