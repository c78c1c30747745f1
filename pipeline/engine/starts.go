package engine

import (
	"context"
	"errors"
	"fmt"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/value"
)

// A Start is one run of those that [Engine.CreateRuns] creates together.
type Start struct {
	Pipeline   string
	Parameters *value.Object
	// Options have no Effect: what belongs to all runs is added by who creates them.
	Options RunOptions
	// Refused is set by CreateRuns: why there is no such run. It wraps what an error of
	// [Engine.CreateRun] does.
	Refused error

	run *runner
}

// CreateRuns starts runs, or queues them, in one unit, to which add adds its own records
// after it is known which of the starts were refused. It returns when the unit is durable:
// all of it or, if there is an error, nothing. The error wraps [ErrStopping], or is of the
// log. Those that are refused don't keep the others from being created, and all may be.
func (e *Engine) CreateRuns(ctx context.Context, f *pipeline.Factory, starts []*Start,
	add func(u *commit.Unit)) error {
	for _, s := range starts {
		s.run, s.Refused = nil, nil
	}
	// Before anything has a place: nothing is waited for from then on.
	if err := e.o.Log.Admit(ctx, admitSize*max(1, len(starts))); err != nil {
		return err
	}
	if err := e.enterAll(f, starts); err != nil {
		return err
	}
	u := &commit.Unit{}
	for _, s := range starts {
		if s.run != nil {
			s.run.createIn(u)
		}
	}
	add(u)
	e.o.Log.Submit(u)
	for _, s := range starts {
		if s.run != nil {
			go s.run.loop(nil, false)
		}
	}
	e.o.Log.Sync(u)
	return nil
}

// enterAll gives those that are not refused their places.
func (e *Engine) enterAll(f *pipeline.Factory, starts []*Start) error {
	for i, s := range starts {
		r, err := e.tryNewRun(f, s)
		if err == nil {
			err = e.enter(r)
		}
		if errors.Is(err, ErrStopping) {
			for _, before := range starts[:i] {
				before.giveUp()
			}
			return fmt.Errorf("create runs: %w", err)
		}
		if err != nil {
			s.Refused = fmt.Errorf("create run of pipeline %q: %w", s.Pipeline, err)
			continue
		}
		s.run = r
	}
	return nil
}

// tryNewRun makes the owner of a run. A panic is its error: the others are created.
func (e *Engine) tryNewRun(f *pipeline.Factory, s *Start) (r *runner, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, panicked(e.o.Logger, s.Options.ID, p)
		}
	}()
	return e.newRun(f, s.Pipeline, s.Parameters, s.Options)
}

// giveUp takes back the place of a run that is not created.
func (s *Start) giveUp() {
	r := s.run
	if r == nil {
		return
	}
	s.run = nil
	r.e.leave(r)
	r.abandon()
	close(r.ended)
	r.e.wg.Done()
}

// createIn writes the run's first event into a unit that it shares with others. What the
// run does first its owner decides.
func (r *runner) createIn(u *commit.Unit) {
	definition := r.e.revisions.pin(r.revision)
	r.journal.unit = u
	if err := r.create(nil, definition); err != nil {
		panic(fmt.Sprintf("engine: %v", err)) // nothing refuses
	}
	r.journal.append()
	r.journal.last, r.journal.unit = u, nil
	u.Then(func() { r.e.revisions.durable(r.revision) })
	r.undecided = true
}
