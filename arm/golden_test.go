package arm

import (
	"net/http"
	"testing"
	"time"

	"switchyard/internal/golden"
)

func TestGoldenOperations(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	full := operationRecord{Version: operationVersion, Status: OperationFailed, CreatedAt: at,
		EndedAt: at.Add(time.Second),
		Operation: Operation{ID: "i", Kind: "k", Subscription: "s", Target: "/subscriptions/s",
			Input: []byte(`{"a":1}`)},
		Error: &Error{Status: 409, Code: "c", Message: "m", Target: "t", Details: []Error{{Code: "d"}},
			Header: http.Header{"Retry-After": {"1"}}}}
	golden.WantFull(t, full)
	golden.WantFull(t, *full.Error)
	least := operationRecord{Version: operationVersion, Status: OperationRunning, CreatedAt: at,
		Operation: Operation{ID: "i", Kind: "k"}}
	golden.Check(t, "operations", operationVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", full, readOperation), golden.JSON("least", least,
			readOperation)}
	})
}
