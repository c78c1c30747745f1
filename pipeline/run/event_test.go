package run_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"switchyard/pipeline"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// everyEvent has one event of each kind with every field set.
func everyEvent() []run.Event {
	at, later := testStart, testStart.Add(1500*time.Millisecond)
	deep := value.Value(int64(-1))
	for range 200 {
		deep = value.Array{deep}
	}
	o := value.NewObject(
		value.Member{Name: "z", Value: nil}, value.Member{Name: "a", Value: value.Array{true, false, int64(math.MinInt64), 1.0, math.Inf(1), "ü"}},
		value.Member{Name: "deep", Value: deep}, value.Member{Name: "", Value: &value.Object{}})
	failure := &pipeline.ActivityError{Code: "c", Message: "m", FailureType: pipeline.SystemError, Details: value.Array{"d"}}
	return []run.Event{
		&run.Created{Version: 1, ID: "i", GroupID: "g", Factory: "f", PipelineName: "p", Definition: []byte("{}"), Parameters: o, GlobalParameters: o,
			Trigger:   run.TriggerInfo{ID: "1", Name: "n", Type: "t", Time: at, Outputs: o},
			InvokedBy: run.Invoker{ID: "1", Name: "n", Type: "t", PipelineName: "pp", PipelineRunID: "r"},
			At:        later, Secure: []string{"a", "b"}, Binding: []byte(`{"x":1}`), RunDimensions: o, Revision: run.Hash{31: 1}, Depth: 2,
			Secrets: []string{"s"}, Sealed: true, Recovers: "was", Settled: []string{"7"}},
		&run.ActivityStarted{Path: "p", Attempt: 2, Activity: "a", Type: "t", At: at, Input: o, LinkedService: "l", LinkedServiceParameters: o, Inputs: value.Array{o}, Outputs: value.Array{},
			Timeout: time.Hour, Retry: 3, RetryInterval: time.Second, SecureInput: true, SecureOutput: true, UserProperties: o},
		&run.ContainerStarted{Path: "p", At: at, Input: o, Branch: "b", Items: value.Array{int64(1), nil}, Queues: 20, Deadline: later, UserProperties: o, Evaluated: "on"},
		&run.IterationStarted{Path: "p", Iteration: 7, At: at},
		&run.ActivityFinished{Path: "p", Attempt: 1, Status: run.Failed, Output: o, Error: failure, At: at, Input: o, SecureInput: true, SecureOutput: true, UserProperties: o, Secrets: []string{"s"}, Sealed: true},
		&run.ActivitySkipped{Path: "p", At: at},
		&run.RetryScheduled{Path: "p", Attempt: 2, FireAt: later, At: at},
		&run.TimerStarted{Path: "p", FireAt: later, At: at, Input: o, UserProperties: o},
		&run.TimerFired{Path: "p", Attempt: 1, Timer: run.TimerUntil, At: at},
		&run.VariableSet{Path: "p", Name: "v", Value: o, System: true, At: at, SecureInput: true, SecureOutput: true, UserProperties: o},
		&run.VariableAppended{Path: "p", Name: "v", Value: "x", At: at, UserProperties: o},
		&run.CancelRequested{At: at},
		&run.Finished{Status: run.Cancelled, Message: "m", At: at},
		&run.ChildStarted{Path: "p", At: at, Input: o, Pipeline: "q", RunID: "r", Wait: true, SecureInput: true, UserProperties: o},
		&run.Recovered{Path: "p", Type: "t", Status: run.Failed, Output: o, Error: failure, SecureOutput: true, Child: "c", At: at},
		&run.ActivityReused{Path: "p", At: at, UserProperties: o},
		&run.AttemptAccepted{Path: "p", Attempt: 1, At: at, Poll: "u", Reports: true, Secrets: []string{"s"}},
	}
}

func TestEventEncoding(t *testing.T) {
	kinds := map[uint8]bool{}
	for _, e := range everyEvent() {
		v := reflect.ValueOf(e).Elem()
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%T: field %s is not set by the test", e, v.Type().Field(i).Name)
			}
		}
		kinds[run.NumberOf(e)] = true
		b := run.EncodeEvent([]byte("prefix"), e)
		got, err := run.DecodeEvent(b[len("prefix"):])
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%T: got %+v, %v; want %+v", e, got, err, e)
		}
		for n := range len(b) - len("prefix") {
			if _, err := run.DecodeEvent(b[len("prefix") : len("prefix")+n]); !errors.Is(err, run.ErrMalformedEvent) {
				t.Fatalf("%T cut to %d bytes: got %v, want ErrMalformedEvent", e, n, err)
			}
		}
		zero := reflect.New(v.Type()).Interface().(run.Event)
		if got, err := run.DecodeEvent(run.EncodeEvent(nil, zero)); err != nil || !reflect.DeepEqual(got, zero) {
			t.Errorf("empty %T: got %+v, %v", e, got, err)
		}
	}
	if len(kinds) != 17 {
		t.Errorf("%d kinds, want 17", len(kinds))
	}
}

func TestDecodeEventRefuses(t *testing.T) {
	good := run.EncodeEvent(nil, &run.ActivitySkipped{Path: "p", At: testStart})
	newer := append([]byte{run.EncodingVersion + 1}, good[1:]...)
	if _, err := run.DecodeEvent(newer); !errors.Is(err, run.ErrNewerEvent) {
		t.Errorf("newer version: got %v, want ErrNewerEvent", err)
	}
	deep := append([]byte{1, run.NumberOf(&run.VariableAppended{}), 0, 0}, bytes.Repeat([]byte{6, 1}, 1_000_000)...)
	for name, b := range map[string][]byte{
		"nothing": nil, "version 0": append([]byte{0}, good[1:]...), "unknown kind": {1, 200}, "trailing bytes": append(good, 0),
		"long text": {1, run.NumberOf(&run.ActivitySkipped{}), 0xff, 0xff, 0xff, 0xff, 0x7f}, "nested without end": deep,
	} {
		if _, err := run.DecodeEvent(b); !errors.Is(err, run.ErrMalformedEvent) {
			t.Errorf("%s: got %v, want ErrMalformedEvent", name, err)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for _, e := range everyEvent() {
		f.Add(run.EncodeEvent(nil, e))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := run.DecodeEvent(data)
		if err != nil {
			if !errors.Is(err, run.ErrMalformedEvent) && !errors.Is(err, run.ErrNewerEvent) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again := run.EncodeEvent(nil, e)
		e2, err := run.DecodeEvent(again)
		if err != nil {
			t.Fatalf("%x: read, written and not read again: %v", data, err)
		}
		if third := run.EncodeEvent(nil, e2); !bytes.Equal(again, third) {
			t.Fatalf("%x: written as %x, then as %x", data, again, third)
		}
	})
}

// TestVisitLetsGo: the parts of one event hold nothing of the one before, which may be
// large.
func TestVisitLetsGo(t *testing.T) {
	p := run.PartsOf(&run.Created{Parameters: &value.Object{}})
	p.Visit(&run.Finished{})
	for i, part := range p.Values[:cap(p.Values)] {
		if i >= len(p.Values) && part != (run.Part{}) {
			t.Errorf("part %d is still held", i)
		}
	}
}
