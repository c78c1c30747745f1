package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
)

// unreadable is a history of which some records can't be read until they are written
// anew.
type unreadable struct {
	*enginetest.Memory
	mu      sync.Mutex
	runs    map[string]bool // guarded by mu once the engine runs
	events  bool            // nor can the events of those runs
	factory bool            // nor is their factory known
	tallies bool
	request bool // nor can requests to cancel runs
}

func (h *unreadable) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs[id]
}

func (h *unreadable) damage(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs[id] = true
}

// mend is what writing a record anew does.
func (h *unreadable) mend(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.runs, id)
}

func (h *unreadable) CancelRequest(id string) (time.Time, error) {
	at, err := h.Memory.CancelRequest(id)
	if err == nil && h.request {
		err = errDamage
	}
	return at, err
}

var errDamage = fmt.Errorf("record 7: %w: checksum does not match", commit.ErrDamaged)

func (h *unreadable) seen(r engine.RunRecord) engine.RunRecord {
	if !h.has(r.ID) {
		return r
	}
	known := engine.RunRecord{ID: r.ID, Factory: strings.ToLower(r.Factory), Start: r.Start, Active: r.Active, Damage: errDamage}
	if !r.Active {
		known.Bytes = 1
	}
	if h.factory {
		known.Factory = ""
	}
	return known
}

func (h *unreadable) Run(id string) (engine.RunRecord, error) {
	r, err := h.Memory.Run(id)
	return h.seen(r), err
}

func (h *unreadable) ActiveRuns() (active []engine.RunRecord, err error) {
	all, err := h.Memory.ActiveRuns()
	for _, r := range all {
		active = append(active, h.seen(r))
	}
	return active, err
}

func (h *unreadable) Runs(l engine.Listing, f func(engine.RunRecord) (bool, error)) error {
	return h.Memory.Runs(l, func(r engine.RunRecord) (bool, error) { return f(h.seen(r)) })
}

func (h *unreadable) Events(id string, from uint64, f func(uint64, []byte) error) error {
	if h.events && h.has(id) {
		return errDamage
	}
	return h.Memory.Events(id, from, f)
}

func (h *unreadable) PutRun(u *commit.Unit, r engine.RunRecord) {
	h.Memory.PutRun(u, r)
	u.Then(func() { h.mend(r.ID) })
}

func (h *unreadable) Tallies() ([]engine.Tally, error) {
	all, err := h.Memory.Tallies()
	if h.tallies {
		for i, t := range all {
			all[i] = engine.Tally{Factory: strings.ToLower(t.Factory), Damage: errDamage}
		}
	}
	return all, err
}

// TestUnreadRunIsSetAside: a run whose record can't be read holds up no other. It is
// listed, told, and can be cancelled, which settles its messages, and deleted.
func TestUnreadRunIsSetAside(t *testing.T) {
	for _, events := range []bool{false, true} {
		t.Run(fmt.Sprint("events damaged: ", events), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { unreadRunIsSetAside(t, events) })
		})
	}
}

// TestUnreadRunOfUnknownFactory: a run that is in no list is told by its id, and can be
// cancelled by it.
func TestUnreadRunOfUnknownFactory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		p := pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`)
		w := newWorld(t, memory, p)
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		w.engine.Stop(0)
		w = newWorld(t, memory, p)
		w.options.History = &unreadable{Memory: memory, runs: map[string]bool{id: true}, events: true, factory: true}
		w.start()
		if got, want := w.engine.Aside(), "run "+id+" can't be resumed: "+errDamage.Error(); len(got) != 1 || got[0] != want {
			t.Errorf("set aside: %q, want %q", got, want)
		}
		if got := w.status(id); got != run.InProgress {
			t.Errorf("it is %s, want InProgress", got)
		}
		if err := w.engine.Cancel(id, true); err != nil {
			t.Fatal(err)
		}
		if got := w.wait(id); got != run.Cancelled || len(w.engine.Aside()) > 0 {
			t.Errorf("it is %s, aside %q", got, w.engine.Aside())
		}
		w.engine.Stop(0)
	})
}

func unreadRunIsSetAside(t *testing.T, events bool) {
	memory := enginetest.NewMemory(nil)
	p := `{"name":"p","properties":{"concurrency":1,"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}]}}`
	w := newWorld(t, memory, p)
	w.factory.Name = "F"
	w.start()
	damaged := w.create("p", nil, engine.RunOptions{ID: "damaged", Binding: json.RawMessage(`"b"`)})
	sound := w.create("p", nil, engine.RunOptions{ID: "sound"})
	w.engine.Stop(0)

	w = newWorld(t, memory, p)
	h := &unreadable{Memory: memory, runs: map[string]bool{damaged: true}, events: events}
	w.options.History = h
	log := &logged{}
	w.options.Logger = slog.New(slog.NewTextHandler(log, nil))
	var settled []string
	w.options.Finish = func(b json.RawMessage, id string, o engine.Outcome) (commit.Effect, error) {
		settled = append(settled, fmt.Sprintf("%s %s %s", b, id, o.Status))
		return nil, nil
	}
	w.options.Release = func(id string) commit.Effect {
		return effect(func(*commit.Unit) (func(), error) { settled = append(settled, "released "+id); return func() {}, nil })
	}
	w.start()
	synctest.Wait()
	if got := w.status(sound); got != run.InProgress {
		t.Errorf("the other run is %s, want InProgress", got)
	}
	name, pipeline, factory, settlement := "run damaged of pipeline p in data factory F", "p", "F", `["b" damaged Cancelled]`
	if events {
		name, pipeline, factory, settlement = "run damaged in data factory f", "", "f", "[released damaged]"
	}
	if got := w.engine.Aside(); len(got) != 1 || got[0] != name+" can't be resumed: "+errDamage.Error() {
		t.Errorf("set aside: %q", got)
	}
	if got := log.String(); strings.Count(got, "run=damaged") != 1 {
		t.Errorf("log: %s, want one line of the run", got)
	}
	runs, _, err := w.engine.Query(engine.Query{Factory: "f"})
	if err != nil || len(runs) != 2 {
		t.Fatalf("the list has %d runs, %v, want both", len(runs), err)
	}
	got := runs[slices.IndexFunc(runs, func(p *engine.PipelineRun) bool { return p.RunID == damaged })]
	if got.Status != run.InProgress || got.Pipeline != pipeline || got.Factory != factory || !strings.Contains(got.Message, "can't be resumed: record 7") {
		t.Errorf("the damaged run is listed as %+v", got)
	}
	if _, err := w.engine.ActivityRuns(damaged); (err != nil) != events {
		t.Errorf("its activities: %v", err)
	}
	if got := w.engine.RunsOf("f"); len(got) != 2 {
		t.Errorf("runs that have not ended: %s, want both", got)
	}
	if err := w.engine.Cancel(damaged, true); err != nil {
		t.Fatal(err)
	}
	if got := w.wait(damaged); got != run.Cancelled || len(w.engine.Aside()) > 0 || fmt.Sprint(settled) != settlement {
		t.Errorf("it is %s, aside %q, settled %s; want Cancelled and %s", got, w.engine.Aside(), settled, settlement)
	}
	if got, err := h.Memory.Run(damaged); err != nil || got.Active || (got.Definition == engine.Hash{}) != events {
		t.Errorf("its record is %+v, %v", got, err)
	}
	if err := w.engine.Cancel(sound, true); err != nil {
		t.Error(err)
	}
	w.wait(sound)
	if err := w.engine.DeleteRunsOf(t.Context(), "f"); err != nil {
		t.Error(err)
	}
	if _, err := w.engine.PipelineRun(damaged); !errors.Is(err, engine.ErrRunNotFound) {
		t.Errorf("after the deletion: %v, want ErrRunNotFound", err)
	}
	w.engine.Stop(0)
}

// TestUnreadCancelRequest: a cancellation that was answered before a kill happens, also if
// its time can't be read, and whether or not the run itself can.
func TestUnreadCancelRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`)
		first := enginetest.NewRecorder()
		w := newWorld(t, first.Memory, p)
		w.start()
		for _, id := range []string{"sound", "damaged", "goes on"} {
			w.create("p", nil, engine.RunOptions{ID: id})
		}
		w.engine.Stop(0)
		u := new(commit.Unit) // the process was killed before the owners heard of the requests
		first.PutCancelRequest(u, "sound", time.Now())
		first.PutCancelRequest(u, "damaged", time.Now())
		first.Apply(u)
		w = newWorld(t, first.Memory, p)
		w.options.History = &unreadable{Memory: first.Memory, runs: map[string]bool{"damaged": true}, request: true}
		w.start()
		synctest.Wait()
		for id, want := range map[string]run.Status{"sound": run.Cancelled, "damaged": run.Cancelled, "goes on": run.InProgress} {
			if got := w.status(id); got != want {
				t.Errorf("run %s is %s, want %s", id, got, want)
			}
		}
		w.engine.Stop(0)
	})
}

// TestUnreadEndedRun: one record of the history that can't be read keeps neither the
// others from being listed, nor a factory's runs from being deleted.
func TestUnreadEndedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := keeping(t, r, engine.Retention{Age: day})
		w.options.History = &unreadable{Memory: r.Memory, runs: map[string]bool{"b": true}}
		w.start()
		w.runs("a", "b", "c")
		w.options.History.(*unreadable).damage("b")
		runs, _, err := w.engine.Query(engine.Query{Factory: "f"})
		if err != nil || len(runs) != 3 || runs[1].Status != run.Failed || !strings.Contains(runs[1].Message, "record of the run can't be read: record 7") {
			t.Errorf("listed: %+v, %v", runs, err)
		}
		if got, err := w.engine.ActivityRuns("b"); err != nil || len(got) != 1 {
			t.Errorf("its activities, which can be read: %d, %v", len(got), err)
		}
		if err := w.engine.Cancel("b", true); !errors.Is(err, engine.ErrRunFinished) {
			t.Errorf("cancel: %v, want ErrRunFinished", err)
		}
		time.Sleep(day + time.Hour)
		synctest.Wait()
		if runs, _, err := w.engine.Query(engine.Query{Factory: "f"}); err != nil || len(runs) > 0 {
			t.Errorf("after its age the history has %d runs, %v", len(runs), err)
		}
		w.engine.Stop(0)
	})
}

// TestUnreadTallyIsCountedAnew: exactly, with one line in the log, whatever was dropped
// and deleted before, and what follows is counted on from there.
func TestUnreadTallyIsCountedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := attempts(t, r)
		w.start()
		for i := range 4 {
			w.attempt(fmt.Sprint("same", i), strings.Repeat("x", 100*i), 1)
			w.attempt(fmt.Sprint("good", i), "good", 0)
		}
		if err := w.engine.DeleteRuns(t.Context(), []string{"good1", "same2"}); err != nil {
			t.Fatal(err)
		}
		w.engine.Stop(0)
		want, err := r.Tallies()
		if err != nil || len(want) != 1 || want[0].Runs != 6 {
			t.Fatalf("tallies %+v, %v", want, err)
		}

		w = attempts(t, r)
		log := &logged{}
		w.options.Logger = slog.New(slog.NewTextHandler(log, nil))
		w.options.History = &unreadable{Memory: r.Memory, tallies: true}
		u := new(commit.Unit)
		r.PutTally(u, engine.Tally{Factory: "f", Runs: 77, Bytes: 77})
		r.Apply(u)
		w.start()
		got, err := r.Tallies()
		if err != nil || len(got) != 1 || got[0].Factory != "f" || got[0].Runs != want[0].Runs || got[0].Bytes != want[0].Bytes {
			t.Errorf("counted %+v, %v, want %+v", got, err, want)
		}
		if got[0].Reached.IsZero() || got[0].Reached.After(want[0].Reached) {
			t.Errorf("retention's time is %v, was %v", got[0].Reached, want[0].Reached)
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=WARN") || !strings.Contains(got, "factory=f runs=6") {
			t.Errorf("log: %s", got)
		}
		w.attempt("later", "good", 0)
		w.wantLeft("at the end", "good0 good2 good3 later same0 same1 same3")
		w.engine.Stop(0)
	})
}
