package servicebus_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
)

// A wire is a client that writes and reads single frames, for what client
// libraries don't let one do or see.
type wire struct {
	t  testing.TB
	nc net.Conn
}

// wire connects with SASL PLAIN and begins a session on channel 0, with that
// many transfers in its window.
func (s *server) wire(window uint32) *wire {
	s.t.Helper()
	return s.wireAs(auth.DefaultRuleName, auth.DevelopmentKey, window)
}

func (s *server) wireAs(name, key string, window uint32) *wire {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { nc.Close() })
	w := &wire{s.t, nc}
	w.header(3)
	wantFrame[*frames.SASLMechanisms](w)
	w.send(frames.TypeSASL, &frames.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00" + name + "\x00" + key)}, nil)
	if o := wantFrame[*frames.SASLOutcome](w); o.Code != frames.SASLOK {
		s.t.Fatalf("sasl-outcome %d, want 0", o.Code)
	}
	w.header(0)
	w.send(frames.TypeAMQP, &frames.Open{ContainerID: "wire", MaxFrameSize: 65536, ChannelMax: 10}, nil)
	wantFrame[*frames.Open](w)
	w.send(frames.TypeAMQP, &frames.Begin{NextOutgoingID: 1, IncomingWindow: window, OutgoingWindow: 100, HandleMax: 10}, nil)
	wantFrame[*frames.Begin](w)
	return w
}

func (w *wire) header(protocol byte) {
	w.t.Helper()
	b := []byte{'A', 'M', 'Q', 'P', protocol, 1, 0, 0}
	if _, err := w.nc.Write(b); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.ReadFull(w.nc, b); err != nil || b[4] != protocol {
		w.t.Fatalf("protocol header %x, %v", b, err)
	}
}

func (w *wire) send(t frames.Type, body frames.Body, payload []byte) {
	w.t.Helper()
	b, mark := frames.BeginFrame(nil, t, 0)
	b, err := body.Append(b)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.nc.Write(frames.EndFrame(append(b, payload...), mark)); err != nil {
		w.t.Fatal(err)
	}
}

// next reads a frame that is not a heartbeat.
func (w *wire) next() (frames.Body, error) {
	body, _, err := w.frame()
	return body, err
}

// frame is next with the payload of a transfer.
func (w *wire) frame() (body frames.Body, payload []byte, err error) {
	for {
		var head [frames.HeaderSize]byte
		if _, err := io.ReadFull(w.nc, head[:]); err != nil {
			return nil, nil, err
		}
		b := make([]byte, binary.BigEndian.Uint32(head[:])-frames.HeaderSize)
		if _, err := io.ReadFull(w.nc, b); err != nil {
			return nil, nil, err
		}
		if len(b) > 0 {
			return frames.ParseBody(b)
		}
	}
}

// wantFrame reads up to the next frame of a type; flows may stand before it.
func wantFrame[T frames.Body](w *wire) T {
	w.t.Helper()
	w.nc.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		body, err := w.next()
		if got, ok := body.(T); ok && err == nil {
			return got
		}
		var want T
		if _, flow := body.(*frames.Flow); !flow || err != nil {
			w.t.Fatalf("read %T %+v, %v, want a %T", body, body, err, want)
		}
	}
}

// wantSilence checks that nothing but flows comes for a moment.
func (w *wire) wantSilence() {
	w.t.Helper()
	w.nc.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	for {
		body, err := w.next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if _, flow := body.(*frames.Flow); !flow || err != nil {
			w.t.Fatalf("read %T %+v, %v, want nothing", body, body, err)
		}
	}
}

// attach attaches a sending link with handle 0, or a receiving one with 1.
func (w *wire) attach(role frames.Role, address string) *frames.Attach {
	w.t.Helper()
	a := &frames.Attach{
		Name: fmt.Sprint(role), Role: role, SndSettleMode: frames.SenderUnsettled, RcvSettleMode: frames.ReceiverSecond,
		Source: &frames.Source{Address: frames.Some(address)}, Target: &frames.Target{Address: frames.Some(address)},
		InitialDeliveryCount: frames.Some(uint32(0)),
	}
	if role == frames.RoleReceiver {
		a.Handle, a.InitialDeliveryCount = 1, frames.Opt[uint32]{}
	}
	w.send(frames.TypeAMQP, a, nil)
	return wantFrame[*frames.Attach](w)
}

// credit gives link credit to the receiving link.
func (w *wire) credit(n, deliveryCount uint32) {
	w.t.Helper()
	w.send(frames.TypeAMQP, &frames.Flow{
		NextIncomingID: frames.Some(1 + deliveryCount), IncomingWindow: 5000, NextOutgoingID: 1, OutgoingWindow: 100,
		Handle: frames.Some(uint32(1)), DeliveryCount: frames.Some(deliveryCount), LinkCredit: frames.Some(n),
	}, nil)
}

func (w *wire) transfer(id uint32, payload []byte) {
	w.t.Helper()
	w.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(id), DeliveryTag: []byte{byte(id + 1)}, MessageFormat: frames.Some(uint32(0))}, payload)
}

// Nothing leaves before the records that it tells of are durable.
func TestAnswersAreDurable(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	w := s.wire(5000)
	w.attach(frames.RoleSender, "q")
	w.attach(frames.RoleReceiver, "q")
	accepted := func(role frames.Role) {
		t.Helper()
		if d := wantFrame[*frames.Disposition](w); d.Role != role || !d.Settled || d.State != (frames.Accepted{}) {
			t.Fatalf("disposition %+v, want accepted and settled", d)
		}
	}

	waiting := s.log.hold()
	w.transfer(0, frames.AppendData(nil, []byte("m")))
	<-waiting
	w.wantSilence()
	s.log.open()
	accepted(frames.RoleReceiver)

	waiting = s.log.hold()
	w.credit(1, 0)
	<-waiting
	got := wantFrame[*frames.Transfer](w) // a lock may be lost, what is locked is on the disk
	s.log.open()

	waiting = s.log.hold()
	w.send(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: got.DeliveryID.Value, Last: got.DeliveryID.Value, State: frames.Accepted{}}, nil)
	<-waiting
	w.wantSilence()
	s.log.open()
	accepted(frames.RoleSender)
	s.counts("q", 0, 0)
}

// TestLargeMessagesKeepComing: who has credit and settles nothing gets what there is, though
// more than may wait for the client leaves at once.
func TestLargeMessagesKeepComing(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	const n, size = 60, 200_000
	w := s.wire(5000)
	w.attach(frames.RoleSender, "q")
	for id := range uint32(n) {
		body := frames.AppendData(nil, make([]byte, size))
		for len(body) > 0 {
			part := body[:min(len(body), 60_000)]
			body = body[len(part):]
			w.send(frames.TypeAMQP, &frames.Transfer{DeliveryID: frames.Some(id), DeliveryTag: []byte{byte(id + 1)},
				MessageFormat: frames.Some(uint32(0)), More: len(body) > 0}, part)
		}
	}
	w.outcomes(n)
	w.attach(frames.RoleReceiver, "q")
	w.credit(n, 0)
	for got := 0; got < n; {
		if !wantFrame[*frames.Transfer](w).More {
			got++
		}
	}
}

// One disposition settles a range; a lost lock in it is told by itself
// [SB-AMQP 7.3].
func TestDispositionRange(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", names(4)...)
	w := s.wire(5000)
	answer := w.attach(frames.RoleReceiver, "q")
	if answer.SndSettleMode != frames.SenderUnsettled || answer.RcvSettleMode != frames.ReceiverSecond || answer.InitialDeliveryCount != frames.Some(uint32(0)) || answer.MaxMessageSize != 0 {
		t.Errorf("attach is answered with %+v, want the client's settle modes and initial-delivery-count 0", answer)
	}
	w.credit(4, 0)
	var tags []encoding.UUID
	for range 4 {
		d := wantFrame[*frames.Transfer](w)
		if len(d.DeliveryTag) != 16 || d.Settled {
			t.Fatalf("transfer %+v, want a tag of 16 bytes, unsettled", d)
		}
		tags = append(tags, encoding.UUID(d.DeliveryTag))
	}
	for i, tag := range tags {
		if slices.Contains(tags[:i], tag) {
			t.Errorf("tags %v are not unique", tags)
		}
	}
	// The second of the four is completed elsewhere, by its lock token.
	t2 := tags[1]
	q, err := s.broker.Queue(namespace, "q")
	if err != nil {
		t.Fatal(err)
	}
	token := broker.LockToken{t2[3], t2[2], t2[1], t2[0], t2[5], t2[4], t2[7], t2[6], t2[8], t2[9], t2[10], t2[11], t2[12], t2[13], t2[14], t2[15]}
	s.broker.Sync(q.Settle([]broker.LockToken{token}, broker.Outcome{Kind: broker.Complete}, func(errs []error) {
		if errs[0] != nil {
			t.Errorf("complete by the tag's lock token: %v", errs[0])
		}
	}))
	w.send(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: 0, Last: 3, State: frames.Accepted{}}, nil)
	got := map[uint32]frames.State{}
	for len(got) < 4 {
		d := wantFrame[*frames.Disposition](w)
		if d.Role != frames.RoleSender || !d.Settled {
			t.Fatalf("disposition %+v, want a settled one of the sender", d)
		}
		for id := d.First; id <= d.Last; id++ {
			got[id] = d.State
		}
	}
	for id, state := range got {
		rejected, isRejected := state.(frames.Rejected)
		switch {
		case id == 1 && (!isRejected || rejected.Error.Condition != "com.microsoft:message-lock-lost"):
			t.Errorf("delivery 1 ends %+v, want message-lock-lost", state)
		case id != 1 && state != (frames.Accepted{}):
			t.Errorf("delivery %d ends %+v, want accepted", id, state)
		}
	}
	s.counts("q", 0, 0)
}

// Replies are outcomes of the client's type, and a dead-letter's has no error
// [SB-AMQP 7.3].
func TestReplyOutcomes(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "m")
	w := s.wire(5000)
	w.attach(frames.RoleReceiver, "q")
	tests := []struct{ state, want frames.State }{
		{frames.Released{}, frames.Released{}},
		{frames.Modified{DeliveryFailed: true}, frames.Modified{}},
		{frames.Rejected{Error: &frames.Error{Condition: "com.microsoft:dead-letter"}}, frames.Rejected{}},
	}
	for i, tt := range tests {
		w.credit(1, uint32(i))
		d := wantFrame[*frames.Transfer](w)
		w.send(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: d.DeliveryID.Value, Last: d.DeliveryID.Value, State: tt.state}, nil)
		if got := wantFrame[*frames.Disposition](w); got.State != tt.want || !got.Settled {
			t.Errorf("%T is answered with %+v, want %T{}, settled", tt.state, got, tt.want)
		}
	}
	s.counts("q", 0, 1)
}

// What waits for the client's session window when the link ends has never left:
// it goes back at once, uncounted, while what has left stays locked
// [SB-AMQP 7.3].
func TestUndeliveredGoesBack(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", names(5)...)
	w := s.wire(2)
	w.attach(frames.RoleReceiver, "q")
	w.send(frames.TypeAMQP, &frames.Flow{
		NextIncomingID: frames.Some(uint32(1)), IncomingWindow: 2, NextOutgoingID: 1, OutgoingWindow: 100,
		Handle: frames.Some(uint32(1)), DeliveryCount: frames.Some(uint32(0)), LinkCredit: frames.Some(uint32(5)),
	}, nil)
	wantFrame[*frames.Transfer](w)
	wantFrame[*frames.Transfer](w)
	w.wantSilence()
	w.nc.Close()

	r := s.receiver(s.client(), "q", nil)
	for i, m := range receive(t, r, 3) {
		if want := names(5)[i+2]; m.MessageID != want || m.DeliveryCount != 1 {
			t.Errorf("received %q with delivery count %d, want %q and 1", m.MessageID, m.DeliveryCount, want)
		}
	}
	receiveNone(t, r)
}

// A client may take credit back. What it has taken is not used: no message is
// locked for it.
func TestCreditWithdrawn(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	w := s.wire(5000)
	w.attach(frames.RoleReceiver, "q")
	w.credit(10, 0)
	w.wantSilence()
	w.credit(0, 0)
	w.wantSilence()
	before := s.commits.Load()
	s.send("q", "m000")
	w.wantSilence()
	if n := s.commits.Load() - before; n != 1 {
		t.Errorf("sending one message to a queue without credit made %d commits, want 1", n)
	}
	s.send("q", "m001", "m002")
	w.credit(1, 0)
	wantFrame[*frames.Transfer](w)
	w.wantSilence()
	w.credit(5, 1)
	wantFrame[*frames.Transfer](w)
	wantFrame[*frames.Transfer](w)
	w.wantSilence()
}
