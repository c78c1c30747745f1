package amqp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"switchyard/amqp/frames"
)

func out(tag string, payload string) *Outgoing {
	return &Outgoing{Tag: []byte(tag), Payload: [][]byte{[]byte(payload)}, Data: tag}
}

func (p *peer) sendOut(l *Link, ds ...*Outgoing) {
	p.t.Helper()
	for _, d := range ds {
		if err := l.Send(d); err != nil {
			p.t.Fatalf("Send(%s): %v", d.Tag, err)
		}
	}
}

// [SB-AMQP 3.3]: settled and unsettled messages of one frame, outcomes.
func TestReceive(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientSender("s", 3), &AcceptOptions{Credit: 4})
	p.send(0, &frames.Transfer{Handle: 3, DeliveryID: frames.Some(uint32(10)), DeliveryTag: []byte{}, MessageFormat: frames.Some(uint32(0x80013700)), Settled: true}, []byte("one")...)
	p.expect(`! delivered s id=10 tag="" format=0x80013700 settled=true state=none payload="one"`)
	p.deliveries[0].Settle(frames.Accepted{})
	p.expect("") // it wants no answer
	for id := range uint32(3) {
		p.send(0, transfer(3, 11+id), 'x')
	}
	p.expect(`
		! delivered s id=11 tag="t" format=0x0 settled=false state=none payload="x"
		! delivered s id=12 tag="t" format=0x0 settled=false state=none payload="x"
		! delivered s id=13 tag="t" format=0x0 settled=false state=none payload="x"
	`)
	if l.Credit() != 0 {
		t.Errorf("Credit() = %d, want 0", l.Credit())
	}
	p.deliveries[2].Settle(frames.Rejected{Error: failure(frames.ErrResourceLimitExceeded)})
	p.deliveries[2].Settle(frames.Accepted{})
	p.expect(`< 0 disposition receiver 12..12 settled rejected amqp:resource-limit-exceeded`)
	l.AddCredit(2)
	l.AddCredit(1)
	p.expect(`< 0 flow next-in=4 in=5000 next-out=1 out=5000 handle=0 dc=4 credit=3`)

	// The client settles what it sent before we do.
	p.send(0, &frames.Disposition{Role: frames.RoleSender, First: 0, Last: math.MaxInt32, Settled: true})
	p.deliveries[1].Settle(frames.Accepted{})
	p.expect("")
}

// Outcomes that follow each other leave in one frame; others end it.
func TestDispositionsMerge(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 100})
	for id := range uint32(8) {
		p.send(0, transfer(0, id))
	}
	p.trace = nil
	for _, i := range []int{0, 1, 2, 4, 5} {
		p.deliveries[i].Settle(frames.Accepted{})
	}
	p.deliveries[6].Settle(frames.Released{})
	p.deliveries[7].Settle(frames.Accepted{})
	l.Detach(nil)
	p.expect(`
		! detached s without error
		< 0 disposition receiver 0..2 settled Accepted
		< 0 disposition receiver 4..5 settled Accepted
		< 0 disposition receiver 6..6 settled Released
		< 0 disposition receiver 7..7 settled Accepted
		< 0 detach handle=0 closed without error
	`)
	p.deliveries[3].Settle(frames.Accepted{})
	p.expect("")
}

func TestReceiveMultiFrame(t *testing.T) {
	p := openPeer(t, Options{})
	p.attach(0, clientSender("a", 0), &AcceptOptions{Credit: 10})
	p.attach(0, clientSender("b", 1), &AcceptOptions{Credit: 10})
	first := transfer(0, 1)
	first.More = true
	p.send(0, first, []byte("one ")...)
	other := transfer(1, 2)
	other.More = true
	p.send(0, other, []byte("other")...) // links interleave
	p.send(0, &frames.Transfer{Handle: 0, More: true, DeliveryID: frames.Some(uint32(1)), DeliveryTag: []byte("t")}, []byte("two ")...)
	p.expect("")
	p.send(0, &frames.Transfer{Handle: 0, Settled: true, State: frames.Accepted{}}, []byte("three")...)
	p.send(0, &frames.Transfer{Handle: 1})
	p.expect(`
		! delivered a id=1 tag="t" format=0x0 settled=true state=Accepted payload="one two three"
		! delivered b id=2 tag="t" format=0x0 settled=false state=none payload="other"
	`)
	if want := sessionCost + p.links[0].cost + p.links[1].cost; p.c.buffered != want {
		t.Errorf("buffered = %d after all deliveries are complete, want the session's and the attaches' %d", p.c.buffered, want)
	}
	// Another delivery before this one is complete.
	third := transfer(0, 3)
	third.More = true
	p.send(0, third)
	p.send(0, transfer(0, 4))
	p.expect(`
		! detached a amqp:not-allowed
		! detached b amqp:not-allowed
		< 0 end amqp:not-allowed
	`)
}

func TestReceiveAborted(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientSender("a", 0), &AcceptOptions{Credit: 1})
	first := transfer(0, 1)
	first.More = true
	p.send(0, first, []byte("one ")...)
	p.send(0, &frames.Transfer{Handle: 0, Aborted: true})
	p.expect(`< 0 flow next-in=2 in=5000 next-out=1 out=5000 handle=0 dc=1 credit=1`) // its credit comes back
	p.send(0, transfer(0, 2), 'x')
	p.expect(`! delivered a id=2 tag="t" format=0x0 settled=false state=none payload="x"`)
	if l.Credit() != 0 {
		t.Errorf("Credit() = %d, want 0", l.Credit())
	}
}

func TestReceiveLimits(t *testing.T) {
	more := func(handle, id uint32) *frames.Transfer {
		t := transfer(handle, id)
		t.More = true
		return t
	}
	t.Run("credit", func(t *testing.T) {
		p := openPeer(t, Options{})
		p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 1})
		p.send(0, transfer(0, 0))
		p.trace = nil
		p.send(0, transfer(0, 1))
		p.expect("! detached s amqp:link:transfer-limit-exceeded\n< 0 detach handle=0 closed amqp:link:transfer-limit-exceeded")
	})
	t.Run("before the answer", func(t *testing.T) {
		p := openPeer(t, Options{})
		p.attach(0, clientSender("s", 0), nil)
		p.trace = nil
		p.send(0, transfer(0, 0))
		p.expect(`
			! detached s amqp:link:transfer-limit-exceeded
			< 0 attach s handle=0 receiver snd=2 rcv=0 source=null target=null max=0
			< 0 detach handle=0 closed amqp:link:transfer-limit-exceeded
		`)
	})
	t.Run("message size", func(t *testing.T) {
		p := openPeer(t, Options{})
		p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 9, MaxMessageSize: 10})
		p.send(0, transfer(0, 0), make([]byte, 10)...)
		p.send(0, more(0, 1), make([]byte, 10)...)
		p.trace = nil
		p.send(0, &frames.Transfer{Handle: 0, More: true}, make([]byte, 1000)...)
		if n := p.links[0].partial.bytes(); n != 0 {
			t.Errorf("%d bytes are kept of a message that is too large", n)
		}
		p.send(0, &frames.Transfer{Handle: 0}, 'x') // rejected at its end, with its credit; the link goes on
		if e := p.links[0].partial; e.size != 0 || p.c.buffered != sessionCost+p.links[0].cost {
			t.Errorf("%d bytes are counted after the rejection", p.c.buffered)
		}
		p.send(0, transfer(0, 2), make([]byte, 10)...)
		settled := more(0, 3)
		settled.Settled = true
		p.send(0, settled, make([]byte, 11)...) // nobody waits for an answer
		p.expect(`
			< 0 disposition receiver 1..1 settled rejected amqp:link:message-size-exceeded
			< 0 flow next-in=4 in=5000 next-out=1 out=5000 handle=0 dc=2 credit=8
			! delivered s id=2 tag="t" format=0x0 settled=false state=none payload="\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
			! detached s amqp:link:message-size-exceeded
			< 0 detach handle=0 closed amqp:link:message-size-exceeded
		`)
	})
	t.Run("message size of the connection", func(t *testing.T) {
		p := openPeer(t, Options{MaxMessageSize: 10})
		p.attach(0, clientSender("s", 0), nil).Accept(AcceptOptions{Credit: 9})
		p.send(0, transfer(0, 0), make([]byte, 11)...)
		p.expect(`
			! attached s as receiver
			< 0 attach s handle=0 receiver snd=2 rcv=0 source=here target=q max=10
			< 0 disposition receiver 0..0 settled rejected amqp:link:message-size-exceeded
			< 0 flow next-in=1 in=5000 next-out=1 out=5000 handle=0 dc=1 credit=9
		`)
	})
	t.Run("unfinished deliveries", func(t *testing.T) {
		p := openPeer(t, Options{MaxBuffered: 5000})
		p.attach(0, clientSender("a", 0), &AcceptOptions{Credit: 9})
		p.attach(0, clientSender("b", 1), &AcceptOptions{Credit: 9})
		p.send(0, more(0, 0), make([]byte, 2000)...)
		p.send(0, &frames.Transfer{Handle: 0}, make([]byte, 2000)...)
		p.send(0, more(0, 1), make([]byte, 2000)...)
		p.trace = nil
		p.send(0, more(1, 2), make([]byte, 2000)...)
		p.expect(`
			! detached a amqp:resource-limit-exceeded
			! detached b amqp:resource-limit-exceeded
			! closed amqp:resource-limit-exceeded
			< 0 close amqp:resource-limit-exceeded
		`)
	})
	t.Run("delivery-id in use", func(t *testing.T) {
		p := openPeer(t, Options{})
		p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 9})
		p.send(0, transfer(0, 5))
		p.trace = nil
		p.send(0, transfer(0, 5))
		p.expect("! detached s amqp:invalid-field\n< 0 end amqp:invalid-field")
	})
	t.Run("resumed delivery", func(t *testing.T) {
		p := openPeer(t, Options{})
		p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 9})
		resumed := transfer(0, 5)
		resumed.Resume = true
		p.send(0, resumed)
		p.expect("! detached s amqp:not-allowed\n< 0 detach handle=0 closed amqp:not-allowed")
	})
}

// [SB-AMQP 3.2]: frames are counted; the window is replenished when half is
// used and may not be exceeded.
func TestIncomingWindow(t *testing.T) {
	p := openPeer(t, Options{Window: 4})
	p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 100})
	p.send(0, transfer(0, 0))
	p.trace = nil
	p.send(0, transfer(0, 1))
	p.expect(`
		! delivered s id=1 tag="t" format=0x0 settled=false state=none payload=""
		< 0 flow next-in=2 in=4 next-out=1 out=4
	`)
	var burst []byte
	for id := range uint32(5) {
		burst = append(burst, encodeFrame(t, frames.TypeAMQP, 0, transfer(0, 2+id), nil)...)
	}
	p.raw(burst)
	p.expect(`
		! delivered s id=2 tag="t" format=0x0 settled=false state=none payload=""
		! delivered s id=3 tag="t" format=0x0 settled=false state=none payload=""
		! delivered s id=4 tag="t" format=0x0 settled=false state=none payload=""
		! delivered s id=5 tag="t" format=0x0 settled=false state=none payload=""
		! detached s amqp:session:window-violation
		< 0 end amqp:session:window-violation
	`)
}

// Every flow of ours replenishes the window, so a link's flow saves the
// session's.
func TestLinkFlowCarriesWindow(t *testing.T) {
	p := openPeer(t, Options{Window: 2})
	l := p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 1})
	p.c.Input(encodeFrame(t, frames.TypeAMQP, 0, transfer(0, 0), nil), p.now)
	l.AddCredit(1)
	p.expect(`
		! delivered s id=0 tag="t" format=0x0 settled=false state=none payload=""
		< 0 flow next-in=1 in=2 next-out=1 out=2 handle=0 dc=1 credit=1
	`)
}

func TestEcho(t *testing.T) {
	p := openPeer(t, Options{})
	p.attach(0, clientSender("s", 4), &AcceptOptions{Credit: 7})
	p.attach(0, clientReceiver("r", 5), &AcceptOptions{})
	p.send(0, &frames.Flow{NextIncomingID: frames.Some(uint32(1)), IncomingWindow: 9, NextOutgoingID: 6, OutgoingWindow: 9, Echo: true})
	p.expect(`< 0 flow next-in=6 in=5000 next-out=1 out=5000`)
	p.send(0, &frames.Flow{IncomingWindow: 9, NextOutgoingID: 6, OutgoingWindow: 9, Handle: frames.Some(uint32(4)), Echo: true})
	p.expect(`< 0 flow next-in=6 in=5000 next-out=1 out=5000 handle=0 dc=0 credit=7`)
	f := credit(5, 0, 3)
	f.Echo = true
	p.send(0, f)
	p.expect(`
		! flowed r credit=3 drain=false
		< 0 flow next-in=0 in=5000 next-out=1 out=5000 handle=1 dc=0 credit=3
	`)
}

// [SB-AMQP 3.4]: credit by the formula, in serial arithmetic, however often the
// same flow comes.
func TestCredit(t *testing.T) {
	for _, c := range []struct {
		name                        string
		own, peerCount, link, avail uint32
	}{
		{"first", 0, 0, 10, 10},
		{"repeated", 0, 0, 0, 0},
		{"some in flight", 5, 3, 10, 8},
		{"all in flight", 5, 0, 5, 0},
		{"more in flight than credit", 5, 0, 3, 0},
		{"wrapped", 2, math.MaxUint32, 10, 7},
		{"most possible", 0, 0, math.MaxUint32, math.MaxUint32},
		{"client ahead of us", 3, 4, 10, 10},
	} {
		p := openPeer(t, Options{})
		l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
		l.deliveryCount = c.own
		for range 2 {
			p.send(0, credit(0, c.peerCount, c.link))
			p.expect(fmt.Sprintf("! flowed r credit=%d drain=false", c.avail))
			if l.Credit() != c.avail {
				t.Errorf("%s: Credit() = %d, want %d", c.name, l.Credit(), c.avail)
			}
		}
	}
}

// Credit may come before the attach is answered.
func TestCreditBeforeAccept(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), nil)
	p.send(0, credit(0, 0, 3))
	p.expect(`! attached r as sender`)
	if err := l.Send(out("a", "x")); !errors.Is(err, ErrNotAttached) {
		t.Errorf("Send on a pending link: %v, want %v", err, ErrNotAttached)
	}
	l.Accept(AcceptOptions{})
	p.expect(`
		! flowed r credit=3 drain=false
		< 0 attach r handle=0 sender snd=0 rcv=1 source=q target=here idc=0 max=0
	`)
	if l.Credit() != 3 {
		t.Errorf("Credit() = %d, want 3", l.Credit())
	}
}

// [SB-AMQP 3.4, 7.3]: transfers, the client's outcomes, our settlement.
func TestSend(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 6), &AcceptOptions{})
	p.send(0, credit(6, 0, 4))
	p.trace = nil
	a, b, c := out("a", "one"), out("b", "two"), out("c", "three")
	p.sendOut(l, a, b, c)
	settled := out("d", "four")
	settled.Settled = true
	p.sendOut(l, settled)
	p.expect(`
		< 0 transfer handle=0 id=0 tag="a" format=0 payload="one"
		< 0 transfer handle=0 id=1 tag="b" format=0 payload="two"
		< 0 transfer handle=0 id=2 tag="c" format=0 payload="three"
		< 0 transfer handle=0 id=3 tag="d" format=0 settled payload="four"
	`)
	if err := l.Send(out("e", "")); !errors.Is(err, ErrNoCredit) {
		t.Errorf("Send without credit: %v, want %v", err, ErrNoCredit)
	}
	p.send(0, &frames.Disposition{Role: frames.RoleReceiver, First: 0, Last: 1, State: frames.Accepted{}})
	p.expect(`! settled r [0:a 1:b] state=Accepted settled=false`)
	a.Settle(frames.Accepted{})
	b.Settle(frames.Accepted{})
	b.Settle(frames.Released{})
	p.expect(`< 0 disposition sender 0..1 settled Accepted`)
	p.send(0, &frames.Disposition{Role: frames.RoleReceiver, First: 2, Last: 2, Settled: true, State: frames.Modified{}})
	p.expect(`! settled r [2:c] state=Modified settled=true`)
	c.Settle(frames.Accepted{})
	p.expect("")
	// Known no more: a client that waits for the settlement is told.
	p.send(0, &frames.Disposition{Role: frames.RoleReceiver, First: 2, Last: 2, State: frames.Accepted{}})
	p.expect(`< 0 disposition sender 2..2 settled rejected amqp:not-found`)
	p.send(0, &frames.Disposition{Role: frames.RoleReceiver, First: 2, Last: 2, Settled: true, State: frames.Accepted{}})
	p.send(0, &frames.Disposition{Role: frames.RoleReceiver, First: 2, Last: 2, State: frames.Received{}})
	p.expect("")
}

// A range may cover several links and ids that are gone.
func TestDispositionRange(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("l", 0), &AcceptOptions{})
	m := p.attach(0, clientReceiver("m", 1), &AcceptOptions{})
	p.send(0, credit(0, 0, 10))
	p.send(0, credit(1, 0, 10))
	gone := out("gone", "")
	p.sendOut(l, out("a", ""), gone, out("b", ""))
	p.sendOut(m, out("c", ""))
	p.sendOut(l, out("d", ""))
	gone.Settle(frames.Released{})
	p.read()
	p.trace = nil
	p.send(0, &frames.Disposition{Role: frames.RoleReceiver, First: 0, Last: math.MaxInt32, State: frames.Accepted{}})
	p.expect(`
		! settled l [0:a 2:b] state=Accepted settled=false
		! settled m [3:c] state=Accepted settled=false
		! settled l [4:d] state=Accepted settled=false
		< 0 disposition sender 1..1 settled rejected amqp:not-found
		< 0 disposition sender 5..2147483647 settled rejected amqp:not-found
	`)
}

// Dispositions that accept, and come one after the other, are one event. Those with another
// outcome are not, nor those that want an answer beside those that want none, nor those with
// something between them.
func TestSettlementsMerge(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("l", 0), &AcceptOptions{})
	m := p.attach(0, clientReceiver("m", 1), &AcceptOptions{})
	p.send(0, credit(0, 0, 20))
	p.send(0, credit(1, 0, 20))
	for _, tag := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		p.sendOut(l, out(tag, ""))
	}
	p.sendOut(m, out("j", ""), out("k", ""))
	p.read()
	p.trace = nil
	var input []byte
	frame := func(body frames.Body) { input = append(input, encodeFrame(t, frames.TypeAMQP, 0, body, nil)...) }
	settle := func(first, last uint32, settled bool, state frames.State) {
		frame(&frames.Disposition{Role: frames.RoleReceiver, First: first, Last: last, Settled: settled, State: state})
	}
	settle(1, 1, true, frames.Accepted{})
	settle(0, 0, true, frames.Accepted{})
	settle(2, 3, true, frames.Accepted{})
	settle(4, 4, false, frames.Accepted{})
	settle(5, 6, true, frames.Released{})
	settle(7, 7, true, frames.Released{})
	settle(8, 9, true, frames.Accepted{})
	frame(credit(0, 9, 20))
	settle(10, 10, true, frames.Accepted{})
	p.raw(input)
	p.expect(`
		! settled l [1:b 0:a 2:c 3:d] state=Accepted settled=true
		! settled l [4:e] state=Accepted settled=false
		! settled l [5:f 6:g] state=Released settled=true
		! settled l [7:h] state=Released settled=true
		! settled l [8:i] state=Accepted settled=true
		! settled m [9:j] state=Accepted settled=true
		! flowed l credit=20 drain=false
		! settled m [10:k] state=Accepted settled=true
	`)
}

// [SB-AMQP 3.4]: the client's max-frame-size; continuations have neither id nor
// tag.
func TestSendMultiFrame(t *testing.T) {
	p := newPeer(t, Options{})
	p.raw([]byte(headerAMQP))
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512})
	p.send(0, &frames.Begin{IncomingWindow: 5000, HandleMax: 9})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	p.send(0, credit(0, 0, 2))
	payload := bytes.Repeat([]byte("0123456789"), 100)
	d := &Outgoing{Tag: []byte("tag"), Format: 1, Payload: [][]byte{payload[:3], nil, payload[3:700], payload[700:]}}
	if err := l.Send(d); err != nil {
		t.Fatal(err)
	}
	b := bytes.Clone(p.c.Output())
	var got []byte
	var shape []string
	for len(b) > 0 {
		h, err := frames.ParseFrameHeader(b)
		if err != nil || h.Size > 512 {
			t.Fatalf("frame header %+v, %v", h, err)
		}
		body, part, err := frames.ParseBody(b[h.Body:h.Size])
		if err != nil {
			t.Fatal(err)
		}
		shape = append(shape, describe(body))
		got = append(got, part...)
		b = b[h.Size:]
	}
	want := []string{`transfer handle=0 id=0 tag="tag" format=1 more`, "transfer handle=0 more", "transfer handle=0"}
	if strings.Join(shape, "\n") != strings.Join(want, "\n") {
		t.Errorf("frames\n%s\nwant\n%s", strings.Join(shape, "\n"), strings.Join(want, "\n"))
	}
	if !bytes.Equal(got, payload) {
		t.Errorf("payload arrives as %q", got)
	}
}

// A payload that ends exactly with a frame needs no further one.
func TestSendFrameBoundary(t *testing.T) {
	for size := 430; size < 500; size++ {
		p := newPeer(t, Options{})
		p.raw([]byte(headerAMQP))
		p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512})
		p.send(0, &frames.Begin{IncomingWindow: 5000, HandleMax: 9})
		l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
		p.send(0, credit(0, 0, 2))
		p.trace = nil
		p.sendOut(l, &Outgoing{Tag: []byte("tag"), Payload: [][]byte{make([]byte, size)}})
		frame := len(p.c.Output())
		p.read()
		if n := len(p.trace); frame <= 512 && n != 1 || frame > 512 && n != 2 {
			t.Errorf("payload of %d bytes: %d bytes in %d frames", size, frame, n)
		}
	}
}

// The client's session window holds frames back, and lets them go later.
func TestOutgoingWindow(t *testing.T) {
	p := newPeer(t, Options{})
	p.raw([]byte(headerAMQP))
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512})
	p.send(0, &frames.Begin{IncomingWindow: 2, HandleMax: 9})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	f := credit(0, 0, 10)
	f.IncomingWindow = 2
	p.send(0, f)
	p.trace = nil
	p.sendOut(l, out("a", strings.Repeat("x", 1100)), out("b", "y"))
	p.expect(`
		< 0 transfer handle=0 id=0 tag="a" format=0 more payload=485 bytes
		< 0 transfer handle=0 more payload=487 bytes
	`)
	if l.Credit() != 8 {
		t.Errorf("Credit() = %d, want 8: what waits has taken its credit", l.Credit())
	}
	// The same flow again: two frames are in flight, nothing is free.
	p.send(0, f)
	p.expect(`! flowed r credit=8 drain=false`)
	// Our answer to an echo tells what has left.
	p.send(0, &frames.Flow{NextIncomingID: frames.Some(uint32(1)), IncomingWindow: 2, Handle: frames.Some(uint32(0)), LinkCredit: frames.Some(uint32(10)), DeliveryCount: frames.Some(uint32(0)), Echo: true})
	p.expect(`
		! flowed r credit=8 drain=false
		< 0 flow next-in=0 in=5000 next-out=3 out=5000 handle=0 dc=0 credit=10
	`)
	p.send(0, &frames.Flow{NextIncomingID: frames.Some(uint32(2)), IncomingWindow: 2})
	p.expect(`< 0 transfer handle=0 payload=128 bytes`)
	p.send(0, &frames.Flow{NextIncomingID: frames.Some(uint32(4)), IncomingWindow: math.MaxUint32})
	p.expect(`< 0 transfer handle=0 id=1 tag="b" format=0 payload="y"`)
}

// [SB-AMQP 3.4], drain: the rest of the credit is consumed, link-credit is 0.
func TestDrain(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	f := credit(0, 0, 10)
	f.Drain = true
	p.send(0, f)
	p.expect(`! flowed r credit=10 drain=true`)
	p.sendOut(l, out("a", ""))
	l.Drained()
	p.expect(`
		< 0 transfer handle=0 id=0 tag="a" format=0
		< 0 flow next-in=0 in=5000 next-out=2 out=5000 handle=0 dc=10 credit=0 drain
	`)
	if err := l.Send(out("b", "")); !errors.Is(err, ErrNoCredit) {
		t.Errorf("Send after Drained: %v, want %v", err, ErrNoCredit)
	}
	f = credit(0, 10, 0)
	f.Drain, f.Echo = true, true
	p.send(0, f)
	l.Drained()
	p.expect(`
		! flowed r credit=0 drain=true
		< 0 flow next-in=0 in=5000 next-out=2 out=5000 handle=0 dc=10 credit=0 drain
	`)
	p.send(0, credit(0, 10, 2))
	p.expect(`! flowed r credit=2 drain=false`)
}

// The drain is told after what waits for the window.
func TestDrainBehindQueue(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	f := credit(0, 0, 5)
	f.IncomingWindow, f.Drain = 1, true
	p.send(0, f)
	p.trace = nil
	p.sendOut(l, out("a", ""), out("b", ""))
	l.Drained()
	if l.Credit() != 0 {
		t.Errorf("Credit() = %d, want 0", l.Credit())
	}
	p.expect(`< 0 transfer handle=0 id=0 tag="a" format=0`)
	p.send(0, &frames.Flow{NextIncomingID: frames.Some(uint32(2)), IncomingWindow: 1})
	p.expect(`
		< 0 transfer handle=0 id=1 tag="b" format=0
		< 0 flow next-in=0 in=5000 next-out=3 out=5000 handle=0 dc=5 credit=0 drain
	`)
}

// What waits and is settled by the server never leaves.
func TestWithdraw(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	f := credit(0, 0, 5)
	f.IncomingWindow = 1
	p.send(0, f)
	p.trace = nil
	b := out("b", "")
	p.sendOut(l, out("a", ""), b, out("c", ""))
	b.Settle(frames.Released{})
	b.Settle(frames.Released{})
	p.expect(`< 0 transfer handle=0 id=0 tag="a" format=0`)
	if l.Credit() != 3 {
		t.Errorf("Credit() = %d, want 3", l.Credit())
	}
	p.send(0, &frames.Flow{NextIncomingID: frames.Some(uint32(2)), IncomingWindow: 5})
	p.expect(`< 0 transfer handle=0 id=1 tag="c" format=0`)
}

// A link that goes takes what waits with it; other links go on.
func TestDetachDropsQueue(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("l", 0), &AcceptOptions{})
	m := p.attach(0, clientReceiver("m", 1), &AcceptOptions{})
	for handle := range uint32(2) {
		f := credit(handle, 0, 5)
		f.IncomingWindow = 1
		p.send(0, f)
	}
	p.trace = nil
	a := out("a", "")
	p.sendOut(l, a, out("b", ""))
	p.sendOut(m, out("c", ""))
	p.send(0, &frames.Detach{Handle: 0, Closed: true})
	p.expect(`
		! detached l without error
		< 0 transfer handle=0 id=0 tag="a" format=0
		< 0 detach handle=0 closed without error
	`)
	a.Settle(frames.Accepted{})
	p.expect("")
	p.send(0, &frames.Flow{NextIncomingID: frames.Some(uint32(2)), IncomingWindow: 5})
	p.expect(`< 0 transfer handle=1 id=1 tag="c" format=0`)
}

func TestSendRefused(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	p.send(0, credit(0, 0, 5))
	in := p.attach(0, clientSender("s", 1), &AcceptOptions{Credit: 1})
	sent := out("sent", "x")
	p.sendOut(l, sent)
	for _, c := range []struct {
		name string
		l    *Link
		d    *Outgoing
		want error
	}{
		{"receiving link", in, out("a", ""), ErrInvalidDelivery},
		{"empty tag", l, out("", ""), ErrInvalidDelivery},
		{"long tag", l, out(strings.Repeat("t", 33), ""), ErrInvalidDelivery},
		{"twice", l, sent, ErrInvalidDelivery},
	} {
		if err := c.l.Send(c.d); !errors.Is(err, c.want) {
			t.Errorf("%s: Send = %v, want %v", c.name, err, c.want)
		}
	}
	if l.Credit() != 4 {
		t.Errorf("Credit() = %d, want 4: refused deliveries take none", l.Credit())
	}
}

// A client that sends may give up credit by advancing its delivery-count.
func TestSenderAdvancesDeliveryCount(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 5})
	for _, c := range []struct{ count, credit uint32 }{{0, 5}, {2, 3}, {1, 3}, {50, 0}} {
		p.send(0, &frames.Flow{IncomingWindow: 1, Handle: frames.Some(uint32(0)), DeliveryCount: frames.Some(c.count)})
		if l.Credit() != c.credit {
			t.Errorf("delivery-count %d: Credit() = %d, want %d", c.count, l.Credit(), c.credit)
		}
	}
	l.AddCredit(1)
	p.expect(`< 0 flow next-in=0 in=5000 next-out=1 out=5000 handle=0 dc=50 credit=1`)
}

// Transfers wait unencoded while much output is unwritten.
func TestOutputGoal(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	p.send(0, credit(0, 0, 100))
	p.trace = nil
	big := make([]byte, 100<<10)
	for i := range 20 {
		if err := l.Send(&Outgoing{Tag: []byte{byte(i + 1)}, Payload: [][]byte{big}, Settled: true}); err != nil {
			t.Fatal(err)
		}
	}
	total, rounds := 0, 0
	for {
		b := p.c.Take(nil)
		if b == nil {
			break
		}
		if len(b) > outputGoal+65536 {
			t.Errorf("%d bytes of output at once", len(b))
		}
		total += len(b)
		rounds++
		if again := p.c.Take(nil); again != nil {
			t.Errorf("%d bytes more before the first were written", len(again))
		}
		p.c.Written(len(b), p.now)
	}
	if total < 20*len(big) || rounds < 5 {
		t.Errorf("%d bytes in %d rounds", total, rounds)
	}
}
