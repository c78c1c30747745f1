package engine_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/value"
)

// A call that an Until has given up is no wait: the holder of the slot ends without it.
func TestGivenUpCallIsNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("a", `{"name":"Loop","type":"Until","typeProperties":{"expression":"@equals(1,2)","timeout":"0.00:00:02","activities":[`+callOf("Call", "b", true)+`]}},
				{"name":"After","type":"Wait","dependsOn":[{"activity":"Loop","dependencyConditions":["Failed"]}],"typeProperties":{"waitTimeInSeconds":60}}`, `"concurrency":1`),
			pipelineJSON("b", `{"name":"V","type":"Wait","typeProperties":{"waitTimeInSeconds":5}},`+strings.Replace(callOf("Call", "a", true), `"type"`, `"dependsOn":[{"activity":"V"}],"type"`, 1)))
		var current atomic.Pointer[pipeline.Factory]
		current.Store(w.factory)
		w.options.Factory = func(string) (*pipeline.Factory, error) { return current.Load(), nil }
		w.start()
		id := w.create("a", nil, engine.RunOptions{})
		time.Sleep(time.Second)
		b := w.children(id)[0].RunID
		// From now on a is another one: the definitions form no circle.
		p, ds := pipeline.ParsePipeline("a", []byte(pipelineJSON("a", waitMinute, `"concurrency":1`)))
		if err := ds.Err(); err != nil {
			t.Fatal(err)
		}
		f := w.factory.Clone()
		f.PutPipeline(p)
		current.Store(f)
		time.Sleep(9 * time.Second)
		if s := w.failure(b, "Call"); s != "" {
			t.Errorf("b's call: %s", s)
		}
		w.engine.Stop(time.Hour)
	})
}

// heldLog counts what is submitted, and syncs nothing while it is held.
type heldLog struct {
	*enginetest.Memory
	hold  chan struct{}
	held  atomic.Bool
	bytes atomic.Int64
}

func (l *heldLog) Submit(u *commit.Unit) {
	l.bytes.Add(int64(u.Bytes()))
	l.Memory.Submit(u)
}

func (l *heldLog) Sync(u *commit.Unit) {
	if l.held.Load() {
		<-l.hold
	}
	l.Memory.Sync(u)
}

// Children that are started in one turn end it as the run's own events do.
func TestTurnOfManyChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":5}},{"name":"Loop","type":"ForEach","dependsOn":[{"activity":"W"}],"typeProperties":{"isSequential":false,"batchCount":50,"items":"@range(1,1000)","activities":[`+callOf("Call", "q", false)+`]}}`),
			pipelineJSON("q", waitMinute, `"parameters":{"x":{"type":"String","defaultValue":"`+strings.Repeat("0123456789abcdef", 8<<10)+`"}}`))
		l := &heldLog{Memory: w.memory, hold: make(chan struct{})}
		w.options.Log = l
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		l.held.Store(true)
		before := l.bytes.Load()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if n := l.bytes.Load() - before; n > 16<<20 {
			t.Errorf("%d MiB are in flight in one turn, a turn is 4 MiB", n>>20)
		}
		l.held.Store(false)
		close(l.hold)
		w.wait(id)
		w.engine.Stop(time.Hour)
	})
}

// The return value is bounded as a whole, however many activities add to it.
func TestReturnValueTotal(t *testing.T) {
	adds := func(name, key string) string {
		return fmt.Sprintf(`{"name":%q,"type":"SetVariable","typeProperties":{"variableName":"pipelineReturnValue",`+
			`"setSystemVariable":true,"value":[{"key":%q,"value":{"type":"Expression","content":"@pipeline().parameters.x"}}]}}`,
			name, key)
	}
	synctest.Test(t, func(t *testing.T) {
		second := strings.Replace(adds("Second", "b"), `"type"`, `"dependsOn":[{"activity":"First"}],"type"`, 1)
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("p", adds("First", "a")+","+second, `"parameters":{"x":{"type":"String"}}`))
		w.start()
		x := value.Member{Name: "x", Value: strings.Repeat("x", 3<<20)}
		id := w.create("p", value.NewObject(x), engine.RunOptions{})
		w.wait(id)
		const want = "The pipeline return value would have 6291471 bytes, at most 4194304 are allowed."
		if got := w.message(id); !strings.Contains(got, "Second") || !strings.Contains(got, want) {
			t.Errorf("the run ended with %q, want %q", got, want)
		}
		r, err := w.engine.PipelineRun(id)
		if err != nil || r.ReturnValue.Len() > 1 {
			t.Errorf("the return value has %d keys, %v, want one", r.ReturnValue.Len(), err)
		}
		w.engine.Stop(0)
	})
}

// secureOutput hides what a run has returned.
func TestChildSecureOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("p", strings.Replace(callOf("Call", "q", true), `"type"`, `"policy":{"secureOutput":true},"type"`, 1)),
			pipelineJSON("q", `{"name":"Return","type":"SetVariable","typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
				{"key":"own","value":{"type":"Expression","content":"@concat('token','-','abc')"}}]}}`))
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		w.wait(id)
		if shown := w.shownOf(id); strings.Contains(shown, "token-abc") {
			t.Errorf("shows: %s", shown)
		}
		w.engine.Stop(0)
	})
}

// damagedForGood is a history of which neither the record nor the events of a run can be read.
type damagedForGood struct {
	*unreadable
	id string
}

func (h *damagedForGood) Events(id string, from uint64, f func(uint64, []byte) error) error {
	if id == h.id {
		return errDamage
	}
	return h.unreadable.Events(id, from, f)
}

// A run whose damage hides which one has started it is missed by that one all the same.
func TestDamagedChildIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, id, child := stoppedFamily(t)
		w.options.History = &damagedForGood{&unreadable{Memory: w.memory, runs: map[string]bool{child: true}}, child}
		w.start()
		if err := w.engine.Cancel(child, false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r, _ := w.engine.PipelineRun(id); !r.Status.Final() {
			t.Errorf("parent is %s after its child was cancelled", r.Status)
		}
		w.engine.Stop(0)
	})
}
