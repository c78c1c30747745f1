package factory

import (
	"context"
	"errors"
	"fmt"

	"switchyard/pipeline/engine"
)

// RetireRuns makes an [Options.Retire] of an engine: it cancels the runs of a
// factory, waits for their end and removes them from the history.
func RetireRuns(e *engine.Engine) func(ctx context.Context, factory string) error {
	return func(ctx context.Context, factory string) error {
		active := e.RunsOf(factory)
		for _, id := range active {
			if err := e.Cancel(id, true); err != nil && !errors.Is(err, engine.ErrRunFinished) &&
				!errors.Is(err, engine.ErrRunNotFound) {
				return err
			}
		}
		for _, id := range active {
			if _, err := e.Wait(ctx, id); err != nil && !errors.Is(err, engine.ErrRunNotFound) {
				return fmt.Errorf("wait for run %s to be cancelled: %w", id, err)
			}
		}
		return e.DeleteRunsOf(ctx, factory)
	}
}
