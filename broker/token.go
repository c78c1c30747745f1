package broker

import (
	"fmt"
	"io"
	"sync"
)

// tokenSource draws lock tokens: random UUIDs, version 4. It reads ahead, because
// each message that is delivered needs one.
type tokenSource struct {
	mu   sync.Mutex
	rand io.Reader
	buf  [1024]byte
	left int
}

func (t *tokenSource) next() (token LockToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == 0 {
		if _, err := io.ReadFull(t.rand, t.buf[:]); err != nil {
			panic(fmt.Sprintf("broker: no random numbers: %v", err))
		}
		t.left = len(t.buf)
	}
	copy(token[:], t.buf[len(t.buf)-t.left:])
	t.left -= len(token)
	token[6] = token[6]&0x0f | 0x40
	token[8] = token[8]&0x3f | 0x80
	return token
}
