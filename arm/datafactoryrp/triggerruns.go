package datafactoryrp

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchyard/arm"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/pipeline/recurrence"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// A triggerRun is a trigger run as queries see it. Those of triggers that go by time have
// records of their own; the start of a run by messages is a trigger run that nothing but the
// pipeline run tells of.
type triggerRun struct {
	id, name, typ, status string
	at                    time.Time
	place                 engine.Place
	recorded              bool // has a record of its own
	message               value.Value
	properties            *value.Object
	pipelines             *value.Object
}

var triggerRunQuery = querySpec[*triggerRun]{
	name:     "queryTriggerRuns",
	operands: triggerRunFields,
	orders:   triggerRunFields,
	times:    []string{"TriggerRunTimestamp"},
	start:    "TriggerRunTimestamp",
}

var triggerRunFields = map[string]func(*triggerRun) string{
	"TriggerName":         func(r *triggerRun) string { return r.name },
	"TriggerRunTimestamp": func(r *triggerRun) string { return value.Timestamp(r.at) },
	"Status":              func(r *triggerRun) string { return r.status },
}

// startedByMessages is the trigger run of a pipeline run that messages have started.
func startedByMessages(p *engine.PipelineRun) *triggerRun {
	return &triggerRun{id: p.InvokedBy.ID, name: p.InvokedBy.Name, typ: p.InvokedBy.Type, at: p.Start, place: *p.Place(),
		status:     string(trigger.Succeeded), // it started its run
		properties: value.NewObject(value.Member{Name: "TriggerTime", Value: value.Timestamp(p.Start)}),
		pipelines:  value.NewObject(value.Member{Name: p.Pipeline, Value: p.RunID})}
}

// fired is a trigger run that has a record.
func fired(r *trigger.Run) *triggerRun {
	t := &triggerRun{id: r.ID, name: r.Trigger, typ: r.Type, at: r.Shown, place: engine.Place{Start: r.At, ID: r.ID},
		recorded: true, status: string(r.Status), properties: &value.Object{}, pipelines: &value.Object{}}
	t.properties.Set("TriggerTime", americanTime(r.Shown))
	if !r.Scheduled.IsZero() {
		t.properties.Set("ScheduleTime", americanTime(r.Scheduled))
	}
	if w := r.Window; w != nil {
		t.properties.Set("windowStartTime", americanTime(w.Start))
		t.properties.Set("windowEndTime", americanTime(w.End))
	}
	if r.Message != "" {
		t.message = r.Message
	}
	for _, p := range r.Pipelines {
		t.pipelines.Set(p.Pipeline, p.Run) // the last one of those of a pipeline
	}
	return t
}

// americanTime is how the properties of a trigger run show a time [ADF-REST 6].
func americanTime(t time.Time) string { return t.UTC().Format("1/2/2006 3:04:05 PM") }

func (r *triggerRun) json() *value.Object {
	o := value.NewObject(
		value.Member{Name: "triggerName", Value: r.name},
		value.Member{Name: "triggerRunId", Value: r.id},
		value.Member{Name: "triggerType", Value: r.typ},
		value.Member{Name: "triggerRunTimestamp", Value: value.Timestamp(r.at)},
		value.Member{Name: "status", Value: r.status},
		value.Member{Name: "message", Value: r.message},
		value.Member{Name: "properties", Value: r.properties},
		value.Member{Name: "triggeredPipelines", Value: r.pipelines})
	if !r.recorded {
		o.Set("runDimension", &value.Object{})
		o.Set("dependencyStatus", &value.Object{})
	}
	return o
}

// compare orders trigger runs as both sources do: of one time, those that have records of their
// own are the last.
func (r *triggerRun) compare(other *triggerRun) int {
	if c := r.place.Start.Compare(other.place.Start); c != 0 {
		return c
	}
	if r.recorded != other.recorded {
		if r.recorded {
			return 1
		}
		return -1
	}
	return strings.Compare(r.place.ID, other.place.ID)
}

// queryTriggerRuns shows the firings of triggers that go by time, and a trigger run for every
// pipeline run that messages have started.
func (p *Provider) queryTriggerRuns(r *arm.Request) (*arm.Response, error) {
	f, err := p.factories.Get(factoryID(r))
	if err != nil {
		return nil, err
	}
	q, err := readQuery(r.Body, triggerRunQuery)
	if err != nil {
		return nil, err
	}
	page, next, err := p.pageOfTriggerRuns(q, f.ID.Factory)
	if err != nil {
		return nil, err
	}
	list := make([]*value.Object, 0, len(page))
	for _, t := range page {
		list = append(list, t.json())
	}
	return answer(list, next), nil
}

func (p *Provider) pageOfTriggerRuns(q *query[*triggerRun], name string) (page []*triggerRun, next string, err error) {
	if !q.inOrderOf(triggerRunQuery.start) {
		all, _, err := p.triggerRuns(q, name, nil, 0)
		if err != nil {
			return nil, "", err
		}
		return q.page(all)
	}
	var behind *engine.Place
	if q.token != "" {
		if behind, err = parsePlace(q.token); err != nil {
			return nil, "", err
		}
	}
	page, more, err := p.triggerRuns(q, name, behind, pageSize)
	if err != nil {
		return nil, "", err
	}
	if len(page) > pageSize {
		page, more = page[:pageSize], true
	}
	if more {
		next = placeToken(&page[len(page)-1].place)
	}
	return page, next, nil
}

// triggerRuns returns what both sources have, up to a limit of each, in one order.
func (p *Provider) triggerRuns(q *query[*triggerRun], name string, behind *engine.Place, limit int) (
	all []*triggerRun, more bool, err error) {
	newest := limit > 0 && q.order[0].desc
	runs, moreRuns, err := p.runs.Query(engine.Query{Factory: name, After: q.after, Before: q.before,
		NewestFirst: newest, Behind: behind, Limit: limit, Where: func(p *engine.PipelineRun) bool {
			return equalFold(p.InvokedBy.Type, pipeline.TypeServiceBusTrigger) && q.matches(startedByMessages(p))
		}})
	if err != nil {
		return nil, false, err
	}
	firings, moreFirings, err := p.runs.TriggerRuns(trigger.Query{Factory: name, After: q.after, Before: q.before,
		NewestFirst: newest, Behind: behind, Limit: limit, Where: func(r *trigger.Run) bool { return q.matches(fired(r)) }})
	if err != nil {
		return nil, false, err
	}
	for _, r := range runs {
		all = append(all, startedByMessages(r))
	}
	for _, r := range firings {
		all = append(all, fired(r))
	}
	slices.SortFunc(all, func(a, b *triggerRun) int {
		if newest {
			a, b = b, a
		}
		return a.compare(b)
	})
	return all, moreRuns || moreFirings, nil
}

// triggerRunAction answers rerun and cancel of a trigger run, which only those of tumbling
// windows have [ADF-REST 6].
func (p *Provider) triggerRunAction(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	if r.Method != http.MethodPost {
		return nil, arm.MethodNotAllowed(r)
	}
	if r.Action != "rerun" && r.Action != "cancel" {
		return nil, refused(r)
	}
	d, err := p.factories.Definition(factoryID(r), factory.Triggers, r.ID.Names[1])
	if err != nil {
		return nil, err
	}
	v, _ := parsed(d.Properties).Lookup("type")
	t, _ := v.(string)
	if equalFold(t, recurrence.TypeTumblingWindowTrigger) {
		act := p.runs.RerunWindow
		if r.Action == "cancel" {
			act = p.runs.CancelWindow
		}
		if err := act(ctx, p.spelled(factoryID(r)).Factory, d.Name, r.ID.Name()); err != nil {
			return nil, err
		}
		return arm.OK(nil), nil
	}
	e := arm.BadRequest("Invalid trigger type: %s", t)
	e.Target = d.Name
	return nil, e
}
