package engine

import (
	"errors"
	"time"

	"switchyard/clock"
)

// A Query asks for runs of one factory, in the order of their starts.
type Query struct {
	Factory     string // compared ignoring case
	NewestFirst bool
	// After and Before bound when a run changed last by the wall clock, inclusively;
	// zero: no bound.
	After, Before time.Time
	// Where tells the runs that are wanted; nil: all.
	Where func(*PipelineRun) bool
	// Behind is the run after which the answer begins, nil the first one.
	Behind *Place
	// Limit is the greatest number of runs of the answer; 0: no limit.
	Limit int
}

// Place is where the run stands in queries of its factory.
func (p *PipelineRun) Place() *Place {
	start, _ := p.measured.measuredOr(p.Start, p.End)
	return &Place{start, p.RunID}
}

// Query returns the runs that a query asks for, and whether there are more. What is large
// in them [PipelineRun.Whole] reads. Runs
// that changed outside its bounds cost a look at their records; the others are
// decoded one by one until there are enough.
func (e *Engine) Query(q Query) (runs []*PipelineRun, more bool, err error) {
	l := Listing{Factory: q.Factory, NewestFirst: q.NewestFirst, Until: clock.LastShown(e.o.Clock, q.Before), Behind: q.Behind}
	err = e.o.History.Runs(l, func(rec RunRecord) (bool, error) {
		p, err := e.selected(&q, rec)
		if p == nil || err != nil {
			return true, err
		}
		if more = q.Limit > 0 && len(runs) == q.Limit; more {
			return false, nil
		}
		runs = append(runs, p)
		return true, nil
	})
	return runs, more, err
}

// selected returns the run of a record, nil if the query does not ask for it.
func (e *Engine) selected(q *Query, rec RunRecord) (*PipelineRun, error) {
	var p *PipelineRun
	if r := e.find(rec.ID); r != nil {
		p = e.shown(r.view.Load())
	} else {
		if rec.Active { // it may have ended since the record was read
			var err error
			if rec, err = e.o.History.Run(rec.ID); errors.Is(err, ErrNotInHistory) {
				return nil, nil
			} else if err != nil {
				return nil, err
			}
		}
		if !rec.Updated.IsZero() && !q.within(e.wall(rec.Updated)) {
			return nil, nil
		}
		p = e.shown(e.fromRecord(rec))
	}
	if !q.within(p.LastUpdated) || q.Where != nil && !q.Where(p) {
		return nil, nil
	}
	return p, nil
}

func (q *Query) within(t time.Time) bool {
	return !t.Before(q.After) && (q.Before.IsZero() || !t.After(q.Before))
}

// Retention says when runs leave the history.
func (e *Engine) Retention() Retention { return e.o.Retention }

// Exists reports whether a run is in the history.
func (e *Engine) Exists(id string) (bool, error) {
	switch _, err := e.o.History.Run(id); {
	case errors.Is(err, ErrNotInHistory):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}
