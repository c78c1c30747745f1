package engine

import (
	"fmt"

	"switchyard/pipeline"
)

// CodeRunSize is the error code of an activity that does not start because the history
// of its run takes more than it may.
const CodeRunSize = "RunSizeExceeded"

// roomFor returns the error of an activity if the history of its run takes so many bytes
// that no further one may start. What is under way ends as it does, so a run takes more
// by what that writes: a few MiB for each activity, or one expression's value.
func (e *Engine) roomFor(run, activity string, bytes int64) *pipeline.ActivityError {
	if e.o.RunSize <= 0 || bytes <= e.o.RunSize {
		return nil
	}
	return &pipeline.ActivityError{Code: CodeRunSize, FailureType: pipeline.UserError,
		Message: fmt.Sprintf("The activity '%s' does not start: the events and values of the run %s take %d bytes of the disk, "+
			"more than the limit of %d. Let a run handle less, or raise the setting run-size.", activity, run, bytes, e.o.RunSize)}
}
