package engine

import (
	"time"

	"switchyard/clock"
)

// Retention says when runs that have ended leave the history. The oldest go first,
// by their start. A run that is active never goes, nor one that has just ended.
//
// Age is told by the wall clock, of now and as it was shown then, but not beyond a time that goes on at most catchUp
// times as fast as time passes while the engine runs: a clock that is wrong by years
// for a minute makes the history an hour older, and only for that minute. After a
// machine was off for weeks the limit is late by some hours.
type Retention struct {
	// Age is how long a run is kept after it changed last; 0: for ever. Azure keeps
	// 45 days [ADF-REST 8.3].
	Age time.Duration
	// Size is how many bytes the ended runs of one factory may have, as
	// [RunRecord.Bytes] counts; 0: no bound. When there are more, the oldest are
	// deleted until a sixteenth of it is free.
	Size int64
	// Wall is the machine's clock. Default: Options.Clock.
	Wall clock.Clock
}

// justEnded is how long a run stays at least after it has changed, however small the
// size: who started it may still ask how it ended.
const justEnded = 10 * time.Second

func (k Retention) enabled() bool { return k.Age > 0 || k.Size > 0 }

// A cut is what is decided about the oldest runs of a factory.
type cut struct {
	// excess is how many bytes have to go for the sake of the size.
	excess int64
	now    time.Time   // retention's, by the wall clock
	old    time.Time   // by the wall clock: what changed last before is too old
	clock  clock.Clock // the engine's
	used   time.Time   // by the engine's clock: now
	late   time.Time   // by the engine's clock: what started after is not too old
}

// cut begins a sweep of a factory. now is retention's time; the records' times are of c.
func (k Retention) cut(held Tally, now time.Time, used clock.Clock) cut {
	c := cut{now: now, old: now.Add(-k.Age), clock: used, used: used.Now()}
	c.late = clock.LastShown(used, c.old)
	if k.Size > 0 && held.Bytes > k.Size {
		c.excess = held.Bytes - (k.Size - k.Size/16)
	}
	return c
}

// due returns which of a factory's runs have to go, given in the order of their
// starts, and whether any that started after them may have to go too.
func (k Retention) due(c *cut, runs []RunRecord) (ids []string, more bool) {
	for _, r := range runs {
		if k.early(c, r) {
			return ids, false
		}
		if r.Active || r.Updated.After(c.used.Add(-justEnded)) {
			continue
		}
		if c.excess > 0 || k.Age > 0 && k.tooOld(c, r.Updated) {
			ids = append(ids, r.ID)
			c.excess -= r.Bytes
		}
	}
	return ids, true
}

// tooOld reports whether a run that changed last at a time of the engine's clock has to
// go. What a wall clock has shown that was wrong, since it is still to come, tells no age.
func (k Retention) tooOld(c *cut, updated time.Time) bool {
	if shown := clock.Shown(c.clock, updated); !shown.After(c.now) {
		return !shown.After(c.old)
	}
	return !updated.After(c.used.Add(-k.Age))
}

// early reports that neither a run nor any that started later has to go.
func (k Retention) early(c *cut, r RunRecord) bool {
	return c.excess <= 0 && (k.Age == 0 || r.Start.After(c.late))
}
