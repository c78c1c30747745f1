package factory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"switchyard/pipeline/engine"
)

const (
	// cancelsAtOnce is how many runs are cancelled at once: their requests are synced
	// together.
	cancelsAtOnce = 64
	// retireWait is how long the runs of a factory get to end once that is recorded.
	// They need a moment, unless the log keeps them waiting.
	retireWait = 30 * time.Second
)

// RetireRuns makes an [Options.Retire] of an engine: it cancels the runs of a
// factory, waits for their end and removes them from the history. A run that has not
// ended after 30 s is an error that names it; that it shall end stays recorded. Then it
// calls what removes the rest.
func RetireRuns(e *engine.Engine, rest ...func(ctx context.Context, factory string) error) func(ctx context.Context, factory string) error {
	return func(ctx context.Context, factory string) error {
		active := e.RunsOf(factory)
		if err := cancelAll(e, active); err != nil {
			return err
		}
		ended, cancel := context.WithTimeout(ctx, retireWait)
		defer cancel()
		for _, id := range active {
			if _, err := e.Wait(ended, id); err != nil && !errors.Is(err, engine.ErrRunNotFound) {
				return fmt.Errorf("wait for run %s to be cancelled: %w", id, err)
			}
		}
		if err := e.DeleteRunsOf(ctx, factory); err != nil {
			return err
		}
		for _, remove := range rest {
			if err := remove(ctx, factory); err != nil {
				return err
			}
		}
		return nil
	}
}

// cancelAll returns the first error that is not about a run that is gone or ended.
func cancelAll(e *engine.Engine, ids []string) error {
	var wg sync.WaitGroup
	errs := make(chan error, len(ids))
	limit := make(chan struct{}, cancelsAtOnce)
	for _, id := range ids {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			err := e.Cancel(id, true)
			if err != nil && !errors.Is(err, engine.ErrRunFinished) && !errors.Is(err, engine.ErrRunNotFound) {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
