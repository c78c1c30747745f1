package engine

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"switchyard/commit"
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
		attempt attempt
		result  activity.Result
		unmade  bool // the engine stopped before it was the attempt's turn
	}
	// cancellation asks the run to stop; done answers when that is durable.
	cancellation struct{ done chan<- error }
	// inspection reads the state, on the owner's goroutine.
	inspection struct {
		look func(s *run.State)
		done chan struct{}
	}
	// creation makes a new run durable. It is the owner's first work.
	creation struct {
		effect commit.Effect // may be nil
		done   chan<- error
	}
)

// An attempt is one attempt of one activity of a run.
type attempt struct {
	path string
	n    int
}

const (
	// decisionsPerTurn bounds a turn, so that a run that decides without end
	// still gets its messages and keeps its units small.
	decisionsPerTurn = 1024
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
	arrival                        uint64 // place among queued runs; set by Engine.enter

	mail  *mailbox
	ended chan struct{} // closed when the owner has ended
	// view is the run's record as of its last durable turn; nil before the first.
	view atomic.Pointer[PipelineRun]

	// The following belong to the owner.
	state     *run.State
	journal   journal
	queued    bool // waits for a slot
	stopping  bool // decides no more
	finished  bool // the last event is written
	undecided bool // the last turn has left decisions
	changed   time.Time
	timers    timers
	executing map[attempt]func() // cancels the attempt
	spare     []message
	counted   int         // activity runs that are over and counted by the engine
	base      PipelineRun // what never changes of the run's record
}

// makeRunner makes the owner of a run that stands at its first event.
func (e *Engine) makeRunner(c *run.Created, revision *run.Revision) (*runner, error) {
	s, err := run.New(c, revision)
	if err != nil {
		return nil, err
	}
	p := s.Pipeline()
	r := &runner{
		e: e, id: c.ID, factory: c.Factory, pipeline: c.PipelineName, trigger: c.Trigger.Name,
		created: c, revision: revision, concurrency: p.Concurrency,
		mail: newMailbox(), ended: make(chan struct{}),
		state: s,
		journal: journal{e: e, run: c.ID, frames: frames{sealer: e.o.Sealer, sealed: holdsSecrets(p, c)},
			next: 1},
		changed:   c.At,
		executing: map[attempt]func(){},
	}
	r.base = baseRecord(s)
	return r, nil
}

// loop is the run's goroutine. It works through the creation, if the run is new,
// and then through turns until the run has ended or the engine stops.
func (r *runner) loop(c *creation) {
	defer r.e.wg.Done()
	defer close(r.ended)
	if c != nil {
		if err := r.create(c.effect); err != nil {
			r.e.leave(r)
			r.abandon()
			c.done <- err
			return
		}
		c.done <- nil
	} else {
		r.begin()
	}
	for !r.finished && !r.idleForGood() {
		r.turn(r.wait())
	}
	if r.finished {
		r.leave()
	} else {
		r.e.forget(r)
	}
	r.abandon()
}

// answer waits for what the owner says. An owner whose log has failed ends
// without an answer.
func (r *runner) answer(done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-r.ended:
	}
	select {
	case err := <-done:
		return err
	default:
		return ErrStopping
	}
}

// create makes the run durable with its effect, and takes the first decisions
// so that they need no sync of their own.
func (r *runner) create(effect commit.Effect) error {
	revisions := r.e.revisions
	revisions.creating.RLock()
	defer revisions.creating.RUnlock()
	definition := revisions.missing(r.revision)
	e := r.journal.encode(r.created)
	view := r.record()
	write := func() {
		if definition != nil {
			r.journal.definition(r.revision.Hash(), definition)
		}
		r.journal.put(e)
		r.journal.record(r.runRecord(view))
	}
	if effect == nil {
		write()
	} else if err := r.journal.stage(effect, write); err != nil {
		return err
	}
	r.commitTurn(r.decide(r.now()), false)
	if definition != nil {
		revisions.durable(r.revision)
	}
	return nil
}

// begin is the first turn of a run that was folded: timers that came due while
// the process was down fire before attempts are made again.
func (r *runner) begin() {
	now := r.now()
	if !r.stopping && !r.queued {
		r.fire(now)
	}
	r.commitTurn(r.decide(now), true)
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
		r.refuse(messages)
		return
	}
	now := r.now()
	var cancelled []chan<- error
	var inspections []*inspection
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
		case *cancellation:
			if err := r.happen(&run.CancelRequested{At: now}); err == nil {
				r.queued = false
			}
			cancelled = append(cancelled, m.done)
		case *inspection:
			inspections = append(inspections, m)
		default:
			panic(fmt.Sprintf("engine: message %T", m))
		}
	}
	clear(messages)
	if !r.stopping && !r.queued {
		r.fire(now)
	}
	r.commitTurn(r.decide(now), false)
	for _, done := range cancelled {
		done <- nil
	}
	for _, i := range inspections {
		i.look(r.state) // all of it is durable now
		close(i.done)
	}
}

// now is the clock, which never goes backwards for a run.
func (r *runner) now() time.Time {
	now := r.e.o.Clock.Now().UTC()
	if now.Before(r.changed) {
		return r.changed
	}
	return now
}

// admit waits until the log takes more. It reports false if the engine stops
// first.
func (r *runner) admit() bool {
	for logged := false; ; logged = true {
		err := r.e.o.Log.Admit(r.e.executing, admitSize)
		if err == nil {
			return true
		}
		if r.e.executing.Err() != nil {
			return false
		}
		if !logged {
			r.e.o.Logger.Error("pipeline run waits for the log", "run", r.id, "error", err)
		}
		t := r.e.o.Clock.NewTimer(admitRetry)
		select {
		case <-t.C():
		case <-r.e.executing.Done():
		}
		t.Stop()
	}
}

// onOutcome takes the answer of an attempt.
func (r *runner) onOutcome(o outcome, now time.Time) {
	if cancel := r.executing[o.attempt]; cancel != nil {
		cancel()
		delete(r.executing, o.attempt)
	}
	if o.unmade || r.e.aborted.Load() || !r.state.Wanted(o.attempt.path, o.attempt.n) {
		return
	}
	e := &run.ActivityFinished{Path: o.attempt.path, Attempt: o.attempt.n, Status: run.Succeeded, At: now}
	if o.result.Output != nil {
		e.Output = o.result.Output
	}
	if err := o.result.Err; err != nil {
		r.fail(e, err)
	} else if o.result.Effect != nil {
		ready := r.journal.encode(e)
		err := r.journal.stage(o.result.Effect, func() { r.journal.put(ready) })
		if err == nil {
			r.apply(e)
			return
		}
		r.journal.keep(ready.payloads)
		e.Output = nil
		r.fail(e, activity.ErrorFrom(codeEffectRefused, err))
	}
	r.apply(e)
	r.journal.add(e)
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

// fire reports the timers that are due.
func (r *runner) fire(now time.Time) {
	for {
		t, ok := r.timers.due(now)
		if !ok {
			return
		}
		_ = r.happen(t.Fired(now)) // a timer of the past is dropped
	}
}

// decide takes decisions and adds them to the journal, all but the last one of
// the run, which goes into a unit of its own.
func (r *runner) decide(now time.Time) []run.Event {
	r.undecided = false
	if r.stopping || r.queued {
		return nil
	}
	var events []run.Event
	events, r.undecided = r.state.Decide(now, decisionsPerTurn, nil)
	for _, e := range events {
		r.changed = e.When()
		if last, ok := e.(*run.Finished); ok {
			r.finish(last)
			break
		}
		r.journal.add(e)
	}
	return events
}

// finish writes the end of the run, with the effect that settles what started
// it.
func (r *runner) finish(last *run.Finished) {
	r.finished = true
	r.undecided = false
	ready := r.journal.encode(last)
	record := r.runRecord(r.record())
	write := func() {
		r.journal.put(ready)
		r.journal.ended(record)
	}
	if effect := r.finishEffect(); effect != nil {
		err := r.journal.stage(effect, write)
		if err == nil {
			return
		}
		r.e.o.Logger.Error("run ends without settling its messages", "run", r.id, "pipeline", r.pipeline,
			"error", err)
	}
	write()
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
func (r *runner) commitTurn(events []run.Event, folded bool) {
	view := r.record()
	if old := r.view.Load(); !r.finished && old != nil && old.Status != view.Status {
		r.journal.update(r.runRecord(view))
	}
	r.journal.sync()
	r.count()
	r.view.Store(view)
	if r.finished {
		r.cancelUnwanted(true)
		return
	}
	if folded {
		for _, t := range r.state.Timers() {
			r.timers.add(t)
		}
		for _, e := range r.state.InFlight() {
			r.execute(e)
		}
		return
	}
	for _, e := range events {
		if t, ok := run.TimerOf(e); ok {
			r.timers.add(t)
		}
		if e, ok := e.(*run.ActivityStarted); ok && r.state.Wanted(e.Path, e.Attempt) {
			r.execute(e)
		}
	}
	r.cancelUnwanted(false)
	r.timers.compact(r.state)
}

// count tells the engine of the activity runs that have ended since the last turn.
func (r *runner) count() {
	n := r.state.Ended()
	r.e.finishedActivities.Add(int64(n - r.counted))
	r.counted = n
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

// leave is the end of a run that is durable.
func (r *runner) leave() {
	r.e.leave(r)
	r.e.finishedRuns.Add(1)
	r.e.tell(FinishedRun{ID: r.id, Factory: r.factory, Pipeline: r.pipeline, Trigger: r.trigger,
		Outcome: r.outcome()})
}

// abandon answers all who still wait for the owner.
func (r *runner) abandon() {
	r.cancelUnwanted(true)
	r.timers.stop()
	r.refuse(r.mail.close())
}

func (r *runner) refuse(messages []message) {
	for _, m := range messages {
		switch m := m.(type) {
		case *cancellation:
			if r.finished {
				m.done <- ErrRunFinished
			} else {
				m.done <- ErrStopping
			}
		case *inspection:
			m.look(r.state)
			close(m.done)
		}
	}
}
