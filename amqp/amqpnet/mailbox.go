package amqpnet

import "sync"

// A mailbox holds functions for the loop.
type mailbox struct {
	wake chan struct{} // has a value if the mailbox is not empty

	mu     sync.Mutex
	posts  []func() // guarded by mu
	closed bool     // guarded by mu
}

func newMailbox() mailbox { return mailbox{wake: make(chan struct{}, 1)} }

// post adds f, or reports false if the mailbox is closed.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.posts = append(m.posts, f)
	first := len(m.posts) == 1
	m.mu.Unlock()
	if first {
		m.signal()
	}
	return true
}

func (m *mailbox) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns all functions and leaves spare, emptied, in their place.
func (m *mailbox) take(spare []func()) []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	posts := m.posts
	m.posts = spare[:0]
	return posts
}

// close refuses further functions.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
}
