package broker

import (
	"context"
	"sync"
)

// How many entities are served at once, and how many sub-queues are forwarded from: these
// wait for the disk most of the time, and who waits for messages must not wait behind them.
const (
	workers = 4
	movers  = 16
)

// pool runs what must not run where it was noticed: reads for entities, and what
// a callback may not do because it would take an entity's lock.
type pool struct {
	mu     sync.Mutex
	ready  sync.Cond
	queue  []func()
	ended  bool
	active sync.WaitGroup
}

func newPool() *pool {
	p := &pool{}
	p.ready.L = &p.mu
	return p
}

func (p *pool) start(ctx context.Context, workers int) {
	context.AfterFunc(ctx, func() {
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.ready.Broadcast()
	})
	for range workers {
		p.active.Go(p.run)
	}
}

func (p *pool) wait() { p.active.Wait() }

// add queues f. It never blocks.
func (p *pool) add(f func()) {
	p.mu.Lock()
	p.queue = append(p.queue, f)
	p.mu.Unlock()
	p.ready.Signal()
}

func (p *pool) run() {
	for {
		p.mu.Lock()
		for len(p.queue) == 0 && !p.ended {
			p.ready.Wait()
		}
		if p.ended {
			p.mu.Unlock()
			return
		}
		f := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.mu.Unlock()
		f()
	}
}
