package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"switchyard/pipeline"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// A rerun recovers a run that has ended: it is a new run of the same group, and has from the
// other one what it does not do again. See docs/decisions/0015-reruns.md.

// ErrNotRecoverable is the error of a rerun that there can't be.
var ErrNotRecoverable = errors.New("can't be rerun")

// Recovery makes a new run the rerun of another one.
type Recovery struct {
	Run string
	run.Restart
	// AsItWas has the rerun follow the definition that the other run followed. Default: the
	// pipeline as it is now.
	AsItWas bool

	given bool // the parameters are those of the call, not of the other run
}

// maxRecovered bounds what the history of a run takes whose values a rerun may have: they
// are in memory together when the rerun is created.
const maxRecovered = 64 << 20

// recovered is what a rerun has from the run that it recovers.
type recovered struct {
	whole    *run.Created
	sealed   bool
	revision *run.Revision // nil: the rerun follows the pipeline as it is now
	events   []*run.Recovered
	secrets  []string
	settled  []string
}

func notRecoverable(id, format string, args ...any) error {
	return fmt.Errorf("run %s %w: %s", id, ErrNotRecoverable, fmt.Sprintf(format, args...))
}

// recovers reads the run that a rerun recovers.
func (e *Engine) recovers(x *Recovery, factory string, p *pipeline.Pipeline) (*recovered, error) {
	if err := e.whole(x.Run); err != nil {
		return nil, fmt.Errorf("run %s: %w", x.Run, err)
	}
	rec, err := e.o.History.Run(x.Run)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", x.Run, notFound(err))
	}
	reuses := x.From != "" || x.FromFailure
	switch {
	case !strings.EqualFold(rec.Factory, factory):
		return nil, fmt.Errorf("run %s: %w", x.Run, ErrRunNotFound)
	case !strings.EqualFold(rec.Pipeline, p.Name):
		return nil, notRecoverable(x.Run, "it is of the pipeline '%s', not of '%s'", rec.Pipeline, p.Name)
	case rec.Active:
		return nil, notRecoverable(x.Run, "it has not ended; cancel it first")
	case reuses && rec.Bytes > maxRecovered:
		return nil, notRecoverable(x.Run, "it takes %d MiB of the history, of more than %d MiB nothing is reused. "+
			"Rerun it from the start", rec.Bytes>>20, maxRecovered>>20)
	}
	e.reading <- struct{}{}
	defer func() { <-e.reading }()
	old, err := e.readRecords(x.Run)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", x.Run, errors.Join(e.whole(x.Run), err))
	}
	w := &recovered{sealed: old.journal.frames.sealed}
	w.settled, err = old.state.Settled(func(v value.Value) (value.Value, error) {
		return old.outputs.load(v, &room{limit: e.memory.run}) // one after the other
	})
	if err != nil {
		return nil, fmt.Errorf("run %s: what it has settled can't be read: %w", x.Run, err)
	}
	if w.whole, err = e.created(x.Run); err != nil {
		return nil, fmt.Errorf("run %s: %w", x.Run, notFound(err))
	}
	if old.state.Status() == run.Succeeded { // then its end has settled all that was left
		w.settled = appendMessages(w.settled, w.whole.Trigger.Outputs)
	}
	w.secrets = slices.Clone(w.whole.Secrets)
	follows := old.revision
	if x.AsItWas {
		w.revision = old.revision
	} else if follows, err = e.revisions.of(p); err != nil {
		return nil, err
	}
	if err := x.Check(follows); err != nil {
		return nil, notRecoverable(x.Run, "%v", err)
	}
	if !reuses {
		return w, nil
	}
	m := old.state.Masker()
	load := &room{limit: e.memory.run, shared: true}
	for _, r := range old.state.Recovery(x.Restart, follows, e.o.Clock.Now().UTC()) {
		r.Output, err = old.outputs.load(r.Output, load)
		if errors.Is(err, errNoRoom) {
			return nil, notRecoverable(x.Run, "its outputs take more memory than a run may hold. Rerun it from the start")
		} else if err != nil {
			return nil, fmt.Errorf("run %s: the output of the activity %s can't be read: %w", x.Run, r.Path, err)
		}
		shows := value.NewObject(value.Member{Name: "output", Value: r.Output})
		if r.Error != nil {
			shows.Set("message", r.Error.Message)
			shows.Set("details", r.Error.Details)
		}
		for _, s := range m.Within(shows) {
			if !slices.Contains(w.secrets, s) {
				w.secrets = append(w.secrets, s)
			}
		}
		w.events = append(w.events, r)
	}
	return w, nil
}

// isGone reports that there is nothing to recover, though there may have been before.
func isGone(err error) bool {
	return errors.Is(err, ErrRunNotFound) || errors.Is(err, ErrRunDropped) || errors.Is(err, ErrNotRecoverable) ||
		errors.Is(err, ErrNotInHistory)
}

// enterRecovery waits until a rerun may be read and created, one of a few at once: what it has
// from the run before is in memory until it is written. An activity that starts a rerun does
// not wait, because its run holds what others wait for.
func (e *Engine) enterRecovery(ctx context.Context) (leave func(), err error) {
	select {
	case e.recovering <- struct{}{}:
		return func() { <-e.recovering }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// recoveredSize is about how many bytes the creation of a rerun writes of the run before.
func (r *runner) recoveredSize() (n int) {
	for _, e := range r.recovered {
		n += sizeOf(e.Output, math.MaxInt)
	}
	return n
}

// readRecords folds a run with the records of its activities. A panic is an error too.
func (e *Engine) readRecords(id string) (r *runner, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, panicked(e.o.Logger, id, p)
		}
	}()
	return e.read(id, true)
}

// appendMessages adds what names the messages that a trigger handed over.
func appendMessages(names []string, outputs value.Value) []string {
	o, _ := outputs.(*value.Object)
	v, _ := o.Lookup("body")
	body, _ := v.(*value.Object)
	v, _ = body.Lookup("messages")
	list, _ := v.(value.Array)
	for _, x := range list {
		m, _ := x.(*value.Object)
		for _, name := range []string{"lockToken", "sequenceNumber"} {
			if v, ok := m.Lookup(name); ok && v != nil {
				names = append(names, strings.ToLower(value.Text(v)))
			}
		}
	}
	return names
}

// mark makes the first event of a run that of a rerun.
func (w *recovered) mark(c *run.Created) {
	for _, e := range w.events {
		e.At = c.At
	}
	c.Recovers, c.GroupID, c.Settled = w.whole.ID, w.whole.GroupID, w.settled
	c.Sealed = c.Sealed || w.sealed
	for _, s := range w.secrets {
		if !slices.Contains(c.Secrets, s) {
			c.Secrets = append(c.Secrets, s)
		}
	}
	for _, name := range w.whole.Secure { // a run above may have made it one
		if _, ok := c.Parameters.Get(name); ok && !slices.Contains(c.Secure, name) {
			c.Secure = append(c.Secure, name)
		}
	}
}

// groupCause is the cause of the reruns of a group: which of them is the latest is kept as
// the last attempt of it.
func groupCause(group string) Hash { return sha256.Sum256([]byte("reruns of the run " + group)) }

// encodeRecovered folds what a rerun has of the run before and makes it ready to be written.
func (r *runner) encodeRecovered() []encoded {
	var all []encoded
	for _, e := range r.recovered {
		ready := r.journal.encode(e)
		r.apply(ready.event)
		all = append(all, ready)
	}
	r.recovered = nil
	return all
}

// superseded reports whether a run is not the latest of its group. When the latest has left
// the history, none of those that are left is.
func (e *Engine) superseded(p *PipelineRun) bool {
	latest, err := e.o.History.Attempt(groupCause(p.GroupID))
	return err == nil && latest != p.RunID
}

// childRecovery has a run that an ExecutePipeline starts in a rerun recover the one that it
// had started; nil if it can't, because that one is another pipeline's or no longer kept.
func (r *runner) childRecovery(e *run.ChildStarted, f *pipeline.Factory) *Recovery {
	was := r.state.RecoveredChild(e.Path)
	if was == "" {
		return nil
	}
	p := f.Pipeline(e.Pipeline)
	x := &Recovery{Run: was, Restart: run.Restart{FromFailure: true}, given: true}
	if p == nil {
		return nil
	}
	if rec, err := r.e.o.History.Run(was); err != nil || rec.Active || rec.Bytes > maxRecovered ||
		!strings.EqualFold(rec.Pipeline, p.Name) || r.e.whole(was) != nil {
		return nil
	}
	return x
}
