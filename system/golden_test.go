package system

import (
	"testing"
	"time"

	"switchyard/internal/golden"
)

// What system itself keeps: the endpoints of the process that runs, which other
// versions of the command read, and the clock's mark.
func TestGoldenRecords(t *testing.T) {
	e := Endpoints{PID: 1, AMQP: "127.0.0.1:1", HTTP: "http://127.0.0.1:2", HTTPS: "https://127.0.0.1:2",
		ConnectionString: "c",
		Namespaces: []Namespace{{Name: "n", ConnectionString: "c", Queues: []string{"q"},
			Topics: []string{"t"}}},
		Factories: []Factory{{Name: "f", Pipelines: []string{"p"}, Triggers: []string{"t"}}},
		TenantID:  "t", SubscriptionID: "s", ClientID: "i", ClientSecret: "x", CAFile: "ca", BundleFile: "b",
		Token: "k"}
	golden.WantFull(t, e)
	golden.WantFull(t, e.Namespaces[0])
	golden.WantFull(t, e.Factories[0])
	golden.Check(t, "endpoints", 1, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", e,
			nil)}
	})

	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	golden.Check(t, "clock", 1, func(int) []golden.Record {
		return []golden.Record{{Name: "mark", Value: at,
			Encode: func() []byte { b, _ := at.MarshalBinary(); return b },
			Decode: func(b []byte) (any, error) {
				var t time.Time
				err := t.UnmarshalBinary(b)
				return t,
					err
			}}}
	})
}
