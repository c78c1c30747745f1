package trigger

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/recurrence"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// A Creator creates the runs of one firing in one unit: an [engine.Engine].
type Creator interface {
	CreateRuns(ctx context.Context, f *pipeline.Factory, starts []*engine.Start, add func(u *commit.Unit)) error
	TakeLarge(ctx context.Context) (release func(), err error)
}

// ScheduleOptions are what a [Schedule] needs.
type ScheduleOptions struct {
	Runs    Creator
	Firings *Firings
	Clock   clock.Clock
	Logger  *slog.Logger // default: none
	Factory *pipeline.Factory
	Trigger *pipeline.Trigger // of type ScheduleTrigger
}

// MadeUp is how many firings are made up at most of those that fell due while nobody could
// fire them: as many runs as may wait for a pipeline's concurrency. Those before are given up.
const MadeUp = 100

const (
	// look is the longest wait. The schedule goes by the wall clock, which may be set.
	look = time.Minute
	// ahead is by how much the last firing is before the wall clock at most. If it is by
	// more, the clock was wrong then.
	ahead = time.Hour
)

// Schedule is one trigger of type ScheduleTrigger [ENGINE 6.1], started at most once. It has
// a goroutine and, while that waits, a timer: nothing is listed in advance.
//
// A firing is one unit of the runs that it creates, its trigger run and the time up to which
// the trigger has fired. So a process that is killed has fired or it has not, and the next
// one goes on where it was.
type Schedule struct {
	o    ScheduleOptions
	rule *recurrence.Schedule
	at   time.Time // up to which it has fired; owned by the loop

	cancel    context.CancelFunc
	ended     chan struct{} // closed by the loop
	interrupt expr.Interrupt
	// large says that an evaluation of the parameters may be: the last one was, or there
	// was none.
	large atomic.Bool
}

// NewSchedule checks the definition and returns a trigger that is not started.
func NewSchedule(o ScheduleOptions) (*Schedule, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	rule, ds := recurrence.ReadSchedule(o.Trigger)
	if err := ds.Err(); err != nil {
		return nil, fmt.Errorf("trigger %q: %w", o.Trigger.Name, err)
	}
	if why := recurrence.CheckPipelines(o.Trigger); why != "" {
		return nil, fmt.Errorf("trigger %q: %s", o.Trigger.Name, why)
	}
	t := &Schedule{o: o, rule: rule}
	t.o.Logger = o.Logger.With("factory", o.Factory.Name, "trigger", o.Trigger.Name)
	t.large.Store(true)
	return t, nil
}

// Start begins to fire, until Stop or the end of ctx: from the firing on after the last one
// or, if the trigger was stopped since, from the time of its start.
func (t *Schedule) Start(ctx context.Context) error {
	now := clock.ShownNow(t.o.Clock)
	// A firing at the very time of the start counts.
	t.at = t.o.Trigger.StartedAt.Add(-1)
	if t.at.After(now) {
		t.at = now // it was started by a clock that has been set back since
	}
	switch fired, err := t.o.Firings.fired(t.o.Factory.Name, t.o.Trigger.Name); {
	case errors.Is(err, commit.ErrDamaged):
		t.o.Logger.Error("when the trigger fired last can't be read: what fell due until now is not made up",
			"error", err)
		t.at = now
	case err != nil:
		return err
	case fired.After(t.at):
		t.at = fired
	}
	if t.at.After(now.Add(ahead)) {
		t.o.Logger.Warn("the trigger has fired for times that are still to come: the clock was wrong, or is; "+
			"it goes on from now", "fired", t.at)
		t.at = now
	}
	ctx, t.cancel = context.WithCancel(ctx)
	t.ended = make(chan struct{})
	go t.loop(ctx)
	return nil
}

// Stop ends the trigger and returns when it will fire no more. Runs that it has started go on.
func (t *Schedule) Stop() {
	if t.cancel == nil {
		return
	}
	t.cancel()
	t.interrupt.Raise()
	<-t.ended
}

func (t *Schedule) loop(ctx context.Context) {
	defer close(t.ended)
	trouble := 0
	for {
		now := clock.ShownNow(t.o.Clock)
		at, ok := t.next(now)
		if !ok {
			<-ctx.Done() // it has fired for the last time
			return
		}
		wait := at.Sub(now)
		if wait <= 0 {
			err := t.fire(ctx, at, now)
			if ctx.Err() != nil || errors.Is(err, engine.ErrStopping) {
				return
			}
			if err == nil {
				t.at, trouble = at, 0
				continue
			}
			wait = min(firstPause<<min(trouble, 10), maxPause)
			trouble++
			t.o.Logger.Error("a trigger can't fire; it is tried again", "scheduledTime", at, "pause", wait,
				"error", err)
		}
		timer := t.o.Clock.NewTimer(min(wait, look))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
	}
}

// next returns when the trigger fires next: in the past, if that is still to be made up.
// What is too much to be made up it gives up.
func (t *Schedule) next(now time.Time) (time.Time, bool) {
	if t.at.After(now.Add(ahead)) {
		t.at = now // the clock was set back
	}
	due := 0
	for range t.rule.Between(t.at.Add(1), now.Add(1)) {
		due++
	}
	if over := due - MadeUp; over > 0 {
		for at := range t.rule.Between(t.at.Add(1), now.Add(1)) {
			if over--; over == 0 {
				t.o.Logger.Warn("firings of a trigger that nobody could fire in time are given up",
					"firings", due-MadeUp, "after", t.at, "until", at, "madeUp", MadeUp)
				t.at = at
				break
			}
		}
	}
	return t.rule.After(t.at)
}

// fire makes one unit of the runs of a firing and of its records. A run that can't be created
// makes a Failed trigger run; the others are created.
func (t *Schedule) fire(ctx context.Context, at, now time.Time) error {
	free := func() {}
	if t.large.Load() {
		var err error
		if free, err = t.o.Runs.TakeLarge(ctx); err != nil {
			return err
		}
	}
	defer free()
	measured := t.o.Clock.Now()
	f := &Run{ID: newRunID(now), Factory: t.o.Factory.Name, Trigger: t.o.Trigger.Name, Type: t.o.Trigger.Type,
		At: measured, Scheduled: at, Status: Succeeded}
	starts, err := t.starts(f, now)
	if err != nil {
		return err
	}
	err = t.o.Runs.CreateRuns(ctx, t.o.Factory, starts, func(u *commit.Unit) {
		for _, s := range starts {
			if s.Refused != nil {
				f.fail(s.Refused)
				continue
			}
			f.Pipelines = append(f.Pipelines, Triggered{s.Pipeline, s.Options.ID})
		}
		t.o.Firings.put(u, f)
	})
	if err == nil && f.Status == Failed {
		t.o.Logger.Warn("a trigger run has failed", "triggerRun", f.ID, "scheduledTime", at, "error", f.Message)
	}
	return err
}

// starts evaluates the arguments of the pipelines. One whose arguments can't be evaluated
// fails the trigger run and has no run.
func (t *Schedule) starts(f *Run, now time.Time) (list []*engine.Start, err error) {
	seed := fnv.New64a()
	seed.Write([]byte(f.ID))
	x := expr.Context{Now: now, Seed: seed.Sum64(), Trigger: triggerObject(f, now),
		Budget: expr.NewBudget(fmt.Sprintf("the parameters of trigger %q", f.Trigger), &t.interrupt)}
	for _, p := range t.o.Trigger.Pipelines {
		params, err := evaluate(&x, p.Parameters)
		if x.Budget.Interrupted() {
			return nil, context.Canceled
		}
		if err != nil {
			f.fail(fmt.Errorf("pipeline %q: %w", p.Pipeline.Name, err))
			continue
		}
		list = append(list, &engine.Start{Pipeline: p.Pipeline.Name, Parameters: params,
			Options: engine.RunOptions{ID: engine.NewID(),
				Trigger: &run.TriggerInfo{ID: f.ID, Name: f.Trigger, Type: f.Type, Time: now}}})
	}
	t.large.Store(x.Budget.Produced() > engine.LargeFrom)
	return list, nil
}

// evaluate evaluates the arguments of one pipeline.
func evaluate(x *expr.Context, given *value.Object) (params *value.Object, err error) {
	defer func() {
		if p := recover(); p != nil {
			params, err = nil, &expr.Error{Code: expr.CodeInvalidTemplate,
				Message: fmt.Sprintf("the expression ended with an internal error: %v", p)}
		}
	}()
	params = &value.Object{}
	for _, m := range given.Members() {
		v, err := x.Evaluate(m.Value)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", m.Name, err)
		}
		params.Set(m.Name, v)
	}
	return params, nil
}

// triggerObject is what trigger() returns [ENGINE 6].
func triggerObject(f *Run, now time.Time) *value.Object {
	return value.NewObject(
		member("name", "Trigger_"+idOf(f, "name")),
		member("startTime", moment(now)),
		member("endTime", moment(now)),
		member("scheduledTime", moment(f.Scheduled)),
		member("trackingId", idOf(f, "trackingId")),
		member("clientTrackingId", f.ID),
		member("originHistoryName", f.ID),
		member("code", "OK"),
		member("status", string(Succeeded)))
}

// idOf returns a GUID that a trigger run has: the same in each attempt.
func idOf(f *Run, what string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(f.ID+what)).String()
}

// moment writes a time as triggers do: without the zeros at the end of the fraction
// [ENGINE 6].
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999Z") }

// fail makes a trigger run a failed one, with all the reasons.
func (f *Run) fail(why error) {
	f.Status = Failed
	f.Message = cut(strings.TrimPrefix(f.Message+"; "+why.Error(), "; "))
}
