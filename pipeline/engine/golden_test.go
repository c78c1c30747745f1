package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/golden"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// TestGoldenSnapshots: the record around an encoded state, which package run keeps the bytes of.
func TestGoldenSnapshots(t *testing.T) {
	golden.Check(t, "snapshots", snapshotVersion, func(int) (records []golden.Record) {
		for name, s := range map[string]*snapshot{
			"full":  {next: 300, payloads: 7, items: 301, bytes: 1 << 33, sealed: true, changed: goldenTime, state: []byte("state")},
			"least": {next: 2, changed: goldenTime, state: []byte{}}} {
			f := frames{sealer: testSealer{}}
			records = append(records, golden.Record{Name: name, Value: s,
				Encode: func() []byte { return f.encodeSnapshot(s) },
				Decode: func(b []byte) (any, error) { return f.decodeSnapshot(b) }})
		}
		return records
	})
}

// FuzzDecodeSnapshot: whatever the bytes are, they are a snapshot that is written alike, or an
// error.
func FuzzDecodeSnapshot(f *testing.F) {
	var clear frames
	f.Add(clear.encodeSnapshot(&snapshot{next: 300, payloads: 7, items: 301, bytes: 1 << 33, changed: goldenTime, state: []byte("state")}))
	f.Add([]byte{snapshotVersion, frameSealed, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := clear.decodeSnapshot(b)
		if err != nil {
			return
		}
		if again, err := clear.decodeSnapshot(clear.encodeSnapshot(s)); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v is read again as %+v, %v", s, again, err)
		}
	})
}

var goldenTime = time.Date(2026, 11, 22, 1, 2, 3, 4_000_000, time.UTC)

// goldenFrames has the frames of events, in clear and sealed, whole and with
// parts that are payloads, and the payloads, one of which names others.
func goldenFrames(t *testing.T) func(version int) []golden.Record {
	text := strings.Repeat("t", maxInline+1)
	// Large as a value, short in bytes.
	x, y := make(value.Array, maxInline/8), append(make(value.Array, maxInline/8), "y")
	events := map[string]run.Event{
		"whole": &run.ActivityFinished{Path: "A", Attempt: 1, Status: run.Succeeded, Output: obj("a",
			"b"), At: goldenTime},
		"whole-sealed": &run.ActivityFinished{Path: "A", Attempt: 1, Status: run.Succeeded, Output: obj("a",
			"b"), At: goldenTime},
		"part-sealed": &run.ActivityFinished{Path: "A", Attempt: 1, Output: obj("a", value.Array{"b", text}, "c",
			text), At: goldenTime},
		"nested": &run.VariableSet{Path: "S", Name: "v", At: goldenTime,
			Value: obj("x", x, "y", value.Array{y}, "text", text[:maxInline-10], "more", text[:maxInline-10])},
		"created": &run.Created{ID: "r", At: goldenTime, Definition: []byte(text),
			Parameters: obj("p", x), GlobalParameters: obj("g", y),
			Trigger: run.TriggerInfo{Outputs: value.Array{x}}},
		"started": &run.ActivityStarted{Path: "A", Attempt: 1, At: goldenTime, Input: obj("i", text),
			LinkedServiceParameters: obj("l", x), Inputs: value.Array{x}, Outputs: value.Array{y}},
		"container": &run.ContainerStarted{Path: "L", At: goldenTime, Input: obj("i", text), Items: y},
		"finished":  &run.ActivityFinished{Path: "A", Input: obj("i", text), Output: x, At: goldenTime},
		"appended":  &run.VariableAppended{Path: "V", Name: "v", Value: text, At: goldenTime},
	}
	since2 := map[string]run.Event{
		"created-dimensions": &run.Created{ID: "r", At: goldenTime, RunDimensions: obj("d", text)},
		"started-user":       &run.ActivityStarted{Path: "A", Attempt: 1, At: goldenTime, UserProperties: obj("u", text)},
		"container-user":     &run.ContainerStarted{Path: "L", At: goldenTime, UserProperties: obj("u", text)},
		"finished-user":      &run.ActivityFinished{Path: "A", At: goldenTime, UserProperties: obj("u", text)},
		"timer":              &run.TimerStarted{Path: "W", At: goldenTime, Input: obj("i", text), UserProperties: obj("u", text)},
		"set-user":           &run.VariableSet{Path: "S", At: goldenTime, UserProperties: obj("u", text)},
		"appended-user":      &run.VariableAppended{Path: "V", At: goldenTime, UserProperties: obj("u", text)},
	}
	since3 := map[string]run.Event{
		"container-evaluated": &run.ContainerStarted{Path: "S", At: goldenTime, Evaluated: text},
		"finished-secrets":    &run.ActivityFinished{Path: "A", At: goldenTime, Secrets: []string{"s"}},
	}
	since4 := map[string]run.Event{
		"child":         &run.ChildStarted{Path: "X", At: goldenTime, Input: obj("i", text), Pipeline: "p", RunID: "r", Wait: true},
		"child-user":    &run.ChildStarted{Path: "X", At: goldenTime, UserProperties: obj("u", text)},
		"created-depth": &run.Created{ID: "r", At: goldenTime, Depth: 3, Secrets: []string{"s"}, Sealed: true},
		"finished-seal": &run.ActivityFinished{Path: "A", At: goldenTime, Sealed: true},
	}
	since5 := map[string]run.Event{
		"created-rerun": &run.Created{ID: "r", At: goldenTime, Recovers: "was", Settled: []string{"7"}},
		"recovered":     &run.Recovered{Path: "A", Type: "T", Status: run.Succeeded, Output: obj("o", text), At: goldenTime},
		"reused":        &run.ActivityReused{Path: "A", At: goldenTime, UserProperties: obj("u", text)},
		"accepted":      &run.AttemptAccepted{Path: "A", Attempt: 1, At: goldenTime, Poll: "u", Reports: true, Secrets: []string{"s"}},
	}
	return func(version int) (records []golden.Record) {
		events := maps.Clone(events)
		if version >= 2 {
			maps.Copy(events, since2)
		}
		if version >= 3 {
			maps.Copy(events, since3)
		}
		if version >= 4 {
			maps.Copy(events, since4)
		}
		if version >= 5 {
			maps.Copy(events, since5)
		}
		files := golden.Read(t, "frames", version)
		for name, event := range events {
			encode := func() ([]byte, []payload) {
				f := frames{sealer: testSealer{}}
				b, ps, _ := f.encode(event, strings.HasSuffix(name, "-sealed"))
				return b, ps
			}
			_, payloads := encode()
			payloadName := func(n uint64) string { return fmt.Sprint(name, ".payload", n) }
			read := func(n uint64) ([]byte, error) {
				if b, ok := files[payloadName(n)]; ok {
					return b, nil
				}
				return payloads[n].frame, nil // before it is in a file
			}
			payloadValue := func(read func(uint64) ([]byte, error), n uint64) (any, error) {
				return readOutputs(read).load(run.Kept{Number: n}, unbounded)
			}
			records = append(records, golden.Record{
				Name: name, Value: event,
				Encode: func() []byte { b, _ := encode(); return b },
				Decode: func(b []byte) (any, error) {
					f := frames{sealer: testSealer{}}
					o := readOutputs(read)
					e, err := f.decode(b, o)
					if err != nil {
						return nil, err
					}
					return e, o.whole(e)
				},
			})
			for i, p := range payloads {
				if p.n != uint64(i) {
					t.Fatalf("%s: payload %d has number %d", name, i, p.n)
				}
				want, err := payloadValue(func(n uint64) ([]byte, error) { return payloads[n].frame, nil }, p.n)
				if err != nil {
					t.Fatal(err)
				}
				records = append(records, golden.Record{
					Name: payloadName(p.n), Value: want,
					Encode: func() []byte { return p.frame },
					Decode: func([]byte) (any, error) { return payloadValue(read, p.n) },
				})
			}
		}
		return records
	}
}

func TestGoldenFrames(t *testing.T) {
	records := goldenFrames(t)
	golden.Check(t, "frames", frameVersion, records)
	// Each field that may be a payload is one in some frame.
	var fields, want []string
	for name, b := range golden.Read(t, "frames", frameVersion) {
		f := frames{sealer: testSealer{}}
		plain, err := f.open(b)
		if err != nil || strings.Contains(name, ".payload") {
			continue
		}
		table, event, err := readTable(plain)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, r := range table {
			fields = append(fields, fmt.Sprint("kind ", event[1], " field ", r.place[0]))
		}
	}
	for _, e := range []run.Event{
		&run.Created{}, &run.ActivityStarted{}, &run.ContainerStarted{}, &run.IterationStarted{},
		&run.ActivityFinished{},
		&run.ActivitySkipped{}, &run.RetryScheduled{}, &run.TimerStarted{}, &run.TimerFired{},
		&run.VariableSet{},
		&run.VariableAppended{}, &run.CancelRequested{}, &run.Finished{}, &run.ChildStarted{},
		&run.Recovered{}, &run.ActivityReused{},
	} {
		for i := range run.PartsOf(e).Values {
			want = append(want, fmt.Sprint("kind ", run.EncodeEvent(nil, e)[1], " field ", i))
		}
	}
	slices.Sort(fields)
	slices.Sort(want)
	if fields = slices.Compact(fields); !slices.Equal(fields, want) {
		t.Errorf("large fields of golden frames: got %q, want %q", fields, want)
	}
}

func TestGoldenSummaries(t *testing.T) {
	golden.Check(t, "summaries", summaryVersion, func(version int) []golden.Record {
		full := summary{Version: version, Status: run.Failed, Arrival: 7, Message: "m", End: goldenTime.Add(time.Second),
			Updated:    goldenTime,
			Invoked:    run.Invoker{ID: "i", Name: "n", Type: "t", PipelineName: "p", PipelineRunID: "r"},
			DroppedFor: "x", Parameters: []byte(`{"a":"1"}`), Dimensions: []byte(`{"d":"x"}`), Annotations: []byte(`["a"]`),
			Outputs: []byte(`{"body":{"messages":[{"messageId":"m"}]}}`), Returned: []byte(`{"r":1}`), Group: "g"}
		golden.WantFull(t, full)
		least := summary{Version: version, Status: run.InProgress, Updated: goldenTime, Invoked: run.Invoker{ID: "i",
			Name: "Manual", Type: "Manual"}}
		if version < 3 {
			full.DroppedFor = ""
		}
		if version < 4 {
			full.Outputs = nil
		}
		if version < 5 {
			full.Returned = nil
		}
		if version < 6 {
			full.Group = ""
		}
		if version > 1 { // the record has it
			full.Updated, least.Updated = time.Time{}, time.Time{}
		}
		decode := func(b []byte) (any, error) { return decodeSummary(b) }
		return []golden.Record{
			{Name: "full", Value: full, Encode: full.encode, Decode: decode},
			{Name: "least", Value: least, Encode: least.encode, Decode: decode},
		}
	})
}

// TestSummaryEncodes: what is written by hand is what the tags of the struct say.
func TestSummaryEncodes(t *testing.T) {
	for _, s := range []summary{
		{},
		{Version: 3, Status: run.Cancelled, Arrival: 1 << 60, Message: "a \"quoted\"\n line, tab\t, \x01, ü, 🙂, \u2028",
			End: goldenTime, Updated: goldenTime.Add(time.Nanosecond), Invoked: run.Invoker{ID: "\\", Name: "é", Type: "",
				PipelineName: "p", PipelineRunID: "r"}, Parameters: []byte("{}"), Dimensions: []byte("[1]"),
			Annotations: []byte(`["x"]`), DroppedFor: "later", Outputs: []byte("null"), Returned: []byte("null")},
		{Version: 1, Message: "bad \xff text", End: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)},
	} {
		if s.Status == 0 {
			s.Status = run.InProgress
		}
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeSummary(s.encode())
		if s.Version == 0 { // which can't be read
			if string(s.encode()) != string(want) {
				t.Errorf("got %s, want %s", s.encode(), want)
			}
			continue
		}
		same, e := decodeSummary(want)
		if err != nil || e != nil || !reflect.DeepEqual(got, same) {
			t.Errorf("%s is read as %+v, %v; want %+v, %v as from %s", s.encode(), got, err, same, e, want)
		}
	}
}
