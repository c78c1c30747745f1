package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// A run that an ExecutePipeline activity starts, a child, is created by the owner of the run
// that the activity belongs to, in the unit that records the activity's start: see
// docs/decisions/0012-child-runs.md.

// maxDepth is how many runs may stand above a run.
const maxDepth = 100

// Error codes of activities whose run can't be created.
const (
	codeNoPipeline       = "PipelineNotFound"
	codeChildParameters  = "PipelineParametersInvalid"
	codeTooDeep          = "PipelineDepthExceeded"
	codeThrottled        = "PipelineRunThrottled"
	codeDeadlock         = "PipelineConcurrencyDeadlock"
	codeTooManyRuns      = "TooManyPipelineRuns"
	codeChildNotRecorded = "PipelineRunNotFound"
	codeChildNotCreated  = "BadRequest" // for a reason without a code of its own
)

// Errors of entering a child that are about more than its pipeline.
var (
	errParentCancelled = errors.New("the run is being cancelled")
	errDeadlock        = errors.New("every slot is held by a run that waits for this one")
	errTooManyRuns     = errors.New("too many active runs")
)

// pipelineActivity is what starts a child, in invokedByType and pipeline().TriggerType.
const pipelineActivity = "PipelineActivity"

// childEnded tells an owner that a run has ended which an activity waits for.
type childEnded struct {
	id     string
	result run.ChildResult
}

// startChild creates the run of a decision that has been taken, and writes both in one
// unit. One that can't be created fails the activity.
func (r *runner) startChild(e *run.ChildStarted) {
	child, fail := r.newChild(e)
	if fail == nil {
		switch err := r.e.enterChild(r, child, e.Wait); {
		case err == nil:
			r.createChild(child, e)
			return
		case errors.Is(err, errParentCancelled):
			// There is no run, so the event is not written, but what it made of its values.
			r.journal.keep(r.journal.encode(e).payloads)
			r.endNow(&run.ActivityFinished{Path: e.Path, Attempt: 1, Status: run.Cancelled, At: e.At})
			return
		default:
			fail = r.notEntered(e, child, err)
		}
	}
	r.journal.add(e)
	r.endNow(&run.ActivityFinished{Path: e.Path, Attempt: 1, Status: run.Failed, Error: fail, At: e.At})
}

// endNow ends an activity that has just started.
func (r *runner) endNow(e *run.ActivityFinished) {
	if err := r.happen(e); err != nil {
		panic(fmt.Sprintf("engine: %v", err))
	}
}

// factoryOf returns a factory as it is now.
func (e *Engine) factoryOf(name string) (*pipeline.Factory, error) {
	if e.o.Factory == nil {
		return &pipeline.Factory{Name: name}, nil
	}
	return e.o.Factory(name)
}

func childError(code, format string, args ...any) *pipeline.ActivityError {
	return &pipeline.ActivityError{Code: code, FailureType: pipeline.UserError, Message: fmt.Sprintf(format, args...)}
}

// newChild makes the owner of a child, which has no place yet.
func (r *runner) newChild(e *run.ChildStarted) (*runner, *pipeline.ActivityError) {
	if r.created.Depth >= maxDepth {
		return nil, childError(codeTooDeep, "The pipeline '%s' is not run: %d runs, each of which was started by the one "+
			"before, lead to this one, and more are not allowed.", e.Pipeline, maxDepth)
	}
	f, err := r.e.factoryOf(r.factory)
	if err != nil {
		return nil, activity.ErrorFrom(codeNoPipeline, err)
	}
	input, err := r.outputs.object(e.Input, &room{limit: r.e.memory.run})
	if errors.Is(err, errNoRoom) {
		who := fmt.Sprintf("The parameters of the pipeline '%s'", e.Pipeline)
		return nil, r.e.memory.exceeded(r.id, who, r.e.memory.run)
	} else if err != nil {
		return nil, unreadable(err)
	}
	given, _ := input.Lookup("parameters")
	params, _ := given.(*value.Object)
	id := r.state.ActivityRunID(e.Path, 1)
	o := RunOptions{
		ID:      e.RunID,
		Trigger: &run.TriggerInfo{ID: id, Name: id, Type: pipelineActivity, Time: r.e.wall(e.At)},
		InvokedBy: &run.Invoker{ID: id, Name: id, Type: pipelineActivity, PipelineName: r.pipeline,
			PipelineRunID: r.id},
		parent: r,
	}
	if e.SecureInput {
		o.secret = params
	}
	o.Recovery = r.childRecovery(e, f)
	child, err := r.e.newRun(f, e.Pipeline, params, o)
	if o.Recovery != nil && isGone(err) {
		o.Recovery = nil
		child, err = r.e.newRun(f, e.Pipeline, params, o)
	}
	switch {
	case err == nil:
		return child, nil
	case errors.Is(err, ErrPipelineNotFound):
		return nil, childError(codeNoPipeline, "The pipeline '%s' does not exist in data factory '%s'.", e.Pipeline,
			r.factory)
	case isParameterError(err):
		return nil, childError(codeChildParameters, "The pipeline '%s' can't be run: %v.", e.Pipeline, err)
	}
	return nil, childError(codeChildNotCreated, "The pipeline '%s' can't be run: %v.", e.Pipeline, err)
}

func isParameterError(err error) bool {
	_, is := errors.AsType[*pipeline.ParameterError](err)
	return is
}

// inherit gives a new run what it has from the run above it.
func (o *RunOptions) inherit(created *run.Created) {
	if o.parent == nil {
		return
	}
	created.Depth, created.Sealed = o.parent.created.Depth+1, o.parent.journal.frames.sealed
	// What is secret above is secret below, whatever the type of the parameter.
	m := o.parent.state.Masker()
	created.Secrets = m.Within(created.Parameters)
	for _, p := range created.Parameters.Members() {
		_, given := o.secret.Lookup(p.Name)
		if (given || m.Holds(p.Value)) && !slices.Contains(created.Secure, p.Name) {
			created.Secure = append(created.Secure, p.Name)
		}
	}
}

// notEntered says why a child got no place.
func (r *runner) notEntered(e *run.ChildStarted, child *runner, err error) *pipeline.ActivityError {
	switch {
	case errors.Is(err, ErrTooManyQueuedRuns):
		// Data Factory's words [ENGINE 3.4].
		return childError(codeThrottled, "Pipeline execution throttled. If the concurrency value is set for a pipeline, a "+
			"maximum of %d runs will be queued for execution.", r.e.o.MaxQueuedRuns)
	case errors.Is(err, errDeadlock):
		return childError(codeDeadlock, "The pipeline '%s' is not run: its concurrency is %d, every slot is held by a run "+
			"that waits for this run, and this run would wait for a slot. Raise the concurrency, or do not wait for the "+
			"completion.", e.Pipeline, child.concurrency)
	case errors.Is(err, errTooManyRuns):
		return childError(codeTooManyRuns, "The pipeline '%s' is not run: %d pipeline runs are active, and more are not "+
			"started by pipelines.", e.Pipeline, r.e.maxRuns)
	}
	return childError(codeChildNotCreated, "The pipeline '%s' can't be run: %v.", e.Pipeline, err)
}

// createChild writes the start of an activity and its run in one unit, and starts the run's
// owner, which decides what the run does first.
func (r *runner) createChild(child *runner, e *run.ChildStarted) {
	definition := r.e.revisions.pin(child.revision)
	ready := r.journal.encode(e)
	err := child.create(together(func(u *commit.Unit) {
		r.journal.lend(u, ready)
		u.Then(func() { r.e.revisions.durable(child.revision) })
	}), definition)
	if err != nil {
		panic(fmt.Sprintf("engine: %v", err)) // nothing refuses
	}
	// A turn ends at some bytes, of whichever run they are.
	r.journal.turn += int(child.journal.bytes) + len(definition)
	child.undecided = true
	go child.loop(nil, false)
}

// together is an effect that can't be refused.
type together func(u *commit.Unit)

// Stage implements [commit.Effect].
func (f together) Stage(u *commit.Unit) (release func(), err error) {
	f(u)
	return func() {}, nil
}

// tellParent tells the owner of the run above that a child has ended.
func (e *Engine) tellParent(parent, child string, result func() run.ChildResult) {
	if parent == "" {
		return
	}
	e.mu.Lock()
	r := e.runs[parent]
	e.mu.Unlock()
	if r != nil {
		r.mail.post(childEnded{child, result()})
	}
}

// childResult is what the run above is told.
func (r *runner) childResult() run.ChildResult {
	end, _ := r.state.Result()
	c := run.ChildResult{Status: end.Status, Message: end.Message, ReturnValue: end.ReturnValue,
		Sealed: r.journal.frames.sealed}
	if end.ReturnValue.Len() > 0 {
		c.Secrets = r.state.Masker().Within(end.ReturnValue)
	}
	return c
}

// onChildEnded takes the end of a child.
func (r *runner) onChildEnded(m childEnded, now time.Time) {
	e := r.state.ChildEnded(m.id, m.result, now)
	if e == nil {
		return
	}
	// An expression can carry what was revealed, or made of it, into any event from now on.
	r.journal.frames.sealed = r.journal.frames.sealed || len(e.Secrets) > 0 || e.Sealed
	ready := r.journal.encode(e)
	r.apply(ready.event)
	r.journal.put(ready)
}

// findChildren has the folded runs know the children that their activities wait for, and
// tells them of those that ended while nobody listened. It is called before any run goes on
// and anything is deleted.
func (e *Engine) findChildren(runners []*runner, asides map[string]*aside) {
	active := map[string]bool{}
	for _, r := range runners {
		active[r.id] = true
	}
	for id := range asides {
		active[id] = true
	}
	for _, r := range runners {
		for _, c := range r.state.Children() {
			if active[c.RunID] {
				r.await(c.RunID)
			} else {
				r.mail.post(childEnded{c.RunID, e.endedChild(c)})
			}
		}
	}
}

// endedChild reads how a run has ended.
func (e *Engine) endedChild(c run.Child) run.ChildResult {
	lost := func(code, failureType string, why error) run.ChildResult {
		return run.ChildResult{Lost: &pipeline.ActivityError{Code: code, FailureType: failureType,
			Message: fmt.Sprintf("How the run %s of the pipeline '%s' ended is not known: %v.", c.RunID, c.Pipeline, why)}}
	}
	rec, err := e.o.History.Run(c.RunID)
	switch {
	case errors.Is(err, ErrNotInHistory):
		return lost(codeChildNotRecorded, pipeline.UserError, errors.New("it is no longer in the history"))
	case err != nil:
		return lost(run.CodeUnreadable, pipeline.SystemError, err)
	}
	r, err := e.readEnded(c.RunID)
	if err == nil && r.state.Finished() {
		return r.childResult()
	}
	// One that could not go on was cancelled without an event.
	s, e2 := rec.summary()
	if e2 == nil && s.Status.Final() && s.Status != run.Succeeded {
		return run.ChildResult{Status: s.Status, Message: s.Message}
	}
	return lost(run.CodeUnreadable, pipeline.SystemError, errors.Join(err, e2))
}

// readEnded folds a run that has ended. A panic is an error too, as it is of fold.
func (e *Engine) readEnded(id string) (r *runner, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, panicked(e.o.Logger, id, p)
		}
	}()
	return e.read(id, false)
}
