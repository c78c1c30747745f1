package run

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/value"
)

func parseBool(s string) (val, ok bool) {
	switch s = strings.TrimSpace(s); {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// typeProperty returns an unevaluated member of typeProperties.
func (n *node) typeProperty(name string) (value.Value, bool) {
	return n.step.def.TypeProperties.Lookup(name)
}

// filter is [ENGINE 5.9].
func filter(n *node, c *expr.Context, user *value.Object, now time.Time) (Event, *pipeline.ActivityError) {
	rawItems, _ := n.typeProperty("items")
	items, aerr := itemsOf(c, rawItems)
	if aerr != nil {
		return nil, aerr
	}
	cond, _ := n.typeProperty("condition")
	kept := value.Array{}
	err := c.EvaluateItems(cond, items, func(item, v value.Value) error {
		keep, ok := v.(bool)
		if !ok {
			//lint:ignore ST1005 these are Data Factory's words
			return fmt.Errorf(
				"The condition of the Filter activity must evaluate to a value of type 'Boolean'. The result is of type '%s'.",
				pipeline.TypeName(v))
		}
		if keep {
			kept = append(kept, item)
		}
		return nil
	})
	if err != nil {
		return nil, invalid(err)
	}
	return &ActivityFinished{
		Path: n.path, Attempt: 1, Status: Succeeded, At: now, UserProperties: user,
		Input: value.NewObject(member("items", items), member("condition", cond)),
		Output: value.NewObject(
			member("ItemsCount", int64(len(items))),
			member("FilteredItemsCount", int64(len(kept))),
			member("Value", kept),
		),
	}, nil
}

// startWait is [ENGINE 5.6].
func startWait(n *node, c *expr.Context, user *value.Object, now time.Time) (Event, *pipeline.ActivityError) {
	raw, _ := n.typeProperty("waitTimeInSeconds")
	v, err := c.Evaluate(raw)
	if err != nil {
		return nil, invalid(err)
	}
	var seconds int64
	switch v := v.(type) {
	case int64:
		seconds = v
	case float64:
		if v == math.Trunc(v) && v <= math.MaxInt32 {
			seconds = int64(v)
		}
	case string:
		seconds, _ = strconv.ParseInt(strings.TrimSpace(v), 10, 64) // 0 if it is no number
	}
	if seconds < 1 || seconds > math.MaxInt32 {
		return nil, unexpected("The waitTimeInSeconds of the Wait activity is %s, want an integer from 1 to %d.",
			value.Append(nil, v), math.MaxInt32)
	}
	return &TimerStarted{
		Path: n.path, At: now, FireAt: now.Add(time.Duration(seconds) * time.Second), UserProperties: user,
		Input: value.NewObject(member("waitTimeInSeconds", seconds)),
	}, nil
}

// failActivity is [ENGINE 5.10] with its table of edge cases.
func failActivity(n *node, c *expr.Context, user *value.Object,
	now time.Time) (Event, *pipeline.ActivityError) {
	message, mstate, aerr := failText(n, c, "message")
	if aerr != nil {
		return nil, aerr
	}
	code, cstate, aerr := failText(n, c, "errorCode")
	if aerr != nil {
		return nil, aerr
	}
	name := n.step.def.Name
	if cstate != textFine {
		code = CodeErrorCodeNotString
	}
	switch {
	case mstate == textFine:
	case cstate != textFine, mstate == textBlank:
		message = "Failed to interpret " + name + " fail message or error code"
	case mstate == textMissing:
		message = "Fail message was not provided"
	case mstate == textOther:
		message = name + " fail message parameter could not be interpreted as a string"
	}
	f := n.fail(now, &pipeline.ActivityError{Code: code, Message: message, FailureType: pipeline.UserError})
	f.Input = value.NewObject(member("message", message), member("errorCode", code))
	f.UserProperties = user
	return f, nil
}

type textState uint8

const (
	textFine    textState = iota
	textMissing           // no such member
	textBlank             // null or white space
	textOther             // not text
)

func failText(n *node, c *expr.Context, name string) (string, textState, *pipeline.ActivityError) {
	raw, ok := n.typeProperty(name)
	if !ok {
		return "", textMissing, nil
	}
	v, err := c.Evaluate(raw)
	if err != nil {
		return "", 0, invalid(err)
	}
	s, isText := v.(string)
	switch {
	case v == nil, isText && strings.TrimSpace(s) == "":
		return "", textBlank, nil
	case !isText:
		return "", textOther, nil
	}
	return s, textFine, nil
}

// maxReturnValue bounds the pipeline's return value as JSON text [ENGINE 8].
const maxReturnValue = 4 << 20

const maxReturnDepth = 64

// returnMembers evaluates the typed list of a SetVariable that sets the pipeline's return
// value [ENGINE 5.7].
func returnMembers(c *expr.Context, raw value.Value, depth int) (*value.Object, *pipeline.ActivityError) {
	list, ok := raw.(value.Array)
	if !ok || depth > maxReturnDepth {
		return nil, unexpected("The pipeline return value must be a list of keys and values. It is of type '%s'.",
			pipeline.TypeName(raw))
	}
	o := &value.Object{}
	for _, x := range list {
		pair, _ := x.(*value.Object)
		key, _ := pair.Lookup("key")
		name, ok := key.(string)
		if !ok {
			return nil, unexpected("An element of the pipeline return value has no key.")
		}
		typed, _ := pair.Lookup("value")
		v, aerr := returnContent(c, name, typed, depth)
		if aerr != nil {
			return nil, aerr
		}
		o.Set(name, v)
	}
	return o, nil
}

func returnContent(c *expr.Context, key string, typed value.Value,
	depth int) (value.Value, *pipeline.ActivityError) {
	o, _ := typed.(*value.Object)
	t, _ := o.Lookup("type")
	content, _ := o.Lookup("content")
	typeName, _ := t.(string)
	switch strings.ToLower(typeName) {
	case "expression":
		v, err := c.Evaluate(content)
		if err != nil {
			return nil, invalid(err)
		}
		return v, nil
	case "string":
		return returnScalar(key, content, pipeline.TypeString)
	case "int":
		return returnScalar(key, content, pipeline.TypeInt)
	case "float":
		return returnScalar(key, content, pipeline.TypeFloat)
	case "boolean":
		return returnScalar(key, content, pipeline.TypeBool)
	case "null":
		return nil, nil
	case "object":
		return returnMembers(c, content, depth+1)
	case "array":
		list, ok := content.(value.Array)
		if !ok || depth > maxReturnDepth {
			return nil, unexpected("The content of the return value '%s' is of type '%s', want a list.", key,
				pipeline.TypeName(content))
		}
		out := make(value.Array, 0, len(list))
		for _, x := range list {
			v, aerr := returnContent(c, key, x, depth+1)
			if aerr != nil {
				return nil, aerr
			}
			out = append(out, v)
		}
		return out, nil
	}
	return nil, unexpected("The return value '%s' has the unknown type '%s'.", key, typeName)
}

func returnScalar(key string, content value.Value,
	t pipeline.ParameterType) (value.Value, *pipeline.ActivityError) {
	v, err := (&pipeline.Parameter{Name: key, Type: t}).Convert(content)
	if err != nil {
		return nil, unexpected("The content of the return value '%s' of type '%s' is of type '%s'.", key, t,
			pipeline.TypeName(content))
	}
	return v, nil
}
