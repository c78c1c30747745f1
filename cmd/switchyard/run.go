package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"switchyard/config"
	"switchyard/pipeline/run"
	"switchyard/system"
	"switchyard/trial"
	"switchyard/value"
)

// parameters reads the value of --parameters: a JSON object, or @FILE.
func parameters(text string) (*value.Object, error) { return objectOrFile("parameters", text) }

// objectOrFile reads the value of a flag that is a JSON object or @FILE.
func objectOrFile(what, text string) (*value.Object, error) {
	if text == "" {
		return value.NewObject(), nil
	}
	where := what
	if name, ok := strings.CutPrefix(text, "@"); ok {
		if name == "" {
			return nil, &config.UsageError{Msg: what + ": behind @ the name of a file is missing"}
		}
		b, err := config.ReadFile(what+" file", name)
		if err != nil {
			return nil, err
		}
		text, where = string(b), what+" file "+name
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
	d, code := readFolder(e, operands[0], modeOf(v))
	switch {
	case code != exitOK:
		return code
	case v.Bool("list"):
		return printPipelines(e, v, d)
	case v.String("trigger") != "":
		return tryMessages(ctx, e, v, d, system.TryOptions{Trigger: v.String("trigger"), RealTime: v.Bool("real-time"),
			Limit: v.Duration("limit"), Logger: log, AllowHosts: allow, KeyVault: v.String("key-vault")})
	}
	if err := d.CheckRun(operands[1], params); err != nil {
		return e.fail(&config.UsageError{Msg: err.Error()})
	}
	res, err := system.RunOnce(ctx, system.RunOnceOptions{
		Deployment: d, Factory: v.String("factory"), Logger: log, AllowHosts: allow, KeyVault: v.String("key-vault"), VirtualTime: v.Bool("virtual-time"),
		Once: trial.Once{Pipeline: operands[1], Parameters: params, Waiting: e.waits()},
	})
	if err != nil {
		e.fail(err)
		if trial.IsBadRequest(err) {
			return exitUsage
		}
		return exitFailed
	}
	if v.String("output") == "json" {
		e.printf("%s\n", value.Append(nil, value.NewObject(
			value.Member{Name: "run", Value: res.Run}, value.Member{Name: "activities", Value: res.Activities})))
	} else {
		printTree(e.stdout, res.Run, objects(res.Activities), e.tree())
	}
	return e.ended(res.Run)
}

// longWait is from when on a wait is worth a word.
const longWait = 3 * time.Second

// waits tells of a run's waits that take their time, each when it begins.
func (e *env) waits() func(run.Timer) {
	told := false
	return func(t run.Timer) {
		left := time.Until(t.FireAt).Round(time.Second)
		if left < longWait {
			return
		}
		hint := ""
		if !told { // calls follow one another: they are those of one run
			told, hint = true, "; with --virtual-time it would pass at once"
		}
		what := "waits"
		if t.Kind == run.TimerRetry {
			what = "waits before its next attempt"
		}
		fmt.Fprintf(e.stderr, "switchyard: %s %s, for %v%s\n", printable(t.Path), what, left, hint)
	}
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
	if v.Bool("real-time") && v.Bool("virtual-time") {
		return &config.UsageError{Msg: "--real-time and --virtual-time exclude each other"}
	}
	if v.String("trigger") != "" {
		if v.IsSet("parameters") {
			return &config.UsageError{Msg: "--parameters: a trigger gives its pipeline the parameters itself"}
		}
		return nil
	}
	for _, name := range []string{"message", "expect", "limit"} {
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
