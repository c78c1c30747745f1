package factory

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"switchyard/pipeline/engine"
)

// RetireRuns makes an [Options.Retire] of an engine: it cancels the runs of a
// factory, waits for their end and removes them from the history.
func RetireRuns(e *engine.Engine) func(ctx context.Context, factory string) error {
	return func(ctx context.Context, factory string) error {
		var ids []string
		err := e.PipelineRuns(func(r engine.PipelineRun) bool {
			if strings.EqualFold(r.Factory, factory) {
				ids = append(ids, r.RunID)
			}
			return true
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := e.Cancel(id, true); err != nil && !errors.Is(err, engine.ErrRunFinished) && !errors.Is(err, engine.ErrRunNotFound) {
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
