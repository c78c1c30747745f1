package workload

import (
	"context"
	"fmt"

	"github.com/Azure/go-amqp"
)

// A producer is a connection that sends, with up to [InFlight] messages on their way.
type producer struct {
	conn   *amqp.Conn
	sender *amqp.Sender
	first  identity // of its messages
	size   int
	share  int // how many it sends
	sent   func()
	flying []amqp.SendReceipt // a ring, the oldest at next
	next   int
}

func (m *Measurement) producer(ctx context.Context, w Workload, run uint64, number int) (*producer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.Stall, &StalledError{after: m.Stall})
	defer cancel()
	conn, session, err := m.Endpoint.dial(ctx)
	if err != nil {
		return nil, err
	}
	mode := amqp.SenderSettleModeUnsettled
	sender, err := session.NewSender(ctx, m.Address, &amqp.SenderOptions{SettlementMode: &mode})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open a sender to %s: %w", m.Address, because(ctx, err))
	}
	return &producer{
		conn: conn, sender: sender, first: identity{run: run, producer: uint32(number)},
		size: w.Size, share: w.share(number), flying: make([]amqp.SendReceipt, 0, InFlight),
	}, nil
}

// run sends the messages of its share in their order and waits until all are accepted.
func (p *producer) run(ctx context.Context) error {
	body, id := make([]byte, p.size), p.first
	for range p.share {
		if len(p.flying) == InFlight {
			if err := p.settled(ctx, p.next); err != nil {
				return err
			}
		}
		id.write(body)
		receipt, err := p.sender.SendWithReceipt(ctx, &amqp.Message{
			Header: &amqp.MessageHeader{Durable: true},
			Data:   [][]byte{body}, // which is copied before the call returns
		}, nil)
		if err != nil {
			return p.explain(ctx, err)
		}
		id.number++
		if len(p.flying) < InFlight {
			p.flying = append(p.flying, receipt)
			continue
		}
		p.flying[p.next] = receipt
		p.next = (p.next + 1) % InFlight
	}
	for i := range p.flying {
		if err := p.settled(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// settled waits until a message was accepted.
func (p *producer) settled(ctx context.Context, i int) error {
	state, err := p.flying[i].Wait(ctx)
	if err != nil {
		return p.explain(ctx, err)
	}
	switch state := state.(type) {
	case *amqp.StateAccepted:
		p.sent()
		return nil
	case *amqp.StateRejected:
		if state.Error != nil {
			return fmt.Errorf("the server rejected a message: %w", state.Error)
		}
		return fmt.Errorf("the server rejected a message and did not say why")
	default:
		return fmt.Errorf("the server did not accept a message: it answered %T", state)
	}
}

func (p *producer) explain(ctx context.Context, err error) error {
	if err = because(ctx, err); ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("send: %w", err)
}
