package listen

import (
	"container/list"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// A door bounds the connections of all ports. At the bound a newcomer takes the place
// of the connection that has longest been of no use to anybody: one that has said
// nothing, proved nothing, or waits for its next request; if there is none, that of
// the request whose body has longest been under way. If there is none either the
// newcomer is closed. Each connection has some time to prove itself, for which
// newcomers wait: so those that come again and again do not crowd out everybody who
// comes once.
type door struct {
	max    int
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	open    int          // guarded by mu
	waiting [2]list.List // guarded by mu: guests that may go, the oldest first
	shown   int          // guarded by mu: to make room, since the last line of log
	refused int          // guarded by mu: since the last line of log
	logged  time.Time    // guarded by mu
}

// A use is what a guest is doing.
type use int

const (
	idle      use = iota // nothing yet, or nothing more
	receiving            // a request's body is coming
	busy                 // it is not closed to make room
)

// unhurried is how long a connection has at least before it makes room: a client has
// connected, encrypted, and shown its token in a tenth of that. Newcomers wait in the
// queue of the port, in their order.
const unhurried = 250 * time.Millisecond

// crowdedEvery is how often the log tells that connections are at their bound.
const crowdedEvery = time.Minute

func newDoor(most int, logger *slog.Logger, now func() time.Time) *door {
	return &door{max: most, logger: logger, now: now}
}

// A guest is a connection that was let in.
type guest struct {
	net.Conn
	door  *door
	does  use           // guarded by door.mu
	since time.Time     // guarded by door.mu: of does
	place *list.Element // guarded by door.mu: in door.waiting; nil if busy or out
	out   bool          // guarded by door.mu
}

// admit lets a connection in, which may have to wait, or closes it and returns nil.
func (d *door) admit(ctx context.Context, c net.Conn) *guest {
	for {
		g, wait := d.enter(c)
		if wait <= 0 {
			return g
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			c.Close()
			return nil
		}
	}
}

// enter lets a connection in, or closes it and returns nil, or says how long it has to
// wait.
func (d *door) enter(c net.Conn) (_ *guest, wait time.Duration) {
	now := d.now()
	g := &guest{Conn: c, door: d, since: now}
	d.mu.Lock()
	var victim *guest
	if d.open >= d.max {
		if victim, wait = d.oldest(now); wait > 0 {
			d.mu.Unlock()
			return nil, wait
		}
		if victim == nil {
			d.refused++
		} else {
			victim.leave()
			d.shown++
		}
		d.tell()
	}
	in := d.open < d.max
	if in {
		d.open++
		g.place = d.waiting[idle].PushBack(g)
	}
	d.mu.Unlock()
	if victim != nil {
		victim.Conn.Close()
	}
	if !in {
		c.Close()
		return nil, 0
	}
	return g, 0
}

// oldest returns who is closed to make room, or how long it is until there is one. The
// caller holds mu.
func (d *door) oldest(now time.Time) (victim *guest, wait time.Duration) {
	for i := range d.waiting {
		e := d.waiting[i].Front()
		if e == nil {
			continue
		}
		g := e.Value.(*guest)
		left := unhurried - now.Sub(g.since)
		if left <= 0 {
			return g, 0
		}
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return nil, wait
}

// tell logs that it is crowded, once a minute. The caller holds mu.
func (d *door) tell() {
	if now := d.now(); now.Sub(d.logged) >= crowdedEvery {
		d.logged = now
		d.logger.Warn("connections are at their bound; raise the limit of open files (ulimit -n) if they are wanted",
			"max", d.max, "idleClosed", d.shown, "refused", d.refused)
		d.shown, d.refused = 0, 0
	}
}

// port notes a port, which takes a descriptor as a connection does, until the
// returned function is called.
func (d *door) port() (closed func()) {
	add := func(n int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open += n
	}
	add(1)
	return sync.OnceFunc(func() { add(-1) })
}

// leave takes the guest off the lists. The caller holds the door's mu.
func (g *guest) leave() {
	if g.out {
		return
	}
	g.out = true
	g.door.open--
	g.unlist()
}

func (g *guest) unlist() {
	if g.place != nil {
		g.door.waiting[g.does].Remove(g.place)
		g.place = nil
	}
}

// is notes what the guest does from now on.
func (g *guest) is(u use) {
	if g == nil {
		return
	}
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	if g.out || g.does == u {
		return
	}
	g.unlist()
	g.since = g.door.now()
	if g.does = u; u != busy {
		g.place = g.door.waiting[u].PushBack(g)
	}
}

// Close implements [net.Conn].
func (g *guest) Close() error {
	g.door.mu.Lock()
	g.leave()
	g.door.mu.Unlock()
	return g.Conn.Close()
}

// CloseWrite closes the direction to the client.
func (g *guest) CloseWrite() error { return closeWrite(g.Conn) }

// SyscallConn is for who writes what the socket takes at once; see [syscall.Conn].
func (g *guest) SyscallConn() (syscall.RawConn, error) { return syscallConn(g.Conn) }

// guestOf returns the guest under what a mux has made of a connection, nil if there
// is none.
func guestOf(c net.Conn) *guest {
	for {
		switch inner := c.(type) {
		case *guest:
			return inner
		case *peeked:
			c = inner.Conn
		case interface{ NetConn() net.Conn }: // TLS
			c = inner.NetConn()
		default:
			return nil
		}
	}
}

// Proven says that the client of a connection has proved who it is: the connection is
// no longer closed to make room for others.
func Proven(c net.Conn) { guestOf(c).is(busy) }

type guestKey struct{}

// doorState notes when a connection of HTTP begins and ends a request. It is the
// ConnState of an [http.Server].
func doorState(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateActive:
		guestOf(c).is(busy)
	case http.StateIdle:
		guestOf(c).is(idle)
	}
}

// visitor returns the guest that a request came from; nil if there is none.
func visitor(ctx context.Context) *guest {
	g, _ := ctx.Value(guestKey{}).(*guest)
	return g
}
