package servicebusrp

import (
	"testing"
	"time"

	"switchyard/internal/golden"
)

func TestGoldenRecords(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	full := envelope{Version: namespaceVersion, Name: "n", Subscription: "s", ResourceGroup: "g",
		Location: "westeurope", Tags: []byte(`{"a":"b"}`),
		SKU: "Premium", Capacity: 2, PrincipalID: "p", MinimumTLSVersion: "1.2", ZoneRedundant: true,
		Partitions: 1, TrustedServices: true,
		CreatedAt: at, UpdatedAt: at.Add(time.Second)}
	golden.WantFull(t, full)
	golden.Check(t, "namespaces", namespaceVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", full, readEnvelope),
			golden.JSON("least", envelope{Version: namespaceVersion, Name: "n", SKU: "Standard", CreatedAt: at,
				UpdatedAt: at}, readEnvelope)}
	})
	golden.Check(t, "durations", spellingVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", spellingRecord{spellingVersion, map[string]string{"lockDuration": "PT60S",
			"autoDeleteOnIdle": "P1W"}}, nil)}
	})
}
