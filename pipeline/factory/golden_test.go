package factory

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"switchyard/internal/golden"
)

// reverse seals by turning bytes round.
type reverse struct{}

func (reverse) Seal(b []byte) []byte {
	out := []byte("sealed:")
	for i := range b {
		out = append(out, b[len(b)-1-i])
	}
	return out
}

func (reverse) Open(b []byte) ([]byte, error) {
	b, ok := bytes.CutPrefix(b, []byte("sealed:"))
	if !ok {
		return nil, errors.New("not sealed")
	}
	return reverse{}.Seal(b)[len("sealed:"):], nil
}

func TestGoldenRecords(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)
	factory := factoryRecord{Version: recordVersion, Name: "f", Subscription: "s", ResourceGroup: "g",
		Location: "westeurope", Tags: `{"a":"b"}`,
		Identity:   &Identity{Type: SystemAssigned, PrincipalID: "p", TenantID: "t"},
		Properties: `{"globalParameters":{}}`, ETag: "e",
		Created: at, Changed: at.Add(time.Second), Deleting: true, Deployed: "d"}
	golden.WantFull(t, factory)
	golden.WantFull(t, *factory.Identity)
	record := definitionRecord{Version: recordVersion, Name: "n", ETag: "e", Published: at, Started: true,
		Deployed: "d"}
	since := record
	since.StartedAt = at.Add(time.Hour)
	readFactory := func(b []byte) (r factoryRecord, err error) {
		err = decodeRecord(b, &r,
			&r.Version)
		return r, err
	}
	golden.Check(t, "factories", recordVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", factory, readFactory),
			golden.JSON("least", factoryRecord{Version: recordVersion, Name: "f", Properties: "{}"},
				readFactory)}
	})
	golden.Check(t, "definitions", recordVersion, func(int) []golden.Record {
		var records []golden.Record
		for name, d := range map[string]definition{
			"clear": {kind: Triggers, record: record, properties: []byte(`{"type":"ServiceBusTrigger"}`)},
			"since": {kind: Triggers, record: since, properties: []byte(`{"type":"ScheduleTrigger"}`)},
			"sealed": {kind: LinkedServices, record: record, properties: []byte(`{"type":"AzureServiceBus"}`),
				secret: true},
			"least": {kind: Pipelines, record: definitionRecord{Version: recordVersion, Name: "n"},
				properties: []byte("{}")},
		} {
			records = append(records, golden.Record{Name: name, Value: &d,
				Encode: func() []byte { return d.encode(reverse{}) },
				Decode: func(b []byte) (any, error) { return decodeDefinition(d.kind, b, reverse{}) }})
		}
		return records
	})
}
