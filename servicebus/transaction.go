package servicebus

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/amqp/frames"
	"switchyard/broker"
)

const (
	// transactionTimeout is how long a transaction may last from its first operation
	// [SB-AMQP 11].
	transactionTimeout = 2 * time.Minute
	// maxTransactions is how many transactions of a connection may be open.
	maxTransactions = 1000
	// maxUnproven is how many those may be of a client that has shown no token: Java declares
	// one before it does.
	maxUnproven = 16
	// maxTransactionBytes bounds what the open transactions of a connection send, beside
	// the first message, and what one moves: all of it is in memory, then or at the commit.
	maxTransactionBytes = 64 << 20
	// transactionCost and claimCost are what a transaction, and a message that it settles,
	// take in memory.
	transactionCost = 512
	claimCost       = 128
)

// A transaction is one that the client has declared and not discharged.
type transaction struct {
	id          string
	coordinator *coordinator // on which it was declared: it ends with that
	tx          *broker.Transaction
	bytes, held int // of what it sends, and of all that the connection keeps for it
	// overdue: its time has come and it was rolled back. It is known until it is discharged,
	// so that the client learns why.
	overdue bool
	// failed is why an operation was refused. Then there is no commit: Java's library takes
	// a transactional send for done whatever the answer, and a client that wants no answer
	// to its operations hears none [SB-AMQP 11].
	failed error
}

// transactions are those of a connection. The connection's loop owns them.
type transactions struct {
	open     map[string]*transaction
	begun    []*transaction // those with an operation, in the order of their first; some may have ended
	declared uint64
	bytes    int // of what all of them send
}

// declare begins a transaction.
func (c *conn) declare(k *coordinator) (*transaction, *fault) {
	ts := &c.transactions
	limit := maxTransactions
	if !c.shown {
		limit = maxUnproven
	}
	if len(ts.open) >= limit && !ts.forgetOverdue() {
		return nil, &fault{frames.ErrResourceLimitExceeded, 403,
			fmt.Sprintf("The connection has %d open transactions already.", len(ts.open))}
	}
	if ts.open == nil {
		ts.open = map[string]*transaction{}
	}
	ts.declared++
	t := &transaction{coordinator: k, tx: c.h.broker.NewTransaction()}
	// The form of the service's [SB-AMQP 11]; no other connection has the same.
	t.id = fmt.Sprintf("txn:%s:%d_G5", c.container(), ts.declared)
	ts.open[t.id] = t
	c.keepFor(t, transactionCost)
	return t, nil
}

// forgetOverdue makes room by forgetting a transaction that was rolled back for its time.
func (ts *transactions) forgetOverdue() bool {
	for id, t := range ts.open {
		if t.overdue {
			delete(ts.open, id)
			return true
		}
	}
	return false
}

// container names the connection in the ids of its transactions.
func (c *conn) container() string {
	if c.containerID == "" {
		id := c.newID()
		c.containerID = fmt.Sprintf("%x", id[:])
	}
	return c.containerID
}

// transaction finds the transaction of an operation.
func (c *conn) transaction(id []byte) (*transaction, error) {
	t := c.transactions.open[string(id)]
	switch {
	case t == nil:
		return nil, unknownTransaction
	case t.overdue:
		return nil, noTransaction(t.id)
	}
	return t, nil
}

// unknownTransaction is the fault for an id that is of no transaction of the connection.
var unknownTransaction = &fault{frames.ErrTransactionUnknownID, 400,
	"Transaction hasn't been declared yet, or has already been discharged."}

// noTransaction has the service's words for a transaction that has timed out or is about
// another entity.
func noTransaction(id string) *fault {
	return &fault{frames.ErrNotAllowed, 400, fmt.Sprintf("No active Transaction was found for ID '%s'. "+
		"The Transaction may have timed out or attempted to span multiple top-level entities such as Queue or Topic. "+
		"The server Transaction timeout is: 00:02:00.", id)}
}

// keepFor notes that a transaction takes so many bytes more, or less.
func (c *conn) keepFor(t *transaction, more int) {
	t.held += more
	c.nc.AMQP().Keeps(more)
}

// operate lets a transaction have an operation of so many bytes.
func (c *conn) operate(id []byte, bytes int, do func(tx *broker.Transaction) error) error {
	t, err := c.transaction(id)
	if err != nil {
		return err
	}
	if n := c.transactions.bytes; n > 0 && n+bytes > maxTransactionBytes {
		err = &fault{frames.ErrResourceLimitExceeded, 403, fmt.Sprintf(
			"The open transactions of the connection send %d bytes; with %d more they would send more than %d.",
			n, bytes, maxTransactionBytes)}
		c.doom(id, err)
		return err
	}
	began := t.tx.Began()
	if err := do(t.tx); err != nil {
		err = t.scope(err)
		c.doom(id, err)
		return err
	}
	c.keepFor(t, bytes)
	t.bytes += bytes
	c.transactions.bytes += bytes
	c.operated(t, began)
	return nil
}

// settle lets a transaction settle messages, and returns an error for each token.
func (c *conn) settle(id []byte, q *broker.Queue, tokens []broker.LockToken, out broker.Outcome) []error {
	t, err := c.transaction(id)
	if err != nil {
		return slices.Repeat([]error{err}, len(tokens))
	}
	if err := t.mayMove(); err != nil {
		c.doom(id, err)
		return slices.Repeat([]error{err}, len(tokens))
	}
	began := t.tx.Began()
	errs := t.tx.Settle(q, tokens, out)
	for i, err := range errs {
		if err == nil {
			c.keepFor(t, claimCost)
			continue
		}
		errs[i] = t.scope(err)
		c.doom(id, errs[i])
	}
	c.operated(t, began)
	return errs
}

// doom notes that an operation of a transaction was refused.
func (c *conn) doom(id []byte, err error) {
	if t, notOpen := c.transaction(id); notOpen == nil && t.failed == nil {
		t.failed = err
	}
}

// mayMove fails if a commit would have too much in memory of what it moves to the
// dead-letter queue. The last message may be more than the bound.
func (t *transaction) mayMove() error {
	if _, moved := t.tx.Bytes(); moved > maxTransactionBytes {
		return &fault{frames.ErrResourceLimitExceeded, 403, fmt.Sprintf(
			"The messages that the transaction moves to the dead-letter queue have %d bytes; at most %d are allowed.",
			moved, maxTransactionBytes)}
	}
	return nil
}

// scope puts into the service's words that an operation is about an entity that is not
// the transaction's.
func (t *transaction) scope(err error) error {
	if errors.Is(err, broker.ErrTransactionScope) {
		return noTransaction(t.id)
	}
	return err
}

// operated sets the end of a transaction by its first operation.
func (c *conn) operated(t *transaction, began time.Time) {
	if began.IsZero() && !t.tx.Began().IsZero() {
		c.transactions.begun = append(c.transactions.begun, t)
		c.schedule()
	}
}

// deadline is when the next transaction has to end; zero: there is none.
func (ts *transactions) deadline() time.Time {
	for len(ts.begun) > 0 {
		if t := ts.begun[0]; ts.open[t.id] == t {
			return t.tx.Began().Add(transactionTimeout)
		}
		ts.begun[0] = nil
		ts.begun = ts.begun[1:]
	}
	return time.Time{}
}

// endOverdue rolls back the transactions whose time has come.
func (c *conn) endOverdue(now time.Time) {
	ts := &c.transactions
	for at := ts.deadline(); !at.IsZero() && !at.After(now); at = ts.deadline() {
		t := ts.begun[0]
		ts.begun = ts.begun[1:]
		t.overdue = true
		c.rollBack(t)
	}
}

// rollBack gives up what a transaction has collected.
func (c *conn) rollBack(t *transaction) {
	t.tx.Rollback()
	c.released(t)
}

// end forgets a transaction.
func (c *conn) end(t *transaction) {
	delete(c.transactions.open, t.id)
	c.released(t)
}

// released notes that nothing is kept for a transaction any more.
func (c *conn) released(t *transaction) {
	c.transactions.bytes -= t.bytes
	t.bytes = 0
	c.keepFor(t, -t.held)
}
