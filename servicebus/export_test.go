package servicebus

import (
	"switchyard/broker"
	"switchyard/commit"
)

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

// SettleClosed is how many answers are given for a sync that the log of b does not end any
// more, and how much of the room that was taken for it comes back.
func SettleClosed(b *broker.Broker) (answers, rooms int) {
	c := &conn{h: &Handler{broker: b}}
	c.durable.flying = &flight{pending{
		unit:  new(commit.Unit),
		after: []func(){func() { answers++ }},
		rooms: []func(){func() { rooms++ }},
	}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.settleDown()
	}()
	<-ended
	return answers, rooms
}
