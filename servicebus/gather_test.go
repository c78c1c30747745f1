package servicebus_test

import (
	"bytes"
	"net"
	"slices"
	"testing"

	"switchyard/amqp/frames"
	"switchyard/broker"
)

// oneWrite keeps what is written, to write it at once.
type oneWrite struct {
	net.Conn
	buf bytes.Buffer
}

func (w *oneWrite) Write(b []byte) (int, error) { return w.buf.Write(b) }

// atOnce has the server read everything that f writes together.
func (w *wire) atOnce(f func()) {
	w.t.Helper()
	held := &oneWrite{Conn: w.nc}
	w.nc = held
	f()
	w.nc = held.Conn
	if _, err := w.nc.Write(held.buf.Bytes()); err != nil {
		w.t.Fatal(err)
	}
}

// outcomes reads what becomes of n deliveries, by delivery-id.
func (w *wire) outcomes(n int) map[uint32]frames.State {
	w.t.Helper()
	all := map[uint32]frames.State{}
	for len(all) < n {
		d := wantFrame[*frames.Disposition](w)
		for id := d.First; id <= d.Last; id++ {
			if !d.Settled || all[id] != nil {
				w.t.Fatalf("disposition %+v, after %v", d, all)
			}
			all[id] = d.State
		}
	}
	return all
}

// ids reads what is in a queue, in its order.
func (s *server) ids(queue string) (ids []string) {
	s.t.Helper()
	q, err := s.broker.Queue(namespace, queue)
	if err != nil {
		s.t.Fatal(err)
	}
	msgs, err := q.Peek(1, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range msgs {
		ids = append(ids, m.MessageID)
	}
	return ids
}

// TestTransfersTogether: messages that come together are one unit, in their order; what
// comes behind them, on any link, happens behind them.
func TestTransfersTogether(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("other", broker.QueueOptions{})
	w := s.wire(5000)
	w.attach(frames.RoleSender, "q")
	const second = 2 // the handle of another sending link
	w.send(frames.TypeAMQP, &frames.Attach{Name: "second", Handle: second, Role: frames.RoleSender,
		Source: &frames.Source{}, Target: &frames.Target{Address: frames.Some("other")},
		InitialDeliveryCount: frames.Some(uint32(0))}, nil)
	wantFrame[*frames.Attach](w)
	before := s.commits.Load()
	w.atOnce(func() {
		for id, text := range []string{"a", "b", "c"} {
			w.transfer(uint32(id), message(text))
		}
	})
	got := w.outcomes(3)
	for id := range uint32(3) {
		if got[id] != (frames.Accepted{}) {
			t.Errorf("message %d: %v, want it accepted", id, got[id])
		}
	}
	if n := s.commits.Load() - before; n != 1 {
		t.Errorf("three messages are %d units, want 1", n)
	}
	w.atOnce(func() {
		w.transfer(3, message("d"))
		w.send(frames.TypeAMQP, &frames.Transfer{Handle: second, DeliveryID: frames.Some(uint32(4)),
			DeliveryTag: []byte("x"), MessageFormat: frames.Some(uint32(0))}, message("x"))
		w.transfer(5, message("e"))
		w.send(frames.TypeAMQP, &frames.Detach{Handle: 0, Closed: true}, nil)
	})
	wantFrame[*frames.Detach](w) // what is answered on the link is not heard any more
	if got = w.outcomes(1); got[4] != (frames.Accepted{}) {
		t.Errorf("the other link's message: %v, want it accepted", got)
	}
	if got, want := s.ids("q"), []string{"a", "b", "c", "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("the queue has %q, want %q", got, want)
	}
	if got := s.ids("other"); !slices.Equal(got, []string{"x"}) {
		t.Errorf("the other queue has %q, want x", got)
	}
}

// TestTransfersRefusedAlone: of messages that come together, one that is refused keeps no
// other out.
func TestTransfersRefusedAlone(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true})
	w := s.wire(5000)
	w.attach(frames.RoleSender, "q")
	inSession := func(id string) []byte {
		b, err := frames.AppendProperties(nil, &frames.Properties{MessageID: id, GroupID: frames.Some("s")})
		if err != nil {
			t.Fatal(err)
		}
		return frames.AppendData(b, []byte(id))
	}
	w.atOnce(func() {
		w.transfer(0, inSession("a"))
		w.transfer(1, message("none"))
		w.transfer(2, inSession("b"))
	})
	got := w.outcomes(3)
	_, refused := got[1].(frames.Rejected)
	if !refused || got[0] != (frames.Accepted{}) || got[2] != (frames.Accepted{}) {
		t.Errorf("outcomes %v, want the second one rejected, the others accepted", got)
	}
	if ids := s.ids("q"); !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("the queue has %q, want a and b", ids)
	}
}
