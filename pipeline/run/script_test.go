package run_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/pipeline"
	"switchyard/pipeline/run"
	"switchyard/value"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expected output of the scenario scripts")

// TestScenarios runs testdata/*.txtar. Each holds pipeline.json (the properties
// of a pipeline), perhaps parameters.json, a script, and the output that the
// script must give. The script's lines are
//
//	ok <path>#<attempt> [<output JSON>]      an attempt succeeds
//	fail <path>#<attempt> <code> <message>   an attempt fails
//	child <path> <status> <message, or return value JSON>  a child run ends
//	fire [<n>]                               the next n timers fire, at their time
//	at <duration>                            the clock moves to that long after the start
//	cancel                                   the run is cancelled
//	flight                                   print what is in flight and the armed timers
//	records                                  print the activity records
//	variable <name>                          print a variable
//	result                                   print how the run ended
//
// and each line is followed, in the output, by the decisions it leads to. Every
// state is also rebuilt from its encoded events.
func TestScenarios(t *testing.T) {
	eachScenario(t, func(t *testing.T, archive string) {
		got, want := scenario(t, archive, refolded), section(archive, "output")
		if *rewrite {
			file := "testdata/" + strings.TrimPrefix(t.Name(), "TestScenarios/") + ".txtar"
			if err := os.WriteFile(file, []byte(strings.TrimSuffix(archive, want)+got), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		if got != want {
			t.Errorf("got\n%s--- want\n%s", got, want)
		}
	})
}

// eachScenario calls f with every scenario.
func eachScenario(t *testing.T, f func(t *testing.T, archive string)) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f(t, string(data))
		})
	}
}

// section returns one file of an archive in the txtar format, "" if there is
// none.
func section(archive, name string) string {
	_, rest, found := strings.Cut(archive, "-- "+name+" --\n")
	if !found {
		return ""
	}
	if i := strings.Index(rest, "\n-- "); i >= 0 {
		return rest[:i+1]
	}
	return rest
}

// refolded reads a state back from its history.
func refolded(t testing.TB, _ *run.State, history []run.Event) *run.State { return refold(t, history) }

// scenarioCreated is the first event of a scenario's run.
func scenarioCreated(t testing.TB, archive string) *run.Created {
	var args *value.Object
	if parameters := section(archive, "parameters.json"); parameters != "" {
		args = parse(t, parameters).(*value.Object)
	}
	def := []byte(`{"name":"P","properties":` + section(archive, "pipeline.json") + `}`)
	p, _ := pipeline.ParsePipeline("P", def)
	bound, secure, err := pipeline.BindParameters(p.Parameters, args, false)
	if err != nil {
		t.Fatal(err)
	}
	c := created(def, bound)
	c.Secure = secure
	c.GlobalParameters = value.NewObject(value.Member{Name: "env", Value: "test"})
	return c
}

// scenario runs a script. After each event reread returns the state to go on with.
func scenario(t *testing.T, archive string, reread func(testing.TB, *run.State, []run.Event) *run.State) string {
	c := scenarioCreated(t, archive)
	s, err := newRun(c)
	if err != nil {
		t.Fatal(err)
	}
	history := []run.Event{c}
	now := testStart
	var out strings.Builder
	decideAll := func() {
		for {
			events := decide(s, now, 1)
			if len(events) == 0 {
				return
			}
			fmt.Fprintf(&out, "  %s\n", describe(events[0]))
			history = append(history, events[0])
			s = reread(t, s, history)
		}
	}
	apply := func(e run.Event) {
		if err := s.Apply(e); err != nil {
			fmt.Fprintf(&out, "  refused: %s\n", strings.TrimPrefix(err.Error(), "run "+testRunID+": "))
			return
		}
		history = append(history, e)
		s = reread(t, s, history)
	}
	decideAll()
	for line := range strings.Lines(section(archive, "script")) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		fmt.Fprintln(&out, line)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "ok", "fail", "child":
			e := scripted(t, s, line, now)
			if e == nil {
				fmt.Fprintln(&out, "  not waited for")
				break
			}
			if word == "child" {
				fmt.Fprintf(&out, "  %s\n", describe(e))
			}
			apply(e)
		case "fire":
			n, _ := strconv.Atoi(rest)
			for range max(n, 1) {
				timers := s.Timers()
				if len(timers) == 0 {
					t.Fatal("no timer to fire")
				}
				next := timers[0]
				for _, x := range timers {
					if x.FireAt.Before(next.FireAt) {
						next = x
					}
				}
				now = next.FireAt
				e := next.Fired(now)
				fmt.Fprintf(&out, "  %s at +%s\n", describe(e), now.Sub(testStart))
				apply(e)
				decideAll()
			}
		case "at":
			d, err := time.ParseDuration(rest)
			if err != nil {
				t.Fatal(err)
			}
			now = testStart.Add(d)
		case "cancel":
			apply(&run.CancelRequested{At: now})
		case "flight":
			for _, e := range s.InFlight() {
				fmt.Fprintf(&out, "  %s\n", run.Key(e.Path, e.Attempt))
			}
			for _, c := range s.Children() {
				fmt.Fprintf(&out, "  child %s of %s\n", c.Pipeline, c.Path)
			}
			for _, x := range s.Timers() {
				fmt.Fprintf(&out, "  timer %s of %s at +%s\n", x.Kind, run.Key(x.Path, x.Attempt), x.FireAt.Sub(testStart))
			}
		case "records":
			for _, r := range s.Activities() {
				fmt.Fprintf(&out, "  %s %s %s +%s", run.Key(r.Path, r.Attempt), r.Type, r.Status, r.Start.Sub(testStart))
				if !r.End.IsZero() {
					fmt.Fprintf(&out, "..+%s", r.End.Sub(testStart))
				}
				fmt.Fprintf(&out, " in %s out %s", object(r.Input), value.Append(nil, r.Output))
				if r.UserProperties != nil {
					fmt.Fprintf(&out, " user %s", object(r.UserProperties))
				}
				if r.IterationHash != "" {
					fmt.Fprintf(&out, " iteration %s", r.IterationHash[:6])
				}
				if r.Error != nil {
					fmt.Fprintf(&out, " error %s: %s", r.Error.Code, r.Error.Message)
				}
				fmt.Fprintln(&out)
			}
		case "variable":
			v, ok := s.Variable(rest)
			fmt.Fprintf(&out, "  %s %t\n", value.Append(nil, v), ok)
		case "result":
			r, ok := s.Result()
			fmt.Fprintf(&out, "  %t %s %q return %s\n", ok, r.Status, r.Message, object(r.ReturnValue))
		default:
			t.Fatalf("unknown line %q", line)
		}
		decideAll()
	}
	return out.String()
}

// scripted is the outcome that a line of a script tells; nil if nothing waits for a child run.
func scripted(t testing.TB, s *run.State, line string, now time.Time) run.Event {
	word, rest, _ := strings.Cut(line, " ")
	what, rest, _ := strings.Cut(rest, " ")
	if word == "child" {
		status, text, _ := strings.Cut(rest, " ")
		r := run.ChildResult{ReturnValue: value.NewObject()}
		if err := r.Status.UnmarshalText([]byte(status)); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(text, "{") {
			r.ReturnValue = parse(t, text).(*value.Object)
		} else {
			r.Message = text
		}
		if e := s.ChildEnded(childAt(s, what), r, now); e != nil {
			return e
		}
		return nil
	}
	e := succeeded(value.NewObject())
	if word == "fail" {
		code, message, _ := strings.Cut(rest, " ")
		e = failed(code, message)
	} else if rest != "" {
		e.Output = parse(t, rest)
	}
	e.Path, e.Attempt = splitKey(t, what)
	e.At = now
	return e
}

// childAt is the id of the run that an activity waits for, "" if it waits for none.
func childAt(s *run.State, path string) run.ID {
	for _, c := range s.Children() {
		if c.Path == path {
			return c.RunID
		}
	}
	return ""
}

func object(o *value.Object) string {
	if o == nil {
		return "-"
	}
	return string(value.Append(nil, o))
}

func parse(t testing.TB, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func splitKey(t testing.TB, key string) (string, int) {
	i := strings.LastIndexByte(key, '#')
	n, err := strconv.Atoi(key[i+1:])
	if i < 0 || err != nil {
		t.Fatalf("%q is no path#attempt", key)
	}
	return key[:i], n
}

// newRun makes the state of a run whose first event holds its definition.
func newRun(c *run.Created) (*run.State, error) {
	r, err := run.ParseRevision(c.PipelineName, c.Definition)
	if err != nil {
		return nil, err
	}
	s, err := run.New(c, r)
	if err == nil {
		s.KeepRecords()
	}
	return s, err
}

// refold encodes, decodes and folds a history.
func refold(t testing.TB, history []run.Event) *run.State {
	t.Helper()
	var s *run.State
	for i, e := range history {
		d, err := run.DecodeEvent(run.EncodeEvent(nil, e))
		if err != nil {
			t.Fatalf("event %d %T: %v", i, e, err)
		}
		if i == 0 {
			s, err = newRun(d.(*run.Created))
		} else {
			err = s.Apply(d)
		}
		if err != nil {
			t.Fatalf("event %d %T: %v", i, e, err)
		}
	}
	return s
}
