package broker

import (
	"errors"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/commit"
)

// history is what the shell knows of an entity's [entity.History]: by which units its
// generations were written. The entity's lock guards it.
type history struct {
	last *commit.Unit // the last that wrote an id
	// frozen was the last when the older generation in memory ended, dropped when the
	// one before did: who reads ids waits for it.
	frozen, dropped *commit.Unit
}

// openHistory finds what an entity remembers, if it does; that is a read for each bucket.
// What can't be read, which t tells, closes nothing: messages are received, and none is
// accepted. Of a damaged record it is not known if it does.
func openHistory(b *Broker, r EntityRecord, o *description.Options, s subject, t *trouble) (
	entity.History, error) {
	if !o.RequiresDuplicateDetection && r.Damage == nil {
		return entity.History{}, nil
	}
	buckets, err := b.store.IDBuckets(r.ID)
	if errors.Is(err, ErrDamaged) {
		return entity.NewHistory(nil, t.note(b, s, lineIDs, whatIDs, err)), nil
	}
	return entity.NewHistory(buckets, nil), err
}

// What the log and who sends are told when what is remembered can't be read.
const (
	lineIDs = "the ids of earlier messages can't be read, so messages are refused"
	whatIDs = "the ids of earlier messages"
)

// write adds what a decision remembers and forgets to u.
func (h *history) write(store Store, u *commit.Unit, id EntityID, d *entity.HistoryDecision) {
	for _, r := range d.Remember {
		store.PutID(u, id, r)
	}
	if len(d.Remember) > 0 {
		h.last = u
	}
	if !d.Forget.IsZero() {
		store.ForgetIDs(u, id, d.Forget)
	}
	if d.Turned {
		if h.frozen != nil { // else that generation was empty
			h.dropped = h.frozen
		}
		h.last, h.frozen = nil, h.last
	}
}

// loadIDs reads until when ids are remembered.
func (x *part) loadIDs() error {
	if len(x.need.IDs) == 0 {
		return nil
	}
	e := x.remembers()
	if err := e.b.Wait(x.lastID); err != nil {
		return err
	}
	until, err := e.b.store.RememberedUntil(e.id, x.need.Buckets, x.need.IDs)
	if err != nil {
		// Whether a message is a duplicate is not known: it is neither dropped nor delivered.
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.trouble.note(e.b, e.subject(), lineIDs, whatIDs, err)
	}
	x.supply.PutIDs(x.need, until)
	return nil
}

// remembers is where the entity's history is.
func (x *part) remembers() *messageStore {
	if x.topic != nil {
		return x.topic.schedule
	}
	return x.store
}
