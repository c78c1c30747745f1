package amqp

import (
	"errors"
	"strings"
	"testing"
	"time"

	"switchyard/amqp/frames"
)

const openedLines = `
	! opened client
	< 0 open switchyard max-frame=65536 channel-max=4999 idle=240000
`

// [SB-AMQP 1.2]: the usual start, one step at a time; silence between the
// outcome and the client's AMQP header.
func TestHandshake(t *testing.T) {
	p := newPeer(t, Options{})
	p.raw([]byte(headerSASL))
	p.expect(`
		< "AMQP\x03\x01\x00\x00"
		< 0 sasl-mechanisms [MSSBCBS PLAIN ANONYMOUS EXTERNAL]
	`)
	p.raw(encodeFrame(t, frames.TypeSASL, 0, &frames.SASLInit{Mechanism: "ANONYMOUS", InitialResponse: []byte("anonymous")}, nil))
	p.expect(`< 0 sasl-outcome 0`)
	p.raw([]byte(headerAMQP))
	p.expect(`< "AMQP\x00\x01\x00\x00"`)
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512})
	p.expect(openedLines)
	if m, u := p.c.Identity(); m != "ANONYMOUS" || u != "" {
		t.Errorf("Identity() = %q, %q", m, u)
	}
}

// Clients may send all of it at once, or byte by byte.
func TestHandshakePipelined(t *testing.T) {
	var all []byte
	all = append(all, headerSASL...)
	all = append(all, encodeFrame(t, frames.TypeSASL, 0, &frames.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00user\x00secret")}, nil)...)
	all = append(all, headerAMQP...)
	all = append(all, encodeFrame(t, frames.TypeAMQP, 0, &frames.Open{ContainerID: "client", MaxFrameSize: 512}, nil)...)
	all = append(all, encodeFrame(t, frames.TypeAMQP, 0, nil, nil)...)
	all = append(all, encodeFrame(t, frames.TypeAMQP, 3, &frames.Begin{NextOutgoingID: 9, IncomingWindow: 1, OutgoingWindow: 1, HandleMax: 7}, nil)...)
	want := `
		! opened client
		< "AMQP\x03\x01\x00\x00"
		< 0 sasl-mechanisms [MSSBCBS PLAIN ANONYMOUS EXTERNAL]
		< 0 sasl-outcome 0
		< "AMQP\x00\x01\x00\x00"
		< 0 open switchyard max-frame=65536 channel-max=4999 idle=240000
		< 3 begin remote=3 next-out=1 in=5000 out=5000 handle-max=4999
	`
	o := Options{Authenticate: func(mechanism, authzid, user, password string) error {
		if mechanism != "PLAIN" || user != "user" || password != "secret" {
			return errors.New("no")
		}
		return nil
	}}
	p := newPeer(t, o)
	p.raw(all)
	p.expect(want)
}

func TestHandshakeByteByByte(t *testing.T) {
	p := newPeer(t, Options{})
	for _, b := range []byte(headerAMQP) {
		p.raw([]byte{b})
	}
	p.expect(`< "AMQP\x00\x01\x00\x00"`)
	if m, _ := p.c.Identity(); m != "ANONYMOUS" {
		t.Errorf("Identity() without SASL = %q, want ANONYMOUS", m)
	}
	for _, b := range encodeFrame(t, frames.TypeAMQP, 0, &frames.Open{ContainerID: "client", MaxFrameSize: 512}, nil) {
		p.raw([]byte{b})
	}
	p.expect(openedLines)
}

func TestHandshakeRefused(t *testing.T) {
	saslHeader := []byte(headerSASL)
	sasl := func(body frames.Body) []byte { return encodeFrame(t, frames.TypeSASL, 0, body, nil) }
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	const mechanisms = `< "AMQP\x03\x01\x00\x00"
		< 0 sasl-mechanisms [MSSBCBS PLAIN ANONYMOUS EXTERNAL]`
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"HTTP", []byte("GET / HT"), "! closed amqp:connection:framing-error\n< \"AMQP\\x03\\x01\\x00\\x00\""},
		{"AMQP 0.9.1", []byte("AMQP\x00\x00\x09\x01"), "! closed amqp:connection:framing-error\n< \"AMQP\\x03\\x01\\x00\\x00\""},
		{"TLS upgrade", []byte("AMQP\x02\x01\x00\x00"), "! closed amqp:connection:framing-error\n< \"AMQP\\x03\\x01\\x00\\x00\""},
		{"wrong key", join(saslHeader, sasl(&frames.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00u\x00p")})), "! closed amqp:unauthorized-access\n" + mechanisms + "\n< 0 sasl-outcome 1"},
		{"unknown mechanism", join(saslHeader, sasl(&frames.SASLInit{Mechanism: "GSSAPI"})), "! closed amqp:unauthorized-access\n" + mechanisms + "\n< 0 sasl-outcome 1"},
		{"AMQP frame before the outcome", join(saslHeader, encodeFrame(t, frames.TypeAMQP, 0, &frames.Open{ContainerID: "c", MaxFrameSize: 512}, nil)), "! closed amqp:decode-error\n" + mechanisms},
		{"SASL twice", join(saslHeader, sasl(&frames.SASLInit{Mechanism: "ANONYMOUS"}), saslHeader),
			"! closed amqp:connection:framing-error\n" + mechanisms + "\n< 0 sasl-outcome 0\n< \"AMQP\\x03\\x01\\x00\\x00\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer(t, Options{})
			p.raw(c.in)
			p.expect(c.want)
			if !p.c.Done() {
				t.Error("Done() = false")
			}
			p.raw([]byte("more"))
			p.expect("")
		})
	}
}

// What breaks the connection, and with which condition [SB-AMQP 2.5].
func TestConnectionErrors(t *testing.T) {
	frame := func(channel uint16, body frames.Body) []byte {
		return encodeFrame(t, frames.TypeAMQP, channel, body, nil)
	}
	begin := &frames.Begin{IncomingWindow: 1, OutgoingWindow: 1}
	for _, c := range []struct {
		name, condition string
		in              []byte
		framing         bool // nothing can be read after it
	}{
		{"open twice", "amqp:illegal-state", frame(0, &frames.Open{ContainerID: "c", MaxFrameSize: 512}), false},
		{"begin twice", "amqp:not-allowed", frame(0, begin), false},
		{"begin answers nothing", "amqp:not-found", frame(1, &frames.Begin{RemoteChannel: frames.Some(uint16(3))}), false},
		{"channel too high", "amqp:connection:framing-error", frame(5000, begin), false},
		{"attach without session", "amqp:not-found", frame(9, clientSender("l", 0)), false},
		{"transfer without session", "amqp:not-found", frame(9, transfer(0, 0)), false},
		{"handle too high", "amqp:connection:framing-error", frame(0, clientSender("l", 5000)), false},
		{"not a performative", "amqp:decode-error", []byte{0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, 0x24, 0x45}, false},
		{"not a list", "amqp:decode-error", []byte{0, 0, 0, 9, 2, 0, 0, 0, 0x41}, false},
		{"SASL frame", "amqp:connection:framing-error", []byte{0, 0, 0, 8, 2, 1, 0, 0}, true},
		{"data offset 1", "amqp:connection:framing-error", []byte{0, 0, 0, 8, 1, 0, 0, 0}, true},
		{"size 4", "amqp:connection:framing-error", []byte{0, 0, 0, 4, 2, 0, 0, 0}, true},
		{"frame too large", "amqp:connection:framing-error", []byte{0, 1, 0, 1, 2, 0, 0, 0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openPeer(t, Options{})
			p.raw(c.in)
			p.expect("! closed " + c.condition + "\n< 0 close " + c.condition)
			if p.c.Done() != c.framing {
				t.Errorf("Done() = %v, want %v", p.c.Done(), c.framing)
			}
			p.send(0, begin)
			p.send(0, &frames.Close{})
			p.expect("")
			if !p.c.Done() {
				t.Error("not Done() after the client's close")
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	p := newPeer(t, Options{})
	p.raw([]byte(headerAMQP))
	p.trace = nil
	p.send(0, &frames.Open{ContainerID: "c", MaxFrameSize: 511})
	p.expect(`
		! closed amqp:frame-size-too-small
		< 0 open switchyard max-frame=65536 channel-max=4999 idle=240000
		< 0 close amqp:frame-size-too-small
	`)
	p = newPeer(t, Options{})
	p.raw([]byte(headerAMQP))
	p.trace = nil
	p.send(0, &frames.Begin{})
	p.expect(`
		! closed amqp:illegal-state
		< 0 open switchyard max-frame=65536 channel-max=4999 idle=240000
		< 0 close amqp:illegal-state
	`)
}

// A frame on the channel of no session that a client may send in passing
// ([SB-AMQP 13], Python).
func TestStrayFramesIgnored(t *testing.T) {
	p := openPeer(t, Options{})
	p.send(0, &frames.End{})
	p.expect(`< 0 end without error`)
	p.send(0, &frames.Detach{Handle: 0, Closed: true})
	p.send(0, &frames.Disposition{Role: frames.RoleReceiver})
	p.send(0, &frames.Flow{})
	p.send(0, &frames.End{})
	p.send(0, nil)
	p.expect("")
	p.send(0, &frames.Begin{IncomingWindow: 1, OutgoingWindow: 1})
	p.expect(`< 0 begin remote=0 next-out=1 in=5000 out=5000 handle-max=4999`)
}

func TestCloseByClient(t *testing.T) {
	p := openPeer(t, Options{})
	p.attach(0, clientSender("s", 4), &AcceptOptions{})
	p.attach(0, clientReceiver("r", 2), nil)
	p.trace = nil
	p.send(0, &frames.Close{Error: failure(frames.ErrInternalError)})
	p.expect(`
		! detached r amqp:internal-error
		! detached s amqp:internal-error
		! closed amqp:internal-error
		< 0 close without error
	`)
	if !p.c.Done() {
		t.Error("Done() = false")
	}
	p.links[0].Detach(nil)
	p.links[1].Accept(AcceptOptions{})
	p.c.Close(nil)
	p.c.Lost(nil)
	p.expect("")
}

func TestCloseByServer(t *testing.T) {
	p := openPeer(t, Options{})
	p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 10})
	p.c.Close(failure(frames.ErrConnectionForced))
	p.expect(`
		! detached s amqp:connection:forced
		! closed amqp:connection:forced
		< 0 close amqp:connection:forced
	`)
	if p.c.Done() || !p.c.Closing() {
		t.Errorf("before the client's close: Done() = %v, Closing() = %v", p.c.Done(), p.c.Closing())
	}
	p.send(0, transfer(0, 0), 'x')
	p.send(0, &frames.Close{})
	p.expect("")
	if !p.c.Done() {
		t.Error("after the client's close: Done() = false")
	}
}

func TestCloseErrorTooLong(t *testing.T) {
	p := newPeer(t, Options{})
	p.raw([]byte(headerAMQP))
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512})
	p.trace = nil
	p.c.Close(&frames.Error{Condition: frames.ErrConnectionForced, Description: strings.Repeat("long ", 200)})
	p.expect(`
		! closed amqp:connection:forced
		< 0 close amqp:connection:forced
	`)
}

func TestLost(t *testing.T) {
	p := openPeer(t, Options{})
	p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 10})
	p.c.Lost(errors.New("reset"))
	p.expect(`
		! detached s amqp:connection:forced
		! closed amqp:connection:forced
	`)
	if !p.c.Done() {
		t.Error("Done() = false")
	}
}

// [SB-AMQP 3.1]: heartbeats at half of the client's time-out, the end of the
// connection at twice our own.
func TestIdle(t *testing.T) {
	p := newPeer(t, Options{IdleTimeout: 100 * time.Second})
	p.raw([]byte(headerAMQP))
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512, IdleTimeout: 30000})
	p.trace = nil
	tick := func(at, want time.Duration) {
		t.Helper()
		p.now = start.Add(at)
		if got := p.c.Tick(p.now).Sub(start); got != want {
			t.Errorf("Tick(%v) = %v, want %v", at, got, want)
		}
	}
	tick(0, 15*time.Second)
	tick(10*time.Second, 15*time.Second)
	p.expect("")
	tick(15*time.Second, 30*time.Second)
	p.expect("< heartbeat")
	tick(20*time.Second, 30*time.Second)
	p.send(0, &frames.Begin{IncomingWindow: 1, OutgoingWindow: 1, HandleMax: 1}) // the answer is a sign of life, too
	p.expect("< 0 begin remote=0 next-out=1 in=5000 out=5000 handle-max=4999")
	tick(30*time.Second, 35*time.Second)
	p.expect("")
	for at := 35; at < 220; at += 15 {
		p.now = start.Add(time.Duration(at) * time.Second)
		p.c.Tick(p.now)
		p.expect("< heartbeat")
	}
	p.now = start.Add(220 * time.Second)
	if next := p.c.Tick(p.now); !next.IsZero() {
		t.Errorf("Tick after the end = %v, want never", next)
	}
	p.expect("! closed amqp:resource-limit-exceeded\n< 0 close amqp:resource-limit-exceeded")
	if !p.c.Done() {
		t.Error("Done() = false")
	}
}

func TestOpenTimeout(t *testing.T) {
	p := newPeer(t, Options{})
	if next := p.c.Tick(start); next != start.Add(60*time.Second) {
		t.Errorf("Tick at the start = %v, want 60 s later", next)
	}
	p.raw([]byte(headerAMQP))
	p.trace = nil
	if next := p.c.Tick(start.Add(60 * time.Second)); !next.IsZero() {
		t.Errorf("Tick = %v, want never", next)
	}
	p.expect("! closed amqp:resource-limit-exceeded")
}

// Take hands output over; it counts until it is written.
func TestTake(t *testing.T) {
	p := openPeer(t, Options{})
	if out := p.c.Take(nil); out != nil {
		t.Errorf("Take without output = %x, want nil", out)
	}
	p.c.Input(encodeFrame(t, frames.TypeAMQP, 1, &frames.Begin{IncomingWindow: 1, OutgoingWindow: 1}, nil), start)
	first := p.c.Take(make([]byte, 0, 512))
	p.c.Input(encodeFrame(t, frames.TypeAMQP, 2, &frames.Begin{IncomingWindow: 1, OutgoingWindow: 1}, nil), start)
	if n := p.c.Backlog(); n <= len(first) {
		t.Errorf("Backlog() = %d, want more than the %d bytes taken", n, len(first))
	}
	if first[7] != 1 {
		t.Errorf("the output taken first was overwritten: %x", first)
	}
	p.c.Written(len(first), start)
	second := p.c.Take(first)
	if second[7] != 2 || p.c.Backlog() != len(second) {
		t.Errorf("second Take = %x, Backlog() = %d", second, p.c.Backlog())
	}
	p.c.Written(len(second), start)
	if p.c.Backlog() != 0 {
		t.Errorf("Backlog() after all is written = %d", p.c.Backlog())
	}
}
