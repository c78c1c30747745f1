package client

import (
	"slices"
	"testing"

	"switchyard/internal/golden"
)

// The endpoints of the process that runs, which other versions of the command read.
func TestGoldenEndpoints(t *testing.T) {
	e := Endpoints{PID: 1, AMQP: "127.0.0.1:1", HTTP: "http://127.0.0.1:2", HTTPS: "https://127.0.0.1:2",
		ConnectionString: "c",
		Namespaces: []Namespace{{Name: "n", ConnectionString: "c", Queues: []string{"q"},
			Topics: []string{"t"}, Subscriptions: []string{"t/Subscriptions/s"}}},
		Factories: []Factory{{Name: "f", Pipelines: []string{"p"}, Triggers: []string{"t"}}},
		TenantID:  "t", SubscriptionID: "s", ClientID: "i", ClientSecret: "x", CAFile: "ca", BundleFile: "b",
		Token: "k", DataDir: "/d", Ephemeral: true}
	golden.WantFull(t, e)
	golden.WantFull(t, e.Namespaces[0])
	golden.WantFull(t, e.Factories[0])
	golden.Check(t, "endpoints", 2, func(version int) []golden.Record {
		e := e
		if version == 1 {
			e.DataDir, e.Ephemeral, e.Namespaces = "", false, slices.Clone(e.Namespaces)
			e.Namespaces[0].Subscriptions = nil
		}
		return []golden.Record{golden.JSON("full", e, nil)}
	})
}
