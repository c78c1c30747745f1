package engine

import (
	"context"
	"slices"

	"switchyard/pipeline/run"
)

// DeleteRuns deletes single runs, and the definitions that only they followed.
func (e *Engine) DeleteRuns(ctx context.Context, ids []string) error {
	for some := range slices.Chunk(ids, deleteBatch) {
		if _, err := e.erase(ctx, some); err != nil {
			return err
		}
	}
	return e.revisions.deleteUnused(ctx, e.o.Log)
}

// HeldMemory is what all runs hold.
func (e *Engine) HeldMemory() int64 {
	return e.memory.total.Load()
}

// CreatedOf is what the owner of an active run holds of its first event.
func (e *Engine) CreatedOf(id string) *run.Created { return e.find(id).created }

// NobodyWaits is what a callback is told that no attempt takes.
func (e *Engine) NobodyWaits(runID, activityRunID string) error {
	return e.nobodyWaits(runID, activityRunID)
}
