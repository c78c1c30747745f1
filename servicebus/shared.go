package servicebus

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"switchyard/amqp/frames"
	"switchyard/held"
	"switchyard/memory"
)

// Parts of the memory limit that connections may make the process keep, as divisors.
const (
	provenPart   = 8 // and, if that is less, one largest message, unless it is a third
	unprovenPart = 32
	// storingPart is for messages that are whole and wait for the disk. Each takes
	// storingFactor times its size: the pieces that came, and the whole that is made of
	// them. But freeStoring bytes of a connection are free: as many connections as there
	// may be have little more in the buffers that they read by.
	storingPart, storingFactor = 8, 2
	freeStoring                = 64 << 10
)

// largestMessage is the largest message of Premium, 100 MiB, and what comes with it.
const largestMessage = 108 << 20

// Shared is what the connections of all ports share: how much of what clients have
// begun, and do not take, is kept, and how many there are.
type Shared struct {
	limits           Limits
	proven, unproven *held.Budget
	storing          *memory.Room

	links, unsettled               atomic.Int64
	refusedLinks, refusedUnsettled atomic.Uint64

	mu           sync.Mutex
	conns        map[string]int // guarded by mu: by namespace in lower case
	refusedConns uint64         // guarded by mu
}

// NewShared returns the bounds; those of memory that nobody has set follow from the
// process's memory limit.
func NewShared(l Limits) *Shared {
	l = l.withDefaults()
	return &Shared{limits: l, proven: held.New(l.Memory), unproven: held.OfMemory(unprovenPart),
		storing: memory.NewRoom(held.OfMemory(storingPart).Limit()), conns: map[string]int{}}
}

// enter counts a connection to a namespace. The fault has the service's words.
func (s *Shared) enter(ns string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	ns = strings.ToLower(ns)
	if s.conns[ns] >= s.limits.Connections {
		s.refusedConns++
		return &fault{frames.ErrResourceLimitExceeded, 403, fmt.Sprintf("ConnectionsQuotaExceeded for namespace: %s.", ns)}
	}
	s.conns[ns]++
	return nil
}

func (s *Shared) leave(ns string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ns = strings.ToLower(ns)
	if s.conns[ns]--; s.conns[ns] == 0 {
		delete(s.conns, ns)
	}
}
