package trigger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/clock"
	"switchyard/pipeline/engine"
)

// Errors of what is asked of the trigger runs of windows.
var (
	// ErrRunNotFound: there is no such trigger run.
	ErrRunNotFound = errors.New("trigger run not found")
	// ErrRefused: it can't be rerun or cancelled now.
	ErrRefused = errors.New("refused")
)

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Rerun gives the window of a trigger run that has ended another trigger run, which waits for its
// turn as the window did. It returns the id of that one when it is durable. Errors wrap
// [ErrRunNotFound] or [ErrRefused].
func (x *Firings) Rerun(ctx context.Context, factory, trigger, id string) (string, error) {
	if err := x.o.Log.Admit(ctx, windowBytes); err != nil {
		return "", err
	}
	l, err := x.lane(factory, trigger)
	if err != nil {
		return "", err
	}
	l.op.Lock()
	defer l.op.Unlock()
	was, err := x.find(l, id)
	if err != nil {
		return "", err
	}
	if !was.Status.Ended() {
		return "", refuse("trigger run %s is %s, and can be rerun when it has ended", id, was.Status)
	}
	x.mu.Lock()
	t, made := l.host, l.made
	x.mu.Unlock()
	if t == nil {
		return "", refuse("trigger '%s' is not started, so its windows do not run: start it first", trigger)
	}
	if !t.rule.Has(was.Window.span()) || was.Window.End.After(made) {
		return "", refuse("the window of trigger run %s is none of those that trigger '%s' has made since it was created", id, trigger)
	}
	for _, r := range x.opened(l) {
		if r.Window.Start.Equal(was.Window.Start) {
			return "", refuse("the window of trigger run %s has another trigger run, %s, which is %s", id, r.ID, r.Status)
		}
	}
	next := &Run{ID: newRunID(clock.ShownNow(x.o.Clock)), Factory: l.factory, Trigger: t.o.Trigger.Name, Type: t.o.Trigger.Type,
		At: x.o.Clock.Now(), Scheduled: was.Window.End.Add(t.rule.Delay), Status: Waiting,
		Window: &Window{Start: was.Window.Start, End: was.Window.End, Rerun: true}}
	return next.ID, x.write(ctx, l, next)
}

// Cancel cancels a trigger run that waits, or is to be run again. Of one whose pipeline runs it
// returns the pipeline run, which is to be cancelled. Errors wrap [ErrRunNotFound] or [ErrRefused].
func (x *Firings) Cancel(ctx context.Context, factory, trigger, id string) (pipelineRun string, err error) {
	l, err := x.lane(factory, trigger)
	if err != nil {
		return "", err
	}
	l.op.Lock()
	defer l.op.Unlock()
	r, err := x.find(l, id)
	if err != nil {
		return "", err
	}
	if r.Status.Ended() {
		return "", refuse("trigger run %s has ended: it is %s", id, r.Status)
	}
	if run := r.pipelineRun(); run != "" {
		return run, nil
	}
	next, w := *r, *r.Window
	next.Window, next.Status, next.Message = &w, Cancelled, ""
	return "", x.write(ctx, l, &next)
}

// find returns a trigger run of the windows of a trigger.
func (x *Firings) find(l *lane, id string) (found *Run, err error) {
	for _, r := range x.opened(l) {
		if r.ID == id {
			return r, nil
		}
	}
	err = x.runs(engine.Listing{Factory: l.factory, NewestFirst: true}, func(r *Run) (bool, error) {
		if r.ID == id && strings.EqualFold(r.Trigger, l.trigger) && r.Window != nil {
			found = r
		}
		return found == nil, nil
	})
	if err == nil && found == nil {
		found, err = x.unread(l, id)
	}
	return found, err
}

// unread is find for a trigger run whose own record can't be read: its window knows it.
func (x *Firings) unread(l *lane, id string) (found *Run, err error) {
	err = x.eachWindow(l.factory, l.trigger, "", "", func(start string, w windowRecord) (bool, error) {
		if w.ID == id && id != "" {
			at, err := time.Parse(keyTime, start)
			found = &Run{ID: id, At: w.At, Status: Failed, Window: &Window{Start: at, End: w.End}}
			return false, err
		}
		return true, nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%w: %s of trigger '%s'", ErrRunNotFound, id, l.trigger)
	}
	return found, err
}
