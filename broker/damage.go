package broker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// ErrDamaged: messages of the entity can't be read, now or later.
var ErrDamaged = commit.ErrDamaged

const (
	// tellEvery is how much time passes between two lines of the log about one entity
	// whose messages can't be read, however often somebody tries.
	tellEvery = time.Minute
	// patience is how many reads in a row may fail for another reason than damage,
	// readRetry apart, before those who wait for messages are told.
	patience = 3
)

// trouble is what an entity knows about reads of its messages that failed.
type trouble struct {
	damage error          // the last damage that was found; nil: none
	closed error          // it could not be opened: nothing is known of its messages
	told   time.Time      // of the last line in the log
	failed int            // reads for waiting consumers that failed in a row
	left   map[int64]bool // numbers that were told not to be forwarded
}

// Damage says of every entity with messages that can't be read which one it is and
// what is wrong, in the order of their numbers. It is for the health of the process.
func (b *Broker) Damage() (found []string) {
	for _, e := range b.messageStores() {
		e.mu.Lock()
		if err := e.trouble.damage; err != nil && !e.deleted {
			found = append(found, fmt.Sprintf("queue %q of namespace %q: %v", e.path, e.namespace.name, err))
		}
		e.mu.Unlock()
	}
	for _, t := range b.allTopics() {
		t.mu.Lock()
		if err := cmp.Or(t.closed, t.schedule.trouble.damage); err != nil && !t.deleted {
			found = append(found, fmt.Sprintf("topic %q of namespace %q: %v", t.path, t.namespace.name, err))
		}
		t.mu.Unlock()
	}
	return found
}

// readFailed notes a failed read and returns the error for who wanted to read: it
// names the entity, once, and says whether trying again may help.
func (e *messageStore) readFailed(what string, err error) error {
	if err == nil || errors.Is(err, ErrEntityDeleted) || errors.Is(err, ErrMessageNotFound) {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.noteFailed(what, err)
}

// noteFailed is readFailed with mu held.
func (e *messageStore) noteFailed(what string, err error) error {
	line := "messages can't be read"
	if errors.Is(err, ErrDamaged) {
		line += "; those before and behind the damage can be peeked by number, and the queue can be deleted"
	}
	return e.trouble.note(e.b, e.subject(), line, what, err)
}

// A subject is which entity a line of the log is about.
type subject struct{ kind, path, namespace string }

func (e *messageStore) subject() subject {
	if e.scheduleOf != nil {
		return subject{"topic", e.path, e.namespace.name}
	}
	return subject{"queue", e.path, e.namespace.name}
}

// note notes a failed read of the subject, whose lock is held, and returns the error for
// who wanted to read.
func (t *trouble) note(b *Broker, s subject, line, what string, err error) error {
	if errors.Is(err, ErrDamaged) {
		t.damage = err
	} else {
		err = fmt.Errorf("%w: %w", commit.ErrUnread, err)
	}
	if now := b.Now(); t.told.IsZero() || now.Sub(t.told) >= tellEvery {
		t.told = now
		b.logger.Error(line, s.kind, s.path, "namespace", s.namespace, "error", err)
	}
	return fmt.Errorf("%s %q: %s can't be read: %w", s.kind, s.path, what, err)
}

// workFailed gives up a piece of work. Who waits for messages that are damaged learns
// it at once, instead of waiting for what does not come; of another failure when it
// has repeated itself. The caller must sync the unit.
func (e *messageStore) workFailed(w entity.Work, err error, now time.Time) *commit.Unit {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deleted {
		return nil
	}
	err = e.noteFailed("its messages", err)
	damaged := errors.Is(err, ErrDamaged)
	again := now.Add(readRetry)
	if damaged {
		again = now.Add(tellEvery)
	}
	u := &commit.Unit{}
	e.apply(u, entity.Env{Now: now, Token: e.b.token}, entity.Failed{Work: w, Again: again, Damaged: damaged})
	if w.Kind == entity.LoadWork || w.Kind == entity.RefillWork {
		// Nobody stays who waits for it: the same would be read without end.
		if e.trouble.failed++; damaged || e.trouble.failed >= patience {
			e.trouble.failed = 0
			for _, c := range slices.Clone(e.consumers) {
				if c.c.WaitsFor(w) {
					e.end(u, c, err)
				}
			}
		} else {
			e.paused = again
			e.b.timers.set(e, again)
		}
	}
	e.settleDown(now)
	if u.Empty() {
		return nil
	}
	e.b.log.Submit(u)
	return u
}

// damagedStore is an entity that can't be opened. The others go on; it answers every
// operation but its deletion with what is wrong.
func (e *messageStore) damagedStore(err error) {
	e.trouble.damage, e.trouble.closed = err, err
	e.b.logger.Error("a queue can't be opened", "queue", e.path, "namespace", e.namespace.name, "error", err)
}

// skipAtOnce is how many numbers are tried at most before others have their turn.
const skipAtOnce = 1000

// skip leaves behind what can't be read at the head of the sub-queue, whose headers are
// damaged: a message, or all of a block. It is found out number by number, so that none is
// skipped that can be read. It returns how long to wait before the next page.
func (m *mover) skip() time.Duration {
	e := m.e
	e.work.Lock()
	defer e.work.Unlock()
	e.mu.Lock()
	from, stuck := e.q.Stuck(m.sub)
	end := e.numbered() + 1
	err := e.alive()
	e.mu.Unlock()
	if err != nil || !stuck {
		return tellEvery
	}
	left := []int64{from}
	to := from + 1
	for ; to < end && len(left) < skipAtOnce; to++ {
		if _, err := e.b.store.Scan(e.queueID(m.sub), to, 1, 0); err == nil {
			break
		} else if !errors.Is(err, ErrDamaged) {
			return readRetry
		}
		left = append(left, to)
	}
	u, err := e.plan(entity.Skip{Sub: m.sub, From: from, To: to}).submit(nil)
	if err != nil {
		return readRetry
	}
	e.b.Sync(u)
	e.tellLeft(m.sub, left)
	return 0
}

// tellLeft says once in the log which messages of a sub-queue are not forwarded because they
// can't be read. The numbers are in order.
func (e *messageStore) tellLeft(sub SubQueue, numbers []int64) {
	if len(numbers) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	numbers = slices.DeleteFunc(numbers, func(n int64) bool { return e.trouble.left[n] })
	if e.trouble.left == nil {
		e.trouble.left = map[int64]bool{}
	}
	s := e.subject()
	for i, from := range numbers {
		e.trouble.left[from] = true
		if i > 0 && numbers[i-1] == from-1 {
			continue
		}
		to := from
		for _, n := range numbers[i+1:] {
			if n != to+1 {
				break
			}
			to = n
		}
		e.b.logger.Error("damaged messages are not forwarded: they stay, and those behind them go on", s.kind,
			s.path+sub.Suffix(), "namespace", s.namespace, "from", from, "to", to, "error", e.trouble.damage)
	}
}
