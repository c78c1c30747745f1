package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/broker"
)

func (s *server) sendInSession(to, session string, ids ...string) {
	s.t.Helper()
	sender := s.sender(s.client(), to)
	for _, id := range ids {
		if err := sender.SendMessage(testContext(s.t), &azservicebus.Message{MessageID: &id, Body: []byte(id), SessionID: &session}, nil); err != nil {
			s.t.Fatal(err)
		}
	}
}

// got receives n messages and names them.
func got(t *testing.T, r *azservicebus.SessionReceiver, n int) (ids string, msgs []*azservicebus.ReceivedMessage) {
	t.Helper()
	for len(msgs) < n {
		more, err := r.ReceiveMessages(testContext(t), n-len(msgs), nil)
		if err != nil {
			t.Fatalf("got %s: %v", ids, err)
		}
		for _, m := range more {
			ids += m.MessageID + " "
			msgs = append(msgs, m)
		}
	}
	return ids, msgs
}

// A sessionEntity is a queue or subscription with sessions, as the vendor's client has it.
type sessionEntity struct {
	to       string // what is sent to
	accept   func(ctx context.Context, session string) (*azservicebus.SessionReceiver, error)
	next     func(ctx context.Context) (*azservicebus.SessionReceiver, error)
	sessions func(*azservicebus.ListSessionsOptions) *runtime.Pager[azservicebus.ListSessionsResponse]
	dead     func() *azservicebus.Receiver
}

// onSessions runs a test on a queue and on a subscription that require sessions.
func onSessions(t *testing.T, lock time.Duration, test func(*testing.T, *server, sessionEntity)) {
	toDead := &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}
	t.Run("queue", func(t *testing.T) {
		s := newServer(t)
		s.queue("q", broker.QueueOptions{RequiresSession: true, LockDuration: lock})
		c := s.client()
		test(t, s, sessionEntity{"q",
			func(ctx context.Context, session string) (*azservicebus.SessionReceiver, error) {
				return c.AcceptSessionForQueue(ctx, "q", session, nil)
			},
			func(ctx context.Context) (*azservicebus.SessionReceiver, error) {
				return c.AcceptNextSessionForQueue(ctx, "q", nil)
			},
			func(o *azservicebus.ListSessionsOptions) *runtime.Pager[azservicebus.ListSessionsResponse] {
				return c.NewListSessionsForQueuePager("q", o)
			},
			func() *azservicebus.Receiver { return s.receiver(c, "q", toDead) },
		})
	})
	t.Run("subscription", func(t *testing.T) {
		s := newServer(t)
		s.topic("t", broker.TopicOptions{})
		s.subscription("t", "s", broker.SubscriptionOptions{RequiresSession: true, LockDuration: lock})
		c := s.client()
		test(t, s, sessionEntity{"t",
			func(ctx context.Context, session string) (*azservicebus.SessionReceiver, error) {
				return c.AcceptSessionForSubscription(ctx, "t", "s", session, nil)
			},
			func(ctx context.Context) (*azservicebus.SessionReceiver, error) {
				return c.AcceptNextSessionForSubscription(ctx, "t", "s", nil)
			},
			func(o *azservicebus.ListSessionsOptions) *runtime.Pager[azservicebus.ListSessionsResponse] {
				return c.NewListSessionsForSubscriptionPager("t", "s", o)
			},
			func() *azservicebus.Receiver { return s.subscriptionReceiver(c, "t", "s", toDead) },
		})
	})
}

// TestSessions: what [SB-SEM 3] says of sessions, with the vendor's client.
func TestSessions(t *testing.T) { onSessions(t, time.Minute, testSessions) }

func testSessions(t *testing.T, s *server, q sessionEntity) {
	s.sendInSession(q.to, "a", "a1", "a2", "a3")
	s.sendInSession(q.to, "b", "b1")
	s.sendInSession(q.to, "", "e1")
	ctx := testContext(t)

	a, err := q.accept(ctx, "a")
	if err != nil || a.SessionID() != "a" || time.Until(a.LockedUntil()) > time.Minute || time.Until(a.LockedUntil()) < 50*time.Second {
		t.Fatalf("accepted %v: %v", a, err)
	}
	ids, msgs := got(t, a, 2)
	if ids != "a1 a2 " || *msgs[0].SessionID != "a" || !msgs[0].LockedUntil.Equal(a.LockedUntil()) {
		t.Errorf("got %s, locked until %v; the session until %v", ids, msgs[0].LockedUntil, a.LockedUntil())
	}
	if err := a.AbandonMessage(ctx, msgs[0], nil); err != nil {
		t.Fatal(err)
	}
	if ids, again := got(t, a, 1); ids != "a1 " || again[0].DeliveryCount != 2 {
		t.Errorf("after an abandon: %s, delivery %d", ids, again[0].DeliveryCount)
	} else if err := a.CompleteMessage(ctx, again[0], nil); err != nil {
		t.Error(err)
	}

	_, err = q.accept(ctx, "a")
	if err == nil || !strings.Contains(err.Error(), "The requested session 'a' cannot be accepted. It may be locked by another receiver.") {
		t.Errorf("a session that is held: %v", err)
	}
	b, err := q.next(ctx)
	if err != nil || b.SessionID() != "b" {
		t.Fatalf("the next session: %v, %v", b, err)
	}
	e, err := q.next(ctx)
	if err != nil || e.SessionID() != "" {
		t.Fatalf("the next session: %v, %v", e, err)
	}

	// Closed, it is free at once, and what was not settled counts as never delivered.
	a.Close(ctx)
	a, err = q.accept(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	ids, msgs = got(t, a, 2)
	if ids != "a2 a3 " || msgs[0].DeliveryCount != 1 {
		t.Errorf("after a close: %s, delivery %d", ids, msgs[0].DeliveryCount)
	}

	// Deferred, it is received by number by who holds the session.
	if err := a.DeferMessage(ctx, msgs[0], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ReceiveDeferredMessages(ctx, []int64{*msgs[0].SequenceNumber}, nil); err == nil {
		t.Error("a deferred message of another session was received")
	}
	deferred, err := a.ReceiveDeferredMessages(ctx, []int64{*msgs[0].SequenceNumber}, nil)
	if err != nil || len(deferred) != 1 || deferred[0].DeliveryCount != 2 {
		t.Fatalf("deferred: %v, %v", deferred, err)
	}
	if err := a.CompleteMessage(ctx, deferred[0], nil); err != nil {
		t.Error(err)
	}
	if peeked, err := a.PeekMessages(ctx, 10, nil); err != nil || len(peeked) != 1 || peeked[0].MessageID != "a3" {
		t.Errorf("peeked %v, %v", peeked, err)
	}
	if err := a.DeadLetterMessage(ctx, msgs[1], &azservicebus.DeadLetterOptions{Reason: ptr("why")}); err != nil {
		t.Error(err)
	}
	if m, err := q.dead().ReceiveMessages(ctx, 1, nil); err != nil || m[0].MessageID != "a3" || *m[0].SessionID != "a" {
		t.Errorf("dead-lettered %v, %v", m, err)
	}
}

// TestSessionState: state and lock of a session, and the list of sessions.
func TestSessionState(t *testing.T) { onSessions(t, 10*time.Second, testSessionState) }

func testSessionState(t *testing.T, s *server, q sessionEntity) {
	ctx := testContext(t)
	r, err := q.accept(ctx, "s")
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range [][]byte{nil, []byte("half"), {}, nil} {
		if err := r.SetSessionState(ctx, state, nil); err != nil {
			t.Fatal(err)
		}
		if got, err := r.GetSessionState(ctx, nil); err != nil || string(got) != string(state) {
			t.Errorf("state %q, %v; want %q", got, err, state)
		}
	}
	if err := r.SetSessionState(ctx, make([]byte, 300<<10), nil); err == nil {
		t.Error("a state of 300 KiB was taken")
	}
	if err := r.SetSessionState(ctx, []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	s.sendInSession(q.to, "t", "1")
	sessions := func(o *azservicebus.ListSessionsOptions) (ids []string) {
		for pager := q.sessions(o); pager.More(); {
			page, err := pager.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, page.Sessions...)
		}
		return ids
	}
	if ids := sessions(nil); fmt.Sprint(ids) != "[s t]" {
		t.Errorf("sessions %v", ids)
	}
	before := r.LockedUntil()
	s.clock.advance(5 * time.Second)
	if err := r.RenewSessionLock(ctx, nil); err != nil || r.LockedUntil().Sub(before) < 5*time.Second {
		t.Errorf("renewed from %v until %v, %v", before, r.LockedUntil(), err)
	}
}

// TestSessionLockExpires: the lock runs out on a link that lies open with credit. The
// link is detached, what was delivered can't be settled any more and has one delivery more,
// and the lock can't be renewed, also if nobody took the session. The vendor's library
// would take it again by itself.
func TestSessionLockExpires(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true, LockDuration: 10 * time.Second})
	s.sendInSession("q", "s", "1")
	ctx, session := testContext(t), s.session()
	accept := func() *amqp.Receiver {
		r, err := session.NewReceiver(ctx, "q", &amqp.ReceiverOptions{Credit: 5, SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(),
			Filters: []amqp.LinkFilter{amqp.NewLinkFilter("com.microsoft:session-filter", 0x137000000C, "s")}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := accept()
	if until, ok := r.Properties()["com.microsoft:locked-until-utc"].(int64); !ok ||
		(until-621355968000000000)/1e7-s.clock.Now().Unix() > 10 || r.LinkSourceFilterValue("com.microsoft:session-filter") != "s" {
		t.Errorf("the attach was answered with %v, filter %v", r.Properties(), r.LinkSourceFilterValue("com.microsoft:session-filter"))
	}
	m, err := r.Receive(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if until := m.Annotations["x-opt-locked-until"].(time.Time); until.Sub(s.clock.Now()) > 10*time.Second {
		t.Errorf("the message is locked until %v", until)
	}
	rpc := newRPC(t, session, "q/$management")
	call := func(operation string, body map[string]any) *amqp.Message {
		body["session-id"] = "s"
		return rpc.call(map[string]any{"operation": "com.microsoft:" + operation}, body)
	}
	s.clock.advance(9 * time.Second)
	if p := call("renew-session-lock", map[string]any{}); p.ApplicationProperties["statusCode"] != int32(200) ||
		p.Value.(map[string]any)["expiration"].(time.Time).Sub(s.clock.Now()) < 8*time.Second {
		t.Fatalf("renewed: %v, %v", p.ApplicationProperties, p.Value)
	}
	s.clock.advance(9 * time.Second)
	if p := call("get-session-state", map[string]any{}); p.ApplicationProperties["statusCode"] != int32(200) {
		t.Errorf("a session whose lock was renewed: %v", p.ApplicationProperties)
	}
	s.clock.advance(2 * time.Second)
	_, err = r.Receive(ctx, nil)
	var e *amqp.LinkError
	if !errors.As(err, &e) || e.RemoteErr == nil || e.RemoteErr.Condition != "com.microsoft:session-lock-lost" ||
		!strings.HasPrefix(e.RemoteErr.Description, "The session lock has expired on the MessageSession. Accept a new MessageSession.") {
		t.Errorf("the link ended with %v", err)
	}
	settle := map[string]any{"disposition-status": "completed", "lock-tokens": []amqp.UUID{lockToken(m)}}
	for operation, body := range map[string]map[string]any{"renew-session-lock": {}, "get-session-state": {}, "set-session-state": {},
		"update-disposition":         settle,
		"receive-by-sequence-number": {"sequence-numbers": []int64{1}, "receiver-settle-mode": uint32(1)}} {
		if p := call(operation, body).ApplicationProperties; p["statusCode"] != int32(410) || p["errorCondition"] != "com.microsoft:session-lock-lost" {
			t.Errorf("%s: %v, want session-lock-lost", operation, p)
		}
	}
	// Who has the session again can settle what it is given now, and not what the old lock gave.
	r = accept()
	again, err := r.Receive(ctx, nil)
	if err != nil || again.Header.DeliveryCount != 1 || lockToken(again) == lockToken(m) {
		t.Fatalf("delivered again: %v, %v", again, err)
	}
	if p := call("update-disposition", settle).ApplicationProperties; p["statusCode"] != int32(410) {
		t.Errorf("settled with the token of the old lock: %v", p)
	}
	s.recordLocks("q")
	s.counts("q", 1, 0)
	settle["lock-tokens"] = []amqp.UUID{lockToken(again)}
	if p := call("update-disposition", settle).ApplicationProperties; p["statusCode"] != int32(200) {
		t.Errorf("settled with the token of the new lock: %v", p)
	}
	s.counts("q", 0, 0)
}

// lockToken is the token of a message as requests have it: a delivery's tag has the byte
// order of .NET [SB-AMQP 7.1].
func lockToken(m *amqp.Message) (token amqp.UUID) {
	copy(token[:], m.DeliveryTag)
	slices.Reverse(token[:4])
	slices.Reverse(token[4:6])
	slices.Reverse(token[6:8])
	return token
}

// TestAcceptNextWaits: without a session the attach is not answered; a message ends the
// wait, and so does the time that the client gives, or its going away.
func TestAcceptNextWaits(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true})
	c, ctx := s.client(), testContext(t)
	type answer struct {
		r   *azservicebus.SessionReceiver
		err error
	}
	next := func(ctx context.Context) chan answer {
		a := make(chan answer, 1)
		go func() {
			r, err := c.AcceptNextSessionForQueue(ctx, "q", nil)
			a <- answer{r, err}
		}()
		return a
	}
	short, cancel := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	if a := <-next(short); !errors.Is(a.err, context.Canceled) {
		t.Fatalf("a wait that the client gave up: %v, %v", a.r, a.err)
	}
	waiting := next(ctx)
	time.Sleep(20 * time.Millisecond)
	s.sendInSession("q", "s", "1")
	a := <-waiting
	if a.err != nil || a.r.SessionID() != "s" {
		t.Fatalf("the next session: %v, %v", a.r, a.err)
	}
	waiting = next(ctx)
	for done := false; !done; time.Sleep(10 * time.Millisecond) {
		s.clock.advance(5 * time.Second)
		select {
		case a := <-waiting:
			var e *azservicebus.Error
			if !errors.As(a.err, &e) || e.Code != azservicebus.CodeTimeout {
				t.Errorf("waiting for a session that does not come: %v, %v", a.r, a.err)
			}
			done = true
		default:
			if err := a.r.RenewSessionLock(ctx, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestSessionRefusals: what an entity with sessions, or without, refuses.
func TestSessionRefusals(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true})
	s.queue("plain", broker.QueueOptions{})
	c, ctx := s.client(), testContext(t)
	for _, x := range []struct {
		what, want string
		do         func() error
	}{
		{"a message without a session", "The SessionId was not set on a message", func() error {
			return s.sender(c, "q").SendMessage(ctx, &azservicebus.Message{}, nil)
		}},
		{"a receiver without a session", "entity that requires sessions to create a non-sessionful message receiver", func() error {
			_, err := s.receiver(c, "q", nil).ReceiveMessages(ctx, 1, nil)
			return err
		}},
		{"a session of a queue that has none", "A sessionful message receiver cannot be created", func() error {
			_, err := c.AcceptSessionForQueue(ctx, "plain", "s", nil)
			return err
		}},
		{"the next session of a queue that has none", "A sessionful message receiver cannot be created", func() error {
			_, err := c.AcceptNextSessionForQueue(ctx, "plain", nil)
			return err
		}},
	} {
		if err := x.do(); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", x.what, err, x.want)
		}
	}
	if err := s.sender(c, "plain").SendMessage(ctx, &azservicebus.Message{SessionID: ptr("s")}, nil); err != nil {
		t.Errorf("a session id on a queue without sessions: %v", err)
	}
}
