package servicebus

// FillStoring takes all room for messages that go to the store.
func (s *Shared) FillStoring() (release func()) {
	release, _ = s.storing.TryTake(1 << 60)
	return release
}

// Storing reports whether any of it is taken.
func (s *Shared) Storing() bool {
	release, ok := s.storing.TryTake(1 << 60)
	if ok {
		release()
	}
	return !ok
}

// Transactions counts the open transactions of all connections, and the bytes that are
// kept for them.
func (h *Handler) Transactions() (open, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		done := make(chan struct{})
		if !c.post(func() {
			defer close(done)
			open += len(c.transactions.open)
			for _, t := range c.transactions.open {
				bytes += t.held
			}
			bytes += c.transactions.bytes
		}) {
			continue
		}
		<-done
	}
	return open, bytes
}
