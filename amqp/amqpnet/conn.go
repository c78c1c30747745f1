package amqpnet

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"switchyard/amqp"
	"switchyard/amqp/frames"
	"switchyard/clock"
	"switchyard/held"
	"switchyard/memory"
)

// A Handler answers what the clients of connections do. One handler may serve
// many connections; its methods are called from the loops of each.
//
// A panic in a handler, or in a posted function, ends that connection.
type Handler interface {
	// Handle answers an event.
	Handle(c *Conn, ev amqp.Event)
	// Flush is called after a batch of events and posted functions, before the
	// output that they caused is written: the place to begin to make durable what
	// they have decided. A handler that waits here holds up the connection. What was
	// posted meanwhile runs next, followed by another Flush.
	Flush(c *Conn)
	// Stop is called when the connection is going to be closed because the server shuts
	// down, and may wait: what it and the functions posted meanwhile answer reaches the
	// client before the close. It may be called more than once.
	Stop(c *Conn)
	// Gone is called once, last: all links are detached, the socket is closed,
	// and Post refuses.
	Gone(c *Conn)
}

// Options configure [Serve]. Clock is required.
type Options struct {
	AMQP   amqp.Options
	Clock  clock.Clock
	Logger *slog.Logger // default: discards
	// CloseTimeout is how long the client may take to answer our close. Default
	// 5 s.
	CloseTimeout time.Duration
	// Held is what all proven connections together may make the process keep, Unproven
	// all others: see [amqp.Conn.Held]. Nil: no bound but each one's own.
	Held, Unproven *held.Budget
	// Storing is the room for messages that are whole and go to the store. While others
	// wait for it, who has begun a large message is not read from: so what comes faster
	// than the disk takes it waits in sockets. Nil: no bound.
	Storing *memory.Room
	// Proven is called, on the loop, when the handler calls [Conn.Proven] for the
	// first time.
	Proven func()
}

// A Conn is a connection that is being served.
type Conn struct {
	// Data belongs to the handler.
	Data any

	amqp    *amqp.Conn // owned by the loop
	nc      net.Conn
	h       Handler
	o       Options
	mailbox mailbox
	proven  bool // owned by the loop
	again   bool // FlushAgain was called; owned by the loop
	share   share

	waits context.Context // of the loop's waits: ends when the connection is to end
	shed  func()          // ends it
}

// AMQP returns the endpoint. Only the loop may use it: the handler, and posted
// functions.
func (c *Conn) AMQP() *amqp.Conn { return c.amqp }

// RemoteAddr returns the address of the client.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Proven says that the client has proved who it is. Only the loop may call it.
func (c *Conn) Proven() {
	if c.proven {
		return
	}
	c.proven = true
	c.amqp.Proven()
	if c.o.Proven != nil {
		c.o.Proven()
	}
}

// FlushAgain has Flush called once more when some of the output has left, though nothing else
// happens: for what waits until the client has read. Only the loop may call it.
func (c *Conn) FlushAgain() { c.again = true }

// Post runs f on the loop. It never blocks and may be called from any goroutine.
// If it returns true, f will run, before Gone, though links may be gone when it
// does; if it returns false, the connection has ended and f never runs.
func (c *Conn) Post(f func()) bool { return c.mailbox.post(f) }

// Serve drives one connection until it is over and closes nc. When ctx ends,
// the client is told amqp:connection:forced and has CloseTimeout to answer.
// Serve returns nil if the connection ended in order or because of ctx, else
// what ended it.
func Serve(ctx context.Context, nc net.Conn, h Handler, o Options) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CloseTimeout <= 0 {
		o.CloseTimeout = 5 * time.Second
	}
	c := &Conn{nc: nc, h: h, o: o, amqp: amqp.NewConn(o.AMQP, o.Clock.Now()), mailbox: newMailbox()}
	c.waits, c.shed = context.WithCancel(ctx)
	defer c.shed()
	l := newLoop(c)
	l.run(ctx)
	return l.err
}

// guard calls f and turns a panic into an error, with a stack in the log.
func (c *Conn) guard(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("amqpnet: panic: %v", r)
			c.o.Logger.Error("AMQP connection ended by a panic",
				"remote", c.nc.RemoteAddr(), "panic", r, "stack", string(debug.Stack()))
		}
	}()
	f()
	return nil
}

var (
	forced = &frames.Error{Condition: frames.ErrConnectionForced,
		Description: "The connection is closed by the server, which is shutting down."}
	broken = &frames.Error{Condition: frames.ErrInternalError,
		Description: "The server failed to handle the connection."}
)
