package amqp

import (
	"runtime"
	"strings"
	"testing"

	"switchyard/amqp/frames"
)

// TestUnproven: a client that has not proved who it is gets little, and what it gets
// later is not less than others have.
func TestUnproven(t *testing.T) {
	small := Options{Unproven: Unproven{MaxSessions: 2, MaxLinks: 2, MaxBuffered: 20_000}}
	begin := func(p *peer, n int) {
		for channel := 1; channel < n; channel++ {
			p.send(uint16(channel), &frames.Begin{IncomingWindow: 100, OutgoingWindow: 100, HandleMax: 255})
		}
		p.trace = nil
	}
	for _, c := range []struct {
		name   string
		proven bool
		over   bool
		do     func(p *peer)
	}{
		{"sessions", false, true, func(p *peer) { begin(p, 3) }},
		{"sessions", true, false, func(p *peer) { begin(p, 3) }},
		{"two sessions", false, false, func(p *peer) { begin(p, 2) }},
		{"message", false, true, func(p *peer) { unfinished(p, 20_000) }},
		{"message", true, false, func(p *peer) { unfinished(p, 20_000) }},
		{"small message", false, false, func(p *peer) { unfinished(p, 10_000) }},
	} {
		p := openPeer(t, small)
		if c.proven {
			p.c.Proven()
		}
		c.do(p)
		if over := p.c.Closing() || p.c.Done(); over != c.over {
			t.Errorf("%s, proven %t: closed %t, want %t", c.name, c.proven, over, c.over)
		}
	}
	p := openPeer(t, small)
	for i := range 3 {
		p.send(0, clientSender(strings.Repeat("a", i+1), uint32(i)))
	}
	if got := strings.Join(p.trace, "\n"); len(p.links) != 2 || !strings.Contains(got, "amqp:resource-limit-exceeded") {
		t.Errorf("the third link of an unproven client: %d links; %s", len(p.links), got)
	}
}

// unfinished sends n bytes of a message in frames of 5,000 bytes and does not end it.
func unfinished(p *peer, n int) {
	p.attach(0, clientSender("large", 0), &AcceptOptions{Credit: 10})
	t := transfer(0, 1)
	t.More = true
	for range n / 5000 {
		p.send(0, t, make([]byte, 5000)...)
	}
	p.trace = nil
}

// TestPartialTakesWhatWasSent: the memory of an unfinished message is what was sent and
// little more, whatever the size of the frames, and is counted as what it is.
func TestPartialTakesWhatWasSent(t *testing.T) {
	const size = 8 << 20
	for _, frame := range []int{1, 100, 4000, 65_000} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var p partial
		payload := make([]byte, frame)
		for p.size < size {
			p.append(payload)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		took := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		if took > size*12/10 {
			t.Errorf("frames of %d bytes: %d bytes of memory for %d", frame, took, p.size)
		}
		if n := int64(p.bytes()); n < size || n > size*12/10 {
			t.Errorf("frames of %d bytes: %d bytes are counted for %d", frame, n, p.size)
		}
		if whole := p.with([]byte("end")); len(whole) != p.size+3 || cap(whole) > p.size+4096 {
			t.Errorf("frames of %d bytes: the whole has %d bytes, capacity %d", frame, len(whole), cap(whole))
		}
		again := p.emptied()
		again.append([]byte("again"))
		if got := string(again.with(nil)); got != "again" {
			t.Errorf("used again it holds %q", got)
		}
	}
}

// TestShedNamesTheMessage: who is shed learns which message it was.
func TestShedNamesTheMessage(t *testing.T) {
	p := openPeer(t, Options{})
	unfinished(p, 20_000)
	held := p.c.Held()
	if held < 20_000 || held > 40_000 {
		t.Errorf("%d bytes are held", held)
	}
	p.c.Shed(1000)
	p.read()
	if got := strings.Join(p.trace, "\n"); !strings.Contains(got, "amqp:resource-limit-exceeded") || !p.c.Closing() {
		t.Errorf("shed: %s", got)
	}
}

// TestUnsent: what waits for the client counts until it has left, or its link has.
func TestUnsent(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	p.send(0, credit(0, 0, 100))
	p.trace = nil
	p.c.sessions[0].remoteWindow = 0
	for i := range 10 {
		if err := l.Send(&Outgoing{Tag: []byte{byte(i)}, Payload: [][]byte{make([]byte, 1000)}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.c.Unsent(); n != 10_000 {
		t.Errorf("%d bytes wait for the window, want 10000", n)
	}
	p.send(0, &frames.Flow{NextIncomingID: frames.Some(uint32(1)), IncomingWindow: 4, NextOutgoingID: 0, OutgoingWindow: 100})
	p.read()
	if n := p.c.Unsent(); n != 6000 {
		t.Errorf("%d bytes wait after four have left, want 6000", n)
	}
	l.Detach(nil)
	p.read()
	if n := p.c.Unsent(); n != 0 {
		t.Errorf("%d bytes wait on a link that is gone", n)
	}
}

// TestSentPayloadIsLetGo: who sends may keep the pieces of a payload in what it keeps of the
// delivery; what they refer to goes when it has left, settled or not.
func TestSentPayloadIsLetGo(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	p.send(0, credit(0, 0, 100))
	pieces := [2][]byte{make([]byte, 10), make([]byte, 1000)}
	if err := l.Send(&Outgoing{Tag: []byte{1}, Payload: pieces[:]}); err != nil {
		t.Fatal(err)
	}
	p.read()
	if pieces[0] != nil || pieces[1] != nil {
		t.Errorf("what has left is still held: %d and %d bytes", len(pieces[0]), len(pieces[1]))
	}
}
