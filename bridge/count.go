package bridge

import (
	"encoding/json"

	"switchyard/pipeline/trigger"
)

// Messages returns how many messages started a run, by the binding that is in its record;
// 0 for a run that was started otherwise.
func Messages(bound json.RawMessage) int {
	source, err := trigger.SourceBinding(bound)
	if err != nil {
		return 0
	}
	var b binding
	if json.Unmarshal(source, &b) != nil {
		return 0
	}
	return len(b.Messages)
}
