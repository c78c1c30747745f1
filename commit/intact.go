package commit

import (
	"fmt"
	"runtime/debug"
)

// Intact is deferred by what changes something shared under a lock. If that panics the
// process ends, with the stack, even if a caller would recover: what the lock guards may
// be half changed, the lock would stay taken for ever, and the next start has everything
// that was acknowledged. It does not return then.
func Intact() {
	if p := recover(); p != nil {
		stack := debug.Stack()
		go panic(fmt.Sprintf("a change under a lock: %v\n\n%s", p, stack)) // nobody recovers there
		select {}
	}
}
