package run

import (
	"fmt"
	"time"
)

// CancelRequested makes the run stop: the next [State.Decide] cancels what is in
// flight and finishes the run.
type CancelRequested struct{ At time.Time }

func (e *CancelRequested) fields(c codec) { c.time(&e.At) }

func (e *CancelRequested) When() time.Time { return e.At }

func (e *CancelRequested) apply(s *State) error {
	if s.status == Canceling {
		return fmt.Errorf("%w: the run is being cancelled", ErrNotWanted)
	}
	s.status = Canceling
	return nil
}

// Finished is the last event of every run.
type Finished struct {
	Status  Status // Succeeded, Failed or Cancelled
	Message string // empty on success
	At      time.Time
}

func (e *Finished) fields(c codec) {
	c.small((*uint8)(&e.Status))
	c.text(&e.Message)
	c.time(&e.At)
}

func (e *Finished) When() time.Time { return e.At }

func (e *Finished) apply(s *State) error {
	if !e.Status.Final() {
		return misplaced("status %s", e.Status)
	}
	s.status, s.message, s.finished = e.Status, e.Message, e.At
	s.live, s.children, s.queue, s.flight = nil, nil, nil, nil
	return nil
}
