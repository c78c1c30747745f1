package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/engine"
)

const runUUID = "0f5d5b1e-89ab-4cde-8f01-23456789abcd"

func events(t *testing.T, s *Store, run string) (got []string) {
	t.Helper()
	if err := s.Events(run, 0, func(n uint64, e []byte) error {
		got = append(got, fmt.Sprintf("%d:%s", n, e))
		return nil
	}); err != nil {
		t.Errorf("Events(%s): %v", run, err)
	}
	return got
}

func TestEvents(t *testing.T) {
	s := memory(t)
	// One ID is a prefix of the other, one looks like a UUID and is not kept as one.
	runs := []string{"", "r", "r1", runUUID, strings.ToUpper(runUUID), strings.Repeat("x", 300)}
	do(s, func(u *commit.Unit) {
		for i, run := range runs {
			s.AppendEvents(u, run, 0, [][]byte{fmt.Appendf(nil, "a%d", i), nil})
			s.AppendEvents(u, run, 2, [][]byte{fmt.Appendf(nil, "c%d", i)})
			s.PutPayload(u, run, 9, fmt.Appendf(nil, "p%d", i))
		}
	})
	for i, run := range runs {
		if got, want := events(t, s, run), []string{fmt.Sprintf("0:a%d", i), "1:", fmt.Sprintf("2:c%d", i)}; !slices.Equal(got, want) {
			t.Errorf("Events(%.40s) = %q, want %q", run, got, want)
		}
		if got, err := s.Payload(run, 9); err != nil || string(got) != fmt.Sprintf("p%d", i) {
			t.Errorf("Payload(%.40s, 9) = %q, %v", run, got, err)
		}
	}
	if got := events(t, s, "unknown"); got != nil {
		t.Errorf("Events(unknown) = %q, want none", got)
	}
	if _, err := s.Payload("r", 8); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("Payload(r, 8) = %v, want ErrNotInHistory", err)
	}
	stop := errors.New("stop")
	if err := s.Events("r", 0, func(uint64, []byte) error { return stop }); err != stop {
		t.Errorf("Events = %v, want the callback's error", err)
	}
	// A callback may read and keep what it was given.
	var kept [][]byte
	if err := s.Events("r", 0, func(n uint64, e []byte) error {
		kept = append(kept, e)
		_, err := s.Payload("r", 9)
		return err
	}); err != nil || string(kept[0]) != "a1" || string(kept[2]) != "c1" {
		t.Errorf("kept events %q, %v", kept, err)
	}
}

func TestEventsGap(t *testing.T) {
	s := memory(t)
	do(s, func(u *commit.Unit) {
		s.AppendEvents(u, "r", 1, [][]byte{nil, nil})
		s.AppendEvents(u, "r", 4, [][]byte{nil})
	})
	last := uint64(0)
	err := s.Events("r", 0, func(n uint64, _ []byte) error { last = n; return nil })
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "event 4 of run r") || last != 2 {
		t.Errorf("Events with number 3 missing = %v after %d, want ErrCorrupt that names event 4, after 2", err, last)
	}
}

func runIDs(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	if err := s.Runs(engine.Listing{Factory: "f", NewestFirst: true}, func(r engine.RunRecord) (bool, error) {
		ids = append(ids, r.ID)
		return true, nil
	}); err != nil {
		t.Errorf("Runs: %v", err)
	}
	return ids
}

func activeIDs(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	rs, err := s.ActiveRuns()
	if err != nil {
		t.Errorf("ActiveRuns: %v", err)
	}
	for _, r := range rs {
		ids = append(ids, r.ID)
	}
	return ids
}

// An ID that no run can have, in an address or in the token of a page, is no panic.
func TestRunIDTooLong(t *testing.T) {
	s := memory(t)
	do(s, func(u *commit.Unit) { s.PutRun(u, engine.RunRecord{ID: "r", Factory: "f", Start: epoch}) })
	long := strings.Repeat("x", 1<<16)
	if _, err := s.Run(long); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("Run = %.100v, want ErrNotInHistory", err)
	}
	for _, l := range []engine.Listing{
		{Factory: "f", NewestFirst: true, Behind: &engine.Place{Start: epoch, ID: long}},
		{Factory: "f", Behind: &engine.Place{Start: epoch.Add(-1), ID: long}},
	} {
		n := 0
		if err := s.Runs(l, func(engine.RunRecord) (bool, error) { n++; return true, nil }); err != nil || n != 1 {
			t.Errorf("%d runs are listed, %v; want one", n, err)
		}
	}
	l := engine.Listing{Factory: "f", Until: epoch.Add(-time.Hour), Behind: &engine.Place{Start: epoch.Add(time.Hour), ID: "r"}}
	if err := s.Runs(l, func(r engine.RunRecord) (bool, error) { return true, fmt.Errorf("%s is listed", r.ID) }); err != nil {
		t.Error(err)
	}
}

func TestRuns(t *testing.T) {
	s := memory(t)
	records := []engine.RunRecord{
		{ID: "b", Pipeline: "P", Factory: "F", Start: epoch, Active: true, Summary: []byte("queued")},
		{ID: runUUID, Factory: "f", Updated: epoch.Add(time.Hour), Start: epoch.Add(time.Nanosecond), Active: true},
		{ID: "old", Factory: "F", Start: epoch.AddDate(-70, 0, 0), Active: true},
		{ID: "zero", Factory: "F", Active: true},
	}
	do(s, func(u *commit.Unit) {
		for _, r := range records {
			s.PutRun(u, r)
			s.AppendEvents(u, r.ID, 1, [][]byte{[]byte("e")})
			s.PutPayload(u, r.ID, 1, []byte("p"))
		}
	})
	for _, want := range records {
		if got, err := s.Run(want.ID); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Run(%s) = %+v, %v, want %+v", want.ID, got, err, want)
		}
	}
	if got, want := runIDs(t, s), []string{runUUID, "b", "old", "zero"}; !slices.Equal(got, want) {
		t.Errorf("Runs = %v, want %v", got, want)
	}
	if got, want := activeIDs(t, s), []string{"zero", "old", "b", runUUID}; !slices.Equal(got, want) {
		t.Errorf("ActiveRuns = %v, want %v", got, want)
	}
	ended := records[0]
	ended.Active, ended.Summary = false, []byte("succeeded")
	do(s, func(u *commit.Unit) { s.PutRun(u, ended) })
	if got, err := s.Run("b"); err != nil || !reflect.DeepEqual(got, ended) {
		t.Errorf("Run(b) = %+v, %v, want %+v", got, err, ended)
	}
	if got, want := activeIDs(t, s), []string{"zero", "old", runUUID}; !slices.Equal(got, want) {
		t.Errorf("ActiveRuns = %v, want %v", got, want)
	}
	if got := runIDs(t, s); len(got) != 4 {
		t.Errorf("Runs = %v, want 4: a record is replaced", got)
	}
	n := 0
	if err := s.Runs(engine.Listing{Factory: "F"}, func(engine.RunRecord) (bool, error) { n++; return n < 2, nil }); err != nil || n != 2 {
		t.Errorf("Runs stopped after %d, %v, want 2", n, err)
	}
	stop := errors.New("stop")
	if err := s.Runs(engine.Listing{Factory: "F"}, func(engine.RunRecord) (bool, error) { return true, stop }); err != stop {
		t.Errorf("Runs = %v, want the callback's error", err)
	}
	for _, r := range records {
		do(s, func(u *commit.Unit) { s.DeleteRun(u, r.ID) })
		if _, err := s.Run(r.ID); !errors.Is(err, engine.ErrNotInHistory) {
			t.Errorf("Run(%s) after deleting it = %v, want ErrNotInHistory", r.ID, err)
		}
		if got := events(t, s, r.ID); got != nil {
			t.Errorf("Events(%s) after deleting it = %v", r.ID, got)
		}
	}
	for k := range dump(t, s) {
		if k[0] >= tableRun {
			t.Errorf("%s is left after all runs were deleted", describe([]byte(k)))
		}
	}
	do(s, func(u *commit.Unit) { s.DeleteRun(u, "never") })
}
