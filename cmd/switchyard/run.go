package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"switchyard/client"
	"switchyard/config"
	"switchyard/system"
	"switchyard/value"
)

// parameters reads the value of --parameters: a JSON object, or @FILE.
func parameters(text string) (*value.Object, error) {
	if text == "" {
		return value.NewObject(), nil
	}
	where := "parameters"
	if name, ok := strings.CutPrefix(text, "@"); ok {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, &config.UsageError{Msg: "parameters: " + err.Error()}
		}
		text, where = string(b), "parameters file "+name
	}
	v, err := value.Parse([]byte(text))
	if err != nil {
		return nil, &config.UsageError{Msg: fmt.Sprintf("%s: %v", where, err)}
	}
	o, ok := v.(*value.Object)
	if !ok {
		return nil, &config.UsageError{Msg: where + ": should be a JSON object"}
	}
	return o, nil
}

// runPipeline runs one pipeline of a folder, or what messages start, or lists both.
func runPipeline(ctx context.Context, e *env, v *config.Values, operands []string) int {
	if err := checkRun(v, operands); err != nil {
		return e.fail(err)
	}
	params, err := parameters(v.String("parameters"))
	if err != nil {
		return e.fail(err)
	}
	log, err := e.logger(v)
	if err != nil {
		return e.fail(err)
	}
	if !v.IsSet("log-level") { // the run that is printed says all that is no trouble
		log = slog.New(quiet{log.Handler()})
	}
	allow, err := allowedHosts(v)
	if err != nil {
		return e.fail(err)
	}
	limitMemory(ctx, v, log)
	d, code := readFolder(e, operands[0], v.Bool("strict"))
	switch {
	case code != exitOK:
		return code
	case v.Bool("list"):
		return printPipelines(e, v, d)
	case v.String("trigger") != "":
		return tryMessages(ctx, e, v, d, system.TryOptions{Trigger: v.String("trigger"), RealTime: v.Bool("real-time"),
			Limit: v.Duration("limit"), Logger: log, AllowHosts: allow})
	}
	if err := d.CheckRun(operands[1], params); err != nil {
		return e.fail(&config.UsageError{Msg: err.Error()})
	}
	res, err := system.RunOnce(ctx, system.RunOnceOptions{
		Deployment: d, Factory: v.String("factory"), Pipeline: operands[1], Parameters: params, Logger: log,
		AllowHosts: allow,
	})
	if err != nil {
		e.fail(err)
		if system.IsBadRequest(err) {
			return exitUsage
		}
		return exitFailed
	}
	if v.String("output") == "json" {
		e.printf("%s\n", value.Append(nil, value.NewObject(
			value.Member{Name: "run", Value: res.Run}, value.Member{Name: "activities", Value: res.Activities})))
	} else {
		printRun(e, res.Run, res.Activities)
	}
	if !res.Succeeded {
		return exitFailed
	}
	return exitOK
}

// checkRun refuses flags and operands of run that do not go together.
func checkRun(v *config.Values, operands []string) error {
	one := 0
	for _, is := range []bool{v.Bool("list"), v.String("trigger") != "", len(operands) == 2} {
		if is {
			one++
		}
	}
	if one != 1 {
		return &config.UsageError{Msg: "run takes a PIPELINE, or --trigger NAME with --message FILE, or --list"}
	}
	if v.String("trigger") != "" {
		if v.IsSet("parameters") {
			return &config.UsageError{Msg: "--parameters: a trigger gives its pipeline the parameters itself"}
		}
		return nil
	}
	for _, name := range []string{"message", "expect", "real-time", "limit"} {
		if v.IsSet(name) {
			return &config.UsageError{Msg: "--" + name + " goes with --trigger NAME"}
		}
	}
	return nil
}

// str reads a member of a record as text.
func str(o *value.Object, name string) string {
	v, _ := o.Get(name)
	return value.Text(v)
}

func printRun(e *env, run *value.Object, activities value.Array) {
	e.printf("run       %s\npipeline  %s\nstatus    %s\nstart     %s\nduration  %s ms\n", str(run, "runId"),
		str(run, "pipelineName"), str(run, "status"), str(run, "runStart"), str(run, "durationInMs"))
	if m := str(run, "message"); m != "" {
		e.printf("message   %s\n", printable(m))
	}
	if len(activities) == 0 {
		return
	}
	e.printf("\n")
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACTIVITY\tTYPE\tSTATUS\tMS\tERROR")
	for _, a := range activities {
		o, ok := a.(*value.Object)
		if !ok {
			continue
		}
		msg := ""
		if er, ok := o.Get("error"); ok {
			if eo, ok := er.(*value.Object); ok && str(eo, "errorCode") != "" {
				msg = str(eo, "errorCode") + ": " + str(eo, "message")
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", str(o, "activityName"), str(o, "activityType"), str(o, "status"),
			str(o, "durationInMs"), cut(printable(msg), 100))
	}
	w.Flush()
}

// runs asks the Switchyard that is running on the data directory.
func runs(ctx context.Context, e *env, v *config.Values, _ []string) int {
	ep, err := client.Read(v.String("data"))
	if err != nil {
		return e.fail(err)
	}
	runs := client.NewRuns(ep, v.String("factory"))
	if id := v.String("run"); id != "" {
		run, activities, err := runs.Run(ctx, id)
		if err != nil {
			if run != nil && v.String("output") != "json" {
				printRun(e, run, nil)
			}
			return e.fail(err)
		}
		if v.String("output") == "json" {
			e.printf("%s\n", value.Append(nil, value.NewObject(
				value.Member{Name: "run", Value: run}, value.Member{Name: "activities", Value: activities})))
		} else {
			printRun(e, run, activities)
		}
		return exitOK
	}
	list, err := runs.Last(ctx, v.Int("count"))
	if err != nil {
		return e.fail(err)
	}
	if v.String("output") == "json" {
		for _, r := range list {
			e.printf("%s\n", value.Append(nil, r))
		}
		return exitOK
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tPIPELINE\tSTATUS\tSTART\tMS\tMESSAGE")
	for _, r := range list {
		o, ok := r.(*value.Object)
		if !ok {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", str(o, "runId"), str(o, "pipelineName"), str(o, "status"),
			str(o, "runStart"), str(o, "durationInMs"), cut(printable(str(o, "message")), 80))
	}
	if err := w.Flush(); err != nil {
		return e.fail(err)
	}
	return exitOK
}
