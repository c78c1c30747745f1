package trigger

import (
	"cmp"
	"context"
	"time"
)

// sweepEvery is the time between two looks at what need not be kept.
const sweepEvery = time.Minute

// justFired is how long a trigger run is kept at least.
const justFired = time.Minute

// keptAlone is how long a trigger run without pipeline runs is kept if those have no age:
// as long as Azure keeps runs [ADF-REST 8.3].
const keptAlone = 45 * 24 * time.Hour

// sweepAtOnce is how many trigger runs one sweep looks at. The next one goes on behind them.
const sweepAtOnce = 16 * deleteBatch

// Sweep forgets, now and then, the trigger runs that need not be kept, until ctx ends. If
// pipeline runs are kept for ever, it returns at once.
func (x *Firings) Sweep(ctx context.Context) {
	if keep := x.o.Engine.Retention(); keep.Age <= 0 && keep.Size <= 0 {
		return
	}
	s := sweeper{Firings: x, gone: map[string]string{}}
	timer := x.o.Clock.NewTimer(sweepEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
		}
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			x.o.Logger.Error("trigger runs that are too old can't be deleted; it is tried again", "error", err)
		}
		timer.Reset(sweepEvery)
	}
}

// A sweeper looks at all trigger runs, some in each sweep.
type sweeper struct {
	*Firings
	from string // where the next sweep goes on; "": at the first
	// gone is, by the prefix of a factory's keys, the last trigger run with pipeline runs that
	// the history no longer had. What has fired before and has no runs need not outlive it.
	gone map[string]string
}

// A lookedAt is a trigger run and its key.
type lookedAt struct {
	key string
	run *Run
}

// sweep looks at the next trigger runs in the order of their keys. It ends behind the last one,
// and the next sweep begins at the first.
func (s *sweeper) sweep(ctx context.Context) error {
	for left := sweepAtOnce; left > 0 && ctx.Err() == nil; left -= deleteBatch {
		looked, err := s.look()
		if err != nil {
			return err
		}
		var due []string
		for _, l := range looked {
			ok, err := s.due(l)
			if err != nil {
				return err
			}
			if ok {
				due = append(due, l.key)
			}
		}
		if len(due) > 0 {
			if err := s.delete(ctx, due); err != nil {
				return err
			}
		}
		if len(looked) < deleteBatch {
			s.from = ""
			break
		}
		s.from = looked[len(looked)-1].key + "\x00"
	}
	return ctx.Err()
}

// look returns the next trigger runs.
func (s *sweeper) look() (looked []lookedAt, err error) {
	from := cmp.Or(s.from, firingPrefix)
	err = s.o.Records.Range(from, end(firingPrefix), false, func(key string, val []byte, damage error) (bool, error) {
		r, err := readFiring(key, val, damage)
		if err != nil {
			return false, err
		}
		looked = append(looked, lookedAt{key, r})
		return len(looked) < deleteBatch, nil
	})
	return looked, err
}

// due reports whether a trigger run need not be kept any more: when the history has none of
// its runs and, if it never had one, when it is too old or one that fired later is due. Age is
// told by the clock that nobody sets.
func (s *sweeper) due(l lookedAt) (bool, error) {
	r, of := l.run, firingsOf(l.run.Factory)
	if r.Window != nil {
		if stays, err := s.windowStays(r); stays || err != nil {
			return false, err
		}
	}
	age := s.o.Clock.Now().Sub(r.At)
	if len(r.Pipelines) == 0 {
		most := cmp.Or(max(s.o.Engine.Retention().Age, 0), keptAlone)
		return age > most || age > justFired && l.key < s.gone[of], nil
	}
	if age < justFired {
		return false, nil
	}
	for _, p := range r.Pipelines {
		if there, err := s.o.Engine.Exists(p.Run); there || err != nil {
			return false, err
		}
	}
	s.gone[of] = max(s.gone[of], l.key)
	return true, nil
}
