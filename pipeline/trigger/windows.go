package trigger

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/recurrence"
)

// A Window is what a trigger run of a tumbling-window trigger has beside the others.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Rerun says that the window had a trigger run before.
	Rerun bool `json:"rerun,omitempty"`
	// Began is when its pipeline was first started, by the wall clock. Each attempt has the
	// parameters of that time.
	Began time.Time `json:"began,omitzero"`
	// Attempt is how often its pipeline was started, or should have been.
	Attempt int `json:"attempt,omitempty"`
	// Retries is how often it may be started again, RetryInterval how long after a failure: as
	// the trigger said when it was started last.
	Retries       int           `json:"retries,omitempty"`
	RetryInterval time.Duration `json:"retryInterval,omitempty"`
	// RetryAt is when it is started again, WaitsSince since when it waits for other windows, by
	// the clock that nobody sets.
	RetryAt    time.Time `json:"retryAt,omitzero"`
	WaitsSince time.Time `json:"waitsSince,omitzero"`
}

// span is the window as a recurrence has it.
func (w *Window) span() recurrence.Window { return recurrence.Window{Start: w.Start, End: w.End} }

// A lane is the windows of one trigger in the order in which they become ready.
type lane struct {
	factory, trigger string

	// op is held by who decides about windows that do not run, until that is durable: the
	// trigger, a rerun, a cancellation. Lock order: op, then Firings.mu.
	op sync.Mutex

	// Guarded by Firings.mu.
	host *TumblingWindow // nil: the trigger is not started
	made time.Time       // the end of the last window that there is a trigger run of
	open map[string]*Run // those that have not ended, by id; never changed, but replaced
}

// windowRecord is a window that has not succeeded, and its last trigger run.
type windowRecord struct {
	Version int       `json:"v"`
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
	End     time.Time `json:"end"`             // of the window
	Ended   bool      `json:"ended,omitempty"` // the trigger run
}

func (r *windowRecord) version() int { return r.Version }

const windowPrefix = "datafactory/w/"

// windowsOf is the prefix of a trigger's windows.
func windowsOf(factory, trigger string) string {
	return windowPrefix + folded(factory) + "/" + folded(trigger) + "/"
}

func windowKey(factory, trigger string, start time.Time) string {
	return windowsOf(factory, trigger) + start.UTC().Format(keyTime)
}

// laneOf returns the windows of a trigger. The caller holds x.mu.
func (x *Firings) laneOf(factory, trigger string) (*lane, error) {
	key := stateKey(factory, trigger)
	if l := x.lanes[key]; l != nil {
		return l, nil
	}
	l := &lane{factory: factory, trigger: trigger, open: map[string]*Run{}}
	var err error
	if l.made, err = x.lastMade(factory, trigger); err != nil {
		return nil, err
	}
	lost := map[string]*Run{} // windows whose records can't be read, by their starts
	err = x.eachWindow(factory, trigger, "", "", func(start string, w windowRecord) (bool, error) {
		switch {
		case w.ID == "":
			lost[start] = nil
			return true, nil
		case w.Ended:
			return true, nil
		}
		r, err := x.run(factory, w.At, w.ID)
		if err != nil {
			return false, err
		}
		if r == nil || r.Window == nil {
			x.o.Logger.Error("how far a window has come can't be read: it counts as failed, and can be rerun",
				"factory", factory, "trigger", trigger, "window", start, "triggerRun", w.ID)
			return true, nil
		}
		l.add(r)
		return true, nil
	})
	if err == nil {
		err = x.findLost(l, lost)
	}
	if err != nil {
		return nil, fmt.Errorf("read the windows of trigger %s of data factory %s: %w", trigger, factory, err)
	}
	x.lanes[key] = l
	return l, nil
}

// add takes a trigger run that was read, if it has not ended.
func (l *lane) add(r *Run) {
	if !r.Status.Ended() {
		r.Factory = l.factory
		l.open[r.ID] = r
	}
}

// findLost finds the last trigger runs of windows whose own records can't be read.
func (x *Firings) findLost(l *lane, lost map[string]*Run) error {
	if len(lost) == 0 {
		return nil
	}
	x.o.Logger.Error("which trigger runs some windows have can't be read; all are looked through", "factory", l.factory,
		"trigger", l.trigger, "windows", len(lost))
	err := x.runs(engine.Listing{Factory: l.factory}, func(r *Run) (bool, error) {
		if r.Window == nil || !strings.EqualFold(r.Trigger, l.trigger) {
			return true, nil
		}
		start := r.Window.Start.UTC().Format(keyTime)
		if _, is := lost[start]; is {
			lost[start] = r
		}
		return true, nil
	})
	for _, r := range lost {
		if r != nil {
			l.add(r)
		}
	}
	return err
}

// lane is laneOf for who does not hold x.mu.
func (x *Firings) lane(factory, trigger string) (*lane, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.laneOf(factory, trigger)
}

// lastMade returns the end of the last window of a trigger that was made. If its record can't
// be read the trigger runs tell it.
func (x *Firings) lastMade(factory, trigger string) (time.Time, error) {
	made, err := x.fired(factory, trigger)
	if !errors.Is(err, commit.ErrDamaged) {
		return made, err
	}
	x.o.Logger.Error("the last window of a trigger can't be read; its trigger runs tell it", "error", err)
	told := x.runs(engine.Listing{Factory: factory}, func(r *Run) (bool, error) {
		if w := r.Window; w != nil && strings.EqualFold(r.Trigger, trigger) && w.End.After(made) {
			made = w.End
		}
		return true, nil
	})
	if told != nil {
		return made, told
	}
	if made.IsZero() {
		return made, err
	}
	return made, nil
}

// eachWindow calls f for the windows of a trigger that have not succeeded, by their starts as
// keys write them, from one to another; "": from the first, to the last.
func (x *Firings) eachWindow(factory, trigger, first, last string,
	f func(start string, w windowRecord) (more bool, err error)) error {
	prefix := windowsOf(factory, trigger)
	to := end(prefix)
	if last != "" {
		to = prefix + last + "\x00"
	}
	return x.o.Records.Range(prefix+first, to, false, func(key string, val []byte, damage error) (bool, error) {
		var w windowRecord
		if damage == nil {
			damage = decodeFiring(val, &w)
		}
		if errors.Is(damage, commit.ErrDamaged) {
			w, damage = windowRecord{Ended: true}, nil // it has not succeeded; nobody knows more
		}
		if damage != nil {
			return false, damage
		}
		return f(strings.TrimPrefix(key, prefix), w)
	})
}

// run reads a trigger run; nil: there is none.
func (x *Firings) run(factory string, at time.Time, id string) (r *Run, err error) {
	key := firingKey(factory, at, id)
	err = x.o.Records.Range(key, key+"\x00", false, func(key string, val []byte, damage error) (bool, error) {
		r, err = readFiring(key, val, damage)
		return false, err
	})
	return r, err
}

// putWindow adds a trigger run of a window to a unit, and makes it the last one of the window.
// The caller holds x.mu until the unit is submitted, or is the only one who decides about it.
func (x *Firings) putWindow(u *commit.Unit, l *lane, r *Run) {
	if r.Status.Ended() {
		delete(l.open, r.ID)
	} else {
		l.open[r.ID] = r
	}
	x.putRun(u, r)
	key := windowKey(l.factory, l.trigger, r.Window.Start)
	if r.Status == Succeeded {
		x.o.Records.Delete(u, key)
	} else {
		x.o.Records.Put(u, key, encodeFiring(&windowRecord{Version: firingVersion, At: r.At, ID: r.ID,
			End: r.Window.End, Ended: r.Status.Ended()}))
	}
	factory := l.factory
	u.Then(func() { x.poke(factory) })
}

// opened returns the trigger runs of a lane that have not ended, by their windows.
func (x *Firings) opened(l *lane) []*Run {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.SortedFunc(maps.Values(l.open), func(a, b *Run) int {
		return cmp.Or(a.Window.Start.Compare(b.Window.Start), strings.Compare(a.ID, b.ID))
	})
}

// poke wakes the tumbling-window triggers of a factory: a window of one has changed.
func (x *Firings) poke(factory string) {
	factory = strings.ToLower(factory)
	x.hosting.Lock()
	defer x.hosting.Unlock()
	for t, of := range x.hosts {
		if of == factory {
			t.poke()
		}
	}
}

// forgetWindows is [Firings.Forget] of windows.
func (x *Firings) forgetWindows(u *commit.Unit, factory, trigger string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	// What was read before is not read again, though the unit is not submitted yet.
	x.lanes[stateKey(factory, trigger)] = &lane{factory: factory, trigger: trigger, open: map[string]*Run{}}
	err := x.eachWindow(factory, trigger, "", "", func(start string, w windowRecord) (bool, error) {
		x.o.Records.Delete(u, windowsOf(factory, trigger)+start)
		if w.Ended {
			return true, nil
		}
		r, err := x.run(factory, w.At, w.ID)
		if err != nil || r == nil || r.Window == nil || r.Status.Ended() || r.pipelineRun() != "" {
			return true, nil // the end of its run is told all the same
		}
		r.Status, r.Message = Cancelled, "The trigger was deleted before the window has run."
		x.putRun(u, r)
		return true, nil
	})
	if err != nil {
		x.o.Logger.Error("the windows of a deleted trigger can't be read and stay", "factory", factory,
			"trigger", trigger, "error", err)
	}
}

// pipelineRun returns the run that a window waits for; "": there is none now.
func (r *Run) pipelineRun() string {
	if r.Status != Running || !r.Window.RetryAt.IsZero() || len(r.Pipelines) == 0 {
		return ""
	}
	return r.Pipelines[len(r.Pipelines)-1].Run
}

// windowStays reports whether the trigger run of a window is kept however old it is: it has not
// ended, or the window has not succeeded and others may wait until it is rerun.
func (x *Firings) windowStays(r *Run) (stays bool, err error) {
	if !r.Status.Ended() {
		return true, nil
	}
	if r.Status == Succeeded || x.o.Awaited == nil || !x.o.Awaited(r.Factory, r.Trigger) {
		return false, nil
	}
	start := r.Window.Start.UTC().Format(keyTime)
	err = x.eachWindow(r.Factory, r.Trigger, start, start, func(_ string, w windowRecord) (bool, error) {
		stays = w.ID == r.ID
		return false, nil
	})
	return stays, err
}
