package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
)

// manual is the credit of a receiver that gets messages only as it asks for them.
const manual = -1

// A consumer is a connection that receives and settles each message.
type consumer struct {
	conn     *amqp.Conn
	receiver *amqp.Receiver
	reader   reader
	mode     amqp.ReceiverSettleMode
	got      func()
	all      func() // called when the last message of all has come
}

// consumer connects and attaches a receiver with so much credit; manual: as is asked for.
func (m *Measurement) consumer(ctx context.Context, mode amqp.ReceiverSettleMode, credit int32) (*consumer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.Stall, &StalledError{after: m.Stall})
	defer cancel()
	conn, session, err := m.Endpoint.dial(ctx)
	if err != nil {
		return nil, err
	}
	r, err := session.NewReceiver(ctx, m.Address, &amqp.ReceiverOptions{Credit: credit, SettlementMode: &mode})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open a receiver of %s: %w", m.Address, because(ctx, err))
	}
	return &consumer{conn: conn, receiver: r, mode: mode}, nil
}

// run receives until ctx ends, checks and settles what comes, and detaches, so that the
// server has seen every settlement when it returns.
func (c *consumer) run(ctx, limit context.Context) error {
	settle, settled := c.settler(limit)
	err := c.take(ctx, limit, settle)
	if failed := settled(); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return c.detach(limit)
}

// detach waits until the server has detached, before which it has seen all that was settled.
func (c *consumer) detach(ctx context.Context) error {
	if err := c.receiver.Close(ctx); err != nil {
		return fmt.Errorf("detach a receiver: %w", because(ctx, err))
	}
	return nil
}

// because is why something failed: if the context ended, the cause of that. go-amqp compares
// the time with the deadline itself, and gives it to the connection's writes: either may fail
// a moment before the context ends.
func because(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, limited := ctx.Deadline(); limited {
		soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		<-soon.Done()
		cancel()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// take receives until ctx ends.
func (c *consumer) take(ctx, limit context.Context, settle func(*amqp.Message) error) error {
	for {
		msg, err := c.receiver.Receive(ctx, nil)
		switch {
		case limit.Err() != nil:
			return context.Cause(limit)
		case ctx.Err() != nil && msg == nil: // all have come
			return nil
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		}
		last, err := c.reader.took(msg.GetData())
		if err != nil {
			return err
		}
		if err := settle(msg); err != nil {
			return err
		}
		c.got()
		if last {
			c.all()
		}
	}
}

// settler returns what accepts a message, and what waits until all that were given to it are
// settled. In mode second each waits for the server, so there are many at once.
func (c *consumer) settler(ctx context.Context) (settle func(*amqp.Message) error, settled func() error) {
	accept := func(msg *amqp.Message) error {
		err := c.receiver.AcceptMessage(ctx, msg)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("settle: %w", err)
		}
		return because(ctx, err)
	}
	if c.mode == amqp.ReceiverSettleModeFirst {
		return accept, func() error { return nil }
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error // guarded by mu
	)
	queue := make(chan *amqp.Message, Credit)
	for range Credit {
		wg.Go(func() {
			for msg := range queue {
				err := accept(msg)
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	settle = func(msg *amqp.Message) error {
		mu.Lock()
		err := failed
		mu.Unlock()
		if err == nil {
			queue <- msg
		}
		return err
	}
	return settle, func() error {
		close(queue)
		wg.Wait()
		return failed
	}
}

// sweep takes what is in the queue. Messages of earlier measurements are removed and
// counted; one that is from elsewhere is given back, and is an error. They are asked for one by
// one: what else is on its way would stay locked, and what is given back come again. (Draining the link would
// tell at once that there are no more, but go-amqp takes the credit back with it, which a server
// may see first.)
func (m *Measurement) sweep(ctx context.Context) (removed int, err error) {
	c, err := m.consumer(ctx, amqp.ReceiverSettleModeFirst, manual)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	for {
		if err := c.receiver.IssueCredit(1); err != nil {
			return removed, fmt.Errorf("look whether %s is empty: %w", m.Address, err)
		}
		wait, cancel := context.WithTimeout(ctx, m.Empty)
		msg, err := c.receiver.Receive(wait, nil)
		cancel()
		switch {
		case msg == nil && ctx.Err() != nil:
			return removed, context.Cause(ctx)
		case msg == nil && wait.Err() != nil:
			return removed, m.detach(ctx, c)
		case err != nil:
			return removed, fmt.Errorf("look whether %s is empty: %w", m.Address, err)
		}
		if !ours(msg.GetData()) {
			if err := c.receiver.ReleaseMessage(ctx, msg); err != nil {
				return removed, fmt.Errorf("give back a message: %w", err)
			}
			if err := m.detach(ctx, c); err != nil {
				return removed, err
			}
			return removed, fmt.Errorf("%s has messages of others, which are left there: measure with a queue of its own", m.Address)
		}
		if err := c.receiver.AcceptMessage(ctx, msg); err != nil {
			return removed, fmt.Errorf("remove a message of an earlier measurement: %w", err)
		}
		removed++
	}
}

// detach is that of a consumer, in the time that the server has for it.
func (m *Measurement) detach(ctx context.Context, c *consumer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, m.Stall, &StalledError{after: m.Stall})
	defer cancel()
	return c.detach(ctx)
}
