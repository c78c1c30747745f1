package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/clock"
	"switchyard/commit"
)

const (
	// maxBatch is the size from which on a group is written in several batches;
	// only the last one is synced, and with it those before.
	maxBatch = 1 << 20
	// unitOverhead is what a unit and each of its operations cost beside keys and
	// values, for the count of bytes in flight.
	unitOverhead, opOverhead = 64, 48
	// maxUnsynced is how many relaxed groups may be on their way to the disk.
	maxUnsynced = 64
	// reclaimEvery is how much time passes between two looks at the value log while
	// the disk is nearly full.
	reclaimEvery = 100 * time.Millisecond
)

// A group is the units that are committed together. Units join the open group;
// a leader takes it, commits it and hands the lead to a waiter of the next one.
type group struct {
	units   []*commit.Unit // guarded by log.mu until taken, then the leader's
	bytes   int            // guarded by log.mu
	waiters int            // guarded by log.mu; without the leader
	funcs   []func(error)  // guarded by log.mu; what WaitFunc calls at the end
	done    bool           // guarded by log.mu: durable, callbacks have run
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
	taken    *group        // what the leader commits; nil if nobody does
	leading  bool          // somebody commits, or was woken to
	inFlight int           // bytes submitted and not done
	room     chan struct{} // closed when inFlight falls; nil if nobody waits
	dead     bool          // closed, or a commit failed
	began    time.Time     // when the leader began
	stalled  chan struct{} // closed while the disk is full and no commit gets through
	isClosed bool          // stalled is
	// reclaimed is when a nearly full disk last asked for a look at the value log,
	// and reclaim that no leader has seen that.
	reclaimed time.Time
	reclaim   bool

	fatalOnce sync.Once

	// The following belong to the leader.
	commits  uint64
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
func (s *Store) Admit(ctx context.Context, bytes int) error {
	if bytes > commit.Frees {
		err := s.log.space.admit(bytes)
		if err != nil && s.log.reclaimSpace() {
			err = s.log.space.admit(bytes)
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
		if !l.leading {
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
	if l.leading {
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
	case !l.leading:
		// Nobody commits, so the group is the open one.
		l.leading = true
		l.mu.Unlock()
		l.take()
		l.mu.Lock()
	}
	return l.wait(g, giveUp)
}

// waitFunc has the group of a unit committed, by a goroutine of its own if nobody leads.
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
	begin := !l.leading // so the group is the open one
	l.leading = true
	l.mu.Unlock()
	if begin {
		go l.lead()
	}
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
	select {
	case _, lead := <-g.wake:
		l.led(g, lead)
	case <-stalled:
		go func() {
			_, lead := <-g.wake
			l.led(g, lead)
		}()
		return false, l.s.errStalled()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return g.done, nil
}

// led has the group committed if that fell to the caller, and waits for the end of it.
func (l *log) led(g *group, lead bool) {
	if lead {
		l.take()
		<-g.wake
	}
}

// stall tells those who wait if the leader has been at a commit for long. It is called
// while the disk is full.
func (l *log) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leading && !l.isClosed && !l.began.IsZero() && wall.Now().Sub(l.began) >= fullPatience {
		l.isClosed = true
		close(l.stalled)
		l.tellStalled()
	}
}

// tellStalled tells those that do not wait. The caller holds mu.
func (l *log) tellStalled() {
	var all []func(error)
	for _, g := range []*group{l.taken, l.open} {
		if g != nil {
			all = append(all, g.funcs...)
			g.funcs = nil
		}
	}
	if len(all) == 0 {
		return
	}
	err := l.s.errStalled()
	go func() {
		for _, done := range all {
			done(err)
		}
	}()
}

// lead commits the open group. The caller has set leading.
func (l *log) lead() {
	// The commit before has woken its waiters. Those that have more to submit get
	// the chance to join: with 8 of them it makes groups of 7 instead of 4. If there
	// was but one there is nobody to wait for, and on a busy machine this lasts.
	if l.crowd {
		runtime.Gosched()
	}
	l.mu.Lock()
	g := l.open
	l.crowd = len(g.units) > 1
	l.taken, l.open = g, newGroup()
	l.began = wall.Now()
	l.look, l.reclaim = l.look || l.reclaim, false
	l.mu.Unlock()

	finished := false
	defer func() {
		if finished {
			return
		}
		// A panic of a callback, or the end of its goroutine. Passed on, it might
		// end one connection and leave the log without a leader.
		if p := recover(); p != nil {
			l.fatal(fmt.Errorf("commit: panic: %v\n%s", p, debug.Stack()))
		}
		l.fatal(errors.New("commit: a callback ended its goroutine"))
	}()
	if err := l.commit(g.units); err != nil {
		l.fatal(fmt.Errorf("commit to %s: %w", l.s.dir, err))
	}
	l.commits++
	if f := l.s.opts.AfterCommit; f != nil {
		f(l.commits)
	}
	for _, u := range g.units {
		for _, f := range u.Callbacks() {
			f()
		}
	}
	finished = true
	l.finish(g)
}

// finish wakes those that waited and passes the lead on.
func (l *log) finish(g *group) {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		runtime.Goexit()
	}
	g.done = true
	g.units, l.taken = nil, nil
	if l.began = (time.Time{}); l.isClosed {
		l.stalled, l.isClosed = make(chan struct{}), false
	}
	l.inFlight -= g.bytes
	l.wakeAdmitted()
	again := false
	switch {
	case l.open.waiters > 0:
		l.open.waiters--
		l.open.wake <- struct{}{}
	case len(l.open.funcs) > 0:
		again = true
	default:
		l.leading = false
	}
	funcs := g.funcs
	g.funcs = nil
	l.mu.Unlock()
	close(g.wake)
	for _, done := range funcs {
		done(nil)
	}
	if again {
		// A goroutine of its own: the caller may be one that waited for its own unit.
		go l.lead()
	}
}

func (l *log) wakeAdmitted() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

// fatal stops the log and the process: what was submitted can't be made durable.
// It ends the goroutine if Options.Fatal returns. It may be called by the leader
// and by the database in goroutines of its own.
func (l *log) fatal(err error) {
	l.fatalOnce.Do(func() {
		l.mu.Lock()
		l.die()
		l.mu.Unlock()
		l.s.opts.Fatal(err)
	})
	runtime.Goexit()
}

// die lets everybody who waits see that there will be no more commits. The
// caller holds mu.
func (l *log) die() {
	l.dead = true
	l.wakeAdmitted()
	for _, g := range []*group{l.taken, l.open} {
		if g != nil {
			close(g.wake)
		}
	}
	l.taken = nil
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
		case l.leading:
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

// commit makes the units durable in their order, or written if all are relaxed.
func (l *log) commit(units []*commit.Unit) error {
	db := l.s.db
	relaxed := len(units) > 0
	large, err := l.separate(units)
	if err != nil {
		return err
	}
	b := db.NewBatch()
	if v := l.s.values; v != nil && len(v.began) > 0 {
		l.look = true
		if err := v.nameBegan(b); err != nil {
			return err
		}
	}
	counts := findOverwritten(units)
	for _, u := range units {
		relaxed = relaxed && u.Relaxed()
		if b.Len() >= maxBatch && len(u.Ops()) > 0 {
			if err := l.batches.end(b); err != nil {
				return err
			}
			if err := closeBatch(b, b.Commit(pebble.NoSync)); err != nil {
				return err
			}
			b = db.NewBatch()
		}
		if err := apply(b, u.Ops(), &large, &counts); err != nil {
			return err
		}
	}
	if !b.Empty() {
		if err := l.mark.stamp(l.s, b, clock.MarkEvery); err != nil {
			return err
		}
		if err := l.batches.end(b); err != nil {
			return err
		}
	}
	switch {
	case l.s.opts.InMemory:
		return closeBatch(b, b.Commit(pebble.NoSync))
	case b.Empty():
		b.Close()
	case relaxed && large == nil:
		return l.write(b)
	default:
		if err := closeBatch(b, b.Commit(pebble.Sync)); err != nil {
			return err
		}
		l.batches.wasSynced()
	}
	if relaxed {
		return nil
	}
	if err := l.await(0); err != nil || !l.look {
		return err
	}
	return l.collect()
}

// write has Pebble write and sync a batch, and waits for neither: the goroutine of its
// log writer does both, at once. Without a sync Pebble would keep the batch in a buffer
// of the process until that is full, and a killed process would lose all that is in it.
func (l *log) write(b *pebble.Batch) error {
	if err := l.s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		return err
	}
	l.unsynced = append(l.unsynced, b)
	return l.await(maxUnsynced)
}

// await waits until at most keep batches are on their way to the disk. After a
// sync there is nothing to wait for, since syncs are done in order.
func (l *log) await(keep int) error {
	for len(l.unsynced) > keep {
		b := l.unsynced[0]
		l.unsynced = append(l.unsynced[:0], l.unsynced[1:]...)
		if err := closeBatch(b, b.SyncWait()); err != nil {
			return err
		}
	}
	return nil
}

// separate writes large values to the value log. A store in memory has none.
func (l *log) separate(units []*commit.Unit) (references, error) {
	v := l.s.values
	if v == nil {
		return nil, nil
	}
	l.removeDropped()
	return v.write(units)
}

func apply(b *pebble.Batch, ops []commit.Op, large *references, o *overwritten) (err error) {
	for _, op := range ops {
		switch op.Kind {
		case commit.OpOverwrite:
			if !o.take() {
				err = b.Set(op.Key, op.Value, nil)
			}
		case commit.OpSet:
			if isLarge(&op) && len(*large) > 0 {
				err = b.Set(op.Key, large.take(), nil)
			} else {
				err = set(b, &op)
			}
		case commit.OpDelete:
			err = b.Delete(op.Key, nil)
		case commit.OpDeleteRange:
			err = b.DeleteRange(op.Key, op.To, nil)
		default:
			err = fmt.Errorf("unknown operation %d", op.Kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// set adds a value, which may be in parts.
func set(b *pebble.Batch, op *commit.Op) error {
	if len(op.Value) == op.Len() {
		return b.Set(op.Key, op.Value, nil)
	}
	d := b.SetDeferred(len(op.Key), op.Len())
	copy(d.Key, op.Key)
	n := copy(d.Value, op.Value)
	n += copy(d.Value[n:], op.Body)
	copy(d.Value[n:], op.Tail)
	return d.Finish()
}

func closeBatch(b *pebble.Batch, err error) error {
	if err == nil {
		err = b.Close()
	}
	return err
}
