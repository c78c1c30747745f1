package store

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// lead commits the open group. The caller has set leading.
func (l *log) lead() {
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
	g, before := l.takeOpen()
	w, err := l.write(g.units)
	if err == nil {
		l.follow(g, before, w.collect)
		err = l.complete(w)
	}
	if err != nil {
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
	l.finish(g, w.collect)
}

// takeOpen takes the open group. It returns the group that is synced meanwhile, if any.
func (l *log) takeOpen() (g, before *group) {
	// The commit before has woken its waiters. Those that have more to submit get
	// the chance to join: with 8 of them it makes groups of 7 instead of 4. If there
	// was but one there is nobody to wait for, and on a busy machine this lasts.
	if l.crowd {
		runtime.Gosched()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g = l.open
	l.crowd = len(g.units) > 1
	l.writing, l.open = g, newGroup()
	g.began = wall.Now()
	l.look, l.reclaim = l.look || l.reclaim, false
	return g, l.syncing
}

// follow waits until the group before is done and gives the lead away, unless the
// caller has to write more when this one is durable.
func (l *log) follow(g, before *group, keep bool) {
	if before != nil {
		<-before.wake
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		runtime.Goexit()
	}
	l.writing, l.syncing = nil, g
	g.began = wall.Now()
	if !keep {
		l.leading = false
		l.pass()
	}
}

// pass has the open group committed if it is time, by one of those that wait for it or by
// a goroutine of its own: the caller may be one that waits for its own unit. What nobody
// waits for stays where it is, unless it can be written while another group is synced:
// most often somebody waits for it a moment later. The caller holds mu.
func (l *log) pass() {
	switch g := l.open; {
	case !l.free():
	case g.waiters > 0:
		g.waiters--
		l.leading = true
		g.wake <- struct{}{}
	case len(g.funcs) > 0, l.syncing != nil && len(g.units) > 0:
		l.leading = true
		go l.lead()
	}
}

// finish wakes those that waited for a durable group. The caller leads still if it has
// kept the lead.
func (l *log) finish(g *group, kept bool) {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		runtime.Goexit()
	}
	g.done = true
	g.units, l.syncing = nil, nil
	if l.isClosed {
		l.stalled, l.isClosed = make(chan struct{}), false
	}
	l.inFlight -= g.bytes
	l.wakeAdmitted()
	if kept {
		l.leading = false
	}
	l.pass()
	funcs := g.funcs
	g.funcs = nil
	l.mu.Unlock()
	close(g.wake)
	for _, done := range funcs {
		done(nil)
	}
}

func (l *log) wakeAdmitted() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

// groups returns those that are not done. The caller holds mu.
func (l *log) groups() (all []*group) {
	for _, g := range []*group{l.syncing, l.writing, l.open} {
		if g != nil {
			all = append(all, g)
		}
	}
	return all
}

// stall tells those who wait if a commit has taken long. It is called while the disk is
// full.
func (l *log) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.groups()[0]
	if first != l.open && !l.isClosed && wall.Now().Sub(first.began) >= fullPatience {
		l.isClosed = true
		close(l.stalled)
		l.tellStalled()
	}
}

// tellStalled tells those that do not wait. The caller holds mu.
func (l *log) tellStalled() {
	var all []func(error)
	for _, g := range l.groups() {
		all = append(all, g.funcs...)
		g.funcs = nil
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

// fatal stops the log and the process: what was submitted can't be made durable.
// It ends the goroutine if Options.Fatal returns. It may be called by the leader
// and by the database in goroutines of its own.
func (l *log) fatal(err error) {
	l.fail(err)
	runtime.Goexit()
}

// fail is fatal for those that must not end with it.
func (l *log) fail(err error) {
	l.fatalOnce.Do(func() {
		l.mu.Lock()
		l.die()
		l.mu.Unlock()
		l.s.opts.Fatal(err)
	})
}

// wasSynced notes what the database says is on the disk: it hears nothing of a log that has
// failed ([full.lost]).
func (l *log) wasSynced(number uint64) {
	l.alive()
	l.batches.wasSynced(number)
}

// alive ends the goroutine if the log has failed.
func (l *log) alive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		runtime.Goexit()
	}
}

// die lets everybody who waits see that there will be no more commits. The
// caller holds mu.
func (l *log) die() {
	if l.dead {
		return
	}
	l.dead = true
	l.wakeAdmitted()
	for _, g := range l.groups() {
		close(g.wake)
	}
	l.writing, l.syncing = nil, nil
}
