package listen

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDoor: at the bound the connection that is of least use goes, and never one that
// is in use; the log tells once a minute.
func TestDoor(t *testing.T) {
	var log bytes.Buffer
	now := time.Now()
	d := newDoor(3, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	names := map[net.Conn]string{}
	enter := func(name string) *guest {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		now = now.Add(unhurried)
		g := d.admit(t.Context(), ours)
		if g != nil {
			names[g] = name
		}
		return g
	}
	open := func(step string, want ...*guest) {
		t.Helper()
		for _, g := range want {
			g.SetReadDeadline(time.Now())
			if _, err := g.Read(make([]byte, 1)); err == io.ErrClosedPipe {
				t.Errorf("%s: %s is closed", step, names[g])
			}
		}
		if d.open != len(want) {
			t.Errorf("%s: %d are open, want %d", step, d.open, len(want))
		}
	}
	a, b, c := enter("a"), enter("b"), enter("c")
	open("three", a, b, c)
	e := enter("e")
	open("the oldest goes", b, c, e)
	b.is(busy)
	Proven(&peeked{Conn: c})
	f := enter("f")
	open("who is busy stays", b, c, f)
	f.is(receiving)
	b.is(idle)
	g := enter("g")
	open("idle ones before those that send", c, f, g)
	g.is(busy)
	h := enter("h")
	open("those that send before those in use", c, g, h)
	h.is(busy)
	if enter("i") != nil {
		t.Error("a fourth was let in beside three in use")
	}
	open("three in use", c, g, h)
	h.Close()
	h.Close()
	h.is(idle)
	if i := enter("i"); i == nil {
		t.Error("nobody was let in after one had left")
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines of log in a minute: %s", n, log.String())
	}
	now = now.Add(time.Minute)
	enter("j")
	if !strings.Contains(log.String(), "max=3 idleClosed=4 refused=1") {
		t.Errorf("log: %s", log.String())
	}
}

// TestDoorOfPorts: ports count, and the requests of a connection move it.
func TestDoorOfPorts(t *testing.T) {
	d := newDoor(2, slog.New(slog.DiscardHandler), time.Now)
	closed := d.port()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	g, _ := d.enter(ours)
	doorState(g, http.StateActive)
	more, _ := net.Pipe()
	if h, wait := d.enter(more); h != nil || wait != 0 {
		t.Error("there was room beside a port and a request")
	}
	closed()
	closed()
	doorState(g, http.StateIdle)
	if g.does != idle || d.open != 1 {
		t.Errorf("after the request: %v, %d open", g.does, d.open)
	}
}

// TestDoorDoesNotHurry: a newcomer waits until the one that makes room for it has had
// its time.
func TestDoorDoesNotHurry(t *testing.T) {
	now := time.Now()
	d := newDoor(1, slog.New(slog.DiscardHandler), func() time.Time { return now })
	a, _ := net.Pipe()
	b, _ := net.Pipe()
	first, _ := d.enter(a)
	now = now.Add(100 * time.Millisecond)
	if g, wait := d.enter(b); g != nil || wait != unhurried-100*time.Millisecond || first.out {
		t.Errorf("after 100 ms: let in %t, wait %v, the first is out: %t", g != nil, wait, first.out)
	}
	now = now.Add(150 * time.Millisecond)
	if g, wait := d.enter(b); g == nil || wait != 0 || !first.out {
		t.Errorf("after 250 ms: let in %t, wait %v, the first is out: %t", g != nil, wait, first.out)
	}
}

// TestSyscallConn: who writes to a socket past Go's buffers gets it from a plain connection,
// and never from one that is encrypted.
func TestSyscallConn(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := (&peeked{Conn: &guest{Conn: c}}).SyscallConn(); err != nil {
		t.Errorf("a plain connection: %v", err)
	}
	if _, err := (&peeked{Conn: tls.Server(&guest{Conn: c}, nil)}).SyscallConn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an encrypted connection: %v", err)
	}
}
