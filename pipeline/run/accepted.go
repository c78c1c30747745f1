package run

import (
	"fmt"
	"slices"
	"time"

	"switchyard/pipeline"
)

// AttemptAccepted is an outcome that does not end an attempt: what it called has taken the
// call and gives its answer later. The call is not made again. After a restart the attempt
// goes on from here. Another one of the same attempt takes its place. Since version 5 of
// the encoding.
type AttemptAccepted struct {
	Path    string
	Attempt int
	At      time.Time
	// Poll is where the answer is asked for. "": the attempt waits to be called back, and
	// is not executed any more.
	Poll string
	// Reports says that who calls back tells how the activity ends.
	Reports bool
	// Secrets are what the attempt was given that is secret: what it is called back with may
	// hold them. An empty text stands for more than are remembered.
	Secrets []string
}

func (e *AttemptAccepted) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.time(&e.At)
	c.text(&e.Poll) // which often has a key in it
	c.bool(&e.Reports)
	c.texts(&e.Secrets)
	c.sealed()
}

func (e *AttemptAccepted) When() time.Time { return e.At }

func (e *AttemptAccepted) apply(s *State) error {
	if !s.Wanted(e.Path, e.Attempt) {
		return fmt.Errorf("%w: %s, attempt %d", ErrNotWanted, e.Path, e.Attempt)
	}
	n := s.live[e.Path]
	n.accepted, n.record.Accepted = e, e.At
	return nil
}

func (n *node) waitsForCall() bool { return n.accepted != nil && n.accepted.Poll == "" }

// Accepted returns what an attempt in flight waits for, nil if it is its executor.
func (s *State) Accepted(path string, attempt int) *AttemptAccepted {
	if !s.Wanted(path, attempt) {
		return nil
	}
	return s.live[path].accepted
}

// WaitsForCall returns the attempt with the id activityRunID if it is of a WebHook and in
// flight, be it called out yet or not; nil if there is none.
func (s *State) WaitsForCall(activityRunID string) *ActivityStarted {
	for _, n := range s.flight {
		if n != nil && n.started != nil && n.step.def.Is(pipeline.WebHook) && s.Wanted(n.path, n.attempt) &&
			s.ActivityRunID(n.path, n.attempt) == activityRunID {
			return n.started
		}
	}
	return nil
}

// WaitingForCalls returns how many attempts wait to be called back and are not executed.
func (s *State) WaitingForCalls() (n int) {
	for _, x := range s.flight {
		if x != nil && x.waitsForCall() && s.Wanted(x.path, x.attempt) {
			n++
		}
	}
	return n
}

// Interrupted returns the attempts that are to be executed and may not be again: those
// whose policy says that they fail when the process has ended meanwhile.
func (s *State) Interrupted() []*ActivityStarted {
	var out []*ActivityStarted
	for _, e := range s.InFlight() {
		if n := s.live[e.Path]; n.step.def.Policy.FailOnRestart && n.accepted == nil {
			out = append(out, e)
		}
	}
	return out
}

// MostSecrets returns secrets as an event may hold them: if they are too many, an empty
// text stands for them. One that is empty itself hides nothing and is left out.
func MostSecrets(secrets []string) []string {
	return bounded(slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return s == "" }))
}
