package run

import (
	"testing"

	"switchyard/pipeline"
)

// TestDeciders: what the table says is decided here has a decider, and every
// decider has a row.
func TestDeciders(t *testing.T) {
	decided := 0
	for _, row := range pipeline.ActivityTypes() {
		kind := kindOf(&row)
		switch {
		case !row.Control && kind != kindExecution:
			t.Errorf("%s is executed and has a decider", row.Name)
		case row.Control && row.Supported == (kind == kindUnsupported):
			t.Errorf("%s is supported: %v, and has no decider: %v", row.Name, row.Supported, kind == kindUnsupported)
		case row.Control && row.Supported:
			decided++
		}
	}
	if decided != len(deciders) {
		t.Errorf("%d rows are decided here, there are %d deciders", decided, len(deciders))
	}
	if kindOf(nil) != kindExecution {
		t.Error("a type that is not known is not left to the engine, which refuses it by name")
	}
}
