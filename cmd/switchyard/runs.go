package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/client"
	"switchyard/config"
	"switchyard/value"
)

// onFactory are the settings of every command that asks a data factory.
var onFactory = []string{"data", "factory", "timeout", "output"}

// factoryOf finds the running Switchyard's data factory.
func factoryOf(ctx context.Context, v *config.Values) (*client.Runs, error) {
	ep, err := running(ctx, v)
	if err != nil {
		return nil, err
	}
	return client.NewRuns(ep, v.String("factory")), nil
}

// listRuns lists runs, the newest first.
func listRuns(ctx context.Context, e *env, v *config.Values, _ []string) int {
	filter, err := runFilter(v, time.Now())
	if err != nil {
		return e.fail(err)
	}
	f, err := factoryOf(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	list, more, err := f.Last(ctx, filter, v.Int("count"))
	if err != nil {
		return e.fail(err)
	}
	if e.json {
		for _, r := range list {
			e.printf("%s\n", value.Append(nil, r))
		}
		return exitOK
	}
	if len(list) == 0 {
		fmt.Fprintln(e.stderr, "no runs")
		return exitOK
	}
	e.printf("%s", runTable(objects(list), time.Now(), e.tableWidth()))
	if more {
		fmt.Fprintln(e.stderr, "there are more: --count shows them, --since, --status and others select")
	}
	return exitOK
}

// statuses are those of runs; a mistake in one would select nothing.
var statuses = []string{"Queued", "InProgress", "Succeeded", "Failed", "Canceling", "Cancelled"}

func runFilter(v *config.Values, now time.Time) (f client.RunFilter, err error) {
	if s := v.String("status"); s != "" {
		for word := range strings.SplitSeq(s, ",") {
			i := slices.IndexFunc(statuses, func(s string) bool { return strings.EqualFold(s, strings.TrimSpace(word)) })
			if i < 0 {
				return f, &config.UsageError{CommandLine: true,
					Msg: fmt.Sprintf("--status: %q is not %s", word, strings.Join(statuses, ", "))}
			}
			f.Status = append(f.Status, statuses[i])
		}
	}
	one := func(name string) []string {
		if s := v.String(name); s != "" {
			return []string{s}
		}
		return nil
	}
	f.Pipeline, f.Trigger, f.Message = one("pipeline"), one("trigger"), one("message")
	for name, to := range map[string]*time.Time{"since": &f.After, "until": &f.Before} {
		if s := v.String(name); s != "" {
			if *to, err = moment(s, now, -1); err != nil {
				return f, &config.UsageError{Msg: "--" + name + ": " + err.Error(), CommandLine: true}
			}
		}
	}
	if !f.After.IsZero() && !f.Before.IsZero() && f.Before.Before(f.After) {
		return f, &config.UsageError{Msg: "--until is before --since: nothing can be between them", CommandLine: true}
	}
	return f, nil
}

// objects returns the elements of a list that are objects.
func objects(list value.Array) (all []*value.Object) {
	for _, x := range list {
		if o, ok := x.(*value.Object); ok {
			all = append(all, o)
		}
	}
	return all
}

// runTable has one line for each run, and one more for why it failed.
func runTable(list []*value.Object, now time.Time, columns int) string {
	t := &table{columns: []column{{title: "RUN", whole: true}, {title: "STATUS", whole: true}, {title: "AGO", whole: true},
		{title: "TOOK", whole: true}, {title: "PIPELINE"}}}
	notes := make([]string, len(list))
	for i, r := range list {
		name := str(r, "pipelineName")
		if above := runAbove(r); above != "" {
			name += ", by " + above
		}
		if group := groupText(r); group != "" {
			name += ", " + group
		}
		t.add(str(r, "runId"), str(r, "status"), past(str(r, "runStart"), now), took(r), name)
		notes[i] = printable(str(r, "message"))
	}
	return withNotes(t.layout(columns), notes, columns)
}

// runAbove names the run that has started another one, "" if none has.
func runAbove(r *value.Object) string {
	by := member(r, "invokedBy")
	if id := str(by, "pipelineRunId"); id != "" {
		return str(by, "pipelineName") + " " + id
	}
	return ""
}

// past is how long a time of a record is past, in one unit.
func past(timestamp string, now time.Time) string {
	t, err := time.Parse(time.RFC3339Nano, timestamp)
	if err != nil {
		return ""
	}
	switch d := now.Sub(t); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// took is the duration of a run or an activity, "" while it goes on.
func took(o *value.Object) string {
	v, _ := o.Get("durationInMs")
	ms, ok := v.(int64)
	if !ok {
		return ""
	}
	d := time.Duration(ms) * time.Millisecond
	if d >= time.Minute {
		d = d.Round(time.Second)
	}
	return d.String()
}

// showRun shows one run as a tree.
func showRun(ctx context.Context, e *env, v *config.Values, operands []string) int {
	f, err := factoryOf(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	return show(ctx, e, v, f, operands[0])
}

// show shows a run, with --follow when it has ended, and its activities until then.
func show(ctx context.Context, e *env, v *config.Values, f *client.Runs, id string) int {
	run, activities, err := f.Run(ctx, id)
	if err == nil && v.Bool("follow") {
		run, activities, err = follow(ctx, e, f, run, activities)
	}
	o := e.tree()
	o.Full, o.Activity, o.Failed = v.Bool("full"), v.String("activity"), v.Bool("failed")
	if err == nil {
		err = o.check(activities)
	}
	switch {
	case run == nil || o.Activity != "" && err != nil:
	case e.json:
		if err == nil {
			printRunJSON(e, run, o.selected(activities))
		}
	default:
		printTree(e.stdout, run, objects(activities), o)
	}
	if err != nil {
		return e.fail(err)
	}
	return exitOK
}

func printRunJSON(e *env, run *value.Object, activities value.Array) {
	e.printf("%s\n", value.Append(nil, value.NewObject(
		value.Member{Name: "run", Value: run}, value.Member{Name: "activities", Value: activities})))
}

// followPause is how long to wait before a run is looked at again.
const followPause = 500 * time.Millisecond

// follow tells of each attempt of an activity when it has ended, until the run has.
func follow(ctx context.Context, e *env, f *client.Runs, run *value.Object, activities value.Array) (
	*value.Object, value.Array, error) {
	told := map[string]bool{}
	for {
		for _, a := range objects(activities) {
			if id := str(a, "activityRunId"); str(a, "activityRunEnd") != "" && !told[id] {
				told[id] = true
				if e.json {
					e.printf("%s\n", value.Append(nil, a))
				} else {
					e.printf("%s\n", attemptLine(a, "", e.width()))
				}
			}
		}
		if end := str(run, "runEnd"); end != "" {
			if !e.json {
				e.printf("\n")
			}
			return run, activities, nil
		}
		select {
		case <-ctx.Done():
			return run, activities, nil
		case <-time.After(followPause):
		}
		var err error
		if run, activities, err = f.Run(ctx, str(run, "runId")); err != nil {
			return run, activities, err
		}
	}
}

// attemptLine is one line about an attempt that has begun or ended, with what it is of, and
// those of its error.
func attemptLine(a *value.Object, of string, columns int) string {
	line := clockText(str(a, "activityRunEnd"), str(a, "activityRunStart")) + "  " + of + pathOf(a) + "  " + str(a, "status")
	if d := took(a); d != "" {
		line += "  " + d
	}
	if text := attemptText(a, false); text != "" {
		line += "  " + text
	}
	return line + below(errorText(a), columns)
}

// clockText shows the first of some times of a record that there is as a clock does.
func clockText(timestamps ...string) string {
	for _, text := range timestamps {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t.Local().Format(time.TimeOnly)
		}
	}
	return time.Time{}.Format(time.TimeOnly)
}

// below is an error as the lines below another one, "" if there is none.
func below(text string, columns int) string {
	if text == "" {
		return ""
	}
	return "\n" + strings.TrimSuffix(wrapped(printable(text), "  ", columns), "\n")
}

// startRun starts a run of a pipeline.
func startRun(ctx context.Context, e *env, v *config.Values, operands []string) int {
	params, err := parameters(v.String("parameters"))
	if err != nil {
		return e.fail(err)
	}
	f, err := factoryOf(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	if list := v.List("param"); len(list) > 0 {
		definition, err := f.Pipeline(ctx, operands[0])
		if err == nil {
			err = setParameters(params, definition, list)
		}
		if err != nil {
			return e.fail(err)
		}
	}
	id, err := f.Start(ctx, operands[0], params)
	return started(ctx, e, v, f, id, err)
}

// setParameters adds parameters NAME=VALUE by the types that the pipeline declares.
func setParameters(params *value.Object, definition *value.Object, list []string) error {
	declared := member(member(definition, "properties"), "parameters")
	for _, p := range list {
		name, text, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return &config.UsageError{Msg: fmt.Sprintf("--param: %q is not NAME=VALUE", p), CommandLine: true}
		}
		v, found := declared.Lookup(name)
		d, _ := v.(*value.Object)
		if !found || d == nil {
			return &config.UsageError{CommandLine: true, Msg: fmt.Sprintf("--param: the pipeline has no parameter %q; it has: %s",
				name, strings.Join(names(declared), ", "))}
		}
		switch t := strings.ToLower(str(d, "type")); t {
		case "string", "securestring":
			params.Set(name, text)
		default:
			x, err := value.Parse([]byte(text))
			if err != nil {
				return &config.UsageError{CommandLine: true,
					Msg: fmt.Sprintf("--param %s: %q is no %s as JSON writes it", name, text, str(d, "type"))}
			}
			params.Set(name, x)
		}
	}
	return nil
}

func names(o *value.Object) []string {
	list := []string{}
	for _, m := range o.Members() {
		list = append(list, m.Name)
	}
	if len(list) == 0 {
		return []string{"none"}
	}
	return list
}

// member reads a member that is an object; it is empty if there is none.
func member(o *value.Object, name string) *value.Object {
	v, _ := o.Lookup(name)
	if x, ok := v.(*value.Object); ok {
		return x
	}
	return &value.Object{}
}

// started prints the id of a run that was started, and follows it if that is asked for:
// then the exit code tells how it ended.
func started(ctx context.Context, e *env, v *config.Values, f *client.Runs, id string, err error) int {
	if err != nil {
		return e.fail(err)
	}
	if e.json {
		e.printf("%s\n", value.Append(nil, value.NewObject(value.Member{Name: "runId", Value: id})))
	} else {
		e.printf("%s\n", id)
	}
	if !v.Bool("follow") {
		return exitOK
	}
	run, activities, err := f.Run(ctx, id)
	if err == nil {
		run, activities, err = follow(ctx, e, f, run, activities)
	}
	if err != nil {
		return e.fail(err)
	}
	if e.json {
		printRunJSON(e, run, activities)
	} else {
		printTree(e.stdout, run, objects(activities), e.tree())
	}
	return e.ended(run)
}

// ended is the exit code of a run that was shown.
func (e *env) ended(run *value.Object) int {
	if status := str(run, "status"); status != "Succeeded" {
		return e.failed(runFailedError(fmt.Sprintf("run %s of pipeline %s is %s", str(run, "runId"), str(run, "pipelineName"), status)))
	}
	return exitOK
}

// groupText says which of its group a run is, in the monitoring's words; "" if it is the only
// one, as far as the record tells [ENGINE 3.6].
func groupText(run *value.Object) string {
	latest, _ := run.Lookup("isLatest")
	switch original := str(run, "runGroupId") == str(run, "runId"); {
	case str(run, "runGroupId") == "", original && latest == true:
		return ""
	case original:
		return "Original"
	case latest == true:
		return "Rerun (Latest)"
	}
	return "Rerun"
}

// rerun starts a run that does another one again.
func rerun(ctx context.Context, e *env, v *config.Values, operands []string) int {
	if v.String("from-activity") != "" && v.Bool("from-failure") {
		return e.fail(&config.UsageError{Msg: "--from-activity and --from-failure exclude each other", CommandLine: true})
	}
	f, err := factoryOf(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	run, _, err := f.Run(ctx, operands[0])
	if run == nil {
		return e.fail(err)
	}
	if len(messagesOf(run)) > 0 && !e.json {
		fmt.Fprint(e.stderr, wrapped("the new run gets the parameters, but not the messages: what it settles itself fails, "+
			"unless the run before has settled it. "+
			"To have messages handled again, resubmit them: switchyard resubmit "+queueOf(run), "", e.width()))
	}
	id, err := f.Rerun(ctx, str(run, "pipelineName"), str(run, "runId"), client.Rerun{
		From: v.String("from-activity"), FromFailure: v.Bool("from-failure"), AsItWas: v.Bool("as-it-was")})
	return started(ctx, e, v, f, id, err)
}

// cancelRun asks for the end of a run.
func cancelRun(ctx context.Context, e *env, v *config.Values, operands []string) int {
	f, err := factoryOf(ctx, v)
	if err == nil {
		err = f.Cancel(ctx, operands[0], v.Bool("recursive"))
	}
	if err != nil {
		return e.fail(err)
	}
	if e.json {
		e.printf("%s\n", value.Append(nil, value.NewObject(value.Member{Name: "runId", Value: operands[0]},
			value.Member{Name: "cancel", Value: "requested"})))
	} else {
		e.printf("%s is being cancelled\n", operands[0])
	}
	return exitOK
}
