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
		runs, _, err := e.Query(engine.Query{Factory: factory})
		if err != nil {
			return err
		}
		ids := make([]string, 0, len(runs))
		for _, r := range runs {
			ids = append(ids, r.RunID)
		}
		for _, id := range ids {
			if err := e.Cancel(id, true); err != nil && !errors.Is(err, engine.ErrRunFinished) &&
				!errors.Is(err, engine.ErrRunNotFound) {
				return err
			}
		}
		for _, id := range ids {
			if _, err := e.Wait(ctx, id); err != nil && !errors.Is(err, engine.ErrRunNotFound) {
				return fmt.Errorf("wait for run %s to be cancelled: %w", id, err)
			}
		}
		return e.DeleteRuns(ctx, ids)
	}
}
