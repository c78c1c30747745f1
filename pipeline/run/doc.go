// Package run is one pipeline run as a deterministic state machine: events in,
// decisions out. It implements [ENGINE 2] to [ENGINE 5.10] (readiness,
// dependency conditions, outcome, retries, time-outs, cancelling and the
// control activities) and leaves the execution of everything else, and the runs that
// ExecutePipeline starts, to the engine.
//
// It has no I/O, no clock, no goroutine and draws no random number: `now` is an
// argument and seeds derive from the run's id and an activity's path. The
// history of a run is a list of [Event] values. [New] and [State.Apply] fold
// them and never evaluate an expression; [State.Decide] only looks forward: it
// resolves expressions, applies what it decides and returns it. A restart is
// therefore a fold of the history followed by Decide.
//
// The engine's loop:
//
//	s, err := New(created, revision)
//	for {
//		events, left := s.Decide(now, max, interrupt)
//		                   // append to history, make durable, then act on them:
//		                   // execute each ActivityStarted, arm each TimerOf(event)
//		e := <-outcomes    // unless left: ActivityFinished, TimerFired or CancelRequested
//		s.Apply(e)         // ErrNotWanted: the attempt or timer is of the past, drop e
//	}
package run
