package engine

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// sweepEvery is the time between two looks at the age of runs. A factory that
	// has grown beyond its size is looked at sooner, but not more often than
	// sweepSoon.
	sweepEvery, sweepSoon = time.Minute, time.Second
	// sweepPause is the least pause after each unit of deletions; it is as long as
	// the unit took if that is more, so that deletions take half of a core at most.
	sweepPause = 5 * time.Millisecond
	// catchUp is how much faster than time retention's time goes on at most: a day
	// in 24 minutes.
	catchUp = 60
	// reclaimAfter is how many deleted bytes are worth a look for space that the
	// history can give back to the disk.
	reclaimAfter = 16 << 20
)

// A retainer deletes what an engine's retention no longer keeps. Its fields belong to
// its goroutine, but for those that say something else.
type retainer struct {
	e       *Engine
	wake    chan struct{}             // takes a value when a factory has become too large
	reached atomic.Pointer[time.Time] // retention's time, which never goes back; written by the goroutine

	// places has, for each factory, the run before the oldest that the last sweep
	// kept: what was deleted takes time to look past.
	places  map[string]*Place
	dropped int64 // bytes that were deleted since the last look for space
	deleted bool  // since the last look for unused definitions
}

func newRetainer(e *Engine) *retainer {
	x := &retainer{e: e, wake: make(chan struct{}, 1), places: map[string]*Place{}}
	x.reached.Store(new(time.Time))
	return x
}

// begin takes up retention's time where the history has it.
func (x *retainer) begin() {
	var reached time.Time
	known := false
	for _, t := range x.e.tallies.all() {
		if t.Damage == nil {
			reached, known = latest(reached, t.Reached), true
		}
	}
	if !known {
		reached = x.wall()
	}
	x.reached.Store(&reached)
}

func (x *retainer) time() time.Time { return *x.reached.Load() }

func (x *retainer) wall() time.Time { return x.e.o.Retention.Wall.Now().UTC().Round(0) }

// advance moves retention's time after a wait and returns what age is told by.
func (x *retainer) advance(waited time.Duration) time.Time {
	wall, reached := x.wall(), x.time()
	if !wall.After(reached) {
		return wall
	}
	if most := reached.Add(waited * catchUp); wall.After(most) {
		wall = most
	}
	x.reached.Store(&wall)
	return wall
}

// grown is told of a factory whose history has grown. It doesn't block.
func (x *retainer) grown(held Tally) {
	if size := x.e.o.Retention.Size; size > 0 && held.Bytes > size {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

// loop sweeps now and then, until the engine stops. Only what a timer has measured
// counts as time that has passed.
func (x *retainer) loop() {
	defer x.e.wg.Done()
	ctx, cancel := context.WithCancel(x.e.executing)
	defer cancel()
	go func() { // ends with the loop
		select {
		case <-x.e.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	wait := sweepSoon
	tick := x.e.o.Clock.NewTimer(wait)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C():
			now := x.advance(wait)
			clear(x.places) // a run may be listed later than one that started after it
			x.sweep(ctx, now)
			x.tidy(ctx)
			wait = sweepEvery
			tick.Reset(wait)
		case <-x.wake:
			x.sweep(ctx, x.advance(0))
			x.pause(ctx, sweepSoon)
		}
	}
}

// sweep deletes what has to go of every factory.
func (x *retainer) sweep(ctx context.Context, now time.Time) {
	for _, held := range x.e.tallies.all() {
		if ctx.Err() != nil {
			return
		}
		if err := x.factory(ctx, held, now); err != nil && ctx.Err() == nil {
			x.e.o.Logger.Error("the history of a data factory can't be cut; it is tried again",
				"factory", held.Factory, "err", err)
		}
	}
}

// factory deletes what has to go of one factory, in small units with pauses.
func (x *retainer) factory(ctx context.Context, held Tally, now time.Time) error {
	keep := x.e.o.Retention
	c := keep.cut(held, now, x.e.o.Clock)
	key := strings.ToLower(held.Factory)
	l := Listing{Factory: held.Factory, Behind: x.places[key]}
	for more, kept := true, false; more && ctx.Err() == nil; {
		began := x.e.o.Clock.Now()
		runs, err := x.e.oldest(l)
		if err != nil {
			return err
		}
		if len(runs) == 0 {
			break
		}
		var ids []string
		ids, more = keep.due(&c, runs)
		last := runs[len(runs)-1]
		l.Behind = &Place{last.Start, last.ID}
		if kept = kept || len(ids) < len(runs); !kept {
			x.places[key] = l.Behind
		}
		if len(ids) == 0 {
			continue
		}
		bytes, err := x.e.erase(ctx, ids)
		if err != nil {
			return err
		}
		x.deleted = true
		if x.dropped += bytes; x.dropped >= reclaimAfter {
			x.reclaim()
		}
		x.pause(ctx, min(max(sweepPause, x.e.o.Clock.Now().Sub(began)), sweepSoon))
	}
	// What has only just ended goes a moment later, also if no other run ends.
	x.grown(x.e.tallies.of(held.Factory))
	return nil
}

// tidy gives up what only deleted runs needed.
func (x *retainer) tidy(ctx context.Context) {
	if x.dropped > 0 {
		x.reclaim()
	}
	if !x.deleted {
		return
	}
	if err := x.e.revisions.deleteUnused(ctx, x.e.o.Log); err == nil {
		x.deleted = false
	} else if ctx.Err() == nil {
		x.e.o.Logger.Error("definitions that no run follows can't be deleted; it is tried again", "err", err)
	}
}

func (x *retainer) reclaim() {
	x.dropped = 0
	x.e.o.History.Reclaim()
}

func (x *retainer) pause(ctx context.Context, d time.Duration) {
	t := x.e.o.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
	case <-ctx.Done():
	}
}
