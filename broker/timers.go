package broker

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// timers wakes entities at their deadlines, from one goroutine.
type timers struct {
	b      *Broker
	wake   chan struct{} // capacity 1: an earlier deadline was set
	active sync.WaitGroup

	mu   sync.Mutex
	heap alarms
}

type alarm struct {
	at           time.Time
	messageStore *messageStore
}

// alarms is a heap by time. An entity may be in it more than once: an alarm that
// finds nothing due does no harm.
type alarms []alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a alarms) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)        { *a = append(*a, x.(alarm)) }
func (a *alarms) Pop() any {
	old := *a
	x := old[len(old)-1]
	old[len(old)-1] = alarm{}
	*a = old[:len(old)-1]
	return x
}

func newTimers(b *Broker) *timers { return &timers{b: b, wake: make(chan struct{}, 1)} }

// set wakes the entity at the given time.
func (t *timers) set(e *messageStore, at time.Time) {
	t.mu.Lock()
	first := len(t.heap) == 0 || at.Before(t.heap[0].at)
	heap.Push(&t.heap, alarm{at, e})
	t.mu.Unlock()
	if first {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

func (t *timers) start(ctx context.Context) { t.active.Go(func() { t.run(ctx) }) }

func (t *timers) wait() { t.active.Wait() }

func (t *timers) run(ctx context.Context) {
	timer := t.b.clock.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(t.fire())
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-timer.C():
		}
	}
}

// fire wakes what is due and returns how long to wait for the next.
func (t *timers) fire() time.Duration {
	now := t.b.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.heap) > 0 {
		next := t.heap[0]
		if next.at.After(now) {
			// A timer may fire a fraction early: never wait for nothing.
			return max(next.at.Sub(now), time.Millisecond)
		}
		heap.Pop(&t.heap)
		next.messageStore.wake()
	}
	return time.Hour
}
