package pipeline

import (
	"strings"

	"switchyard/value"
)

// nested returns a pipeline's document in the form of the Git layout. It may be in the form
// that Azure's command line and its SDKs for scripts show, "flattened": what stands in
// properties stands beside the name, and what stands in the typeProperties of an activity
// stands in the activity [ARM 13].
func nested(root *value.Object) *value.Object {
	_, full := root.Lookup("properties")
	list, _ := root.Lookup("activities")
	activities, flat := list.(value.Array)
	if full || !flat {
		return root
	}
	out, properties := &value.Object{}, &value.Object{}
	for _, m := range root.Members() {
		switch {
		case containsFold(envelope, m.Name):
			out.Set(m.Name, m.Value)
		case equalFold(m.Name, "activities"):
			properties.Set(m.Name, nestedActivities(activities))
		default:
			add(properties, m)
		}
	}
	out.Set("properties", properties)
	return out
}

// envelope are the members of a resource beside its properties.
var envelope = []string{"name", "id", "type", "etag", "resourceGroup"}

// activityMembers are the members of an activity beside its typeProperties.
var activityMembers = []string{"name", "type", "description", "dependsOn", "userProperties", "policy",
	"linkedServiceName", "inputs", "outputs", "state", "onInactiveMarkAs"}

func nestedActivities(list value.Array) value.Array {
	out := make(value.Array, len(list))
	for i, v := range list {
		out[i] = v
		if a, ok := v.(*value.Object); ok {
			out[i] = nestedActivity(a)
		}
	}
	return out
}

// nestedActivity moves what belongs there into typeProperties, unless the activity has them.
func nestedActivity(a *value.Object) *value.Object {
	if _, full := a.Lookup("typeProperties"); full {
		return a
	}
	out, properties := &value.Object{}, &value.Object{}
	for _, m := range a.Members() {
		list, isList := m.Value.(value.Array)
		switch {
		case containsFold(activityMembers, m.Name):
			out.Set(m.Name, m.Value)
		case isList && equalFold(m.Name, "cases"):
			properties.Set(m.Name, nestedCases(list))
		case isList && strings.HasSuffix(strings.ToLower(m.Name), "activities"):
			properties.Set(m.Name, nestedActivities(list))
		default:
			add(properties, m)
		}
	}
	out.Set("typeProperties", properties)
	return out
}

func nestedCases(list value.Array) value.Array {
	out := make(value.Array, len(list))
	for i, v := range list {
		c, _ := v.(*value.Object)
		inner, _ := c.Lookup("activities")
		activities, ok := inner.(value.Array)
		if out[i] = v; ok {
			out[i] = c.Clone()
			out[i].(*value.Object).Set("activities", nestedActivities(activities))
		}
	}
	return out
}

// add sets a member. Of what the SDKs do not know, which stands under a name of theirs, it
// sets each.
func add(o *value.Object, m value.Member) {
	if !equalFold(m.Name, "additionalProperties") {
		o.Set(m.Name, m.Value)
		return
	}
	more, _ := m.Value.(*value.Object)
	for _, x := range more.Members() {
		o.Set(x.Name, x.Value)
	}
}
