package broker

import (
	"errors"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// readRetry is how long to wait after a read of the store has failed.
const readRetry = time.Second

// refillContents is how many bytes of contents are read with headers, if there is memory for
// them: what consumers wait for is then not read twice, and is there when they give credit.
const refillContents = 1 << 20

// sweepBytes ends a sweep early: all that it takes is in memory. One message is always
// taken.
const sweepBytes = 4 << 20

// serve does the entity's work until there is none.
func (e *messageStore) serve() {
	e.mu.Lock()
	e.queued = false
	e.mu.Unlock()
	e.work.Lock()
	defer e.work.Unlock()
	for e.step() {
	}
}

// step does one piece of work. work is held.
func (e *messageStore) step() (more bool) {
	e.mu.Lock()
	now := e.b.Now()
	if !e.armed.After(now) {
		e.armed = time.Time{}
	}
	if e.deleted {
		e.mu.Unlock()
		return false
	}
	w := e.q.Work(now)
	if w.Kind == entity.NoWork {
		e.endIfIdle(now)
		e.settleDown(now)
		e.mu.Unlock()
		return false
	}
	last, lastPut := e.last, e.lastPut
	e.mu.Unlock()
	u, err := e.do(w, now, last, lastPut)
	if err != nil {
		u = e.workFailed(w, err, now)
	}
	e.b.Sync(u)
	return err == nil
}

// do reads for a piece of work and applies the operation that it leads to. work is
// held, so that operation may need no headers: loading them takes work too.
func (e *messageStore) do(w entity.Work, now time.Time, last, lastPut *commit.Unit) (*commit.Unit, error) {
	op, err := e.read(w, now, last, lastPut)
	if err != nil {
		return nil, err
	}
	return e.workPlan(op).submit(nil)
}

// read does the reading for a piece of work and returns the operation that it
// leads to. It first syncs what it must see: of content, what was written; of
// the rest, everything. What was read before damage is good: the operation gets that
// first, and the next read finds the damage where it begins.
func (e *messageStore) read(w entity.Work, now time.Time, last, lastPut *commit.Unit) (entity.Op, error) {
	q := e.queueID(w.Sub)
	switch w.Kind {
	case entity.LoadWork:
		e.b.Sync(lastPut)
		rows, err := e.scan(q, w, AllContents)
		if len(rows) > 0 {
			err = nil
		}
		return entity.Load{Sub: w.Sub, From: w.From, Rows: rows}, err
	case entity.RefillWork:
		e.b.Sync(last)
		contents := 0
		if e.b.keeps() {
			contents = refillContents
		}
		rows, err := e.scan(q, w, contents)
		if err != nil && contents > 0 {
			rows, err = e.scan(q, w, 0) // the headers may be whole
		}
		more := len(rows) >= w.Limit || err != nil
		if len(rows) > 0 {
			err = nil
		}
		return entity.Refill{Sub: w.Sub, Session: w.Session, Rows: rows, More: more}, err
	case entity.SweepWork:
		e.b.Sync(last)
		return e.readExpired(w, q, now)
	default:
		return entity.Tick{}, nil
	}
}

// scan reads messages of all, or of a session.
func (e *messageStore) scan(q QueueID, w entity.Work, contents int) ([]Scanned, error) {
	if w.Session != nil {
		return e.b.store.ScanSession(q, w.Session.ID(), w.From, w.Limit, contents)
	}
	return e.b.store.Scan(q, w.From, w.Limit, contents)
}

func (e *messageStore) readExpired(w entity.Work, q QueueID, now time.Time) (entity.Op, error) {
	rows, err := e.b.store.Expired(q, w.After, w.Limit)
	if err != nil {
		return nil, err
	}
	op := entity.Sweep{Sub: w.Sub, Until: now, Rows: rows, More: len(rows) >= w.Limit,
		Messages: map[int64]*Message{}}
	bytes := 0
	for i, row := range rows {
		if row.ExpiresAt.After(now) {
			break
		}
		if bytes >= sweepBytes {
			op.Rows, op.More = rows[:i], true
			break
		}
		m, err := e.message(entity.MessageKey{Sub: w.Sub, SequenceNumber: row.SequenceNumber})
		if errors.Is(err, ErrDamaged) {
			continue // it stays: a receiver that comes to it is told; the others expire
		}
		if err != nil {
			return nil, err
		}
		if m != nil {
			op.Messages[row.SequenceNumber] = m
			bytes += len(m.Sections)
		}
	}
	return op, nil
}
