package main

import (
	"fmt"
	"io"

	"switchyard/value"
)

// A teller tells what has changed from one scene to the next, a line for each change.
type teller struct {
	out, errs io.Writer
	json      bool
	columns   int
	told      map[string]string // the last status that was told, of runs and attempts by their ids
	warned    bool
}

func (t *teller) show(s scene) error {
	if t.told == nil {
		t.told = map[string]string{}
	}
	if n := len(s.active); (n > maxFollowed || s.more) && !t.warned {
		t.warned = true
		fmt.Fprintf(t.errs, "more than %d runs go on: the activities of the newest %d are told, and the runs of the newest %d\n",
			maxFollowed, maxFollowed, maxListed)
	}
	for i := len(s.active) - 1; i >= 0; i-- { // as they began
		if err := t.tell(s.active[i], s.one); err != nil {
			return err
		}
	}
	for _, r := range s.ended {
		if err := t.tell(r, s.one); err != nil {
			return err
		}
		delete(t.told, str(r.run, "runId"))
		for _, a := range r.attempts {
			delete(t.told, str(a, "activityRunId"))
		}
	}
	return nil
}

// tell tells what is new of a run: that it began before its activities, that it has ended
// behind them.
func (t *teller) tell(r *watched, one bool) error {
	goesOn := str(r.run, "runEnd") == ""
	if goesOn {
		if err := t.run(r.run); err != nil {
			return err
		}
	}
	of := ""
	if !one {
		id := str(r.run, "runId")
		of = id[:min(8, len(id))] + "  "
	}
	for _, a := range r.attempts {
		if !t.news(str(a, "activityRunId"), str(a, "status")) {
			continue
		}
		if err := t.line("activity", a, attemptLine(a, of, t.columns)); err != nil {
			return err
		}
	}
	if !goesOn {
		return t.run(r.run)
	}
	return nil
}

func (t *teller) run(run *value.Object) error {
	if !t.news(str(run, "runId"), str(run, "status")) {
		return nil
	}
	return t.line("run", run, runLine(run, t.columns))
}

// news reports whether a status has not been told.
func (t *teller) news(id, status string) bool {
	was, told := t.told[id]
	t.told[id] = status
	return !told || was != status
}

// line writes a change: its record as JSON, or a line about it.
func (t *teller) line(kind string, record *value.Object, text string) error {
	if t.json {
		text = string(value.Append(nil, value.NewObject(value.Member{Name: kind, Value: record})))
	}
	_, err := io.WriteString(t.out, text+"\n")
	return err
}

// runLine is one line about a run, and those of its error.
func runLine(run *value.Object, columns int) string {
	line := clockText(str(run, "runEnd"), str(run, "runStart")) + "  " + str(run, "runId") + "  " + str(run, "status")
	if d := took(run); d != "" {
		line += "  " + d
	}
	return line + "  " + printable(str(run, "pipelineName")) + below(str(run, "message"), columns)
}
