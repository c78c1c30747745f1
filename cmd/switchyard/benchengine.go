package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"switchyard/bench/runs"
	"switchyard/bench/workload"
	"switchyard/clock"
	"switchyard/config"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/system"
)

const benchEngineHelp = `Runs pipelines whose activities do nothing, in a Switchyard of its own in this
process, and prints what a run costs. Every run is created, its activities begin
when what was before them is synced to the disk, and its end is synced too. The
data directory is a new one below --dir, which has to be on the disk to measure,
and is removed at the end.

  alone     one activity, one run after the other
  together  one activity, 64 runs at once
  five      five activities one after the other, 64 runs at once
  foreach   a ForEach over 1,000 items, 50 at once, one run after the other

Without a name all four are measured. If an activity is not made exactly once,
the command fails.

  switchyard bench engine
  switchyard bench engine together five --for 10s --dir /data --device vda`

// benchEngine measures how this program runs pipelines.
func benchEngine(ctx context.Context, e *env, v *config.Values, operands []string) (code int) {
	list := runs.All
	if len(operands) > 0 {
		list = nil
	}
	for _, name := range operands {
		w, err := runs.Find(name)
		if err != nil {
			return e.fail(&config.UsageError{CommandLine: true, Msg: err.Error()})
		}
		list = append(list, w)
	}
	m := &runs.Measurement{For: v.Duration("for"), CPU: workload.Process(os.Getpid()).CPU,
		Device: workload.Device(v.String("device")), Clock: clock.Wall{}}
	if m.Device != "" {
		if _, err := m.Device.Flushes(); err != nil {
			return e.fail(&config.UsageError{CommandLine: true, Msg: err.Error()})
		}
	}
	err := benchRuns(ctx, v.String("dir"), m, list, (&runsTable{e: e}).add)
	if errors.Is(context.Cause(ctx), context.Canceled) {
		err = errors.New("stopped by a signal")
	}
	if err != nil {
		return e.fail(fmt.Errorf("bench engine: %w", err))
	}
	return exitOK
}

// benchRuns measures workloads in a new data directory below dir and removes that.
func benchRuns(ctx context.Context, dir string, m *runs.Measurement, list []runs.Workload, report func(runs.Figure)) (err error) {
	data, err := os.MkdirTemp(cmp.Or(dir, os.TempDir()), "switchyard-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	b := &benched{factory: &pipeline.Factory{Name: "bench"}}
	for _, w := range list {
		if err := b.add(w); err != nil {
			return err
		}
	}
	m.Engine = b
	o := system.Options{DataDir: data, WithoutAMQP: true, Executors: map[string]activity.Executor{"WebActivity": b.step}}
	return system.WithEngine(ctx, o, func(e *engine.Engine) error {
		b.engine = e
		for _, w := range list {
			figure, err := m.Run(ctx, w)
			if err != nil {
				return err
			}
			report(figure)
		}
		return nil
	})
}

// benched is the engine of this program as it is measured.
type benched struct {
	engine  *engine.Engine
	factory *pipeline.Factory
	made    atomic.Int64
}

// add adds the pipeline of a workload, which has its name.
func (b *benched) add(w runs.Workload) error {
	call := func(n int, url, after string) string {
		if after != "" {
			after = `"dependsOn":[{"activity":"` + after + `","dependencyConditions":["Succeeded"]}],`
		}
		return fmt.Sprintf(`{"name":"Step%d","type":"WebActivity",%s"typeProperties":{"url":"%s","method":"GET"}}`, n, after, url)
	}
	activities := call(1, "http://localhost/", "")
	for n := 2; n <= w.Steps && w.Batch == 0; n++ {
		activities += "," + call(n, "http://localhost/", fmt.Sprintf("Step%d", n-1))
	}
	if w.Batch > 0 {
		activities = fmt.Sprintf(`{"name":"Loop","type":"ForEach","typeProperties":{"items":"@range(0,%d)","batchCount":%d,"activities":[%s]}}`,
			w.Steps, w.Batch, call(1, "@concat('http://localhost/', string(item()))", ""))
	}
	p, found := pipeline.ParsePipeline(w.Name+".json", fmt.Appendf(nil, `{"name":"%s","properties":{"activities":[%s]}}`, w.Name, activities))
	if err := found.Err(); err != nil {
		return err
	}
	b.factory.PutPipeline(p)
	return nil
}

// step is the executor of the activities.
func (b *benched) step(context.Context, *activity.Call) activity.Result {
	b.made.Add(1)
	return activity.Result{}
}

// Made implements [runs.Engine].
func (b *benched) Made() int64 { return b.made.Load() }

// Run implements [runs.Engine].
func (b *benched) Run(ctx context.Context, w runs.Workload) error {
	id, err := b.engine.CreateRun(ctx, b.factory, w.Name, nil, engine.RunOptions{})
	if err != nil {
		return err
	}
	status, err := b.engine.Wait(ctx, id)
	if err == nil && status != run.Succeeded {
		err = fmt.Errorf("run %s: %s", id, status)
	}
	return err
}

// A runsTable prints figures as they come.
type runsTable struct {
	e     *env
	begun bool
}

const runsColumns = "%-10s %8s %9s %9s %9s %9s %8s\n"

func (t *runsTable) add(f runs.Figure) {
	if t.e.json {
		_ = jsonLine(t.e.stdout, f) // Main reports it
		return
	}
	if !t.begun {
		t.e.printf(runsColumns, "WORKLOAD", "RUNS", "PER SEC", "P50 MS", "P99 MS", "CPU US", "FLUSHES")
		t.begun = true
	}
	t.e.printf(runsColumns, f.Workload, fmt.Sprint(f.Runs), fmt.Sprintf("%.0f", f.PerSecond), fmt.Sprintf("%.2f", f.Median),
		fmt.Sprintf("%.2f", f.Slow), measured("%.0f", f.CPU), measured("%d", f.Flushes))
}
