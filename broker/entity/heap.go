package entity

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
