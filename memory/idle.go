package memory

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookEvery is how much time passes between two looks at the heap.
	lookEvery = 5 * time.Second
	// burst is how much must have been allocated since memory was given back, and
	// resident how much the process must hold, for it to be worth a collection.
	burst    = 64 << 20
	resident = 64 << 20
	// quiet is how much may be allocated between two looks for the process to count
	// as idle: a busy one collects by itself, and a collection costs it.
	quiet = 8 << 20
)

// heap is a look at the heap: what was ever allocated, and what the process holds.
type heap struct{ allocated, held uint64 }

func look() heap {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64() - s[2].Value.Uint64()}
}

// ReturnIdle gives memory back to the system after bursts, until ctx ends. Without
// it a process that has nothing to do keeps what its busiest moment took: it
// allocates nothing, so nothing is collected.
func ReturnIdle(ctx context.Context) { returnIdle(ctx, look, debug.FreeOSMemory) }

func returnIdle(ctx context.Context, look func() heap, free func()) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	last := look()
	given := last.allocated
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := look()
		idle := now.allocated-last.allocated < quiet
		if idle && now.allocated-given > burst && now.held > resident {
			free()
			now = look()
			given = now.allocated
		}
		last = now
	}
}
