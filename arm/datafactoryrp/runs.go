package datafactoryrp

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"switchyard/arm"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/pipeline/run"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// Runs is what the provider needs of the pipelines that run here. Errors that
// wrap [ErrNotFound] or [ErrBadRequest] keep their meaning; others are internal.
type Runs interface {
	// CreateRun starts a run and returns its id once it is durable.
	CreateRun(ctx context.Context, factory, pipeline string, parameters *value.Object) (string, error)
	// Recover starts a run as the rerun of another one, in its group.
	Recover(ctx context.Context, factory, pipeline string, x engine.Recovery) (string, error)
	// Parameters returns the parameters of a run as it got them, secrets included.
	Parameters(factory, id string) (*value.Object, error)
	// PipelineRun returns a run in the shape of [ADF-REST 5].
	PipelineRun(factory, id string) (*value.Object, error)
	// Query returns runs of a factory, and whether there are more.
	Query(q engine.Query) (runs []*engine.PipelineRun, more bool, err error)
	// TriggerRuns returns the trigger runs of a factory of which there are records, and whether
	// there are more.
	TriggerRuns(q trigger.Query) (runs []*trigger.Run, more bool, err error)
	// RerunWindow gives the window of a trigger run that has ended another trigger run.
	RerunWindow(ctx context.Context, factory, trigger, id string) error
	// CancelWindow cancels a trigger run of a window, or the pipeline run that it waits for.
	CancelWindow(ctx context.Context, factory, trigger, id string) error
	// ActivityRuns returns the activity runs of a run, in the order of their start.
	ActivityRuns(factory, id string) ([]*engine.ActivityRun, error)
	Cancel(factory, id string, recursive bool) error
}

// Errors that a [Runs] gives a meaning with.
var (
	ErrNotFound   = errors.New("not found")
	ErrBadRequest = errors.New("bad request")
)

func runsError(err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return arm.Errorf(http.StatusNotFound, "NotFound", "%v", err)
	case errors.Is(err, ErrBadRequest):
		return arm.BadRequest("%v", err)
	}
	return err
}

func (p *Provider) createRun(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	id := p.spelled(factoryID(r))
	if _, err := p.factories.Definition(id, factory.Pipelines, r.ID.Name()); err != nil {
		return nil, err
	}
	x, err := recovery(r)
	if err != nil {
		return nil, err
	}
	if x != nil {
		run, err := p.runs.Recover(ctx, id.Factory, r.ID.Name(), *x)
		if err != nil {
			return nil, err
		}
		return arm.OK(value.NewObject(value.Member{Name: "runId", Value: run})), nil
	}
	params := r.Body
	if of := r.Param("referencePipelineRunId"); of != "" {
		// The body's parameters don't count then [ADF-REST 5].
		if params, err = p.runs.Parameters(id.Factory, of); err != nil {
			return nil, err
		}
	}
	if params == nil {
		params = &value.Object{}
	}
	run, err := p.runs.CreateRun(ctx, id.Factory, r.ID.Name(), params)
	if err != nil {
		return nil, err
	}
	return arm.OK(value.NewObject(value.Member{Name: "runId", Value: run})), nil
}

// pipelineRun answers for one run.
func (p *Provider) pipelineRun(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	f, err := p.factories.Get(factoryID(r))
	if err != nil {
		return nil, err
	}
	if len(r.ID.Types) > 2 || r.Collection {
		return nil, refused(r)
	}
	name, id := f.ID.Factory, r.ID.Name()
	self := resourceID(f.ID).Child("pipelineruns", id).String()
	switch {
	case r.Method == http.MethodGet && r.Action == "":
		o, err := p.runs.PipelineRun(name, id)
		if err != nil {
			return nil, err
		}
		return arm.OK(withID(o, self)), nil
	case r.Method != http.MethodPost:
		return nil, arm.MethodNotAllowed(r)
	case r.Action == "cancel":
		recursive, err := boolParam(r, "isRecursive")
		if err != nil {
			return nil, err
		}
		if err := p.runs.Cancel(name, id, recursive); err != nil {
			return nil, err
		}
		return arm.OK(nil), nil
	case r.Action == "queryactivityruns":
		q, err := readQuery(r.Body, activityRunQuery)
		if err != nil {
			return nil, err
		}
		list, err := p.runs.ActivityRuns(name, id)
		if err != nil {
			return nil, err
		}
		all, of := make([]*value.Object, 0, len(list)), make(map[*value.Object]*engine.ActivityRun, len(list))
		for _, a := range list {
			if o := a.JSON(); updatedWithin(o, q.after, q.before) && q.matches(o) {
				all, of[o] = append(all, o), a
			}
		}
		page, next, err := q.page(all)
		if err != nil {
			return nil, err
		}
		items := strings.EqualFold(r.Param("items"), "true")
		whole, err := wholeRuns(page, of, strings.ToUpper(self)+"/activityruns/", items)
		if err != nil {
			return nil, err
		}
		if len(whole) < len(page) {
			next = q.behind(len(whole))
		}
		return answer(whole, next), nil
	}
	return nil, refused(r)
}

// maxPageBytes ends a page of runs before there are as many as fit: parameters, inputs
// and outputs are of any size, and the answer is made in memory.
const maxPageBytes = 8 << 20

// wholeRuns reads what the activity runs of a page show, of the first ones if they
// are large together.
func wholeRuns(page []*value.Object, of map[*value.Object]*engine.ActivityRun, self string, items bool) (
	[]*value.Object, error) {
	whole, bytes := make([]*value.Object, 0, len(page)), int64(0)
	for _, o := range page {
		if bytes > maxPageBytes {
			break
		}
		a, err := of[o].Whole()
		if err != nil {
			return nil, err
		}
		bytes += run.Footprint(a.Input) + run.Footprint(a.Output)
		if a.ShowItems = items; items {
			bytes += run.Footprint(a.Items)
		}
		whole = append(whole, withID(a.JSON(), self+a.ID))
	}
	return whole, nil
}

// withID adds the resource path that only the provider knows.
func withID(o *value.Object, id string) *value.Object {
	c := o.Clone()
	c.Set("id", id)
	return c
}

// updatedWithin reports whether an activity run ended, or began if it goes on, in
// a time.
func updatedWithin(o *value.Object, after, before time.Time) bool {
	updated := member(o, "activityRunEnd")
	if updated == "" {
		updated = member(o, "activityRunStart")
	}
	t, err := time.Parse(time.RFC3339Nano, updated)
	return err != nil || !t.Before(after) && !t.After(before)
}

func (p *Provider) queryPipelineRuns(r *arm.Request) (*arm.Response, error) {
	f, err := p.factories.Get(factoryID(r))
	if err != nil {
		return nil, err
	}
	q, err := readQuery(r.Body, pipelineRunQuery)
	if err != nil {
		return nil, err
	}
	runs, behind, err := p.queryRuns(q, pipelineRunQuery.start, f.ID.Factory)
	if err != nil {
		return nil, err
	}
	page, bytes := make([]*value.Object, 0, len(runs)), int64(0)
	for _, r := range runs {
		if bytes > maxPageBytes {
			break
		}
		r = r.Whole()
		bytes += run.Footprint(r.Parameters)
		page = append(page, withID(r.JSON(), resourceID(f.ID).Child("pipelineruns", r.RunID).String()))
	}
	return answer(page, behind(len(page))), nil
}
