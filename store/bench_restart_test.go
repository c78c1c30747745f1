package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/clock"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/store"
)

// BenchmarkRestart opens a store and starts an engine on it with a run that has taken a million
// steps and waits. "fold" has no snapshots. Of the steps of "variable" the state keeps
// something, of those of "loop" nothing. A step of the run itself takes ns/step.
func BenchmarkRestart(b *testing.B) {
	const items, each = 100_000, 10
	for name, step := range map[string]string{
		"loop":     `{"name":"S%d","type":"SetVariable","typeProperties":{"variableName":"v%[1]d","value":"@string(item())"}}`,
		"variable": `{"name":"S%d","type":"AppendVariable","typeProperties":{"variableName":"all","value":"@item()"}}`,
	} {
		var steps, variables []string
		for i := range each {
			steps = append(steps, fmt.Sprintf(step, i))
			variables = append(variables, fmt.Sprintf(`"v%d":{"type":"String"}`, i))
		}
		p := fmt.Sprintf(`{"name":"P","properties":{"variables":{"all":{"type":"Array"},%s},"activities":[
			{"name":"Loop","type":"ForEach","typeProperties":{"isSequential":true,"items":"@range(1,%d)","activities":[%s]}},
			{"name":"W","type":"Wait","dependsOn":[{"activity":"Loop","dependencyConditions":["Succeeded"]}],"typeProperties":{"waitTimeInSeconds":1000000}}]}}`,
			strings.Join(variables, ","), items, strings.Join(steps, ","))
		for how, every := range map[string]int{"fold": -1, "snapshots": 0} {
			b.Run(name+"/"+how, func(b *testing.B) {
				dir := filepath.Join(b.TempDir(), "data")
				s, e := startRestarted(b, dir, every)
				def, diags := pipeline.ParsePipeline("P.json", []byte(p))
				if err := diags.Err(); err != nil {
					b.Fatal(err)
				}
				f := &pipeline.Factory{Name: "f"}
				f.PutPipeline(def)
				waits := make(chan struct{})
				began := time.Now()
				id, err := e.CreateRun(context.Background(), f, "P", nil, engine.RunOptions{Waiting: func(run.Timer) { close(waits) }})
				if err != nil {
					b.Fatal(err)
				}
				<-waits
				took := time.Since(began)
				stored, size, err := s.RunSize(id, 0, 0)
				if err != nil {
					b.Fatal(err)
				}
				e.Stop(0)
				s.Close()
				b.ResetTimer()
				for b.Loop() {
					s, e := startRestarted(b, dir, every)
					b.StopTimer()
					if n := e.ActiveRuns("f", "P"); n != 1 {
						b.Fatalf("%d runs are active", n)
					}
					e.Stop(0)
					s.Close()
					b.StartTimer()
				}
				b.ReportMetric(float64(took.Nanoseconds())/items/each, "ns/step")
				b.ReportMetric(float64(stored), "stored")
				b.ReportMetric(float64(size)/(1<<20), "MiB")
			})
		}
	}
}

func startRestarted(b *testing.B, dir string, every int) (*store.Store, *engine.Engine) {
	b.Helper()
	s, err := store.Open(dir, store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.New(engine.Options{History: s, Log: s, Sealer: s, Clock: clock.Wall{}, Registry: activity.NewRegistry(), SnapshotEvery: every})
	if err != nil {
		b.Fatal(err)
	}
	if err := e.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	return s, e
}
