package trigger

import (
	"testing"
	"time"

	"switchyard/internal/golden"
)

func TestGoldenBindings(t *testing.T) {
	full := binding{Version: bindingVersion, Trigger: "t", Backoff: Backoff{First: time.Second,
		Max: time.Minute}, Source: []byte(`{"queue":"q"}`)}
	window := binding{Version: bindingVersion, Trigger: "t", Source: []byte("null"), Window: &windowBinding{Factory: "f",
		At: time.Date(2026, 11, 28, 4, 30, 0, 123_000_000, time.UTC), ID: "08586724970898148904457116912CU27"}}
	golden.WantFull(t, *window.Window)
	read := func(b []byte) (binding, error) { return decodeBinding(b) }
	golden.Check(t, "bindings", bindingVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("full", full, read), golden.JSON("window", window, read),
			golden.JSON("least", binding{Version: bindingVersion, Source: []byte("{}")}, read)}
	})
}

func TestGoldenFirings(t *testing.T) {
	at := time.Date(2026, 11, 28, 4, 30, 0, 123_000_000, time.UTC)
	state := stateRecord{Version: firingVersion, Fired: at}
	full := runRecord{Version: firingVersion, Trigger: "Nightly", Type: "ScheduleTrigger", Scheduled: at, Status: Failed,
		Message: "why", Pipelines: []Triggered{{"P", "42e1ae47-6a33-4d6e-9e3a-2b4fd3c7a1f0"}}}
	ofWindow := full
	ofWindow.Window = &Window{Start: at.Add(-time.Hour), End: at, Rerun: true, Began: at, Attempt: 2, Retries: 3, RetryInterval: time.Minute,
		RetryAt: at.Add(time.Minute), WaitsSince: at}
	window := windowRecord{Version: firingVersion, At: at, ID: "08586724970898148904457116912CU27", End: at, Ended: true}
	golden.WantFull(t, state)
	golden.WantFull(t, ofWindow)
	golden.WantFull(t, window)
	readState := func(b []byte) (r stateRecord, err error) { return r, decodeFiring(b, &r) }
	readRun := func(b []byte) (r runRecord, err error) { return r, decodeFiring(b, &r) }
	readWindow := func(b []byte) (r windowRecord, err error) { return r, decodeFiring(b, &r) }
	golden.Check(t, "firings", firingVersion, func(int) []golden.Record {
		return []golden.Record{golden.JSON("state", state, readState), golden.JSON("full", full, readRun),
			golden.JSON("ofWindow", ofWindow, readRun), golden.JSON("window", window, readWindow),
			golden.JSON("least", runRecord{Version: firingVersion, Status: Succeeded}, readRun)}
	})
	if _, err := readState([]byte(`{"v":2}`)); err == nil {
		t.Error("a version to come is read")
	}
	key := firingKey("Contoso/1", at, "08586724970898148904457116912CU27")
	if want := "datafactory/r/contoso%2F1/20261128T043000.123000000/08586724970898148904457116912CU27"; key != want {
		t.Errorf("key %s, want %s", key, want)
	}
	r, err := readFiring(key, encodeFiring(&full), nil)
	if err != nil || r.Factory != "contoso/1" || !r.At.Equal(at) || !IsRunID(r.ID) {
		t.Errorf("trigger run %+v, %v", r, err)
	}
	// [ADF-REST 6] shows the id of one that fired at 2018-06-16T00:43:15.660141Z.
	if id := newRunID(time.Date(2018, 6, 16, 0, 43, 15, 660_141_000, time.UTC)); id[:14] != "08586724970898" || !IsRunID(id) {
		t.Errorf("id %s", id)
	}
}
