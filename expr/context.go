package expr

import (
	"strings"
	"time"

	"switchyard/value"
)

// A Context holds what the expressions of one evaluation can refer to. Fields
// that are left out make the function that reads them fail the way the service
// does. The functions guid and rand draw from a sequence that Seed determines
// and that continues over all calls on the same Context, so a Context belongs to
// one activity run (or one other evaluation) and must not be used by two
// goroutines at once nor copied after its first use.
type Context struct {
	// Now is what utcNow, getFutureTime and getPastTime take for the present.
	Now time.Time
	// Seed determines the results of guid and rand.
	Seed uint64

	// Pipeline is the result of pipeline(): an *Object with the members of
	// [EXPR 3], among them parameters and globalParameters. Nil where there is no
	// pipeline.
	Pipeline value.Value
	// LoadPipeline, if it is not nil, returns the value of Pipeline, which is not in
	// memory; nil if it can't.
	LoadPipeline func() value.Value
	// Variables returns the current value of a variable. The function decides
	// how the name compares; the service ignores case.
	Variables func(name string) (value.Value, bool)
	// Activity returns the result of activity(name), usually an object with
	// output, status and error; false if that activity has not run or is not
	// upstream. The function decides how the name compares.
	Activity func(name string) (value.Value, bool)
	// Item returns the current element of the innermost loop or filter.
	Item func() (value.Value, bool)
	// Dataset, LinkedService and Trigger are the results of the functions of
	// the same names; nil where they do not exist.
	Dataset, LinkedService, Trigger value.Value
	// TriggerBody is the result of triggerBody(). If it is nil, the function
	// fails unless Trigger is there: then the body is null.
	TriggerBody value.Value

	// Budget bounds all evaluations of the Context together. If it is nil, a full
	// one does that names nobody and has no interrupt.
	Budget *Budget

	own   Budget // if Budget is nil; from the first evaluation on
	draws uint64 // blocks taken from the sequence of Seed
	trace *trace // in Trace; nil otherwise
}

// Limits on one expression and on one result; [Budget] has those on many.
const (
	// MaxExpression is the length of one expression in characters.
	MaxExpression = 8192
	// MaxText is the length of a text that a function produces, in bytes; the
	// service states it for concat and join.
	MaxText = 104_857_600
	// MaxValueDepth is how deeply a result may nest. It is smaller than
	// [value.MaxDepth] so that a result still parses inside the records that carry it.
	MaxValueDepth = 100
	// maxExpressionDepth is how deeply calls and brackets may nest.
	maxExpressionDepth = 128
)

func (c *Context) evaluation() evaluation {
	b := c.Budget
	if b == nil {
		if b = &c.own; b.looks == 0 {
			*b = *NewBudget("", nil)
		}
	}
	return evaluation{ctx: c, budget: b}
}

// Evaluate evaluates every expression in v [EXPR 1]: strings, expression
// objects {"value": …, "type": "Expression"}, and whatever arrays and objects
// hold, without looking at member names. A part that holds no expression is
// returned as it is, not copied. The error is an [*Error].
func (c *Context) Evaluate(v value.Value) (value.Value, error) {
	ev := c.evaluation()
	out, changed, err := ev.walk(v, 0)
	if err != nil {
		return nil, err
	}
	if changed {
		switch out.(type) {
		case value.Array, *value.Object:
			if err := ev.chargeValue(out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// EvaluateTemplate evaluates a template that was parsed before. The error is an
// [*Error].
func (c *Context) EvaluateTemplate(t *Template) (value.Value, error) {
	ev := c.evaluation()
	return ev.template(t)
}

// ExpressionText returns the string of an expression object [EXPR 1.2]. An
// object whose value is no string is data, not an expression.
func ExpressionText(v value.Value) (string, bool) {
	o, ok := v.(*value.Object)
	if !ok || o.Len() < 2 {
		return "", false
	}
	t, _ := o.Lookup("type")
	if name, ok := t.(string); !ok || !strings.EqualFold(name, "Expression") {
		return "", false
	}
	text, _ := o.Lookup("value")
	s, ok := text.(string)
	return s, ok
}
