package engine

import (
	"time"

	"switchyard/clock"
)

// A span is when something began and ended by the engine's clock. What is shown of it is
// the wall clock's, and if that was set between the two, their difference is not how
// long it took.
type span struct{ start, end time.Time }

// shown returns a record with the times that the wall clock has shown.
func (e *Engine) shown(p *PipelineRun) *PipelineRun {
	if e.superseded(p) {
		s := *p
		s.Superseded, p = true, &s
	}
	start, end, updated := e.wall(p.Start), e.wall(p.End), e.wall(p.LastUpdated)
	if start.Equal(p.Start) && end.Equal(p.End) && updated.Equal(p.LastUpdated) {
		return p
	}
	s := *p
	s.measured = &span{p.Start, p.End}
	s.Start, s.End, s.LastUpdated = start, end, updated
	return &s
}

// show gives an activity's record the times that the wall clock has shown.
func (a *ActivityRun) show(e *Engine) {
	a.Accepted = e.wall(a.Accepted)
	start, end := e.wall(a.Start), e.wall(a.End)
	if !start.Equal(a.Start) || !end.Equal(a.End) {
		a.measured = &span{a.Start, a.End}
		a.Start, a.End = start, end
	}
}

func (e *Engine) wall(t time.Time) time.Time { return clock.Shown(e.o.Clock, t) }

// measuredOr returns the span, or the times themselves if they were not changed.
func (s *span) measuredOr(start, end time.Time) (time.Time, time.Time) {
	if s != nil {
		return s.start, s.end
	}
	return start, end
}
