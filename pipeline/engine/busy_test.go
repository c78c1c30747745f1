package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// busy is a sealer that keeps a run's owner busy when it decides to write a text
// that only an evaluation makes.
type busy struct {
	xor
	done chan struct{}
}

func (b busy) Seal(p []byte) []byte {
	if bytes.Contains(p, []byte("slowly done")) {
		<-b.done
	}
	return b.xor.Seal(p)
}

// busyPipeline decides, after a second, what keeps its owner busy, before it waits for
// an hour. The first decisions are those of who creates the run; they end by the clock,
// which stands still while something computes in a bubble.
const busyPipeline = `{"name":"p","properties":{"concurrency":1,"variables":{"v":{"type":"String"}},"activities":[
	{"name":"Pre","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
	{"name":"Set","type":"SetVariable","dependsOn":[{"activity":"Pre","dependencyConditions":["Succeeded"]}],"policy":{"secureInput":true},"typeProperties":{"variableName":"v","value":"@concat('slowly',' done')"}},
	{"name":"W","type":"Wait","dependsOn":[{"activity":"Set","dependencyConditions":["Succeeded"]}],"typeProperties":{"waitTimeInSeconds":3600}}]}}`

// logged keeps what an engine logs.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newBusyWorld(t *testing.T, memory *enginetest.Memory) (*world, busy, *logged) {
	w := newWorld(t, memory, busyPipeline)
	b := busy{done: make(chan struct{})}
	log := &logged{}
	w.options.Sealer = b
	w.options.Logger = slog.New(slog.NewTextHandler(log, nil))
	w.start()
	return w, b, log
}

func (w *world) status(id string) run.Status {
	w.t.Helper()
	p, err := w.engine.PipelineRun(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Status
}

// Nobody waits for an owner that is busy: not who creates the run, lists it, looks
// at its activities, cancels it or stops the engine.
func TestNobodyWaitsForABusyOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		w, b, log := newBusyWorld(t, memory)
		start := time.Now()
		id := w.create("p", nil, engine.RunOptions{})
		if d := time.Since(start); d > 10*time.Millisecond {
			t.Errorf("CreateRun answered after %v, want it at once", d)
		}
		time.Sleep(2 * time.Second) // now its owner is busy
		runs, _, err := w.engine.Query(engine.Query{Factory: "f"})
		if err != nil || len(runs) != 1 || runs[0].RunID != id || runs[0].Status != run.InProgress {
			t.Errorf("the list has %v, %v, want the run in progress", runs, err)
		}
		if got := w.activities(id); got != "Pre:InProgress" {
			t.Errorf("activities: got %s, want what is durable, Pre:InProgress", got)
		}
		for range 2 {
			if err := w.engine.Cancel(id, true); err != nil {
				t.Errorf("cancel: %v", err)
			}
		}
		start = time.Now()
		w.engine.Stop(10 * time.Second)
		if d := time.Since(start); d < 10*time.Second || d > 20*time.Second {
			t.Errorf("Stop took %v, want the grace and some seconds", d)
		}
		if got := log.String(); !strings.Contains(got, "does not stop") || !strings.Contains(got, id) {
			t.Errorf("the log has %q, want the run by name", got)
		}
		close(b.done)
		synctest.Wait()
		if n := countEvents(t, memory, id); n != 2 {
			t.Errorf("the history has %d events, want none that was written after Stop", n)
		}

		// The next start knows what was asked for and decides nothing else first.
		again := newWorld(t, memory, busyPipeline)
		again.options.Sealer = busy{done: make(chan struct{})}
		again.start()
		if got := again.wait(id); got != run.Cancelled {
			t.Errorf("after the restart: got %s, want Cancelled", got)
		}
		if err := again.engine.Cancel(id, false); !errors.Is(err, engine.ErrRunFinished) {
			t.Errorf("cancel of a run that has ended: got %v, want ErrRunFinished", err)
		}
		again.engine.Stop(0)
	})
}

func countEvents(t *testing.T, h engine.History, id string) (n int) {
	t.Helper()
	if err := h.Events(id, 0, func(uint64, []byte) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// A run that was cancelled while its owner was busy gives its slot to the next as
// soon as the owner hears of it, and the queued run can be cancelled in the meantime.
func TestCancelBusyRunFreesItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b, _ := newBusyWorld(t, enginetest.NewMemory(nil))
		first := w.create("p", nil, engine.RunOptions{})
		second := w.create("p", nil, engine.RunOptions{})
		third := w.create("p", nil, engine.RunOptions{})
		time.Sleep(2 * time.Second) // now the first one's owner is busy
		if got := w.status(second); got != run.Queued {
			t.Errorf("second run: got %s, want Queued", got)
		}
		if err := w.engine.Cancel(second, true); err != nil {
			t.Error(err)
		}
		if got := w.wait(second); got != run.Cancelled {
			t.Errorf("second run: got %s, want Cancelled", got)
		}
		if err := w.engine.Cancel(first, true); err != nil {
			t.Error(err)
		}
		close(b.done)
		if got := w.wait(first); got != run.Cancelled {
			t.Errorf("first run: got %s, want Cancelled", got)
		}
		synctest.Wait()
		if got := w.status(third); got != run.InProgress {
			t.Errorf("third run: got %s, want InProgress", got)
		}
		w.engine.Stop(0)
	})
}

// An executor that ignores its context doesn't keep the engine from stopping.
func TestStopLeavesADeafExecutor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", webA))
		done := make(chan struct{})
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			<-done
			return activity.Result{}
		})
		log := &logged{}
		w.options.Logger = slog.New(slog.NewTextHandler(log, nil))
		w.start()
		w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		start := time.Now()
		w.engine.Stop(time.Second)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("Stop took %v, want the grace and some seconds", d)
		}
		if got := log.String(); !strings.Contains(got, "activity=A") || !strings.Contains(got, "WebActivity") {
			t.Errorf("the log has %q, want the activity by name", got)
		}
		close(done)
	})
}

// After every unit of a run that is cancelled the next process knows as much: with
// the request on disk it ends the run before it does anything else.
func TestCrashAroundCancel(t *testing.T) { withSnapshots(t, testCrashAroundCancel) }

func testCrashAroundCancel(t *testing.T) {
	const p = `{"name":"p","properties":{"activities":[{"name":"A","type":"WebActivity","typeProperties":{"url":"http://h/","method":"GET"}}]}}`
	first := enginetest.NewRecorder()
	var calls int
	newCancelWorld := func(t *testing.T, m *enginetest.Memory) *world {
		w := newWorld(t, m, p)
		w.register("WebActivity", func(ctx context.Context, _ *activity.Call) activity.Result {
			calls++
			<-ctx.Done()
			return activity.Result{}
		})
		w.start()
		return w
	}
	var requested int
	synctest.Test(t, func(t *testing.T) {
		w := newCancelWorld(t, first.Memory)
		id := w.create("p", nil, engine.RunOptions{ID: "run"})
		synctest.Wait()
		requested = first.Units() + 1
		if err := w.engine.Cancel(id, true); err != nil {
			t.Fatal(err)
		}
		if got := w.wait(id); got != run.Cancelled {
			t.Fatalf("got %s, want Cancelled", got)
		}
		w.engine.Stop(0)
	})
	if first.Units() <= requested {
		t.Fatalf("%d units, want some after the request", first.Units())
	}
	for n := 1; n < first.Units(); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls = 0
				w := newCancelWorld(t, first.After(n).Memory)
				synctest.Wait()
				got, want := w.status("run"), run.InProgress
				if n >= requested {
					want = run.Cancelled
				}
				if got != want || want == run.Cancelled && calls > 0 {
					t.Errorf("after unit %d: got %s and %d calls, want %s", n, got, calls, want)
				}
				w.engine.Stop(0)
			})
		})
	}
}

// refusing is a log that takes nothing but what frees space.
type refusing struct {
	*enginetest.Memory
	mu   sync.Mutex
	full bool
}

func (r *refusing) Admit(ctx context.Context, n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full && n > 0 {
		return errors.New("disk full")
	}
	return ctx.Err()
}

// On a full disk a run can be cancelled, and ends, and the engine stops.
func TestCancelOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &refusing{Memory: enginetest.NewMemory(nil)}
		w := newWorld(t, log.Memory, pipelineJSON("p", webA))
		answer := make(chan struct{})
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			<-answer
			return activity.Result{}
		})
		w.options.Log = log
		w.start()
		cancelled := w.create("p", nil, engine.RunOptions{})
		waits := w.create("p", nil, engine.RunOptions{})
		log.mu.Lock()
		log.full = true
		log.mu.Unlock()
		close(answer) // both owners wait for the log now
		synctest.Wait()
		start := time.Now()
		if err := w.engine.Cancel(cancelled, true); err != nil {
			t.Error(err)
		}
		if got := w.wait(cancelled); got != run.Cancelled || time.Since(start) > 0 {
			t.Errorf("got %s after %v, want Cancelled at once", got, time.Since(start))
		}
		if got := w.activities(waits); got != "A:InProgress" {
			t.Errorf("activities of the run that waits: got %s, want A:InProgress", got)
		}
		w.engine.Stop(time.Second)
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("Stop took %v, want the grace", d)
		}
	})
}

// A run that can't be resumed holds no other, and can be cancelled.
func TestRunIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		p := `{"name":"p","properties":{"concurrency":1,"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}]}}`
		w := newWorld(t, memory, p)
		w.start()
		damaged := w.create("p", nil, engine.RunOptions{ID: "damaged", Binding: []byte(`"b"`)})
		queued := w.create("p", nil, engine.RunOptions{ID: "queued"})
		w.engine.Stop(0)
		u := new(commit.Unit)
		memory.AppendEvents(u, damaged, uint64(countEvents(t, memory, damaged)+1), [][]byte{[]byte("\xffnot an event")})
		memory.Apply(u)

		var settled []string
		w = newWorld(t, memory, p)
		w.options.Finish = func(b json.RawMessage, id string, o engine.Outcome) (commit.Effect, error) {
			settled = append(settled, fmt.Sprintf("%s %s %s", b, id, o.Status))
			return nil, nil
		}
		w.start()
		if got := w.engine.Aside(); len(got) != 1 || !strings.Contains(got[0], "run damaged of pipeline p in data factory f can't be resumed: ") {
			t.Errorf("set aside: %q, want the damaged run and why", got)
		}
		if _, err := w.engine.Wait(t.Context(), damaged); err == nil || !strings.Contains(err.Error(), "can't be resumed") {
			t.Errorf("wait for the damaged run: %v, want why it can't be resumed", err)
		}
		synctest.Wait()
		if got := w.status(queued); got != run.InProgress {
			t.Errorf("the queued run: got %s, want InProgress: who is set aside has no slot", got)
		}
		runs, _, err := w.engine.Query(engine.Query{Factory: "f"})
		if err != nil || len(runs) != 2 {
			t.Fatalf("the list has %d runs, %v, want both", len(runs), err)
		}
		i := slices.IndexFunc(runs, func(p *engine.PipelineRun) bool { return p.RunID == damaged })
		if got := runs[i]; got.Status != run.InProgress || !strings.Contains(got.Message, "can't be resumed") {
			t.Errorf("the damaged run: got %s, %q, want InProgress and why", got.Status, got.Message)
		}
		if err := w.engine.Cancel(damaged, true); err != nil {
			t.Fatal(err)
		}
		if got := w.wait(damaged); got != run.Cancelled || len(w.engine.Aside()) > 0 {
			t.Errorf("got %s and %v aside, want Cancelled and none", got, w.engine.Aside())
		}
		if got := fmt.Sprint(settled); got != `["b" damaged Cancelled]` {
			t.Errorf("settled: %s", got)
		}
		if got := w.engine.RunsOf("F"); fmt.Sprint(got) != "[queued]" {
			t.Errorf("runs that have not ended: %s", got)
		}
		if err := w.engine.Cancel(queued, true); err != nil {
			t.Error(err)
		}
		w.wait(queued)
		if err := w.engine.DeleteRunsOf(t.Context(), "f"); err != nil {
			t.Error(err)
		}
		if _, err := w.engine.PipelineRun(damaged); !errors.Is(err, engine.ErrRunNotFound) {
			t.Errorf("after the deletion: %v, want ErrRunNotFound", err)
		}
		w.engine.Stop(0)
	})
}

// A turn is written when it is large, not when nothing is left to decide.
func TestTurnIsBoundedByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newWorld(t, r.Memory, `{"name":"p","properties":{"parameters":{"big":{"type":"String"}},"variables":{"v":{"type":"String"}},"activities":[
			{"name":"Loop","type":"ForEach","typeProperties":{"isSequential":true,"items":"@range(1,40)","activities":[
				{"name":"S","type":"SetVariable","typeProperties":{"variableName":"v","value":"@concat(string(item()),pipeline().parameters.big)"}}]}}]}}`)
		w.start()
		id := w.create("p", value.NewObject(value.Member{Name: "big", Value: strings.Repeat("x", 1<<20)}), engine.RunOptions{})
		if got := w.wait(id); got != run.Succeeded {
			t.Fatalf("got %s (%s), want Succeeded", got, w.message(id))
		}
		for i := range r.Units() {
			n := 0
			for _, op := range r.Ops(i) {
				n += len(op.Value)
			}
			if n > 6<<20 {
				t.Errorf("unit %d has %d bytes, want 4 MiB and one event", i, n)
			}
		}
		w.engine.Stop(0)
	})
}

// What a run computes is ended by its cancellation, and by the engine's stop, after
// which the next engine computes it again.
func TestEvaluationIsInterrupted(t *testing.T) {
	const p = `{"name":"p","properties":{"activities":[{"name":"F","type":"Filter","typeProperties":{"items":"@range(1,100000)",
		"condition":"@contains(range(1,100000),add(item(),100000))"}}]}}`
	memory := enginetest.NewMemory(nil)
	w := newWorld(t, memory, p)
	w.start()
	cancelled, left := w.create("p", nil, engine.RunOptions{}), w.create("p", nil, engine.RunOptions{})
	if err := w.engine.Cancel(cancelled, true); err != nil {
		t.Error(err)
	}
	if got := w.wait(cancelled); got != run.Cancelled {
		t.Errorf("got %s (%s), want Cancelled", got, w.message(cancelled))
	}
	w.engine.Stop(time.Minute) // returns as soon as the evaluation has ended
	if n := countEvents(t, memory, left); n != 1 {
		t.Errorf("the run that was left has %d events, want its first", n)
	}
	w = newWorld(t, memory, p)
	w.start()
	if err := w.engine.Cancel(left, true); err != nil {
		t.Error(err)
	}
	if got := w.wait(left); got != run.Cancelled {
		t.Errorf("after the restart: got %s (%s), want Cancelled", got, w.message(left))
	}
	w.engine.Stop(0)
}

// broken is a sealer that panics about a text that only an evaluation makes.
type broken struct{ xor }

func (b broken) Seal(p []byte) []byte {
	if bytes.Contains(p, []byte("slowly done")) {
		panic("a mistake")
	}
	return b.xor.Seal(p)
}

// A mistake of ours in the decisions of one run stops that run and nothing else, now
// and at every start.
func TestPanicOfADecisionSetsTheRunAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		for start := range 2 {
			w := newWorld(t, memory, busyPipeline)
			w.options.Sealer = broken{}
			w.start()
			if start == 0 {
				w.create("p", nil, engine.RunOptions{ID: "run"})
			}
			time.Sleep(2 * time.Second)
			if got := w.engine.Aside(); len(got) != 1 || !strings.Contains(got[0], "run run of pipeline p") || !strings.Contains(got[0], "a mistake") {
				t.Errorf("start %d: set aside: %q", start, got)
			}
			if n := w.engine.ActiveRuns("f", "p"); n != 0 {
				t.Errorf("start %d: %d runs hold a slot, want none", start, n)
			}
			w.engine.Stop(0)
		}
		w := newWorld(t, memory, busyPipeline)
		w.options.Sealer = xor{}
		w.start()
		if err := w.engine.Cancel("run", true); err != nil {
			t.Error(err)
		}
		if got := w.wait("run"); got != run.Cancelled {
			t.Errorf("with the mistake mended: got %s, want Cancelled", got)
		}
		w.engine.Stop(0)
	})
}

// slowRequests takes a minute to write a request to cancel a run.
type slowRequests struct{ *enginetest.Memory }

func (h slowRequests) PutCancelRequest(u *commit.Unit, id string, at time.Time) {
	time.Sleep(time.Minute)
	h.Memory.PutCancelRequest(u, id, at)
}

// A mistake of ours about what an activity answers is that of its run: it is set aside,
// what was written before is whole, and other runs go on.
func TestPanicOfAnOutcomeSetsTheRunAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		for start := range 2 {
			web := `{"name":"A","type":"WebActivity","policy":{"secureOutput":true},"typeProperties":{"method":"GET","url":"http://x/"}}`
			w := newWorld(t, memory, pipelineJSON("p", web), pipelineJSON("q", web))
			w.options.Sealer = broken{}
			w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
				answer := "answer"
				if c.PipelineName == "p" {
					answer = "slowly done"
				}
				return activity.Result{Output: value.NewObject(value.Member{Name: "a", Value: answer})}
			})
			w.start()
			if start == 0 {
				w.create("p", nil, engine.RunOptions{ID: "run"})
			}
			time.Sleep(2 * time.Second)
			if got := w.engine.Aside(); len(got) != 1 || !strings.Contains(got[0], "run run of pipeline p") {
				t.Errorf("start %d: set aside: %q", start, got)
			}
			if got := w.wait(w.create("q", nil, engine.RunOptions{})); got != run.Succeeded {
				t.Errorf("another run ended %s", got)
			}
			w.engine.Stop(0)
		}
	})
}

// TestCancelWhileSetAside: a request that is answered ends the run, also if the run is
// set aside between the request and the answer.
func TestCancelWhileSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p",
			`{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":5}},`+
				set("S", "W", "Succeeded", "v", "@concat('slowly ','done')"), `"variables":{"v":{"type":"String"}}`,
			`"parameters":{"key":{"type":"SecureString","defaultValue":"k"}}`))
		w.options.History = slowRequests{w.memory}
		w.options.Sealer = broken{}
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		if err := w.engine.Cancel(id, true); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p, err := w.engine.PipelineRun(id); err != nil || p.Status != run.Cancelled {
			t.Errorf("the run that was cancelled is %+v, %v", p, err)
		}
		w.engine.Stop(0)
	})
}

// unopened is a sealer whose key does not fit.
type unopened struct{ xor }

func (unopened) Open([]byte) ([]byte, error) { return nil, errors.New("another key") }

// TestRequestedThenUnreadable: a run whose cancellation was answered before a kill ends
// at the next start, also if it can't be folded any more.
func TestRequestedThenUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`,
			`"parameters":{"key":{"type":"SecureString","defaultValue":"k"}}`)
		first := enginetest.NewRecorder()
		w := newWorld(t, first.Memory, p)
		w.options.Sealer = xor{}
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		if err := w.engine.Cancel(id, true); err != nil {
			t.Fatal(err)
		}
		w.wait(id)
		w.engine.Stop(0)
		for n := 1; n <= first.Units(); n++ {
			r := first.After(n)
			if _, err := r.CancelRequest(id); err != nil {
				continue
			}
			again := newWorld(t, r.Memory, p)
			again.options.Sealer = unopened{}
			again.start()
			synctest.Wait()
			if p, err := again.engine.PipelineRun(id); err != nil || p.Status != run.Cancelled {
				t.Errorf("killed after %d units: %+v, %v", n, p, err)
			}
			again.engine.Stop(0)
		}
	})
}
