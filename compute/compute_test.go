package compute

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/memory"
)

// alone runs f with one turn for all.
func alone(t *testing.T, f func(t *testing.T)) {
	was := turns
	defer func() { turns = was }()
	synctest.Test(t, func(t *testing.T) {
		turns = memory.NewRoom(1)
		f(t)
	})
}

func TestDo(t *testing.T) {
	alone(t, func(t *testing.T) {
		var at, most, small atomic.Int32
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				Do(Large, func() {
					most.Store(max(most.Load(), at.Add(1)))
					Do(Large-1, func() { small.Add(1) }) // takes no turn
					time.Sleep(time.Second)
					at.Add(-1)
				})
			})
		}
		wg.Wait()
		if most.Load() != 1 || small.Load() != 5 {
			t.Errorf("%d at once, want 1; %d small ones done, want 5", most.Load(), small.Load())
		}
	})
}

func TestDoPanics(t *testing.T) {
	alone(t, func(t *testing.T) {
		func() {
			defer func() { recover() }()
			Do(Large, func() { panic("f") })
		}()
		Do(Large, func() {}) // hangs if the turn is lost
	})
}

// TestLong: work that is long passes its turn on to who waits, in time, and those that
// are done give it up.
func TestLong(t *testing.T) {
	alone(t, func(t *testing.T) {
		var order []int // who has worked, for each change
		var mu sync.Mutex
		var wg sync.WaitGroup
		for id := range 3 {
			wg.Go(func() {
				var l Long
				defer l.End()
				for range 3 * slice {
					l.Pause(func() bool { return false })
					mu.Lock()
					if len(order) == 0 || order[len(order)-1] != id {
						order = append(order, id)
					}
					mu.Unlock()
					time.Sleep(time.Millisecond)
				}
			})
		}
		wg.Wait()
		if len(order) < 9 || !slices.Equal(order[3:6], order[:3]) {
			t.Errorf("the turns went to %v, want one after the other", order)
		}
	})
}

func TestLongUnwanted(t *testing.T) {
	alone(t, func(t *testing.T) {
		var holder, l Long
		if !holder.TryPause() || l.TryPause() {
			t.Fatal("want one turn for the first")
		}
		began, unwanted := time.Now(), atomic.Bool{}
		time.AfterFunc(time.Second, func() { unwanted.Store(true) })
		l.Pause(unwanted.Load)
		if took := time.Since(began); took < time.Second || took > time.Second+2*listen || l.end != nil {
			t.Errorf("it waited for %s, with a turn: %t", took, l.end != nil)
		}
		holder.End()
		holder.End() // which has none
		if !l.TryPause() {
			t.Error("the turn was not given up")
		}
		l.End()
	})
}
