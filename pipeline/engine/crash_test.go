package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

func TestMemoryConforms(t *testing.T) {
	enginetest.Run(t, func(*testing.T) enginetest.Store { return enginetest.NewMemory(nil) })
}

// crashPipeline has one of everything that lives across turns.
const crashPipeline = `{"name":"p","properties":{
	"parameters":{"items":{"type":"Array"},"key":{"type":"SecureString"}},
	"variables":{"all":{"type":"Array"},"n":{"type":"String"}},
	"activities":[
	{"name":"Loop","type":"ForEach","typeProperties":{"batchCount":2,"items":"@pipeline().parameters.items","activities":[
		{"name":"Call","type":"WebActivity","policy":{"retry":1,"retryIntervalInSeconds":30},"typeProperties":{"url":"http://h/","method":"POST","body":"@item()","headers":{"k":"@pipeline().parameters.key"}}},
		{"name":"Keep","type":"AppendVariable","dependsOn":[{"activity":"Call","dependencyConditions":["Succeeded"]}],"typeProperties":{"variableName":"all","value":"@activity('Call').output.size"}}]}},
	{"name":"Pause","type":"Wait","typeProperties":{"waitTimeInSeconds":20}},
	{"name":"Send","type":"ServiceBusSend","dependsOn":[{"activity":"Loop","dependencyConditions":["Succeeded"]},{"activity":"Pause","dependencyConditions":["Succeeded"]}],
		"linkedServiceName":{"referenceName":"bus","type":"LinkedServiceReference"},"typeProperties":{"queueName":"q","body":"@variables('all')"}},
	{"name":"Until","type":"Until","dependsOn":[{"activity":"Send","dependencyConditions":["Succeeded"]}],"typeProperties":{"timeout":"0.01:00:00","expression":"@equals(variables('n'),'done')","activities":[
		{"name":"Poll","type":"WebActivity","typeProperties":{"url":"http://h/","method":"GET"}},
		{"name":"Set","type":"SetVariable","dependsOn":[{"activity":"Poll","dependencyConditions":["Succeeded"]}],"typeProperties":{"variableName":"n","value":"@activity('Poll').output.state"}}]}}]}}`

// crashWorld counts what reaches the world outside.
type crashWorld struct {
	*world
	mu    sync.Mutex
	calls map[string]int // by activity run id
}

// xor stands for a cipher: it hides, and notices damage.
type xor struct{}

func (xor) Seal(p []byte) []byte {
	out := []byte{'S'}
	for _, c := range p {
		out = append(out, c^0x5a)
	}
	return out
}

func (xor) Open(s []byte) ([]byte, error) {
	if len(s) == 0 || s[0] != 'S' {
		return nil, fmt.Errorf("not sealed")
	}
	out := make([]byte, len(s)-1)
	for i, c := range s[1:] {
		out[i] = c ^ 0x5a
	}
	return out, nil
}

func newCrashWorld(t *testing.T, r *enginetest.Recorder) *crashWorld {
	w := &crashWorld{world: newWorld(t, r.Memory, crashPipeline), calls: map[string]int{}}
	w.options.Sealer = xor{}
	w.options.LinkedService = linkedServices
	w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls[c.ActivityRunID]++
		if c.ActivityName == "Poll" {
			// The world outside remembers nothing: the state follows from the path.
			if strings.HasPrefix(c.Path, "Until#3/") {
				return activity.Result{Output: value.NewObject(value.Member{Name: "state", Value: "done"})}
			}
			return activity.Result{Output: value.NewObject(value.Member{Name: "state", Value: "more"})}
		}
		body, _ := c.Input.Get("body")
		if c.Attempt == 1 && body == "small" {
			return activity.Result{Err: &activity.Error{Code: "2108", Message: "try again", FailureType: activity.UserError}}
		}
		return activity.Result{Output: value.NewObject(
			value.Member{Name: "size", Value: int64(len(value.Text(body)))},
			value.Member{Name: "copy", Value: body})}
	})
	w.register("ServiceBusSend", func(_ context.Context, c *activity.Call) activity.Result {
		if c.LinkedService == nil || c.LinkedService.Type != "AzureServiceBus" {
			t.Errorf("linked service of Send: got %+v", c.LinkedService)
		}
		body, _ := c.Input.Get("body")
		return activity.Result{Effect: put("x sent "+c.ActivityRunID, value.Append(nil, body))}
	})
	w.options.Finish = func(_ json.RawMessage, runID string, o engine.Outcome) (commit.Effect, error) {
		return put("x finished "+runID, []byte(o.Status.String())), nil
	}
	return w
}

func put(key string, val []byte) effect {
	return func(u *commit.Unit) (func(), error) {
		u.Set([]byte(key), val)
		return func() {}, nil
	}
}

// effects lists what other packages keep.
func effects(t *testing.T, r *enginetest.Recorder, before []string) []string {
	t.Helper()
	out := slices.Clone(before)
	for i := range r.Units() {
		out = append(out, r.Effects(i)...)
	}
	slices.Sort(out)
	return out
}

func TestCrashAfterEveryUnit(t *testing.T) { withSnapshots(t, testCrashAfterEveryUnit) }

func testCrashAfterEveryUnit(t *testing.T) {
	large := strings.Repeat("large ", 2000)
	args := value.NewObject(
		value.Member{Name: "items", Value: value.Array{"small", large, value.NewObject(value.Member{Name: "in", Value: large}), "end"}},
		value.Member{Name: "key", Value: "hunter2"})

	first := enginetest.NewRecorder()
	var want string
	synctest.Test(t, func(t *testing.T) {
		w := newCrashWorld(t, first)
		w.start()
		id := w.create("p", args, engine.RunOptions{ID: "run", Binding: json.RawMessage(`"b"`)})
		if got := w.wait(id); got != run.Succeeded {
			t.Fatalf("status: got %s (%s), want Succeeded", got, w.message(id))
		}
		want = fmt.Sprint(effects(t, first, nil))
		for id, n := range w.calls {
			if n != 1 {
				t.Errorf("activity run %s was made %d times without a crash", id, n)
			}
		}
		w.engine.Stop(0)
	})
	if strings.Count(want, "x sent") != 1 || strings.Count(want, "x finished run=Succeeded") != 1 || !strings.Contains(want, "12009") {
		t.Fatalf("effects without a crash: %s", want)
	}
	if n := first.Units(); n < 10 {
		t.Fatalf("%d units, want enough to crash between", n)
	}
	for n := 1; n < first.Units(); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := first.After(n)
				var before []string
				for i := range n {
					before = append(before, first.Effects(i)...)
				}
				w := newCrashWorld(t, r)
				w.start()
				if got := w.wait("run"); got != run.Succeeded {
					t.Errorf("status: got %s (%s), want Succeeded", got, w.message("run"))
				}
				got := effects(t, r, before)
				if len(got) != 2 || !strings.HasPrefix(got[0], "x finished run=Succeeded") || !sameElements(got[1], want) {
					t.Errorf("effects: got %s, want %s", got, want)
				}
				for id, n := range w.calls {
					if n != 1 {
						t.Errorf("activity run %s was made %d times after one crash", id, n)
					}
				}
				if as := w.activities("run"); strings.Count(as, "Call:") != 5 || strings.Count(as, "Poll:") != 3 {
					t.Errorf("activities: got %s, want 5 attempts of Call and 3 of Poll", as)
				}
				w.engine.Stop(time.Minute)
			})
		})
	}
}

// sameElements compares the sent lists, whose order depends on the scheduler,
// in the activity run's id and the elements.
func sameElements(got, want string) bool {
	id, list, _ := strings.Cut(got, "=")
	if !strings.Contains(want, id+"=") {
		return false
	}
	_, rest, _ := strings.Cut(want, id+"=")
	rest, _, _ = strings.Cut(rest, "]")
	sorted := func(s string) string {
		parts := strings.Split(strings.Trim(s, "[]"), ",")
		slices.Sort(parts)
		return strings.Join(parts, ",")
	}
	return sorted(list) == sorted(rest)
}

// wantSealed wants none of the texts in what a recorder has written.
func wantSealed(t *testing.T, r *enginetest.Recorder, secrets ...string) {
	t.Helper()
	for i := range r.Units() {
		for _, op := range r.Ops(i) {
			for _, secret := range secrets {
				if bytes.Contains(op.Value, []byte(secret)) {
					t.Errorf("unit %d holds %q in the open under %q", i, secret, op.Key)
				}
			}
		}
	}
}

func TestSecretsAreSealed(t *testing.T) { withSnapshots(t, testSecretsAreSealed) }

func testSecretsAreSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newCrashWorld(t, r)
		w.start()
		args := value.NewObject(
			value.Member{Name: "items", Value: value.Array{strings.Repeat("hunter2", 2000)}},
			value.Member{Name: "key", Value: "hunter2"})
		id := w.create("p", args, engine.RunOptions{})
		w.wait(id)
		wantSealed(t, r, "hunter2")
		p, err := w.engine.PipelineRun(id)
		if err != nil {
			t.Fatal(err)
		}
		if key, _ := p.Parameters.Get("key"); key != activity.Mask {
			t.Errorf("parameter key: got %v, want it masked", key)
		}
		as, err := activityRuns(w.engine, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			if j := value.Append(nil, a.JSON()); bytes.Contains(j, []byte("hunter2")) {
				t.Errorf("record of %s shows the secret: %s", a.Path, j)
			}
		}
		w.engine.Stop(0)
	})
}

func TestLargeValueIsWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newWorld(t, r.Memory, `{"name":"p","properties":{"variables":{"v":{"type":"String"},"w":{"type":"String"}},"parameters":{"x":{"type":"String"}},"activities":[`+
			webA+`,{"name":"S","type":"SetVariable","dependsOn":[{"activity":"A","dependencyConditions":["Succeeded"]}],"typeProperties":{"variableName":"v","value":"@activity('A').output.echo"}},
			{"name":"T","type":"SetVariable","dependsOn":[{"activity":"S","dependencyConditions":["Succeeded"]}],"typeProperties":{"variableName":"w","value":"@pipeline().parameters.x"}}]}}`)
		big := strings.Repeat("0123456789", 10_000)
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			return activity.Result{Output: value.NewObject(value.Member{Name: "echo", Value: big})}
		})
		w.start()
		id := w.create("p", value.NewObject(value.Member{Name: "x", Value: big}), engine.RunOptions{})
		if got := w.wait(id); got != run.Succeeded {
			t.Fatalf("status: got %s (%s)", got, w.message(id))
		}
		copies := 0
		for i := range r.Units() {
			for _, op := range r.Ops(i) {
				copies += bytes.Count(op.Value, []byte(big))
			}
		}
		if copies != 1 {
			t.Errorf("the value is written %d times, want once", copies)
		}
		p, err := w.engine.PipelineRun(id)
		if err != nil {
			t.Fatal(err)
		}
		if x, _ := p.Parameters.Get("x"); x != big {
			t.Errorf("parameter x of the record has %d bytes, want %d", len(value.Text(x)), len(big))
		}
		as, err := activityRuns(w.engine, id)
		if err != nil || len(as) != 3 {
			t.Fatalf("activity runs: %d, %v, want 3", len(as), err)
		}
		if v, _ := as[2].Output.(*value.Object).Get("value"); v != big {
			t.Errorf("output of T has %d bytes, want %d", len(value.Text(v)), len(big))
		}
		w.engine.Stop(0)
	})
}
