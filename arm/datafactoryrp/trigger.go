package datafactoryrp

import (
	"context"
	"strings"

	"switchyard/arm"
	"switchyard/pipeline"
	"switchyard/pipeline/factory"
	"switchyard/pipeline/recurrence"
	"switchyard/value"
)

// triggerAction answers start, stop and the subscriptions of event triggers.
func (p *Provider) triggerAction(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	id, name := factoryID(r), r.ID.Name()
	switch r.Action {
	case "start":
		if err := p.factories.StartTrigger(ctx, id, name); err != nil {
			return nil, err
		}
		return arm.OK(nil), nil
	case "stop":
		if err := p.factories.StopTrigger(ctx, id, name); err != nil {
			return nil, err
		}
		return arm.OK(nil), nil
	case "geteventsubscriptionstatus", "subscribetoevents", "unsubscribefromevents":
		d, err := p.factories.Definition(id, factory.Triggers, name)
		if err != nil {
			return nil, err
		}
		return subscription(r, d)
	}
	return nil, refused(r)
}

// subscription answers for a trigger's subscription to events [ADF-REST 6]. No
// trigger that subscribes runs here, so a subscription is never there.
func subscription(r *arm.Request, d *factory.Definition) (*arm.Response, error) {
	v, _ := parsed(d.Properties).Lookup("type")
	t, _ := v.(string)
	if !strings.HasSuffix(strings.ToLower(t), "eventstrigger") {
		return nil, arm.BadRequest("Trigger '%s' is of type %s, which does not subscribe to events.", d.Name, t)
	}
	if r.Action == "subscribetoevents" {
		return nil, arm.NotSupported(
			"Trigger '%s' is of type %s, which this version of Switchyard does not run: it can't subscribe to "+
				"events. Only triggers of the types %s, %s and %s can be started.",
			d.Name, t, pipeline.TypeServiceBusTrigger, recurrence.TypeScheduleTrigger, recurrence.TypeTumblingWindowTrigger)
	}
	return arm.OK(value.NewObject(value.Member{Name: "triggerName", Value: d.Name},
		value.Member{Name: "status", Value: "Disabled"})), nil
}

// queryTriggers lists triggers: all, or the reruns of a tumbling-window trigger.
func (p *Provider) queryTriggers(r *arm.Request) (*arm.Response, error) {
	id := factoryID(r)
	list, err := p.factories.Definitions(id, factory.Triggers)
	if err != nil {
		return nil, err
	}
	body := arm.Read(r.Body, arm.BadRequest)
	parent, _ := body.String("parentTriggerName")
	token, _ := body.String("continuationToken")
	body.Close()
	if err := body.Err(); err != nil {
		return nil, err
	}
	id = p.spelled(id)
	var all listing
	for _, d := range list {
		if parent == "" || equalFold(parentTrigger(d), parent) {
			all.add(d.Name, definitionText(id, d, true))
		}
	}
	array, next, err := all.behind(token)
	if err != nil {
		return nil, badToken()
	}
	var o object
	o.raw("value", array)
	if next != "" {
		o.set("continuationToken", next)
	}
	return reply(o.end()), nil
}

// parentTrigger is the trigger whose windows a RerunTumblingWindowTrigger runs
// again.
func parentTrigger(d *factory.Definition) string {
	props := parsed(d.Properties)
	v, _ := props.Lookup("type")
	if t, _ := v.(string); !equalFold(t, "RerunTumblingWindowTrigger") {
		return ""
	}
	v, _ = props.Lookup("typeProperties")
	tp, _ := v.(*value.Object)
	v, _ = tp.Lookup("parentTrigger")
	switch v := v.(type) {
	case string:
		return v
	case *value.Object:
		name, _ := v.Lookup("referenceName")
		s, _ := name.(string)
		return s
	}
	return ""
}
