package entity

import "time"

// A deadline is when something ends, such as a lock or a backoff, and its place among
// the deadlines of others.
type deadline struct {
	due   time.Time
	index int // in a list of deadlines, -1 if in none
}

func (d *deadline) ends() *deadline { return d }

// deadlines orders what has a deadline by it, as a heap. Each knows its place, so that
// what is settled is removed at once: with a minute's lock a heap that only skipped
// settled messages would hold a minute of traffic.
type deadlines[T interface{ ends() *deadline }] []T

func (h deadlines[T]) less(i, j int) bool { return h[i].ends().due.Before(h[j].ends().due) }

func (h deadlines[T]) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].ends().index, h[j].ends().index = i, j
}

// set gives x a deadline, in place of the one that it has.
func (h *deadlines[T]) set(x T, due time.Time) {
	h.remove(x)
	d := x.ends()
	d.due, d.index = due, len(*h)
	*h = append(*h, x)
	h.up(d.index)
}

// remove does nothing if x has no deadline.
func (h *deadlines[T]) remove(x T) {
	i, last := x.ends().index, len(*h)-1
	if i < 0 {
		return
	}
	if i != last {
		h.swap(i, last)
	}
	var none T
	(*h)[last] = none
	*h = (*h)[:last]
	x.ends().index = -1
	if i < last {
		if !h.down(i) {
			h.up(i)
		}
	}
}

func (h deadlines[T]) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			return
		}
		h.swap(i, p)
		i = p
	}
}

func (h deadlines[T]) down(i int) bool {
	start := i
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h.less(c+1, c) {
			c++
		}
		if !h.less(c, i) {
			break
		}
		h.swap(i, c)
		i = c
	}
	return i > start
}

// first returns the earliest deadline, zero if there is none.
func (h deadlines[T]) first() time.Time {
	if len(h) == 0 {
		return time.Time{}
	}
	return h[0].ends().due
}

// dueAt reports whether a deadline has passed.
func (h deadlines[T]) dueAt(now time.Time) bool { return len(h) > 0 && !h.first().After(now) }

// overdue calls f for all whose deadline has passed, in no order, until f returns false.
// f must not change the list.
func (h deadlines[T]) overdue(now time.Time, f func(T) bool) { h.walk(0, now, f) }

func (h deadlines[T]) walk(i int, now time.Time, f func(T) bool) bool {
	if i >= len(h) || h[i].ends().due.After(now) {
		return true
	}
	return f(h[i]) && h.walk(2*i+1, now, f) && h.walk(2*i+2, now, f)
}
