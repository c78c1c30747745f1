package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"switchyard/clock"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/store"
)

// runs is an engine on a store on disk, with one pipeline.
type runs struct {
	engine  *engine.Engine
	factory *pipeline.Factory
}

func newRuns(b *testing.B, activities string) *runs {
	b.Helper()
	s, err := store.Open(b.TempDir(), store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	r := newRunsIn(b, s, engine.Options{}, activities)
	b.Cleanup(func() { r.engine.Stop(0) })
	return r
}

// newRunsIn starts an engine on a store.
func newRunsIn(b *testing.B, s *store.Store, o engine.Options, activities string) *runs {
	b.Helper()
	def, diags := pipeline.ParsePipeline("P.json", fmt.Appendf(nil, `{"name":"P","properties":{"variables":{"all":{"type":"Array"}},"activities":[%s]}}`, activities))
	if err := diags.Err(); err != nil {
		b.Fatal(err)
	}
	r := &runs{factory: &pipeline.Factory{Name: "f"}}
	r.factory.PutPipeline(def)
	registry := activity.NewRegistry()
	registry.Register("WebActivity", activity.Executor(func(context.Context, *activity.Call) activity.Result {
		return activity.Result{}
	}))
	o.History, o.Log, o.Sealer, o.Clock, o.Registry = s, s, s, clock.Wall{}, registry
	var err error
	if r.engine, err = engine.New(o); err != nil {
		b.Fatal(err)
	}
	if err := r.engine.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	return r
}

// run runs the pipeline to its end.
func (r *runs) run() error {
	id, err := r.engine.CreateRun(context.Background(), r.factory, "P", nil, engine.RunOptions{})
	if err != nil {
		return err
	}
	if got, err := r.engine.Wait(context.Background(), id); err != nil || got != run.Succeeded {
		return fmt.Errorf("run %s: %s, %v; want Succeeded", id, got, err)
	}
	return nil
}

// BenchmarkRunsAtOnce is runs of one executed activity, each created and waited
// for by one of 64 goroutines.
func BenchmarkRunsAtOnce(b *testing.B) {
	const at = 64
	r := newRuns(b, `{"name":"Call","type":"WebActivity","typeProperties":{"url":"http://h/","method":"GET"}}`)
	per := b.N/at + 1
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range at {
		wg.Go(func() {
			for range per {
				if err := r.run(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(per*at)/b.Elapsed().Seconds(), "runs/s")
}

// BenchmarkRunForEach1000 is a run that loops over 1000 items.
func BenchmarkRunForEach1000(b *testing.B) {
	for _, body := range []struct{ name, activity string }{
		{"AppendVariable", `{"name":"Add","type":"AppendVariable","typeProperties":{"variableName":"all","value":"@item()"}}`},
		{"Executor", `{"name":"Call","type":"WebActivity","typeProperties":{"url":"@concat('http://h/', string(item()))","method":"GET"}}`},
	} {
		b.Run(body.name, func(b *testing.B) {
			r := newRuns(b, fmt.Sprintf(`{"name":"Loop","type":"ForEach","typeProperties":{"batchCount":50,"items":"@range(0,1000)","activities":[%s]}}`, body.activity))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
