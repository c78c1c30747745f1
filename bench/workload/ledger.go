package workload

import "sync"

// A ledger is which messages of a measurement have come back.
type ledger struct {
	Workload
	run uint64

	mu   sync.Mutex
	came [][]uint64 // guarded by mu: a bit for each message, by producer
	n    int        // guarded by mu: how many are set
}

func newLedger(run uint64, w Workload) *ledger {
	l := &ledger{Workload: w, run: run, came: make([][]uint64, Producers)}
	for p := range l.came {
		l.came[p] = make([]uint64, (w.share(p)+63)/64)
	}
	return l
}

// A reader is what one consumer has seen: the messages of one producer come to it in
// their order, though others of that producer may go elsewhere.
type reader struct {
	*ledger
	next [Producers]uint32 // by producer: the least number that may come
}

// took notes a message and reports whether it was the last of all.
func (r *reader) took(body []byte) (last bool, err error) {
	id, whole := read(body)
	switch {
	case !whole || len(body) != r.Size:
		return false, fault(Damaged, "a message of %d bytes came back changed", r.Size)
	case id.run != r.run:
		return false, fault(Duplicated, "a message of an earlier measurement came, though the queue was empty before this one")
	case id.producer >= Producers || int(id.number) >= r.share(int(id.producer)):
		return false, fault(Damaged, "message %d of producer %d came, and was never sent", id.number, id.producer)
	}
	r.mu.Lock()
	word, bit := &r.came[id.producer][id.number/64], uint64(1)<<(id.number%64)
	twice := *word&bit != 0
	*word |= bit
	if !twice {
		r.n++
	}
	last = r.n == r.Messages
	r.mu.Unlock()
	switch {
	case twice:
		return false, fault(Duplicated, "message %d of producer %d came twice", id.number, id.producer)
	case id.number < r.next[id.producer]:
		return false, fault(Disordered, "message %d of producer %d came to a consumer that had had %d of it",
			id.number, id.producer, r.next[id.producer]-1)
	}
	r.next[id.producer] = id.number + 1
	return last, nil
}

// missing is the fault of messages that have not come, nil if all have.
func (l *ledger) missing() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == l.Messages {
		return nil
	}
	for p := range l.came {
		for i := range l.share(p) {
			if l.came[p][i/64]&(1<<(i%64)) == 0 {
				return fault(Lost, "%d of %d accepted messages did not come back; the first is message %d of producer %d",
					l.Messages-l.n, l.Messages, i, p)
			}
		}
	}
	return nil
}
