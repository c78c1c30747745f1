package clock

import (
	"slices"
	"sort"
	"time"
)

// A Set is a time from which the wall clock was ahead of the time of the process, or
// behind it if that is negative, by so much.
type Set struct {
	From  time.Time
	Ahead time.Duration
}

// A Mark is what a process leaves of its clock to the next one.
type Mark struct {
	Time time.Time // of the process
	Wall time.Time // of the wall clock at that time
	Sets []Set     // in their order
}

// mostSets is how many are kept.
const mostSets = 64

// Sets returns when the wall clock was set, in order. The slice must not be changed.
func (p *Process) Sets() []Set {
	if s := p.sets.Load(); s != nil {
		return slices.Clip(*s)
	}
	return nil
}

// Mark returns what the next process goes on from.
func (p *Process) Mark() Mark {
	now := p.Now()
	return Mark{Time: now, Wall: time.Unix(0, unixNano(p.wall.Now())).UTC(), Sets: p.Sets()}
}

// Ahead is how far the wall clock is ahead of the time of the process.
func (m Mark) Ahead() time.Duration {
	if n := len(m.Sets); n > 0 {
		return m.Sets[n-1].Ahead
	}
	return 0
}

// forget drops the least of the sets if there are too many: what is shown of the times
// behind it is then wrong by what it changed.
func forget(sets []Set) []Set {
	if len(sets) <= mostSets {
		return sets
	}
	least, at := time.Duration(-1), 0
	for i := range len(sets) - 1 { // not the last: it is what is shown now
		before := time.Duration(0)
		if i > 0 {
			before = sets[i-1].Ahead
		}
		if by := (sets[i].Ahead - before).Abs(); least < 0 || by < least {
			least, at = by, i
		}
	}
	return slices.Delete(slices.Clone(sets), at, at+1)
}

// Shown returns what the wall clock shows at a time of the process; see [Shown].
func (p *Process) Shown(t time.Time) time.Time {
	sets := p.Sets()
	if len(sets) == 0 || t.IsZero() {
		return t
	}
	i := sort.Search(len(sets), func(i int) bool { return sets[i].From.After(t) })
	if i == 0 {
		return t
	}
	return t.Add(sets[i-1].Ahead)
}

func (p *Process) lastShown(t time.Time) (last time.Time) {
	if t.IsZero() {
		return t
	}
	sets := p.Sets()
	for i := range len(sets) + 1 {
		at := t
		if i > 0 {
			if at = t.Add(-sets[i-1].Ahead); at.Before(sets[i-1].From) {
				continue
			}
		}
		if i < len(sets) && !at.Before(sets[i].From) {
			at = sets[i].From.Add(-1)
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}
