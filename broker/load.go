package broker

import (
	"errors"
	"fmt"
	"slices"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// load makes ready what check asked for. It is called under no lock. If it fails,
// nothing is watched any more.
func (p *plan) load() error {
	for _, x := range p.parts {
		if err := x.load(); err != nil {
			p.lock()
			p.unwatch()
			p.unlockAll()
			return err
		}
	}
	return nil
}

// load makes ready what the part needs, with a loader for each kind of need.
func (x *part) load() error {
	if x.need == nil {
		return nil
	}
	for _, load := range [...]func() error{x.evaluate, x.loadHeaders, x.loadContents, x.loadStored, x.loadIDs, x.loadStates} {
		if err := load(); err != nil {
			return err
		}
	}
	return nil
}

// evaluate applies the rules of now to messages sent to a topic.
func (x *part) evaluate() error {
	for _, op := range x.need.FanOuts {
		x.topic.evaluate(op)
	}
	return nil
}

// loadHeaders fills windows.
func (x *part) loadHeaders() error {
	for _, n := range x.need.Headers {
		if err := x.store.fill(n); err != nil {
			return err
		}
	}
	return nil
}

// loadContents reads the contents of messages. One that is gone is noted as such:
// the operation may no longer need it.
func (x *part) loadContents() error {
	if len(x.need.Contents) == 0 {
		return nil
	}
	if err := x.store.b.Wait(x.lastPut); err != nil {
		return err
	}
	for _, k := range x.need.Contents {
		m, err := x.store.message(k)
		switch {
		case errors.Is(err, ErrDamaged), err != nil && x.ticks():
			// The others of the operation need not suffer for it.
			x.supply.PutFailed(k, err)
		case err != nil:
			return err
		case m == nil:
			x.supply.PutContent(k, nil)
		default:
			x.supply.PutContent(k, &m.Content)
		}
	}
	return nil
}

// ticks reports whether the part ends locks. That goes on whatever can't be read.
func (x *part) ticks() bool {
	_, ok := x.ops[0].(entity.Tick)
	return ok
}

// maxStored is how many bytes of content are read at once for who names messages by
// number, unless it is one message.
const maxStored = 64 << 20

// loadStored reads messages with their status, which every unit may change.
func (x *part) loadStored() error {
	if len(x.need.Stored)+len(x.need.Bare) == 0 {
		return nil
	}
	if err := x.store.b.Wait(x.last); err != nil {
		return err
	}
	bytes := 0
	for i, k := range x.need.Stored {
		m, err := x.store.message(k)
		if err != nil {
			return err
		}
		if m != nil {
			bytes += len(m.Sections)
		}
		if bytes > maxStored && i > 0 {
			return fmt.Errorf("%w: the first %d messages have more than %d MiB together, ask for fewer", ErrMessageTooLarge, i+1, maxStored>>20)
		}
		x.supply.PutStored(k, m)
	}
	return x.loadBare()
}

// loadStates reads states of sessions for their sizes. One that can't be read is replaced as
// if there were none: the new one mends it.
func (x *part) loadStates() error {
	if len(x.need.States) == 0 {
		return nil
	}
	if err := x.store.b.Wait(x.last); err != nil {
		return err
	}
	for _, id := range x.need.States {
		st, err := x.store.b.store.SessionState(x.store.queueID(MainQueue), id)
		if err != nil && !errors.Is(err, ErrDamaged) {
			return x.store.readFailed(fmt.Sprintf("the state of session %q", id), err)
		}
		x.supply.PutState(id, st)
	}
	return nil
}

// near reports whether headers are read with those of a key that comes before. Clients make
// up numbers: the difference of two may be more than an int64 has.
func near(first, k entity.MessageKey) bool {
	return k.Sub == first.Sub && uint64(k.SequenceNumber)-uint64(first.SequenceNumber) < takePage
}

// loadBare reads headers: those whose numbers are close together are read together.
func (x *part) loadBare() error {
	for keys := slices.SortedFunc(slices.Values(x.need.Bare), entity.MessageKey.Compare); len(keys) > 0; {
		first, n := keys[0], 1
		for n < len(keys) && near(first, keys[n]) {
			n++
		}
		limit := int(keys[n-1].SequenceNumber-first.SequenceNumber) + 1
		rows, err := x.store.b.store.Scan(x.store.queueID(first.Sub), first.SequenceNumber, limit, 0)
		if err != nil && n > 1 { // perhaps of one that nobody has named
			n = 1
			rows, err = x.store.b.store.Scan(x.store.queueID(first.Sub), first.SequenceNumber, 1, 0)
		}
		if err != nil {
			return x.store.readFailed(fmt.Sprintf("messages from number %d on", first.SequenceNumber), err)
		}
		for _, k := range keys[:n] {
			for len(rows) > 0 && rows[0].SequenceNumber < k.SequenceNumber {
				rows = rows[1:]
			}
			if len(rows) == 0 || rows[0].SequenceNumber != k.SequenceNumber {
				x.supply.PutStored(k, nil)
				continue
			}
			x.supply.PutBare(k, rows[0].Message, rows[0].Size)
		}
		keys = keys[n:]
	}
	return nil
}

// message reads one message, nil if it is not there.
func (e *messageStore) message(k entity.MessageKey) (*Message, error) {
	m, err := e.b.store.Message(e.queueID(k.Sub), k.SequenceNumber)
	if errors.Is(err, ErrMessageNotFound) {
		return nil, nil
	}
	return m, e.readFailed(fmt.Sprintf("message %d", k.SequenceNumber), err)
}

// fill reads headers until the window holds what is needed or all there is.
func (e *messageStore) fill(n entity.HeaderNeed) error {
	e.work.Lock()
	defer e.work.Unlock()
	for {
		w, last, err := e.startRefill(n)
		if err != nil || w.Kind == entity.NoWork {
			return err
		}
		u, err := e.do(w, e.b.Now(), last, nil)
		if err != nil {
			e.b.Sync(e.workFailed(w, err, e.b.Now()))
			if e.meets(n) {
				return nil // what is before the damage will do
			}
			return e.readFailed("its messages", err)
		}
		e.b.Sync(u)
	}
}

// meets reports whether the window holds what is needed or all that can be had.
func (e *messageStore) meets(n entity.HeaderNeed) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.q.Lacks(n)
}

// startRefill names what to read next for a need of headers: nothing if it is
// met.
func (e *messageStore) startRefill(n entity.HeaderNeed) (w entity.Work, last *commit.Unit, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return w, nil, err
	}
	if !e.q.Lacks(n) {
		return w, nil, nil
	}
	w = entity.Work{Kind: entity.RefillWork, Sub: n.Sub}
	w.From, w.Limit, _ = e.q.StartRefill(n.Sub)
	return w, e.last, nil
}
