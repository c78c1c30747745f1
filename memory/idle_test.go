package memory

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestReturnIdle: memory is given back once after a burst, not while the process
// is busy, and not where there is little of it.
func TestReturnIdle(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name      string
		allocated []uint64 // MiB in each period
		held      uint64
		want      int
	}{
		{"after a burst", []uint64{500, 0, 0, 0}, 600 * mib, 1},
		{"after each burst", []uint64{500, 0, 500, 0, 0}, 600 * mib, 2},
		{"never while busy", []uint64{500, 500, 500, 500}, 600 * mib, 0},
		{"not where little is held", []uint64{500, 0, 0}, 60 * mib, 0},
		{"where more than the tables of the log is held", []uint64{500, 0, 0}, 100 * mib, 1},
		{"not after little", []uint64{20, 0, 20, 0}, 600 * mib, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var mu sync.Mutex // guards h
			h, freed := heap{held: tt.held}, 0
			look := func() heap {
				mu.Lock()
				defer mu.Unlock()
				return h
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				returnIdle(ctx, look, func() { freed++ })
			}()
			synctest.Wait()
			for _, n := range tt.allocated {
				mu.Lock()
				h.allocated += n * mib
				mu.Unlock()
				time.Sleep(lookEvery)
				synctest.Wait()
			}
			cancel()
			<-done
			if freed != tt.want {
				t.Errorf("%s: memory was given back %d times, want %d", tt.name, freed, tt.want)
			}
		})
	}
}
