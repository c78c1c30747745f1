// Package held bounds what clients make the process keep in memory before they have
// finished what they are saying: the begun messages of AMQP connections, the bodies
// of HTTP requests. Each of them is small enough; together they are not. It starts no
// goroutine.
package held

import (
	"math"
	"runtime/debug"
	"sync"
)

// A Budget is a bound on the bytes that all its holders keep. When they are more,
// the holder that keeps most is shed, of several equal ones the oldest: so somebody
// who takes all there is loses it before anybody who takes little does.
type Budget struct {
	limit int64

	mu      sync.Mutex
	total   int64                // guarded by mu: of those that are not shed
	holders map[*Holder]struct{} // guarded by mu: those that keep something and are not shed
	opened  uint64               // guarded by mu
	shed    uint64               // guarded by mu
}

// New returns a budget of limit bytes.
func New(limit int64) *Budget { return &Budget{limit: limit, holders: map[*Holder]struct{}{}} }

// fallback stands for the memory of the process where no limit is set.
const fallback = 2 << 30

// OfMemory returns a budget of one part of the memory limit of the process
// (GOMEMLIMIT); where none is set, of 2 GiB.
func OfMemory(part int64) *Budget {
	limit := debug.SetMemoryLimit(-1) // only asks
	if limit == math.MaxInt64 {
		limit = fallback
	}
	return New(max(limit/part, 1<<20))
}

// Limit returns the bound in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// Usage returns the bytes that all holders keep, and how many holders were shed so far.
func (b *Budget) Usage() (bytes int64, shed uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total, b.shed
}

// A Holder is one connection or request. Its methods are safe for concurrent use.
type Holder struct {
	budget *Budget
	shed   func()
	number uint64

	bytes int64 // guarded by budget.mu
	over  bool  // guarded by budget.mu: shed or closed
}

// Open returns a holder that keeps nothing yet. shed is called at most once, on the
// goroutine that took the last bytes, and does not block: it makes the holder
// let go of what it keeps. The bytes of a holder that is shed no longer count.
func (b *Budget) Open(shed func()) *Holder {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened++
	return &Holder{budget: b, shed: shed, number: b.opened}
}

// Set says how many bytes the holder keeps now.
func (h *Holder) Set(bytes int64) {
	b := h.budget
	b.mu.Lock()
	if h.over || bytes == h.bytes {
		b.mu.Unlock()
		return
	}
	b.total += bytes - h.bytes
	if h.bytes = bytes; bytes > 0 {
		b.holders[h] = struct{}{}
	} else {
		delete(b.holders, h)
	}
	var victims []*Holder
	for b.total > b.limit && len(b.holders) > 0 {
		victim := b.largest()
		victim.leave()
		b.shed++
		victims = append(victims, victim)
	}
	b.mu.Unlock()
	for _, v := range victims {
		v.shed()
	}
}

// Close ends the holder: it keeps nothing more.
func (h *Holder) Close() {
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	if !h.over {
		h.leave()
	}
}

// leave takes the holder out of the sum. The caller holds the budget's mu.
func (h *Holder) leave() {
	h.over = true
	h.budget.total -= h.bytes
	delete(h.budget.holders, h)
}

// largest returns the holder that is shed next. The caller holds mu.
func (b *Budget) largest() (victim *Holder) {
	for h := range b.holders {
		if victim == nil || h.bytes > victim.bytes || h.bytes == victim.bytes && h.number < victim.number {
			victim = h
		}
	}
	return victim
}
