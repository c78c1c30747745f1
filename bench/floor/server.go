package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/clock"
)

// A server is the [amqpnet.Handler] of all connections.
type server struct {
	log *log

	mu     sync.Mutex
	queues map[string]*queue // guarded by mu; by address, made when first asked for
}

func newServer(d disk) *server { return &server{log: newLog(d), queues: map[string]*queue{}} }

// serve accepts connections until ctx ends or the disk fails.
func (s *server) serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var conns, logging sync.WaitGroup
	var failed error // of the log, when logging is done
	logging.Go(func() {
		if failed = s.log.run(); failed != nil {
			cancel()
		}
	})
	context.AfterFunc(ctx, func() { ln.Close() })
	refused := s.accept(ctx, ln, &conns)
	cancel()
	conns.Wait()
	close(s.log.wake)
	logging.Wait()
	return errors.Join(refused, failed)
}

// options let everybody in.
func options() amqpnet.Options {
	o := amqpnet.Options{Clock: clock.Wall{}, Logger: slog.Default()}
	o.AMQP.Authenticate = func(_, _, _, _ string) error { return nil }
	return o
}

func (s *server) accept(ctx context.Context, ln net.Listener, conns *sync.WaitGroup) error {
	for {
		nc, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				nc.Close()
			}
			return nil
		case err != nil:
			return fmt.Errorf("accept connections: %w", err)
		}
		conns.Go(func() {
			if err := amqpnet.Serve(ctx, nc, s, options()); err != nil {
				slog.Warn("connection ended", "remote", nc.RemoteAddr(), "error", err)
			}
		})
	}
}

// queue returns that of an address.
func (s *server) queue(address string) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[address]
	if q == nil {
		q = &queue{address: address}
		s.queues[address] = q
	}
	return q
}

// Handle implements [amqpnet.Handler].
func (s *server) Handle(nc *amqpnet.Conn, ev amqp.Event) {
	c, ok := nc.Data.(*conn)
	if !ok {
		c = &conn{server: s, nc: nc}
		nc.Data = c
	}
	switch ev := ev.(type) {
	case amqp.Attached:
		c.attach(ev.Link)
	case amqp.Delivered:
		c.added = true
		c.log.message(ev.Link.Data.(*sender), ev.Delivery)
	case amqp.Flowed:
		r := ev.Link.Data.(*receiver)
		r.pull()
		if ev.Drain {
			r.link.Drained()
		}
	case amqp.Settled:
		ev.Link.Data.(*receiver).settled(ev)
	case amqp.Detached:
		if r, ok := ev.Link.Data.(*receiver); ok {
			r.gone()
		}
	}
}

// Flush implements [amqpnet.Handler].
func (s *server) Flush(nc *amqpnet.Conn) {
	if c, ok := nc.Data.(*conn); ok && c.added {
		c.added = false
		s.log.begin()
	}
}

// Stop implements [amqpnet.Handler]. What is under way when the floor ends is not answered.
func (s *server) Stop(*amqpnet.Conn) {}

// Gone implements [amqpnet.Handler].
func (s *server) Gone(*amqpnet.Conn) {}
