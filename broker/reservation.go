package broker

import (
	"fmt"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// A Reservation holds messages for somebody who is about to lock them for a run:
// in memory only, invisible to consumers, gone with the process. It ends by
// Release or by the effect of LockFor or Settle, whichever comes first.
type Reservation struct {
	e        *messageStore
	r        *entity.Reservation // guarded by messageStore.mu
	messages []*Message
}

// Reserve takes up to max available messages, oldest first; nil, nil if there
// are none. Their LockToken is the one they will have under [Reservation.LockFor].
// Errors: [ErrEntityDisabled], [ErrEntityDeleted].
func (q *Queue) Reserve(max int) (*Reservation, error) {
	if max <= 0 {
		return nil, fmt.Errorf("reserve from queue %q: %w: %d messages", q.e.path, ErrInvalidArgument, max)
	}
	e := q.e
	if err := e.fill(q.sub, max); err != nil {
		return nil, err
	}
	op := &entity.Reserve{Sub: q.sub, Max: max}
	e.mu.Lock()
	env := e.env()
	if err := e.check(env, op); err != nil {
		e.mu.Unlock()
		return nil, err
	}
	u := e.commit(env, nil, op)
	lastPut := e.lastPut
	e.mu.Unlock()
	e.b.Sync(u)
	if op.Result == nil {
		return nil, nil
	}
	r := &Reservation{e: e, r: op.Result, messages: op.Result.Messages}
	if len(op.Result.Missing) > 0 {
		e.b.Sync(lastPut)
		if err := r.load(q.ID()); err != nil {
			r.Release()
			return nil, fmt.Errorf("reserve from queue %q: %w", e.path, err)
		}
	}
	return r, nil
}

// load reads the contents that were not in memory.
func (r *Reservation) load(q QueueID) error {
	missing := map[int64]bool{}
	for _, seq := range r.r.Missing {
		missing[seq] = true
	}
	for _, m := range r.messages {
		if missing[m.SequenceNumber] {
			stored, err := r.e.b.store.Message(q, m.SequenceNumber)
			if err != nil {
				return err
			}
			m.Content = stored.Content
		}
	}
	return nil
}

// fill reads headers until the window holds n messages or all there are.
func (e *messageStore) fill(sub SubQueue, n int) error {
	n = min(n, entity.WindowSize/2)
	e.mu.Lock()
	have, more := e.q.WindowFill(sub)
	e.mu.Unlock()
	if have >= n || !more {
		return nil // the usual case does not wait for a read under way
	}
	e.work.Lock()
	defer e.work.Unlock()
	for {
		e.mu.Lock()
		if err := e.alive(); err != nil {
			e.mu.Unlock()
			return err
		}
		have, more := e.q.WindowFill(sub)
		if have >= n || !more {
			e.mu.Unlock()
			return nil
		}
		w := entity.Work{Kind: entity.RefillWork, Sub: sub}
		w.From, w.Limit, _ = e.q.StartRefill(sub)
		last := e.last
		e.mu.Unlock()
		op, err := e.read(w, e.b.Now(), nil, last, nil)
		if err != nil {
			op = entity.Failed{Work: w}
		}
		e.mu.Lock()
		var u *commit.Unit
		if !e.deleted {
			u = e.commit(e.env(), nil, op)
		}
		e.mu.Unlock()
		e.b.Sync(u)
		if err != nil {
			return fmt.Errorf("read queue %q: %w", e.path, err)
		}
	}
}

// Messages returns the reserved messages in order.
func (r *Reservation) Messages() []*Message { return r.messages }

// Release gives the messages back. After an effect of the reservation was staged
// it does nothing.
func (r *Reservation) Release() {
	e := r.e
	e.mu.Lock()
	var u *commit.Unit
	if !e.deleted {
		u = e.commit(e.env(), nil, entity.ReleaseReserved{Reservation: r.r})
	}
	e.mu.Unlock()
	e.b.Sync(u)
}

// LockFor returns the effect that makes the run the owner of the messages, by a
// durable lock without deadline.
func (r *Reservation) LockFor(run RunID) commit.Effect {
	f := &effect{b: r.e.b}
	f.add(r.e, entity.LockRun{Reservation: r.r, Run: run})
	return f
}

// Settle returns the effect that settles the messages at once, for instance
// abandons them because their trigger's parameters can't be evaluated.
func (r *Reservation) Settle(o Outcome) commit.Effect {
	contents := map[int64]*Content{}
	for _, m := range r.messages {
		contents[m.SequenceNumber] = &m.Content
	}
	f := &effect{b: r.e.b}
	f.add(r.e, entity.SettleReserved{Reservation: r.r, Outcome: o, Contents: contents})
	return f
}
