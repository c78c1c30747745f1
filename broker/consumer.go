package broker

import (
	"fmt"
	"slices"
	"sync/atomic"

	"switchyard/broker/entity"
	"switchyard/commit"
)

// ConsumerOptions is what [Queue.NewConsumer] needs.
type ConsumerOptions struct {
	Mode ReceiveMode
	// Deliver gets messages once their removal, or what else they depend on, is durable. It
	// runs in the goroutine that syncs or that has decided the delivery, maybe with a lock
	// held, and must not block or call the broker: it posts to the loop of the connection.
	Deliver func([]Delivery)
	// Closed, which may be nil, is called once if the consumer ends without
	// Close: the entity was deleted or disabled. The same rules hold.
	Closed func(error)
}

// A Consumer receives messages of one sub-queue, as many as its credit allows.
// Consumers of the same sub-queue take turns.
type Consumer struct {
	e      *messageStore
	sub    SubQueue
	o      ConsumerOptions
	c      *entity.Consumer
	closed atomic.Bool
	// waiting is how many batches wait for their unit. It is added to with messageStore.mu
	// held.
	waiting atomic.Int64
	// accepted is that of [SessionOptions]; nil: the consumer is for no session.
	accepted func(Session)
}

// NewConsumer opens a consumer without credit. Errors: [ErrEntityDisabled],
// [ErrEntityDeleted], [ErrSessionRequired], [ErrTooManyConsumers].
func (q *Queue) NewConsumer(o ConsumerOptions) (*Consumer, error) {
	e := q.e
	c, err := q.consumer(o)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.alive(); err != nil {
		return nil, err
	}
	if err := e.q.CanReceive(q.sub); err != nil {
		return nil, fmt.Errorf("queue %q: %w", e.path, err)
	}
	if e.options.RequiresSession && q.sub == MainQueue {
		return nil, fmt.Errorf("queue %q: %w", e.path, ErrSessionRequired)
	}
	if err := e.join(c); err != nil {
		return nil, err
	}
	return c, nil
}

// maxConsumers is how many consumers an entity may have: the service's quota of concurrent
// receives [SB-SEM 1.5].
const maxConsumers = 5000

// join puts a consumer on the list. It is called with mu held.
func (e *messageStore) join(c *Consumer) error {
	if len(e.consumers) >= maxConsumers {
		return fmt.Errorf("receive from %q: %w", e.path, ErrTooManyConsumers)
	}
	e.consumers = append(e.consumers, c)
	return nil
}

func (q *Queue) consumer(o ConsumerOptions) (*Consumer, error) {
	if o.Deliver == nil || o.Mode > ReceiveAndDelete {
		return nil, fmt.Errorf("receive from queue %q: %w: no Deliver or unknown mode", q.e.path, ErrInvalidArgument)
	}
	c := &Consumer{e: q.e, sub: q.sub, o: o}
	c.c = &entity.Consumer{Sub: q.sub, Mode: o.Mode, Data: c}
	return c, nil
}

// AddCredit lets the consumer have n more messages. What is at hand is locked and
// delivered by the unit, which the caller must sync and which may be nil; the
// rest follows when it has come or was read.
func (c *Consumer) AddCredit(n int) *commit.Unit {
	u, _ := c.e.plan(entity.AddCredit{Consumer: c.c, N: n}).submit(nil) // fails only if the entity is deleted
	return u
}

// Drain lets the consumer have what the queue holds and then takes its credit
// away. done runs after every delivery made before. The caller must sync the
// unit, which may be nil.
func (c *Consumer) Drain(done func()) *commit.Unit {
	u, err := c.e.plan(entity.Drain{Consumer: c.c, Data: done}).submit(nil)
	if err != nil {
		return c.e.b.tell(err, done)
	}
	return u
}

// Close ends the consumer. Deliver is not called any more, except by a unit that
// is being synced at that moment. Locks stay until they are settled or end
// [SB-AMQP 7.3], but what was locked for the consumer and not delivered is
// released. The caller must sync the unit, which may be nil.
func (c *Consumer) Close() *commit.Unit {
	if c.closed.Swap(true) {
		return nil
	}
	u, _ := c.e.plan(entity.CloseConsumer{Consumer: c.c}).submit(nil) // fails only if the entity is deleted
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	c.e.forget(c)
	return u
}

// forget takes a consumer off the list. It is called with mu held.
func (e *messageStore) forget(c *Consumer) {
	if i := slices.Index(e.consumers, c); i >= 0 {
		e.consumers = slices.Delete(e.consumers, i, i+1)
	}
}

// hand has the consumer get a batch of a decision: at once if nothing of it can be lost that
// anybody was told, else once the unit is durable. A batch never overtakes another. It is
// called with messageStore.mu held.
//
// A peek lock may be lost, see [commit.Unit] Relax. So what is only locked, never before, and
// known to be on the disk need not wait for the settlements of others that are on their way
// there: a consumer's rate would be its credit for each sync.
func (c *Consumer) hand(u *commit.Unit, batch []Delivery, locks bool) {
	if locks && c.waiting.Load() == 0 && c.safe(batch) {
		c.deliver(batch)
		return
	}
	c.waiting.Add(1)
	u.Then(func() {
		c.deliver(batch)
		c.waiting.Add(-1)
	})
}

// safe reports whether the store has the messages as they are delivered, but for the lock.
func (c *Consumer) safe(batch []Delivery) bool {
	if c.sub != MainQueue || c.o.Mode != PeekLock || c.accepted != nil {
		return false
	}
	durable := c.e.durable.Load()
	for _, d := range batch {
		if d.SequenceNumber > durable || d.DeliveryCount > 0 || len(d.Status.Properties) > 0 {
			return false
		}
	}
	return true
}

// deliver gives the client what it is to have.
func (c *Consumer) deliver(batch []Delivery) {
	if !c.closed.Load() {
		c.o.Deliver(batch)
		return
	}
	if c.o.Mode == ReceiveAndDelete {
		return // gone with the link [SB-AMQP 7.3]
	}
	tokens := make([]LockToken, len(batch))
	for i, d := range batch {
		tokens[i] = d.LockToken
	}
	c.Return(tokens)
}

// Return gives back deliveries that never left, because the link was gone before
// the transfer: they are released with their delivery count unchanged. It may be
// called from Deliver; the release follows in the background.
func (c *Consumer) Return(tokens []LockToken) {
	q := Queue{e: c.e, sub: c.sub}
	c.e.b.pool.add(func() {
		c.e.b.Sync(q.Settle(tokens, Outcome{Kind: Release}, nil))
	})
}
