package amqpnet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	client "github.com/Azure/go-amqp"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/amqp/frames"
	"switchyard/clock"
)

// An echo is a handler with one queue: what is sent to it is received from it.
// Links to "nowhere" are refused; messages that start with "reject" are rejected.
type echo struct {
	mu       sync.Mutex
	outcomes []frames.State // guarded by mu: of what clients settled
	flushes  int            // guarded by mu
	gone     int            // guarded by mu
	detached int            // guarded by mu
}

// queue is the state of one connection.
type queue struct {
	waiting   []*amqp.Incoming
	receivers []*amqp.Link
	unflushed []*amqp.Incoming // accepted with the next Flush
	tags      uint32
}

func (h *echo) Handle(c *amqpnet.Conn, ev amqp.Event) {
	if c.Data == nil {
		c.Data = &queue{}
	}
	q := c.Data.(*queue)
	switch ev := ev.(type) {
	case amqp.Attached:
		h.attached(q, ev.Link)
	case amqp.Delivered:
		if bytes.Contains(ev.Delivery.Payload, []byte("reject")) {
			ev.Delivery.Settle(frames.Rejected{Error: &frames.Error{Condition: "test:rejected", Description: "as asked"}})
		} else {
			q.waiting = append(q.waiting, ev.Delivery)
			q.unflushed = append(q.unflushed, ev.Delivery)
		}
		ev.Link.AddCredit(1)
		q.deliver()
	case amqp.Flowed:
		q.deliver()
		if ev.Drain {
			ev.Link.Drained()
		}
	case amqp.Settled:
		h.mu.Lock()
		for _, d := range ev.Deliveries {
			h.outcomes = append(h.outcomes, ev.State)
			state := ev.State
			if _, ok := state.(frames.Rejected); ok {
				state = frames.Rejected{}
			}
			d.Settle(state)
		}
		h.mu.Unlock()
	case amqp.Detached:
		h.mu.Lock()
		h.detached++
		h.mu.Unlock()
		for i, l := range q.receivers {
			if l == ev.Link {
				q.receivers = append(q.receivers[:i], q.receivers[i+1:]...)
				break
			}
		}
	}
}

func (h *echo) attached(q *queue, l *amqp.Link) {
	if l.Role() == amqp.RoleReceiver {
		if l.Target().(*frames.Target).Address.Value == "nowhere" {
			l.Refuse(&frames.Error{Condition: frames.ErrNotFound, Description: "no such queue"})
			return
		}
		l.Accept(amqp.AcceptOptions{Credit: 100})
		return
	}
	switch l.Source().Address.Value {
	case "nowhere":
		l.Refuse(&frames.Error{Condition: frames.ErrNotFound, Description: "no such queue"})
	case "panic":
		panic("as asked")
	default:
		l.Accept(amqp.AcceptOptions{})
		q.receivers = append(q.receivers, l)
		q.deliver()
	}
}

func (q *queue) deliver() {
	for _, l := range q.receivers {
		for len(q.waiting) > 0 && l.Credit() > 0 {
			in := q.waiting[0]
			q.waiting = q.waiting[1:]
			q.tags++
			settled := l.SndSettleMode() == frames.SenderSettled
			err := l.Send(&amqp.Outgoing{Tag: fmt.Appendf(nil, "%d", q.tags), Payload: [][]byte{in.Payload}, Settled: settled})
			if err != nil {
				panic(err)
			}
		}
	}
}

func (h *echo) Flush(c *amqpnet.Conn) {
	h.mu.Lock()
	h.flushes++
	h.mu.Unlock()
	if q, ok := c.Data.(*queue); ok {
		for _, d := range q.unflushed {
			d.Settle(frames.Accepted{})
		}
		q.unflushed = q.unflushed[:0]
	}
}

func (h *echo) Stop(*amqpnet.Conn) {}

func (h *echo) Gone(c *amqpnet.Conn) {
	h.mu.Lock()
	h.gone++
	h.mu.Unlock()
}

func (h *echo) count(what *int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return *what
}

// A served is one connection with a client on it.
type served struct {
	*client.Conn
	h      *echo
	ended  chan error // what Serve returned
	cancel context.CancelFunc
}

// connect connects the client of the SDKs to a served connection, over loopback.
func connect(t testing.TB, o *client.ConnOptions) *served {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, nc, accepted, o)
}

func serve(t testing.TB, clientSide, serverSide net.Conn, o *client.ConnOptions) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{h: &echo{}, ended: make(chan error, 1), cancel: cancel}
	go func() {
		s.ended <- amqpnet.Serve(ctx, serverSide, s.h, amqpnet.Options{Clock: clock.Wall{}, CloseTimeout: time.Second})
	}()
	if o == nil {
		o = &client.ConnOptions{SASLType: client.SASLTypeAnonymous()}
	}
	var err error
	if s.Conn, err = client.NewConn(testContext(t), clientSide, o); err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() {
		s.Conn.Close()
		cancel()
		select {
		case <-s.ended:
		case <-time.After(10 * time.Second):
			t.Error("Serve did not return")
		}
		s.ended <- nil
		if n := s.h.count(&s.h.gone); n != 1 {
			t.Errorf("Gone was called %d times", n)
		}
	})
	return s
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (s *served) session(t testing.TB) *client.Session {
	t.Helper()
	session, err := s.NewSession(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func (s *served) sender(t testing.TB, o *client.SenderOptions) *client.Sender {
	t.Helper()
	sender, err := s.session(t).NewSender(testContext(t), "q", o)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func (s *served) receiver(t testing.TB, o *client.ReceiverOptions) *client.Receiver {
	t.Helper()
	r, err := s.session(t).NewReceiver(testContext(t), "q", o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func send(t testing.TB, s *client.Sender, text string) {
	t.Helper()
	if err := s.Send(testContext(t), client.NewMessage([]byte(text)), nil); err != nil {
		t.Fatalf("send %.20q: %v", text, err)
	}
}

func receive(t testing.TB, r *client.Receiver) *client.Message {
	t.Helper()
	m, err := r.Receive(testContext(t), nil)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return m
}

func TestClientHandshakes(t *testing.T) {
	for name, o := range map[string]*client.ConnOptions{
		"anonymous": {SASLType: client.SASLTypeAnonymous()},
		"no SASL":   {},
		"external":  {SASLType: client.SASLTypeExternal("")},
		"small":     {SASLType: client.SASLTypeAnonymous(), MaxFrameSize: 512},
	} {
		t.Run(name, func(t *testing.T) {
			s := connect(t, o)
			send(t, s.sender(t, nil), "hello")
			if got := receive(t, s.receiver(t, nil)); string(got.GetData()) != "hello" {
				t.Errorf("received %q", got.GetData())
			}
		})
	}
}

func TestClientPlain(t *testing.T) {
	for password, ok := range map[string]bool{"secret": true, "wrong": false} {
		a, b := net.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- amqpnet.Serve(testContext(t), b, &echo{}, amqpnet.Options{Clock: clock.Wall{}, AMQP: amqp.Options{
				Authenticate: func(mechanism, authzid, user, password string) error {
					if mechanism == "PLAIN" && user == "user" && password == "secret" {
						return nil
					}
					return errors.New("wrong")
				}}})
		}()
		c, err := client.NewConn(testContext(t), a, &client.ConnOptions{SASLType: client.SASLTypePlain("user", password)})
		if (err == nil) != ok {
			t.Errorf("password %q: %v", password, err)
		}
		if err == nil {
			c.Close()
		}
		a.Close()
		if err := <-done; (err == nil) != ok {
			t.Errorf("password %q: Serve = %v", password, err)
		}
	}
}

func TestClientSendAndReceive(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 200 << 10, 1 << 20} {
		for name, mode := range map[string]*client.SenderSettleMode{"unsettled": client.SenderSettleModeUnsettled.Ptr(), "settled": client.SenderSettleModeSettled.Ptr(), "mixed": nil} {
			t.Run(fmt.Sprintf("%d %s", size, name), func(t *testing.T) {
				s := connect(t, nil)
				want := bytes.Repeat([]byte{7}, size)
				send(t, s.sender(t, &client.SenderOptions{SettlementMode: mode}), string(want))
				r := s.receiver(t, &client.ReceiverOptions{RequestedSenderSettleMode: mode, SettlementMode: client.ReceiverSettleModeSecond.Ptr()})
				m := receive(t, r)
				if !bytes.Equal(m.GetData(), want) {
					t.Errorf("received %d bytes, want %d", len(m.GetData()), size)
				}
				if err := r.AcceptMessage(testContext(t), m); err != nil {
					t.Errorf("accept: %v", err)
				}
			})
		}
	}
}

func TestClientRejectedSend(t *testing.T) {
	s := connect(t, nil)
	sender := s.sender(t, nil)
	var e *client.Error
	if err := sender.Send(testContext(t), client.NewMessage([]byte("reject me")), nil); !errors.As(err, &e) || e.Condition != "test:rejected" {
		t.Errorf("send = %v, want test:rejected", err)
	}
	send(t, sender, "the link lives")
}

// [SB-AMQP 7]: every outcome is answered with its own kind.
func TestClientOutcomes(t *testing.T) {
	s := connect(t, nil)
	sender := s.sender(t, nil)
	r := s.receiver(t, &client.ReceiverOptions{Credit: -1, SettlementMode: client.ReceiverSettleModeSecond.Ptr()})
	if err := r.IssueCredit(4); err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	for i, settle := range []func(*client.Message) error{
		func(m *client.Message) error { return r.AcceptMessage(ctx, m) },
		func(m *client.Message) error { return r.ReleaseMessage(ctx, m) },
		func(m *client.Message) error {
			return r.RejectMessage(ctx, m, &client.Error{Condition: "com.microsoft:dead-letter", Info: map[string]any{"DeadLetterReason": "why"}})
		},
		func(m *client.Message) error {
			return r.ModifyMessage(ctx, m, &client.ModifyMessageOptions{UndeliverableHere: true, Annotations: client.Annotations{"k": "v"}})
		},
	} {
		send(t, sender, fmt.Sprint(i))
		if err := settle(receive(t, r)); err != nil {
			t.Errorf("outcome %d: %v", i, err)
		}
	}
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	rejected, _ := s.h.outcomes[2].(frames.Rejected)
	modified, _ := s.h.outcomes[3].(frames.Modified)
	if _, ok := s.h.outcomes[0].(frames.Accepted); !ok {
		t.Errorf("outcome 0 = %#v", s.h.outcomes[0])
	}
	if _, ok := s.h.outcomes[1].(frames.Released); !ok {
		t.Errorf("outcome 1 = %#v", s.h.outcomes[1])
	}
	if rejected.Error == nil || rejected.Error.Condition != "com.microsoft:dead-letter" || !rejected.Error.Info.Has("DeadLetterReason") {
		t.Errorf("outcome 2 = %#v", s.h.outcomes[2])
	}
	if !modified.UndeliverableHere || !modified.MessageAnnotations.Has("k") {
		t.Errorf("outcome 3 = %#v", s.h.outcomes[3])
	}
}

func TestClientCreditIsHonoured(t *testing.T) {
	s := connect(t, nil)
	sender := s.sender(t, nil)
	for range 10 {
		send(t, sender, "x")
	}
	r := s.receiver(t, &client.ReceiverOptions{Credit: -1})
	if err := r.IssueCredit(3); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		receive(t, r)
	}
	if err := r.DrainCredit(testContext(t), nil); err != nil {
		t.Fatalf("drain without credit: %v", err)
	}
	if m := r.Prefetched(); m != nil {
		t.Errorf("received %q beyond the credit", m.GetData())
	}
	if err := r.IssueCredit(100); err != nil {
		t.Fatal(err)
	}
	for range 7 {
		receive(t, r)
	}
	if err := r.DrainCredit(testContext(t), nil); err != nil {
		t.Fatalf("drain of an empty queue: %v", err)
	}
	send(t, sender, "after the drain") // the 93 that were left are gone
	if err := r.IssueCredit(1); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, r); string(m.GetData()) != "after the drain" {
		t.Errorf("received %q", m.GetData())
	}
	send(t, sender, "no credit")
	if m := r.Prefetched(); m != nil {
		t.Errorf("received %q beyond the credit", m.GetData())
	}
}

func TestClientRefusedLinks(t *testing.T) {
	s := connect(t, nil)
	session := s.session(t)
	var e *client.Error
	if _, err := session.NewReceiver(testContext(t), "nowhere", nil); !errors.As(err, &e) || e.Condition != client.ErrCondNotFound {
		t.Errorf("receiver = %v, want %v", err, client.ErrCondNotFound)
	}
	if _, err := session.NewSender(testContext(t), "nowhere", nil); !errors.As(err, &e) || e.Condition != client.ErrCondNotFound {
		t.Errorf("sender = %v, want %v", err, client.ErrCondNotFound)
	}
	sender, err := session.NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	send(t, sender, "the session lives")
	for range 600 { // handles are free again
		r, err := session.NewReceiver(testContext(t), "q", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Close(testContext(t)); err != nil {
		t.Errorf("end: %v", err)
	}
	send(t, s.sender(t, nil), "the connection lives")
}

func TestClientManySessions(t *testing.T) {
	s := connect(t, nil)
	const sessions, messages = 50, 20
	var wait sync.WaitGroup
	for range sessions {
		sender := s.sender(t, nil)
		wait.Go(func() {
			for range messages {
				if err := sender.Send(testContext(t), client.NewMessage([]byte("x")), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	r := s.receiver(t, &client.ReceiverOptions{Credit: 100})
	for range sessions * messages {
		if err := r.AcceptMessage(testContext(t), receive(t, r)); err != nil {
			t.Fatal(err)
		}
	}
	wait.Wait()
}

// More frames than the session window, both ways.
func TestClientWindow(t *testing.T) {
	s := connect(t, &client.ConnOptions{SASLType: client.SASLTypeAnonymous(), MaxFrameSize: 512})
	sender := s.sender(t, nil)
	r := s.receiver(t, &client.ReceiverOptions{Credit: 10})
	want := string(bytes.Repeat([]byte("0123456789"), 100<<10))
	for range 4 { // 2,100 frames each
		send(t, sender, want)
		m := receive(t, r)
		if string(m.GetData()) != want {
			t.Fatalf("received %d bytes, want %d", len(m.GetData()), len(want))
		}
		if err := r.AcceptMessage(testContext(t), m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServerShutdown(t *testing.T) {
	s := connect(t, nil)
	r := s.receiver(t, nil)
	s.cancel()
	_, err := r.Receive(testContext(t), nil)
	var e *client.ConnError
	if !errors.As(err, &e) || e.RemoteErr == nil || e.RemoteErr.Condition != client.ErrCondConnectionForced {
		t.Errorf("receive = %v, want %v", err, client.ErrCondConnectionForced)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	s.ended <- nil
	if n := s.h.count(&s.h.detached); n != 1 {
		t.Errorf("%d links were detached, want 1", n)
	}
}

func TestHandlerPanics(t *testing.T) {
	s := connect(t, nil)
	_, err := s.session(t).NewReceiver(testContext(t), "panic", nil)
	var e *client.ConnError
	if !errors.As(err, &e) || e.RemoteErr == nil || e.RemoteErr.Condition != client.ErrCondInternalError {
		t.Errorf("receiver = %v, want %v", err, client.ErrCondInternalError)
	}
	if err := <-s.ended; err == nil {
		t.Error("Serve = nil, want the panic")
	}
	s.ended <- nil
}

func BenchmarkSend(b *testing.B) {
	for _, unsettled := range []int{1, 100} {
		b.Run(fmt.Sprintf("%d in flight", unsettled), func(b *testing.B) {
			s := connect(b, nil)
			payload := make([]byte, 1024)
			sender := s.sender(b, nil)
			ctx := context.Background()
			tokens := make(chan client.SendReceipt, unsettled)
			var wait sync.WaitGroup
			wait.Go(func() {
				for r := range tokens {
					if _, err := r.Wait(ctx); err != nil {
						b.Error(err)
					}
				}
			})
			b.SetBytes(1024)
			b.ReportAllocs()
			for b.Loop() {
				r, err := sender.SendWithReceipt(ctx, client.NewMessage(payload), nil)
				if err != nil {
					b.Fatal(err)
				}
				tokens <- r
			}
			close(tokens)
			wait.Wait()
		})
	}
}
