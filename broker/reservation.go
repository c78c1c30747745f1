package broker

import (
	"fmt"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// A Reservation holds messages that are about to be locked for a run:
// in memory only, invisible to consumers, gone with the process. It ends by
// Release or by the effect of LockFor or Settle, whichever comes first.
type Reservation struct {
	e        *messageStore
	sub      SubQueue
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
	for {
		op := &entity.Reserve{Sub: q.sub, Max: max}
		u, err := e.plan(op).submit(nil)
		if err != nil {
			return nil, err
		}
		e.b.Sync(u)
		if r := op.Result; r != nil {
			return &Reservation{e: e, sub: q.sub, r: r, messages: r.Messages}, nil
		}
		if !op.More {
			return nil, nil
		}
		e.serve() // takes away what has expired before more is read: it stays in memory until then
	}
}

// Messages returns the reserved messages in order.
func (r *Reservation) Messages() []*Message { return r.messages }

// Release gives the messages back. After an effect of the reservation was staged
// it does nothing.
func (r *Reservation) Release() {
	u, _ := r.e.plan(entity.ReleaseReserved{Reservation: r.r}).submit(nil) // fails only if the entity is deleted
	r.e.b.Sync(u)
}

// LockFor returns the effect that makes the run the owner of the messages, by a
// durable lock without deadline.
func (r *Reservation) LockFor(run RunID) commit.Effect {
	return r.e.plan(entity.LockRun{Reservation: r.r, Run: run})
}

// Settle returns the effect that settles the messages at once, for instance
// abandons them because their trigger's parameters can't be evaluated.
func (r *Reservation) Settle(o Outcome) commit.Effect {
	p := r.e.plan(entity.SettleReserved{Reservation: r.r, Outcome: o})
	p.one.supply = &entity.Supply{}
	for _, m := range r.messages {
		p.one.supply.PutContent(entity.MessageKey{Sub: r.sub, SequenceNumber: m.SequenceNumber}, &m.Content)
	}
	return p
}
