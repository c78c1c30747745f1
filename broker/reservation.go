package broker

import (
	"cmp"
	"fmt"
	"math"

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

// A ReserveLimit says how much to reserve at most.
type ReserveLimit struct {
	Messages int
	// Bytes bounds the messages together, but for the first; 0: no bound.
	Bytes int64
	// Granted is how many bytes the caller has room for; 0: no bound.
	Granted int64
}

// A LargeBatch is the error of a [Queue.Reserve] that would take more bytes than were
// granted. Nothing was read.
type LargeBatch struct{ Bytes int64 }

func (e *LargeBatch) Error() string {
	return fmt.Sprintf("the messages have %d bytes together, more than there is room for", e.Bytes)
}

// Reserve takes up to so many available messages, oldest first; nil, nil if there
// are none. Their LockToken is the one they will have under [Reservation.LockFor].
// Errors: [ErrEntityDisabled], [ErrEntityDeleted], [*LargeBatch].
func (q *Queue) Reserve(limit ReserveLimit) (*Reservation, error) {
	if limit.Messages <= 0 {
		return nil, fmt.Errorf("reserve from queue %q: %w: %d messages", q.e.path, ErrInvalidArgument, limit.Messages)
	}
	return q.reserve(entity.Reserve{Sub: q.sub, Max: limit.Messages,
		Bytes: cmp.Or(limit.Bytes, math.MaxInt64), Granted: cmp.Or(limit.Granted, math.MaxInt64)})
}

func (q *Queue) reserve(of entity.Reserve) (*Reservation, error) {
	e := q.e
	for {
		op := &entity.Reserve{}
		*op = of
		u, err := e.plan(op).submit(nil)
		if err != nil {
			return nil, err
		}
		e.b.Sync(u)
		e.tellLeft(q.sub, op.Damaged)
		if r := op.Result; r != nil {
			return &Reservation{e: e, sub: q.sub, r: r, messages: r.Messages}, nil
		}
		if op.Wants > 0 {
			return nil, &LargeBatch{op.Wants}
		}
		if !op.More {
			return nil, nil
		}
		e.serve() // takes away what has expired before more is read: it stays in memory until then
	}
}

// Full reports whether the next message would have been beyond the bytes.
func (r *Reservation) Full() bool { return r.r.Full }

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
	return r.plan(entity.SettleReserved{Reservation: r.r, Outcome: o})
}

// plan returns the plan of an operation on the reserved messages, which has their contents.
func (r *Reservation) plan(op entity.Op) *plan {
	p := r.e.plan(op)
	p.one.supply = &entity.Supply{}
	for _, m := range r.messages {
		p.one.supply.PutContent(entity.MessageKey{Sub: r.sub, SequenceNumber: m.SequenceNumber}, &m.Content)
	}
	return p
}
