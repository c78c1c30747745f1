package engine

import (
	"errors"
	"time"

	"switchyard/commit"
)

// unreadEvery is how much time passes between two lines of the log about one run that
// can't end.
const unreadEvery = time.Minute

// stageEnd stages the effect of a run's end. While what it needs can't be read the run
// does not end: its messages would stay locked by a run that is over until the next
// start. It tries each second, until the engine stops; the next start decides the end
// again, and the error is then [commit.ErrUnread]. Who creates the run does not try again.
func (r *runner) stageEnd(effect commit.Effect, write func()) error {
	var told time.Time
	for {
		err := r.journal.stage(effect, write)
		if !errors.Is(err, commit.ErrUnread) || r.first {
			return err
		}
		r.let() // others need not wait for what they hold
		r.sync()
		r.callbacks.answer() // those who have called back need not either
		if now := r.e.o.Clock.Now(); told.IsZero() || now.Sub(told) >= unreadEvery {
			told = now
			r.e.o.Logger.Error("pipeline run waits to end: its messages can't be read", "run", r.id,
				"pipeline", r.pipeline, "error", err)
		}
		t := r.e.o.Clock.NewTimer(admitRetry)
		select {
		case <-t.C():
		case <-r.e.executing.Done():
			t.Stop()
			return err
		}
	}
}
