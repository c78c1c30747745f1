package broker

import (
	"errors"
	"fmt"
	"time"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// The bounds of one transaction.
const (
	// maxTransactionMessages is how many messages one may send, the members of batches
	// counted [SB-SEM 10].
	maxTransactionMessages = 100
	// maxTransactionSettlements is how many messages one may settle: ours, for Azure's is
	// not known.
	maxTransactionSettlements = 1000
)

// Errors of a [Transaction]. What is refused leaves it as it was.
var (
	// ErrTransactionScope: the entity is not the one, with its subscriptions and
	// sub-queues, that the transaction began with.
	ErrTransactionScope = errors.New("a transaction can't span several queues or topics")
	// ErrTransactionFull: it would send more messages than it may.
	ErrTransactionFull = fmt.Errorf("cannot send more than %d messages in a single transaction", maxTransactionMessages)
	// ErrTransactionSettlements: it would settle more messages than it may.
	ErrTransactionSettlements = fmt.Errorf("cannot settle more than %d messages in a single transaction",
		maxTransactionSettlements)
)

// A Transaction collects sends to one queue or topic and settlements of messages of it,
// or of its subscriptions, and applies them as one unit or not at all [SB-SEM 10].
// Nothing of it is visible before the commit. What it sends is in memory only; what it
// settles stays locked, and nobody else can settle it. It is used by one goroutine at a
// time and ends by Commit or Rollback.
type Transaction struct {
	b        *Broker
	claimant entity.Claimant
	top      *entityLock // of the one top-level entity; nil: nothing was done yet
	path     string      // of it
	began    time.Time
	key      *string // of what is sent to a partitioned entity; nil: nothing is

	ops     []Op      // in the order in which they came
	claims  []storeOp // give back what is claimed
	sent    int       // scheduled ones counted
	settled int
	gone    map[int64]bool // numbers of scheduled messages that it cancels
	bytes   int64          // of what is sent
	moves   int64          // of what a settlement moves
}

// NewTransaction begins a transaction.
func (b *Broker) NewTransaction() *Transaction { return &Transaction{b: b} }

// Entity returns the path of the queue or topic that the transaction is about; "" as
// long as nothing was done.
func (t *Transaction) Entity() string { return t.path }

// Began returns when the first operation came, zero if there was none: a transaction may
// last two minutes from then.
func (t *Transaction) Began() time.Time { return t.began }

// Bytes returns how many bytes the messages have that the transaction sends, which are in
// memory, and those that a commit reads because it moves them.
func (t *Transaction) Bytes() (held, moved int64) { return t.bytes, t.moves }

// in fails if an entity is not the transaction's.
func (t *Transaction) in(top *entityLock, path string) error {
	if t.top != nil && t.top != top {
		return fmt.Errorf("%q: %w: this one is about %q", path, ErrTransactionScope, t.path)
	}
	return nil
}

// did notes an operation that was let in.
func (t *Transaction) did(top *entityLock, path string, op Op) {
	if t.top == nil {
		t.top, t.path, t.began = top, path, t.b.Now()
	}
	t.ops = append(t.ops, op)
}

// Send lets the commit send messages. They are checked now as [Sender] Send does, and
// once more then. Errors: those of Send, [ErrTransactionScope], [ErrTransactionFull].
func (t *Transaction) Send(to Sender, msgs []*Message) error {
	if err := t.admits(to, msgs); err != nil {
		return err
	}
	t.sends(to, SendOp{Queue: to, Messages: msgs}, msgs)
	return nil
}

func (t *Transaction) admits(to Sender, msgs []*Message) error {
	if err := t.in(to.top()); err != nil {
		return err
	}
	if t.sent+len(msgs) > maxTransactionMessages {
		return ErrTransactionFull
	}
	key, err := t.keyed(to, msgs)
	if err == nil {
		err = to.admits(msgs, t.bytes)
	}
	if err == nil {
		t.key = key
	}
	return err
}

// sends notes an operation that sends messages.
func (t *Transaction) sends(to Sender, op Op, msgs []*Message) {
	top, path := to.top()
	t.did(top, path, op)
	t.sent += len(msgs)
	for _, m := range msgs {
		t.bytes += int64(len(m.Sections))
	}
}

// Schedule lets the commit schedule messages, which have their numbers from now on: a
// message that is due by then comes as soon as it is committed. The caller must sync the
// unit, which keeps the numbers from being given again, before it tells them. Errors are
// those of [Transaction.Send].
func (t *Transaction) Schedule(to Scheduler, msgs []*Message) ([]int64, *commit.Unit, error) {
	if err := t.admits(to, msgs); err != nil {
		return nil, nil, err
	}
	if err := t.b.Writable(); err != nil {
		return nil, nil, err
	}
	e, number := to.schedule(), &entity.Number{N: len(msgs)}
	u, err := e.plan(number).submit(nil)
	if err != nil {
		return nil, nil, err
	}
	t.b.scheduledFor(msgs)
	for i, m := range msgs {
		m.SequenceNumber = number.First + int64(i)
	}
	t.sends(to, storeOp{e, entity.Send{Messages: msgs, Numbered: true}}, msgs)
	return numbers(msgs), u, nil
}

// CancelScheduled lets the commit take scheduled messages away. Nothing is claimed: if one
// has become due by then, the commit fails. Errors: a [MissingError] names those that are
// not scheduled now, or that the transaction has cancelled; [ErrEntityDisabled],
// [ErrEntityDeleted], [ErrTransactionScope], [ErrTransactionSettlements].
func (t *Transaction) CancelScheduled(to Scheduler, seqs []int64) error {
	top, path := to.top()
	if err := t.in(top, path); err != nil {
		return err
	}
	if len(t.gone)+len(seqs) > maxTransactionSettlements {
		return ErrTransactionSettlements
	}
	var twice []int64
	for _, n := range seqs {
		if t.gone[n] {
			twice = append(twice, n)
		}
	}
	if twice != nil {
		return &MissingError{SequenceNumbers: twice}
	}
	e, op := to.schedule(), entity.CancelScheduled{SequenceNumbers: seqs}
	if err := e.plan(op).verify(); err != nil {
		return err
	}
	t.did(top, path, storeOp{e, op})
	if t.gone == nil {
		t.gone = map[int64]bool{}
	}
	for _, n := range seqs {
		t.gone[n] = true
	}
	return nil
}

// storeOp is an operation on a queue, a subscription or what is scheduled at a topic.
type storeOp struct {
	e  *messageStore
	op entity.Op
}

func (o storeOp) plan(p *plan) error {
	p.add(o.e, o.op)
	return nil
}

// Settle lets the commit settle messages that links hold, and claims them until then. It
// returns an error for each token, as [Queue.Settle] has them; beside those
// [ErrTransactionScope] and [ErrTransactionSettlements].
func (t *Transaction) Settle(q *Queue, tokens []LockToken, out Outcome) []error {
	top, path := q.top()
	err := t.in(top, path)
	if err == nil && t.settled+len(tokens) > maxTransactionSettlements {
		err = ErrTransactionSettlements
	}
	if err == nil {
		err = t.b.Writable()
	}
	op := &entity.Claim{Sub: q.sub, Tokens: tokens, Outcome: out, By: &t.claimant}
	if err == nil {
		_, err = q.e.plan(op).submit(nil) // nothing is written
	}
	if err != nil {
		return repeat(err, len(tokens))
	}
	var claimed []LockToken
	for i, token := range tokens {
		if op.Errs[i] == nil {
			claimed = append(claimed, token)
		}
	}
	if len(claimed) > 0 {
		t.did(top, path, storeOp{q.e, entity.SettleClaimed{Sub: q.sub, Tokens: claimed, Outcome: out, By: &t.claimant}})
		t.claims = append(t.claims, storeOp{q.e, entity.ReleaseClaims{Sub: q.sub, Tokens: claimed, By: &t.claimant}})
		t.settled += len(claimed)
		t.moves += op.Moves
	}
	return op.Errs
}

// Commit does what was collected as one unit. done, which may be nil, runs once that is
// durable: the caller must sync the unit, which is nil if there was nothing to do. If it
// fails, nothing was done, done is never called and the transaction is rolled back:
// [ErrMessageLockLost] if the lock of one message has ended, [ErrEntityDeleted],
// [ErrEntityDisabled] and the other errors of Send. It waits while the log is full.
func (t *Transaction) Commit(done func()) (*commit.Unit, error) {
	p := &plan{b: t.b}
	var err error
	for _, op := range t.ops {
		if err == nil {
			err = op.plan(p)
		}
	}
	if err == nil {
		err = t.b.log.Admit(t.b.ctx, p.sends())
	}
	var u *commit.Unit
	if err == nil && len(p.parts) > 0 {
		u, err = p.submit(done)
	}
	if err != nil {
		t.Rollback()
		return nil, fmt.Errorf("commit: %w", err)
	}
	if u == nil && done != nil {
		done()
	}
	return u, nil
}

// sends returns about how many bytes of log the plan's sends take, for which it evaluates
// the rules of topics; [commit.Frees] without any.
func (p *plan) sends() (bytes int) {
	for _, x := range p.parts {
		for _, op := range x.ops {
			switch op := op.(type) {
			case entity.Send:
				bytes += sendSize(op.Messages)
			case entity.Transfer:
				bytes += sendSize(op.Messages)
			}
		}
		for _, op := range x.topicOps {
			if publish, ok := op.(*entity.Publish); ok {
				x.topic.evaluate(publish)
				bytes += sizeOfFanOut(publish)
			}
		}
	}
	return bytes
}

// Rollback gives up what was collected: what was sent vanishes, and what was settled
// stays locked as it is until it is settled or the lock ends. It does nothing after a
// commit.
func (t *Transaction) Rollback() {
	for _, o := range t.claims {
		_, _ = o.e.plan(o.op).submit(nil) // writes nothing, and fails only if the entity is deleted
	}
	t.ops, t.claims, t.bytes, t.moves = nil, nil, 0, 0
}
