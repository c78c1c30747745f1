package amqp

import (
	"testing"
	"time"

	"switchyard/amqp/frames"
)

// An echo is an owner that answers whatever comes, so that all of the endpoint is
// reached, and checks that events keep their promises.
type echo struct {
	t      testing.TB
	alive  map[*Link]bool
	closed bool
}

func (e *echo) answer(ev Event) {
	if e.closed {
		e.t.Fatalf("%T after Closed", ev)
	}
	switch ev := ev.(type) {
	case Attached:
		if len(ev.Link.Name())%7 == 6 {
			ev.Link.Refuse(nil)
			return
		}
		e.alive[ev.Link] = true
		ev.Link.Accept(AcceptOptions{Credit: 5})
	case Detached:
		if !e.alive[ev.Link] && !(len(ev.Link.Name())%7 == 6) {
			e.t.Fatalf("link %q detached, but not attached, or twice", ev.Link.Name())
		}
		delete(e.alive, ev.Link)
	case Delivered:
		if len(ev.Delivery.Tag)%3 == 2 {
			ev.Delivery.Settle(frames.Released{})
		} else {
			ev.Delivery.Settle(frames.Accepted{})
		}
		ev.Link.AddCredit(1)
	case Flowed:
		e.flowed(ev)
	case Settled:
		for _, d := range ev.Deliveries {
			d.Settle(ev.State)
		}
	case Closed:
		e.closed = true
	}
}

func (e *echo) flowed(ev Flowed) {
	for i := 0; i < 10 && ev.Link.Credit() > 0; i++ {
		d := &Outgoing{Tag: []byte{byte(i) + 1}, Payload: [][]byte{make([]byte, i*300)}, Settled: i%3 == 0}
		if err := ev.Link.Send(d); err != nil && ev.Link.Attached() {
			e.t.Fatalf("Send with credit: %v", err)
		}
		if i == 9 {
			d.Settle(frames.Released{})
		}
	}
	if ev.Drain {
		ev.Link.Drained()
	}
}

// FuzzConn feeds a whole endpoint with arbitrary bytes in arbitrary portions:
// never a panic, always whole frames out, every link told exactly once, bounded
// output.
func FuzzConn(f *testing.F) {
	seed := func(open frames.Open, bodies ...frames.Body) {
		b := []byte(headerAMQP)
		b = append(b, encodeFrame(f, frames.TypeAMQP, 0, &open, nil)...)
		b = append(b, encodeFrame(f, frames.TypeAMQP, 0, &frames.Begin{IncomingWindow: 3, OutgoingWindow: 3, HandleMax: 5}, nil)...)
		for _, body := range bodies {
			b = append(b, encodeFrame(f, frames.TypeAMQP, 0, body, []byte("payload"))...)
		}
		f.Add(b, uint16(100))
	}
	open := frames.Open{ContainerID: "c", MaxFrameSize: 512, IdleTimeout: 1000}
	more := transfer(0, 0)
	more.More = true
	drain := credit(1, 0, 20)
	drain.Drain = true
	seed(open, clientSender("s", 0), clientReceiver("r", 1), more, &frames.Transfer{Handle: 0}, credit(1, 0, 20),
		&frames.Disposition{Role: frames.RoleReceiver, Last: 3, State: frames.Accepted{}}, &frames.Flow{NextIncomingID: frames.Some(uint32(3)), IncomingWindow: 9}, drain, &frames.Detach{Handle: 1, Closed: true}, &frames.End{}, &frames.Close{})
	seed(open, clientSender("s", 0), clientSender("s", 1), more, &frames.Transfer{Handle: 1, Aborted: true}, clientSender("refuse", 2))
	seed(open, clientReceiver("r", 0), credit(0, 0, 9), &frames.Disposition{Role: frames.RoleReceiver, Settled: true, Last: 1 << 30, State: frames.Modified{}}, &frames.Detach{Handle: 0})
	sasl := append([]byte(headerSASL), encodeFrame(f, frames.TypeSASL, 0, &frames.SASLInit{Mechanism: "PLAIN"}, nil)...)
	f.Add(append(sasl, encodeFrame(f, frames.TypeSASL, 0, &frames.SASLResponse{Response: []byte("\x00a\x00b")}, nil)...), uint16(3))
	f.Fuzz(func(t *testing.T, in []byte, portion uint16) { feed(t, in, int(portion)+1) })
}

// FuzzFrames turns the input into well-formed frames, four bytes each, so that
// deep states are reached sooner than from bytes.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x01\x01\x00\x00\x02\x00\x00\x00\x03\x01\x00\x09\x04\x00\x00\x05\x05\x00\x02\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		b := []byte(headerAMQP)
		b = append(b, encodeFrame(t, frames.TypeAMQP, 0, &frames.Open{ContainerID: "c", MaxFrameSize: 512}, nil)...)
		b = append(b, encodeFrame(t, frames.TypeAMQP, 0, &frames.Begin{IncomingWindow: 20, OutgoingWindow: 3, HandleMax: 5}, nil)...)
		for ; len(in) >= 4; in = in[4:] {
			body, payload := chooseFrame(in[0], uint32(in[1]%4), uint32(in[2]), in[3])
			b = append(b, encodeFrame(t, frames.TypeAMQP, 0, body, payload)...)
		}
		feed(t, b, 64)
	})
}

func chooseFrame(kind byte, handle, n uint32, flags byte) (frames.Body, []byte) {
	set := func(bit int) bool { return flags>>bit&1 == 1 }
	switch kind % 9 {
	case 0:
		return clientSender(string(make([]byte, n%9)), handle), nil
	case 1:
		return clientReceiver(string(make([]byte, n%9)), handle), nil
	case 2, 3:
		tr := &frames.Transfer{Handle: handle, Settled: set(0), More: set(1), Aborted: set(2) && set(3)}
		if set(4) {
			tr.DeliveryID, tr.DeliveryTag = frames.Some(n), []byte("tag")[:n%4%3]
		}
		return tr, make([]byte, int(flags)*2)
	case 4:
		fl := credit(handle, n, uint32(flags>>3))
		fl.Drain, fl.Echo = set(0), set(1)
		return fl, nil
	case 5:
		return &frames.Flow{NextIncomingID: frames.Some(n), IncomingWindow: uint32(flags), NextOutgoingID: n, Echo: set(0)}, nil
	case 6:
		states := []frames.State{nil, frames.Accepted{}, frames.Released{}, frames.Received{}}
		return &frames.Disposition{Role: frames.Role(set(0)), First: n, Last: n + uint32(flags>>4), Settled: set(1), State: states[flags>>2&3]}, nil
	case 7:
		return &frames.Detach{Handle: handle, Closed: set(0)}, nil
	}
	if set(0) {
		return &frames.End{}, nil
	}
	return &frames.Begin{IncomingWindow: n, OutgoingWindow: 3, HandleMax: 5}, nil
}

// feed runs a whole connection of a client that sends in, in portions.
func feed(t *testing.T, in []byte, portion int) {
	o := Options{MaxFrameSize: 4096, Window: 10, MaxLinks: 20, MaxBuffered: 1 << 20, MaxMessageSize: 1 << 16,
		Authenticate: func(_, _, _, _ string) error { return nil }}
	c := NewConn(o, start)
	now := start
	total := 0
	e := &echo{t: t, alive: map[*Link]bool{}}
	step := func() {
		for {
			ev, ok := c.NextEvent()
			if !ok {
				break
			}
			e.answer(ev)
		}
		b := c.Output()
		total += len(b)
		for at := c.phase >= running; at && len(b) > 0; {
			h, err := frames.ParseFrameHeader(b)
			if err != nil || int(h.Size) > len(b) || h.Size > max(c.peerMaxFrame, frames.MinMaxFrameSize) {
				break // a protocol header, checked by TestHandshake
			}
			if h.Size > h.Body {
				if _, _, err := frames.ParseBody(b[h.Body:h.Size]); err != nil {
					t.Fatalf("output frame %x: %v", b[:h.Size], err)
				}
			}
			b = b[h.Size:]
		}
		c.Written(len(c.Output()), now)
	}
	for rest := in; len(rest) > 0; {
		n := min(portion, len(rest))
		c.Input(rest[:n], now)
		rest = rest[n:]
		step()
		now = now.Add(time.Second)
		c.Tick(now)
		step()
	}
	c.Lost(nil)
	step()
	if !e.closed || !c.Done() {
		t.Fatalf("after Lost: Closed came: %v, Done() = %v", e.closed, c.Done())
	}
	for l := range e.alive {
		t.Fatalf("link %q was never detached", l.Name())
	}
	if c.links != 0 || c.buffered != 0 {
		t.Fatalf("%d links and %d bytes are left", c.links, c.buffered)
	}
	if total > 1<<16+1000*len(in) {
		t.Fatalf("%d bytes of output for %d bytes of input", total, len(in))
	}
}

// BenchmarkReceive is a client that sends messages of 1 KiB, each accepted.
func BenchmarkReceive(b *testing.B) {
	p := openPeer(b, Options{})
	p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 1000})
	const batch = 50
	payload := make([]byte, 1024)
	var id uint32
	var in []byte
	b.ReportAllocs()
	b.SetBytes(1024)
	for i := 0; i < b.N; i += batch {
		in = in[:0]
		for range batch {
			t := frames.Transfer{Handle: 0, DeliveryID: frames.Some(id), DeliveryTag: payload[:16], MessageFormat: frames.Some(uint32(0))}
			id++
			out, mark := frames.BeginFrame(in, frames.TypeAMQP, 0)
			out, _ = t.Append(out)
			in = frames.EndFrame(append(out, payload...), mark)
		}
		p.c.Input(in, p.now)
		for {
			ev, ok := p.c.NextEvent()
			if !ok {
				break
			}
			d := ev.(Delivered)
			d.Delivery.Settle(frames.Accepted{})
			d.Link.AddCredit(1)
		}
		p.c.Written(len(p.c.Output()), p.now)
	}
}

// BenchmarkSend is a client that receives messages of 1 KiB and accepts each.
func BenchmarkSend(b *testing.B) {
	p := openPeer(b, Options{})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	const batch = 50
	payload := make([]byte, 1024)
	tag := make([]byte, 16)
	var id uint32
	var in []byte
	b.ReportAllocs()
	b.SetBytes(1024)
	for i := 0; i < b.N; i += batch {
		in = in[:0]
		flow := frames.Flow{NextIncomingID: frames.Some(id + 1), IncomingWindow: 5000, Handle: frames.Some(uint32(0)), DeliveryCount: frames.Some(id), LinkCredit: frames.Some(uint32(batch))}
		out, mark := frames.BeginFrame(in, frames.TypeAMQP, 0)
		out, _ = flow.Append(out)
		in = frames.EndFrame(out, mark)
		p.c.Input(in, p.now)
		p.c.NextEvent()
		for range batch {
			if err := l.Send(&Outgoing{Tag: tag, Payload: [][]byte{payload}}); err != nil {
				b.Fatal(err)
			}
		}
		p.c.Written(len(p.c.Output()), p.now)
		in = in[:0]
		for range batch {
			d := frames.Disposition{Role: frames.RoleReceiver, First: id, Last: id, State: frames.Accepted{}}
			id++
			out, mark := frames.BeginFrame(in, frames.TypeAMQP, 0)
			out, _ = d.Append(out)
			in = frames.EndFrame(out, mark)
		}
		p.c.Input(in, p.now)
		for {
			ev, ok := p.c.NextEvent()
			if !ok {
				break
			}
			for _, d := range ev.(Settled).Deliveries {
				d.Settle(frames.Accepted{})
			}
		}
		p.c.Written(len(p.c.Output()), p.now)
	}
}
