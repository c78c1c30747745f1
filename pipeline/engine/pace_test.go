package engine

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: large turns are written one at a time and take half of the time; small ones,
// and those of runs that are cancelled or stop, wait for none.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := newPace(), time.Now()
		hurry, ctx := make(chan struct{}), t.Context()
		var began []time.Duration
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				end := p.begin(ctx, nil, hurry, pacedFrom)
				began = append(began, time.Since(start)) // one at a time
				time.Sleep(100 * time.Millisecond)
				end()
			})
		}
		synctest.Wait()
		p.begin(ctx, nil, hurry, pacedFrom-1)()
		stopped, stop := context.WithCancel(ctx)
		stop()
		p.begin(stopped, nil, hurry, pacedFrom)()
		cancelled := make(chan struct{})
		close(cancelled)
		p.begin(ctx, nil, cancelled, pacedFrom)()
		p.begin(ctx, cancelled, nil, pacedFrom)() // a stop
		if took := time.Since(start); took != 0 {
			t.Errorf("who does not wait took %s", took)
		}
		wg.Wait()
		if want := []time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond}; !slices.Equal(began, want) {
			t.Errorf("turns began at %v, want %v", began, want)
		}
		// A cancellation ends the pause too, and a pause has a longest.
		end := p.begin(ctx, nil, hurry, pacedFrom)
		time.Sleep(time.Hour)
		end()
		before := time.Now()
		p.begin(ctx, nil, cancelled, pacedFrom)()
		if took := time.Since(before); took != 0 {
			t.Errorf("a cancelled run paused for %s", took)
		}
	})
}

func TestLongestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		end := p.begin(t.Context(), nil, nil, pacedFrom)
		time.Sleep(time.Hour)
		end()
		before := time.Now()
		p.begin(t.Context(), nil, nil, pacedFrom)()
		if took := time.Since(before); took != longestPace {
			t.Errorf("the pause was of %s, want %s", took, longestPace)
		}
	})
}
