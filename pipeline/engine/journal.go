package engine

import (
	"sync/atomic"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/run"
)

// A journal writes the history of one run: units of events in order, submitted
// one after the other and synced once. It belongs to the run's owner.
type journal struct {
	e       *Engine
	run     string
	outputs *outputs
	frames  frames
	// shown returns an error as it may be told.
	shown func(*pipeline.ActivityError) *pipeline.ActivityError
	kept  []encoded // decisions that the run's keeper has encoded, in order
	next  uint64    // number of the next event
	// durable is the number of the first event that may not be durable yet; anybody reads it.
	durable atomic.Uint64
	items   int     // events and payloads that were written
	bytes   int64   // of them
	snap    snapped // the last snapshot
	// snapshots says that there is a snapshot in the history.
	snapshots bool

	unit   *commit.Unit       // being filled, nil when there is nothing
	events [][]byte           // of unit
	turn   int                // bytes of events and payloads that were added since the last sync
	last   *commit.Unit       // submitted last since the last sync
	over   []FinishedActivity // since the last sync
	// release gives up a lock that is held until unit is submitted; nil: none is.
	release func()
}

// usualRecords is how many records the unit of a small turn has.
const usualRecords = 8

// add puts an event at the end of the unit that is being filled.
func (j *journal) add(e run.Event) { j.put(j.encode(e)) }

// encoded is an event ready to be written.
type encoded struct {
	frame    []byte
	payloads []payload
	event    run.Event // to fold
}

// encode makes an event ready. A decision is already, see [keeper.Keep].
func (j *journal) encode(e run.Event) encoded {
	if len(j.kept) > 0 && j.kept[0].event == e {
		ready := j.kept[0]
		j.kept = append(j.kept[:0], j.kept[1:]...)
		return ready
	}
	return j.encodeNow(e)
}

func (j *journal) encodeNow(e run.Event) encoded {
	frame, payloads, folded := j.frames.encode(e, sensitive(j.frames.visit(e)))
	j.outputs.add(payloads)
	return encoded{frame, payloads, folded}
}

// sensitive reports whether an event may hold a secret although nothing in the run
// is declared secure: by its kind, or by the shape of an activity's input.
func sensitive(p *run.Parts) bool { return p.Sealed || activity.Sensitive(p.Input) }

func (j *journal) put(e encoded) {
	j.fill()
	j.keep(e.payloads)
	if a, ok := e.event.(*run.ActivityFinished); ok && j.e.o.ActivityFinished != nil {
		j.over = append(j.over, FinishedActivity{j.run, a.Path, a.Attempt, a.Status, a.Error})
	}
	j.events = append(j.events, e.frame)
	j.count(e.frame)
}

// keep writes payloads. An event that was encoded and is not written after all
// leaves payloads that later events may name.
func (j *journal) keep(payloads []payload) {
	for _, p := range payloads {
		j.e.o.History.PutPayload(j.fill(), j.run, p.n, p.frame)
		j.count(p.frame)
	}
}

func (j *journal) count(frame []byte) {
	j.items++
	j.bytes += int64(len(frame))
	j.turn += len(frame)
}

// ended writes the last record of a run and adds it to its factory's tally.
func (j *journal) ended(r RunRecord) {
	r.Bytes = SizeOf(j.items, j.bytes, r.Summary)
	j.update(r)
	if j.snapshots {
		j.e.o.History.DeleteSnapshot(j.unit, j.run)
	}
	j.release = j.e.tallies.add(j.unit, []Tally{{Factory: r.Factory, Runs: 1, Bytes: r.Bytes}})
}

// measure counts what the history has of the run.
func (j *journal) measure() error {
	items, bytes, err := j.e.o.History.RunSize(j.run, j.snap.next, j.snap.payloads)
	j.items, j.bytes = j.snap.items+items, j.snap.bytes+bytes
	return err
}

func (j *journal) definition(h run.Hash, b []byte) { j.e.o.History.PutDefinition(j.fill(), h, b) }

func (j *journal) record(r RunRecord) { j.e.o.History.PutRun(j.fill(), r) }

func (j *journal) update(r RunRecord) { j.e.o.History.UpdateRun(j.fill(), r) }

func (j *journal) fill() *commit.Unit {
	if j.unit == nil {
		j.unit = new(commit.Unit)
		j.unit.Grow(usualRecords)
	}
	return j.unit
}

// stage submits what has been added so far, and then a unit of its own with the
// effect and what write adds. Nothing is evaluated or encoded under the locks of
// the effect, and no two effects are ever staged at once. If the effect refuses,
// write is not called.
func (j *journal) stage(effect commit.Effect, write func()) error {
	j.submit()
	u := new(commit.Unit)
	release, err := effect.Stage(u)
	if err != nil {
		return err
	}
	defer commit.Intact()
	j.unit = u
	write()
	j.submit()
	release()
	return nil
}

// lend submits what has been added so far and adds an event to the unit of another journal,
// which submits it next.
func (j *journal) lend(u *commit.Unit, e encoded) {
	j.submit()
	j.unit = u
	j.put(e)
	j.append()
	j.last, j.unit = u, nil
}

// append adds the events to the unit that is being filled.
func (j *journal) append() {
	if len(j.events) > 0 {
		j.e.o.History.AppendEvents(j.unit, j.run, j.next, j.events)
		j.next += uint64(len(j.events))
		clear(j.events)
		j.events = j.events[:0]
	}
	j.frames.reset()
}

// submit gives the unit that is being filled its place in the order.
func (j *journal) submit() {
	if j.unit == nil {
		return
	}
	j.append()
	j.e.o.Log.Submit(j.unit)
	j.last, j.unit = j.unit, nil
	if j.release != nil {
		j.release()
		j.release = nil
	}
}

// sync makes everything durable that has been added.
func (j *journal) sync() {
	j.submit()
	if j.last != nil {
		j.e.o.Log.Sync(j.last)
		j.last = nil
		j.durable.Store(j.next)
		j.outputs.durable()
	}
	for _, a := range j.over {
		a.Error = j.shown(a.Error)
		j.e.o.ActivityFinished(a)
	}
	j.over = j.over[:0]
	j.turn = 0
}
