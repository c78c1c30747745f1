package engine

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"

	"switchyard/pipeline"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// newRun makes the owner of a new run, not started.
func (e *Engine) newRun(f *pipeline.Factory, pipelineName string, params *value.Object,
	o RunOptions) (*runner, error) {
	p := f.Pipeline(pipelineName)
	if p == nil {
		return nil, fmt.Errorf("%w in factory %q", ErrPipelineNotFound, f.Name)
	}
	var was *recovered
	if o.Recovery != nil {
		var err error
		if was, err = e.recovers(o.Recovery, f.Name, p); err != nil {
			return nil, err
		}
		if !o.Recovery.given {
			params = was.whole.Parameters
		}
		if was.revision != nil {
			p = was.revision.Pipeline()
		}
		o.Cause = groupCause(was.whole.GroupID)
	}
	bound, secure, err := pipeline.BindParameters(p.Parameters, params, true)
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
	var revision *run.Revision
	if was != nil && was.revision != nil {
		revision = was.revision
	} else if revision, err = e.revisions.of(p); err != nil {
		return nil, err
	}
	c := &run.Created{
		Version:          run.DecisionVersion,
		ID:               o.ID,
		GroupID:          o.ID,
		Factory:          f.Name,
		PipelineName:     p.Name,
		Revision:         revision.Hash(),
		Parameters:       bound,
		GlobalParameters: f.GlobalParameters,
		At:               e.o.Clock.Now().UTC(),
		Secure:           secure,
		Binding:          o.Binding,
	}
	c.Trigger = run.TriggerInfo{ID: o.ID, Name: manual, Type: manual, Time: e.wall(c.At)}
	if o.Trigger != nil {
		c.Trigger = *o.Trigger
		c.Trigger.Time = c.Trigger.Time.UTC()
	}
	c.InvokedBy = run.Invoker{ID: c.Trigger.ID, Name: c.Trigger.Name, Type: c.Trigger.Type}
	if i := o.InvokedBy; i != nil {
		c.InvokedBy = *i
	} else if o.Trigger == nil {
		// A run that is started by hand shows 32 hex digits [ADF-REST 5].
		c.InvokedBy.ID = hex.EncodeToString(randomBytes(16))
	}
	o.inherit(c)
	if was != nil {
		was.mark(c)
	}
	if c.RunDimensions, err = run.Dimensions(p, c, e.wall(c.At)); err != nil {
		return nil, err
	}
	r, err := e.makeRunner(c, revision)
	if err == nil {
		r.cause, r.waiting = o.Cause, o.Waiting
		if was != nil {
			r.recovered = was.events
		}
	}
	return r, err
}

const manual = "Manual"

// parameterError gives the error of [pipeline.BindParameters] one of the engine's
// sentinels beside it.
func parameterError(err error) error {
	var p *pipeline.ParameterError
	if !errors.As(err, &p) {
		return err
	}
	kind := ErrInvalidParameter
	switch p.Problem {
	case pipeline.ParameterMissing:
		kind = ErrMissingParameter
	case pipeline.ParameterUnknown:
		kind = ErrUnknownParameter
	}
	return &parameterKindError{kind, err}
}

// A parameterKindError is an error that is of a kind and says it in its own words.
type parameterKindError struct{ kind, err error }

func (e *parameterKindError) Error() string   { return e.err.Error() }
func (e *parameterKindError) Unwrap() []error { return []error{e.kind, e.err} }

// fold makes the owner of a run from its history. A panic is an error too: the other
// runs start without this one.
func (e *Engine) fold(rec RunRecord) (r *runner, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, panicked(e.o.Logger, rec.ID, p)
		}
	}()
	if rec.Damage != nil {
		return nil, rec.Damage
	}
	r, err = e.read(rec.ID, false)
	if err != nil {
		return nil, err
	}
	if r.state.Finished() {
		return nil, errors.New("its record says that it is active and its history that it has ended")
	}
	if err := r.journal.measure(); err != nil {
		return nil, err
	}
	summary, err := rec.summary()
	if err != nil {
		return nil, err
	}
	r.cause = rec.Cause
	// One that is being cancelled waits for no slot, though its record may not say so yet.
	r.queued, r.arrival = summary.Status == run.Queued && r.state.Status() != run.Canceling, summary.Arrival
	if err := r.readCancel(); err != nil {
		return nil, err
	}
	r.recorded = summary.Status
	r.journal.durable.Store(r.journal.next)
	r.view.Store(r.record())
	return r, nil
}

// read folds the events of a run, with the records of its activities if they are
// asked for. Without them its snapshot serves, if it has one.
func (e *Engine) read(id string, records bool) (*runner, error) {
	return e.readTo(id, records, math.MaxUint64)
}

// errRead ends the reading of events.
var errRead = errors.New("read as far as wanted")

// readTo is read, but reads no events from a number on.
func (e *Engine) readTo(id string, records bool, end uint64) (*runner, error) {
	snapshots := false
	if !records {
		r, there := e.readSnapshot(id)
		if r != nil {
			r.journal.snapshots = true
			return r, nil
		}
		snapshots = there
	}
	x := e.reader(id, records)
	err := e.o.History.Events(id, 0, func(n uint64, b []byte) error {
		if n >= end {
			return errRead
		}
		return x.event(n, b)
	})
	if err != nil && !errors.Is(err, errRead) {
		return nil, err
	}
	r, err := x.runner()
	if err == nil {
		r.journal.snapshots = snapshots
	}
	return r, err
}

// A reader makes the owner of a run from its events.
type reader struct {
	e       *Engine
	records bool // are asked for
	// The frames of a run decode each other's payloads; whether they are sealed
	// is only known after the first event.
	frames frames
	large  *outputs
	r      *runner      // nil before the first event
	whole  *run.Created // the first event, with what is large
	next   uint64
}

func (e *Engine) reader(id string, records bool) *reader {
	return &reader{e: e, records: records, frames: frames{sealer: e.o.Sealer}, large: e.outputsOf(id)}
}

// event takes the event n.
func (x *reader) event(n uint64, b []byte) error {
	event, err := x.frames.decode(b, x.large)
	if err != nil {
		return fmt.Errorf("event %d: %w", n, err)
	}
	x.next = n + 1
	if x.r == nil {
		return x.first(n, event)
	}
	if err := x.r.state.Apply(event); err != nil {
		return fmt.Errorf("event %d: %w", n, err)
	}
	x.r.changed = event.When()
	return nil
}

func (x *reader) first(n uint64, event run.Event) error {
	created, ok := event.(*run.Created)
	if !ok {
		return fmt.Errorf("event %d: %w: the first is %T", n, errMalformedFrame, event)
	}
	revision, err := x.e.revisions.ofRun(created)
	if err != nil {
		return err
	}
	x.whole = run.Copy(created).(*run.Created)
	if err := x.large.whole(x.whole); err != nil {
		return err
	}
	if x.r, err = x.e.makeRunner(x.whole, revision); err != nil {
		return err
	}
	x.r.lighten(created)
	if x.records {
		x.r.state.KeepRecords()
	}
	return nil
}

// runner returns the owner when all events are read.
func (x *reader) runner() (*runner, error) {
	r := x.r
	if r == nil {
		return nil, fmt.Errorf("its events: %w", ErrNotInHistory)
	}
	x.frames.sealed = r.journal.frames.sealed || r.state.Revealed()
	r.journal.frames, r.journal.next = x.frames, x.next
	r.counted = r.state.Ended()
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
		go r.loop(nil, true)
	}
}

// forget drops an owner that has stopped before its run has ended.
func (e *Engine) forget(r *runner) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.runs, r.id)
}

// holdsSecrets reports whether anything in the run is declared secure, or the run above it is
// sealed: then all its events are sealed, because an expression can carry a secret into any
// of them.
func holdsSecrets(p *pipeline.Pipeline, c *run.Created) bool {
	secure := len(c.Secure) > 0 || c.Sealed
	p.Walk(func(a *pipeline.Activity) {
		secure = secure || a.Policy.SecureInput || a.Policy.SecureOutput
	})
	return secure
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// NewID returns a new id for a run: a random UUID (version 4).
func NewID() string { return uuid.NewString() }
