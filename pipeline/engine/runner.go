package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/commit"
	"switchyard/compute"
	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
)

// The messages of a run's owner.
type (
	// granted: the run has got a slot of its pipeline's concurrency.
	granted struct{}
	// stopping: the engine stops, or has lost patience with what executes.
	stopping struct{}
	// outcome is the answer of an attempt.
	outcome struct {
		attempt  attempt
		result   activity.Result
		unmade   bool     // the engine stopped before it was the attempt's turn
		revealed []string // secrets that the attempt was given and answered with
	}
	// cancelling: there is a request to cancel the run.
	cancelling struct{}
)

// An attempt is one attempt of one activity of a run.
type attempt struct {
	path string
	n    int
}

const (
	// decisionsPerTurn and turnBytes bound a turn, so that a run that decides without
	// end still gets its messages, and that what is decided and not yet written is not
	// much more than turnBytes and one event.
	decisionsPerTurn = 1024
	turnBytes        = 4 << 20
	// firstDecision is how long the answer to who creates a run waits for its first
	// decisions: most runs take them in less. They are then submitted together with
	// the creation, and one sync serves both.
	firstDecision = 2 * time.Millisecond
	// admitSize is what a turn announces to the log.
	admitSize = 16 << 10
	// admitRetry is the wait after the log has refused, for example because the
	// disk is full.
	admitRetry = time.Second
)

// A runner owns one active run.
type runner struct {
	e *Engine
	// These never change.
	id, factory, pipeline, trigger string
	created                        *run.Created
	revision                       *run.Revision
	concurrency                    int
	cause                          Hash // see RunOptions, as waiting
	waiting                        func(run.Timer)
	parent                         string // the id of the run that started it; "": none did
	arrival                        uint64 // place among queued runs; set by Engine.enter

	mail  *mailbox
	ended chan struct{} // closed when the owner has ended
	// awaits has the ids of the active runs that activities wait for; guarded by
	// Engine.mu. Nil: none has.
	awaits map[string]bool
	calls  bool // awaits had some; the owner's
	// view is the run's record as of its last durable turn; nil before the run is
	// durable.
	view atomic.Pointer[PipelineRun]
	cancellation
	// interrupt is raised after the owner was given a message that must not wait for
	// an evaluation.
	interrupt expr.Interrupt

	// The following belong to the owner.
	state     *run.State
	outputs   *outputs // for its attempts too
	journal   journal
	queued    bool       // waits for a slot
	stopping  bool       // decides no more
	finished  bool       // the last event is written
	end       func()     // writes the last event, which is decided and not written yet
	unended   bool       // the last event could not be written before the engine stopped
	broken    error      // of a panic: the run is set aside
	undecided bool       // the last turn has left decisions
	recorded  run.Status // of the record that was written last
	changed   time.Time
	timers    timers
	executing map[attempt]func() // cancels the attempt
	callbacks callbacks
	spare     []message
	large     bool     // the last turn with decisions decided something large
	release   []func() // what outcomes of the turn hold until it is durable
	counted   int      // activity runs that are over and counted by the engine
	held      int64    // bytes in the engine's account
	long      compute.Long
	first     bool             // decideFirst is at it
	recovered []*run.Recovered // what a rerun has of the run before, until it is created
	base      PipelineRun      // what never changes of the run's record
}

// makeRunner makes the owner of a run that stands at its first event.
func (e *Engine) makeRunner(c *run.Created, revision *run.Revision) (*runner, error) {
	s, err := run.New(c, revision)
	if err != nil {
		return nil, err
	}
	p := s.Pipeline()
	large := e.outputsOf(c.ID)
	r := &runner{
		outputs: large,
		e:       e, id: c.ID, factory: c.Factory, pipeline: c.PipelineName, trigger: c.Trigger.Name,
		created: c, revision: revision, concurrency: p.Concurrency, parent: c.InvokedBy.PipelineRunID,
		mail: newMailbox(), ended: make(chan struct{}),
		cancellation: cancellation{requested: make(chan struct{})},
		state:        s,
		journal: journal{e: e, run: c.ID, outputs: large, next: 1, frames: frames{
			sealer: e.o.Sealer, sealed: holdsSecrets(p, c), parts: run.Parts{Values: make([]run.Part, 0, 4)}}},
		changed:   c.At,
		executing: map[attempt]func(){},
	}
	r.journal.shown = func(err *pipeline.ActivityError) *pipeline.ActivityError { return r.state.Masker().Error(err) }
	s.SetKeeper(&keeper{r: r})
	s.SetWall(e.wall)
	r.interrupt.Pause = r.pause
	r.base = baseRecord(s)
	return r, nil
}

// loop is the run's goroutine: turns until the run has ended or the engine stops.
// A run that was folded first takes up what was under way: timers that came due
// while the process was down fire before attempts are made again.
func (r *runner) loop(acts []run.Event, folded bool) {
	defer r.e.wg.Done()
	defer close(r.ended)
	if folded {
		now := r.now()
		r.hearCancel(now)
		for _, t := range r.state.Timers() {
			r.timers.add(t)
		}
		r.fire(now)
		r.failInterrupted(now)
		acts = r.decide(now)
	}
	if r.end != nil {
		r.writeEnd()
	}
	r.commitTurn(acts, folded)
	for !r.finished && r.broken == nil && !r.idleForGood() {
		r.turn(r.wait())
	}
	switch {
	case r.finished:
		r.leave()
	case r.broken != nil:
		r.e.setAside(r)
	default:
		r.e.forget(r)
	}
	r.abandon()
}

// lighten lets go of what is large in the run's first event, given a copy without it.
// Expressions, and who looks at the run, read it back from the history.
func (r *runner) lighten(c *run.Created) {
	r.created = c
	r.state.Lighten(c)
	p := &r.base
	if sizeOf(p.Parameters, maxInline) > maxInline {
		p.Parameters, p.read = nil, r.e.readLarge
	}
	if sizeOf(p.TriggerOutputs, maxInline) > maxInline {
		p.TriggerOutputs, p.elsewhere, p.read = nil, true, r.e.readLarge
	}
}

// create writes the run's first event, with its effect, on the goroutine of who
// creates it and before the owner starts. The run is in the lists as soon as it is
// durable, whatever its owner does then.
func (r *runner) create(effect commit.Effect, definition []byte) error {
	e := r.journal.encode(r.created)
	r.lighten(e.event.(*run.Created))
	more := r.encodeRecovered()
	view := r.record()
	r.recorded = view.Status
	write := func() {
		if definition != nil {
			r.journal.definition(r.revision.Hash(), definition)
		}
		r.journal.put(e)
		for _, e := range more {
			r.journal.put(e)
		}
		if r.created.Recovers != "" {
			r.e.o.History.PutAttempt(r.journal.fill(), r.cause, r.id)
		}
		r.journal.record(r.runRecord(view))
		written := r.journal.next + 1 + uint64(len(more))
		r.journal.fill().Then(func() {
			r.journal.durable.CompareAndSwap(0, written)
			r.view.CompareAndSwap(nil, view)
		})
	}
	if effect == nil {
		write()
		return nil
	}
	return r.journal.stage(effect, write)
}

// decideFirst takes the first decisions, on the goroutine of who creates the run and for
// no longer than firstDecision. What is left by then the owner decides.
func (r *runner) decideFirst() []run.Event {
	var mu sync.Mutex
	over := false
	t := time.AfterFunc(firstDecision, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			r.interrupt.Raise()
		}
	})
	r.first = true
	acts := r.decide(r.now())
	r.first = false
	t.Stop()
	mu.Lock()
	over = true
	mu.Unlock()
	// Nothing is missed: the owner hears its messages and the request to cancel
	// before it decides again.
	r.interrupt.Lower()
	return acts
}

// pause has a decision that takes long wait for its turn to compute. Who creates the run
// does not wait.
func (r *runner) pause() {
	if !r.first {
		r.long.Pause(r.interrupt.Raised)
	} else if !r.long.TryPause() {
		r.interrupt.Raise() // decideFirst lowers it
	}
}

// idleForGood reports whether a stopping run has nothing left to wait for.
func (r *runner) idleForGood() bool {
	return r.stopping && (len(r.executing) == 0 || r.e.aborted.Load())
}

// wait returns the next messages; none if a timer is due or decisions are left.
func (r *runner) wait() []message {
	if !r.undecided {
		var due <-chan time.Time
		if !r.stopping && !r.queued {
			due = r.timers.arm(r.e.o.Clock)
		}
		select {
		case <-r.mail.ready:
		case <-due:
		}
	}
	r.spare = r.mail.drain(r.spare)
	return r.spare
}

// turn takes messages, decides, writes, syncs, and acts, in this order.
func (r *runner) turn(messages []message) {
	if !r.admit() {
		r.stopping = true
		return
	}
	now := r.now()
	// First of all: what an attempt has answered is then not wanted any more.
	r.hearCancel(now)
	if !r.hear(messages, now) {
		r.sync() // what was written before is whole
		r.let()
		return
	}
	r.commitTurn(r.decide(now), false)
}

// hear folds what has come. It reports false after a panic, which is a mistake of ours:
// it ends this run's owner and no other.
func (r *runner) hear(messages []message, now time.Time) (whole bool) {
	defer func() {
		if p := recover(); p != nil {
			r.broken = panicked(r.e.o.Logger, r.id, p)
		}
	}()
	for _, m := range messages {
		switch m := m.(type) {
		case granted:
			if r.queued {
				r.queued = false
				r.changed = now
			}
		case stopping:
			r.stopping = true
		case outcome:
			r.onOutcome(m, now)
		case childEnded:
			r.onChildEnded(m, now)
		case accepted:
			r.onAccepted(m, now)
		case calling:
			r.onCalling(m, now)
		case calledBack:
			r.onCalledBack(m, now)
		case cancelling: // heard
		default:
			panic(fmt.Sprintf("engine: message %T", m))
		}
	}
	clear(messages)
	r.fire(now)
	return true
}

// now is the clock, which never goes backwards for a run.
func (r *runner) now() time.Time {
	now := r.e.o.Clock.Now().UTC()
	if now.Before(r.changed) {
		return r.changed
	}
	return now
}

// admit waits until the log takes more. What a run that is cancelled still writes
// frees more than it takes, so a nearly full disk does not keep it. It reports false
// if the engine stops first.
func (r *runner) admit() bool {
	requested := r.requested
	for logged := false; ; logged = true {
		size := admitSize
		if r.cancelRequested() {
			size, requested = 0, nil
		}
		err := commit.Continue(r.e.executing, r.e.o.Log, size)
		if err == nil {
			return true
		}
		if r.e.executing.Err() != nil {
			return false
		}
		if !logged && !errors.Is(err, commit.ErrFull) { // the log tells of a full disk itself
			r.e.o.Logger.Error("pipeline run waits for the log", "run", r.id, "error", err)
		}
		t := r.e.o.Clock.NewTimer(admitRetry)
		select {
		case <-t.C():
		case <-requested:
		case <-r.e.executing.Done():
		}
		t.Stop()
	}
}

// onOutcome takes the answer of an attempt.
func (r *runner) onOutcome(o outcome, now time.Time) {
	if f := o.result.Release; f != nil {
		r.release = append(r.release, f)
	}
	if cancel := r.executing[o.attempt]; cancel != nil {
		cancel()
		delete(r.executing, o.attempt)
	}
	defer r.uncalled(o.attempt, now)
	if o.unmade || r.e.aborted.Load() || !r.state.Wanted(o.attempt.path, o.attempt.n) {
		return
	}
	if o.result.Waits {
		r.onWaits(o, now)
		return
	}
	e := &run.ActivityFinished{Path: o.attempt.path, Attempt: o.attempt.n, Status: run.Succeeded, At: now,
		Secrets: o.revealed}
	// An expression can carry what was revealed into any event from now on.
	r.journal.frames.sealed = r.journal.frames.sealed || len(o.revealed) > 0
	if o.result.Output != nil {
		e.Output = o.result.Output
	}
	if err := o.result.Err; err != nil {
		r.fail(e, err)
	} else if o.result.Effect != nil {
		ready := r.journal.encode(e)
		err := r.journal.stage(o.result.Effect, func() { r.journal.put(ready) })
		if err == nil {
			r.apply(ready.event)
			return
		}
		r.journal.keep(ready.payloads)
		e.Output = nil
		r.fail(e, activity.ErrorFrom(codeEffectRefused, err))
	}
	ready := r.journal.encode(e)
	r.apply(ready.event)
	r.journal.put(ready)
}

// codeEffectRefused is the error code of an activity whose effect is refused for
// a reason that has no code of its own.
const codeEffectRefused = "EffectRefused"

func (r *runner) fail(e *run.ActivityFinished, err *activity.Error) {
	e.Status, e.Error = run.Failed, err
}

// apply folds an event that is known to fit.
func (r *runner) apply(e run.Event) {
	if err := r.state.Apply(e); err != nil {
		panic(fmt.Sprintf("engine: %v", err)) // Wanted said yes
	}
	r.changed = e.When()
}

// happen folds and writes an event that may come too late.
func (r *runner) happen(e run.Event) error {
	if err := r.state.Apply(e); err != nil {
		if !errors.Is(err, run.ErrNotWanted) {
			panic(fmt.Sprintf("engine: %v", err))
		}
		return err
	}
	r.changed = e.When()
	r.journal.add(e)
	return nil
}

// fire reports the timers that are due, unless the run decides nothing now.
func (r *runner) fire(now time.Time) {
	if r.stopping || r.queued {
		return
	}
	for {
		t, ok := r.timers.due(now)
		if !ok {
			return
		}
		_ = r.happen(t.Fired(now)) // a timer of the past is dropped
	}
}

// decide takes decisions and adds them to the journal one by one, the last one of
// the run in a unit of its own. It returns those that are commands. A turn that is
// large, or a message that can't wait, leaves the rest for the next turn.
func (r *runner) decide(now time.Time) (acts []run.Event) {
	r.undecided = false
	if r.stopping || r.queued {
		return nil
	}
	if r.large && !r.waitLarge() {
		r.undecided = true // it is heard first
		return nil
	}
	for range decisionsPerTurn {
		if r.journal.turn >= turnBytes || r.large {
			break
		}
		e, left := r.step(now)
		if e == nil {
			r.undecided = left
			return acts
		}
		r.changed = e.When()
		switch e := e.(type) {
		case *run.Finished:
			r.finish(e)
			return acts
		case *run.ActivityStarted:
			acts = append(acts, e)
		default:
			if _, ok := run.TimerOf(e); ok {
				acts = append(acts, e)
			}
		}
	}
	r.undecided = true
	return acts
}

// step takes one decision and adds it to the journal, but for the last one of the
// run. It returns nil if there is none, and whether one is left all the same. A panic,
// which is a mistake of ours, ends this run's owner and no other.
func (r *runner) step(now time.Time) (e run.Event, left bool) {
	defer func() {
		if p := recover(); p != nil {
			r.broken, e, left = panicked(r.e.o.Logger, r.id, p), nil, false
		}
	}()
	defer r.long.End()
	events, left := r.state.Decide(now, 1, &r.interrupt)
	if len(events) == 0 {
		return nil, left
	}
	switch e := events[0].(type) {
	case *run.Finished: // see finish
	case *run.ChildStarted:
		r.startChild(e)
	default:
		r.journal.add(e)
	}
	return events[0], true
}

// waitLarge waits for room for large decisions. It reports false if the run is cancelled
// meanwhile.
func (r *runner) waitLarge() bool {
	r.large = false
	if r.cancelRequested() {
		return true // it evaluates nothing
	}
	ctx, cancel := context.WithCancel(r.e.executing)
	defer cancel()
	go func() {
		select {
		case <-r.requested:
			cancel()
		case <-ctx.Done():
		}
	}()
	free, err := r.e.memory.large.Take(ctx, largeDecision)
	if err == nil {
		r.release = append(r.release, free)
	}
	return err == nil || r.e.executing.Err() != nil
}

// finish takes the end of the run, which is written with the effect that settles what
// started it. What it counts in is locked until the unit with it is submitted, so what
// is written at a pace goes before it.
func (r *runner) finish(last *run.Finished) {
	r.tooLate()
	r.undecided = false
	ready := r.journal.encode(last)
	r.journal.keep(ready.payloads)
	ready.payloads = nil
	if !r.first && r.journal.turn >= pacedFrom {
		r.sync()
	}
	record := r.runRecord(r.record())
	r.end = func() {
		r.journal.put(ready)
		r.journal.ended(record)
	}
	r.writeEnd()
}

// writeEnd writes the end of the run. If that has to wait, who creates the run leaves it
// to the owner.
func (r *runner) writeEnd() {
	if r.settleAnd(r.end) {
		r.finished, r.end = true, nil
		r.dropEarlier() // in a unit of its own, after the one that ends the run
	} else if !r.first {
		r.unended = true
	}
}

// settleAnd calls write in the unit that settles what started the run, or without that
// if it is refused. It reports false if the engine stops before, or if it would have to
// wait on the goroutine of who creates the run.
func (r *runner) settleAnd(write func()) bool {
	if effect := r.finishEffect(); effect != nil {
		err := r.stageEnd(effect, write)
		if err == nil {
			return true
		}
		if errors.Is(err, commit.ErrUnread) {
			return false
		}
		r.e.o.Logger.Error("run ends without settling its messages", "run", r.id, "pipeline", r.pipeline,
			"error", err)
	}
	write()
	return true
}

func (r *runner) finishEffect() commit.Effect {
	if r.e.o.Finish == nil || len(r.created.Binding) == 0 {
		return nil
	}
	effect, err := r.e.o.Finish(r.created.Binding, r.id, r.outcome())
	if err != nil {
		r.e.o.Logger.Error("run ends without settling its messages", "run", r.id, "pipeline", r.pipeline,
			"error", err)
		return nil
	}
	return effect
}

// commitTurn makes the turn durable and then acts on it: nothing that was decided
// leaves before. A folded run also starts what was in flight.
func (r *runner) commitTurn(acts []run.Event, folded bool) {
	if r.e.left.Load() || r.unended {
		r.stopping = true // the next start decides it again
		return
	}
	view := r.record()
	if !r.finished && r.recorded != view.Status {
		r.journal.update(r.runRecord(view))
		r.recorded = view.Status
	}
	r.sync()
	r.let()
	r.callbacks.answer()
	r.count()
	r.view.Store(view)
	if r.broken != nil {
		return
	}
	if r.finished {
		r.cancelUnwanted(true)
		return
	}
	for _, e := range acts {
		if t, ok := run.TimerOf(e); ok {
			r.timers.add(t)
			if tell := r.waiting; tell != nil && (t.Kind == run.TimerWait || t.Kind == run.TimerRetry) {
				tell(t)
			}
		}
		if e, ok := e.(*run.ActivityStarted); ok && r.state.Wanted(e.Path, e.Attempt) {
			r.execute(e)
		}
	}
	if folded {
		for _, e := range r.state.InFlight() {
			r.execute(e)
		}
	}
	r.cancelUnwanted(false)
	r.awaitLess()
	if r.callbacks.some {
		r.countWaits(r.state.WaitingForCalls())
	}
	r.timers.compact(r.state)
	r.keepState()
}

// sync makes what the turn has written durable, much of it at a pace.
func (r *runner) sync() {
	written := r.e.pace.begin(r.e.executing, r.e.quit, r.requested, r.journal.turn)
	defer written() // also if the log ends this goroutine
	r.journal.sync()
}

// count tells the engine of the activity runs that have ended since the last turn.
func (r *runner) count() {
	n := r.state.Ended()
	r.e.finishedActivities.Add(int64(n - r.counted))
	r.counted = n
	r.e.memory.set(r, r.state.Held())
}

// cancelUnwanted ends attempts whose outcome would not be taken.
func (r *runner) cancelUnwanted(all bool) {
	for a, cancel := range r.executing {
		if all || !r.state.Wanted(a.path, a.n) {
			cancel()
			delete(r.executing, a)
		}
	}
}

// awaitLess notes which runs are no longer waited for: those of an Until that is out of
// time go on.
func (r *runner) awaitLess() {
	if !r.calls {
		return
	}
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	still := map[string]bool{}
	for _, c := range r.state.Children() {
		still[c.RunID] = r.awaits[c.RunID]
	}
	maps.DeleteFunc(r.awaits, func(id string, _ bool) bool { return !still[id] })
}

// leave is the end of a run that is durable.
func (r *runner) leave() {
	r.e.leave(r)
	r.e.tellParent(r.parent, r.id, r.childResult)
	r.e.finishedRuns.Add(1)
	r.e.tell(FinishedRun{ID: r.id, Factory: r.factory, Pipeline: r.pipeline, Trigger: r.trigger,
		Outcome: r.outcome(), Started: r.created.At, Ended: r.changed, Binding: r.created.Binding})
}

// let gives back what outcomes hold.
func (r *runner) let() {
	for _, f := range r.release {
		f()
	}
	clear(r.release)
	r.release = r.release[:0]
}

// abandon lets go of what still works for the run, and of the memory it takes.
func (r *runner) abandon() {
	r.countWaits(0)
	r.e.memory.set(r, 0)
	r.e.cache.forget(r.id)
	r.cancelUnwanted(true)
	r.timers.stop()
	r.let()
	r.mail.close()
}
