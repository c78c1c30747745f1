package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
)

// A txClient is a wire with a coordinator link, handle 2, beside a sending link and a
// receiving one. No client library for Go has transactions.
type txClient struct {
	*wire
	s    *server
	next uint32 // delivery-id
	got  uint32 // deliveries received
}

func (s *server) txClient(queue string) *txClient {
	s.t.Helper()
	c := &txClient{wire: s.wire(5000), s: s}
	c.attachCoordinator("coordinator", 2)
	c.attach(frames.RoleSender, queue)
	c.attach(frames.RoleReceiver, queue)
	return c
}

// attachCoordinator attaches one more link to a coordinator.
func (c *txClient) attachCoordinator(name string, handle uint32) {
	c.t.Helper()
	capabilities := []encoding.Symbol{"amqp:local-transactions"}
	c.send(frames.TypeAMQP, &frames.Attach{Name: name, Handle: handle, Role: frames.RoleSender, Source: &frames.Source{},
		Target: &frames.Coordinator{Capabilities: capabilities}, InitialDeliveryCount: frames.Some(uint32(0))}, nil)
	a := wantFrame[*frames.Attach](c.wire)
	if target, ok := a.Target.(*frames.Coordinator); !ok || !slices.Equal(target.Capabilities, capabilities) || a.Source == nil {
		c.t.Fatalf("attach is answered with %+v, target %+v, want a source and the coordinator", a, a.Target)
	}
}

func value(v any) []byte {
	b, err := frames.AppendValue(nil, v)
	if err != nil {
		panic(err)
	}
	return b
}

// deliver sends a message on a link and returns what became of it.
func (c *txClient) deliver(handle uint32, state frames.State, payload []byte) frames.State {
	c.t.Helper()
	c.deliverSettled(handle, false, state, payload)
	return c.answer(frames.RoleReceiver, c.next-1)
}

func (c *txClient) deliverSettled(handle uint32, settled bool, state frames.State, payload []byte) {
	c.t.Helper()
	c.send(frames.TypeAMQP, &frames.Transfer{Handle: handle, DeliveryID: frames.Some(c.next), DeliveryTag: []byte(fmt.Sprint(c.next)),
		MessageFormat: frames.Some(uint32(0)), State: state, Settled: settled}, payload)
	c.next++
}

// answer reads a disposition of one delivery.
func (c *txClient) answer(role frames.Role, id uint32) frames.State {
	c.t.Helper()
	d := wantFrame[*frames.Disposition](c.wire)
	if d.Role != role || d.First != id || d.Last != id || !d.Settled {
		c.t.Fatalf("disposition %+v, want one of delivery %d, settled", d, id)
	}
	return d.State
}

func (c *txClient) declare() []byte {
	c.t.Helper()
	state := c.deliver(2, nil, value(encoding.Described{Descriptor: uint64(0x31), Value: encoding.List{}}))
	d, ok := state.(frames.Declared)
	if !ok || !strings.HasPrefix(string(d.TxnID), "txn:") {
		c.t.Fatalf("declare is answered with %+v, want an id", state)
	}
	return d.TxnID
}

func discharge(id []byte, fail bool) []byte {
	return value(encoding.Described{Descriptor: uint64(0x32), Value: encoding.List{id, fail}})
}

func (c *txClient) discharge(id []byte, fail bool) frames.State {
	c.t.Helper()
	return c.deliver(2, nil, discharge(id, fail))
}

func (c *txClient) commit(id []byte) {
	c.t.Helper()
	if state := c.discharge(id, false); state != (frames.Accepted{}) {
		c.t.Fatalf("commit is answered with %s", describe(state))
	}
}

func (c *txClient) rollBack(id []byte) {
	c.t.Helper()
	if state := c.discharge(id, true); state != (frames.Accepted{}) {
		c.t.Fatalf("rollback is answered with %s", describe(state))
	}
}

// sendIn sends a message in a transaction.
func (c *txClient) sendIn(id []byte, text string) frames.State {
	c.t.Helper()
	return c.deliver(0, frames.TransactionalState{TxnID: id}, message(text))
}

func message(text string) []byte {
	b, err := frames.AppendProperties(nil, &frames.Properties{MessageID: text})
	if err != nil {
		panic(err)
	}
	return frames.AppendData(b, []byte(text))
}

// receive returns the delivery-id and the tag of the next message.
func (c *txClient) receive() (id uint32, tag []byte) {
	c.t.Helper()
	c.credit(1, c.got)
	c.got++
	d := wantFrame[*frames.Transfer](c.wire)
	return d.DeliveryID.Value, d.DeliveryTag
}

// settleIn settles a delivery in a transaction.
func (c *txClient) settleIn(id []byte, delivery uint32, outcome frames.State) frames.State {
	c.t.Helper()
	c.send(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: delivery, Last: delivery,
		State: frames.TransactionalState{TxnID: id, Outcome: outcome}}, nil)
	return c.answer(frames.RoleSender, delivery)
}

// tokenOf is the lock token of a delivery tag.
func tokenOf(t []byte) broker.LockToken {
	return broker.LockToken{t[3], t[2], t[1], t[0], t[5], t[4], t[7], t[6], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15]}
}

// elsewhere completes a message by its lock token, not in a transaction.
func (c *txClient) elsewhere(queue string, tag []byte) (err error) {
	c.t.Helper()
	q, err := c.s.broker.Queue(namespace, queue)
	if err != nil {
		c.t.Fatal(err)
	}
	c.s.broker.Sync(q.Settle([]broker.LockToken{tokenOf(tag)}, broker.Outcome{Kind: broker.Complete}, func(errs []error) { err = errs[0] }))
	return err
}

func describe(s frames.State) string {
	switch s := s.(type) {
	case frames.Rejected:
		return fmt.Sprintf("rejected{%v}", s.Error)
	case frames.TransactionalState:
		return fmt.Sprintf("transactional-state{%s, %s}", s.TxnID, describe(s.Outcome))
	}
	return fmt.Sprintf("%T%+v", s, s)
}

func (c *txClient) wantRejected(got frames.State, condition encoding.Symbol, text string) {
	c.t.Helper()
	if r, ok := got.(frames.Rejected); !ok || r.Error == nil || r.Error.Condition != condition || !strings.Contains(r.Error.Description, text) {
		c.t.Errorf("answered with %s, want rejected with %s %q", describe(got), condition, text)
	}
}

func (c *txClient) wantIn(got frames.State, id []byte, outcome frames.State) {
	c.t.Helper()
	if s, ok := got.(frames.TransactionalState); !ok || string(s.TxnID) != string(id) || s.Outcome != outcome {
		c.t.Errorf("answered with %s, want %s of transaction %s", describe(got), describe(outcome), id)
	}
}

// [SB-AMQP 11]: what a transaction has sent and settled is not seen before the commit, and
// then all of it, when it is durable.
func TestTransactionCommits(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "a", "b", "c", "d")
	c := s.txClient("q")
	a, tag := c.receive()
	b, _ := c.receive()
	d, _ := c.receive()
	tx, other := c.declare(), c.declare()
	c.wantIn(c.sendIn(tx, "x"), tx, frames.Accepted{})
	c.wantIn(c.sendIn(other, "elsewhere"), other, frames.Accepted{})
	c.wantIn(c.sendIn(tx, "y"), tx, frames.Accepted{})
	c.wantIn(c.settleIn(tx, a, frames.Accepted{}), tx, frames.Accepted{})
	c.wantIn(c.settleIn(tx, b, frames.Rejected{Error: &frames.Error{Condition: "com.microsoft:dead-letter"}}), tx, frames.Rejected{})
	c.wantIn(c.settleIn(tx, d, frames.Modified{UndeliverableHere: true}), tx, frames.Modified{})
	s.counts("q", 4, 0)
	if err := c.elsewhere("q", tag); !errors.Is(err, broker.ErrMessageLockLost) {
		t.Errorf("settling what a transaction has settled = %v, want a lost lock", err)
	}

	s.recordLocks("q") // else that may be a unit in between
	before := s.commits.Load()
	waiting := s.log.hold()
	c.deliverSettled(2, false, nil, discharge(tx, false))
	<-waiting
	c.wantSilence()
	s.log.open()
	if state := c.answer(frames.RoleReceiver, c.next-1); state != (frames.Accepted{}) {
		t.Fatalf("commit is answered with %s", describe(state))
	}
	if n := s.commits.Load() - before; n != 1 {
		t.Errorf("a commit is %d units, want 1", n)
	}
	s.counts("q", 4, 1) // d, x, y and the deferred c
	c.wantRejected(c.discharge(tx, false), "amqp:transaction:unknown-id", "has already been discharged")
	c.rollBack(other)
	s.counts("q", 4, 1)
	if got := s.peeked("q"); !slices.Equal(got, []string{"c", "d", "x", "y"}) {
		t.Errorf("the queue holds %q", got)
	}
	s.idleTransactions()
}

// peeked returns the ids of the messages in a queue.
func (s *server) peeked(path string) (ids []string) {
	s.t.Helper()
	q, err := s.broker.Queue(namespace, path)
	if err != nil {
		s.t.Fatal(err)
	}
	msgs, err := q.Peek(1, 250)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range msgs {
		ids = append(ids, m.MessageID)
	}
	return ids
}

// idleTransactions checks that nothing is kept for transactions.
func (s *server) idleTransactions() {
	s.t.Helper()
	if open, bytes := s.handler.Transactions(); open != 0 || bytes != 0 {
		s.t.Errorf("%d transactions are open and keep %d bytes, want none", open, bytes)
	}
}

// Rolled back, what was sent vanishes, and what was settled stays locked with the same
// token: by the request that clients use then, it can be completed once, or be settled in
// a new transaction.
func TestTransactionRollsBack(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "a", "b")
	c := s.txClient("q")
	a, tagA := c.receive()
	b, tagB := c.receive()
	tx := c.declare()
	c.sendIn(tx, "x")
	c.settleIn(tx, a, frames.Accepted{})
	c.settleIn(tx, b, frames.Accepted{})
	c.rollBack(tx)
	s.counts("q", 2, 0)
	if err := c.elsewhere("q", tagA); err != nil {
		t.Errorf("completing a message after the rollback = %v", err)
	}
	if err := c.elsewhere("q", tagA); !errors.Is(err, broker.ErrMessageLockLost) {
		t.Errorf("completing it again = %v, want a lost lock", err)
	}
	if info, err := s.queueInfo("q"); err != nil || info.Counts.Locked != 1 {
		t.Errorf("locked messages: %+v, %v, want one", info.Counts, err)
	}
	if err := c.elsewhere("q", tagB); err != nil {
		t.Errorf("completing the other = %v", err)
	}
	s.idleTransactions()
}

func (s *server) queueInfo(path string) (broker.QueueInfo, error) {
	q, err := s.broker.Queue(namespace, path)
	if err != nil {
		return broker.QueueInfo{}, err
	}
	return q.Info()
}

// A transaction that is not discharged ends with its coordinator, with the session and
// with the connection; one of another coordinator goes on.
func TestTransactionEndsWithItsLink(t *testing.T) {
	for name, end := range map[string]func(c *txClient){
		"detach": func(c *txClient) {
			c.send(frames.TypeAMQP, &frames.Detach{Handle: 2, Closed: true}, nil)
			wantFrame[*frames.Detach](c.wire)
		},
		"end":        func(c *txClient) { c.send(frames.TypeAMQP, &frames.End{}, nil); wantFrame[*frames.End](c.wire) },
		"close":      func(c *txClient) { c.send(frames.TypeAMQP, &frames.Close{}, nil); wantFrame[*frames.Close](c.wire) },
		"connection": func(c *txClient) { c.nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.queue("q", broker.QueueOptions{})
			s.send("q", "a")
			c := s.txClient("q")
			c.attachCoordinator("second", 3)
			a, tag := c.receive()
			tx := c.declare()
			c.sendIn(tx, "x")
			c.settleIn(tx, a, frames.Accepted{})
			kept := c.deliver(3, nil, value(encoding.Described{Descriptor: uint64(0x31), Value: encoding.List{}})).(frames.Declared).TxnID
			c.sendIn(kept, "y")
			end(c)
			want := int64(1)
			if name == "detach" {
				c.wantRejected(c.sendIn(tx, "z"), "amqp:transaction:unknown-id", "")
				if state := c.deliver(3, nil, discharge(kept, false)); state != (frames.Accepted{}) {
					t.Errorf("the commit of the other coordinator's is answered with %s", describe(state))
				}
				want++
			}
			s.eventually(func() bool { open, _ := s.handler.Transactions(); return open == 0 })
			if err := c.elsewhere("q", tag); err != nil {
				t.Errorf("completing the message that the transaction had settled = %v", err)
			}
			s.counts("q", want-1, 0)
			s.idleTransactions()
		})
	}
}

// eventually waits for what another goroutine does.
func (s *server) eventually(f func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("it does not happen")
		}
	}
}

// Two minutes from the first operation, not from the declaration, a transaction is
// rolled back.
func TestTransactionTimesOut(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{LockDuration: 5 * time.Minute})
	s.send("q", "a")
	c := s.txClient("q")
	a, tag := c.receive()
	slow, late := c.declare(), c.declare()
	s.clock.advance(150 * time.Second)
	c.settleIn(slow, a, frames.Accepted{})
	s.clock.advance(time.Minute + 59*time.Second)
	c.wantIn(c.sendIn(slow, "x"), slow, frames.Accepted{})
	c.wantIn(c.sendIn(late, "y"), late, frames.Accepted{})
	if err := c.elsewhere("q", tag); !errors.Is(err, broker.ErrMessageLockLost) {
		t.Errorf("before the time is over the message can be completed: %v", err)
	}
	s.clock.advance(time.Second)
	s.eventually(func() bool { _, bytes := s.handler.Transactions(); return bytes < 1024 }) // what the other one keeps
	const text = "The Transaction may have timed out or attempted to span multiple top-level entities such as Queue or Topic. The server Transaction timeout is: 00:02:00."
	c.wantRejected(c.sendIn(slow, "z"), "amqp:not-allowed", "No active Transaction was found for ID '"+string(slow)+"'. "+text)
	if err := c.elsewhere("q", tag); err != nil {
		t.Errorf("completing the message after the time = %v", err)
	}
	c.wantRejected(c.discharge(slow, false), "amqp:transaction:timeout", text)
	c.wantRejected(c.discharge(slow, false), "amqp:transaction:unknown-id", "")
	c.commit(late)
	s.counts("q", 1, 0)
	s.idleTransactions()
}

// An operation that is refused is told so, and nothing of the transaction commits: Java's
// library does not look at the answer to a transactional send.
func TestTransactionRefuses(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("other", broker.QueueOptions{})
	s.send("q", "a")
	c := &txClient{wire: s.wire(5000), s: s}
	c.attach(frames.RoleSender, "q") // before the coordinator: transactions span no entities
	c.attachCoordinator("coordinator", 2)
	c.attach(frames.RoleReceiver, "q")
	a, tag := c.receive()
	// A link to another queue, with the handle 4.
	c.send(frames.TypeAMQP, &frames.Attach{Name: "other", Handle: 4, Role: frames.RoleSender, Source: &frames.Source{},
		Target: &frames.Target{Address: frames.Some("other")}, InitialDeliveryCount: frames.Some(uint32(0))}, nil)
	wantFrame[*frames.Attach](c.wire)
	const crossEntity = "attempted to span multiple top-level entities such as Queue or Topic"
	for name, tt := range map[string]struct {
		do              func(in frames.TransactionalState) frames.State
		condition, text string
	}{
		"another queue": {func(in frames.TransactionalState) frames.State { return c.deliver(4, in, message("x")) }, "amqp:not-allowed", crossEntity},
		"a body that is none": {func(in frames.TransactionalState) frames.State { return c.deliver(0, in, []byte{0, 0x53, 0x75, 0x40}) },
			"com.microsoft:argument-error", "invalid message"},
		"a batch of nothing": {func(in frames.TransactionalState) frames.State {
			c.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(c.next), DeliveryTag: []byte{1}, MessageFormat: frames.Some(uint32(0x80013700)), State: in}, nil)
			c.next++
			d := wantFrame[*frames.Detach](c.wire)
			c.send(frames.TypeAMQP, &frames.Detach{Handle: 0, Closed: true}, nil)
			c.attach(frames.RoleSender, "q")
			return frames.Rejected{Error: d.Error}
		}, "com.microsoft:argument-error", "no data"},
		"a message that is too large": {func(in frames.TransactionalState) frames.State {
			for more := 5; more >= 0; more-- {
				c.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(c.next), DeliveryTag: []byte{1}, State: in, More: more > 0}, make([]byte, 60_000))
			}
			c.next++
			return c.answer(frames.RoleReceiver, c.next-1)
		}, "amqp:link:message-size-exceeded", "exceeds the limit"},
		"a lock that is lost": {func(in frames.TransactionalState) frames.State {
			id, tag := c.receive()
			if err := c.elsewhere("q", tag); err != nil {
				t.Fatal(err)
			}
			return c.settleIn(in.TxnID, id, frames.Accepted{})
		}, "com.microsoft:message-lock-lost", "The lock supplied is invalid"},
	} {
		s.send("q", "b")
		tx := c.declare()
		c.wantIn(c.sendIn(tx, "y"), tx, frames.Accepted{})
		c.wantRejected(tt.do(frames.TransactionalState{TxnID: tx}), encoding.Symbol(tt.condition), tt.text)
		c.wantIn(c.sendIn(tx, "z"), tx, frames.Accepted{})
		c.wantRejected(c.discharge(tx, false), "amqp:transaction:rollback", "The transaction was rolled back: ")
		if got := s.peeked("q"); slices.Contains(got, "y") || slices.Contains(got, "z") {
			t.Errorf("%s: the queue holds %q", name, got)
		}
	}
	tx := c.declare()
	c.wantIn(c.settleIn(tx, a, frames.Accepted{}), tx, frames.Accepted{})
	c.wantRejected(c.deliver(4, frames.TransactionalState{TxnID: tx}, message("x")), "amqp:not-allowed", crossEntity)
	c.rollBack(tx)
	if err := c.elsewhere("q", tag); err != nil {
		t.Errorf("completing the message = %v", err)
	}
	s.counts("other", 0, 0)
	c.wantRejected(c.deliver(0, frames.TransactionalState{TxnID: []byte("txn:none:1_G5")}, message("x")), "amqp:transaction:unknown-id",
		"Transaction hasn't been declared yet, or has already been discharged.")
	c.wantRejected(c.discharge([]byte("nobody's"), false), "amqp:transaction:unknown-id", "")
	c.wantRejected(c.deliver(2, nil, value("hello")), "com.microsoft:argument-error", "to a coordinator")
	c.wantRejected(c.deliver(2, nil, value(encoding.Described{Descriptor: uint64(0x31), Value: encoding.List{[]byte("g")}})),
		"amqp:not-allowed", "Distributed transactions")
	c.wantRejected(c.deliver(2, nil, message("x")), "com.microsoft:argument-error", "")
	s.idleTransactions()
}

// A hundred messages, the members of batches counted [SB-SEM 10].
func TestTransactionOfAHundred(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	c := s.txClient("q")
	batch := func(tx []byte, texts ...string) frames.State {
		var payload []byte
		for _, text := range texts {
			payload = frames.AppendData(payload, message(text))
		}
		c.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(c.next), DeliveryTag: []byte(fmt.Sprint(c.next)),
			MessageFormat: frames.Some(uint32(0x80013700)), State: frames.TransactionalState{TxnID: tx}}, payload)
		c.next++
		return c.answer(frames.RoleReceiver, c.next-1)
	}
	const full = "Cannot send more than 100 messages in a single transaction."
	one, two := c.declare(), c.declare()
	for i := range 98 {
		c.wantIn(c.sendIn(one, fmt.Sprint(i)), one, frames.Accepted{})
		c.wantIn(c.sendIn(two, fmt.Sprint(i)), two, frames.Accepted{})
	}
	c.wantIn(batch(one, "98", "99"), one, frames.Accepted{})
	c.commit(one)
	s.counts("q", 100, 0)
	c.wantRejected(batch(two, "98", "99", "100"), "amqp:resource-limit-exceeded", full)
	c.wantRejected(c.discharge(two, false), "amqp:transaction:rollback", full)
	s.counts("q", 100, 0)
	s.idleTransactions()
}

// An id means nothing on another connection.
func TestTransactionOfAnotherConnection(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	c, other := s.txClient("q"), s.txClient("q")
	tx, second := c.declare(), other.declare()
	if string(tx) == string(second) {
		t.Errorf("two connections have the id %s", tx)
	}
	other.wantRejected(other.sendIn(tx, "x"), "amqp:transaction:unknown-id", "")
	c.commit(tx)
}

// The entities of a transaction without the signal for several: Azure's words.
func TestTransactionSpans(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("other", broker.QueueOptions{})
	s.send("other", "a")
	c := &txClient{wire: s.wire(5000), s: s}
	c.attach(frames.RoleSender, "q")
	c.attach(frames.RoleReceiver, "other")
	c.attachCoordinator("coordinator", 2)
	a, tag := c.receive()
	tx := c.declare()
	c.sendIn(tx, "x")
	c.wantRejected(c.settleIn(tx, a, frames.Accepted{}), "amqp:not-allowed", "No active Transaction was found for ID '"+string(tx)+"'. "+
		"The Transaction may have timed out or attempted to span multiple top-level entities such as Queue or Topic.")
	if err := c.elsewhere("other", tag); err != nil {
		t.Errorf("completing a message whose settlement was refused = %v", err)
	}
	c.wantRejected(c.discharge(tx, false), "amqp:transaction:rollback", "multiple top-level entities")
	s.counts("q", 0, 0)
}

// What ends a transaction before its commit: nothing of it happens, and the text says why.
func TestTransactionCommitFails(t *testing.T) {
	disabled := func(s *server) { s.queue("q", broker.QueueOptions{Status: broker.StatusSendDisabled}) }
	for name, tt := range map[string]struct {
		meanwhile func(s *server)
		text      string
	}{
		"the lock has ended":    {func(s *server) { s.clock.advance(31 * time.Second) }, "The lock supplied is invalid. Either the lock expired"},
		"the queue is disabled": {disabled, "Messaging entity 'testns:Queue:q' is currently disabled for Send operations."},
		"the queue is deleted": {func(s *server) {
			if err := commit.Do(context.Background(), s.log, 0, s.broker.DeleteQueueEffect(namespace, "q", false)); err != nil {
				s.t.Fatal(err)
			}
			s.queue("q", broker.QueueOptions{})
		}, "entity deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.queue("q", broker.QueueOptions{LockDuration: 30 * time.Second})
			s.send("q", "a")
			c := s.txClient("q")
			a, _ := c.receive()
			tx := c.declare()
			c.sendIn(tx, "x")
			c.settleIn(tx, a, frames.Accepted{})
			before, _ := s.queueInfo("q")
			tt.meanwhile(s)
			if strings.HasSuffix(name, "deleted") {
				wantFrame[*frames.Detach](c.wire)
			}
			c.wantRejected(c.discharge(tx, false), "amqp:transaction:rollback", tt.text)
			want := before.Counts.Active
			if strings.HasSuffix(name, "deleted") {
				want = 0
			}
			s.counts("q", want, 0)
			s.idleTransactions()
		})
	}
}

// A client that wants no answer to an operation learns from the discharge that it failed.
func TestTransactionWithSettledOperations(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "a")
	c := s.txClient("q")
	a, tag := c.receive()
	tx := c.declare()
	in := frames.TransactionalState{TxnID: tx}
	c.deliverSettled(0, true, in, message("x"))
	c.commit(tx)
	s.counts("q", 2, 0)

	tx = c.declare()
	in.TxnID = tx
	c.sendIn(tx, "y")
	c.deliverSettled(0, true, in, []byte{0, 0x53, 0x75, 0x40})
	c.wantRejected(c.discharge(tx, false), "amqp:transaction:rollback", "The transaction was rolled back: ")
	s.counts("q", 2, 0)

	if err := c.elsewhere("q", tag); err != nil {
		t.Fatal(err)
	}
	tx = c.declare()
	c.send(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: a, Last: a, Settled: true,
		State: frames.TransactionalState{TxnID: tx, Outcome: frames.Accepted{}}}, nil)
	c.wantRejected(c.discharge(tx, false), "amqp:transaction:rollback", "The lock supplied is invalid")

	// What declares must be answered.
	c.deliverSettled(2, true, nil, value(encoding.Described{Descriptor: uint64(0x31), Value: encoding.List{}}))
	if d := wantFrame[*frames.Detach](c.wire); d.Error == nil || d.Error.Condition != "amqp:not-allowed" {
		t.Errorf("a settled declare ends with %+v, want amqp:not-allowed", d)
	}
	s.idleTransactions()
}

// Requests: settlements are part of the transaction, what only shows or renews is done at
// once, and the rest is refused by name.
func TestTransactionalRequests(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "a", "b")
	c := s.txClient("q")
	_, a := c.receive()
	_, b := c.receive()
	c.send(frames.TypeAMQP, &frames.Attach{Name: "requests", Handle: 4, Role: frames.RoleSender, Source: &frames.Source{},
		Target: &frames.Target{Address: frames.Some("q/$management")}, InitialDeliveryCount: frames.Some(uint32(0))}, nil)
	wantFrame[*frames.Attach](c.wire)
	c.send(frames.TypeAMQP, &frames.Attach{Name: "responses", Handle: 5, Role: frames.RoleReceiver, Source: &frames.Source{Address: frames.Some("q/$management")},
		Target: &frames.Target{Address: frames.Some("reply")}}, nil)
	wantFrame[*frames.Attach](c.wire)
	c.send(frames.TypeAMQP, &frames.Flow{NextIncomingID: frames.Some(1 + c.got), IncomingWindow: 5000, NextOutgoingID: 1, OutgoingWindow: 100,
		Handle: frames.Some(uint32(5)), DeliveryCount: frames.Some(uint32(0)), LinkCredit: frames.Some(uint32(50))}, nil)

	call := func(tx []byte, settled bool, operation string, args ...encoding.Pair) (status int32, condition any) {
		t.Helper()
		p := &frames.Properties{MessageID: "1", ReplyTo: frames.Some("reply")}
		payload, err := frames.AppendProperties(nil, p)
		if err == nil {
			payload, err = frames.AppendApplicationProperties(payload, &encoding.Map{Pairs: []encoding.Pair{{Key: "operation", Value: operation}}})
		}
		if err == nil {
			payload, err = frames.AppendValue(payload, &encoding.Map{Pairs: args})
		}
		if err != nil {
			t.Fatal(err)
		}
		in := frames.TransactionalState{TxnID: tx}
		if settled {
			c.deliverSettled(4, true, in, payload)
		} else {
			c.wantIn(c.deliver(4, in, payload), tx, frames.Accepted{})
		}
		m, err := frames.ParseMessage(c.payload())
		if err != nil {
			t.Fatal(err)
		}
		properties, err := m.ApplicationProperties()
		if err != nil {
			t.Fatal(err)
		}
		code, _ := properties.Get("statusCode")
		condition, _ = properties.Get("errorCondition")
		return code.(int32), condition
	}
	tokens := func(tags ...[]byte) encoding.Pair {
		list := encoding.List{}
		for _, tag := range tags {
			list = append(list, encoding.UUID(tokenOf(tag)))
		}
		return encoding.Pair{Key: "lock-tokens", Value: list}
	}
	completed := encoding.Pair{Key: "disposition-status", Value: "completed"}
	later := scheduledMessage(t, time.Now().Add(time.Hour), "later")
	tx, schedules := c.declare(), c.declare()
	tests := []struct {
		name, operation string
		tx              []byte
		args            []encoding.Pair
		status          int32
		condition       any
	}{
		{"complete", "com.microsoft:update-disposition", tx, []encoding.Pair{completed, tokens(a)}, 200, nil},
		{"complete, unknown", "com.microsoft:update-disposition", []byte("t"), []encoding.Pair{completed, tokens(b)}, 400, encoding.Symbol("amqp:transaction:unknown-id")},
		{"renew", "com.microsoft:renew-lock", tx, []encoding.Pair{tokens(a, b)}, 200, nil},
		{"peek", "com.microsoft:peek-message", tx, []encoding.Pair{{Key: "from-sequence-number", Value: int64(1)}, {Key: "message-count", Value: int32(1)}}, 200, nil},
		{"schedule", "com.microsoft:schedule-message", tx, []encoding.Pair{{Key: "messages", Value: encoding.List{&encoding.Map{Pairs: []encoding.Pair{{Key: "message", Value: later}}}}}}, 200, nil},
		{"complete again", "com.microsoft:update-disposition", schedules, []encoding.Pair{completed, tokens(a)}, 410, encoding.Symbol("com.microsoft:message-lock-lost")},
		{"cancel what is not there", "com.microsoft:cancel-scheduled-message", schedules, []encoding.Pair{{Key: "sequence-numbers", Value: []int64{99}}}, 404, encoding.Symbol("com.microsoft:message-not-found")},
		{"delete", "com.microsoft:batch-delete-messages", schedules, []encoding.Pair{{Key: "message-count", Value: int32(1)}}, 404, encoding.Symbol("amqp:not-implemented")},
	}
	for i, tt := range tests {
		if status, condition := call(tt.tx, i%2 == 0, tt.operation, tt.args...); status != tt.status || condition != tt.condition {
			t.Errorf("%s: %d %v, want %d %v", tt.name, status, condition, tt.status, tt.condition)
		}
	}
	s.counts("q", 2, 0)
	c.commit(tx)
	c.wantRejected(c.discharge(schedules, false), "amqp:transaction:rollback", "The lock supplied is invalid")
	if got := s.peeked("q"); !slices.Equal(got, []string{"b", "later"}) {
		t.Errorf("the queue holds %q", got)
	}

	// A cancellation that is rolled back leaves the message, and one that is committed does not.
	cancel := []encoding.Pair{{Key: "sequence-numbers", Value: []int64{3}}}
	for _, fail := range []bool{true, false} {
		tx := c.declare()
		if status, condition := call(tx, false, "com.microsoft:cancel-scheduled-message", cancel...); status != 200 {
			t.Errorf("cancel: %d %v", status, condition)
		}
		if state := c.discharge(tx, fail); state != (frames.Accepted{}) {
			t.Errorf("discharge is answered with %s", describe(state))
		}
		if got := s.peeked("q"); slices.Contains(got, "later") != fail {
			t.Errorf("cancelled, rolled back %v: the queue holds %q", fail, got)
		}
	}
	s.idleTransactions()
}

// scheduledMessage is a message for a time.
func scheduledMessage(t *testing.T, at time.Time, text string) []byte {
	t.Helper()
	b, err := frames.AppendMessageAnnotations(nil, &encoding.Map{Pairs: []encoding.Pair{{Key: encoding.Symbol("x-opt-scheduled-enqueue-time"), Value: at}}})
	if err != nil {
		t.Fatal(err)
	}
	return append(b, message(text)...)
}

// payload reads the next transfer's, of one frame.
func (c *txClient) payload() []byte {
	c.t.Helper()
	c.nc.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		body, payload, err := c.frame()
		if err != nil {
			c.t.Fatal(err)
		}
		switch body := body.(type) {
		case *frames.Transfer:
			return payload
		case *frames.Flow:
		default:
			c.t.Fatalf("read %T %+v, want a transfer", body, body)
		}
	}
}

// A topic with its subscriptions and their dead-letter queues is one entity.
func TestTransactionOfATopic(t *testing.T) {
	s := newServer(t)
	s.topic("t", broker.TopicOptions{}, "one", "two")
	s.send("t", "a")
	c := &txClient{wire: s.wire(5000), s: s}
	c.attach(frames.RoleSender, "t")
	c.attach(frames.RoleReceiver, "t/Subscriptions/one")
	c.attachCoordinator("coordinator", 2)
	a, _ := c.receive()
	tx := c.declare()
	c.wantIn(c.settleIn(tx, a, frames.Accepted{}), tx, frames.Accepted{})
	c.wantIn(c.sendIn(tx, "b"), tx, frames.Accepted{})
	active := func(name string, want int64) {
		t.Helper()
		if info, err := s.queueInfo("t/Subscriptions/" + name); err != nil || info.Counts.Active != want {
			t.Errorf("subscription %s has %+v, %v, want %d messages", name, info.Counts, err, want)
		}
	}
	active("one", 1)
	active("two", 1)
	s.recordLocks("t/Subscriptions/one") // else that may be a unit in between
	before := s.commits.Load()
	c.commit(tx)
	if n := s.commits.Load() - before; n != 1 {
		t.Errorf("a commit is %d units, want 1", n)
	}
	active("one", 1)
	active("two", 2)
}

// A connection may have a bounded number of open transactions; those that were rolled back
// for their time make room.
func TestTransactionsAreBounded(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	c := s.txClient("q")
	ids := [][]byte{}
	for range 1000 {
		ids = append(ids, c.declare())
	}
	declare := value(encoding.Described{Descriptor: uint64(0x31), Value: encoding.List{}})
	c.wantRejected(c.deliver(2, nil, declare), "amqp:resource-limit-exceeded", "The connection has 1000 open transactions already.")
	c.sendIn(ids[7], "x")
	s.clock.advance(2 * time.Minute)
	s.eventually(func() bool { _, bytes := s.handler.Transactions(); return bytes == 999*512 })
	tx := c.declare()
	c.wantRejected(c.discharge(ids[7], false), "amqp:transaction:unknown-id", "")
	c.sendIn(tx, "y")
	c.commit(tx)
	s.counts("q", 1, 0)
}

// What the open transactions of a connection send is bounded.
func TestTransactionBytesAreBounded(t *testing.T) {
	s := newServer(t)
	if err := s.broker.PutNamespace(context.Background(), namespace, broker.NamespaceOptions{SKU: broker.SKUPremium}); err != nil {
		t.Fatal(err)
	}
	s.queue("q", broker.QueueOptions{})
	c := s.txClient("q")
	large := frames.AppendData(nil, make([]byte, 1<<20-100))
	deliver := func(tx []byte) frames.State {
		for rest := large; ; {
			n := min(len(rest), 60000)
			c.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(c.next), DeliveryTag: []byte(fmt.Sprint(c.next)),
				MessageFormat: frames.Some(uint32(0)), State: frames.TransactionalState{TxnID: tx}, More: n < len(rest)}, rest[:n])
			if rest = rest[n:]; len(rest) == 0 {
				break
			}
		}
		c.next++
		return c.answer(frames.RoleReceiver, c.next-1)
	}
	first, second := c.declare(), c.declare()
	for i := range 64 {
		tx := first
		if i%2 == 0 {
			tx = second
		}
		c.wantIn(deliver(tx), tx, frames.Accepted{})
	}
	third := c.declare()
	c.wantRejected(deliver(third), "amqp:resource-limit-exceeded", "would send more than 67108864")
	c.rollBack(third)
	c.commit(first)
	c.wantIn(deliver(second), second, frames.Accepted{})
	c.rollBack(second)
	s.counts("q", 32, 0)
	s.idleTransactions()
}

// Basic has no transactions [SB-SEM 1.4].
func TestTransactionsOfBasic(t *testing.T) {
	s := newServer(t)
	if err := s.broker.PutNamespace(context.Background(), namespace, broker.NamespaceOptions{SKU: broker.SKUBasic}); err != nil {
		t.Fatal(err)
	}
	w := s.wire(5000)
	w.send(frames.TypeAMQP, &frames.Attach{Name: "coordinator", Handle: 2, Role: frames.RoleSender, Source: &frames.Source{},
		Target: &frames.Coordinator{}, InitialDeliveryCount: frames.Some(uint32(0))}, nil)
	if a := wantFrame[*frames.Attach](w); a.Target != nil || a.Source != nil {
		t.Errorf("attach is answered with %+v, want null termini", a)
	}
	if d := wantFrame[*frames.Detach](w); !d.Closed || d.Error == nil || d.Error.Condition != "amqp:not-allowed" || !strings.Contains(d.Error.Description, "Basic") {
		t.Errorf("detach %+v, want amqp:not-allowed for the tier", d)
	}
}

// The rights are those of the links: a transaction gives none.
func TestTransactionNeedsTheRightsOfItsLinks(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.rule("", "listen", "k", auth.Listen)
	w := s.wireAs("listen", "k", 5000)
	c := &txClient{wire: w, s: s}
	c.attachCoordinator("coordinator", 2)
	tx := c.declare()
	c.send(frames.TypeAMQP, &frames.Attach{Name: "s", Role: frames.RoleSender, Source: &frames.Source{},
		Target: &frames.Target{Address: frames.Some("q")}, InitialDeliveryCount: frames.Some(uint32(0))}, nil)
	wantFrame[*frames.Attach](c.wire)
	if d := wantFrame[*frames.Detach](c.wire); d.Error == nil || d.Error.Condition != "amqp:unauthorized-access" {
		t.Errorf("detach %+v, want amqp:unauthorized-access", d)
	}
	c.rollBack(tx)
}
