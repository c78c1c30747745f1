// Package engine runs pipelines: it owns goroutines, timers, history and
// concurrency slots, and drives the pure state machine of package run with the
// executors of package activity.
//
// Every run that is active has one owner goroutine, the only one that touches
// its state. Whatever happens to the run (an activity has finished, a timer is
// due, it is cancelled) is put into its mailbox. The owner drains the
// mailbox, lets the state decide, writes what happened and what was decided to
// the history, syncs it, and only then starts what was decided. So nothing is
// executed that is not on disk, and a restart is a fold of the events.
//
// An effect of another package keeps that package's locks until its unit is submitted.
// It is therefore staged in a small unit of its own, together with the one event
// that depends on it; no two effects are staged at once, and no expression is
// evaluated under their locks. The units of one turn are synced once, with the
// last of them: the log is first in, first out.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// Errors of the engine. They are wrapped with the operation and its subject.
var (
	ErrRunNotFound       = errors.New("pipeline run not found")
	ErrPipelineNotFound  = errors.New("pipeline not found")
	ErrMissingParameter  = errors.New("parameter has no value")
	ErrUnknownParameter  = errors.New("parameter is not declared")
	ErrInvalidParameter  = errors.New("parameter has a value of another type")
	ErrTooManyQueuedRuns = errors.New("too many queued runs")
	ErrRunFinished       = errors.New("pipeline run has finished")
	// ErrRunDropped is the error of what asks for the activities of a failed attempt
	// whose events were dropped, see RunOptions.Cause.
	ErrRunDropped = errors.New("activities are no longer kept")
	ErrRunExists  = errors.New("pipeline run exists")
	// ErrStopping is the error of an engine that is not started, or stopping.
	ErrStopping = errors.New("engine is not running")
)

// Engine runs pipelines.
type Engine struct {
	o    Options
	turn chan struct{} // one element for each activity that executes
	// yielded has one for each that has given up its turn, see [activity.Call.Yield].
	yielded chan struct{}
	// reading has one element for each run that is folded to look at it.
	reading chan struct{}
	// snapshotting has one for the run whose snapshot is being made.
	snapshotting chan struct{}
	// recovering has one for each rerun that [Engine.CreateRun] is at.
	recovering chan struct{}

	// executing is the parent of every attempt's context; abort ends it.
	executing context.Context
	abort     context.CancelFunc

	quit    chan struct{} // closed by Stop: attempts that wait for their turn give up
	aborted atomic.Bool   // what attempts answer no longer counts
	left    atomic.Bool   // Stop has returned: nothing more is written

	hooks                            atomic.Int64 // attempts that wait to be called back
	finishedRuns, finishedActivities atomic.Int64

	maxRuns   int // with so many active runs, activities start none
	revisions *revisions
	tallies   *tallies
	retainer  *retainer
	// deleting is held while runs are deleted, from the reading of their records
	// until they are gone, and for reading while the record of a run that has ended
	// is written again.
	deleting sync.RWMutex
	memory   *account
	pace     *pace
	cache    *cache

	mu        sync.Mutex
	started   bool                      // guarded by mu
	stopping  bool                      // guarded by mu
	runs      map[string]*runner        // active runs by id; guarded by mu
	aside     map[string]*aside         // active runs that can't be resumed, by id; guarded by mu
	attempts  map[*making]bool          // guarded by mu
	slots     map[string]*slots         // by slotKey; guarded by mu
	arrivals  uint64                    // number of the run that was queued last; guarded by mu
	listeners map[int]func(FinishedRun) // guarded by mu
	listener  int                       // guarded by mu

	wg sync.WaitGroup // owners and attempts
}

// readsAtOnce is how many runs are folded at once to look at them, and how many reruns are
// created.
const readsAtOnce = 4

// New returns an engine that does nothing until Start.
func New(o Options) (*Engine, error) {
	if o.History == nil || o.Log == nil || o.Clock == nil || o.Registry == nil {
		return nil, errors.New("engine: history, log, clock and registry are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxActivities <= 0 {
		o.MaxActivities = 256
	}
	if o.MaxQueuedRuns <= 0 {
		o.MaxQueuedRuns = 100
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = snapshotEvents
	}
	if o.Retention.Wall == nil {
		o.Retention.Wall = o.Clock
	}
	e := &Engine{
		o:            o,
		turn:         make(chan struct{}, o.MaxActivities),
		yielded:      make(chan struct{}, 2*o.MaxActivities),
		reading:      make(chan struct{}, readsAtOnce),
		snapshotting: make(chan struct{}, 1),
		recovering:   make(chan struct{}, readsAtOnce),
		quit:         make(chan struct{}),
		revisions:    newRevisions(o.History, o.Sealer),
		memory:       newMemory(o.Memory, o.RunMemory),
		pace:         newPace(),
		runs:         map[string]*runner{},
		attempts:     map[*making]bool{},
		slots:        map[string]*slots{},
		listeners:    map[int]func(FinishedRun){},
	}
	e.maxRuns = maxRuns(o.Memory)
	e.retainer = newRetainer(e)
	e.tallies = &tallies{history: o.History, reached: e.retainer.time, grown: e.retainer.grown}
	e.cache = newCache(e.memory.all * allPart / cachePart)
	e.executing, e.abort = context.WithCancel(context.Background())
	return e, nil
}

// Start folds the runs that are active in the history and resumes them. A run
// that can't be folded is set aside, see [Engine.Aside]; the others go on without it.
// An engine is started once.
func (e *Engine) Start(ctx context.Context) error {
	records, err := e.o.History.ActiveRuns()
	if err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	// A crash may have come between deleting runs and deleting their definitions.
	if err := e.revisions.deleteUnused(ctx, e.o.Log); errors.Is(err, commit.ErrDamaged) {
		e.o.Logger.Error("definitions that no run follows are kept", "error", err)
	} else if err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	if err := e.tallies.load(ctx, e.o.Log, e.o.Logger); err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	var runners []*runner
	asides := map[string]*aside{}
	for _, rec := range records {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := e.fold(rec)
		if err != nil {
			if rec.Damage != nil {
				rec = e.completed(rec)
			}
			e.o.Logger.Error("a pipeline run can't be resumed and is set aside; it can be cancelled",
				"run", rec.ID, "pipeline", rec.Pipeline, "factory", rec.Factory, "error", err)
			asides[rec.ID] = &aside{rec, err}
			continue
		}
		runners = append(runners, r)
	}
	e.findChildren(runners, asides)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.started || e.stopping {
		return errors.New("engine: started twice")
	}
	e.started = true
	e.aside = asides
	e.retainer.begin() // a run that ends writes retention's time
	e.resume(runners)
	e.wg.Add(1)
	go e.endRequested(slices.Collect(maps.Values(asides)))
	if e.o.Retention.enabled() {
		e.wg.Add(1)
		go e.retainer.loop()
	}
	return nil
}

// leaveAfter is how long Stop waits, after the grace, for what does not hear that
// it shall end.
const leaveAfter = 5 * time.Second

// Stop ends the engine: no new runs and no decisions, and attempts get grace to end.
// What is left stays in flight in the history and is resumed by the next engine.
// Stop returns when every goroutine of the engine has ended, and at most some
// seconds after the grace: an executor that ignores its context, and an owner that
// the log keeps waiting, are named in the log and left behind.
func (e *Engine) Stop(grace time.Duration) {
	e.mu.Lock()
	if !e.stopping {
		e.stopping = true
		close(e.quit)
	}
	e.mu.Unlock()
	e.tellOwners()

	ended := make(chan struct{})
	go func() { // ends with the last of them
		e.wg.Wait()
		close(ended)
	}()
	if !e.within(grace, ended) {
		e.aborted.Store(true)
		e.tellOwners()
	}
	e.abort()
	if !e.within(leaveAfter, ended) {
		e.left.Store(true)
		e.nameThoseLeft()
	}
}

// tellOwners lets every owner look at how the engine stops.
func (e *Engine) tellOwners() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runs {
		r.mail.post(stopping{})
		r.interrupt.Raise()
	}
}

func (e *Engine) within(d time.Duration, ended <-chan struct{}) bool {
	t := e.o.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-ended:
		return true
	case <-t.C():
		return false
	}
}

// nameThoseLeft logs what does not end.
func (e *Engine) nameThoseLeft() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, r := range e.runs {
		e.o.Logger.Error("a pipeline run does not stop; it is left to the next start",
			"run", id, "pipeline", r.pipeline, "factory", r.factory)
	}
	for a := range e.attempts {
		e.o.Logger.Error("an activity does not stop; it is left to the next start",
			"activity", a.path, "type", a.typ, "run", a.run)
	}
}

// CreateRun starts a run, or queues it if the pipeline's concurrency is used up,
// and returns its id when it is durable. Errors wrap [ErrPipelineNotFound],
// one of the three about parameters and a *pipeline.ParameterError,
// [ErrTooManyQueuedRuns], [ErrStopping], [ErrRunExists], an *expr.Error of a run
// dimension, or what the effect refused with.
func (e *Engine) CreateRun(ctx context.Context, f *pipeline.Factory, pipelineName string,
	params *value.Object, o RunOptions) (string, error) {
	wrap := func(err error) error { return fmt.Errorf("create run of pipeline %q: %w", pipelineName, err) }
	if o.Recovery != nil {
		leave, err := e.enterRecovery(ctx)
		if err != nil {
			return "", wrap(err)
		}
		defer leave()
	}
	r, err := e.newRun(f, pipelineName, params, o)
	if err != nil {
		return "", wrap(err)
	}
	if err := e.o.Log.Admit(ctx, admitSize+r.recoveredSize()); err != nil {
		return "", wrap(err)
	}
	if err := e.enter(r); err != nil {
		return "", wrap(err)
	}
	if err := e.begin(r, o.Effect); err != nil {
		return "", wrap(err)
	}
	return r.id, nil
}

// begin makes a run that has entered durable and starts its owner. It decides for the
// owner only as long as firstDecision.
func (e *Engine) begin(r *runner, effect commit.Effect) error {
	definition := e.revisions.pin(r.revision)
	if err := r.create(effect, definition); err != nil {
		e.revisions.unpin(r.revision)
		e.leave(r)
		r.abandon()
		close(r.ended)
		e.wg.Done()
		return err
	}
	acts := r.decideFirst()
	r.journal.submit()
	created := r.journal.last // and with it what was decided
	go r.loop(acts, false)
	e.o.Log.Sync(created)
	e.revisions.durable(r.revision)
	return nil
}

// notFound turns the history's not-found into the engine's.
func notFound(err error) error {
	if errors.Is(err, ErrNotInHistory) {
		return ErrRunNotFound
	}
	return err
}

// find returns the owner of a run that is active and durable.
func (e *Engine) find(runID string) *runner {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[runID]; r != nil && r.view.Load() != nil {
		return r
	}
	return nil
}

// OnFinished asks for f to be called after the end of a run is durable. f
// doesn't block and doesn't call the engine. The run no longer counts as active
// when f is called.
func (e *Engine) OnFinished(f func(FinishedRun)) (cancel func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listener++
	id := e.listener
	e.listeners[id] = f
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.listeners, id)
	}
}

func (e *Engine) tell(f FinishedRun) {
	e.mu.Lock()
	fs := make([]func(FinishedRun), 0, len(e.listeners))
	for _, l := range e.listeners {
		fs = append(fs, l)
	}
	e.mu.Unlock()
	for _, l := range fs {
		l(f)
	}
}

// Busy returns how many runs are active and how many attempts of activities execute, or
// wait for their turn.
func (e *Engine) Busy() (runs, activities int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.runs), len(e.attempts)
}

// Counts returns how many runs and activity runs have ended since New.
func (e *Engine) Counts() (runs, activities int) {
	return int(e.finishedRuns.Load()), int(e.finishedActivities.Load())
}

// Wait returns the run's status once it has ended.
func (e *Engine) Wait(ctx context.Context, runID string) (run.Status, error) {
	r := e.find(runID)
	if r != nil {
		select {
		case <-r.ended:
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for run %s: %w", runID, ctx.Err())
		}
	}
	var p *PipelineRun
	if r != nil {
		p = r.view.Load() // durable, see there
	} else {
		var err error
		if p, err = e.PipelineRun(runID); err != nil {
			return 0, fmt.Errorf("wait for run %s: %w", runID, err)
		}
	}
	if !p.Status.Final() {
		if a := e.asideOf(runID); a != nil {
			return p.Status, fmt.Errorf("wait for run %s: it can't be resumed: %w", runID, a.err)
		}
		return p.Status, fmt.Errorf("wait for run %s: %w", runID, ErrStopping)
	}
	return p.Status, nil
}

// UnderWay returns how many runs have an owner, those that wait for a slot included, and
// how many attempts of activities are being made, wait for their turn, or wait to be called
// back.
func (e *Engine) UnderWay() (runs, attempts int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.runs), len(e.attempts) + int(e.hooks.Load())
}
