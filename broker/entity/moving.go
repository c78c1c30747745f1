package entity

// What one operation moves to the dead-letter queue at most, and so the content that is
// in memory for it. One message is always moved.
const (
	moveMessages = 64
	moveBytes    = 4 << 20
)

// moving counts what an operation moves.
type moving struct{ messages, bytes int }

// admits reports whether the message may be moved too, and counts it.
func (m *moving) admits(it *item) bool {
	if m.messages > 0 && m.bytes+it.size > moveBytes {
		m.messages = moveMessages // nor any other, or the first would wait behind those that are small
		return false
	}
	m.messages++
	m.bytes += it.size
	return true
}

func (m *moving) full() bool { return m.messages >= moveMessages }
