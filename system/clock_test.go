package system

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/clock"
)

// A shifted clock is the machine's, set by an offset.
type shifted struct {
	clock.Wall
	by atomic.Int64 // nanoseconds
}

func (c *shifted) Now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

// TestClockSetBackOverCrash: after a crash with the wall clock set back by a day
// everything goes on at the time of the last commit, to a second, and at the usual
// pace.
func TestClockSetBackOverCrash(t *testing.T) {
	dir, wall := filepath.Join(t.TempDir(), "data"), &shifted{}
	s := startSystem(t, Options{DataDir: dir, Clock: wall})
	makeNamespace(t, s, "g", "before-1")
	if _, err := s.broker.PutQueue(t.Context(), "before-1", "last", broker.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	before := s.broker.Now()
	crashed := filepath.Join(t.TempDir(), "crashed")
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	wall.by.Store(int64(-24 * time.Hour))
	s = startSystem(t, Options{DataDir: crashed, Clock: wall})
	if now := s.broker.Now(); now.Before(before.Add(-time.Second)) || now.After(time.Now()) {
		t.Errorf("the time after the crash is %v, before it was %v", now, before)
	}
	makeNamespace(t, s, "g", "after-12")
	created := func(ns string) time.Time {
		q, err := s.broker.Queues(ns)
		if err != nil || len(q) == 0 {
			t.Fatalf("queues of %s: %v, %v", ns, q, err)
		}
		return q[0].CreatedAt
	}
	if early, late := created("before-1"), created("after-12"); late.Before(early.Add(-time.Second)) {
		t.Errorf("a queue that was made after the crash was created at %v, one from before at %v", late, early)
	}
	paced := s.clock.Now()
	wall.by.Add(int64(time.Hour))
	if now := s.clock.Now(); now.Before(paced) || s.clock.Behind() < 22*time.Hour {
		t.Errorf("the time went from %v to %v while the wall clock is %v behind", paced, now, s.clock.Behind())
	}
}
