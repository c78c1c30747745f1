package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// An attempt of a WebHook is executed until its call is answered. Then it is an event, and a
// timer, until it is called back: see docs/decisions/0016-webhooks.md.

// Errors of [Engine.CallBack], beside those of the run.
var (
	// ErrCalledBack reports a callback after the one that ended the activity.
	ErrCalledBack = errors.New("the activity has been called back already")
	// ErrAside reports a run that can't go on now.
	ErrAside = errors.New("the pipeline run can't be resumed")

	errNobodyWaits = errors.New("no attempt waits")
)

// An EndedError reports a callback for an attempt that has ended without it.
type EndedError struct {
	Activity string
	Status   run.Status
	Code     string // of its error, "" if it has none
	TimedOut bool
}

func (e *EndedError) Error() string {
	if e.TimedOut {
		return fmt.Sprintf("the activity '%s' was not called back within its timeout", e.Activity)
	}
	return fmt.Sprintf("the activity '%s' has ended with the status %s", e.Activity, e.Status)
}

// The messages of callbacks.
type (
	// accepted: what an attempt called gives its answer later.
	accepted struct {
		attempt attempt
		poll    string
	}
	// calling: an attempt is about to call out, and may be called back from now on.
	calling struct {
		attempt attempt
		given   given
	}
	// calledBack: somebody calls an attempt back.
	calledBack struct {
		activityRun string
		body        value.Value
		answer      chan error // takes one
	}
)

// given is what the outcome of a callback needs to know of its attempt.
type given struct {
	reports bool
	secrets []string
}

// callbacks is what an owner knows of the attempts that are called back.
type callbacks struct {
	calling map[attempt]given // that execute
	early   []calledBack      // for attempts that this process has not begun to make
	answers []func()          // due when the turn is durable
	some    bool              // there was an attempt that waits
	counted int               // attempts that wait and are counted by the engine
}

// answer tells those who have called what is durable now.
func (c *callbacks) answer() {
	for _, f := range c.answers {
		f()
	}
	clear(c.answers)
	c.answers = c.answers[:0]
}

// hold keeps a callback until its attempt is made. One of each attempt is enough: who calls
// back again is told to do so later.
func (c *callbacks) hold(m calledBack) {
	if slices.ContainsFunc(c.early, func(x calledBack) bool { return x.activityRun == m.activityRun }) {
		c.tell(m, ErrAside)
		return
	}
	c.early = append(c.early, m)
}

func (c *callbacks) tell(m calledBack, err error) {
	c.answers = append(c.answers, func() { m.answer <- err })
}

// CallBack gives the body of a callback to the attempt that waits for it, and returns when
// that is durable. Errors are [activity.ErrCallBack] for a body that can't be used,
// [ErrCalledBack], an [EndedError], [ErrRunNotFound], [ErrRunDropped], [ErrAside],
// [ErrStopping] and those of the context.
func (e *Engine) CallBack(ctx context.Context, runID, activityRunID string, body value.Value) error {
	if r := e.find(runID); r != nil {
		m := calledBack{activityRunID, body, make(chan error, 1)}
		r.mail.post(m)
		err := errNobodyWaits
		select {
		case err = <-m.answer:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.ended:
			select {
			case err = <-m.answer:
			default:
			}
		}
		if !errors.Is(err, errNobodyWaits) {
			return err
		}
	}
	return e.nobodyWaits(runID, activityRunID)
}

// nobodyWaits says why an attempt takes no callback.
func (e *Engine) nobodyWaits(runID, activityRunID string) error {
	if e.asideOf(runID) != nil {
		return fmt.Errorf("run %s: %w", runID, ErrAside)
	}
	all, err := e.ActivityRuns(runID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a *ActivityRun) bool { return a.ID == activityRunID })
	if i < 0 {
		return fmt.Errorf("run %s has no such activity: %w", runID, ErrRunNotFound)
	}
	a := all[i]
	ended := &EndedError{Activity: a.Name, Status: a.Status}
	switch {
	case a.Status == run.Succeeded, failedByCall(a):
		return ErrCalledBack
	case a.Status == run.InProgress && (e.find(runID) == nil || e.stops()):
		return ErrStopping
	case a.Status == run.InProgress: // the run is being cancelled
		ended.Status = run.Cancelled
	case a.Error != nil:
		ended.Code, ended.TimedOut = a.Error.Code, a.Error.Code == run.CodeActionTimedOut
	}
	return ended
}

// failedByCall reports whether the callback of an attempt whose call was answered has ended
// it with a failure: nothing but its time-out fails it otherwise.
func failedByCall(a *ActivityRun) bool {
	return a.Status == run.Failed && !a.Accepted.IsZero() && (a.Error == nil || a.Error.Code != run.CodeActionTimedOut)
}

// stops reports whether Stop has been called.
func (e *Engine) stops() bool {
	select {
	case <-e.quit:
		return true
	default:
		return false
	}
}

// callsOut tells an attempt how it is called back and where it notes that it was accepted.
// It returns what is secret of that.
func (r *runner) callsOut(e *run.ActivityStarted, call run.Call, c *activity.Call, secrets []string) (secret []string) {
	key := attempt{e.Path, e.Attempt}
	c.Poll = call.Poll
	c.Accepted = func(poll string) { r.mail.post(accepted{key, poll}) }
	if call.Activity == nil || !call.Activity.Is(pipeline.WebHook) || r.e.o.CallBack == nil {
		return nil
	}
	var token string
	c.CallBackURI, token = r.e.o.CallBack(r.id, c.ActivityRunID)
	r.mail.post(calling{key, given{activity.ReportsStatus(c.Input), run.MostSecrets(secrets)}})
	return []string{token}
}

// onAccepted notes where the answer to a call is asked for.
func (r *runner) onAccepted(m accepted, now time.Time) {
	_ = r.happen(&run.AttemptAccepted{Path: m.attempt.path, Attempt: m.attempt.n, At: now, Poll: m.poll})
}

// onWaits notes that the call of an attempt was answered: from now on it takes nothing.
func (r *runner) onWaits(o outcome, now time.Time) {
	g := r.callbacks.calling[o.attempt]
	_ = r.happen(&run.AttemptAccepted{Path: o.attempt.path, Attempt: o.attempt.n, At: now, Reports: g.reports,
		Secrets: o.revealed})
	r.callbacks.some = true
}

// countWaits tells the engine how many attempts wait to be called back.
func (r *runner) countWaits(n int) {
	r.e.hooks.Add(int64(n - r.callbacks.counted))
	r.callbacks.counted = n
}

func (r *runner) onCalling(m calling, now time.Time) {
	if r.callbacks.calling == nil {
		r.callbacks.calling = map[attempt]given{}
	}
	r.callbacks.calling[m.attempt] = m.given
	r.hearEarly(now)
}

// uncalled forgets an attempt that does not execute any more.
func (r *runner) uncalled(a attempt, now time.Time) {
	delete(r.callbacks.calling, a)
	r.hearEarly(now)
}

// hearEarly takes the callbacks again that came too early.
func (r *runner) hearEarly(now time.Time) {
	early := r.callbacks.early
	r.callbacks.early = nil
	for _, m := range early {
		r.onCalledBack(m, now)
	}
}

// onCalledBack ends the attempt that is called back. One that this process has not begun to
// make again is given its secrets first.
func (r *runner) onCalledBack(m calledBack, now time.Time) {
	e := r.state.WaitsForCall(m.activityRun)
	if e == nil {
		r.callbacks.tell(m, errNobodyWaits)
		return
	}
	key := attempt{e.Path, e.Attempt}
	g, known := r.callbacks.calling[key]
	if a := r.state.Accepted(e.Path, e.Attempt); a != nil && a.Poll == "" {
		g, known = given{a.Reports, a.Secrets}, true
	}
	if !known {
		r.callbacks.hold(m)
		return
	}
	output, fail, err := activity.CalledBack(m.body, g.reports)
	if err != nil {
		r.callbacks.tell(m, err)
		return
	}
	r.endCalled(key, g, output, fail, now)
	delete(r.callbacks.calling, key)
	r.callbacks.tell(m, nil)
}

// endCalled writes the end of an attempt that was called back.
func (r *runner) endCalled(key attempt, g given, output value.Value, fail *activity.Error, now time.Time) {
	e := &run.ActivityFinished{Path: key.path, Attempt: key.n, Status: run.Succeeded, At: now, Output: output}
	if fail != nil {
		r.fail(e, fail)
	}
	_, token := r.e.o.CallBack(r.id, r.state.ActivityRunID(key.path, key.n))
	e.Secrets = run.Occurs(append(slices.Clip(g.secrets), token), output, fail)
	if slices.Contains(g.secrets, "") { // there were more than are known
		e.Secrets = []string{""}
	}
	r.journal.frames.sealed = r.journal.frames.sealed || len(e.Secrets) > 0
	ready := r.journal.encode(e)
	r.apply(ready.event)
	r.journal.put(ready)
}

// codeInterrupted is the error code of an attempt that policy.onRestart forbids to make
// again.
const codeInterrupted = "ActivityInterrupted"

// failInterrupted fails the attempts of a folded run that must not be made again after the
// process that made them has ended.
func (r *runner) failInterrupted(now time.Time) {
	r.callbacks.some = true
	for _, s := range r.state.Interrupted() {
		_ = r.happen(&run.ActivityFinished{Path: s.Path, Attempt: s.Attempt, Status: run.Failed, At: now,
			Error: &pipeline.ActivityError{Code: codeInterrupted, FailureType: pipeline.SystemError,
				Message: "Switchyard ended while the activity was in flight, and its policy (onRestart: fail) forbids to " +
					"start it again. What it did is not known."}})
	}
}
