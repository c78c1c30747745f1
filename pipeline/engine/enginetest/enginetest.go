// Package enginetest is the conformance suite of [engine.History], and a history
// that remembers every unit so that tests can start an engine after each.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// Store is a history with the log that commits its units.
type Store interface {
	engine.History
	commit.Log
}

// Recorder is a history in memory that remembers what was committed.
type Recorder struct {
	*Memory
	mu    sync.Mutex
	units []*commit.Unit // in the order of commitment; guarded by mu
}

// NewRecorder returns an empty history.
func NewRecorder() *Recorder {
	r := &Recorder{}
	r.Memory = NewMemory(func(u *commit.Unit) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.units = append(r.units, u)
	})
	return r
}

// Units returns how many units have been committed.
func (r *Recorder) Units() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.units)
}

// After returns what a process finds that starts after the first n units were
// committed and the rest was lost.
func (r *Recorder) After(n int) *Recorder {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := NewRecorder()
	for _, u := range r.units[:n] {
		c.Apply(u)
	}
	return c
}

// Run checks that a history does what [engine.History] says. Open returns a new,
// empty one.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Store)
	}{
		{"events", testEvents},
		{"payloads", testPayloads},
		{"parts of a history", testParts},
		{"snapshots", testSnapshots},
		{"records", testRecords},
		{"active runs", testActiveRuns},
		{"requests to cancel", testCancelRequests},
		{"order of runs", testOrder},
		{"parts of a listing", testListing},
		{"delete", testDelete},
		{"tallies", testTallies},
		{"attempts", testAttempts},
		{"definitions", testDefinitions},
		{"nothing before the commit", testUncommitted},
		{"slices are copied", testCopies},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func write(t *testing.T, s Store, f func(u *commit.Unit)) {
	t.Helper()
	if err := s.Admit(context.Background(), 1<<10); err != nil {
		t.Fatalf("Admit: %v", err)
	}
	u := new(commit.Unit)
	f(u)
	s.Submit(u)
	s.Sync(u)
}

func events(t *testing.T, s Store, run string) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Events(run, 0, func(n uint64, e []byte) error {
		fmt.Fprintf(&b, "%d=%s ", n, e)
		return nil
	}); err != nil {
		t.Fatalf("Events(%s): %v", run, err)
	}
	return b.String()
}

const (
	runA = "00000000-0000-4000-8000-00000000000a"
	runB = "00000000-0000-4000-8000-00000000000b"
)

func testEvents(t *testing.T, s Store) {
	if got := events(t, s, runA); got != "" {
		t.Errorf("events of a run without any: got %q, want none", got)
	}
	write(t, s, func(u *commit.Unit) {
		s.AppendEvents(u, runA, 1, [][]byte{[]byte("one"), []byte("two")})
		s.AppendEvents(u, runB, 1, [][]byte{[]byte("other")})
	})
	var more [][]byte
	for i := 3; i <= 300; i++ { // beyond one byte: in the order of numbers
		more = append(more, fmt.Append(nil, i))
	}
	write(t, s, func(u *commit.Unit) { s.AppendEvents(u, runA, 3, more) })
	n := uint64(0)
	if err := s.Events(runA, 0, func(k uint64, e []byte) error {
		n++
		if k != n {
			t.Errorf("event number: got %d, want %d", k, n)
		}
		if n > 2 && string(e) != fmt.Sprint(n) {
			t.Errorf("event %d: got %q", n, e)
		}
		return nil
	}); err != nil || n != 300 {
		t.Errorf("Events: %d of 300, error %v", n, err)
	}
	if got, want := events(t, s, runB), "1=other "; got != want {
		t.Errorf("events of the other run: got %q, want %q", got, want)
	}
	stop := errors.New("stop")
	n = 0
	if err := s.Events(runA, 0, func(uint64, []byte) error { n++; return stop }); !errors.Is(err,
		stop) || n != 1 {
		t.Errorf("Events with a callback that fails: got %v after %d, want its error after 1", err, n)
	}
	write(t, s, func(u *commit.Unit) { s.AppendEvents(u, runA, 302, [][]byte{[]byte("gap")}) })
	if err := s.Events(runA, 0, func(uint64, []byte) error { return nil }); err == nil {
		t.Error("Events with a gap in the numbers: got no error")
	}
}

// testParts reads events, and counts, from a number on.
func testParts(t *testing.T, s Store) {
	write(t, s, func(u *commit.Unit) {
		s.AppendEvents(u, runA, 1, [][]byte{[]byte("e"), []byte("ee"), []byte("eee")})
		s.AppendEvents(u, runB, 1, [][]byte{[]byte("other")})
		s.PutPayload(u, runA, 0, []byte("pppp"))
		s.PutPayload(u, runA, 7, []byte("ppppp"))
	})
	for from, want := range map[uint64]string{0: "1=e 2=ee 3=eee ", 1: "1=e 2=ee 3=eee ", 3: "3=eee ", 4: ""} {
		var b bytes.Buffer
		err := s.Events(runA, from, func(n uint64, e []byte) error {
			fmt.Fprintf(&b, "%d=%s ", n, e)
			return nil
		})
		if b.String() != want || err != nil {
			t.Errorf("events from %d: got %q, %v, want %q", from, b.String(), err, want)
		}
	}
	for _, c := range []struct {
		event, payload uint64
		want           string
	}{{0, 0, "5 15"}, {2, 1, "3 10"}, {3, 7, "2 8"}, {4, 8, "0 0"}} {
		items, size, err := s.RunSize(runA, c.event, c.payload)
		if got := fmt.Sprint(items, size); err != nil || got != c.want {
			t.Errorf("RunSize from event %d and payload %d: got %s, %v, want %s", c.event, c.payload, got, err, c.want)
		}
	}
}

func testSnapshots(t *testing.T, s Store) {
	snapshot := func(id, want string) {
		t.Helper()
		b, err := s.Snapshot(id)
		if want == "" && !errors.Is(err, engine.ErrNotInHistory) || want != "" && (err != nil || string(b) != want) {
			t.Errorf("snapshot of %s: got %q, %v, want %q", id, b, err, want)
		}
	}
	snapshot(runA, "")
	large := strings.Repeat("large ", 10_000)
	write(t, s, func(u *commit.Unit) {
		for _, id := range []string{runA, runB, "c"} {
			s.PutRun(u, engine.RunRecord{ID: id, Factory: "f"})
			s.AppendEvents(u, id, 1, [][]byte{[]byte("e")})
			s.PutSnapshot(u, id, []byte("first of "+id))
		}
	})
	write(t, s, func(u *commit.Unit) { s.PutSnapshot(u, runA, []byte(large)) })
	snapshot(runA, large)
	snapshot(runB, "first of "+runB)
	if items, size, err := s.RunSize(runA, 0, 0); err != nil || items != 1 || size != 1 {
		t.Errorf("RunSize with a snapshot: got %d, %d, %v, want what the event takes", items, size, err)
	}
	write(t, s, func(u *commit.Unit) { s.DeleteSnapshot(u, runA) })
	snapshot(runA, "")
	write(t, s, func(u *commit.Unit) { s.DropEvents(u, runB) })
	snapshot(runB, "")
	write(t, s, func(u *commit.Unit) { s.DeleteRun(u, "c") })
	snapshot("c", "")
}

func testPayloads(t *testing.T, s Store) {
	if _, err := s.Payload(runA, 1); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("payload that isn't there: got %v, want ErrNotInHistory", err)
	}
	if _, err := s.PayloadSize(runA, 1); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("size of a payload that isn't there: got %v, want ErrNotInHistory", err)
	}
	big := bytes.Repeat([]byte("x"), 3<<20)
	write(t, s, func(u *commit.Unit) {
		s.PutPayload(u, runA, 0, []byte("zero"))
		s.PutPayload(u, runA, 1, big)
		s.PutPayload(u, runB, 1, []byte("b"))
	})
	for _, c := range []struct {
		run  string
		n    uint64
		want []byte
	}{{runA, 0, []byte("zero")}, {runA, 1, big}, {runB, 1, []byte("b")}} {
		if got, err := s.Payload(c.run, c.n); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("Payload(%s, %d): got %d bytes, %v, want %d bytes", c.run, c.n, len(got), err,
				len(c.want))
		}
		if got, err := s.PayloadSize(c.run, c.n); err != nil || got != int64(len(c.want)) {
			t.Errorf("PayloadSize(%s, %d): got %d, %v, want %d", c.run, c.n, got, err, len(c.want))
		}
	}
}

func record(id string, start time.Time, active bool, summary string) engine.RunRecord {
	return engine.RunRecord{ID: id, Pipeline: "p", Factory: "f", Start: start, Active: active,
		Summary: []byte(summary)}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456700, time.UTC)

func testRecords(t *testing.T, s Store) {
	if _, err := s.Run(runA); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("run that isn't there: got %v, want ErrNotInHistory", err)
	}
	write(t, s, func(u *commit.Unit) { s.PutRun(u, record(runA, noon, true, "first")) })
	write(t, s, func(u *commit.Unit) { s.PutRun(u, record(runA, noon, false, "second")) })
	got, err := s.Run(runA)
	if err != nil {
		t.Fatal(err)
	}
	want := record(runA, noon, false, "second")
	if !got.Start.Equal(want.Start) || got.Active || got.ID != runA || got.Pipeline != "p" ||
		got.Factory != "f" || string(got.Summary) != "second" {
		t.Errorf("Run: got %+v, want %+v", got, want)
	}
}

func testCancelRequests(t *testing.T, s Store) {
	write(t, s, func(u *commit.Unit) {
		s.PutRun(u, record(runA, noon, true, ""))
		s.PutRun(u, record(runB, noon, true, ""))
	})
	if at, err := s.CancelRequest(runA); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("request that isn't there: got %v, %v, want ErrNotInHistory", at, err)
	}
	write(t, s, func(u *commit.Unit) { s.PutCancelRequest(u, runA, noon) })
	if at, err := s.CancelRequest(runA); err != nil || !at.Equal(noon) {
		t.Errorf("request: got %v, %v, want %v", at, err, noon)
	}
	if at, err := s.CancelRequest(runB); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("request of the other run: got %v, %v, want ErrNotInHistory", at, err)
	}
	write(t, s, func(u *commit.Unit) { s.DeleteRun(u, runA) })
	if at, err := s.CancelRequest(runA); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("request of a deleted run: got %v, %v, want ErrNotInHistory", at, err)
	}
}

func testActiveRuns(t *testing.T, s Store) {
	write(t, s, func(u *commit.Unit) {
		s.PutRun(u, record("r3", noon.Add(3*time.Second), true, ""))
		s.PutRun(u, record("r1", noon.Add(1*time.Second), true, ""))
		s.PutRun(u, record("r2", noon.Add(2*time.Second), true, ""))
		s.PutRun(u, record("r0", noon, false, ""))
	})
	write(t, s, func(u *commit.Unit) { s.UpdateRun(u, record("r2", noon.Add(2*time.Second), false, "")) })
	active, err := s.ActiveRuns()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range active {
		ids = append(ids, r.ID)
	}
	if got, want := fmt.Sprint(ids), "[r1 r3]"; got != want {
		t.Errorf("ActiveRuns: got %s, want %s, oldest first", got, want)
	}
}

func testOrder(t *testing.T, s Store) {
	write(t, s, func(u *commit.Unit) {
		for _, i := range []int{2, 0, 3, 1} {
			s.PutRun(u, record(fmt.Sprint("r", i), noon.Add(time.Duration(i)*time.Hour), i == 0, ""))
		}
	})
	var ids []string
	l := engine.Listing{Factory: "f", NewestFirst: true}
	if err := s.Runs(l, func(r engine.RunRecord) (bool, error) {
		ids = append(ids, r.ID)
		return len(ids) < 3, nil
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(ids), "[r3 r2 r1]"; got != want {
		t.Errorf("Runs: got %s, want %s, newest first and no further than asked", got, want)
	}
	stop := errors.New("stop")
	if err := s.Runs(l, func(engine.RunRecord) (bool, error) { return true, stop }); !errors.Is(err, stop) {
		t.Errorf("Runs with a callback that fails: got %v, want its error", err)
	}
}

func testListing(t *testing.T, s Store) {
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	write(t, s, func(u *commit.Unit) {
		for i := range 5 {
			s.PutRun(u, record(fmt.Sprint("r", i), at(i), false, ""))
		}
		s.PutRun(u, record("r2b", at(2), true, ""))
		for _, factory := range []string{"", "e", "ff", "g"} {
			r := record("x"+factory, at(2), false, "")
			r.Factory = factory
			s.PutRun(u, r)
		}
	})
	for _, c := range []struct {
		name string
		l    engine.Listing
		want string
	}{
		{"oldest first", engine.Listing{Factory: "f"}, "[r0 r1 r2 r2b r3 r4]"},
		{"newest first", engine.Listing{Factory: "f", NewestFirst: true}, "[r4 r3 r2b r2 r1 r0]"},
		{"other spelling", engine.Listing{Factory: "F"}, "[r0 r1 r2 r2b r3 r4]"},
		{"other factory", engine.Listing{Factory: "ff"}, "[xff]"},
		{"factory without name", engine.Listing{}, "[x]"},
		{"no such factory", engine.Listing{Factory: "h"}, "[]"},
		{"until", engine.Listing{Factory: "f", Until: at(2)}, "[r0 r1 r2 r2b]"},
		{"newest until", engine.Listing{Factory: "f", Until: at(2), NewestFirst: true}, "[r2b r2 r1 r0]"},
		{"until just before", engine.Listing{Factory: "f", Until: at(2).Add(-1)}, "[r0 r1]"},
		{"behind", engine.Listing{Factory: "f", Behind: &engine.Place{Start: at(2), ID: "r2"}}, "[r2b r3 r4]"},
		{"newest behind", engine.Listing{Factory: "f", NewestFirst: true,
			Behind: &engine.Place{Start: at(2), ID: "r2b"}}, "[r2 r1 r0]"},
		{"behind one that is gone", engine.Listing{Factory: "f", Behind: &engine.Place{Start: at(1), ID: "r1x"}},
			"[r2 r2b r3 r4]"},
		{"behind and until",
			engine.Listing{Factory: "f", Until: at(3), Behind: &engine.Place{Start: at(2), ID: "r2b"}}, "[r3]"},
		{"newest behind a later one and until", engine.Listing{Factory: "f", NewestFirst: true, Until: at(1),
			Behind: &engine.Place{Start: at(3), ID: "r3"}}, "[r1 r0]"},
		{"behind the last", engine.Listing{Factory: "f", Behind: &engine.Place{Start: at(4), ID: "r4"}}, "[]"},
		{"behind beyond until",
			engine.Listing{Factory: "f", Until: at(1), Behind: &engine.Place{Start: at(3), ID: "r3"}}, "[]"},
	} {
		ids := []string{}
		if err := s.Runs(c.l, func(r engine.RunRecord) (bool, error) {
			ids = append(ids, r.ID)
			return true, nil
		}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := fmt.Sprint(ids); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func testDelete(t *testing.T, s Store) {
	write(t, s, func(u *commit.Unit) {
		for _, id := range []string{runA, runB} {
			s.PutRun(u, record(id, noon, true, ""))
			s.AppendEvents(u, id, 1, [][]byte{[]byte("e")})
			s.PutPayload(u, id, 1, []byte("p"))
		}
	})
	write(t, s, func(u *commit.Unit) { s.DeleteRun(u, runA) })
	if _, err := s.Run(runA); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("record of a deleted run: got %v, want ErrNotInHistory", err)
	}
	if got := events(t, s, runA); got != "" {
		t.Errorf("events of a deleted run: got %q, want none", got)
	}
	if _, err := s.Payload(runA, 1); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("payload of a deleted run: got %v, want ErrNotInHistory", err)
	}
	if active, err := s.ActiveRuns(); err != nil || len(active) != 1 || active[0].ID != runB {
		t.Errorf("ActiveRuns after a deletion: got %v, %v, want the other run", active, err)
	}
	if got, want := events(t, s, runB), "1=e "; got != want {
		t.Errorf("events of the other run: got %q, want %q", got, want)
	}
}

func testTallies(t *testing.T, s Store) {
	tallies := func(want string) {
		t.Helper()
		all, err := s.Tallies()
		slices.SortFunc(all, func(a, b engine.Tally) int { return strings.Compare(a.Factory, b.Factory) })
		got := ""
		for _, t := range all {
			got += fmt.Sprintf("%s %d %d %v ", t.Factory, t.Runs, t.Bytes, t.Reached.Equal(noon))
		}
		if err != nil || got != want {
			t.Errorf("Tallies: got %s, %v, want %s", got, err, want)
		}
	}
	tallies("")
	write(t, s, func(u *commit.Unit) {
		s.PutTally(u, engine.Tally{Factory: "One", Runs: 1, Bytes: 1 << 40, Reached: noon})
		s.PutTally(u, engine.Tally{Factory: "Two", Runs: 2})
	})
	tallies("One 1 1099511627776 true Two 2 0 false ")
	write(t, s, func(u *commit.Unit) {
		s.PutTally(u, engine.Tally{Factory: "ONE", Runs: 3, Bytes: 4})
		s.PutTally(u, engine.Tally{Factory: "two", Bytes: 9})
	})
	tallies("ONE 3 4 false ")
	s.Reclaim()
}

func testAttempts(t *testing.T, s Store) {
	cause := engine.Hash{7}
	attempt := func(want string) {
		t.Helper()
		got, err := s.Attempt(cause)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, engine.ErrNotInHistory) {
			t.Errorf("Attempt: got %q, %v, want %q", got, err, want)
		}
	}
	attempt("")
	write(t, s, func(u *commit.Unit) {
		for _, id := range []string{runA, runB} {
			r := record(id, noon, false, "")
			r.Cause, r.Bytes = cause, 10
			s.PutRun(u, r)
			s.AppendEvents(u, id, 1, [][]byte{[]byte("e"), []byte("ee")})
			s.PutPayload(u, id, 1, []byte("ppp"))
		}
		s.PutAttempt(u, cause, runA)
	})
	attempt(runA)
	write(t, s, func(u *commit.Unit) {
		s.DropEvents(u, runA)
		s.PutAttempt(u, cause, runB)
	})
	attempt(runB)
	for id, want := range map[string]string{runA: "0 0", runB: "3 6"} {
		items, size, err := s.RunSize(id, 0, 0)
		if got := fmt.Sprint(items, size); err != nil || got != want {
			t.Errorf("RunSize of %s: got %s, %v, want %s", id, got, err, want)
		}
	}
	if r, err := s.Run(runA); err != nil || r.Cause != cause || r.Bytes != 10 {
		t.Errorf("run whose events were dropped: got %+v, %v", r, err)
	}
	if _, err := s.Payload(runA, 1); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("payload that was dropped: got %v, want ErrNotInHistory", err)
	}
	write(t, s, func(u *commit.Unit) { s.DeleteRun(u, runA) })
	attempt(runB)
	write(t, s, func(u *commit.Unit) { s.DeleteRun(u, runB) })
	attempt("")
}

func testDefinitions(t *testing.T, s Store) {
	h := func(n byte) engine.Hash { return engine.Hash{0: n, 31: 0xff} }
	if _, err := s.Definition(h(1)); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("definition that isn't there: got %v, want ErrNotInHistory", err)
	}
	text := []byte("one")
	write(t, s, func(u *commit.Unit) {
		s.PutDefinition(u, h(1), text)
		copy(text, "two")
		s.PutDefinition(u, h(2), []byte("two"))
		s.PutDefinition(u, h(3), []byte("three"))
		for id, n := range map[string]byte{runA: 1, runB: 3, "r": 3} {
			r := record(id, noon, true, "")
			r.Definition = h(n)
			s.PutRun(u, r)
		}
		s.PutRun(u, record("none", noon, false, ""))
	})
	unused := func(want ...engine.Hash) {
		t.Helper()
		if got, err := s.UnusedDefinitions(); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("UnusedDefinitions: got %x, %v, want %x", got, err, want)
		}
	}
	write(t, s, func(u *commit.Unit) {
		r := record(runB, noon, false, "ended")
		r.Definition = h(3)
		s.UpdateRun(u, r)
	})
	unused(h(2))
	if r, err := s.Run(runB); err != nil || r.Definition != h(3) || r.Active || string(r.Summary) != "ended" {
		t.Errorf("run that was updated: got %+v, %v, want it ended with definition %x", r, err, h(3))
	}
	if got, err := s.Definition(h(1)); err != nil || string(got) != "one" {
		t.Errorf("definition: got %q, %v, want one", got, err)
	}
	write(t, s, func(u *commit.Unit) {
		s.DeleteDefinition(u, h(2))
		s.DeleteRun(u, runB)
	})
	unused()
	write(t, s, func(u *commit.Unit) { s.DeleteRun(u, "r") })
	unused(h(3))
	if _, err := s.Definition(h(2)); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("deleted definition: got %v, want ErrNotInHistory", err)
	}
}

func testUncommitted(t *testing.T, s Store) {
	u := new(commit.Unit)
	s.PutRun(u, record(runA, noon, true, ""))
	s.AppendEvents(u, runA, 1, [][]byte{[]byte("e")})
	if _, err := s.Run(runA); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("run of a unit that isn't submitted: got %v, want ErrNotInHistory", err)
	}
	s.Submit(u)
	s.Sync(u)
	if _, err := s.Run(runA); err != nil {
		t.Errorf("run of a unit that is synced: %v", err)
	}
}

func testCopies(t *testing.T, s Store) {
	event, payload := []byte("event"), []byte("payload")
	u := new(commit.Unit)
	s.AppendEvents(u, runA, 1, [][]byte{event})
	s.PutPayload(u, runA, 1, payload)
	copy(event, "XXXXX")
	copy(payload, "XXXXX")
	s.Submit(u)
	s.Sync(u)
	if got, want := events(t, s, runA), "1=event "; got != want {
		t.Errorf("event after its slice was changed: got %q, want %q", got, want)
	}
	got, err := s.Payload(runA, 1)
	if err != nil || string(got) != "payload" {
		t.Errorf("payload after its slice was changed: got %q, %v", got, err)
	}
}

// Ops returns the changes of the i-th unit.
func (r *Recorder) Ops(i int) []commit.Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.units[i].Ops()
}

// Effects returns what other packages have set in the i-th unit, as key=value: keys
// that start with x.
func (r *Recorder) Effects(i int) []string {
	var out []string
	for _, op := range r.Ops(i) {
		if op.Kind == commit.OpSet && len(op.Key) > 0 && op.Key[0] == 'x' {
			out = append(out, fmt.Sprintf("%s=%s", op.Key, op.Value))
		}
	}
	return out
}
