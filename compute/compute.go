// Package compute keeps work that takes long from holding up all other work. A goroutine
// that computes has its processor for 10 ms before another one gets it, so a message that
// passes through four goroutines waits half a second while fifty large answers are parsed.
// Here they take turns: there is one less of them at once than there are processors, and
// one at least.
//
// A turn is short. Who holds one waits for nothing: neither for another turn nor for a
// lock, a room or the log.
package compute

import (
	"context"
	"runtime"
	"time"

	"switchyard/memory"
)

const (
	// Large is the size in bytes of a value from which on work over all of it takes a
	// turn: below it is done in a fraction of a millisecond.
	Large = 256 << 10
	// slice is after how many pauses a turn is passed on, before the work is done.
	slice = 20
	// listen is the pause between two looks at whether the turn is still wanted.
	listen = 20 * time.Millisecond
)

// turns has room for those that compute.
var turns = memory.NewRoom(int64(max(1, runtime.GOMAXPROCS(0)-1)))

// Do calls f, in a turn if it works over so many bytes that it is worth one.
func Do(bytes int, f func()) {
	if bytes >= Large {
		end, _ := turns.Take(context.Background(), 1)
		defer end()
	}
	f()
}

// Long is work of unknown length, which asks for a turn when it turns out to be long, and
// passes it on while it works. The zero value is ready. It belongs to one goroutine.
type Long struct {
	end  func() // nil: there is no turn
	left int    // pauses until it is passed on
}

// Pause is called again and again by work that is long already, every millisecond or more
// often. It takes a turn if there is none, and may pass on the one there is to who waits.
// It returns soon after unwanted has begun to report true, perhaps without a turn.
func (l *Long) Pause(unwanted func() bool) {
	if l.left--; l.end != nil && l.left > 0 {
		runtime.Gosched()
		return
	}
	l.End()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if l.take(gone) {
		return
	}
	go func() {
		look := time.NewTicker(listen)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
				if unwanted() {
					cancel()
				}
			}
		}
	}()
	l.take(ctx)
}

// TryPause is Pause for who can't wait: it reports false if there is no turn now.
func (l *Long) TryPause() bool { return l.end != nil || l.take(gone) }

// gone is for who takes what there is and doesn't wait.
var gone = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (l *Long) take(ctx context.Context) bool {
	l.end, _ = turns.Take(ctx, 1)
	l.left = slice
	return l.end != nil
}

// End gives up the turn if there is one.
func (l *Long) End() {
	if l.end != nil {
		l.end()
		l.end = nil
	}
}
