package engine

import (
	"context"
	"fmt"
	"sync/atomic"

	"switchyard/expr"
	"switchyard/memory"
	"switchyard/pipeline"
)

// CodeRunMemory is the error code of an activity whose run would hold more memory
// than it may.
const CodeRunMemory = "RunMemoryExceeded"

const (
	// A run may hold one part in runPart of the memory, at least leastRun; all runs
	// together may hold one in allPart. Payloads that were used lately take one in
	// cachePart.
	runPart, leastRun, allPart, cachePart = 8, 64 << 20, 2, 32
	// spared is what a run may hold whatever the others do: a small run is never the
	// victim of a large one.
	spared = 1 << 20
)

// A run whose decisions have become large takes largeDecision of a room before the
// next turn: what evaluations may produce, and as much again for what becomes of it
// until it is durable. So few of them are at it at once, and the others wait.
const (
	LargeFrom     = 1 << 20 // bytes from which on a decision is large
	largeDecision = 2 * expr.MaxBytes
)

// maxRuns is how many runs may be active when an activity starts another one: what
// [ENGINE 8] allows at once in a factory, or one for each runShare of the memory.
func maxRuns(limit int64) int { return int(min(10_000, memory.Part(limit, 1)/runShare)) }

// runShare is more than an active run that waits takes of the memory.
const runShare = 64 << 10

// TakeLarge waits for the room of an evaluation that may be large, as large turns of runs
// do. Who holds it waits for no room.
func (e *Engine) TakeLarge(ctx context.Context) (release func(), err error) {
	return e.memory.large.Take(ctx, largeDecision)
}

// What attempts are given takes one part in inputPart of the memory, but for what is
// at most freeInput: as many as execute at once are little together. Each takes
// inputFactor times its size: the value, and what the executor makes of it.
const (
	inputPart, inputFactor = 8, 2
	freeInput              = 64 << 10
)

// An account is of what runs hold: the values of their variables that are not
// kept in the history, and the items of their loops.
type account struct {
	run, all int64        // limits in bytes
	large    *memory.Room // for turns of runs that decide large things
	inputs   *memory.Room // for what attempts are given
	total    atomic.Int64
}

// newMemory makes the account of a process that has limit bytes, 0 if that is
// unknown. A run may hold perRun bytes; 0 stands for a part of the limit.
func newMemory(limit, perRun int64) *account {
	limit = memory.Part(limit, 1)
	if perRun <= 0 {
		perRun = max(limit/runPart, leastRun)
	}
	return &account{run: perRun, all: limit / allPart, large: memory.NewRoom(limit / allPart),
		inputs: memory.NewRoom(limit / inputPart)}
}

// afford returns an error if the run may not hold more bytes beside those it holds.
func (m *account) afford(r *runner, activity string, held, more int64) *pipeline.ActivityError {
	who := fmt.Sprintf("The variables and loops of the run, for which the activity '%s' asks %d bytes more "+
		"than the %d they hold,",
		activity, more, held)
	if held+more > m.run {
		return m.exceeded(r.id, who, m.run)
	}
	m.set(r, held)
	total := m.total.Load() + more
	if total > m.all && held+more > spared {
		return &pipeline.ActivityError{Code: CodeRunMemory, FailureType: pipeline.UserError,
			Message: fmt.Sprintf("%s take more memory than there is for all runs together: %d bytes of %d are held (run %s). "+
				"Let fewer runs work at once, or raise the setting memory-limit.", who, total-more, m.all, r.id)}
	}
	return nil
}

func (m *account) exceeded(run, who string, limit int64) *pipeline.ActivityError {
	return &pipeline.ActivityError{Code: CodeRunMemory, FailureType: pipeline.UserError,
		Message: fmt.Sprintf("%s take more memory than the run %s may hold: the limit is %d bytes. "+
			"Keep less in variables, or raise the setting run-memory.", who, run, limit)}
}

// set notes what a run holds; 0 when it ends. Its owner calls it.
func (m *account) set(r *runner, held int64) {
	if more := held - r.held; more != 0 {
		m.total.Add(more)
		r.held = held
	}
}
