package broker

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// A Queue is one sub-queue of an entity. It stays usable when the entity's
// options change; after the entity was deleted every method answers
// [ErrEntityDeleted], even if a queue of the same name was created since.
type Queue struct {
	e   *messageStore
	sub SubQueue
}

// Namespace returns the name of the namespace.
func (q *Queue) Namespace() string { return q.e.namespace.name }

// Path returns the entity's path as it was created, without sub-queue.
func (q *Queue) Path() string { return q.e.path }

// TopLevel returns the path of the queue or topic that the messages belong to: it is what a
// transaction is about.
func (q *Queue) TopLevel() string {
	_, path := q.top()
	return path
}

// SubQueue returns which of the entity's sub-queues this is.
func (q *Queue) SubQueue() SubQueue { return q.sub }

// ID returns the store's name of the sub-queue.
func (q *Queue) ID() QueueID { return q.e.queueID(q.sub) }

// Info describes the entity.
func (q *Queue) Info() (QueueInfo, error) { return q.e.info() }

// Send accepts messages, all or none, and sets their sequence numbers and times;
// the caller must not change them afterwards. If it fails nothing happened and
// done is never called. Otherwise done, which may be nil, runs once the messages
// are durable: the caller must sync the unit.
//
// It waits while the log is full, and fails with what [commit.Log] Admit fails
// with. Errors: [ErrEntityDisabled], [ErrQuotaExceeded], [ErrMessageTooLarge],
// [ErrInvalidArgument], [ErrNotAllowed], [ErrNotSupported], [ErrEntityDeleted].
func (q *Queue) Send(msgs []*Message, done func(error)) (*commit.Unit, error) {
	if err := q.canSend(); err != nil {
		return nil, err
	}
	b := q.e.b
	b.scheduledFor(msgs)
	if err := b.log.Admit(b.ctx, sendSize(msgs)); err != nil {
		return nil, fmt.Errorf("send to queue %q: %w", q.e.path, err)
	}
	return q.e.plan(entity.Send{Messages: msgs, Keep: b.keeps()}).submit(sent(done))
}

// sent returns the callback that tells a sender that its messages are durable.
func sent(done func(error)) func() {
	if done == nil {
		return nil
	}
	return func() { done(nil) }
}

// keeps reports whether there is memory for the content of what is sent.
func (b *Broker) keeps() bool { return b.cached.Load() < b.budget }

// sendSize is what messages announce to the log.
func sendSize(msgs []*Message) (size int) {
	for _, m := range msgs {
		size += len(m.Sections) + messageOverhead
	}
	return size
}

// messageOverhead is what a message's records cost beside its sections.
const messageOverhead = 256

func (q *Queue) canSend() error {
	if q.e.topic != nil {
		return fmt.Errorf("send to the subscription %q: %w: messages are sent to its topic",
			q.e.path, ErrNotAllowed)
	}
	if q.sub != MainQueue {
		return fmt.Errorf("send to the dead-letter queue of %q: %w", q.e.path, ErrNotAllowed)
	}
	return nil
}

// CanReceive returns why nobody receives from the queue as it is now: [ErrForwarded],
// [ErrEntityDisabled], [ErrEntityDeleted]; nil: messages can be received.
func (q *Queue) CanReceive() error {
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	err := q.e.alive()
	if err == nil {
		err = q.e.q.CanReceive(q.sub)
	}
	if err != nil {
		return fmt.Errorf("queue %q: %w", q.e.path, err)
	}
	return nil
}

// Settle settles messages that links hold, by token, in one unit; if content of more than
// 4 MiB, or more than 64 messages, are to be moved to the dead-letter queue, in several of
// them, and it waits for all but the last. done, which
// may be nil, gets an error for each token, once the settlement is durable:
// [ErrMessageLockLost] if the token no longer holds, [ErrNotAllowed] for
// dead-lettering from a dead-letter queue. Those that hold are settled whatever
// becomes of the others. The caller must sync the unit.
func (q *Queue) Settle(tokens []LockToken, out Outcome, done func(errs []error)) *commit.Unit {
	if done == nil {
		done = func([]error) {}
	}
	b := q.e.b
	var errs []error // of those that are durable
	err := b.Writable()
	for err == nil {
		op, before := &entity.Settle{Sub: q.sub, Tokens: tokens[len(errs):], Outcome: out}, errs
		var u *commit.Unit
		u, err = q.e.plan(op).submit(func() {
			if len(op.Errs) == len(op.Tokens) {
				done(append(before, op.Errs...))
			}
		})
		if err == nil && len(op.Errs) == len(op.Tokens) {
			return u
		}
		if err == nil {
			err = b.Wait(u)
		}
		if err == nil {
			errs = slices.Concat(errs, op.Errs)
		}
	}
	return b.tell(err, func() { done(append(errs, repeat(err, len(tokens)-len(errs))...)) })
}

// tell submits a unit that holds only a callback: it runs in its turn. While nothing is
// committed it runs at once.
func (b *Broker) tell(err error, f func()) *commit.Unit {
	if errors.Is(err, commit.ErrFull) {
		f()
		return nil
	}
	u := &commit.Unit{}
	u.Then(f)
	u.Relax()
	b.log.Submit(u)
	return u
}

func repeat(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// Renew prolongs locks of links, all or none, and returns when each ends by the wall
// clock. The
// caller must sync the unit before it tells anybody. Errors:
// [ErrMessageLockLost], [ErrEntityDeleted].
func (q *Queue) Renew(tokens []LockToken) ([]time.Time, *commit.Unit, error) {
	op := &entity.Renew{Sub: q.sub, Tokens: tokens}
	if err := q.e.b.Writable(); err != nil {
		return nil, nil, err
	}
	u, err := q.e.plan(op).submit(nil)
	if err != nil {
		return nil, nil, err
	}
	until := make([]time.Time, len(tokens))
	for i := range until {
		until[i] = q.e.b.ShownTime(op.Until)
	}
	return until, u, nil
}

// What one [Queue.Peek] returns at most [SB-AMQP 9.3].
const (
	maxPeek      = 250
	maxPeekBytes = 4 << 20 // one message is always returned
)

// Peek returns up to limit messages, at most 250 and 4 MiB, with sequence numbers >= from,
// in order and whatever their state. It changes nothing. Errors:
// [ErrEntityDisabled], [ErrEntityDeleted].
func (q *Queue) Peek(from int64, limit int) ([]*Message, error) {
	return q.peek(nil, from, limit)
}

// peek is Peek of one session; nil: of all.
func (q *Queue) peek(session *string, from int64, limit int) ([]*Message, error) {
	e := q.e
	e.recordLocks() // as they are shown
	e.mu.Lock()
	err := e.alive()
	if err == nil {
		err = e.q.CanBrowse(q.sub)
	}
	start := max(from, e.q.Counters(q.sub).LowWater)
	waiting := q.sub == MainQueue && e.q.Counters(ScheduledMessages).Messages > 0
	last := e.last
	e.touch()
	e.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("peek queue %q: %w", e.path, err)
	}
	if limit <= 0 {
		return nil, fmt.Errorf("peek queue %q: %w: %d messages", e.path, ErrInvalidArgument, limit)
	}
	if err := e.b.Wait(last); err != nil {
		return nil, fmt.Errorf("peek queue %q: %w", e.path, err)
	}
	limit = min(limit, maxPeek)
	rows, whole, err := q.page(session, start, limit)
	if err != nil && len(rows) == 0 { // else the next peek begins where reading fails
		return nil, fmt.Errorf("peek: %w", e.readFailed(fmt.Sprintf("messages from number %d on", start), err))
	}
	if waiting {
		if rows, err = e.peekScheduled(rows, session, from, limit, whole); err != nil {
			return nil, fmt.Errorf("peek: %w", e.readFailed(fmt.Sprintf("scheduled messages from number %d on", from), err))
		}
	}
	msgs := make([]*Message, len(rows))
	for i, r := range rows {
		msgs[i] = r.Message
		if q.sub == ScheduledMessages {
			msgs[i] = e.waits(r.Message)
		}
	}
	return msgs, nil
}

// page reads what a peek of the sub-queue returns, and reports whether that is all there
// is, or limit: it may be too large, or can't be read on.
func (q *Queue) page(session *string, from int64, limit int) (rows []Scanned, whole bool, err error) {
	rows, err = q.scanOf(session, from, limit, maxPeekBytes)
	for i, r := range rows {
		if r.Sections == nil && r.Size > 0 {
			return rows[:i], false, err
		}
	}
	return rows, err == nil, err
}

// ReceiveDeferred receives deferred messages by sequence number, all or none.
// If it fails nothing happened and done is never called: [ErrMessageNotFound] if
// one is not there, not deferred or locked. Otherwise done gets the messages, in
// the order asked for, once what was decided is durable; or ErrMessageNotFound
// if one had expired and was taken away instead. The caller must sync the unit.
//
// Of an entity that requires sessions, session is that of the messages; it must be held,
// else [ErrSessionLockLost].
func (q *Queue) ReceiveDeferred(session *string, seqs []int64, mode ReceiveMode, done func([]*Message, error)) (
	*commit.Unit, error) {
	e := q.e
	if len(seqs) == 0 {
		return nil, fmt.Errorf("receive deferred from queue %q: %w: no sequence number", e.path, ErrInvalidArgument)
	}
	if err := e.b.Writable(); err != nil {
		return nil, err
	}
	op := &entity.ReceiveDeferred{Sub: q.sub, Session: session, Mode: mode, SequenceNumbers: seqs}
	return e.plan(op).submit(func() {
		switch {
		case done == nil:
		case op.Expired:
			done(nil, fmt.Errorf("queue %q: deferred message expired: %w", e.path, ErrMessageNotFound))
		default:
			done(op.Received, nil)
		}
	})
}

// OnReady asks to be called when messages may have become available to a
// [Queue.Reserve], and when the queue is deleted. f must not block and may be
// called once more after cancel.
func (q *Queue) OnReady(f func()) (cancel func()) {
	e := q.e
	w := &watcher{f: f}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watchers[q.sub] = append(e.watchers[q.sub][:len(e.watchers[q.sub]):len(e.watchers[q.sub])], w)
	return func() {
		w.cancelled.Store(true)
		e.mu.Lock()
		defer e.mu.Unlock()
		var rest []*watcher
		for _, x := range e.watchers[q.sub] {
			if x != w {
				rest = append(rest, x)
			}
		}
		e.watchers[q.sub] = rest
	}
}
