package trigger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// Options are what a [ServiceBus] trigger needs.
type Options struct {
	Engine *engine.Engine
	Log    commit.Log
	Clock  clock.Clock
	Logger *slog.Logger // default: none
	Source Source
	// Namespace is what trigger() shows as the source's namespace.
	Namespace string
	Factory   *pipeline.Factory
	Trigger   *pipeline.Trigger // of type ServiceBusTrigger
	Rooms     Rooms             // default: of the trigger alone
}

// ServiceBus is one trigger of type ServiceBusTrigger, started at most once. A
// loop of its own takes batches; every batch is started by a goroutine of its
// own, so that several runs become durable with one sync.
type ServiceBus struct {
	o      Options
	def    *pipeline.ServiceBusTrigger
	target pipeline.TriggeredPipeline
	limit  int // runs at the same time

	wake   chan struct{} // messages, or room for a run, may have become available
	cancel context.CancelFunc
	// interrupt ends evaluations of the parameters when the trigger stops.
	interrupt expr.Interrupt
	wg        sync.WaitGroup // the loop and the starters
	cancels   []func()       // ends the subscriptions

	// large says that an evaluation of the parameters may be: the last one was, or there
	// was none. One that is not, and becomes it, is so once.
	large atomic.Bool

	mu      sync.Mutex
	runs    map[string]bool // runs of this trigger that have not ended; guarded by mu
	trouble int             // failures in a row; guarded by mu
	pause   time.Time       // nothing is taken before; guarded by mu
}

// Waits after a failure that is not the messages': the store refuses writes, the
// queue is disabled, the pipeline is not found.
const (
	firstPause = time.Second
	maxPause   = time.Minute
)

// NewServiceBus checks the definition and returns a trigger that is not started.
func NewServiceBus(o Options) (*ServiceBus, error) {
	if o.Trigger == nil || o.Trigger.ServiceBus == nil {
		return nil, errors.New("trigger: not of type ServiceBusTrigger")
	}
	if len(o.Trigger.Pipelines) != 1 {
		return nil, fmt.Errorf("trigger %q: starts %d pipelines, want exactly one",
			o.Trigger.Name, len(o.Trigger.Pipelines))
	}
	o.Rooms.defaults()
	t := &ServiceBus{o: o, def: o.Trigger.ServiceBus, target: o.Trigger.Pipelines[0],
		wake: make(chan struct{}, 1), runs: map[string]bool{}}
	p := o.Factory.Pipeline(t.target.Pipeline.Name)
	if p == nil {
		return nil, fmt.Errorf("trigger %q: %w: %q",
			o.Trigger.Name, engine.ErrPipelineNotFound, t.target.Pipeline.Name)
	}
	t.large.Store(true)
	t.limit = max(1, t.def.MaxConcurrentRuns)
	if p.Concurrency > 0 {
		t.limit = min(t.limit, p.Concurrency)
	}
	if t.o.Logger == nil {
		t.o.Logger = slog.New(slog.DiscardHandler)
	}
	t.o.Logger = t.o.Logger.With("trigger", o.Trigger.Name, "queue", t.def.QueueName)
	return t, nil
}

// Start begins taking messages, until Stop or the end of ctx. The engine has
// been started: runs that it has resumed count. It doesn't block.
func (t *ServiceBus) Start(ctx context.Context) error {
	ctx, t.cancel = context.WithCancel(ctx)
	t.cancels = append(t.cancels, t.o.Engine.OnFinished(t.finished))
	t.mu.Lock()
	// finished waits for mu, so no run that is listed here is missed there.
	for _, id := range t.o.Engine.TriggeredRuns(t.o.Factory.Name, t.o.Trigger.Name) {
		t.runs[id] = true
	}
	t.mu.Unlock()
	t.cancels = append(t.cancels, t.o.Source.OnReady(t.poke))
	t.poke()
	t.wg.Add(1)
	go t.loop(ctx)
	return nil
}

// Stop ends the trigger and returns when it will start no further run. Runs that
// it has started go on.
func (t *ServiceBus) Stop() {
	if t.cancel == nil {
		return
	}
	t.cancel()
	t.interrupt.Raise()
	for _, f := range t.cancels {
		f()
	}
	t.cancels = nil
	t.wg.Wait()
}

func (t *ServiceBus) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// finished is told of the end of every run.
func (t *ServiceBus) finished(f engine.FinishedRun) {
	t.mu.Lock()
	delete(t.runs, f.ID)
	t.mu.Unlock()
	t.poke()
}

// loop owns the taking of messages.
func (t *ServiceBus) loop(ctx context.Context) {
	defer t.wg.Done()
	for {
		wait := t.take(ctx)
		if wait == 0 {
			wait = idle
		}
		if !t.sleep(ctx, wait, t.wake) {
			return
		}
	}
}

// idle is the wait when there is nothing to do; the trigger is woken earlier.
const idle = time.Hour

// sleep waits for d or for wake, which may be nil. It reports false when ctx has
// ended.
func (t *ServiceBus) sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := t.o.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C():
	}
	return ctx.Err() == nil
}

// take starts runs as long as there are messages and room. It returns how long
// to pause, 0 to wait until woken.
func (t *ServiceBus) take(ctx context.Context) (pause time.Duration) {
	for ctx.Err() == nil {
		t.mu.Lock()
		pause, full := t.pause.Sub(t.o.Clock.Now()), len(t.runs) >= t.limit
		t.mu.Unlock()
		if pause > 0 {
			return pause
		}
		if full || !t.o.Engine.CanStart(t.o.Factory.Name, t.target.Pipeline.Name) {
			return 0
		}
		b, err := t.batch(ctx)
		if err != nil {
			t.failed("messages can't be taken", err)
			continue
		}
		if b == nil {
			return 0
		}
		id := engine.NewID()
		t.mu.Lock()
		t.runs[id] = true
		t.mu.Unlock()
		t.wg.Add(1)
		go t.start(ctx, id, b)
	}
	return 0
}

// gathers is in how many steps a batch that is not full looks for more.
const gathers = 10

// batch reserves messages. One that is not full waits for more, at most
// MaxWaitTime after its first message was taken.
func (t *ServiceBus) batch(ctx context.Context) (*held, error) {
	b, err := t.reserve(ctx)
	end := t.o.Clock.Now().Add(t.def.MaxWaitTime)
	for err == nil && b != nil && b.Len() < t.def.MaxMessages && !b.Full() {
		left := end.Sub(t.o.Clock.Now())
		if left <= 0 {
			break
		}
		if b.large {
			b.drop() // others need the room meanwhile
		}
		if !t.sleep(ctx, min(left, max(t.def.MaxWaitTime/gathers, time.Millisecond)), nil) {
			b.drop()
			return nil, nil
		}
		select {
		case <-t.wake:
			// A release wakes this trigger too: looking in steps keeps that from
			// becoming a busy loop.
			b.drop()
			b, err = t.reserve(ctx)
		default:
			if b.large {
				b, err = t.reserve(ctx)
			}
		}
	}
	return b, err
}

// start creates the run of a batch.
func (t *ServiceBus) start(ctx context.Context, id string, b *held) {
	defer t.wg.Done()
	defer b.release()
	err := t.create(ctx, id, b)
	if err == nil {
		t.mu.Lock()
		t.trouble = 0
		t.mu.Unlock()
		return
	}
	if isParameterError(err) {
		t.o.Logger.Warn("messages abandoned: the trigger's parameters can't be evaluated",
			"messages", b.Len(), "error", err)
		if err = t.reject(ctx, b, err); err == nil {
			t.finished(engine.FinishedRun{ID: id})
			return
		}
	}
	b.Release()
	if ctx.Err() == nil && !errors.Is(err, engine.ErrStopping) {
		t.failed("a run can't be started", err)
	}
	t.finished(engine.FinishedRun{ID: id})
}

// failed pauses the trigger.
func (t *ServiceBus) failed(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	pause := min(firstPause<<min(t.trouble, 10), maxPause)
	t.trouble++
	t.pause = t.o.Clock.Now().Add(pause)
	if !errors.Is(err, commit.ErrFull) { // of which the store tells, once
		t.o.Logger.Error(what, "pause", pause, "error", err)
	}
}

// create evaluates the parameters, outside every lock, and makes one unit of the
// messages' locks and the run.
func (t *ServiceBus) create(ctx context.Context, id string, b Batch) error {
	now := clock.ShownNow(t.o.Clock)
	messages := b.Messages()
	release, err := t.values(ctx, messages)
	if err != nil {
		return err
	}
	defer release()
	if t.large.Load() {
		free, err := t.o.Engine.TakeLarge(ctx)
		if err != nil {
			return err
		}
		defer free()
	}
	params, err := t.parameters(id, now, messages)
	if err != nil {
		return err
	}
	_, err = t.o.Engine.CreateRun(ctx, t.o.Factory, t.target.Pipeline.Name, params, engine.RunOptions{
		ID: id,
		Trigger: &run.TriggerInfo{
			ID: id, Name: t.o.Trigger.Name, Type: t.o.Trigger.Type, Time: now,
			Outputs: facts(messages, t.def.QueueName, t.o.Namespace),
		},
		Binding: binding{
			Version: bindingVersion, Trigger: t.o.Trigger.Name, Source: b.Binding(), Backoff: t.backoff(),
		}.encode(),
		Effect: b.LockFor(id),
		// The binding names each message and nothing else: the same messages have it again.
		Cause: sha256.Sum256(b.Binding()),
	})
	return err
}

func (t *ServiceBus) backoff() Backoff { return Backoff{First: t.def.FirstDelay, Max: t.def.MaxDelay} }

// parameters evaluates the arguments of the pipeline for a batch.
func (t *ServiceBus) parameters(id string, now time.Time, messages []Message) (
	params *value.Object, err error) {
	defer func() {
		if p := recover(); p != nil {
			params, err = nil, &expr.Error{Code: expr.CodeInvalidTemplate,
				Message: fmt.Sprintf("the expression ended with an internal error: %v", p)}
		}
	}()
	seed := fnv.New64a()
	seed.Write([]byte(id))
	content := body(messages, t.def.QueueName, t.o.Namespace)
	x := expr.Context{Now: now, Seed: seed.Sum64(), TriggerBody: content, Trigger: value.NewObject(
		member("name", t.o.Trigger.Name),
		member("type", t.o.Trigger.Type),
		member("startTime", value.Timestamp(now)),
		member("outputs", value.NewObject(member("headers", &value.Object{}), member("body", content))))}
	x.Budget = expr.NewBudget(fmt.Sprintf("the parameters of trigger %q", t.o.Trigger.Name), &t.interrupt)
	params = &value.Object{}
	for _, m := range t.target.Parameters.Members() {
		v, err := x.Evaluate(m.Value)
		t.large.Store(x.Budget.Produced() > engine.LargeFrom)
		if x.Budget.Interrupted() {
			return nil, context.Canceled // the messages are not to blame
		}
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", m.Name, err)
		}
		params.Set(m.Name, v)
	}
	return params, nil
}

// isParameterError reports whether the messages are to blame: they don't give
// the pipeline the arguments it needs.
func isParameterError(err error) bool {
	var evaluation *expr.Error
	var binding *pipeline.ParameterError
	return errors.As(err, &evaluation) || errors.As(err, &binding)
}

// reject gives the messages back with a raised delivery count; in the end they
// are dead-lettered.
func (t *ServiceBus) reject(ctx context.Context, b Batch, why error) error {
	text := cut(fmt.Sprintf("Trigger %s: %s", t.o.Trigger.Name, why))
	return commit.Do(ctx, t.o.Log, commit.Frees, b.Abandon(ReasonParameterError, text, t.backoff()))
}
