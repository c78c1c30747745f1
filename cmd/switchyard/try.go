package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"switchyard/config"
	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/system"
	"switchyard/trial"
	"switchyard/value"
)

// tryMessages runs what messages start: run with --trigger.
func tryMessages(ctx context.Context, e *env, v *config.Values, d *deploy.Deployment, o system.TryOptions) int {
	expectation, err := readTrial(v, &o)
	if err != nil {
		return e.fail(err)
	}
	o.Deployment = d
	began := time.Now()
	r, err := system.Try(ctx, o)
	if r != nil {
		if v.String("output") == "json" {
			e.printf("%s\n", value.Append(nil, r.JSON()))
		} else {
			printTrial(e, r, time.Since(began))
		}
	}
	if err != nil {
		e.fail(err)
		if trial.IsBadRequest(err) {
			return exitUsage
		}
		return exitFailed
	}
	if expectation == nil {
		if !r.Succeeded() {
			return e.failed(runFailedError("not every run Succeeded and settled its messages"))
		}
		return exitOK
	}
	differences := expectation.Compare(r)
	for _, x := range differences {
		fmt.Fprintf(e.stderr, "not as expected: %s\n", x)
	}
	if len(differences) > 0 {
		return e.failed(runFailedError(fmt.Sprintf("%s from what %s expects; the first: %s",
			plural(len(differences), "difference"), v.String("expect"), differences[0])))
	}
	if v.String("output") != "json" {
		e.printf("\nas %s expects\n", v.String("expect"))
	}
	return exitOK
}

// readTrial reads the files with the messages and what is expected of them.
func readTrial(v *config.Values, o *system.TryOptions) (*trial.Expectation, error) {
	wrong := func(flag, name string, err error) error {
		return &config.UsageError{Msg: fmt.Sprintf("%s %s: %v", flag, name, err)}
	}
	name := v.String("message")
	if name == "" {
		return nil, &config.UsageError{Msg: "--trigger needs --message FILE, one message as JSON in each line"}
	}
	text, err := config.ReadFile("message", name)
	if err != nil {
		return nil, err
	}
	if o.Messages, err = trial.ParseInput(text); err != nil {
		return nil, wrong("message", name, err)
	}
	if len(o.Messages) == 0 {
		return nil, &config.UsageError{Msg: "message " + name + ": holds no message"}
	}
	if name = v.String("expect"); name == "" {
		return nil, nil
	}
	if text, err = config.ReadFile("expect", name); err != nil {
		return nil, err
	}
	x, err := trial.ParseExpectation(text)
	if err != nil {
		return nil, wrong("expect", name, err)
	}
	return x, nil
}

func printTrial(e *env, r *trial.Result, wall time.Duration) {
	for i, x := range r.Runs {
		if i > 0 {
			e.printf("\n")
		}
		printTree(e.stdout, x.Run, objects(x.Activities), e.tree())
	}
	e.printf("\n")
	t := table{columns: []column{{"LINE", true}, {"MESSAGE ID", true}, {"SETTLED", true}, {"DELIVERIES", true}, {"REASON", false}}}
	for _, s := range r.Settlements {
		deliveries, reason := "", s.Reason
		if s.DeliveryCount > 0 {
			deliveries = fmt.Sprint(s.DeliveryCount)
		}
		if s.Description != "" {
			reason = strings.TrimPrefix(reason+": "+s.Description, ": ")
		}
		t.add(fmt.Sprint(s.Line), s.MessageID, string(s.Outcome), deliveries, reason)
	}
	e.printf("%s", t.layout(e.tableWidth()))
	for _, x := range r.Entities {
		e.printf("\n%s: %s\n", x.Name, plural(len(x.Messages), "message"))
		for _, m := range x.Messages {
			e.printf("  %s\n", value.Append(nil, m))
		}
	}
	e.printf("\n%s in %v", plural(len(r.Runs), "run"), r.Took().Round(time.Millisecond))
	if skipped := r.Took() - wall; skipped > time.Second {
		e.printf(", of which %v of waiting passed at once", skipped.Round(time.Second))
	}
	e.printf("\n")
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// printPipelines lists the pipelines of a folder with their parameters, and the triggers
// that messages start: what run can run.
func printPipelines(e *env, v *config.Values, d *deploy.Deployment) int {
	list := d.Runnable()
	if v.String("output") == "json" {
		e.printf("%s\n", value.Append(nil, list.JSON()))
		return exitOK
	}
	t := table{columns: []column{{"PIPELINE", true}, {"PARAMETER", true}, {"TYPE", true}, {"DEFAULT", false}}}
	for _, p := range list.Pipelines {
		if len(p.Parameters) == 0 {
			t.add(p.Name, "", "", "")
		}
		for i, x := range p.Parameters {
			name, def := p.Name, "(required)"
			if i > 0 {
				name = ""
			}
			switch {
			case x.HasDefault && x.Type == pipeline.TypeSecureString:
				def = "(secret)"
			case x.HasDefault:
				def = cut(printable(string(value.Append(nil, x.Default))), 60)
			}
			t.add(name, x.Name, string(x.Type), def)
		}
	}
	e.printf("%s", t.layout(e.tableWidth()))
	if len(list.Triggers) == 0 {
		return exitOK
	}
	t = table{columns: []column{{"TRIGGER", true}, {"QUEUE", true}, {"PIPELINE", true}}}
	for _, x := range list.Triggers {
		t.add(x.Name, x.ServiceBus.QueueName, x.Pipelines[0].Pipeline.Name)
	}
	e.printf("\n%s", t.layout(e.tableWidth()))
	return exitOK
}
