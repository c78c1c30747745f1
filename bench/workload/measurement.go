package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/go-amqp"

	"switchyard/clock"
)

// A Measurement is how workloads are measured, one after the other.
type Measurement struct {
	Endpoint Endpoint
	// Address is that of a queue, as the server writes addresses. The queue is there and
	// empty, and nobody else uses it.
	Address string
	// Second has receivers settle second: the server confirms each settlement.
	Second bool
	Server Process // whose processor time and memory are measured; 0: nobody's
	Client Process // this one
	Device Device  // whose flushes are counted; "": none's
	// Stall is how long the server may do nothing.
	Stall time.Duration
	// Empty is how long nothing comes from a queue that is empty.
	Empty time.Duration
	// Quiet is how long the server is left alone before its memory is measured.
	Quiet time.Duration
	Clock clock.Clock
}

// Check reports what of the machine can't be measured.
func (m *Measurement) Check() error {
	if m.Server != 0 {
		if _, err := m.Server.memory(); err != nil {
			return fmt.Errorf("the server's process: %w", err)
		}
	}
	if m.Device == "" {
		return nil
	}
	_, err := m.Device.Flushes()
	return err
}

// Run measures a workload and reports each figure when it is there. It returns a [*Fault], a
// [*StalledError], or what went wrong otherwise. What it has sent it has received, unless
// it fails; the next Run on the queue removes what is left.
func (m *Measurement) Run(ctx context.Context, w Workload, report func(Figure)) error {
	s := &session{Measurement: m, Workload: w, report: report}
	id := rand.Uint64()
	s.ledger = newLedger(id, w)
	if err := s.prepare(ctx, id); err != nil {
		s.close()
		return err
	}
	err := s.run(ctx)
	s.close()
	if err != nil {
		return err
	}
	left, err := m.sweep(ctx)
	if err == nil && left > 0 {
		err = fault(Duplicated, "%d more messages than were sent are in the queue at the end", left)
	}
	return err
}

// A session is one workload being measured.
type session struct {
	*Measurement
	Workload
	ledger    *ledger
	report    func(Figure)
	producers []*producer
	consumers []*consumer
	idle      *int64       // memory of the server before
	accepted  atomic.Int64 // how many messages the server has accepted
	received  atomic.Int64 // and how many have come back
}

// prepare empties the queue and connects the producers.
func (s *session) prepare(ctx context.Context, id uint64) error {
	if _, err := s.sweep(ctx); err != nil {
		return err
	}
	if s.Server != 0 {
		var err error
		if s.idle, err = pointer(s.Server.memory()); err != nil {
			return err
		}
	}
	for i := range Producers {
		p, err := s.producer(ctx, s.Workload, id, i)
		if err != nil {
			return err
		}
		p.sent = func() { s.accepted.Add(1) }
		s.producers = append(s.producers, p)
	}
	return nil
}

func (s *session) close() {
	for _, p := range s.producers {
		p.conn.Close()
	}
	for _, c := range s.consumers {
		c.conn.Close()
	}
}

func (s *session) run(ctx context.Context) error {
	if s.AtOnce {
		return s.phase(ctx, "both", func(ctx context.Context) error {
			return together(ctx, s.send, s.receive)
		})
	}
	if err := s.phase(ctx, "sends", s.send); err != nil {
		return err
	}
	return s.phase(ctx, "drain", s.receive)
}

// phase measures what f does, which the server does not stop to work on.
func (s *session) phase(ctx context.Context, name string, f func(context.Context) error) error {
	if name != "sends" {
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	from, err := s.read()
	if err != nil {
		return err
	}
	watched, stop := s.watch(ctx)
	err = f(watched)
	stop()
	if _, stalled := errors.AsType[*StalledError](err); stalled && s.accepted.Load() == int64(s.Messages) {
		if missing := s.ledger.missing(); missing != nil {
			return missing
		}
	}
	if err != nil {
		return fmt.Errorf("%s, %s: %w", s.Name, name, err)
	}
	figure, err := s.figure(s.Workload, name, from)
	if err != nil {
		return err
	}
	if s.Waiting && name == "sends" && s.Server != 0 {
		if err := s.weigh(ctx, &figure); err != nil {
			return err
		}
	}
	s.report(figure)
	return nil
}

// weigh measures the server's memory while all messages wait.
func (s *session) weigh(ctx context.Context, f *Figure) (err error) {
	t := s.Clock.NewTimer(s.Quiet)
	defer t.Stop()
	select {
	case <-t.C():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if f.Memory, err = pointer(s.Server.memory()); err != nil {
		return err
	}
	over := *f.Memory - *s.idle
	f.OverIdle = &over
	return nil
}

// watch returns a context that ends when the server does nothing for too long.
func (s *session) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		steps := func() int64 { return s.accepted.Load() + s.received.Load() }
		seen := steps()
		t := s.Clock.NewTimer(s.Stall)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C():
			}
			now := steps()
			if now == seen {
				cancel(&StalledError{after: s.Stall})
				return
			}
			seen = now
			t.Reset(s.Stall)
		}
	})
	return ctx, func() {
		close(done)
		wg.Wait()
		cancel(nil)
	}
}

// connect opens the consumers.
func (s *session) connect(ctx context.Context) error {
	mode := amqp.ReceiverSettleModeFirst
	if s.Second {
		mode = amqp.ReceiverSettleModeSecond
	}
	for range s.Consumers {
		c, err := s.consumer(ctx, mode, Credit)
		if err != nil {
			return err
		}
		c.reader, c.got = reader{ledger: s.ledger}, func() { s.received.Add(1) }
		s.consumers = append(s.consumers, c)
	}
	return nil
}

func (s *session) send(ctx context.Context) error {
	all := make([]func(context.Context) error, len(s.producers))
	for i, p := range s.producers {
		all[i] = p.run
	}
	return together(ctx, all...)
}

// receive receives until everything has come.
func (s *session) receive(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	receiving, done := context.WithCancel(ctx)
	defer done()
	all := make([]func(context.Context) error, len(s.consumers))
	for i, c := range s.consumers {
		c.all = done
		all[i] = func(context.Context) error {
			err := c.run(receiving, ctx)
			if err != nil {
				fail(err) // the others wait for what does not come
			}
			return err
		}
	}
	return together(ctx, all...)
}

// together runs all at once and returns the first error, which ends the others.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(func() {
			if err := f(ctx); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
