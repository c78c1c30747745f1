package amqpnet

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"switchyard/amqp"
	"switchyard/clock"
)

const (
	// maxBacklog is how much output may wait for the client before its input is
	// left in the socket. Transfers alone never come that far: the endpoint holds
	// them back earlier.
	maxBacklog = 4 << 20
	// maxRounds is how often one turn looks for more to do before it writes.
	maxRounds = 8
	// maxSpare is the largest buffer that is kept for the next output.
	maxSpare = 512 << 10
	// lingerTime bounds the wait for the client to close after we have: closing
	// with input unread could take our last words from it.
	lingerTime = time.Second
)

// A loop is the state of one connection. Two goroutines take turns with it: who has read from
// the socket, and who was woken by anything else. So what has come is answered without waking
// anybody.
type loop struct {
	c     *Conn
	s     *socket
	ended chan struct{} // closed when over

	mu   sync.Mutex // held for a turn; guards all that follows, and what the loop owns elsewhere
	room *sync.Cond // signalled when over, or when there may be room for more output
	over bool
	err  error
	dead bool // the handler or the endpoint has panicked: neither is called again

	writing bool
	spare   []byte   // for the next output
	posts   []func() // for the next mailbox

	timer     clock.Timer
	armed     time.Time // when timer fires; zero: not armed
	closeBy   time.Time // when the wait for the client's close ends; zero: no wait
	forced    bool      // ctx has ended
	lingering bool
}

func newLoop(c *Conn) *loop {
	l := &loop{c: c, ended: make(chan struct{})}
	l.room = sync.NewCond(&l.mu)
	return l
}

func (l *loop) run(ctx context.Context) {
	c := l.c
	l.s = openSocket(c.nc)
	l.armed = c.amqp.Tick(c.o.Clock.Now())
	l.timer = c.o.Clock.NewTimer(l.armed.Sub(c.o.Clock.Now()))
	l.s.wait.Go(l.readAll)
	l.serve(ctx)
	l.timer.Stop()
	l.s.close()
	l.finish()
	l.c.share.close()
}

// serve takes a turn for everything but reads, until the connection is over.
func (l *loop) serve(ctx context.Context) {
	stop := ctx.Done()
	for over := false; !over; {
		ok := true
		select {
		case w := <-l.s.wrote:
			l.mu.Lock()
			ok = l.wrote(w)
		case <-l.c.mailbox.wake:
			l.mu.Lock()
		case <-l.timer.C():
			l.mu.Lock()
			l.armed = time.Time{}
			l.spare = nil // a quiet connection keeps no large buffer
		case <-stop:
			l.mu.Lock()
			stop = nil
			if !l.over {
				l.stop()
			}
		case <-l.ended:
			return
		}
		over = !l.next(ok)
		l.mu.Unlock()
	}
}

// readAll takes a turn for each read, until the connection is over.
func (l *loop) readAll() {
	buf := make([]byte, smallRead)
	for over := false; !over; {
		n, err := l.c.nc.Read(buf)
		l.mu.Lock()
		ok := l.over || l.input(buf[:n], err)
		over = !l.next(ok)
		for !over && l.c.amqp.Backlog() > maxBacklog {
			l.room.Wait()
			over = l.over
		}
		l.mu.Unlock()
		if n == len(buf) && n < largeRead {
			buf = make([]byte, 2*n)
		}
	}
}

// next takes a turn, if what came before went well, and reports false when the connection is
// over.
func (l *loop) next(ok bool) bool {
	if l.over {
		return false
	}
	if ok = ok && l.turn(); !ok {
		l.over = true
		close(l.ended)
	} else {
		l.c.letOthersStore()
	}
	l.room.Signal()
	return ok
}

// stop closes the connection because the server shuts down. What the client has asked for
// is answered before: it would ask again for what has been done.
func (l *loop) stop() {
	l.forced = true
	if !l.dead {
		l.call(func() { l.c.h.Stop(l.c) })
	}
	if l.posted(); !l.dead {
		l.call(func() { l.c.h.Stop(l.c) }) // what was posted may wait for the log too
	}
	l.call(func() { l.c.amqp.Close(forced) })
}

// input takes one read. It reports false when the socket is at its end.
func (l *loop) input(data []byte, err error) bool {
	if len(data) > 0 && !l.lingering && !l.dead {
		now := l.c.o.Clock.Now()
		l.call(func() { l.c.amqp.Input(data, now) })
		l.events()
	}
	if err != nil {
		l.lost(err)
		return false
	}
	return true
}

// lost tells the endpoint that the socket is gone, unless all is said already.
func (l *loop) lost(err error) {
	if l.dead || l.c.amqp.Done() {
		return
	}
	if isEnd(err) {
		err = nil
	}
	l.call(func() { l.c.amqp.Lost(err) })
}

func (l *loop) wrote(w written) bool {
	l.writing = false
	l.c.amqp.Written(w.n, l.c.o.Clock.Now())
	l.keepSpare(w.buf)
	if w.err != nil {
		l.lost(w.err)
		return false
	}
	return true
}

// turn runs what there is to run, then lets the output go. It reports false
// when the connection is over.
func (l *loop) turn() bool {
	c := l.c
	now := c.o.Clock.Now()
	next := l.tick(now)
	c.keep()
	l.work()
	if !l.writing {
		l.output(now)
	}
	ended := c.amqp.Done() || l.dead
	if l.closeBy.IsZero() && (ended || c.amqp.Closing()) {
		l.closeBy = now.Add(c.o.CloseTimeout)
	}
	if ended && !l.writing && !l.lingering {
		if !l.s.closeWrite() {
			return false
		}
		l.lingering = true
		l.closeBy = now.Add(min(lingerTime, c.o.CloseTimeout))
	}
	if !l.closeBy.IsZero() {
		if !now.Before(l.closeBy) {
			return false
		}
		if next.IsZero() || l.closeBy.Before(next) {
			next = l.closeBy
		}
	}
	l.arm(next, now)
	return true
}

// output writes what the endpoint has to say. What the socket does not take at once is
// left to the writer: most often it takes all, and nobody has to be woken.
func (l *loop) output(now time.Time) {
	left := false
	for range maxRounds {
		var buf []byte
		l.call(func() { buf = l.c.amqp.Take(l.spare) })
		if buf == nil {
			if left && l.c.again {
				l.c.again = false
				l.c.mailbox.signal()
			}
			return
		}
		l.spare = nil
		n := l.s.tryWrite(buf)
		if l.c.amqp.Written(n, now); n < len(buf) {
			l.writing = true
			l.s.writes <- output{buf, n}
			return
		}
		left = true
		l.keepSpare(buf) // and what was held back, to bound the buffer, can go
	}
	l.c.mailbox.signal()
}

// keepSpare keeps a buffer for the next output, unless it is large.
func (l *loop) keepSpare(buf []byte) {
	if cap(buf) <= maxSpare {
		l.spare = buf[:0]
	}
}

func (l *loop) tick(now time.Time) (next time.Time) {
	if !l.dead {
		l.call(func() { next = l.c.amqp.Tick(now) })
	}
	return next
}

// arm makes sure that the timer fires at next or before.
func (l *loop) arm(next, now time.Time) {
	if next.IsZero() || !l.armed.IsZero() && !next.Before(l.armed) {
		return
	}
	l.armed = next
	l.timer.Reset(next.Sub(now))
}

// work runs events and posted functions and flushes, until there is nothing
// more or the output has waited long enough.
func (l *loop) work() {
	for round := 0; !l.dead; round++ {
		ran := l.events()
		ran = l.posted() || ran
		if !ran && round > 0 {
			return
		}
		if round == maxRounds {
			l.c.mailbox.signal()
		}
		l.call(func() { l.c.h.Flush(l.c) })
		if round == maxRounds {
			return
		}
	}
}

// events hands all events to the handler.
func (l *loop) events() (ran bool) {
	if l.dead {
		return false
	}
	l.call(func() {
		for {
			ev, ok := l.c.amqp.NextEvent()
			if !ok {
				return
			}
			ran = true
			if closed, ok := ev.(amqp.Closed); ok && closed.Err != nil && !l.forced && l.err == nil {
				l.err = closed.Err
			}
			l.c.h.Handle(l.c, ev)
		}
	})
	return ran
}

// posted runs the functions of the mailbox.
func (l *loop) posted() (ran bool) {
	posts := l.c.mailbox.take(l.posts)
	for i, f := range posts {
		posts[i] = nil
		l.call(f)
	}
	l.posts = posts
	return len(posts) > 0
}

// call runs f. If f panics the client is told, if that is still possible, and
// the connection ends.
func (l *loop) call(f func()) {
	err := l.c.guard(f)
	if err == nil {
		return
	}
	if l.err = err; l.dead {
		return
	}
	l.dead = true
	if l.c.guard(func() { l.c.amqp.Close(broken) }) != nil {
		l.c.nc.Close()
	}
}

// finish tells the handler that the connection is over.
func (l *loop) finish() {
	c := l.c
	if !l.dead {
		l.call(func() { c.amqp.Lost(nil) })
		l.work()
	}
	c.mailbox.close()
	l.posted()
	if !l.dead {
		l.events()
		l.call(func() { c.h.Flush(c) })
	}
	_ = c.guard(func() { c.h.Gone(c) })
}

// isEnd reports whether an error of reading says that the client closed in
// order.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }
