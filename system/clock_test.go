package system

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

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
	before := s.broker.Now()
	dir = killed(t, s, "before-1")
	wall.by.Store(int64(-24 * time.Hour))
	s = startSystem(t, Options{DataDir: dir, Clock: wall})
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

// TestClockAheadForAMoment: a wall clock that was a day, or most of a century, ahead for
// a moment and is right again takes no time away, neither in the process nor over a clean
// stop or a crash: a lock that was dropped comes back, and a message expires, after as
// much time as they were given.
func TestClockAheadForAMoment(t *testing.T) {
	for _, ahead := range []time.Duration{24 * time.Hour, 74 * 365 * 24 * time.Hour} {
		for _, restart := range []string{"none", "stop", "crash"} {
			t.Run(ahead.String()+" "+restart, func(t *testing.T) {
				t.Parallel()
				testClockAhead(t, ahead, restart)
			})
		}
	}
}

// A steppedClock is the machine's, which somebody sets: that moves the wall reading of
// its times and leaves the monotonic one.
type steppedClock struct {
	clock.Wall
	by atomic.Int64 // nanoseconds
}

func (c *steppedClock) Now() time.Time {
	t := time.Now()
	const secondBit = 30 // of a time.Time with a monotonic reading
	*(*uint64)(unsafe.Pointer(&t)) += uint64(c.by.Load()/int64(time.Second)) << secondBit
	return t
}

func testClockAhead(t *testing.T, ahead time.Duration, restart string) {
	dir, wall := filepath.Join(t.TempDir(), "data"), &steppedClock{}
	s := startSystem(t, Options{DataDir: dir, Clock: wall})
	makeNamespace(t, s, "g", "ahead-1")
	wall.by.Store(int64(ahead))
	if _, err := s.broker.PutQueue(t.Context(), "ahead-1", "late", broker.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := time.Until(s.clock.Now()); n < ahead-time.Minute {
		t.Fatalf("the time is %s ahead, want %s", n, ahead)
	}
	wall.by.Store(0)
	must(t, s, "PUT", s.testNamespace("g", "ahead-1")+"/queues/locked", `{"properties":{"lockDuration":"PT5S"}}`)
	must(t, s, "PUT", s.testNamespace("g", "ahead-1")+"/queues/brief", `{"properties":{"defaultMessageTimeToLive":"PT2S"}}`)
	c := clientOf(t, s, "ahead-1")
	sendTo(t, c, "locked", "one")
	r, err := c.NewReceiverForQueue("locked", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.ReceiveMessages(t.Context(), 1, nil); err != nil || len(got) != 1 {
		t.Fatalf("receive: %d messages, %v", len(got), err)
	}
	locked := time.Now()
	switch restart {
	case "stop":
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	case "crash":
		dir = killed(t, s, "ahead-1")
	}
	if restart != "none" {
		s = startSystem(t, Options{DataDir: dir, Clock: wall})
		c = clientOf(t, s, "ahead-1")
	}
	sendTo(t, c, "brief", "two")
	sent := time.Now()
	eventually(t, func() string {
		if len(left(t, c, "brief")) > 0 {
			return ""
		}
		return "expired"
	})
	if took := time.Since(sent); took > 5*time.Second {
		t.Errorf("a message that lives for 2 s expired after %s", took)
	}
	got := take(t, c, "locked", 0, 1)
	if took := time.Since(locked); got[0].MessageID != "one" || got[0].DeliveryCount != 2 || took < 3*time.Second || took > 12*time.Second {
		t.Errorf("%s came back after %s, delivery %d; its lock was of 5 s", got[0].MessageID, took, got[0].DeliveryCount)
	}
}
