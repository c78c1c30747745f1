package engine

import (
	"container/heap"
	"time"

	"switchyard/clock"
	"switchyard/pipeline/run"
)

// timers are the armed timers of one run, served by one timer of the clock. They
// belong to the run's owner. A timer that is no longer wanted stays until it is
// due and is dropped then.
type timers struct {
	heap  timerHeap
	clock clock.Timer // made when first needed
	at    time.Time   // when clock is due; zero when it isn't armed
	kept  int         // length of the heap after it was compacted
}

func (t *timers) add(timer run.Timer) { heap.Push(&t.heap, timer) }

// due removes and returns a timer that is due.
func (t *timers) due(now time.Time) (run.Timer, bool) {
	if len(t.heap) == 0 || t.heap[0].FireAt.After(now) {
		return run.Timer{}, false
	}
	t.at = time.Time{} // the channel may have been read
	return heap.Pop(&t.heap).(run.Timer), true
}

// arm returns a channel that receives when the next timer is due; nil if there
// is none.
func (t *timers) arm(c clock.Clock) <-chan time.Time {
	if len(t.heap) == 0 {
		return nil
	}
	if first := t.heap[0].FireAt; t.clock == nil || !t.at.Equal(first) {
		t.at = first
		d := max(0, first.Sub(c.Now()))
		if t.clock == nil {
			t.clock = c.NewTimer(d)
		} else {
			t.clock.Reset(d)
		}
	}
	return t.clock.C()
}

// compact drops timers that are no longer wanted once there are many: every
// attempt arms one, and nearly all end long before it is due.
func (t *timers) compact(s *run.State) {
	if len(t.heap) < 64 || len(t.heap) < 2*t.kept {
		return
	}
	kept := t.heap[:0]
	for _, x := range t.heap {
		if s.TimerWanted(x) {
			kept = append(kept, x)
		}
	}
	clear(t.heap[len(kept):])
	t.heap = kept
	heap.Init(&t.heap)
	t.kept = len(kept)
}

// stop releases the clock's timer.
func (t *timers) stop() {
	if t.clock != nil {
		t.clock.Stop()
	}
}

type timerHeap []run.Timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].FireAt.Before(h[j].FireAt) }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(run.Timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
