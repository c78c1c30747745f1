package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"switchyard/clock"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// execute starts an attempt. Its answer comes back as an outcome.
func (r *runner) execute(e *run.ActivityStarted) {
	key := attempt{e.Path, e.Attempt}
	if r.executing[key] != nil {
		return
	}
	e = run.Copy(e).(*run.ActivityStarted)
	unread := r.outputs.references(e)
	call := r.state.Call(e)
	ctx, cancel := context.WithCancel(r.e.executing)
	r.executing[key] = cancel
	m := &making{run: r.id, path: e.Path, typ: e.Type}
	r.e.makes(m)
	queued := r.e.o.Clock.Now()
	go func() {
		defer r.e.made(m)
		defer cancel()
		o := outcome{attempt: key}
		if unread != nil {
			o.result.Err = unreadable(unread)
		} else {
			o.result, o.revealed, o.unmade = r.attempt(ctx, e, call, queued)
		}
		r.mail.post(o) // lost if the run has ended
	}()
}

// attempt makes an attempt once there is room for its input and it is its turn among
// those that execute. It waits for the room first and without a turn, and who has a
// turn waits for no room: see [activity.Call.Yield].
func (r *runner) attempt(ctx context.Context, e *run.ActivityStarted, call run.Call, queued time.Time) (
	res activity.Result, revealed []string, unmade bool) {
	defer func() {
		if p := recover(); p != nil { // of reading its input; a call's own is its result
			res, revealed, unmade = r.activityPanicked(e, p), nil, false
		}
	}()
	input, release, err := r.input(ctx, e)
	if ctx.Err() != nil {
		release()
		return res, nil, true
	}
	if err != nil {
		release()
		return activity.Result{Err: err}, nil, false
	}
	select {
	case <-r.e.quit: // also when it would be its turn
		release()
		return res, nil, true
	default:
	}
	select {
	case r.e.turn <- struct{}{}:
	case <-ctx.Done():
		release()
		return res, nil, true
	case <-r.e.quit:
		release()
		return res, nil, true
	}
	place := r.e.turn
	defer func() { <-place }()
	yield := func() {
		if place == r.e.yielded {
			return
		}
		select {
		case r.e.yielded <- struct{}{}:
			<-place
			place = r.e.yielded
		default: // too many are: it keeps its turn
		}
	}
	e.Input = nil // the call has it, and may let go of it
	res, revealed = r.call(ctx, e, call, &activity.Call{Input: input, Release: release, Yield: yield, Queued: r.e.o.Clock.Now().Sub(queued)})
	if res.Effect == nil {
		release()
		return res, revealed, false
	}
	output := res.Release
	res.Release = func() { // the effect holds what was made of the input
		release()
		if output != nil {
			output()
		}
	}
	return res, revealed, false
}

// input reads what an attempt is given. For what is large it waits for room. How large
// that is, is known when the parts of it are found, so it may begin again, with nothing
// in its hands. An input that is larger than a run may hold fails.
func (r *runner) input(ctx context.Context, e *run.ActivityStarted) (
	whole *value.Object, release func(), fail *activity.Error) {
	release = func() {}
	for limit := int64(freeInput); ; {
		load := room{limit: limit}
		whole, err := r.outputs.object(e.Input, &load)
		switch {
		case err == nil:
			return whole, release, nil
		case !errors.Is(err, errNoRoom):
			return nil, release, unreadable(err)
		case load.needed > r.e.memory.run:
			who := fmt.Sprintf("The input of the activity '%s'", e.Activity)
			return nil, release, r.e.memory.exceeded(r.id, who, r.e.memory.run)
		}
		release()
		limit = min(max(2*limit, load.needed), r.e.memory.run)
		if release, err = r.e.memory.inputs.Take(ctx, inputFactor*limit); err != nil {
			return nil, func() {}, nil // ctx has ended
		}
	}
}

func unreadable(err error) *activity.Error {
	return &activity.Error{Code: run.CodeUnreadable, FailureType: activity.SystemError,
		Message: "The input of the activity can't be read back from the run's history: " + err.Error()}
}

// A making is an attempt that is being made, for who has to name it.
type making struct{ run, path, typ string }

func (e *Engine) makes(m *making) {
	e.wg.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attempts[m] = true
}

func (e *Engine) made(m *making) {
	e.mu.Lock()
	delete(e.attempts, m)
	e.mu.Unlock()
	e.wg.Done()
}

// activityPanicked logs a panic of an attempt and returns the failure that it is.
func (r *runner) activityPanicked(e *run.ActivityStarted, p any) activity.Result {
	r.e.o.Logger.Error("activity panics", "run", r.id, "activity", e.Path, "type", e.Type, "panic",
		fmt.Sprint(p), "stack", string(debug.Stack()))
	return activity.Result{Err: &activity.Error{Code: codeInternal,
		Message:     "The activity ended with an internal error; the log has the details.",
		FailureType: activity.SystemError}}
}

// call makes the attempt that c begins to describe. A panic of an executor, or of an
// expression in a linked service, is the failure of the activity. Revealed are the secrets
// among what the attempt was given that are in its result.
func (r *runner) call(ctx context.Context, e *run.ActivityStarted, call run.Call, c *activity.Call) (
	res activity.Result, revealed []string) {
	defer func() {
		if p := recover(); p != nil {
			res = r.activityPanicked(e, p)
		}
	}()
	c.RunID, c.PipelineName, c.Factory = r.id, r.pipeline, r.factory
	c.ActivityName, c.ActivityType, c.Path, c.Attempt = e.Activity, e.Type, e.Path, e.Attempt
	c.ActivityRunID, c.Binding, c.Now = call.ActivityRunID, r.created.Binding, clock.ShownNow(r.e.o.Clock)
	c.Rerun, c.Settled = r.created.Recovers != "", r.created.Settled
	if err := r.e.connect(ctx, c, call); err != nil {
		return activity.Result{Err: err}, nil
	}
	secrets := c.Secrets()
	if e.SecureInput {
		secrets = append(secrets, run.SecureTexts(c.Input)...)
	}
	token := r.callsOut(e, call, c, secrets)
	all := append(slices.Clip(secrets), token...)
	c.Mask = call.Masker.With(all).Text
	res = r.e.o.Registry.Execute(ctx, c)
	if res.Waits {
		return res, run.MostSecrets(secrets) // the token follows from the attempt
	}
	return res, run.Occurs(all, res.Output, res.Err)
}

// Error codes of attempts that no executor made.
const (
	codeInternal      = "InternalServerError"
	codeLinkedService = "LinkedServiceReferenceNotResolved"
	codeDataset       = "DatasetReferenceNotResolved"
	codeSecret        = "KeyVaultSecretNotResolved"
)

// connect resolves what an attempt works on: the activity's linked service and
// datasets, with the definitions that the factory has now.
func (e *Engine) connect(ctx context.Context, c *activity.Call, call run.Call) *activity.Error {
	r := pipeline.Resolver{
		Now: c.Now, Seed: call.Seed, Secret: e.o.Secret.In(ctx),
		LinkedService: func(name string) (*pipeline.LinkedService,
			error) {
			return find(e.o.LinkedService, c.Factory, name)
		},
		Dataset: func(name string) (*pipeline.Dataset,
			error) {
			return find(e.o.Dataset, c.Factory, name)
		},
	}
	var err error
	if call.LinkedService != nil {
		if c.LinkedService, err = r.ResolveLinkedService(call.LinkedService); err != nil {
			return activity.ErrorFrom(codeLinkedService, err)
		}
	}
	if call.Activity == nil || !e.o.Registry.Supports(c.ActivityType) {
		return nil // it has ended meanwhile, or is refused by its name
	}
	// What is recorded is the reference: the secret is in the call alone.
	if c.Input, err = r.Secrets(c.Input); err != nil {
		return activity.ErrorFrom(codeSecret, err)
	}
	named, err := call.Activity.Row.DatasetReferences(c.Input)
	if err != nil {
		return activity.ErrorFrom(codeDataset, err)
	}
	for name, ref := range named {
		d, err := r.ResolveDataset(ref)
		if err != nil {
			return activity.ErrorFrom(codeDataset, err)
		}
		if c.Datasets == nil {
			c.Datasets = map[string]*activity.Dataset{}
		}
		c.Datasets[name] = d
	}
	if c.Inputs, err = datasets(r, call.Inputs); err == nil {
		c.Outputs, err = datasets(r, call.Outputs)
	}
	if err != nil {
		return activity.ErrorFrom(codeDataset, err)
	}
	return nil
}

func datasets(r pipeline.Resolver, refs []*pipeline.Reference) ([]*activity.Dataset, error) {
	var out []*activity.Dataset
	for _, ref := range refs {
		d, err := r.ResolveDataset(ref)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// find looks a definition up in a factory; an engine without definitions finds
// none.
func find[D any](lookup func(factory, name string) (*D, error), factory, name string) (*D, error) {
	if lookup == nil {
		return nil, nil
	}
	return lookup(factory, name)
}
