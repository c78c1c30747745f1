package memory

import (
	"container/list"
	"context"
	"sync"
)

// A Room is a number of bytes that those who need much at once share: who finds too
// little free waits, first come, first served, and nobody fails. Who asks for more
// than there is gets the whole room, alone.
type Room struct {
	size int64

	mu      sync.Mutex
	taken   int64     // guarded by mu
	waiting list.List // of *waiter, the first first; guarded by mu
}

type waiter struct {
	bytes int64
	ready chan struct{} // closed when the bytes are the waiter's
}

// NewRoom returns a room of size bytes.
func NewRoom(size int64) *Room { return &Room{size: size} }

// Take waits until that many bytes are free, or ctx ends, whose error it returns. The
// function that it returns gives them back; further calls of it do nothing.
func (r *Room) Take(ctx context.Context, bytes int64) (release func(), err error) {
	bytes = min(bytes, r.size)
	r.mu.Lock()
	if r.waiting.Len() == 0 && r.taken+bytes <= r.size {
		r.taken += bytes
		r.mu.Unlock()
		return r.giver(bytes), nil
	}
	w := &waiter{bytes, make(chan struct{})}
	at := r.waiting.PushBack(w)
	r.mu.Unlock()
	select {
	case <-w.ready:
		return r.giver(bytes), nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-w.ready: // at the same moment
		r.taken -= bytes
	default:
		r.waiting.Remove(at)
	}
	r.admit()
	return nil, ctx.Err()
}

func (r *Room) giver(bytes int64) func() {
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taken -= bytes
		r.admit()
	})
}

// admit lets in those who fit, in their order. The caller holds mu.
func (r *Room) admit() {
	for first := r.waiting.Front(); first != nil; first = r.waiting.Front() {
		w := first.Value.(*waiter)
		if r.taken+w.bytes > r.size {
			return
		}
		r.taken += w.bytes
		r.waiting.Remove(first)
		close(w.ready)
	}
}
