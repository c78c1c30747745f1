package trigger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/recurrence"
)

// WindowRuns create the runs of windows and know how they have ended: an [engine.Engine].
type WindowRuns interface {
	Creator
	PipelineRun(id string) (*engine.PipelineRun, error)
}

// WindowOptions are what a [TumblingWindow] needs.
type WindowOptions struct {
	Runs    WindowRuns
	Firings *Firings
	Log     commit.Log
	Clock   clock.Clock
	Logger  *slog.Logger // default: none
	Factory *pipeline.Factory
	Trigger *pipeline.Trigger // of type TumblingWindowTrigger
}

const (
	// WindowsAhead is how many windows that have no place yet have a trigger run. Those behind
	// them get one later.
	WindowsAhead = 100
	// LongestWait is how long a window waits for other ones [ENGINE 6.2].
	LongestWait = 7 * 24 * time.Hour
)

// TumblingWindow is one trigger of type TumblingWindowTrigger [ENGINE 6.2], started at most
// once. It has a goroutine and, while that waits, a timer: nothing is listed in advance but the
// windows whose time has come and that wait for a place.
//
// Each step of a window is one unit: that it was made, with the end of the last one that was;
// that its pipeline was started, with the run; how the run has ended, with the end of the run. So
// a process that is killed has done a step or not, and the next one goes on.
type TumblingWindow struct {
	o      WindowOptions
	rule   *recurrence.TumblingWindow
	needs  []upstream
	target pipeline.TriggeredPipeline
	lane   *lane

	wake      chan struct{} // a window of the factory has changed
	cancel    context.CancelFunc
	ended     chan struct{} // closed by the loop
	interrupt expr.Interrupt
	large     atomic.Bool // see Schedule
	looked    time.Time   // when it looked at runs that go on; owned by the loop
}

// NewTumblingWindow checks the definition and returns a trigger that is not started.
func NewTumblingWindow(o WindowOptions) (*TumblingWindow, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	rule, ds := recurrence.ReadTumblingWindow(o.Trigger)
	if err := ds.Err(); err != nil {
		return nil, fmt.Errorf("trigger %q: %w", o.Trigger.Name, err)
	}
	if why := recurrence.CheckPipelines(o.Trigger); why != "" {
		return nil, fmt.Errorf("trigger %q: %s", o.Trigger.Name, why)
	}
	t := &TumblingWindow{o: o, rule: rule, target: o.Trigger.Pipelines[0], wake: make(chan struct{}, 1)}
	var err error
	if t.needs, err = upstreams(o.Factory, o.Trigger, rule); err != nil {
		return nil, err
	}
	t.o.Logger = o.Logger.With("factory", o.Factory.Name, "trigger", o.Trigger.Name)
	t.large.Store(true)
	return t, nil
}

// Start begins to make windows and to run those that were made, until Stop or the end of ctx.
func (t *TumblingWindow) Start(ctx context.Context) error {
	x := t.o.Firings
	if err := x.host(t); err != nil {
		return err
	}
	ctx, t.cancel = context.WithCancel(ctx)
	t.ended = make(chan struct{})
	go t.loop(ctx)
	return nil
}

// Stop ends the trigger and returns when it will start no further run. Runs that it has started
// go on, and how they end is recorded.
func (t *TumblingWindow) Stop() {
	if t.cancel == nil {
		return
	}
	t.cancel()
	t.interrupt.Raise()
	<-t.ended
	t.o.Firings.leave(t)
}

// host lets a trigger decide about its windows.
func (x *Firings) host(t *TumblingWindow) error {
	x.mu.Lock()
	l, err := x.laneOf(t.o.Factory.Name, t.o.Trigger.Name)
	if err != nil {
		x.mu.Unlock()
		return err
	}
	t.lane, l.host = l, t
	x.mu.Unlock()
	x.hosting.Lock()
	defer x.hosting.Unlock()
	x.hosts[t] = strings.ToLower(t.o.Factory.Name)
	return nil
}

// leave is the end of a trigger. It waits for a rerun that is being recorded.
func (x *Firings) leave(t *TumblingWindow) {
	t.lane.op.Lock()
	defer t.lane.op.Unlock()
	x.mu.Lock()
	if t.lane.host == t {
		t.lane.host = nil
	}
	x.mu.Unlock()
	x.hosting.Lock()
	defer x.hosting.Unlock()
	delete(x.hosts, t)
}

func (t *TumblingWindow) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *TumblingWindow) loop(ctx context.Context) {
	defer close(t.ended)
	trouble := 0
	for {
		wait, err := t.step(ctx)
		if ctx.Err() != nil || errors.Is(err, engine.ErrStopping) {
			return
		}
		wake := t.wake
		if err == nil {
			trouble = 0
		} else {
			wait, wake = min(firstPause<<min(trouble, 10), maxPause), nil
			trouble++
			t.o.Logger.Error("a tumbling-window trigger can't go on; it is tried again", "pause", wait, "error", err)
		}
		timer := t.o.Clock.NewTimer(min(wait, look))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-wake:
			timer.Stop()
		case <-timer.C():
		}
	}
}

// step makes the windows whose time has come, and does with each that has not ended what is to be
// done now. It returns how long nothing is to be done unless a window changes.
func (t *TumblingWindow) step(ctx context.Context) (wait time.Duration, err error) {
	t.lane.op.Lock()
	defer t.lane.op.Unlock()
	if err := t.settle(ctx); err != nil {
		return 0, err
	}
	if wait, err = t.make(ctx); err != nil {
		return 0, err
	}
	for _, r := range t.o.Firings.opened(t.lane) {
		pause, err := t.advance(ctx, r)
		if err != nil {
			return 0, err
		}
		wait = min(wait, pause)
	}
	return wait, nil
}

// settleEvery is the time between two looks at runs that go on.
const settleEvery = 10 * time.Minute

// settle looks, at the start and now and then, for windows whose runs have ended and could not
// tell it: of a run that was cancelled because it could not be resumed, or that is gone.
func (t *TumblingWindow) settle(ctx context.Context) error {
	now := t.o.Clock.Now()
	if !t.looked.IsZero() && now.Sub(t.looked) < settleEvery {
		return nil
	}
	for _, r := range t.o.Firings.opened(t.lane) {
		id := r.pipelineRun()
		if id == "" {
			continue
		}
		var o engine.Outcome
		switch p, err := t.o.Runs.PipelineRun(id); {
		case errors.Is(err, engine.ErrRunNotFound):
			o.Message = "How the pipeline run has ended is not known: it is no longer in the history."
		case err != nil:
			return err
		case !p.Status.Final():
			continue
		default:
			o.Status, o.Message = p.Status, p.Message
		}
		err := commit.Do(ctx, t.o.Log, commit.Frees, t.o.Firings.finish(t.binding(r), id, o))
		if err != nil {
			return err
		}
	}
	t.looked = now
	return nil
}

// make makes the windows whose time has come, in one unit, up to as many as may wait. It returns
// how long it is to the next one.
func (t *TumblingWindow) make(ctx context.Context) (time.Duration, error) {
	x := t.o.Firings
	waiting := 0
	for _, r := range x.opened(t.lane) {
		if r.Status == Waiting {
			waiting++
		}
	}
	if waiting > WindowsAhead/2 {
		return look, nil // it is woken when one of them has a place
	}
	now, at := clock.ShownNow(t.o.Clock), t.o.Clock.Now()
	var list []*Run
	ready, ok := t.rule.Next(t.lane.made) // only this goroutine changes it
	for ; ok && !ready.At.After(now) && waiting+len(list) < WindowsAhead; ready, ok = t.rule.Next(ready.End) {
		const tick = 100 * time.Nanosecond // so that their keys are in their order
		list = append(list, &Run{ID: newRunID(now.Add(time.Duration(len(list)) * tick)), Factory: t.lane.factory,
			Trigger: t.o.Trigger.Name, Type: t.o.Trigger.Type, At: at.Add(time.Duration(len(list)) * tick),
			Scheduled: ready.At, Status: Waiting, Window: &Window{Start: ready.Start, End: ready.End}})
	}
	if len(list) > 0 {
		if err := t.o.Log.Admit(ctx, len(list)*windowBytes); err != nil {
			return 0, err
		}
		u := &commit.Unit{}
		x.mu.Lock()
		for _, r := range list {
			x.putWindow(u, t.lane, r)
		}
		t.lane.made = list[len(list)-1].Window.End
		x.putFired(u, t.lane.factory, t.lane.trigger, t.lane.made)
		t.o.Log.Submit(u)
		x.mu.Unlock()
		t.o.Log.Sync(u)
	}
	if !ok {
		return look, nil
	}
	return max(ready.At.Sub(now), 0), nil
}

// windowBytes is about what a window takes in the log.
const windowBytes = 1 << 10

// advance does what is to be done for a window now. It returns how long that will be nothing
// unless another window changes.
func (t *TumblingWindow) advance(ctx context.Context, r *Run) (time.Duration, error) {
	now := t.o.Clock.Now()
	switch r.Status {
	case Waiting:
		if !t.place(r) {
			return look, nil
		}
		return t.begin(ctx, r, now)
	case WaitingOnDependency:
		return t.begin(ctx, r, now)
	}
	if r.pipelineRun() != "" {
		return look, nil
	}
	if left := r.Window.RetryAt.Sub(now); left > 0 {
		return left, nil
	}
	return look, t.start(ctx, r)
}

// place reports whether there is a place for a window that waits for one. Those that wait on
// dependencies have theirs; what they wait for may be that a window is rerun, so a rerun does not
// wait for them.
func (t *TumblingWindow) place(waits *Run) bool {
	taken := 0
	for _, r := range t.o.Firings.opened(t.lane) {
		if r.Status == Running || r.Status == WaitingOnDependency && !waits.Window.Rerun {
			taken++
		}
	}
	return taken < t.rule.MaxConcurrency
}

// begin starts the pipeline of a window that has a place, or lets it wait for others.
func (t *TumblingWindow) begin(ctx context.Context, r *Run, now time.Time) (time.Duration, error) {
	why, err := t.unmet(r)
	if err != nil {
		return 0, err
	}
	if why == "" {
		return look, t.start(ctx, r)
	}
	next, w := *r, *r.Window
	next.Window = &w
	left := LongestWait
	if r.Status == WaitingOnDependency {
		if left = w.WaitsSince.Add(LongestWait).Sub(now); left > 0 {
			return left, nil
		}
		next.Status, next.Message = Failed, cut("The window has waited for 7 days. "+why)
		t.o.Logger.Warn("a window has failed", "triggerRun", r.ID, "window", w.Start, "error", next.Message)
	} else {
		next.Status, next.Message, w.WaitsSince = WaitingOnDependency, cut(why), now.UTC()
	}
	return max(left, 0), t.o.Firings.write(ctx, t.lane, &next)
}

// write makes a step of a window durable.
func (x *Firings) write(ctx context.Context, l *lane, r *Run) error {
	if err := x.o.Log.Admit(ctx, windowBytes); err != nil {
		return err
	}
	u := &commit.Unit{}
	x.mu.Lock()
	x.putWindow(u, l, r)
	x.o.Log.Submit(u)
	x.mu.Unlock()
	x.o.Log.Sync(u)
	return nil
}
