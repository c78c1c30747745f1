package entity

// dueHeap orders items by the end of their lock or backoff. Items know their
// index, so that a settled one is removed at once: with a minute's lock a heap
// that only skipped settled items would hold a minute of traffic.
type dueHeap []*item

func (h dueHeap) less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h dueHeap) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *dueHeap) push(it *item) {
	it.index = len(*h)
	*h = append(*h, it)
	h.up(it.index)
}

func (h *dueHeap) remove(it *item) {
	i, last := it.index, len(*h)-1
	if i < 0 {
		return
	}
	if i != last {
		h.swap(i, last)
	}
	(*h)[last] = nil
	*h = (*h)[:last]
	it.index = -1
	if i < last {
		if !h.down(i) {
			h.up(i)
		}
	}
}

func (h dueHeap) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			return
		}
		h.swap(i, p)
		i = p
	}
}

func (h dueHeap) down(i int) bool {
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

// seqHeap orders by sequence number the items that have left the window and are
// in memory. Items that have since gone or come back are skipped when they
// surface; see sub.lowWater.
type seqHeap []*item

func (h *seqHeap) push(it *item) {
	*h = append(*h, it)
	s := *h
	for i := len(s) - 1; i > 0; {
		p := (i - 1) / 2
		if s[i].seq >= s[p].seq {
			return
		}
		s[i], s[p] = s[p], s[i]
		i = p
	}
}

func (h *seqHeap) pop() {
	s := *h
	last := len(s) - 1
	s[0] = s[last]
	s[last] = nil
	s = s[:last]
	*h = s
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(s) {
			return
		}
		if c+1 < len(s) && s[c+1].seq < s[c].seq {
			c++
		}
		if s[i].seq <= s[c].seq {
			return
		}
		s[i], s[c] = s[c], s[i]
		i = c
	}
}
