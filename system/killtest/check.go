package killtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"time"

	"switchyard/client"
	"switchyard/value"
)

// check looks at what has come of it all.
func (w *world) check(ctx context.Context) {
	all := w.history(ctx)
	w.service.mu.Lock()
	defer w.service.mu.Unlock()
	w.checkCalls(all)
	w.checkSeen(all)
	w.checkOutcomes()
	again := 0
	for _, c := range w.service.calls {
		again += len(c) - 1
	}
	w.t.Logf("%d kills, %d attempts called, %d calls were made again", len(w.deaths), len(w.service.calls), again)
}

// history returns the attempts of all runs that have ended, by their ids.
func (w *world) history(ctx context.Context) map[string]ended {
	w.t.Helper()
	most := len(reports) + 2*w.load.Children
	runs, more, err := w.runs.Last(ctx, client.RunFilter{}, most+1)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(runs) != most || more {
		w.t.Errorf("%d runs, and more: %t; want %d", len(runs), more, most)
	}
	all := map[string]ended{}
	for _, r := range runs {
		r := r.(*value.Object)
		if s := text(r, "status"); s != "Succeeded" {
			w.t.Errorf("run %s of %s: %s, %s; want Succeeded", text(r, "runId"), text(r, "pipelineName"), s, text(r, "message"))
		}
		_, activities, err := w.runs.Run(ctx, text(r, "runId"))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, a := range ends(activities) {
			if before, twice := all[a.id]; twice {
				w.t.Errorf("attempt %s is in the history twice: %v and %v", a.id, before, a)
			}
			all[a.id] = a
		}
	}
	return all
}

// ends are the attempts of a list that have ended and call the outside.
func ends(activities value.Array) (all []ended) {
	for _, a := range activities {
		a := a.(*value.Object)
		if at := text(a, "activityRunEnd"); at != "" && text(a, "activityType") == "WebActivity" {
			all = append(all, ended{text(a, "activityRunId"), at, text(a, "status")})
		}
	}
	return all
}

// checkCalls: each attempt was called by the process that has recorded its end, or one before,
// once by each at most, and by none after.
func (w *world) checkCalls(all map[string]ended) {
	if len(all) != w.load.calls() {
		w.t.Errorf("the history has %d attempts, want %d", len(all), w.load.calls())
	}
	for id, a := range all {
		at, err := time.Parse(time.RFC3339Nano, a.at)
		if err != nil {
			w.t.Fatal(err)
		}
		// It was recorded by the first process that died later.
		recorded := sort.Search(len(w.deaths), func(i int) bool { return w.deaths[i].After(at) })
		calls := w.service.calls[id]
		if len(calls) == 0 {
			w.t.Errorf("attempt %s has ended and was never called", id)
		}
		for i, process := range calls {
			if process > recorded {
				w.t.Errorf("attempt %s, whose end process %d has recorded at %s, was called again by process %d", id, recorded, a.at, process)
			}
			if slices.Contains(calls[:i], process) {
				w.t.Errorf("attempt %s was called twice by process %d", id, process)
			}
		}
	}
	for id := range w.service.calls {
		if _, ok := all[id]; !ok {
			w.t.Errorf("attempt %s has called and is not in the history", id)
		}
	}
}

// checkSeen: what a list has shown before a kill is so for ever.
func (w *world) checkSeen(all map[string]ended) {
	if w.load.Kills > 3 && len(w.seen) == 0 {
		w.t.Error("no list has shown anything before a kill")
	}
	for _, a := range w.seen {
		if all[a.id] != a {
			w.t.Errorf("a list has shown %v before a kill, and now %v", a, all[a.id])
		}
	}
}

// checkOutcomes: each run tells what it came to without a kill.
func (w *world) checkOutcomes() {
	var items []int
	if err := json.Unmarshal([]byte(w.service.bodies["Loop"]), &items); err != nil {
		w.t.Errorf("report of Loop: %v: %.200s", err, w.service.bodies["Loop"])
	}
	slices.Sort(items)
	for i := range w.load.Items {
		if i >= len(items) || items[i] != i {
			w.t.Errorf("Loop has %d items, and not %d as number %d", len(items), i, i)
			break
		}
	}
	if len(items) > w.load.Items {
		w.t.Errorf("Loop has %d items, want %d", len(items), w.load.Items)
	}
	if got := w.service.bodies["Until"]; got != fmt.Sprint(w.load.Turns) {
		w.t.Errorf("report of Until: %s, want %d", got, w.load.Turns)
	}
	for where, attempts := range w.service.paths {
		want := 1
		if where == "until" {
			want = w.load.Turns
		}
		if len(attempts) != want {
			w.t.Errorf("%d attempts have called %s, want %d", len(attempts), where, want)
		}
	}
}
