package main

import (
	"context"
	"fmt"
	"strings"

	"switchyard/client"
	"switchyard/config"
	"switchyard/value"
)

// listTriggers lists the triggers of a factory with their states.
func listTriggers(ctx context.Context, e *env, v *config.Values, _ []string) int {
	f, err := factoryOf(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	list, err := f.Triggers(ctx)
	if err != nil {
		return e.fail(err)
	}
	troubles := triggerTroubles(ctx, v)
	if e.json {
		for _, t := range objects(list) {
			if why := troubles[str(t, "name")]; why != "" {
				t.Set("switchyard", value.NewObject(value.Member{Name: "trouble", Value: why}))
			}
			e.printf("%s\n", value.Append(nil, t))
		}
		return exitOK
	}
	if len(list) == 0 {
		fmt.Fprintln(e.stderr, "no triggers")
		return exitOK
	}
	t := &table{columns: []column{{title: "TRIGGER", whole: true}, {title: "STATE", whole: true}, {title: "TYPE"},
		{title: "FROM"}, {title: "STARTS"}}}
	for _, x := range objects(list) {
		p := member(x, "properties")
		t.add(str(x, "name"), str(p, "runtimeState"), str(p, "type"), str(member(p, "typeProperties"), "queueName"),
			strings.Join(triggered(p), ", "))
	}
	e.printf("%s", t.layout(e.tableWidth()))
	for _, x := range objects(list) {
		if why := troubles[str(x, "name")]; why != "" {
			e.printf("%s takes no messages: %s\n", printable(str(x, "name")), printable(why))
		}
	}
	return exitOK
}

// triggerTroubles says of triggers that are started why they take no messages.
func triggerTroubles(ctx context.Context, v *config.Values) map[string]string {
	why := map[string]string{}
	ep, err := client.Find(ctx, v.String("data"), v.Duration("timeout"))
	if err != nil {
		return why
	}
	for _, t := range troublesOf(ctx, ep) {
		if f := v.String("factory"); f == "" || strings.EqualFold(f, t.Factory) {
			why[t.Trigger] = t.Why
		}
	}
	return why
}

// triggered are the pipelines that a trigger starts.
func triggered(p *value.Object) (names []string) {
	v, _ := p.Lookup("pipelines")
	list, _ := v.(value.Array)
	for _, x := range objects(list) {
		names = append(names, printable(str(member(x, "pipelineReference"), "referenceName")))
	}
	return names
}

func startTrigger(ctx context.Context, e *env, v *config.Values, operands []string) int {
	return setTrigger(ctx, e, v, operands[0], true)
}

func stopTrigger(ctx context.Context, e *env, v *config.Values, operands []string) int {
	return setTrigger(ctx, e, v, operands[0], false)
}

// setTrigger starts or stops a trigger. It says what holds then.
func setTrigger(ctx context.Context, e *env, v *config.Values, name string, start bool) int {
	f, err := factoryOf(ctx, v)
	if err == nil {
		err = f.Trigger(ctx, name, start)
	}
	if err != nil {
		return e.fail(err)
	}
	state := "Stopped"
	if start {
		state = "Started"
	}
	if e.json {
		e.printf("%s\n", value.Append(nil, value.NewObject(value.Member{Name: "trigger", Value: name},
			value.Member{Name: "state", Value: state})))
	} else {
		e.printf("%s is %s\n", name, strings.ToLower(state))
	}
	return exitOK
}
