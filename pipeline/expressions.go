package pipeline

import (
	"errors"
	"slices"

	"switchyard/expr"
	"switchyard/value"
)

// An environment is what the expressions of one place can refer to.
type environment struct {
	place    string
	context  []string // names of the reference functions that exist here
	pipeline bool     // a pipeline's activity: pipeline, activity, variables and, with item, item
	visible  activitySet
	item     bool
	around   []*Activity // containers that it stands in

	parameters parameterIndex // of the dataset or linked service
}

// contextFunctions are those whose result depends on the place [EXPR 3].
var contextFunctions = []string{"pipeline", "activity", "variables", "item", "dataset", "linkedService",
	"trigger", "triggerBody"}

func (e *environment) has(function string) bool {
	names := e.context
	if e.pipeline {
		names = []string{"pipeline", "activity", "variables", "item"}
	}
	return containsFold(names, function)
}

// eachText calls f for every string below a value that may be an expression.
func eachText(v value.Value, at string, f func(text, at string)) {
	switch v := v.(type) {
	case string:
		if isExpression(v) {
			f(v, at)
		}
	case value.Array:
		for i := range v {
			eachText(v[i], index(at, i), f)
		}
	case *value.Object:
		if text, ok := expr.ExpressionText(v); ok {
			eachText(text, at, f)
			return
		}
		for _, m := range v.Members() {
			eachText(m.Value, at+"."+m.Name, f)
		}
	}
}

// activityExpressions checks every expression of an activity but those of its
// children.
func (v *validator) activityExpressions(a *Activity, env *environment) {
	tp := a.Path + ".typeProperties"
	for _, m := range typePropertiesOf(a).Members() {
		inner := *env
		switch {
		case a.Is("Filter") && equalFold(m.Name, "condition"):
			inner.item = true
		case a.Until != nil && equalFold(m.Name, "expression"):
			v.see(&inner.visible, a.Until.Activities)
		case SetsReturnValue(a) && equalFold(m.Name, "value"):
			eachReturnExpression(m.Value, tp+".value", func(x value.Value, at string) { v.expressions(x, at, &inner) })
			continue
		}
		v.expressions(m.Value, tp+"."+m.Name, &inner)
	}
	v.expressions(a.Policy.Timeout, a.Path+".policy.timeout", env)
	v.expressions(a.Policy.Retry, a.Path+".policy.retry", env)
	for i, u := range a.UserProperties {
		v.expressions(u.Value, index(a.Path+".userProperties", i)+".value", env)
	}
	for _, ref := range slices.Concat([]*Reference{a.LinkedService}, a.Inputs, a.Outputs) {
		if ref != nil && ref.Parameters != nil {
			v.expressions(ref.Parameters, ref.Path+".parameters", env)
		}
	}
}

// eachReturnExpression calls f for the content of every Expression in the typed
// list of a pipeline return value.
func eachReturnExpression(v value.Value, at string, f func(x value.Value, at string)) {
	switch v := v.(type) {
	case value.Array:
		for i := range v {
			eachReturnExpression(v[i], index(at, i), f)
		}
	case *value.Object:
		t, _ := v.Lookup("type")
		if name, ok := t.(string); ok && equalFold(name, "Expression") {
			content, _ := v.Lookup("content")
			f(content, at+".content")
			return
		}
		for _, m := range v.Members() {
			eachReturnExpression(m.Value, at+"."+m.Name, f)
		}
	}
}

// expressions checks every expression below a value.
func (v *validator) expressions(val value.Value, at string, env *environment) {
	eachText(val, at, func(text, at string) {
		t, err := expr.Parse(text)
		if e, ok := errors.AsType[*expr.Error](err); ok {
			v.errorIn(at, text, e.Offset, "%v", err)
			return
		}
		v.template(t, at, env)
	})
}
