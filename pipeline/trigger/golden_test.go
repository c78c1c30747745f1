package trigger

import (
	"testing"
	"time"

	"switchyard/internal/golden"
)

func TestGoldenBindings(t *testing.T) {
	full := binding{Version: bindingVersion, Trigger: "t", Backoff: Backoff{First: time.Second,
		Max: time.Minute}, Source: []byte(`{"queue":"q"}`)}
	golden.WantFull(t, full)
	read := func(b []byte) (binding, error) { return decodeBinding(b) }
	golden.Check(t, "bindings", bindingVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", full, read), golden.JSON("least",
			binding{Version: bindingVersion, Source: []byte("{}")}, read)}
	})
}
