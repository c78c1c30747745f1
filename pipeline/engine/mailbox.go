package engine

import "sync"

// A message is what a run's owner is told: that a slot is granted, that the run is
// being cancelled, that the engine stops, or the outcome of an attempt. Nobody waits
// for an answer: an owner may compute, or wait for the log, for long.
type message any

// A mailbox takes messages for one owner without ever blocking the sender.
type mailbox struct {
	mu       sync.Mutex
	messages []message // guarded by mu
	closed   bool      // guarded by mu
	ready    chan struct{}
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// post drops the message if the owner has gone.
func (b *mailbox) post(m message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		drop(m)
		return
	}
	b.messages = append(b.messages, m)
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// drain takes all messages. The slice is the owner's until the next call with
// it as spare.
func (b *mailbox) drain(spare []message) []message {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.messages
	b.messages = spare[:0]
	return m
}

// close refuses further messages and drops those that were not read.
func (b *mailbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, m := range b.messages {
		drop(m)
	}
	b.messages = nil
}

// drop gives back what a message holds that nobody reads, and answers who waits for an
// answer.
func drop(m message) {
	switch m := m.(type) {
	case outcome:
		if m.result.Release != nil {
			m.result.Release()
		}
	case calledBack:
		m.answer <- errNobodyWaits
	}
}
