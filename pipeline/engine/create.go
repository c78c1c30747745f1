package engine

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// newRun makes the owner of a new run, not started.
func (e *Engine) newRun(f *pipeline.Factory, pipelineName string, params *value.Object, o RunOptions) (*runner, error) {
	p := f.Pipeline(pipelineName)
	if p == nil {
		return nil, fmt.Errorf("%w in factory %q", ErrPipelineNotFound, f.Name)
	}
	bound, secure, err := run.BindParameters(p, params, true)
	if err != nil {
		return nil, parameterError(err)
	}
	if o.ID == "" {
		o.ID = NewID()
	} else if _, err := e.o.History.Run(o.ID); err == nil {
		return nil, ErrRunExists
	} else if !errors.Is(err, ErrNotInHistory) {
		return nil, err
	}
	c := &run.Created{
		Version:          run.DecisionVersion,
		ID:               o.ID,
		GroupID:          o.ID,
		Factory:          f.Name,
		PipelineName:     p.Name,
		Definition:       value.Append(nil, p.Raw),
		Parameters:       bound,
		GlobalParameters: f.GlobalParameters,
		At:               e.o.Clock.Now().UTC(),
		Secure:           secure,
		Binding:          o.Binding,
	}
	c.Trigger = run.TriggerInfo{ID: o.ID, Name: manual, Type: manual, Time: c.At}
	if t := o.Trigger; t != nil {
		c.Trigger = run.TriggerInfo{ID: t.ID, Name: t.Name, Type: t.Type, Time: t.Time.UTC(), Outputs: t.Outputs}
	}
	c.InvokedBy = run.Invoker{ID: c.Trigger.ID, Name: c.Trigger.Name, Type: c.Trigger.Type}
	if i := o.InvokedBy; i != nil {
		c.InvokedBy = run.Invoker(*i)
	} else if o.Trigger == nil {
		// A run that is started by hand shows 32 hex digits [ADF-REST 5].
		c.InvokedBy.ID = hex.EncodeToString(randomBytes(16))
	}
	if c.RunDimensions, err = runDimensions(p, c); err != nil {
		return nil, err
	}
	return e.makeRunner(c)
}

const manual = "Manual"

// parameterError gives the error of [run.BindParameters] one of the engine's
// sentinels beside it.
func parameterError(err error) error {
	var p *run.ParameterError
	if !errors.As(err, &p) {
		return err
	}
	kind := ErrInvalidParameter
	switch p.Problem {
	case run.ParameterMissing:
		kind = ErrMissingParameter
	case run.ParameterUnknown:
		kind = ErrUnknownParameter
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// runDimensions evaluates the pipeline's run dimensions, which see pipeline()
// only.
func runDimensions(p *pipeline.Pipeline, c *run.Created) (*value.Object, error) {
	if p.RunDimensions.Len() == 0 {
		return nil, nil
	}
	member := func(name string, v value.Value) value.Member { return value.Member{Name: name, Value: v} }
	global := c.GlobalParameters
	if global == nil {
		global = &value.Object{}
	}
	x := expr.Context{Now: c.At, Pipeline: value.NewObject(
		member("DataFactory", c.Factory), member("Pipeline", c.PipelineName), member("RunId", c.ID), member("GroupId", c.GroupID),
		member("TriggerId", c.Trigger.ID), member("TriggerName", c.Trigger.Name), member("TriggerType", c.Trigger.Type),
		member("TriggerTime", formatTime(c.Trigger.Time)),
		member("parameters", c.Parameters), member("globalParameters", global))}
	out := &value.Object{}
	for _, m := range p.RunDimensions.Members() {
		v, err := x.Evaluate(m.Value)
		if err != nil {
			return nil, fmt.Errorf("run dimension %q: %w", m.Name, err)
		}
		out.Set(m.Name, value.Text(v))
	}
	return out, nil
}

// fold makes the owner of a run from its history.
func (e *Engine) fold(rec RunRecord) (*runner, error) {
	r, err := e.read(rec.ID)
	if err != nil {
		return nil, err
	}
	if r.state.Finished() {
		return nil, errors.New("its record says that it is active and its history that it has ended")
	}
	summary, err := decodeSummary(rec.Summary)
	if err != nil {
		return nil, err
	}
	r.queued, r.arrival = summary.Status == Queued, summary.Arrival
	r.view.Store(r.record())
	return r, nil
}

// read folds the events of a run.
func (e *Engine) read(id string) (*runner, error) {
	var r *runner
	// The frames of a run decode each other's payloads; whether they are sealed
	// is only known after the first event.
	f := frames{sealer: e.o.Sealer}
	load := loader{f: &f, read: func(n uint64) ([]byte, error) { return e.o.History.Payload(id, n) }}
	next := uint64(0)
	err := e.o.History.Events(id, func(n uint64, b []byte) error {
		event, err := f.decode(b, &load)
		if err != nil {
			return fmt.Errorf("event %d: %w", n, err)
		}
		next = n + 1
		if r == nil {
			created, ok := event.(*run.Created)
			if !ok {
				return fmt.Errorf("event %d: %w: the first is %T", n, errMalformedFrame, event)
			}
			r, err = e.makeRunner(created)
			return err
		}
		if err := r.state.Apply(event); err != nil {
			return fmt.Errorf("event %d: %w", n, err)
		}
		if at, ok := timeOf(event); ok {
			r.changed = at
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("its events: %w", ErrNotInHistory)
	}
	f.sealed = r.journal.frames.sealed
	r.journal.frames, r.journal.next = f, next
	return r, nil
}

// resume gives the folded runs their slots and starts their owners. The caller
// holds e.mu.
func (e *Engine) resume(runners []*runner) {
	slices.SortStableFunc(runners, func(a, b *runner) int { return int(int64(a.arrival) - int64(b.arrival)) })
	for _, r := range runners {
		s := e.slotsOf(r.factory, r.pipeline)
		s.limit = r.concurrency
		if r.queued {
			s.queue = append(s.queue, r)
			e.arrivals = max(e.arrivals, r.arrival)
		} else {
			s.active[r] = true
		}
		e.runs[r.id] = r
		e.wg.Add(1)
	}
	for _, s := range e.slots {
		s.grant()
	}
	for _, r := range runners {
		go r.own(nil)
	}
}

// forget drops an owner that has stopped before its run has ended.
func (e *Engine) forget(r *runner) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.runs, r.id)
}

// holdsSecrets reports whether anything in the run is declared secure: then all
// its events are sealed, because an expression can carry a secret into any of
// them.
func holdsSecrets(p *pipeline.Pipeline, c *run.Created) bool {
	secure := len(c.Secure) > 0
	p.Walk(func(a *pipeline.Activity) {
		secure = secure || a.Policy.SecureInput || a.Policy.SecureOutput
	})
	return secure
}

// sensitive reports whether an event holds a secret by its shape, although
// nothing in the run is declared secure: a definition may have one in plain
// text, and so may a Web activity's input.
func sensitive(e run.Event) bool {
	switch e := e.(type) {
	case *run.Created:
		return true
	case *run.ActivityStarted:
		return activity.Sensitive(e.Input)
	case *run.ActivityFinished:
		return e.Input != nil && activity.Sensitive(e.Input)
	}
	return false
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// NewID returns a new id for a run: a random UUID (version 4).
func NewID() string {
	b := randomBytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
