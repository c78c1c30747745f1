package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// A conversation asks a model again and again, and each time sends all that was said before.
type conversation struct {
	calls, size int // of a message, in bytes
	sent        atomic.Int64
}

func (c *conversation) said() int64 { return int64(c.calls) * int64(c.size) }

// message is the n-th one.
func (c *conversation) message(n int) *value.Object {
	return value.NewObject(value.Member{Name: "role", Value: "assistant"},
		value.Member{Name: "content", Value: strings.Repeat(fmt.Sprintf("%09d ", n), c.size/10)})
}

func (c *conversation) world(t testing.TB, memory *enginetest.Memory) *world {
	w := newWorld(t, memory, fmt.Sprintf(`{"name":"p","properties":{"variables":{"said":{"type":"Array"}},"activities":[
		{"name":"Talk","type":"Until","typeProperties":{"timeout":"0.01:00:00","expression":"@equals(length(variables('said')),%d)","activities":[
			{"name":"Ask","type":"WebActivity","typeProperties":{"url":"http://h/","method":"POST","body":{"model":"m","messages":"@variables('said')"}}},
			{"name":"Keep","type":"AppendVariable","dependsOn":[{"activity":"Ask","dependencyConditions":["Succeeded"]}],
				"typeProperties":{"variableName":"said","value":"@activity('Ask').output.message"}}]}}]}}`, c.calls))
	w.register("WebActivity", func(_ context.Context, call *activity.Call) activity.Result {
		body, _ := call.Input.Get("body")
		messages, _ := body.(*value.Object).Get("messages")
		said := messages.(value.Array)
		for n, m := range said {
			if m := m.(*value.Object); !value.Equal(m, c.message(n)) {
				return activity.Result{Err: &activity.Error{Code: "Changed", Message: fmt.Sprintf("message %d of %d", n, len(said))}}
			}
			c.sent.Add(int64(c.size))
		}
		return activity.Result{Output: value.NewObject(value.Member{Name: "message", Value: c.message(len(said))})}
	})
	return w
}

// written is what units hold, in bytes.
func written(r *enginetest.Recorder, from int) (bytes int64) {
	for i := from; i < r.Units(); i++ {
		for _, op := range r.Ops(i) {
			bytes += int64(len(op.Key) + len(op.Value))
		}
	}
	return bytes
}

// TestConversationIsKept: the history of a conversation grows by what is said, not by what
// is sent, also when the process is another one in its middle.
func TestConversationIsKept(t *testing.T) {
	for _, size := range []int{200, 4000, 8000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &conversation{calls: 120, size: size}
				first := enginetest.NewRecorder()
				w := c.world(t, first.Memory)
				w.start()
				id := w.create("p", nil, engine.RunOptions{})
				if got := w.wait(id); got != run.Succeeded {
					t.Fatalf("status: got %s (%s)", got, w.message(id))
				}
				w.engine.Stop(0)
				// What is said is an output, is appended, and is an element of what is sent.
				// A call has some bytes for each element and some hundred beside.
				bound := 3*c.said() + int64(c.calls*(c.calls/2*80+1200)) + 10*4096
				if got := written(first, 0); got > bound || c.sent.Load() < 10*c.said() {
					t.Errorf("%d bytes written, want at most %d; %d were said and %d sent", got, bound, c.said(), c.sent.Load())
				}
				half := first.Units() / 2
				second := first.After(half)
				w = c.world(t, second.Memory)
				w.start()
				if got := w.wait(id); got != run.Succeeded {
					t.Fatalf("after a crash the status is %s (%s)", got, w.message(id))
				}
				w.engine.Stop(0)
				if got := written(second, 0); got > bound {
					t.Errorf("%d bytes written after a crash, want at most %d", got, bound)
				}
			})
		})
	}
}

// BenchmarkConversation is 500 calls of a model, which say 2 MB.
func BenchmarkConversation(b *testing.B) {
	for b.Loop() {
		c := &conversation{calls: 500, size: 4000}
		r := enginetest.NewRecorder()
		w := c.world(b, r.Memory)
		w.start()
		if got := w.wait(w.create("p", nil, engine.RunOptions{})); got != run.Succeeded {
			b.Fatalf("status: got %s", got)
		}
		w.engine.Stop(0)
		b.ReportMetric(float64(written(r, 0)), "B-written")
		b.ReportMetric(float64(c.sent.Load()), "B-sent")
	}
}
