package trigger

import (
	"context"
	"strings"
	"time"
)

// sweepEvery is the time between two looks at what need not be kept.
const sweepEvery = time.Minute

// justFired is how long a trigger run is kept at least.
const justFired = time.Minute

// Sweep forgets, now and then, the trigger runs that need not be kept, until ctx ends. If
// pipeline runs are kept for ever, it returns at once.
func (x *Firings) Sweep(ctx context.Context) {
	if keep := x.o.Engine.Retention(); keep.Age <= 0 && keep.Size <= 0 {
		return
	}
	timer := x.o.Clock.NewTimer(sweepEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
		}
		if err := x.sweep(ctx); err != nil && ctx.Err() == nil {
			x.o.Logger.Error("trigger runs that are too old can't be deleted; it is tried again", "error", err)
		}
		timer.Reset(sweepEvery)
	}
}

// sweep looks at the oldest trigger runs of each factory.
func (x *Firings) sweep(ctx context.Context) error {
	for from := firingPrefix; ctx.Err() == nil; {
		prefix := ""
		looked, err := x.oldest(from, &prefix)
		if err != nil || prefix == "" {
			return err
		}
		var due []string
		for key, r := range looked {
			ok, err := x.due(r)
			if err != nil {
				return err
			}
			if ok {
				due = append(due, key)
			}
		}
		if len(due) > 0 {
			if err := x.delete(ctx, due); err != nil {
				return err
			}
		}
		// Those of one factory again, as long as all of them have to go.
		if len(due) < deleteBatch {
			from = end(prefix)
		}
	}
	return ctx.Err()
}

// oldest returns the oldest trigger runs of the first factory that has any, from a key on,
// and the prefix of their keys.
func (x *Firings) oldest(from string, prefix *string) (map[string]*Run, error) {
	looked := map[string]*Run{}
	err := x.o.Records.Range(from, end(firingPrefix), false, func(key string, val []byte, damage error) (bool, error) {
		r, err := readFiring(key, val, damage)
		if err != nil {
			return false, err
		}
		if *prefix == "" {
			*prefix = firingsOf(r.Factory)
		}
		if !strings.HasPrefix(key, *prefix) {
			return false, nil
		}
		looked[key] = r
		return len(looked) < deleteBatch, nil
	})
	return looked, err
}

// due reports whether a trigger run need not be kept any more: when the history has none of
// its runs and, if it never had one, when it is too old. Age is told by the clock that nobody
// sets.
func (x *Firings) due(r *Run) (bool, error) {
	age := x.o.Clock.Now().Sub(r.At)
	if len(r.Pipelines) == 0 {
		most := x.o.Engine.Retention().Age
		return most > 0 && age > most, nil
	}
	if age < justFired {
		return false, nil
	}
	for _, p := range r.Pipelines {
		if there, err := x.o.Engine.Exists(p.Run); there || err != nil {
			return false, err
		}
	}
	return true, nil
}
