package main

import (
	"slices"
	"sync"
)

// A message is what was sent, as it came.
type message struct {
	queue   *queue
	id      uint64
	format  uint32
	payload []byte
}

// A queue is messages that are durable and that nobody has. Any goroutine may use it.
type queue struct {
	address string

	mu      sync.Mutex
	waiting []*message  // guarded by mu: the oldest first
	hungry  []*receiver // guarded by mu: they had credit when nothing waited
}

// put adds messages behind the others.
func (q *queue) put(ms []*message) {
	q.mu.Lock()
	q.waiting = append(q.waiting, ms...)
	q.unlockAndFeed()
}

// giveBack puts messages that a client did not settle before the others.
func (q *queue) giveBack(ms []*message) {
	if len(ms) == 0 {
		return
	}
	q.mu.Lock()
	q.waiting = slices.Concat(ms, q.waiting)
	q.unlockAndFeed()
}

// unlockAndFeed has everybody who waits for messages look for some: who is first has as many as
// its credit allows.
func (q *queue) unlockAndFeed() {
	hungry := q.hungry
	q.hungry = nil
	for _, r := range hungry {
		r.hungry = false
	}
	q.mu.Unlock()
	for _, r := range hungry {
		r.c.nc.Post(r.pull)
	}
}

// take takes the oldest messages, at most n. A receiver that gets fewer is told when there are more.
func (q *queue) take(r *receiver, n int) []*message {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n > len(q.waiting) {
		n = len(q.waiting)
		if !r.hungry {
			r.hungry = true
			q.hungry = append(q.hungry, r)
		}
	}
	ms := slices.Clone(q.waiting[:n])
	clear(q.waiting[:n]) // what is behind the slice would be kept
	q.waiting = q.waiting[n:]
	return ms
}

// leave forgets a receiver.
func (q *queue) leave(r *receiver) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hungry = slices.DeleteFunc(q.hungry, func(other *receiver) bool { return other == r })
}
