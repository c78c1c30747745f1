package eventlog

import (
	"sync"
	"time"

	"switchyard/clock"
)

// interval is the least time between two lines about the same.
const interval = time.Second

// maxBursts is how many things are counted apart at once; further ones are counted
// together, so that names which a client makes up can't fill the log.
const maxBursts = 32

// bursts make a line of what happens often: at once of the first time, and from then on
// one for each interval, with a count, as long as it goes on.
type bursts struct {
	clock clock.Clock
	done  chan struct{}
	wg    sync.WaitGroup // one goroutine for each of open

	mu     sync.Mutex
	closed bool              // guarded by mu
	open   map[string]*burst // guarded by mu
}

// A burst is one thing that has happened in the last interval.
type burst struct {
	count int         // not told yet
	tell  func(n int) // of the latest
}

func newBursts(c clock.Clock) *bursts {
	return &bursts{clock: c, done: make(chan struct{}), open: map[string]*burst{}}
}

// happened counts n times of the thing with a key. tell writes the line.
func (b *bursts) happened(key string, n int, tell func(n int)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.open[key]; x != nil {
		x.count, x.tell = x.count+n, tell
		return
	}
	if len(b.open) >= maxBursts {
		key = "" // of those that are too many
		if x := b.open[key]; x != nil {
			x.count, x.tell = x.count+n, tell
			return
		}
	}
	tell(n)
	if b.closed {
		return
	}
	x := &burst{}
	b.open[key] = x
	b.wg.Go(func() { b.watch(key, x) })
}

// watch tells of a burst until it is over.
func (b *bursts) watch(key string, x *burst) {
	t := b.clock.NewTimer(interval)
	defer t.Stop()
	for {
		select {
		case <-t.C():
		case <-b.done:
		}
		b.mu.Lock()
		n, tell := x.count, x.tell
		x.count = 0
		over := n == 0 || b.closed
		if over {
			delete(b.open, key)
		}
		b.mu.Unlock()
		if n > 0 {
			tell(n)
		}
		if over {
			return
		}
		t.Reset(interval)
	}
}

// close tells what is left.
func (b *bursts) close() {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.done)
	}
	b.mu.Unlock()
	b.wg.Wait()
}
