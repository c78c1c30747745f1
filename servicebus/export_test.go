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

// LandClosed is how many answers are given for a sync that ended because the log was closed,
// and how much of the room that was taken for it comes back.
func LandClosed() (answers, rooms int) {
	c := new(conn)
	f := &flight{pending: pending{after: []func(){func() { answers++ }}, rooms: []func(){func() { rooms++ }}}}
	c.durable.flying = f
	c.land(f)
	return answers, rooms
}
