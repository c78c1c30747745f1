// Command dbos measures DBOS Transact for Go on PostgreSQL with the workloads of "switchyard
// bench engine". It is a module of its own, so that what it measures is no part of Switchyard.
//
// A run is a workflow, an activity a step that does nothing. DBOS records the workflow, what
// each step came to, and the end of the workflow, each in a transaction that PostgreSQL has
// synced before it goes on.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"

	"switchyard/bench/runs"
	"switchyard/bench/workload"
	"switchyard/clock"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "dbos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	url := flag.String("url", "", "the `URL` of a database of PostgreSQL")
	pid := flag.Int("pid", 0, "PostgreSQL's first process, whose processor time and its children's is measured")
	long := flag.Duration("for", 5*time.Second, "how long each workload is measured")
	device := flag.String("device", "", "the disk whose flushes are counted")
	flag.Parse()
	e := &engine{}
	e.ctx, err = dbos.NewContext(ctx, dbos.Config{AppName: "bench", DatabaseURL: *url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer dbos.Shutdown(e.ctx, 5*time.Second)
	dbos.RegisterWorkflow(e.ctx, e.row)
	dbos.RegisterWorkflow(e.ctx, e.loop)
	if err := dbos.Launch(e.ctx); err != nil {
		return err
	}
	m := &runs.Measurement{Engine: e, For: *long, Device: workload.Device(*device), Clock: clock.Wall{},
		CPU: func() (time.Duration, error) {
			mine, err := workload.Process(os.Getpid()).CPU()
			if err != nil || *pid == 0 {
				return mine, err
			}
			theirs, err := tree(*pid)
			return mine + theirs, err
		}}
	for _, w := range runs.All {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), w.Name) {
			continue
		}
		f, err := m.Run(ctx, w)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
			return err
		}
	}
	return nil
}

// An engine is DBOS as it is measured.
type engine struct {
	ctx  dbos.Context
	made atomic.Int64
}

// Made implements [runs.Engine].
func (e *engine) Made() int64 { return e.made.Load() }

// Run implements [runs.Engine].
func (e *engine) Run(_ context.Context, w runs.Workload) error {
	body := e.row
	if w.Batch > 0 {
		body = e.loop
	}
	h, err := dbos.RunWorkflow(e.ctx, body, w)
	if err != nil {
		return err
	}
	_, err = h.GetResult()
	return err
}

func (e *engine) step(context.Context) (string, error) {
	e.made.Add(1)
	return "", nil
}

// row makes steps one after the other.
func (e *engine) row(ctx dbos.Context, w runs.Workload) (string, error) {
	for range w.Steps {
		if _, err := dbos.RunAsStep(ctx, e.step); err != nil {
			return "", err
		}
	}
	return "", nil
}

// loop makes steps at once, each for an item, at most as many as the workload says.
func (e *engine) loop(ctx dbos.Context, w runs.Workload) (string, error) {
	under := make([]<-chan dbos.StepOutcome[string], 0, w.Batch)
	var errs error
	next := func() {
		o := <-under[0]
		under, errs = under[1:], errors.Join(errs, o.Err)
	}
	for range w.Steps {
		if len(under) == w.Batch {
			next()
		}
		c, err := dbos.Go(ctx, e.step)
		if err != nil {
			return "", err
		}
		under = append(under, c)
	}
	for len(under) > 0 {
		next()
	}
	return "", errs
}
