package activity

import (
	"slices"
	"strconv"
	"strings"

	"switchyard/value"
)

// CodeMessageNotHeld is the error code of a settlement in a rerun, which holds no messages,
// of one that no earlier run has settled.
const CodeMessageNotHeld = "MessageNotHeld"

// settledBefore is the outcome of a settlement in a rerun.
func settledBefore(c *Call, s Settle) Result {
	name, shown := strings.ToLower(s.LockToken), value.Member{Name: "lockToken", Value: s.LockToken}
	if s.SequenceNumber != 0 {
		name = strconv.FormatInt(s.SequenceNumber, 10)
		shown = value.Member{Name: "sequenceNumber", Value: s.SequenceNumber}
	}
	if !slices.Contains(c.Settled, name) {
		return Result{Err: failf(CodeMessageNotHeld, "The run is a rerun and holds no messages, and the message '%s' was "+
			"not settled by the run before. To have it handled again, resubmit it.", name)}
	}
	return Result{Output: value.NewObject(shown, value.Member{Name: "outcome", Value: string(s.Outcome)},
		value.Member{Name: "settled", Value: false})}
}
