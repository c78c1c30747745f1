package compute

import (
	"runtime"
	"sync"
)

// spare is how many more processors Go's scheduler has than there are.
const spare = 2

// Spare gives Go's scheduler more processors than it would use, unless the variable
// GOMAXPROCS has said how many; the turns stay as many as they are.
//
// A goroutine keeps its processor for 10 ms, and while all are taken the network is looked
// at every 10 ms too: a message that comes while answers are read, copied and collected
// waits that long at each step. With some to spare one of them waits for the network, and
// who becomes ready has a thread at once; which thread works is then for the system to
// say, and it prefers those that have slept. The cost is a switch between threads now and
// then, and a little more memory that each of them caches.
// Calls after the first change nothing.
func Spare(variable string) {
	if variable == "" {
		spared.Do(func() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spare) })
	}
}

var spared sync.Once
