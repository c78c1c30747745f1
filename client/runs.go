package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"switchyard/value"
)

// Runs asks a running Switchyard for its pipeline runs, as any client of
// the Data Factory REST interface does.
type Runs struct {
	server  Server
	factory string // as asked for; may be empty
	id      string // resource id of the factory, once found
}

// NewRuns returns a client for one factory; factory may be empty if there
// is only one.
func NewRuns(s Server, factory string) *Runs { return &Runs{server: s, factory: factory} }

// find asks which factories there are.
func (c *Runs) find(ctx context.Context) error {
	if c.id != "" {
		return nil
	}
	list, err := c.request(ctx, "GET",
		"/subscriptions/"+c.server.SubscriptionID+"/providers/Microsoft.DataFactory/factories", "")
	if err != nil {
		return err
	}
	v, _ := list.Get("value")
	all, _ := v.(value.Array)
	var names, ids []string
	for _, x := range all {
		f, ok := x.(*value.Object)
		if !ok {
			continue
		}
		names = append(names, str(f, "name"))
		if c.factory == "" || strings.EqualFold(c.factory, str(f, "name")) {
			ids = append(ids, str(f, "id"))
		}
	}
	switch {
	case len(ids) == 1:
		c.id = ids[0]
		return nil
	case len(names) == 0:
		return errors.New("no data factory is deployed")
	case c.factory == "":
		return fmt.Errorf("name a data factory with --factory; deployed are: %s", strings.Join(names, ", "))
	default:
		return fmt.Errorf("data factory %q is not deployed; deployed are: %s", c.factory, strings.Join(names, ", "))
	}
}

// A RunFilter selects runs. What is empty selects all.
type RunFilter struct {
	Status, Pipeline, Trigger []string
	Message                   []string  // ids of messages, of which one started the run
	After, Before             time.Time // of the last change
}

// body is the query that asks for the runs, as text that is not closed.
func (f RunFilter) body() string {
	after, before := "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"
	if !f.After.IsZero() {
		after = f.After.UTC().Format(time.RFC3339Nano)
	}
	if !f.Before.IsZero() {
		before = f.Before.UTC().Format(time.RFC3339Nano)
	}
	filters := value.Array{}
	for _, x := range []struct {
		operand string
		values  []string
	}{{"Status", f.Status}, {"PipelineName", f.Pipeline}, {"TriggeredByName", f.Trigger}, {"MessageId", f.Message}} {
		if len(x.values) == 0 {
			continue
		}
		list := make(value.Array, len(x.values))
		for i, v := range x.values {
			list[i] = v
		}
		filters = append(filters, value.NewObject(value.Member{Name: "operand", Value: x.operand},
			value.Member{Name: "operator", Value: "In"}, value.Member{Name: "values", Value: list}))
	}
	o := value.NewObject(value.Member{Name: "lastUpdatedAfter", Value: after},
		value.Member{Name: "lastUpdatedBefore", Value: before})
	if len(filters) > 0 {
		o.Set("filters", filters)
	}
	return strings.TrimSuffix(string(value.Append(nil, o)), "}")
}

// Last returns the last n runs of a filter, the newest first, and whether there are more.
func (c *Runs) Last(ctx context.Context, f RunFilter, n int) (runs value.Array, more bool, err error) {
	out := value.Array{}
	for token := ""; ; {
		body := f.body() + `,"orderBy":[{"orderBy":"RunStart","order":"DESC"}]`
		if token != "" {
			body += `,"continuationToken":` + string(value.Append(nil, token))
		}
		answer, err := c.call(ctx, "POST", "queryPipelineRuns", body+"}")
		if err != nil {
			return nil, false, err
		}
		v, _ := answer.Get("value")
		page, _ := v.(value.Array)
		out = append(out, page...)
		if token = str(answer, "continuationToken"); token == "" || len(out) >= n {
			return out[:min(n, len(out))], token != "" || len(out) > n, nil
		}
	}
}

// Run returns one run with its activities. If only the activities can't be had, it
// returns the run with the error.
func (c *Runs) Run(ctx context.Context, id string) (*value.Object, value.Array, error) {
	return c.Changed(ctx, id, time.Time{})
}

// Changed is Run, but of the attempts of activities it returns only those that have ended
// since a time or, if they go on, begun.
func (c *Runs) Changed(ctx context.Context, id string, since time.Time) (*value.Object, value.Array, error) {
	run, err := c.call(ctx, "GET", "pipelineruns/"+url.PathEscape(id), "")
	if err != nil {
		return nil, nil, err
	}
	activities := value.Array{}
	for token := ""; ; {
		body := RunFilter{After: since}.body()
		if token != "" {
			body += `,"continuationToken":` + string(value.Append(nil, token))
		}
		answer, err := c.call(ctx, "POST", "pipelineruns/"+url.PathEscape(id)+"/queryActivityruns?items=true", body+"}")
		if err != nil {
			return run, nil, err
		}
		v, _ := answer.Get("value")
		page, _ := v.(value.Array)
		activities = append(activities, page...)
		if token = str(answer, "continuationToken"); token == "" {
			return run, activities, nil
		}
	}
}

// Pipeline returns the definition of a pipeline.
func (c *Runs) Pipeline(ctx context.Context, name string) (*value.Object, error) {
	return c.call(ctx, "GET", "pipelines/"+url.PathEscape(name), "")
}

// Start starts a run and returns its id.
func (c *Runs) Start(ctx context.Context, pipeline string, parameters *value.Object) (string, error) {
	answer, err := c.call(ctx, "POST", "pipelines/"+url.PathEscape(pipeline)+"/createRun",
		string(value.Append(nil, parameters)))
	if err != nil {
		return "", err
	}
	return str(answer, "runId"), nil
}

// A Rerun says what a rerun does again: all, if neither of the first two is given.
type Rerun struct {
	From        string // this activity and all behind it
	FromFailure bool   // what failed, and what was not reached
	AsItWas     bool   // with the definition that the other run had
}

// Rerun starts the rerun of a run of a pipeline, in the group of that run.
func (c *Runs) Rerun(ctx context.Context, pipeline, run string, r Rerun) (string, error) {
	q := url.Values{"isRecovery": {"true"}, "referencePipelineRunId": {run}}
	if r.From != "" {
		q.Set("startActivityName", r.From)
	}
	if r.FromFailure {
		q.Set("startFromFailure", "true")
	}
	if r.AsItWas {
		q.Set("definition", "original")
	}
	answer, err := c.call(ctx, "POST", "pipelines/"+url.PathEscape(pipeline)+"/createRun?"+q.Encode(), "{}")
	if err != nil {
		return "", err
	}
	return str(answer, "runId"), nil
}

// Cancel asks for the end of a run, and of those that its activities have started.
func (c *Runs) Cancel(ctx context.Context, run string, recursive bool) error {
	action := "/cancel"
	if recursive {
		action += "?isRecursive=true"
	}
	_, err := c.call(ctx, "POST", "pipelineruns/"+url.PathEscape(run)+action, "")
	return err
}

// Triggers returns the triggers of the factory.
func (c *Runs) Triggers(ctx context.Context) (value.Array, error) {
	out := value.Array{}
	for token := ""; ; {
		body := &value.Object{}
		if token != "" {
			body.Set("continuationToken", token)
		}
		answer, err := c.call(ctx, "POST", "querytriggers", string(value.Append(nil, body)))
		if err != nil {
			return nil, err
		}
		v, _ := answer.Get("value")
		page, _ := v.(value.Array)
		out = append(out, page...)
		if token = str(answer, "continuationToken"); token == "" {
			return out, nil
		}
	}
}

// Trigger starts or stops a trigger.
func (c *Runs) Trigger(ctx context.Context, name string, start bool) error {
	action := "stop"
	if start {
		action = "start"
	}
	_, err := c.call(ctx, "POST", "triggers/"+url.PathEscape(name)+"/"+action, "")
	return err
}

func str(o *value.Object, name string) string {
	v, _ := o.Get(name)
	return value.Text(v)
}

func (c *Runs) call(ctx context.Context, method, path, body string) (*value.Object, error) {
	if err := c.find(ctx); err != nil {
		return nil, err
	}
	return c.request(ctx, method, c.id+"/"+path, body)
}

func (c *Runs) request(ctx context.Context, method, path, body string) (*value.Object, error) {
	u := path + "?api-version=2018-06-01"
	if strings.Contains(path, "?") {
		u = path + "&api-version=2018-06-01"
	}
	a, err := c.server.ask(ctx, method, u, body)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimSpace(a.body)
	if a.status == http.StatusOK && len(text) == 0 {
		return &value.Object{}, nil
	}
	v, err := value.Parse(text)
	o, _ := v.(*value.Object)
	if err != nil || o == nil {
		return nil, c.server.strange(a)
	}
	if a.status != http.StatusOK {
		if e, ok := o.Get("error"); ok {
			if eo, ok := e.(*value.Object); ok {
				return nil, errors.New(str(eo, "message"))
			}
		}
		return nil, c.server.strange(a)
	}
	return o, nil
}
