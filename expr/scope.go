package expr

import "switchyard/value"

// The functions of [EXPR 3]: they read the Context.

func notHere(name string) (value.Value, error) {
	return nil, errorf("The template function '%s' is not expected at this location.", name)
}

func isNil(v value.Value) bool {
	o, ok := v.(*value.Object)
	return v == nil || ok && o == nil
}

func contextValue(name string, v value.Value) (value.Value, error) {
	if isNil(v) {
		return notHere(name)
	}
	return v, nil
}

func fnPipeline(c *call) (value.Value, error) {
	v := c.ev.ctx.Pipeline
	if load := c.ev.ctx.LoadPipeline; load != nil {
		v = load()
	}
	return contextValue("pipeline", v)
}

func fnDataset(c *call) (value.Value, error) { return contextValue("dataset", c.ev.ctx.Dataset) }

func fnLinkedService(c *call) (value.Value, error) {
	return contextValue("linkedService", c.ev.ctx.LinkedService)
}

func fnTrigger(c *call) (value.Value, error) { return contextValue("trigger", c.ev.ctx.Trigger) }

func fnTriggerBody(c *call) (value.Value, error) {
	ctx := c.ev.ctx
	if isNil(ctx.TriggerBody) && !isNil(ctx.Trigger) {
		return nil, nil
	}
	return contextValue("triggerBody", ctx.TriggerBody)
}

func fnActivity(c *call) (value.Value, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	if c.ev.ctx.Activity != nil {
		if v, ok := c.ev.ctx.Activity(name); ok {
			return v, nil
		}
	}
	return nil, c.ev.cannot("the template action '%s' is not defined at current scope.", name)
}

func fnVariables(c *call) (value.Value, error) {
	name, err := c.text(0)
	if err != nil {
		return nil, err
	}
	if c.ev.ctx.Variables != nil {
		if v, ok := c.ev.ctx.Variables(name); ok {
			return v, nil
		}
	}
	return nil, c.ev.cannot("the template variable '%s' cannot be found.", name)
}

func fnItem(c *call) (value.Value, error) {
	if c.ev.ctx.Item != nil {
		if v, ok := c.ev.ctx.Item(); ok {
			return v, nil
		}
	}
	return notHere("item")
}
