package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// world is an engine with a history and executors that tests fill in.
type world struct {
	t        testing.TB
	memory   *enginetest.Memory
	registry *activity.Registry
	options  engine.Options
	engine   *engine.Engine
	factory  *pipeline.Factory
}

func newWorld(t testing.TB, memory *enginetest.Memory, pipelines ...string) *world {
	t.Helper()
	w := &world{t: t, memory: memory, registry: activity.NewRegistry(), factory: &pipeline.Factory{Name: "f", GlobalParameters: &value.Object{}}}
	for _, p := range pipelines {
		def, diags := pipeline.ParsePipeline("test.json", []byte(p))
		if err := diags.Err(); err != nil {
			t.Fatalf("pipeline %s: %v", p, err)
		}
		w.factory.PutPipeline(def)
	}
	w.options = engine.Options{History: memory, Log: memory, Clock: clock.Wall{}, Registry: w.registry, SnapshotEvery: snapshotEvery}
	return w
}

// snapshotEvery is that option of the worlds that are made.
var snapshotEvery int

// withSnapshots runs a test without snapshots, and with one after every turn.
func withSnapshots(t *testing.T, f func(t *testing.T)) {
	for name, every := range map[string]int{"without snapshots": -1, "with snapshots": 1} {
		t.Run(name, func(t *testing.T) {
			snapshotEvery = every
			defer func() { snapshotEvery = 0 }()
			f(t)
		})
	}
}

func (w *world) start() {
	w.t.Helper()
	e, err := engine.New(w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := e.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.engine = e
}

func (w *world) register(typ string, f func(ctx context.Context, c *activity.Call) activity.Result) {
	w.registry.Register(typ, activity.Executor(f))
}

func (w *world) create(name string, params *value.Object, o engine.RunOptions) string {
	w.t.Helper()
	id, err := w.engine.CreateRun(context.Background(), w.factory, name, params, o)
	if err != nil {
		w.t.Fatalf("create run of %s: %v", name, err)
	}
	return id
}

func (w *world) wait(id string) run.Status {
	w.t.Helper()
	s, err := w.engine.Wait(context.Background(), id)
	if err != nil {
		w.t.Fatalf("wait: %v", err)
	}
	return s
}

func (w *world) message(id string) string {
	w.t.Helper()
	p, err := w.engine.PipelineRun(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Message
}

// activities lists the records as name:status.
func (w *world) activities(id string) string {
	w.t.Helper()
	as, err := activityRuns(w.engine, id)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, a := range as {
		out = append(out, fmt.Sprintf("%s:%s", a.Name, a.Status))
	}
	return strings.Join(out, " ")
}

func echo(_ context.Context, c *activity.Call) activity.Result {
	return activity.Result{Output: value.NewObject(value.Member{Name: "echo", Value: c.Input})}
}

// pipelineJSON is a pipeline of the given activities.
func pipelineJSON(name, activities string, more ...string) string {
	return fmt.Sprintf(`{"name":%q,"properties":{"activities":[%s]%s}}`, name, activities, strings.Join(append([]string{""}, more...), ","))
}

const webA = `{"name":"A","type":"WebActivity","typeProperties":{"url":"http://h/","method":"GET"}}`

func TestRunSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p",
			webA+`,{"name":"W","type":"Wait","dependsOn":[{"activity":"A","dependencyConditions":["Succeeded"]}],"typeProperties":{"waitTimeInSeconds":30}}`))
		w.register("WebActivity", echo)
		w.start()
		start := time.Now()
		id := w.create("P", nil, engine.RunOptions{})
		if got := w.wait(id); got != run.Succeeded {
			t.Errorf("status: got %s, want Succeeded; message %s", got, w.message(id))
		}
		if got := time.Since(start); got != 30*time.Second {
			t.Errorf("the run took %v, want 30s", got)
		}
		if got, want := w.activities(id), "A:Succeeded W:Succeeded"; got != want {
			t.Errorf("activities: got %s, want %s", got, want)
		}
		if n := w.engine.ActiveRuns("f", "p"); n != 0 {
			t.Errorf("active runs after the end: got %d, want 0", n)
		}
		w.engine.Stop(0)
	})
}

func TestRetryAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p",
			`{"name":"A","type":"WebActivity","policy":{"timeout":"0.00:01:00","retry":2,"retryIntervalInSeconds":45},"typeProperties":{"url":"http://h/","method":"GET"}}`))
		var attempts []int
		w.register("WebActivity", func(ctx context.Context, c *activity.Call) activity.Result {
			attempts = append(attempts, c.Attempt) // attempts of one activity follow each other
			switch c.Attempt {
			case 1:
				<-ctx.Done() // times out after a minute
				return activity.Result{Err: &activity.Error{Code: "never seen"}}
			case 2:
				return activity.Result{Err: &activity.Error{Code: "2108", Message: "no", FailureType: activity.UserError}}
			}
			return activity.Result{}
		})
		w.start()
		start := time.Now()
		id := w.create("p", nil, engine.RunOptions{})
		if got := w.wait(id); got != run.Succeeded {
			t.Errorf("status: got %s (%s), want Succeeded", got, w.message(id))
		}
		if got, want := time.Since(start), 60*time.Second+2*45*time.Second; got != want {
			t.Errorf("the run took %v, want %v", got, want)
		}
		if got, want := fmt.Sprint(attempts), "[1 2 3]"; got != want {
			t.Errorf("attempts: got %s, want %s", got, want)
		}
		as, _ := activityRuns(w.engine, id)
		var codes []string
		for _, a := range as {
			code, _ := a.JSON().Get("error")
			code, _ = code.(*value.Object).Get("errorCode")
			retry, _ := a.JSON().Get("retryAttempt")
			codes = append(codes, fmt.Sprintf("%v/%v", code, retry))
		}
		if got, want := strings.Join(codes, " "), "ActionTimedOut/<nil> 2108/1 /2"; got != want {
			t.Errorf("records: got %s, want %s", got, want)
		}
		w.engine.Stop(0)
	})
}

func TestUnsupportedActivityFailsByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", webA))
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		if got := w.wait(id); got != run.Failed || !strings.Contains(w.message(id), "'WebActivity' is not supported") {
			t.Errorf("got %s, %q, want Failed and the name of the type", got, w.message(id))
		}
		w.engine.Stop(0)
	})
}

func TestPanicOfExecutorIsFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", webA))
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result { panic("ouch") })
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		if got := w.wait(id); got != run.Failed {
			t.Errorf("status: got %s, want Failed", got)
		}
		w.engine.Stop(0)
	})
}

func TestCreateRunErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", webA, `"parameters":{"x":{"type":"String"}}`))
		ctx := context.Background()
		w.start()
		if _, err := w.engine.CreateRun(ctx, w.factory, "nope", nil, engine.RunOptions{}); !errors.Is(err, engine.ErrPipelineNotFound) {
			t.Errorf("unknown pipeline: got %v, want ErrPipelineNotFound", err)
		}
		if _, err := w.engine.CreateRun(ctx, w.factory, "p", nil, engine.RunOptions{}); err == nil || !strings.Contains(err.Error(), `"x"`) {
			t.Errorf("missing parameter: got %v, want an error that names it", err)
		}
		refuse := effect(func(*commit.Unit) (func(), error) { return nil, errors.New("lock lost") })
		args := value.NewObject(value.Member{Name: "x", Value: "1"})
		if _, err := w.engine.CreateRun(ctx, w.factory, "p", args, engine.RunOptions{ID: "r", Effect: refuse}); err == nil || !strings.Contains(err.Error(), "lock lost") {
			t.Errorf("refused effect: got %v, want its error", err)
		}
		if _, err := w.engine.PipelineRun("r"); !errors.Is(err, engine.ErrRunNotFound) {
			t.Errorf("run after a refused effect: got %v, want ErrRunNotFound", err)
		}
		w.engine.Stop(0)
		if _, err := w.engine.CreateRun(ctx, w.factory, "p", args, engine.RunOptions{}); !errors.Is(err, engine.ErrStopping) {
			t.Errorf("create run after Stop: got %v, want ErrStopping", err)
		}
	})
}

// linkedServices knows one, of a bus.
func linkedServices(_, name string) (*pipeline.LinkedService, error) {
	l, diags := pipeline.ParseLinkedService("bus.json", []byte(`{"name":"bus","properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"ns.servicebus.windows.net"}}}`))
	if err := diags.Err(); err != nil || name != "bus" {
		return nil, errors.Join(err, fmt.Errorf("linked service %q", name))
	}
	return l, nil
}

// effect makes a commit.Effect of a function.
type effect func(u *commit.Unit) (func(), error)

func (f effect) Stage(u *commit.Unit) (func(), error) { return f(u) }

func TestConcurrencyQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", webA, `"concurrency":1`))
		w.options.MaxQueuedRuns = 2
		var mu sync.Mutex
		var order []string
		release := make(chan struct{})
		w.register("WebActivity", func(ctx context.Context, c *activity.Call) activity.Result {
			mu.Lock()
			order = append(order, c.RunID)
			mu.Unlock()
			select {
			case <-release:
			case <-ctx.Done():
			}
			return activity.Result{}
		})
		w.start()
		for _, id := range []string{"r1", "r2", "r3"} {
			w.create("p", nil, engine.RunOptions{ID: id})
		}
		if _, err := w.engine.CreateRun(context.Background(), w.factory, "p", nil, engine.RunOptions{}); !errors.Is(err, engine.ErrTooManyQueuedRuns) {
			t.Errorf("fourth run: got %v, want ErrTooManyQueuedRuns", err)
		}
		if w.engine.CanStart("f", "p") {
			t.Error("CanStart with a full concurrency: got true")
		}
		if p, _ := w.engine.PipelineRun("r2"); p.Status != run.Queued {
			t.Errorf("r2: got %s, want Queued", p.Status)
		}
		synctest.Wait()
		w.engine.Stop(time.Second) // r1 stays in flight

		// The queue survives the restart, in its order; r3 is cancelled in it.
		w.start()
		if err := w.engine.Cancel("r3", false); err != nil {
			t.Fatal(err)
		}
		if got := w.wait("r3"); got != run.Cancelled {
			t.Errorf("r3: got %s, want Cancelled", got)
		}
		close(release)
		for _, id := range []string{"r1", "r2"} {
			if got := w.wait(id); got != run.Succeeded {
				t.Errorf("%s: got %s, want Succeeded", id, got)
			}
		}
		if got, want := fmt.Sprint(order), "[r1 r1 r2]"; got != want {
			t.Errorf("attempts: got %s, want %s", got, want)
		}
		w.engine.Stop(0)
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", webA+`,{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3000}}`))
		cancelled := make(chan struct{})
		w.register("WebActivity", func(ctx context.Context, _ *activity.Call) activity.Result {
			<-ctx.Done()
			close(cancelled)
			return activity.Result{}
		})
		var finished []engine.FinishedRun
		w.start()
		w.engine.OnFinished(func(f engine.FinishedRun) { finished = append(finished, f) })
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		if err := w.engine.Cancel(id, true); err != nil {
			t.Fatal(err)
		}
		<-cancelled
		if got := w.wait(id); got != run.Cancelled {
			t.Errorf("status: got %s, want Cancelled", got)
		}
		if got, want := w.activities(id), "A:Cancelled W:Cancelled"; got != want {
			t.Errorf("activities: got %s, want %s", got, want)
		}
		if err := w.engine.Cancel(id, false); !errors.Is(err, engine.ErrRunFinished) {
			t.Errorf("second cancel: got %v, want ErrRunFinished", err)
		}
		if err := w.engine.Cancel("nope", false); !errors.Is(err, engine.ErrRunNotFound) {
			t.Errorf("cancel of an unknown run: got %v, want ErrRunNotFound", err)
		}
		synctest.Wait()
		if len(finished) != 1 || finished[0].ID != id || finished[0].Status != run.Cancelled {
			t.Errorf("OnFinished: got %+v, want one Cancelled", finished)
		}
		w.engine.Stop(0)
	})
}

func TestStopResumesTheSameAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		w := newWorld(t, memory, pipelineJSON("p", webA+`,{"name":"B","type":"WebActivity","typeProperties":{"url":"http://b/","method":"GET"}},
			{"name":"C","type":"WebActivity","dependsOn":[{"activity":"B","dependencyConditions":["Succeeded"]}],"typeProperties":{"url":"http://c/","method":"GET"}}`))
		var mu sync.Mutex
		ids := map[string][]string{}
		stuck := true
		w.register("WebActivity", func(ctx context.Context, c *activity.Call) activity.Result {
			mu.Lock()
			ids[c.ActivityName] = append(ids[c.ActivityName], c.ActivityRunID)
			wait := stuck && c.ActivityName == "A"
			mu.Unlock()
			switch {
			case wait:
				<-ctx.Done()
				return activity.Result{Err: &activity.Error{Code: "x"}}
			case c.ActivityName == "B":
				time.Sleep(time.Second)
			}
			return activity.Result{}
		})
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		start := time.Now()
		w.engine.Stop(10 * time.Second) // B ends within the grace, A does not, C does not start
		if got := time.Since(start); got != 10*time.Second {
			t.Errorf("Stop took %v, want 10s", got)
		}
		if len(ids["C"]) != 0 {
			t.Error("C was started while the engine stopped")
		}
		stuck = false
		w.start()
		if got := w.wait(id); got != run.Succeeded {
			t.Errorf("status: got %s (%s), want Succeeded", got, w.message(id))
		}
		if a := ids["A"]; len(a) != 2 || a[0] != a[1] || a[0] == "" {
			t.Errorf("activity run ids of A: got %q, want the same twice", a)
		}
		if len(ids["B"]) != 1 || len(ids["C"]) != 1 {
			t.Errorf("B was made %d times and C %d times, want once", len(ids["B"]), len(ids["C"]))
		}
		w.engine.Stop(0)
	})
}

func TestEffectIsStagedWithTheSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type unit struct {
			effect bool
			events int
		}
		var units []unit
		memory := enginetest.NewMemory(func(u *commit.Unit) {
			x := unit{}
			for _, op := range u.Ops() {
				switch op.Key[0] {
				case 'e':
					x.events++
				case 'x':
					x.effect = true
				}
			}
			units = append(units, x)
		})
		w := newWorld(t, memory, pipelineJSON("p", webA))
		var held sync.Mutex // an entity's lock
		stage := effect(func(u *commit.Unit) (func(), error) {
			if !held.TryLock() {
				return nil, errors.New("two effects at once")
			}
			u.Set([]byte("x"), []byte("sent"))
			return held.Unlock, nil
		})
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			return activity.Result{Effect: stage, Output: value.NewObject(value.Member{Name: "m", Value: "1"})}
		})
		var settled []string
		w.options.Finish = func(b json.RawMessage, runID string, o engine.Outcome) (commit.Effect, error) {
			settled = append(settled, fmt.Sprintf("%s %s", b, o.Status))
			return stage, nil
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{Effect: stage, Binding: json.RawMessage(`"q"`)})
		if got := w.wait(id); got != run.Succeeded {
			t.Errorf("status: got %s (%s), want Succeeded", got, w.message(id))
		}
		if got, want := fmt.Sprint(units), "[{true 1} {false 1} {true 1} {true 1}]"; got != want {
			t.Errorf("units (effect, events): got %s, want %s", got, want)
		}
		if got, want := fmt.Sprint(settled), `["q" Succeeded]`; got != want {
			t.Errorf("Finish: got %s, want %s", got, want)
		}
		w.engine.Stop(0)
	})
}

func TestRefusedEffects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", webA))
		big := strings.Repeat("x", 10_000)
		refuse := effect(func(*commit.Unit) (func(), error) {
			return nil, &activity.Error{Code: activity.CodeBusRefused, Message: "queue is full", FailureType: activity.UserError}
		})
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			return activity.Result{Effect: refuse, Output: value.NewObject(value.Member{Name: "m", Value: big})}
		})
		w.options.Finish = func(b json.RawMessage, runID string, o engine.Outcome) (commit.Effect, error) {
			if o.Status != run.Failed || o.FailedActivity != "A" || o.Error == nil || o.Error.Code != activity.CodeBusRefused {
				t.Errorf("outcome: got %+v, want the failure of A", o)
			}
			return refuse, nil
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{Binding: json.RawMessage(`1`)})
		if got, want := w.wait(id), run.Failed; got != want {
			t.Errorf("status: got %s, want %s", got, want)
		}
		if got, want := w.message(id), "Operation on target A failed: queue is full"; got != want {
			t.Errorf("message: got %q, want %q", got, want)
		}
		w.engine.Stop(0)
	})
}

// TestEndWaitsForReads: a run whose messages can't be read at the moment does not end
// without them; one that is stopped meanwhile ends after the next start.
func TestEndWaitsForReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		w := newWorld(t, memory, pipelineJSON("p", webA))
		var released atomic.Int64
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			return activity.Result{Release: func() { released.Add(1) }}
		})
		failing, settled := 3, 0
		w.options.Finish = func(json.RawMessage, string, engine.Outcome) (commit.Effect, error) {
			return effect(func(*commit.Unit) (func(), error) {
				if failing--; failing >= 0 {
					return nil, fmt.Errorf("queue: %w", commit.ErrUnread)
				}
				settled++
				return func() {}, nil
			}), nil
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{Binding: json.RawMessage(`1`)})
		if got := w.wait(id); got != run.Succeeded || settled != 1 {
			t.Errorf("status %s after %d settlements, want Succeeded after one", got, settled)
		}
		failing = 1 << 30
		id = w.create("p", nil, engine.RunOptions{Binding: json.RawMessage(`1`)})
		time.Sleep(time.Minute)
		if n := released.Load(); n != 2 {
			t.Errorf("%d of 2 activities have given back what they hold while the run waits", n)
		}
		w.engine.Stop(0)
		failing = 0
		w.start()
		if got := w.wait(id); got != run.Succeeded || settled != 2 {
			t.Errorf("after the next start: status %s, %d settlements, want Succeeded and two", got, settled)
		}
		w.engine.Stop(0)
	})
}

// TestEndThatIsNotWrittenIsNoEnd: a run that is stopped while its messages can't be read
// has not ended for anybody, and leaves the attempt before it as it is.
func TestEndThatIsNotWrittenIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := attempts(t, enginetest.NewRecorder())
		failing, settled, told := false, "", ""
		w.options.Finish = func(_ json.RawMessage, id string, _ engine.Outcome) (commit.Effect, error) {
			return effect(func(*commit.Unit) (func(), error) {
				if failing {
					return nil, fmt.Errorf("queue: %w", commit.ErrUnread)
				}
				settled += id + " "
				return func() {}, nil
			}), nil
		}
		create := func(id string) {
			w.create("p", value.NewObject(value.Member{Name: "p", Value: "bad"}),
				engine.RunOptions{ID: id, Cause: engine.Hash{1}, Binding: json.RawMessage(`1`)})
		}
		w.start()
		w.engine.OnFinished(func(f engine.FinishedRun) { told += f.ID + " " })
		create("a")
		w.wait("a")
		failing = true
		create("b")
		time.Sleep(time.Minute)
		w.engine.Stop(0)
		if told != "a " || settled != "a " {
			t.Errorf("told of the ends of %q, settled %q, want those of a alone", told, settled)
		}
		if s, err := w.engine.Wait(t.Context(), "b"); s.Final() || !errors.Is(err, engine.ErrStopping) {
			t.Errorf("wait for b: %s, %v, want ErrStopping", s, err)
		}
		if got := w.kept("a", "b"); got != "a b " {
			t.Errorf("%q have their activities, want both", got)
		}
		failing = false
		w.start()
		if got := w.wait("b"); got != run.Failed || settled != "a b " {
			t.Errorf("after the next start: %s, settled %q", got, settled)
		}
		synctest.Wait()
		if got := w.kept("a", "b"); got != "b " {
			t.Errorf("%q have their activities, want b", got)
		}
		w.left()
		w.engine.Stop(0)
	})
}

// TestCancelledInTheQueueThenKilled: a queued run that is cancelled ends after a kill at
// any point, without a slot.
func TestCancelledInTheQueueThenKilled(t *testing.T) {
	withSnapshots(t, testCancelledInTheQueueThenKilled)
}

func testCancelledInTheQueueThenKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`, `"concurrency":1`)
		world := func(r *enginetest.Recorder) *world {
			w := newWorld(t, r.Memory, p)
			w.options.Finish = func(json.RawMessage, string, engine.Outcome) (commit.Effect, error) { return put("x end", nil), nil }
			w.start()
			return w
		}
		first := enginetest.NewRecorder()
		w := world(first)
		w.create("p", nil, engine.RunOptions{ID: "a"})
		w.create("p", nil, engine.RunOptions{ID: "b", Binding: json.RawMessage(`1`)})
		synctest.Wait()
		if err := w.engine.Cancel("b", true); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.engine.Stop(0)
		killed := 0
		for n := 1; n <= first.Units(); n++ {
			r := first.After(n)
			if _, err := r.CancelRequest("b"); err != nil {
				continue
			}
			killed++
			again := world(r)
			synctest.Wait()
			p, err := again.engine.PipelineRun("b")
			if err != nil || p.Status != run.Cancelled {
				t.Errorf("killed after %d units: %+v, %v, want it cancelled", n, p, err)
			}
			again.engine.Stop(0)
		}
		if killed < 2 {
			t.Errorf("%d kills after the request", killed)
		}
	})
}

// activityRuns returns the records of a run's activities with all that they show.
func activityRuns(e *engine.Engine, id string) ([]*engine.ActivityRun, error) {
	list, err := e.ActivityRuns(id)
	for i := range list {
		if list[i], err = list[i].Whole(); err != nil {
			return nil, err
		}
	}
	return list, err
}
