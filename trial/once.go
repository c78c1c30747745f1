package trial

import (
	"context"

	"switchyard/clock"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// Once is one run of a pipeline that no message starts.
type Once struct {
	Pipeline   string
	Parameters *value.Object
	// Clock is that of the engine if its waits are to be skipped, nil if they are to be
	// waited for. Then Waiting, if not nil, is told of each: see [engine.RunOptions].
	Clock   *clock.Virtual
	Waiting func(run.Timer)
}

// Run runs it and waits for its end. If ctx ends, the run is cancelled.
func (o *Once) Run(ctx context.Context, e *engine.Engine, f *pipeline.Factory) (*Run, error) {
	ro := engine.RunOptions{}
	if o.Clock == nil {
		ro.Waiting = o.Waiting
	}
	id, err := e.CreateRun(ctx, f, o.Pipeline, o.Parameters, ro)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { e.Cancel(id, true) })
	defer stop()
	if err := o.wait(context.WithoutCancel(ctx), e, id); err != nil {
		return nil, err
	}
	record, err := e.PipelineRun(id)
	if err != nil {
		return nil, err
	}
	r, err := RunOf(e, record)
	return &r, err
}

// wait waits for the end of the run, and skips its waits if there is a clock for that.
func (o *Once) wait(ctx context.Context, e *engine.Engine, id string) error {
	if o.Clock == nil {
		_, err := e.Wait(ctx, id)
		return err
	}
	idle := func() bool {
		runs, attempts := e.UnderWay()
		return runs > 0 && attempts == 0 && clock.AllWait()
	}
	var wall clock.Wall
	pause := firstLook
	timer := wall.NewTimer(pause)
	defer timer.Stop()
	for {
		if runs, _ := e.UnderWay(); runs == 0 {
			_, err := e.Wait(ctx, id)
			return err
		}
		if o.Clock.Skip(idle) {
			pause = firstLook
			continue
		}
		timer.Reset(pause)
		<-timer.C()
		pause = min(2*pause, lastLook)
	}
}
