package bridge

import (
	"testing"

	"switchyard/internal/golden"
)

// The binding of a run, which says whose messages it has.
func TestGoldenBindings(t *testing.T) {
	full := binding{Namespace: "ns", Queue: "q", Messages: map[string]int64{"token": 7}}
	golden.WantFull(t, full)
	golden.Check(t, "bindings", 1, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", full, nil)}
	})
}
