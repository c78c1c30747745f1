package trigger_test

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
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// queue is a queue in memory with run locks.
type queue struct {
	mu       sync.Mutex
	next     int64
	ready    []trigger.Message
	reserved map[int64]trigger.Message
	locked   map[int64]string // sequence number -> run
	dead     []string
	max      int // MaxDeliveryCount
	watchers []func()
	reserves int
	err      error
	refuse   error // of LockFor
	log      []string
}

func newQueue() *queue {
	return &queue{reserved: map[int64]trigger.Message{}, locked: map[int64]string{}, max: 3}
}

func (q *queue) send(bodies ...string) {
	q.mu.Lock()
	for _, b := range bodies {
		q.next++
		q.ready = append(q.ready, trigger.Message{MessageID: fmt.Sprint("m", q.next), SequenceNumber: q.next, EnqueuedTimeUTC: time.Now(), Body: []byte(b), LockToken: fmt.Sprint("t", q.next)})
	}
	q.mu.Unlock()
	q.notify()
}

func (q *queue) notify() {
	q.mu.Lock()
	ws := slices.Clone(q.watchers)
	q.mu.Unlock()
	for _, f := range ws {
		f()
	}
}

func (q *queue) OnReady(f func()) func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.watchers = append(q.watchers, f)
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.watchers = nil
	}
}

func (q *queue) Reserve(max int, granted int64) (trigger.Batch, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserves++
	if q.err != nil {
		return nil, q.err
	}
	n, bytes := 0, int64(0)
	for n < min(max, len(q.ready)) && (n == 0 || bytes+int64(len(q.ready[n].Body)) <= trigger.MaxBatch) {
		bytes += int64(len(q.ready[n].Body))
		n++
	}
	if n == 0 {
		return nil, nil
	}
	if bytes > granted {
		return nil, &trigger.LargeBatch{Bytes: bytes}
	}
	b := &batch{q: q, messages: slices.Clone(q.ready[:n]), full: n < min(max, len(q.ready))}
	q.ready = q.ready[n:]
	for _, m := range b.messages {
		q.reserved[m.SequenceNumber] = m
	}
	return b, nil
}

type batch struct {
	q        *queue
	messages []trigger.Message
	done     bool
	full     bool
}

func (b *batch) Full() bool { return b.full }

func (b *batch) Messages() []trigger.Message { return b.messages }
func (b *batch) Len() int                    { return len(b.messages) }
func (b *batch) Binding() json.RawMessage {
	j, _ := json.Marshal(b.numbers())
	return j
}

func (b *batch) numbers() []int64 {
	var n []int64
	for _, m := range b.messages {
		n = append(n, m.SequenceNumber)
	}
	return n
}

func (b *batch) Release() {
	b.q.mu.Lock()
	if !b.done {
		b.done = true
		b.q.ready = append(slices.Clone(b.messages), b.q.ready...)
	}
	b.q.mu.Unlock()
	b.q.notify()
}

type effect func(u *commit.Unit) (func(), error)

func (f effect) Stage(u *commit.Unit) (func(), error) { return f(u) }

func (b *batch) LockFor(run string) commit.Effect {
	return effect(func(u *commit.Unit) (func(), error) {
		b.q.mu.Lock()
		if b.q.refuse != nil {
			defer b.q.mu.Unlock()
			return nil, b.q.refuse
		}
		b.done = true
		for _, m := range b.messages {
			b.q.locked[m.SequenceNumber] = run
		}
		u.Set(fmt.Appendf(nil, "x lock %s %v", run, b.numbers()), nil)
		return b.q.mu.Unlock, nil
	})
}

func (b *batch) Abandon(reason, description string, back trigger.Backoff) commit.Effect {
	return effect(func(u *commit.Unit) (func(), error) {
		b.q.mu.Lock()
		b.done = true
		for _, m := range b.messages {
			b.q.abandon(m, reason, description)
		}
		u.Set([]byte("x abandon"), nil)
		u.Then(b.q.notify)
		return b.q.mu.Unlock, nil
	})
}

func (q *queue) abandon(m trigger.Message, reason, description string) {
	m.DeliveryCount++
	q.log = append(q.log, fmt.Sprintf("abandon %s %s", m.MessageID, reason))
	if m.DeliveryCount >= q.max {
		q.dead = append(q.dead, fmt.Sprintf("%s %s: %s", m.MessageID, reason, description))
		return
	}
	q.ready = append(q.ready, m)
}

// Settle implements trigger.Settler.
func (q *queue) Settle(source json.RawMessage, run string, s trigger.Settlement) (commit.Effect, error) {
	var numbers []int64
	if err := json.Unmarshal(source, &numbers); err != nil {
		return nil, err
	}
	return effect(func(u *commit.Unit) (func(), error) {
		q.mu.Lock()
		for _, n := range numbers {
			if q.locked[n] != run {
				continue
			}
			delete(q.locked, n)
			m := q.reserved[n]
			switch s.Kind {
			case trigger.Complete:
				q.log = append(q.log, "complete "+m.MessageID)
			case trigger.Release:
				q.log = append(q.log, "release "+m.MessageID)
			case trigger.Abandon:
				q.log = append(q.log, fmt.Sprintf("abandon %s %s %v", m.MessageID, s.Reason, s.Backoff))
				q.dead = append(q.dead, fmt.Sprintf("%s %v", s.Description, s.Properties))
			}
		}
		u.Set([]byte("x settle "+run), nil)
		return q.mu.Unlock, nil
	}), nil
}

type world struct {
	t        *testing.T
	q        *queue
	recorder *enginetest.Recorder
	engine   *engine.Engine
	factory  *pipeline.Factory
	trigger  *trigger.ServiceBus
	started  bool

	mu      sync.Mutex
	batches []string // messages parameters, as the activity saw them
	hold    chan struct{}
	most    int // runs at the same time
	running int
	fail    bool
}

func newWorld(t *testing.T, r *enginetest.Recorder, q *queue, properties, arguments, more string, rooms ...trigger.Rooms) *world {
	t.Helper()
	w := &world{t: t, q: q, recorder: r, factory: &pipeline.Factory{Name: "f", GlobalParameters: &value.Object{}}}
	p, diags := pipeline.ParsePipeline("p.json", []byte(`{"name":"Triage","properties":{"parameters":{"messages":{"type":"Array"}}`+more+`,
		"activities":[{"name":"A","type":"WebActivity","typeProperties":{"url":"http://h/","method":"POST","body":"@pipeline().parameters.messages"}}]}}`))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	w.factory.PutPipeline(p)
	def, diags := pipeline.ParseTrigger("t.json", []byte(`{"name":"OnTicket","properties":{"type":"ServiceBusTrigger","runtimeState":"Started","typeProperties":{
		"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"queueName":"tickets"`+properties+`},
		"pipelines":[{"pipelineReference":{"referenceName":"Triage","type":"PipelineReference"},"parameters":{"messages":"`+arguments+`"}}]}}`))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	registry := activity.NewRegistry()
	registry.Register("WebActivity", activity.Executor(func(ctx context.Context, c *activity.Call) activity.Result {
		body, _ := c.Input.Get("body")
		w.mu.Lock()
		w.batches = append(w.batches, string(value.Append(nil, body)))
		w.running++
		w.most = max(w.most, w.running)
		hold, fail := w.hold, w.fail
		w.mu.Unlock()
		if hold != nil {
			select {
			case <-hold:
			case <-ctx.Done():
			}
		}
		w.mu.Lock()
		w.running--
		w.mu.Unlock()
		if fail {
			return activity.Result{Err: &activity.Error{Code: "2108", Message: "no model", FailureType: activity.UserError}}
		}
		return activity.Result{}
	}))
	w.engine, _ = engine.New(engine.Options{History: r, Log: r, Clock: clock.Wall{}, Registry: registry, Finish: trigger.Finish(q, nil)})
	o := trigger.Options{Engine: w.engine, Log: r, Clock: clock.Wall{}, Source: q, Namespace: "ns", Factory: w.factory, Trigger: def}
	for _, o.Rooms = range rooms {
	}
	w.trigger, _ = trigger.NewServiceBus(o)
	if w.trigger == nil {
		t.Fatal("no trigger")
	}
	return w
}

// run starts the engine.
func (w *world) run() {
	w.t.Helper()
	if err := w.engine.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.started = true
}

func (w *world) start() {
	w.t.Helper()
	if !w.started {
		w.run()
	}
	if err := w.trigger.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// seen returns the batches so far.
func (w *world) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.batches)
}

func (w *world) stop() {
	w.trigger.Stop()
	w.trigger.Stop() // once more does nothing
	w.engine.Stop(0)
}

func TestRunPerBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, `,"maxMessages":2`, "@trigger().outputs.body.messages", "")
		q.send(`{"n":1}`, "text", "\xff\xfe")
		w.start()
		synctest.Wait()
		if got, want := len(w.batches), 2; got != want {
			t.Fatalf("runs: got %d, want %d", got, want)
		}
		if got, want := fmt.Sprint(q.log), "[complete m1 complete m2 complete m3]"; got != want {
			t.Errorf("settlements: got %s, want %s", got, want)
		}
		time := time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")
		want := `[{"messageId":"m1","sequenceNumber":1,"enqueuedTimeUtc":"` + time + `","deliveryCount":0,"lockToken":"t1","contentType":null,"subject":null,"correlationId":null,"sessionId":null,"to":null,"replyTo":null,"applicationProperties":{},"body":{"n":1},"bodyText":"{\"n\":1}"},` +
			`{"messageId":"m2","sequenceNumber":2,"enqueuedTimeUtc":"` + time + `","deliveryCount":0,"lockToken":"t2","contentType":null,"subject":null,"correlationId":null,"sessionId":null,"to":null,"replyTo":null,"applicationProperties":{},"body":"text","bodyText":"text"}]`
		if w.batches[0] != want {
			t.Errorf("first batch:\n got %s\nwant %s", w.batches[0], want)
		}
		if !strings.Contains(w.batches[1], `"body":null,"bodyBase64":"//4="}`) {
			t.Errorf("second batch: got %s, want the body as base64", w.batches[1])
		}
		// The lock and the run are one unit.
		for i := range w.recorder.Units() {
			var lock, created bool
			for _, op := range w.recorder.Ops(i) {
				lock = lock || strings.HasPrefix(string(op.Key), "x lock")
				created = created || op.Key[0] == 'r' && strings.Contains(string(op.Key), op2run(w.recorder.Ops(i)))
			}
			if lock && !created {
				t.Errorf("unit %d locks messages without a run", i)
			}
		}
		runs, _, err := w.engine.Query(engine.Query{Factory: w.factory.Name})
		if err != nil {
			t.Error(err)
		}
		for _, p := range runs {
			if p.InvokedBy.Name != "OnTicket" || p.InvokedBy.Type != "ServiceBusTrigger" || p.Status != run.Succeeded {
				t.Errorf("run: got %+v", p)
			}
		}
		if len(runs) != 2 {
			t.Errorf("records: got %d, want 2", len(runs))
		}
		w.stop()
	})
}

// op2run is the run that a unit's lock names.
func op2run(ops []commit.Op) string {
	for _, op := range ops {
		if f := strings.Fields(string(op.Key)); len(f) > 2 && f[1] == "lock" {
			return f[2]
		}
	}
	return "none"
}

func TestMaxConcurrentRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, `,"maxConcurrentRuns":3`, "@createArray(triggerBody().messages[0].messageId)", "")
		w.hold = make(chan struct{})
		q.send("1", "2", "3", "4", "5")
		w.start()
		synctest.Wait()
		if got := len(q.ready); got != 2 {
			t.Errorf("messages left in the queue: got %d, want 2", got)
		}
		close(w.hold)
		synctest.Wait()
		if len(w.batches) != 5 || w.most != 3 {
			t.Errorf("got %d runs, %d at the same time, want 5 and 3", len(w.batches), w.most)
		}
		w.stop()
	})
}

func TestPipelineConcurrencyKeepsMessagesInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, `,"maxConcurrentRuns":10`, "@createArray(1)", `,"concurrency":1`)
		w.hold = make(chan struct{})
		w.run()
		// A run that was started by hand takes the only slot.
		if _, err := w.engine.CreateRun(context.Background(), w.factory, "Triage", value.NewObject(value.Member{Name: "messages", Value: value.Array{}}), engine.RunOptions{}); err != nil {
			t.Fatal(err)
		}
		q.send("1", "2")
		w.start()
		synctest.Wait()
		if got := len(q.ready); got != 2 {
			t.Errorf("messages left in the queue: got %d, want 2", got)
		}
		close(w.hold)
		synctest.Wait()
		if len(w.batches) != 3 || w.most != 1 || len(q.log) != 2 {
			t.Errorf("got %d runs, %d at the same time, settled %v, want 3, 1 and both", len(w.batches), w.most, q.log)
		}
		w.stop()
	})
}

func TestResumedRunsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, r := newQueue(), enginetest.NewRecorder()
		w := newWorld(t, r, q, `,"maxConcurrentRuns":1`, "@createArray(1)", "")
		w.hold = make(chan struct{})
		q.send("1", "2")
		w.start()
		synctest.Wait()
		w.stop() // the run stays in flight

		w = newWorld(t, r, q, `,"maxConcurrentRuns":1`, "@createArray(1)", "")
		w.hold = make(chan struct{})
		w.start()
		synctest.Wait()
		if len(w.batches) != 1 || len(q.ready) != 1 {
			t.Errorf("after the restart: %d attempts and %d messages waiting, want 1 and 1", len(w.batches), len(q.ready))
		}
		close(w.hold)
		synctest.Wait()
		if got, want := fmt.Sprint(q.log), "[complete m1 complete m2]"; got != want || w.most != 1 {
			t.Errorf("settlements: got %s, want %s; %d at the same time", got, want, w.most)
		}
		w.stop()
	})
}

func TestBatchWaitsForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, `,"maxMessages":4,"maxWaitTime":"00:00:10","maxConcurrentRuns":5`, "@createArray(length(triggerBody().messages))", "")
		w.start()
		q.send("1")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		q.send("2")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(w.seen()) != 0 {
			t.Errorf("runs before the time: got %v", w.seen())
		}
		time.Sleep(5 * time.Second) // 11 seconds after the first
		synctest.Wait()
		q.send("3", "4", "5", "6", "7", "8", "9")
		time.Sleep(2 * time.Second) // two are full, the third waits
		synctest.Wait()
		if got, want := fmt.Sprint(w.seen()), "[[2] [4]]"; got != want {
			t.Errorf("batches: got %s, want %s", got, want)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got, want := fmt.Sprint(w.seen()), "[[2] [4] [3]]"; got != want {
			t.Errorf("batches: got %s, want %s", got, want)
		}
		if q.reserves > 40 {
			t.Errorf("%d reservations in 24 seconds: busy loop", q.reserves)
		}
		w.stop()
	})
}

func TestStopGivesBackWhatItGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, `,"maxMessages":4,"maxWaitTime":"00:10:00"`, "@createArray(1)", "")
		w.start()
		q.send("1")
		synctest.Wait()
		w.stop()
		if len(q.ready) != 1 || len(w.batches) != 0 {
			t.Errorf("after Stop: %d messages in the queue, %d runs, want 1 and 0", len(q.ready), len(w.batches))
		}
	})
}

func TestParameterErrorDeadLetters(t *testing.T) {
	for _, arguments := range []string{
		"@triggerBody().messages[0].body.missing", // can't be evaluated
		"@triggerBody().queueName",                // is no array
	} {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue()
			w := newWorld(t, enginetest.NewRecorder(), q, "", arguments, "")
			w.start()
			q.send(`{"a":1}`)
			synctest.Wait()
			if got, want := len(q.log), 3; got != want || len(q.dead) != 1 || !strings.HasPrefix(q.dead[0], "m1 TriggerParameterError: Trigger OnTicket: ") {
				t.Errorf("%s: got %v, dead-lettered %q, want three attempts", arguments, q.log, q.dead)
			}
			if len(w.batches) != 0 || len(w.engine.TriggeredRuns("f", "OnTicket")) != 0 {
				t.Errorf("%s: a run was started", arguments)
			}
			w.stop()
		})
	}
}

func TestFailedRunAbandons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, `,"retry":{"firstDelay":"00:00:07","maxDelay":"00:01:00"}`, "@createArray(1)", "")
		w.fail = true
		w.start()
		q.send("1")
		synctest.Wait()
		if got, want := fmt.Sprint(q.log), "[abandon m1 PipelineRunFailed {7s 1m0s}]"; got != want {
			t.Errorf("settlement: got %s, want %s", got, want)
		}
		if len(q.dead) != 1 || !strings.Contains(q.dead[0], "started by trigger OnTicket, failed. Operation on target A failed: no model [{PipelineRunId ") ||
			!strings.HasSuffix(q.dead[0], "} {FailedActivity A} {ErrorCode 2108}]") {
			t.Errorf("dead-letter facts: got %q", q.dead)
		}
		w.stop()
	})
}

// The runs that the same messages start are attempts of one cause: the history keeps
// the activities of the last that has failed.
func TestFailedRunsOfTheSameMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, "", "@createArray(1)", "")
		w.fail = true
		w.start()
		q.send("1")
		synctest.Wait()
		q.send("2") // another message
		synctest.Wait()
		q.mu.Lock()
		q.ready = append(q.ready, trigger.Message{MessageID: "m1", SequenceNumber: 1, DeliveryCount: 1, Body: []byte("1"), LockToken: "t1"})
		q.mu.Unlock()
		q.notify()
		synctest.Wait()
		runs, _, err := w.engine.Query(engine.Query{Factory: "f"})
		if err != nil || len(runs) != 3 {
			t.Fatalf("%d runs, %v; want 3", len(runs), err)
		}
		dropped := 0
		for _, r := range runs {
			if _, err := w.engine.ActivityRuns(r.RunID); errors.Is(err, engine.ErrRunDropped) {
				dropped++
			} else if err != nil {
				t.Error(err)
			}
		}
		if dropped != 1 {
			t.Errorf("%d runs have lost their activities, want that of the first delivery of m1", dropped)
		}
		w.stop()
	})
}

func TestCancelledRunReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, "", "@createArray(1)", "")
		w.hold = make(chan struct{})
		w.start()
		q.send("1")
		synctest.Wait()
		id := w.engine.TriggeredRuns("f", "OnTicket")[0]
		if err := w.engine.Cancel(id, false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, want := fmt.Sprint(q.log), "[release m1]"; got != want {
			t.Errorf("settlement: got %s, want %s", got, want)
		}
		w.stop()
	})
}

func TestTroubleOfTheSourceIsNotTheMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		q.err = errors.New("queue is disabled")
		w := newWorld(t, enginetest.NewRecorder(), q, "", "@createArray(1)", "")
		w.start()
		q.send("1")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if q.reserves > 6 {
			t.Errorf("%d reservations of a disabled queue in 10 seconds", q.reserves)
		}
		q.mu.Lock()
		q.err, q.refuse = nil, errors.New("store refuses")
		q.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		q.mu.Lock()
		if len(q.ready) != 1 || q.ready[0].DeliveryCount != 0 {
			t.Errorf("queue: got %+v, want the message untouched", q.ready)
		}
		q.refuse = nil
		q.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got, want := fmt.Sprint(q.log), "[complete m1]"; got != want {
			t.Errorf("settlement: got %s, want %s", got, want)
		}
		w.stop()
	})
}

func TestSourceBinding(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{`{"version":1,"trigger":"t","backoff":{"first":1,"max":2},"source":[7]}`, "[7]", ""},
		{`{"version":2}`, "", "version 2"},
		{``, "", "not started by messages"},
		{`x`, "", "trigger binding"},
	} {
		got, err := trigger.SourceBinding(json.RawMessage(c.in))
		if c.err == "" && (err != nil || string(got) != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("SourceBinding(%s): got %s, %v, want %s, %s", c.in, got, err, c.want, c.err)
		}
	}
}
