// Package exprtest evaluates expressions against contexts written as JSON, in
// the format of [EXPR 12]: for test vectors and for the command that evaluates
// an expression by hand. It starts no goroutine.
package exprtest

import (
	"fmt"
	"strings"
	"time"

	"switchyard/expr"
	"switchyard/value"
)

// Names of the members of a context, as [EXPR 12] lists them.
const (
	memberParameters       = "parameters"
	memberGlobalParameters = "globalParameters"
	memberVariables        = "variables"
	memberActivities       = "activities"
	memberItem             = "item"
	memberDataset          = "dataset"
	memberLinkedService    = "linkedService"
	memberPipeline         = "pipeline"
	memberTrigger          = "trigger"
	memberTriggerBody      = "triggerBody"
	memberNow              = "now"
)

// NewContext turns a context object into a Context. A nil object is an empty
// context. If the object has no member now, the present is the argument; guid
// and rand come from seed. A member of an unknown name or of the wrong type is
// an error.
func NewContext(o *value.Object, now time.Time, seed uint64) (*expr.Context, error) {
	c := &expr.Context{Now: now, Seed: seed}
	pipeline := &value.Object{}
	parameters, globals := value.Value(&value.Object{}), value.Value(&value.Object{})
	for _, m := range o.Members() {
		object, isObject := m.Value.(*value.Object)
		var err error
		switch m.Name {
		case memberItem:
			c.Item = func() (value.Value, bool) { return m.Value, true }
			continue
		case memberTriggerBody:
			c.TriggerBody = m.Value
			continue
		case memberNow:
			if c.Now, err = parseNow(m.Value); err != nil {
				return nil, err
			}
			continue
		case memberParameters:
			parameters = object
		case memberGlobalParameters:
			globals = object
		case memberPipeline:
			pipeline = object
		case memberVariables:
			c.Variables = lookup(object)
		case memberActivities:
			c.Activity = lookup(object)
		case memberDataset:
			c.Dataset = object
		case memberLinkedService:
			c.LinkedService = object
		case memberTrigger:
			c.Trigger = object
		default:
			return nil, fmt.Errorf("context: unknown member %q", m.Name)
		}
		if !isObject {
			return nil, fmt.Errorf("context: member %q is not an object", m.Name)
		}
	}
	pipeline = pipeline.Clone()
	pipeline.Set(memberParameters, parameters)
	pipeline.Set(memberGlobalParameters, globals)
	c.Pipeline = pipeline
	return c, nil
}

// lookup finds members ignoring case, as variable and activity names compare.
func lookup(o *value.Object) func(string) (value.Value, bool) {
	return func(name string) (value.Value, bool) { return o.Lookup(name) }
}

func parseNow(v value.Value) (time.Time, error) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, fmt.Errorf("context: member %q is not a string", memberNow)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil && !strings.Contains(s, "T") {
		t, err = time.Parse(time.DateOnly, s)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("context: member %q: %q is not an ISO 8601 time with a zone", memberNow, s)
	}
	return t, nil
}

// Evaluate evaluates v, usually a string with its "@", and returns the object
// {"value": …} or {"error": {"errorCode", "message", "expression", "offset"}}.
// The offset counts bytes in the string.
func Evaluate(c *expr.Context, v value.Value) *value.Object {
	r, err := c.Evaluate(v)
	if err == nil {
		return value.NewObject(value.Member{Name: "value", Value: r})
	}
	o := value.NewObject(
		value.Member{Name: "errorCode", Value: expr.CodeInvalidTemplate},
		value.Member{Name: "message", Value: err.Error()},
	)
	if e, ok := err.(*expr.Error); ok {
		o.Set("expression", e.Expression)
		o.Set("offset", int64(e.Offset))
	}
	return value.NewObject(value.Member{Name: "error", Value: o})
}
