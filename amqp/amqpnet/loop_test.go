package amqpnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/amqp/frames"
	"switchyard/clock"
)

// A script is a handler made of functions.
type script struct {
	handle func(c *amqpnet.Conn, ev amqp.Event)
	flush  func(c *amqpnet.Conn)
	gone   func(c *amqpnet.Conn)
}

func (s *script) Handle(c *amqpnet.Conn, ev amqp.Event) {
	if s.handle != nil {
		s.handle(c, ev)
	}
}

func (s *script) Flush(c *amqpnet.Conn) {
	if s.flush != nil {
		s.flush(c)
	}
}

func (s *script) Stop(*amqpnet.Conn) {}

func (s *script) Gone(c *amqpnet.Conn) {
	if s.gone != nil {
		s.gone(c)
	}
}

// keep takes the connection from the first event.
func keep(conn **amqpnet.Conn) func(*amqpnet.Conn, amqp.Event) {
	return func(c *amqpnet.Conn, ev amqp.Event) {
		if _, ok := ev.(amqp.Opened); ok {
			*conn = c
		}
	}
}

// A rawClient speaks in frames over a pipe.
type rawClient struct {
	net.Conn
	t     *testing.T
	ended chan error
}

// open serves a pipe, opens the connection and begins a session on channel 0.
func open(t *testing.T, ctx context.Context, h amqpnet.Handler, idle uint32, o amqp.Options) *rawClient {
	return openWith(t, ctx, h, idle, amqpnet.Options{AMQP: o, Clock: clock.Wall{}, CloseTimeout: 3 * time.Second})
}

func openWith(t *testing.T, ctx context.Context, h amqpnet.Handler, idle uint32, o amqpnet.Options) *rawClient {
	a, b := net.Pipe()
	c := &rawClient{a, t, make(chan error, 1)}
	go func() {
		c.ended <- amqpnet.Serve(ctx, b, h, o)
	}()
	go c.write([]byte("AMQP\x00\x01\x00\x00"))
	if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.frame(&frames.Open{ContainerID: "raw", MaxFrameSize: 65536, IdleTimeout: idle})
		c.frame(&frames.Begin{IncomingWindow: 5000, OutgoingWindow: 5000, HandleMax: 255})
	}()
	c.expect("*frames.Open")
	c.expect("*frames.Begin")
	return c
}

func (c *rawClient) write(b []byte) {
	if _, err := c.Write(b); err != nil {
		c.t.Errorf("write: %v", err)
	}
}

func (c *rawClient) frame(body frames.Body, payload ...byte) {
	b, mark := frames.BeginFrame(nil, frames.TypeAMQP, 0)
	b, err := body.Append(b)
	if err != nil {
		c.t.Error(err)
	}
	c.write(frames.EndFrame(append(b, payload...), mark))
}

// read returns the next frame, nil for an empty one.
func (c *rawClient) read() (frames.Body, error) {
	header := make([]byte, 8)
	if _, err := io.ReadFull(c, header); err != nil {
		return nil, err
	}
	h, err := frames.ParseFrameHeader(header)
	if err != nil {
		return nil, err
	}
	b := make([]byte, h.Size-8)
	if _, err := io.ReadFull(c, b); err != nil || len(b) == 0 {
		return nil, err
	}
	body, _, err := frames.ParseBody(b)
	return body, err
}

// expect reads a frame of a type.
func (c *rawClient) expect(kind string) frames.Body {
	c.t.Helper()
	body, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v, want %s", err, kind)
	}
	if got := typeName(body); got != kind {
		c.t.Fatalf("read %s %+v, want %s", got, body, kind)
	}
	return body
}

func typeName(body frames.Body) string {
	switch body.(type) {
	case nil:
		return "heartbeat"
	case *frames.Open:
		return "*frames.Open"
	case *frames.Begin:
		return "*frames.Begin"
	case *frames.Attach:
		return "*frames.Attach"
	case *frames.Disposition:
		return "*frames.Disposition"
	case *frames.Flow:
		return "*frames.Flow"
	case *frames.Close:
		return "*frames.Close"
	}
	return "another frame"
}

// [SB-AMQP 3.1]: heartbeats at half of the client's time-out; the connection
// ends after twice ours without a byte.
func TestHeartbeatsAndIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := false
		c := open(t, t.Context(), &script{gone: func(*amqpnet.Conn) { gone = true }}, 30000, amqp.Options{IdleTimeout: 50 * time.Second})
		begin := time.Now()
		for _, want := range []time.Duration{15, 30, 45, 60, 75, 90} {
			c.expect("heartbeat")
			if got := time.Since(begin); got != want*time.Second {
				t.Errorf("heartbeat after %v, want %v s", got, want)
			}
		}
		in := c.expect("*frames.Close").(*frames.Close)
		if got := time.Since(begin); got != 100*time.Second || in.Error.Condition != frames.ErrResourceLimitExceeded {
			t.Errorf("close %v after %v", in.Error, got)
		}
		var e *frames.Error
		if err := <-c.ended; !errors.As(err, &e) || e.Condition != frames.ErrResourceLimitExceeded || !gone {
			t.Errorf("Serve = %v, Gone called: %v", err, gone)
		}
	})
}

func TestOpenTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		begin := time.Now()
		go a.Write([]byte("AMQ"))
		err := amqpnet.Serve(t.Context(), b, &script{}, amqpnet.Options{Clock: clock.Wall{}})
		if got := time.Since(begin); err == nil || got != time.Minute {
			t.Errorf("Serve = %v after %v, want an error after 1 m", err, got)
		}
	})
}

// A client that does not answer our close has CloseTimeout.
func TestCloseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := open(t, ctx, &script{}, 0, amqp.Options{})
		begin := time.Now()
		cancel()
		if in := c.expect("*frames.Close").(*frames.Close); in.Error == nil || in.Error.Condition != frames.ErrConnectionForced {
			t.Errorf("close %v", in.Error)
		}
		if err := <-c.ended; err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("Serve = %v after %v, want nil after 3 s", err, time.Since(begin))
		}
		if _, err := c.read(); err == nil {
			t.Error("the socket is still open")
		}
	})
}

// The same if it does not even read, and if the handler closes.
func TestCloseTimeoutUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conn *amqpnet.Conn
		c := open(t, t.Context(), &script{handle: keep(&conn)}, 0, amqp.Options{})
		begin := time.Now()
		conn.Post(func() { conn.AMQP().Close(nil) })
		if err := <-c.ended; err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("Serve = %v after %v, want nil after 3 s", err, time.Since(begin))
		}
	})
}

func TestClientVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		h := &script{
			handle: func(c *amqpnet.Conn, ev amqp.Event) {
				switch ev := ev.(type) {
				case amqp.Attached:
					ev.Link.Accept(amqp.AcceptOptions{Credit: 10})
				case amqp.Detached:
					told = append(told, "detached")
				case amqp.Closed:
					told = append(told, "closed")
				}
			},
			gone: func(c *amqpnet.Conn) {
				told = append(told, "gone")
				if c.Post(func() { t.Error("posted after Gone and run") }) {
					t.Error("Post in Gone = true")
				}
			},
		}
		c := open(t, t.Context(), h, 0, amqp.Options{})
		go c.frame(&frames.Attach{Name: "s", InitialDeliveryCount: frames.Some(uint32(0))})
		c.expect("*frames.Attach")
		c.expect("*frames.Flow")
		c.Close()
		var e *frames.Error
		if err := <-c.ended; !errors.As(err, &e) {
			t.Errorf("Serve = %v, want what ended the connection", err)
		}
		if len(told) != 3 || told[0] != "detached" || told[1] != "closed" || told[2] != "gone" {
			t.Errorf("the handler was told %q", told)
		}
	})
}

// What is acknowledged leaves only after Flush, and what Flush's callbacks post
// leaves with it.
func TestFlushBeforeOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flushed []*amqp.Incoming
		var pending []*amqp.Incoming
		release := make(chan struct{})
		h := &script{
			handle: func(c *amqpnet.Conn, ev amqp.Event) {
				switch ev := ev.(type) {
				case amqp.Attached:
					ev.Link.Accept(amqp.AcceptOptions{Credit: 10})
				case amqp.Delivered:
					pending = append(pending, ev.Delivery)
				}
			},
			flush: func(c *amqpnet.Conn) {
				if len(pending) == 0 {
					return
				}
				<-release // the disk
				for _, d := range pending {
					c.Post(func() {
						flushed = append(flushed, d)
						d.Settle(frames.Accepted{})
					})
				}
				pending = nil
			},
		}
		c := open(t, t.Context(), h, 0, amqp.Options{})
		go c.frame(&frames.Attach{Name: "s", InitialDeliveryCount: frames.Some(uint32(0))})
		c.expect("*frames.Attach")
		c.expect("*frames.Flow")
		var answered atomic.Bool
		got := make(chan frames.Body, 1)
		go func() {
			body, err := c.read()
			if err != nil {
				t.Error(err)
			}
			answered.Store(true)
			got <- body
		}()
		c.frame(&frames.Transfer{DeliveryID: frames.Some(uint32(0)), DeliveryTag: []byte("t")}, 'x')
		synctest.Wait()
		if answered.Load() {
			t.Error("answered before Flush returned")
		}
		close(release)
		d, ok := (<-got).(*frames.Disposition)
		if !ok || !d.Settled || len(flushed) != 1 {
			t.Errorf("answer %+v, %d flushed", d, len(flushed))
		}
		c.Close()
		<-c.ended
	})
}

// Posts run on the loop, in order, from any goroutine; all that were taken run.
func TestPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conn *amqpnet.Conn
		c := open(t, t.Context(), &script{handle: keep(&conn)}, 0, amqp.Options{})
		var ran, taken atomic.Int64 // ran is touched by the loop alone, and read after its end
		last := -1
		for range 4 {
			go func() {
				for {
					if !conn.Post(func() { ran.Add(1) }) {
						return
					}
					taken.Add(1)
					time.Sleep(time.Millisecond)
				}
			}()
		}
		for i := range 100 {
			conn.Post(func() {
				if i != last+1 {
					t.Errorf("post %d ran after %d", i, last)
				}
				last = i
			})
		}
		time.Sleep(time.Second)
		c.Close()
		<-c.ended
		synctest.Wait()
		time.Sleep(time.Second)
		if ran.Load() != taken.Load() || taken.Load() == 0 || last != 99 {
			t.Errorf("%d of %d posts ran; the last in order was %d", ran.Load(), taken.Load(), last)
		}
	})
}

func TestPostedPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conn *amqpnet.Conn
		gone, after := false, false
		h := &script{handle: keep(&conn), gone: func(*amqpnet.Conn) { gone = true }}
		c := open(t, t.Context(), h, 0, amqp.Options{})
		conn.Post(func() { panic("as asked") })
		conn.Post(func() { after = true })
		if in := c.expect("*frames.Close").(*frames.Close); in.Error == nil || in.Error.Condition != frames.ErrInternalError {
			t.Errorf("close %v", in.Error)
		}
		c.Close()
		if err := <-c.ended; err == nil || !gone || !after {
			t.Errorf("Serve = %v, Gone called: %v, later post run: %v", err, gone, after)
		}
	})
}

// A handler may end the goroutine of a turn, whichever that is: nothing of the connection stays.
func TestTurnThatEndsItsGoroutine(t *testing.T) {
	for name, begin := range map[string]func(*rawClient, *amqpnet.Conn){
		"read": func(c *rawClient, _ *amqpnet.Conn) { c.frame(&frames.Flow{Echo: true}) },
		"post": func(_ *rawClient, conn *amqpnet.Conn) { conn.Post(func() {}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var conn *amqpnet.Conn
				closed := false
				h := &script{handle: keep(&conn), flush: func(*amqpnet.Conn) {
					if closed {
						runtime.Goexit()
					}
				}}
				c := open(t, t.Context(), h, 0, amqp.Options{})
				synctest.Wait()
				closed = true
				begin(c, conn)
				if b, err := c.read(); err != io.EOF {
					t.Errorf("got %v, %v; want the end", b, err)
				}
				synctest.Wait()
				select {
				case err := <-c.ended:
					t.Errorf("Serve = %v, and its goroutine goes on", err)
				default:
				}
			})
		})
	}
}

// A client that sends and does not read: the loop stops reading before its
// output grows without bound, and goes on when the client reads.
func TestClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conn *amqpnet.Conn
		c := open(t, t.Context(), &script{handle: keep(&conn)}, 0, amqp.Options{})
		var sent atomic.Int64
		const n = 150000
		go func() {
			b, mark := frames.BeginFrame(nil, frames.TypeAMQP, 0)
			b, _ = (&frames.Flow{Echo: true}).Append(b)
			b = frames.EndFrame(b, mark)
			var many []byte
			for range 100 {
				many = append(many, b...)
			}
			for range n / 100 {
				c.write(many)
				sent.Add(100)
			}
		}()
		synctest.Wait()
		stopped := sent.Load()
		backlog := -1
		conn.Post(func() { backlog = conn.AMQP().Backlog() })
		synctest.Wait()
		if stopped >= n || backlog < 4<<20 || backlog > 6<<20 {
			t.Errorf("stopped after %d of %d flows with %d bytes unwritten", stopped, n, backlog)
		}
		for range n {
			c.expect("*frames.Flow")
		}
		c.Close()
		<-c.ended
	})
}
