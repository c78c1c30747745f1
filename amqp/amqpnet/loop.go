package amqpnet

import (
	"context"
	"errors"
	"io"
	"runtime"
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

	room chan struct{} // has a value when there may be room for more output

	// owned has a value while nobody takes a turn. Who has it owns all that follows, and what
	// is called the loop's elsewhere. It is no mutex, because a handler may wait in a turn.
	owned chan struct{}
	over  bool
	left  bool // a turn has ended its goroutine, as the handler does when the log is closed
	err   error
	dead  bool // the handler or the endpoint has panicked: neither is called again

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
	l := &loop{c: c, ended: make(chan struct{}), room: make(chan struct{}, 1), owned: make(chan struct{}, 1)}
	l.owned <- struct{}{}
	return l
}

func (l *loop) run(ctx context.Context) {
	c := l.c
	l.s = openSocket(c.nc)
	l.armed = c.amqp.Tick(c.o.Clock.Now())
	l.timer = c.o.Clock.NewTimer(l.armed.Sub(c.o.Clock.Now()))
	l.carry(ctx)
	l.timer.Stop()
	l.finish()
	l.c.share.close()
}

// carry serves the connection and closes the socket. If a turn has ended its goroutine, it ends
// this one.
func (l *loop) carry(ctx context.Context) {
	defer l.s.close()
	l.s.wait.Go(l.readAll)
	if l.serve(ctx); l.left {
		runtime.Goexit()
	}
}

// serve takes a turn for everything but reads, until the connection is over.
func (l *loop) serve(ctx context.Context) {
	stop := ctx.Done()
	for ok := true; ok; {
		select {
		case w := <-l.s.wrote:
			ok = l.do(func() bool { return l.wrote(w) })
		case <-l.c.mailbox.wake:
			ok = l.do(func() bool { return true })
		case <-l.timer.C():
			ok = l.do(l.fired)
		case <-stop:
			stop = nil
			ok = l.do(l.stop)
		case <-l.ended:
			return
		}
	}
}

// readAll takes a turn for each read, until the connection is over.
func (l *loop) readAll() {
	buf := make([]byte, smallRead)
	for {
		n, err := l.c.nc.Read(buf)
		if !l.do(func() bool { return l.input(buf[:n], err) }) || !l.waitForRoom() {
			return
		}
		if n == len(buf) && n < largeRead {
			buf = make([]byte, 2*n)
		}
	}
}

// waitForRoom waits until the client has taken enough of the output for more of its input. It
// reports false when the connection is over.
func (l *loop) waitForRoom() bool {
	for {
		<-l.owned
		over, full := l.over, l.c.amqp.Backlog() > maxBacklog
		l.owned <- struct{}{}
		if over || !full {
			return !over
		}
		select {
		case <-l.room:
		case <-l.ended:
		}
	}
}

// do takes a turn that begins with f, which reports whether the connection goes on. So does do.
func (l *loop) do(f func() bool) bool {
	<-l.owned
	left := true
	defer func() {
		if left {
			l.left = true
			l.end()
		}
		l.owned <- struct{}{}
	}()
	if !l.over && !(f() && l.turn()) {
		l.end()
	}
	if !l.over {
		l.c.letOthersStore()
	}
	select {
	case l.room <- struct{}{}:
	default:
	}
	left = false
	return !l.over
}

// end is the end of all turns.
func (l *loop) end() {
	if !l.over {
		l.over = true
		close(l.ended)
	}
}

// fired notes that the timer has fired.
func (l *loop) fired() bool {
	l.armed = time.Time{}
	l.spare = nil // a quiet connection keeps no large buffer
	return true
}

// stop closes the connection because the server shuts down. What the client has asked for
// is answered before: it would ask again for what has been done.
func (l *loop) stop() bool {
	l.forced = true
	if !l.dead {
		l.call(func() { l.c.h.Stop(l.c) })
	}
	if l.posted(); !l.dead {
		l.call(func() { l.c.h.Stop(l.c) }) // what was posted may wait for the log too
	}
	l.call(func() { l.c.amqp.Close(forced) })
	return true
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
