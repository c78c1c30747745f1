package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// web is a WebActivity behind others, whose body is an expression.
func web(name, body string, behind ...string) string {
	var deps []string
	for _, b := range behind {
		deps = append(deps, fmt.Sprintf(`{"activity":%q,"dependencyConditions":["Succeeded"]}`, b))
	}
	return fmt.Sprintf(`{"name":%q,"type":"WebActivity","dependsOn":[%s],"typeProperties":{"url":"http://h/","method":"POST","body":%q}}`,
		name, strings.Join(deps, ","), body)
}

// callLog has each call of a WebActivity and its body, and fails those that are told.
type callLog struct {
	mu    sync.Mutex
	calls []string
	fails map[string]bool
}

func (l *callLog) execute(_ context.Context, c *activity.Call) activity.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	body, _ := c.Input.Lookup("body")
	l.calls = append(l.calls, c.Path+"="+value.Text(body))
	if l.fails[c.Path] {
		return activity.Result{Err: &activity.Error{Code: "500", Message: "down", FailureType: activity.UserError}}
	}
	return activity.Result{Output: value.NewObject(value.Member{Name: "of", Value: c.Path})}
}

// take returns the calls since the last time, sorted.
func (l *callLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.calls)
	out := strings.Join(l.calls, " ")
	l.calls = nil
	return out
}

func newRerunWorld(t *testing.T, pipelines ...string) (*world, *callLog) {
	w := newFamily(t, enginetest.NewMemory(nil), pipelines...)
	w.options.Sealer = xor{}
	l := &callLog{fails: map[string]bool{}}
	w.register("WebActivity", l.execute)
	w.start()
	return w, l
}

func (w *world) rerun(of string, x run.Restart) string {
	w.t.Helper()
	id := w.create("p", nil, engine.RunOptions{Recovery: &engine.Recovery{Run: of, Restart: x}})
	w.wait(id)
	return id
}

// group is the group of a run and whether it is the latest, as the record tells.
func (w *world) group(id string) string {
	w.t.Helper()
	p, err := w.engine.PipelineRun(id)
	if err != nil {
		w.t.Fatal(err)
	}
	latest, _ := p.JSON().Get("isLatest")
	listed, _, err := w.engine.Query(engine.Query{Factory: "f", Where: func(q *engine.PipelineRun) bool { return q.RunID == id }})
	if err != nil || len(listed) != 1 || listed[0].GroupID != p.GroupID || listed[0].Superseded != p.Superseded {
		w.t.Errorf("run %s is listed as %+v, %v", id, listed, err)
	}
	return fmt.Sprint(p.GroupID, " ", latest)
}

// TestRerunReuses: what a rerun does again, and that expressions see the outputs of what it
// does not, also when the first run has left the history [ENGINE 3.6].
func TestRerunReuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", strings.Join([]string{
			web("A", "@pipeline().parameters.n"), web("B", "@activity('A').output.of", "A"),
			web("C", "@concat(activity('A').output.of, activity('B').output.of)", "B"), web("X", "x")}, ","),
			`"parameters":{"n":{"type":"String"}}`))
		defer w.engine.Stop(0)
		l.fails["B"] = true
		first := w.create("p", value.NewObject(value.Member{Name: "n", Value: "7"}), engine.RunOptions{})
		if s := w.wait(first); s != run.Failed {
			t.Fatal(s)
		}
		l.take()
		l.fails["B"] = false
		if got := w.group(first); got != first+" true" {
			t.Errorf("group of the first: %s", got)
		}

		second := w.rerun(first, run.Restart{FromFailure: true})
		if got := l.take(); got != "B=A C=AB" {
			t.Errorf("from the failure: calls %s", got)
		}
		if got := w.activities(second); got != "A:Skipped X:Skipped B:Succeeded C:Succeeded" {
			t.Errorf("activities %s", got)
		}
		if got := w.status(second); got != run.Succeeded {
			t.Errorf("status %s, %s", got, w.message(second))
		}
		if got := w.group(first) + ", " + w.group(second); got != first+" false, "+first+" true" {
			t.Errorf("groups %s", got)
		}

		// A rerun of the rerun has what that one had; the first run is gone.
		if err := w.engine.DeleteRuns(t.Context(), []string{first}); err != nil {
			t.Fatal(err)
		}
		third := w.rerun(second, run.Restart{From: "C"})
		if got := l.take(); got != "C=AB" {
			t.Errorf("from C: calls %s", got)
		}
		if got := w.group(third); got != first+" true" {
			t.Errorf("group of the third: %s", got)
		}
		w.rerun(third, run.Restart{From: "b"})
		if got := l.take(); got != "B=A C=AB" {
			t.Errorf("from b: calls %s", got)
		}
		w.rerun(third, run.Restart{})
		if got := l.take(); !strings.Contains(got, "A=7") || !strings.Contains(got, "C=AB") || !strings.Contains(got, "X=x") {
			t.Errorf("from the start: calls %s", got)
		}
	})
}

// TestRerunContainers: a loop goes through its items, an If decides, an Until loops, and what
// had succeeded inside of the first two is not done again, but from an activity on all is.
func TestRerunContainers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", `{"name":"Loop","type":"ForEach","typeProperties":{"isSequential":true,"items":"@createArray('a','b')","activities":[`+web("In", "@item()")+`]}},
			{"name":"If","type":"IfCondition","typeProperties":{"expression":"@bool(1)","ifTrueActivities":[`+web("Yes", "y")+`]}},
			{"name":"Until","type":"Until","dependsOn":[{"activity":"If","dependencyConditions":["Succeeded"]}],"typeProperties":{"expression":"@equals(activity('Poll').output.of,'Until#1/Poll')","activities":[`+web("Poll", "p")+`]}},
			{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"v","value":"set"}},`+
			web("Last", "@variables('v')", "Until", "Set"), `"variables":{"v":{"type":"String"}}`))
		defer w.engine.Stop(0)
		l.fails["Loop[1]/In"] = true
		first := w.create("p", nil, engine.RunOptions{})
		w.wait(first)
		l.take()
		l.fails["Loop[1]/In"] = false
		second := w.rerun(first, run.Restart{FromFailure: true})
		if got := l.take(); got != "Loop[1]/In=b Until#1/Poll=p" {
			t.Errorf("from the failure: calls %s; %s", got, w.message(second))
		}
		if got := w.status(second); got != run.Succeeded {
			t.Errorf("status %s, %s", got, w.message(second))
		}
		w.rerun(first, run.Restart{From: "Loop"})
		if got := l.take(); got != "Loop[0]/In=a Loop[1]/In=b Until#1/Poll=p" {
			t.Errorf("from the loop: calls %s", got)
		}
	})
}

// TestRerunFailedHandled: an activity that failed before the start counts as failed, so its
// handler runs.
func TestRerunFailedHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", web("A", "a")+`,`+strings.Replace(web("H", "@activity('A').error.message", "A"), `["Succeeded"]`, `["Failed"]`, 1)))
		defer w.engine.Stop(0)
		l.fails["A"] = true
		first := w.create("p", nil, engine.RunOptions{})
		w.wait(first)
		l.take()
		second := w.rerun(first, run.Restart{From: "H"})
		if got := l.take(); got != "H=down" || w.status(second) != run.Succeeded {
			t.Errorf("calls %s, status %s", got, w.status(second))
		}
	})
}

// TestRerunOfChildren: an ExecutePipeline starts its pipeline again, and that run is a rerun
// of the one before.
func TestRerunOfChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", callOf("Call", "c", true)), pipelineJSON("c", web("One", "1")+","+web("Two", "2", "One")))
		defer w.engine.Stop(0)
		l.fails["Two"] = true
		first := w.create("p", nil, engine.RunOptions{})
		w.wait(first)
		l.take()
		l.fails["Two"] = false
		second := w.rerun(first, run.Restart{FromFailure: true})
		if got := l.take(); got != "Two=2" || w.status(second) != run.Succeeded {
			t.Errorf("calls %s, status %s, %s", got, w.status(second), w.message(second))
		}
		a, b := w.children(first)[0], w.children(second)[0]
		if b.GroupID != a.RunID || b.Superseded || !a.Superseded {
			t.Errorf("the children are of the groups %s and %s", a.GroupID, b.GroupID)
		}
		w.rerun(first, run.Restart{From: "Call"})
		if got := l.take(); got != "One=1 Two=2" {
			t.Errorf("from the call: calls %s", got)
		}
	})
}

// TestRerunDefinition: a rerun follows the pipeline as it is now, or as it was.
func TestRerunDefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", web("A", "old")))
		defer w.engine.Stop(0)
		first := w.create("p", nil, engine.RunOptions{})
		w.wait(first)
		other := newWorld(t, w.memory, pipelineJSON("p", web("A", "new")))
		w.factory.PutPipeline(other.factory.Pipeline("p"))
		l.take()
		w.rerun(first, run.Restart{})
		if got := l.take(); got != "A=new" {
			t.Errorf("as it is: %s", got)
		}
		w.wait(w.create("p", nil, engine.RunOptions{Recovery: &engine.Recovery{Run: first, AsItWas: true}}))
		if got := l.take(); got != "A=old" {
			t.Errorf("as it was: %s", got)
		}
	})
}

// TestRerunQueues: a rerun waits for a slot of its pipeline, over a restart too.
func TestRerunQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", web("A", "a")+`,`+waitMinute, `"concurrency":1`))
		first := w.create("p", nil, engine.RunOptions{})
		w.wait(first)
		busy := w.create("p", nil, engine.RunOptions{})
		again := w.create("p", nil, engine.RunOptions{Recovery: &engine.Recovery{Run: first, Restart: run.Restart{FromFailure: true}}})
		synctest.Wait()
		l.take()
		if got := w.status(again); got != run.Queued {
			t.Errorf("beside another run the rerun is %s", got)
		}
		w.engine.Stop(0)
		w.start()
		defer w.engine.Stop(0)
		if got := w.status(again); got != run.Queued {
			t.Errorf("after a restart the rerun is %s", got)
		}
		w.wait(busy)
		w.wait(again)
		if got := l.take(); got != "" || w.status(again) != run.Succeeded {
			t.Errorf("calls %s, status %s", got, w.status(again))
		}
	})
}

// TestRerunRefused: what can't be rerun is refused, with the reason.
func TestRerunRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newRerunWorld(t, pipelineJSON("p", `{"name":"If","type":"IfCondition","typeProperties":{"expression":"@bool(1)","ifTrueActivities":[`+web("In", "y")+`]}},`+waitMinute),
			pipelineJSON("q", webA))
		defer w.engine.Stop(0)
		ended := w.create("p", nil, engine.RunOptions{})
		w.wait(ended)
		active := w.create("p", nil, engine.RunOptions{})
		for _, c := range []struct {
			pipeline string
			x        engine.Recovery
			want     string
			is       error
		}{
			{"p", engine.Recovery{Run: active}, "it has not ended", engine.ErrNotRecoverable},
			{"q", engine.Recovery{Run: ended}, "it is of the pipeline 'p', not of 'q'", engine.ErrNotRecoverable},
			{"p", engine.Recovery{Run: "nowhere"}, "", engine.ErrRunNotFound},
			{"p", engine.Recovery{Run: ended, Restart: run.Restart{From: "In"}}, "stands inside of another one", engine.ErrNotRecoverable},
			{"p", engine.Recovery{Run: ended, Restart: run.Restart{From: "Nope"}}, "has no activity 'Nope'", engine.ErrNotRecoverable},
		} {
			_, err := w.engine.CreateRun(t.Context(), w.factory, c.pipeline, nil, engine.RunOptions{Recovery: &c.x})
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: %v, want %q", c.x, err, c.want)
			}
		}
	})
}

// TestRerunMasks: a secret that an attempt was given is masked in what a rerun shows, and
// what is declared secure is left out.
func TestRerunMasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, l := newRerunWorld(t, pipelineJSON("p", web("A", "@pipeline().parameters.key")+`,{"name":"S","type":"SetVariable","dependsOn":[{"activity":"A","dependencyConditions":["Succeeded"]}],"typeProperties":{"variableName":"v","value":"@activity('A').output.token"}},`+web("B", "b", "S"),
			`"parameters":{"key":{"type":"SecureString"}},"variables":{"v":{"type":"String"}}`))
		defer w.engine.Stop(0)
		w.register("WebActivity", func(ctx context.Context, c *activity.Call) activity.Result {
			r := l.execute(ctx, c)
			if c.Path == "A" {
				r.Output = value.NewObject(value.Member{Name: "token", Value: "of swordfish"})
			}
			return r
		})
		l.fails["B"] = true
		first := w.create("p", value.NewObject(value.Member{Name: "key", Value: "swordfish"}), engine.RunOptions{})
		w.wait(first)
		second := w.rerun(first, run.Restart{FromFailure: true})
		as, err := activityRuns(w.engine, second)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			if shown := string(value.Append(nil, a.JSON())); strings.Contains(shown, "swordfish") {
				t.Errorf("%s shows the secret: %s", a.Name, shown)
			}
		}
		if len(as) != 3 || as[0].Status != run.Skipped {
			t.Errorf("activities %s", w.activities(second))
		}
	})
}

// TestRerunCrash: a process that dies after any unit of a rerun leaves one that ends as it
// would have, and does again nothing of what is reused, large outputs included.
func TestRerunCrash(t *testing.T) { withSnapshots(t, testRerunCrash) }

func testRerunCrash(t *testing.T) {
	large := strings.Repeat("large ", 2000)
	world := func(t *testing.T, r *enginetest.Recorder) (*world, *callLog) {
		w := newWorld(t, r.Memory, pipelineJSON("p", web("A", "a")+","+
			web("B", "@string(length(activity('A').output.of))", "A")+","+web("C", "@activity('A').output.of", "B")))
		w.options.Sealer = xor{}
		l := &callLog{fails: map[string]bool{}}
		w.register("WebActivity", func(ctx context.Context, c *activity.Call) activity.Result {
			res := l.execute(ctx, c)
			if c.Path == "A" {
				res.Output = value.NewObject(value.Member{Name: "of", Value: large})
			}
			return res
		})
		w.start()
		return w, l
	}
	first, before := enginetest.NewRecorder(), 0
	synctest.Test(t, func(t *testing.T) {
		w, l := world(t, first)
		l.fails["B"] = true
		w.wait(w.create("p", nil, engine.RunOptions{ID: "one"}))
		l.fails["B"] = false
		before = first.Units()
		w.wait(w.create("p", nil, engine.RunOptions{ID: "two", Recovery: &engine.Recovery{Run: "one", Restart: run.Restart{FromFailure: true}}}))
		w.engine.Stop(0)
	})
	if first.Units() < before+3 {
		t.Fatalf("%d units of the rerun, want enough to crash between", first.Units()-before)
	}
	for n := before + 1; n <= first.Units(); n++ {
		t.Run(fmt.Sprint(n-before), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, l := world(t, first.After(n))
				defer w.engine.Stop(0)
				if w.status("two") != run.Succeeded {
					w.wait("two")
				}
				if got := w.status("two"); got != run.Succeeded {
					t.Errorf("status %s, %s", got, w.message("two"))
				}
				if got := l.take(); strings.Contains(got, "A=") {
					t.Errorf("what is reused was done again: %s", got)
				}
				if got := w.activities("two"); got != "A:Skipped B:Succeeded C:Succeeded" {
					t.Errorf("activities %s", got)
				}
				if got := w.group("one") + ", " + w.group("two"); got != "one false, one true" {
					t.Errorf("groups %s", got)
				}
			})
		})
	}
}

// TestRerunSettled: a rerun is told which messages the runs before have settled: those that
// activities settled, and all of them if the run succeeded.
func TestRerunSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settle := `{"name":"S","type":"ServiceBusSettle","linkedServiceName":{"referenceName":"bus","type":"LinkedServiceReference"},"typeProperties":{"sequenceNumber":7,"outcome":"Complete"}}`
		list := make([]string, 0, 200) // so long that only the history has it
		for i := range cap(list) {
			list = append(list, fmt.Sprintf(`{"sequenceNumber":%d,"outcome":"Complete"}`, 100+i))
		}
		send := `{"name":"Send","type":"ServiceBusSend","linkedServiceName":{"referenceName":"bus","type":"LinkedServiceReference"},"typeProperties":{"queueName":"q","body":"x","settle":[` + strings.Join(list, ",") + `]}}`
		w, l := newRerunWorld(t, pipelineJSON("p", settle+","+web("A", "a")), pipelineJSON("many", send+","+web("A", "a")))
		w.engine.Stop(0)
		w.options.LinkedService = linkedServices
		w.options.Finish = func(json.RawMessage, string, engine.Outcome) (commit.Effect, error) { return nil, nil }
		var mu sync.Mutex
		var told []string
		w.register("ServiceBusSettle", func(_ context.Context, c *activity.Call) activity.Result {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(len(c.Binding) > 0, c.Rerun, c.Settled))
			return activity.Result{Output: value.NewObject(value.Member{Name: "sequenceNumber", Value: int64(7)})}
		})
		w.start()
		defer w.engine.Stop(0)
		outputs := parseObject(t, `{"body":{"messages":[{"messageId":"a","sequenceNumber":7,"lockToken":"AB"},{"messageId":"b","sequenceNumber":8,"lockToken":"CD"}]}}`)
		for _, c := range []struct {
			fails bool
			want  string
		}{{true, "[true false [] false true [7]]"}, {false, "[true false [] false true [7 ab 7 cd 8]]"}} {
			l.fails["A"], told = c.fails, nil
			first := w.create("p", nil, engine.RunOptions{Binding: json.RawMessage(`"b"`),
				Trigger: &run.TriggerInfo{ID: "t", Name: "T", Type: "ServiceBusTrigger", Outputs: outputs}})
			w.wait(first)
			w.rerun(first, run.Restart{})
			if got := fmt.Sprint(told); got != c.want {
				t.Errorf("told %s, want %s", got, c.want)
			}
		}
		var settled []string
		w.register("ServiceBusSend", func(_ context.Context, c *activity.Call) activity.Result {
			mu.Lock()
			defer mu.Unlock()
			settled = c.Settled
			return activity.Result{Output: value.NewObject()}
		})
		l.fails["A"] = true
		first := w.create("many", nil, engine.RunOptions{Binding: json.RawMessage(`"b"`)})
		w.wait(first)
		w.wait(w.create("many", nil, engine.RunOptions{Recovery: &engine.Recovery{Run: first}}))
		if len(settled) != 200 || !slices.Contains(settled, "299") {
			t.Errorf("told of %d messages that a send settled, want 200", len(settled))
		}
	})
}

func parseObject(t *testing.T, text string) *value.Object {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v.(*value.Object)
}
