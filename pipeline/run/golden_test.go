package run_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"switchyard/internal/golden"
	"switchyard/pipeline/run"
)

// goldenEvents has every kind of event, with every field and with none, as a
// version of the encoding keeps them.
func goldenEvents(version int) (records []golden.Record) {
	for _, e := range everyEvent() {
		if c, ok := e.(*run.Created); ok && version < 2 {
			c.Revision = run.Hash{} // the definition is in the event
		}
		if version < 5 {
			switch e := e.(type) {
			case *run.Created:
				e.Recovers, e.Settled = "", nil
			case *run.Recovered, *run.ActivityReused, *run.AttemptAccepted:
				continue
			}
		}
		if version < 4 {
			switch e := e.(type) {
			case *run.Created:
				e.Depth, e.Secrets, e.Sealed = 0, nil, false
			case *run.ActivityFinished:
				e.Sealed = false
			case *run.ChildStarted:
				continue
			}
		}
		if version < 3 {
			switch e := e.(type) {
			case *run.ContainerStarted:
				e.Evaluated = nil
			case *run.ActivityFinished:
				e.Secrets = nil
			}
		}
		kind := strings.TrimPrefix(reflect.TypeOf(e).String(), "*run.")
		empty := reflect.New(reflect.TypeOf(e).Elem()).Interface().(run.Event)
		for name, e := range map[string]run.Event{kind: e, kind + ".empty": empty} {
			records = append(records, golden.Record{
				Name: name, Value: e,
				Encode: func() []byte { return run.EncodeEvent(nil, e) },
				Decode: func(b []byte) (any, error) { return run.DecodeEvent(b) },
			})
		}
	}
	return records
}

func TestGoldenEvents(t *testing.T) {
	golden.Check(t, "events", run.EncodingVersion, goldenEvents)
	kinds := map[byte]bool{}
	for _, b := range golden.Read(t, "events", run.EncodingVersion) {
		kinds[b[1]] = true
	}
	for k := range math.MaxUint8 + 1 {
		if e := run.NewEvent(uint8(k)); e != nil && !kinds[byte(k)] {
			t.Errorf("there is no golden event of kind %d, %T", k, e)
		}
	}
}
