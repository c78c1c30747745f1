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

// Size returns the bytes of the room.
func (r *Room) Size() int64 { return r.size }

// TryTake is Take for who does not wait: ok is false if that many bytes are not free, or
// others wait for some.
func (r *Room) TryTake(bytes int64) (release func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.try(min(bytes, r.size))
}

// try is TryTake. The caller holds mu.
func (r *Room) try(bytes int64) (release func(), ok bool) {
	if r.waiting.Len() > 0 || r.taken+bytes > r.size {
		return nil, false
	}
	r.taken += bytes
	return r.giver(bytes), true
}

// Take waits until that many bytes are free, or ctx ends, whose error it returns. The
// function that it returns gives them back; further calls of it do nothing. Who holds
// bytes of a room and waits for more may wait for ever.
func (r *Room) Take(ctx context.Context, bytes int64) (release func(), err error) {
	bytes = min(bytes, r.size)
	r.mu.Lock()
	if release, ok := r.try(bytes); ok {
		r.mu.Unlock()
		return release, nil
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
