package engine_test

import (
	"context"
	"fmt"
	"testing"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

func benchmarkForEach(b *testing.B, body string) {
	b.Helper()
	memory := enginetest.NewMemory(nil)
	w := newWorld(b, memory, fmt.Sprintf(`{"name":"p","properties":{"parameters":{"items":{"type":"Array"}},"variables":{"v":{"type":"String"},"all":{"type":"Array"}},"activities":[
		{"name":"Loop","type":"ForEach","typeProperties":{"batchCount":50,"items":"@pipeline().parameters.items","activities":[%s]}}]}}`, body))
	w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
		return activity.Result{Output: value.NewObject(value.Member{Name: "ok", Value: true})}
	})
	w.start()
	defer w.engine.Stop(0)
	items := make(value.Array, 1000)
	for i := range items {
		items[i] = int64(i)
	}
	args := value.NewObject(value.Member{Name: "items", Value: items})
	b.ReportAllocs()
	for b.Loop() {
		id := w.create("p", args, engine.RunOptions{})
		if got := w.wait(id); got != run.Succeeded {
			b.Fatalf("status: got %s, want Succeeded", got)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "items/s")
}

// BenchmarkRunForEach1000 is a run that loops over 1000 items and decides
// everything itself.
func BenchmarkRunForEach1000(b *testing.B) {
	b.Run("AppendVariable", func(b *testing.B) {
		benchmarkForEach(b, `{"name":"Add","type":"AppendVariable","typeProperties":{"variableName":"all","value":"@item()"}}`)
	})
	b.Run("Executor", func(b *testing.B) {
		benchmarkForEach(b, `{"name":"Call","type":"WebActivity","typeProperties":{"url":"@concat('http://h/', string(item()))","method":"GET"}}`)
	})
}

// BenchmarkRun is the smallest run: one SetVariable.
func BenchmarkRun(b *testing.B) {
	memory := enginetest.NewMemory(nil)
	w := newWorld(b, memory, `{"name":"p","properties":{"variables":{"v":{"type":"String"}},"activities":[{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"v","value":"@pipeline().RunId"}}]}}`)
	w.start()
	defer w.engine.Stop(0)
	b.ReportAllocs()
	for b.Loop() {
		if got := w.wait(w.create("p", nil, engine.RunOptions{})); got != run.Succeeded {
			b.Fatalf("status: got %s, want Succeeded", got)
		}
	}
}
