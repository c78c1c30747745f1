package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/commit"
)

const (
	// maxBatch is the size from which on a group is written in several batches;
	// only the last one is synced, and with it those before.
	maxBatch = 1 << 20
	// unitOverhead is what a unit and each of its operations cost beside keys and
	// values, for the count of bytes in flight.
	unitOverhead, opOverhead = 64, 48
	// worthWhile is the part of a group that the next one must reach to be written before
	// the first is durable: smaller ones would cost more syncs than they save time.
	worthWhile = 2
	// maxUnsynced is how many relaxed groups may be on their way to the disk.
	maxUnsynced = 64
	// reclaimEvery is how much time passes between two looks at the value log while
	// the disk is nearly full.
	reclaimEvery = 100 * time.Millisecond
)

// A group is the units that are committed together. Units join the open group; a leader
// takes it, writes it and hands the lead on, and then waits until it is durable. So a
// group is written while the one before is on its way to the disk.
type group struct {
	units   []*commit.Unit // guarded by log.mu until taken, then the leader's
	bytes   int            // guarded by log.mu
	waiters int            // guarded by log.mu; without the leader
	funcs   []func(error)  // guarded by log.mu; what WaitFunc calls at the end
	done    bool           // guarded by log.mu: durable, callbacks have run
	began   time.Time      // guarded by log.mu: when it was taken, or had its turn to be synced
	// wake takes one value if a waiter shall lead, and is closed when the group
	// is done or never will be.
	wake chan struct{}
}

func newGroup() *group { return &group{wake: make(chan struct{}, 1)} }

// log is the commit.Log of a store.
type log struct {
	s *Store

	mu       sync.Mutex
	open     *group
	writing  *group        // what the leader has taken; nil: nothing
	syncing  *group        // written, and not durable yet; nil: none
	leading  bool          // somebody leads, or was woken to
	inFlight int           // bytes submitted and not done
	room     chan struct{} // closed when inFlight falls; nil if nobody waits
	dead     bool          // closed, or a commit failed
	stalled  chan struct{} // closed while the disk is full and no commit gets through
	isClosed bool          // stalled is
	// reclaimed is when a nearly full disk last asked for a look at the value log,
	// and reclaim that no leader has seen that.
	reclaimed time.Time
	reclaim   bool

	fatalOnce sync.Once

	commits uint64 // belongs to who syncs

	// The following belong to the leader.
	unsynced []*pebble.Batch // relaxed, written, their sync not waited for
	mark     mark
	batches  batches
	look     bool // the value log waits for collect
	crowd    bool // the commit before was of several units

	space space
}

func (l *log) init(s *Store) {
	l.s = s
	l.open = newGroup()
	l.stalled = make(chan struct{})
	l.space.init(s)
}

// Admit implements [commit.Log]. The error wraps [commit.ErrFull] or [ErrClosed], or is
// that of ctx.
func (s *Store) Admit(ctx context.Context, bytes int) error { return s.admit(ctx, bytes, low) }

// Continue implements [commit.Continuer]. It fails as Admit does.
func (s *Store) Continue(ctx context.Context, bytes int) error { return s.admit(ctx, bytes, lowest) }

// admit is Admit of what is refused while the disk is as full as that.
func (s *Store) admit(ctx context.Context, bytes int, refused shortage) error {
	if bytes > commit.Frees {
		err := s.log.space.admit(bytes, refused)
		if err != nil && s.log.reclaimSpace() {
			err = s.log.space.admit(bytes, refused)
		}
		if err != nil {
			return err
		}
	}
	return s.log.admit(ctx, bytes)
}

// Submit implements [commit.Log].
func (s *Store) Submit(u *commit.Unit) { s.log.submit(u) }

// Sync implements [commit.Log].
func (s *Store) Sync(u *commit.Unit) {
	if done, _ := s.log.sync(u, false); !done {
		runtime.Goexit()
	}
}

// Wait implements [commit.Log].
func (s *Store) Wait(u *commit.Unit) error {
	done, err := s.log.sync(u, true)
	if err == nil && !done {
		runtime.Goexit()
	}
	return err
}

// WaitFunc implements [commit.FuncWaiter].
func (s *Store) WaitFunc(u *commit.Unit, done func(error)) { s.log.waitFunc(u, done) }

// Stalled implements [commit.Log].
func (s *Store) Stalled() (<-chan struct{}, error) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.stalled, s.errStalled()
}

func (l *log) admit(ctx context.Context, bytes int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.mu.Lock()
		if l.dead {
			l.mu.Unlock()
			return fmt.Errorf("admit: %w", ErrClosed)
		}
		if l.isClosed {
			l.mu.Unlock()
			return l.s.errFull()
		}
		if l.inFlight == 0 || l.inFlight+bytes <= l.s.opts.MaxInFlight {
			l.mu.Unlock()
			return nil
		}
		if l.idle() {
			// What is in flight waits for somebody who syncs: that is us.
			l.leading = true
			l.mu.Unlock()
			l.take()
			continue
		}
		if l.room == nil {
			l.room = make(chan struct{})
		}
		room, stalled := l.room, l.stalled
		l.mu.Unlock()
		select {
		case <-room:
		case <-stalled:
		case <-ctx.Done():
		}
	}
}

// reclaimSpace has the leader look for segments of the value log that can go: while
// large values are refused, no segment begins, which is when it looks otherwise. It
// reports whether the look has been.
func (l *log) reclaimSpace() bool {
	l.mu.Lock()
	if l.s.values == nil || l.dead || !l.reclaimDue() {
		l.mu.Unlock()
		return false
	}
	l.reclaim = true
	if !l.idle() {
		l.mu.Unlock()
		return false
	}
	l.leading = true
	l.mu.Unlock()
	l.lead()
	return true
}

// reclaimDue reports whether it is time for a look, which without a clock it always
// is. The caller holds mu.
func (l *log) reclaimDue() bool {
	c := l.s.opts.Clock
	if c == nil {
		return true
	}
	now := c.Now()
	if now.Sub(l.reclaimed) < reclaimEvery {
		return false
	}
	l.reclaimed = now
	return true
}

func cost(u *commit.Unit) int { return unitOverhead + len(u.Ops())*opOverhead + u.Bytes() }

func (l *log) submit(u *commit.Unit) {
	if u.Ticket() != nil {
		panic("store: unit submitted twice")
	}
	n := cost(u)
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.open
	u.SetTicket(g)
	if l.dead {
		return
	}
	g.units = append(g.units, u)
	g.bytes += n
	l.inFlight += n
	if l.syncing != nil {
		l.pass()
	}
}

// sync returns when the group of a unit is done, which it may have to see to itself,
// or reports that it never will be. With giveUp it fails once the log is stalled.
func (l *log) sync(u *commit.Unit, giveUp bool) (done bool, err error) {
	g, ok := u.Ticket().(*group)
	if !ok {
		panic("store: sync of a unit that was not submitted")
	}
	l.mu.Lock()
	switch {
	case g.done, l.dead:
		defer l.mu.Unlock()
		return g.done, nil
	case l.idle():
		// So the group is the open one.
		l.leading = true
		l.mu.Unlock()
		l.take()
		l.mu.Lock()
	}
	return l.wait(g, giveUp)
}

// waitFunc has the group of a unit committed, by a goroutine of its own if it is time.
func (l *log) waitFunc(u *commit.Unit, done func(error)) {
	g, ok := u.Ticket().(*group)
	if !ok {
		panic("store: wait for a unit that was not submitted")
	}
	l.mu.Lock()
	switch {
	case l.dead && !g.done:
		l.mu.Unlock()
		return
	case g.done, l.isClosed:
		var err error
		if !g.done {
			err = l.s.errStalled()
		}
		l.mu.Unlock()
		done(err)
		return
	}
	g.funcs = append(g.funcs, done)
	begin := l.idle() // so the group is the open one
	l.leading = l.leading || begin
	l.mu.Unlock()
	if begin {
		go l.lead()
	}
}

// idle reports whether nothing is committed, and nobody was woken to. The caller holds mu.
func (l *log) idle() bool { return !l.leading && l.syncing == nil }

// free reports whether it is time to take the open group: if nothing is committed, or if
// all that is has been written and the group is worth a sync of its own. The caller holds
// mu.
func (l *log) free() bool {
	return !l.leading && (l.syncing == nil || l.open.bytes*worthWhile >= l.syncing.bytes)
}

// take commits the open group. The caller has set leading. While there is little room
// a goroutine of its own does it, so that who waits can be told that it does not end.
func (l *log) take() {
	if l.s.opts.InMemory || l.space.roomy() {
		l.lead()
		return
	}
	go l.lead()
}

// wait is sync for who does not lead. The caller holds mu, which wait unlocks.
func (l *log) wait(g *group, giveUp bool) (done bool, err error) {
	var stalled chan struct{}
	if giveUp {
		stalled = l.stalled
	}
	if g.done {
		l.mu.Unlock()
		return true, nil
	}
	g.waiters++
	l.mu.Unlock()
	for lead := true; lead; {
		select {
		case _, lead = <-g.wake:
			l.led(lead)
		case <-stalled:
			go func() {
				_, lead := <-g.wake
				l.led(lead)
			}()
			return false, l.s.errStalled()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return g.done, nil
}

// led has the open group committed if that fell to the caller.
func (l *log) led(lead bool) {
	if lead {
		l.take()
	}
}

// close commits what was submitted and refuses what comes later. It reports
// whether the database is in order, or fails if the log is stalled.
func (l *log) close() (inOrder bool, err error) {
	for {
		l.mu.Lock()
		switch {
		case l.dead:
			l.mu.Unlock()
			return false, nil
		case !l.idle():
			if _, err := l.wait(l.open, true); err != nil {
				return false, err
			}
		case len(l.open.units) > 0:
			l.leading = true
			l.mu.Unlock()
			l.take()
		default:
			l.die()
			l.mu.Unlock()
			if err := errors.Join(l.await(0), l.commitMark()); err != nil {
				l.fatal(fmt.Errorf("commit to %s: %w", l.s.dir, err))
			}
			return true, nil
		}
	}
}
