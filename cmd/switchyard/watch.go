package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"switchyard/client"
	"switchyard/config"
	"switchyard/value"
)

const (
	// lookPause is how long runs watch waits before it looks again.
	lookPause = time.Second
	// lookBack is how much of the time before the last look is asked for again: what ended
	// in the moment of a look may not have been in its answer.
	lookBack = 2 * time.Second
	// maxListed is how many runs a look lists: of those that go on, and of those that have
	// ended since the one before.
	maxListed = 200
	// maxFollowed is how many of each have their activities told.
	maxFollowed = 50
)

// watchRuns shows the runs that go on, or one run, until that has ended or a signal comes.
func watchRuns(ctx context.Context, e *env, v *config.Values, operands []string) int {
	f, err := factoryOf(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	w := &watcher{runs: f, since: time.Now()}
	if len(operands) > 0 {
		w.id = operands[0]
	}
	show := e.watching()
	for {
		s, err := w.look(ctx, time.Now())
		if ctx.Err() != nil {
			return exitOK
		}
		if err == nil {
			err = show(s)
		}
		if err != nil {
			return e.fail(err)
		}
		if w.id != "" && len(s.ended) > 0 {
			return e.ended(s.ended[0].run)
		}
		select {
		case <-ctx.Done():
			return exitOK
		case <-time.After(lookPause):
		}
	}
}

// watching returns what shows scenes: in place on a terminal, else what has changed, a line
// for each.
func (e *env) watching() func(scene) error {
	if !e.json && isTerminal(e.stdout) {
		return (&screen{out: e.stdout, size: e.size}).show
	}
	return (&teller{out: e.stdout, errs: e.stderr, json: e.json, columns: e.width()}).show
}

// A scene is what a look at runs saw.
type scene struct {
	one    bool // it is one run that was asked for
	at     time.Time
	active []*watched // the newest first
	more   bool       // are active and not among them
	ended  []*watched // since the scene before, in the order of their ends
}

// A watched is a run with the attempts of its activities that are known, in the order of
// their starts.
type watched struct {
	run      *value.Object
	attempts []*value.Object
	places   map[string]int // of attempts by their ids
	looked   time.Time      // when the attempts were asked for; zero: they were not
}

// take adds what an answer brought.
func (r *watched) take(run *value.Object, attempts value.Array) {
	r.run = run
	for _, a := range objects(attempts) {
		id := str(a, "activityRunId")
		if i, ok := r.places[id]; ok {
			r.attempts[i] = a
			continue
		}
		r.places[id] = len(r.attempts)
		r.attempts = append(r.attempts, a)
	}
}

// A watcher looks at runs. What it knows of them it does not ask for again.
type watcher struct {
	runs interface {
		Last(ctx context.Context, f client.RunFilter, n int) (runs value.Array, more bool, err error)
		Changed(ctx context.Context, id string, since time.Time) (*value.Object, value.Array, error)
	}
	id    string              // of the only run; "": all that go on
	known map[string]*watched // those of the look before; nil before the first one
	since time.Time           // of the look before
	over  map[string]bool     // the runs that had ended then
}

// Statuses of runs that go on, and of those that have ended.
var (
	goingOn = []string{"Queued", "InProgress", "Canceling"}
	over    = []string{"Succeeded", "Failed", "Cancelled"}
)

func (w *watcher) look(ctx context.Context, now time.Time) (scene, error) {
	if w.id != "" {
		return w.lookAtOne(ctx, now)
	}
	first := w.known == nil
	s := scene{at: now}
	active, more, err := w.runs.Last(ctx, client.RunFilter{Status: goingOn}, maxListed)
	if err != nil {
		return s, err
	}
	ended, _, err := w.runs.Last(ctx, client.RunFilter{Status: over, After: w.since.Add(-lookBack)}, maxListed)
	if err != nil {
		return s, err
	}
	known, departed := map[string]*watched{}, map[string]bool{}
	for _, run := range objects(ended) {
		id := str(run, "runId")
		if departed[id] = true; !first && !w.over[id] {
			s.ended = append(s.ended, w.follow(ctx, run, now, len(s.ended) < maxFollowed))
		}
	}
	slices.SortStableFunc(s.ended, func(a, b *watched) int { return strings.Compare(str(a.run, "runEnd"), str(b.run, "runEnd")) })
	for _, run := range objects(active) {
		if id := str(run, "runId"); !departed[id] {
			known[id] = w.follow(ctx, run, now, len(s.active) < maxFollowed)
			s.active = append(s.active, known[id])
		}
	}
	w.known, w.over, w.since, s.more = known, departed, now, more
	return s, nil
}

// follow returns what is known of a listed run, with its activities if they are asked for.
func (w *watcher) follow(ctx context.Context, run *value.Object, now time.Time, activities bool) *watched {
	id := str(run, "runId")
	r := w.known[id]
	if r == nil {
		r = &watched{places: map[string]int{}}
	}
	r.run = run
	if activities {
		// A run that can't be read is shown as the list has it: it may have been deleted,
		// and a server that does not answer does not answer the next look either.
		_ = w.ask(ctx, r, id, now)
	}
	return r
}

// ask asks for a run, and for the attempts that have begun or ended since it was asked
// before; of one that has ended for all, whatever became of the clock meanwhile.
func (w *watcher) ask(ctx context.Context, r *watched, id string, now time.Time) error {
	since := time.Time{}
	if !r.looked.IsZero() && str(r.run, "runEnd") == "" {
		since = r.looked.Add(-lookBack)
	}
	run, attempts, err := w.runs.Changed(ctx, id, since)
	if err == nil && !since.IsZero() && str(run, "runEnd") != "" {
		run, attempts, err = w.runs.Changed(ctx, id, time.Time{})
	}
	if err != nil {
		return err
	}
	r.take(run, attempts)
	r.looked = now
	return nil
}

func (w *watcher) lookAtOne(ctx context.Context, now time.Time) (scene, error) {
	s := scene{one: true, at: now}
	r := w.known[w.id]
	if r == nil {
		r = &watched{places: map[string]int{}, run: &value.Object{}}
		w.known = map[string]*watched{w.id: r}
	}
	if err := w.ask(ctx, r, w.id, now); err != nil {
		return s, err
	}
	if str(r.run, "runEnd") != "" {
		s.ended = []*watched{r}
	} else {
		s.active = []*watched{r}
	}
	return s, nil
}
