package factory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/recurrence"
)

// retryInterval is the wait before a trigger that could not be started is tried
// again.
const retryInterval = 10 * time.Second

// timed reports whether a trigger that runs here goes by time.
func timed(t *pipeline.Trigger) bool {
	return t.Is(recurrence.TypeScheduleTrigger) || t.Is(recurrence.TypeTumblingWindowTrigger)
}

// runnable refuses the triggers that this version does not run.
func runnable(d *definition) error {
	if !d.trigger.Runs() {
		return errorf(ErrNotSupported,
			"Trigger '%s' is of type %s, which this version of Switchyard does not run: only triggers of the types %s, "+
				"%s and %s can be started.",
			d.record.Name, d.trigger.Type, pipeline.TypeServiceBusTrigger, recurrence.TypeScheduleTrigger,
			recurrence.TypeTumblingWindowTrigger)
	}
	return nil
}

// withStarted returns the definition with its trigger in another state, from a time on by the
// wall clock.
func (d *definition) withStarted(started bool, now time.Time) *definition {
	c, t := *d, *d.trigger
	c.record.Started, c.record.StartedAt = started, time.Time{}
	if started && timed(&t) {
		c.record.StartedAt = now
	}
	c.show(&t)
	c.trigger = &t
	return &c
}

// show gives a trigger the state of its record.
func (d *definition) show(t *pipeline.Trigger) {
	t.Started, t.StartedAt = d.record.Started, d.record.StartedAt
}

// StartTrigger starts a trigger; one that is started already stays so. The error
// wraps [ErrNotFound], [ErrInvalid], [ErrMissingReference], [ErrNotSupported] or
// [ErrTriggerNotStarted].
func (m *Manager) StartTrigger(ctx context.Context, id ID, name string) error {
	e, s, err := m.lock(ctx, id, definitionOverhead)
	if err != nil {
		return err
	}
	defer e.op.Unlock()
	d := s.find(Triggers, name)
	if d == nil {
		return noDefinition(Triggers, name, s)
	}
	if d.record.Started {
		return nil
	}
	if err := m.startable(s, d); err != nil {
		return err
	}
	next := s.clone()
	next.put(d.withStarted(true, m.now()))
	return m.change(e, next, name)
}

// startable checks that a trigger can be started.
func (m *Manager) startable(s *state, d *definition) error {
	if err := runnable(d); err != nil {
		return err
	}
	if m.o.Starter == nil {
		return errorf(ErrNotSupported,
			"Trigger '%s' can't be started: this Switchyard runs without triggers.", d.record.Name)
	}
	if timed(d.trigger) {
		if err := m.due(s, d); err != nil {
			return err
		}
	}
	return s.validate(d, true)
}

// due makes the checks of a trigger that goes by time that Data Factory makes when it is started
// [ENGINE 6].
func (m *Manager) due(s *state, d *definition) error {
	if why := recurrence.CheckPipelines(d.trigger); why != "" {
		e := errorf(ErrInvalid, "%s", why)
		e.Target = d.record.Name
		return e
	}
	if d.trigger.Is(recurrence.TypeTumblingWindowTrigger) {
		_, ds := recurrence.ReadTumblingWindow(d.trigger)
		if err := invalid(ds); err != nil {
			return err
		}
		return invalid(recurrence.CheckDependencies(s.def, d.trigger))
	}
	return m.dueSchedule(d)
}

// dueSchedule is due for a schedule.
func (m *Manager) dueSchedule(d *definition) error {
	rule, ds := recurrence.ReadSchedule(d.trigger)
	if ds = ds.Errors(); len(ds) > 0 {
		message := ds[0].Message
		if !strings.HasPrefix(message, "The recurrence") { // Data Factory's sentences need no place
			message = ds[0].Path + " " + message
		}
		e := errorf(ErrInvalid, "ErrorCode=InvalidWorkflowTriggerRecurrenceSchedule, ErrorMessage=%s", message)
		e.Diagnostics = ds
		return e
	}
	if now := m.now(); !rule.End.IsZero() && rule.End.Before(now) {
		return invalidAt("$.properties.typeProperties.recurrence.endTime",
			"Trigger '%s' can't be started: its endTime %s is in the past.", d.record.Name, rule.End.UTC().Format(time.RFC3339))
	}
	return nil
}

// keepsWindows refuses a definition with other windows in the place of a tumbling-window trigger:
// those that it has made are kept by their times [ENGINE 6.2].
func (d *definition) keepsWindows(old *definition) error {
	if old == nil || old.trigger == nil || d.trigger == nil || !d.trigger.Is(recurrence.TypeTumblingWindowTrigger) ||
		!old.trigger.Is(recurrence.TypeTumblingWindowTrigger) {
		return nil
	}
	was, ok := recurrence.ReadAnchor(old.trigger)
	if !ok {
		return nil // it can't have been started
	}
	const instead = " Delete trigger '%s' and create it again, or give it another name."
	switch is, _ := recurrence.ReadAnchor(d.trigger); {
	case is.Frequency != was.Frequency || is.Interval != was.Interval:
		return errorf(ErrWindowFrequency, "Frequency or interval cannot be updated for Tumbling Window Trigger."+instead, d.record.Name)
	case !is.Start.Equal(was.Start):
		return errorf(ErrWindowStart, "Start time cannot be updated for Tumbling Window Trigger."+instead, d.record.Name)
	}
	return nil
}

// Awaited reports whether windows of a trigger may be waited for, see [recurrence.Awaited]. Of a
// factory that can't be read they may.
func (m *Manager) Awaited(factory, trigger string) bool {
	f, err := m.Factory(factory)
	return err != nil || recurrence.Awaited(f, trigger)
}

// StopTrigger stops a trigger, if it is started. When it returns no further run
// is started; the runs that are under way go on.
func (m *Manager) StopTrigger(ctx context.Context, id ID, name string) error {
	e, s, err := m.lock(ctx, id, commit.Frees)
	if err != nil {
		return err
	}
	defer e.op.Unlock()
	d := s.find(Triggers, name)
	if d == nil {
		return noDefinition(Triggers, name, s)
	}
	if !d.record.Started {
		return nil
	}
	next := s.clone()
	next.put(d.withStarted(false, time.Time{}))
	return m.change(e, next, "")
}

// change makes a new state durable and lets the triggers follow. If the trigger
// of the name must, but can't, be started, the old state is put back. The caller
// holds e.op.
func (m *Manager) change(e *entry, next *state, trigger string) error {
	old := e.current.Load()
	e.stopRemoved(next)
	m.commit(e, next)
	m.reconcile(e) // others that fail are logged and tried again
	if trigger == "" {
		return nil
	}
	cause := e.failing[fold(trigger)]
	if cause == nil {
		return nil
	}
	if old == nil {
		old = next.clone()
		old.put(next.find(Triggers, trigger).withStarted(false, time.Time{}))
	}
	m.commit(e, old)
	m.reconcile(e)
	return errorf(ErrTriggerNotStarted, "Trigger '%s' can't be started: %v", trigger, cause)
}

// reconcile makes the triggers that run those that are Started, with the
// definitions as they are. The caller holds e.op.
func (m *Manager) reconcile(e *entry) error {
	clear(e.failing)
	if !m.started.Load() || m.o.Starter == nil {
		return nil
	}
	s := e.current.Load()
	before := maps.Clone(e.running)
	defer func() { m.tell(before, e.running, s.record.Name) }()
	for name, r := range e.running {
		if d := s.definitions[Triggers][name]; d == nil || !d.record.Started || r.def != s.def {
			r.stop()
			delete(e.running, name)
		}
	}
	var errs []error
	for _, d := range s.sorted(Triggers) {
		name := fold(d.record.Name)
		if !d.record.Started || e.running[name] != nil {
			continue
		}
		stop, err := m.start(s, d)
		if err != nil {
			e.failing[name] = err
			m.o.Logger.Error("a trigger can't be started; it is tried again",
				"factory", s.record.Name, "trigger", d.record.Name, "error", err)
			errs = append(errs, fmt.Errorf("trigger %s of data factory %s: %w", d.record.Name, s.record.Name, err))
			continue
		}
		e.running[name] = &running{d.record.Name, s.def, stop}
	}
	if len(errs) > 0 {
		select {
		case m.trouble <- struct{}{}:
		default:
		}
	}
	return errors.Join(errs...)
}

// stopRemoved stops the triggers that a new state does not run, before it is durable: none
// fires any more when it is. Reconcile stops them once more, and forgets them. The caller holds
// e.op.
func (e *entry) stopRemoved(next *state) {
	for name, r := range e.running {
		if d := next.definitions[Triggers][name]; d == nil || !d.record.Started {
			r.stop()
		}
	}
}

// tell tells the listener which triggers have begun and ended to run.
func (m *Manager) tell(before, after map[string]*running, factory string) {
	missing := func(from, to map[string]*running, f func(factory, trigger string)) {
		for name, r := range from {
			if to[name] == nil && f != nil {
				f(factory, r.name)
			}
		}
	}
	missing(before, after, m.o.Events.TriggerStopped)
	missing(after, before, m.o.Events.TriggerStarted)
}

func (m *Manager) start(s *state, d *definition) (func(), error) {
	if err := runnable(d); err != nil {
		return nil, err
	}
	if sb := d.trigger.ServiceBus; sb != nil && sb.LinkedService != nil {
		if l := s.def.LinkedService(sb.LinkedService.Name); l != nil {
			if err := usable(l); err != nil {
				return nil, err
			}
		}
	}
	return m.o.Starter.Start(s.def, d.trigger)
}

// stopAll stops the triggers that run. The caller holds e.op.
func (e *entry) stopAll() {
	for name, r := range e.running {
		r.stop()
		delete(e.running, name)
	}
}

// retry starts triggers that could not be started before.
func (m *Manager) retry() {
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.trouble:
		}
		if !m.sleep(retryInterval) {
			return
		}
		for _, e := range m.entries() {
			e.op.Lock()
			if s := e.current.Load(); len(e.failing) > 0 && s != nil && !s.record.Deleting && m.ctx.Err() == nil {
				m.reconcile(e)
			}
			e.op.Unlock()
		}
	}
}

// sleep reports false when the manager is closed.
func (m *Manager) sleep(d time.Duration) bool {
	t := m.o.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return m.ctx.Err() == nil
	case <-m.ctx.Done():
		return false
	}
}
