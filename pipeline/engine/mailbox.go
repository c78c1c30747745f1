package engine

import "sync"

// A message is what a run's owner is told: outcome, cancellation, grant, stopping
// or inspection.
type message any

// A mailbox takes messages for one owner without ever blocking the sender.
type mailbox struct {
	mu       sync.Mutex
	messages []message // guarded by mu
	closed   bool      // guarded by mu
	ready    chan struct{}
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// post reports false if the owner has gone.
func (b *mailbox) post(m message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.messages = append(b.messages, m)
	select {
	case b.ready <- struct{}{}:
	default:
	}
	return true
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

// close refuses further messages and returns those that were not read.
func (b *mailbox) close() []message {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	m := b.messages
	b.messages = nil
	return m
}
