package servicebus_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/servicebus"
)

// accept attaches to a session, nil: the next, without credit.
func accept(t *testing.T, session *amqp.Session, queue string, id any, properties map[string]any) (*amqp.Receiver, error) {
	t.Helper()
	return session.NewReceiver(testContext(t), queue, &amqp.ReceiverOptions{Credit: -1, Properties: properties,
		SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(),
		Filters:        []amqp.LinkFilter{amqp.NewLinkFilter("com.microsoft:session-filter", 0x137000000C, id)}})
}

func mustAccept(t *testing.T, session *amqp.Session, queue string, id any) *amqp.Receiver {
	t.Helper()
	r, err := accept(t, session, queue, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// take gives credit for n messages and receives them.
func take(t *testing.T, r *amqp.Receiver, n int) []*amqp.Message {
	t.Helper()
	if err := r.IssueCredit(uint32(n)); err != nil {
		t.Fatal(err)
	}
	return taken(t, r, n)
}

// taken receives n messages of credit that was given before.
func taken(t *testing.T, r *amqp.Receiver, n int) (all []*amqp.Message) {
	t.Helper()
	for len(all) < n {
		m, err := r.Receive(testContext(t), nil)
		if err != nil {
			t.Fatalf("after %d of %d messages: %v", len(all), n, err)
		}
		all = append(all, m)
	}
	return all
}

// shown are the ids of messages with their delivery counts.
func shown(msgs []*amqp.Message) (all []string) {
	for _, m := range msgs {
		all = append(all, fmt.Sprintf("%v/%d", m.Properties.MessageID, m.Header.DeliveryCount))
	}
	return all
}

func want(t *testing.T, what string, msgs []*amqp.Message, ids ...string) {
	t.Helper()
	if got := shown(msgs); !slices.Equal(got, ids) {
		t.Errorf("%s: got %v, want %v", what, got, ids)
	}
}

// drained checks that there is no message for a receiver.
func drained(t *testing.T, what string, r *amqp.Receiver) {
	t.Helper()
	if err := r.IssueCredit(10); err != nil {
		t.Fatal(err)
	}
	if err := r.DrainCredit(testContext(t), nil); err != nil {
		t.Fatal(err)
	}
	if m := r.Prefetched(); m != nil {
		t.Errorf("%s: got %v", what, m.Properties.MessageID)
	}
}

// TestMessageIDOfAnotherType: it is refused by the name that .NET gives the type, and the
// link goes on; ids of the four types come back as they are.
func TestMessageIDOfAnotherType(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	w := s.wire(5000)
	w.attach(frames.RoleSender, "q")
	for i, x := range []struct {
		id   any
		name string
	}{{1.15, "System.Double"}, {true, "System.Boolean"}, {int32(5), "System.Int32"}} {
		id, err := encoding.Append(nil, x.id)
		if err != nil {
			t.Fatal(err)
		}
		w.transfer(uint32(i), append([]byte{0, 0x53, 0x73, 0xc0, byte(1 + len(id)), 1}, id...))
		rejected, ok := wantFrame[*frames.Disposition](w).State.(frames.Rejected)
		if !ok || rejected.Error.Condition != "amqp:decode-error" || len(rejected.Error.Description) < len(x.name) || rejected.Error.Description[:len(x.name)] != x.name {
			t.Errorf("the id %v: %+v", x.id, rejected.Error)
		}
	}
	w.transfer(9, frames.AppendData(nil, []byte("m")))
	if d := wantFrame[*frames.Disposition](w); d.State != (frames.Accepted{}) {
		t.Errorf("the next message: %+v", d.State)
	}
	s.counts("q", 1, 0)
}

// TestNamesOfNodes: sub-queues and subscriptions in any case, and names that are like them
// and exist nowhere.
func TestNamesOfNodes(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("My.Orders/EU_West-1/In", broker.QueueOptions{})
	s.topic("Sales/Orders", broker.TopicOptions{}, "All.Of-it_1")
	session := s.session()
	for _, address := range []string{"q/$DeadLetterQueue", "q/$deadletterqueue", "Q/$DEADLETTERQUEUE", "/q",
		"my.orders/eu_west-1/IN", "My.Orders/EU_West-1/In/$DeadLetterQueue",
		"Sales/Orders/Subscriptions/All.Of-it_1", "sales/orders/subscriptions/all.of-it_1", "SALES/ORDERS/SUBSCRIPTIONS/ALL.OF-IT_1/$DEADLETTERQUEUE"} {
		if _, err := session.NewReceiver(testContext(t), address, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if _, err := session.NewSender(testContext(t), address+"/$Management", nil); err != nil {
			t.Errorf("%s/$Management: %v", address, err)
		}
	}
	r, err := session.NewReceiver(testContext(t), "q/$Transfer/$DeadLetterQueue", &amqp.ReceiverOptions{Credit: -1})
	if err != nil {
		t.Fatal(err)
	}
	drained(t, "a transfer dead-letter queue, where nothing was transferred", r)

	// Requests and rules on such names.
	s.send("My.Orders/EU_West-1/In", "m")
	m := newRPC(t, session, "my.orders/EU_west-1/in/$Management").call(map[string]any{"operation": "com.microsoft:peek-message"},
		map[string]any{"from-sequence-number": int64(1), "message-count": int32(5)})
	if m.ApplicationProperties["statusCode"] != int32(200) || len(m.Value.(map[string]any)["messages"].([]any)) != 1 {
		t.Errorf("peek: %v, %v", m.ApplicationProperties, m.Value)
	}
	rules := newRPC(t, session, "SALES/orders/subscriptions/ALL.of-it_1/$management")
	rule := func(operation string, body map[string]any, want int32) *amqp.Message {
		t.Helper()
		m := rules.call(map[string]any{"operation": "com.microsoft:" + operation}, body)
		if m.ApplicationProperties["statusCode"] != want {
			t.Errorf("%s: %v, want %d", operation, m.ApplicationProperties, want)
		}
		return m
	}
	rule("remove-rule", map[string]any{"rule-name": "$Default"}, 200)
	rule("add-rule", map[string]any{"rule-name": "Only.Red_1", "rule-description": map[string]any{"sql-filter": map[string]any{"expression": "color = 'red'"}}}, 200)
	m = rule("enumerate-rules", map[string]any{"top": int32(10), "skip": int32(0)}, 200)
	if all := m.Value.(map[string]any)["rules"].([]any); len(all) != 1 {
		t.Errorf("rules %v, want the one that was added", all)
	}
	s.send("sales/ORDERS", "not red")
	sub, err := session.NewReceiver(testContext(t), "Sales/Orders/Subscriptions/All.Of-it_1", &amqp.ReceiverOptions{Credit: -1})
	if err != nil {
		t.Fatal(err)
	}
	drained(t, "a subscription to what is red", sub)
	for _, address := range []string{"Sales/Orders/Subscription/All.Of-it_1", "q/$DeadLetterQueue/$DeadLetterQueue", "Sales/Orders/$DeadLetterQueue",
		"Sales/Orders/Subscriptions", "q/$Management/$DeadLetterQueue"} {
		_, err := session.NewReceiver(testContext(t), address, nil)
		wantCondition(t, err, "amqp:not-found", "could not be found")
	}
}

// TestCloseWithPrefetched: what receive-and-delete has on the link is lost with it; under
// peek-lock it comes back when its lock ends.
func TestCloseWithPrefetched(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{LockDuration: 10 * time.Second})
	open := func(o amqp.ReceiverOptions) *amqp.Receiver {
		r, err := s.session().NewReceiver(testContext(t), "q", &o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	prefetch := func(r *amqp.Receiver) {
		t.Helper()
		if _, err := r.Receive(testContext(t), nil); err != nil {
			t.Fatal(err)
		}
		for n, limit := 1, testContext(t); n < 10 && limit.Err() == nil; {
			if r.Prefetched() != nil {
				n++
			}
		}
		if err := r.Close(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	s.send("q", names(10)...)
	prefetch(open(amqp.ReceiverOptions{Credit: 50, RequestedSenderSettleMode: amqp.SenderSettleModeSettled.Ptr()}))
	drained(t, "after receive-and-delete", open(amqp.ReceiverOptions{Credit: -1}))
	s.counts("q", 0, 0)

	s.send("q", names(10)...)
	prefetch(open(amqp.ReceiverOptions{Credit: 50}))
	r := open(amqp.ReceiverOptions{Credit: -1})
	drained(t, "while they are locked", r)
	s.clock.advance(11 * time.Second)
	for i, m := range take(t, r, 10) {
		if m.Properties.MessageID != names(10)[i] || m.Header.DeliveryCount != 1 {
			t.Errorf("message %d is %v, delivery count %d", i, m.Properties.MessageID, m.Header.DeliveryCount)
		}
	}
}

// TestExpiryOfTheEntity: a message that has no time to live of its own shows none and expires
// by its queue's.
func TestExpiryOfTheEntity(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{DefaultMessageTimeToLive: 24 * time.Hour, DeadLetteringOnMessageExpiration: true})
	s.send("q", "m")
	session := s.session()
	peek := func(node string) (m amqp.Message) {
		t.Helper()
		answer := newRPC(t, session, node+"/$management").call(map[string]any{"operation": "com.microsoft:peek-message"},
			map[string]any{"from-sequence-number": int64(0), "message-count": int32(1)})
		list, _ := answer.Value.(map[string]any)["messages"].([]any)
		if len(list) != 1 {
			t.Fatalf("peeked %v", answer.ApplicationProperties)
		}
		if err := m.UnmarshalBinary(list[0].(map[string]any)["message"].([]byte)); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := peek("q"); m.Header.TTL != 0 || m.Properties.AbsoluteExpiryTime != nil {
		t.Errorf("the message shows a time to live of %v, until %v", m.Header.TTL, m.Properties.AbsoluteExpiryTime)
	}
	s.clock.advance(25 * time.Hour)
	r, err := session.NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Credit: -1})
	if err != nil {
		t.Fatal(err)
	}
	drained(t, "after it expired", r)
	if m := peek("q/$DeadLetterQueue"); m.Header.TTL != 0 || m.Properties.AbsoluteExpiryTime != nil || m.ApplicationProperties["DeadLetterReason"] != "TTLExpiredException" {
		t.Errorf("the dead letter shows %v, until %v, %v", m.Header.TTL, m.Properties.AbsoluteExpiryTime, m.ApplicationProperties)
	}
}

// TestManyConnections: 150 clients, each with a connection and a receiver of its own, get
// 1,500 messages, each once.
func TestManyConnections(t *testing.T) {
	const clients, messages = 150, 1500
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	var receivers []*amqp.Receiver
	for range clients {
		r, err := s.session().NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Credit: 10, SettlementMode: amqp.ReceiverSettleModeSecond.Ptr()})
		if err != nil {
			t.Fatal(err)
		}
		receivers = append(receivers, r)
	}
	var mu sync.Mutex
	got := map[any]int{}
	var wg, done sync.WaitGroup
	done.Add(messages)
	ctx := testContext(t)
	for _, r := range receivers {
		wg.Go(func() {
			for {
				m, err := r.Receive(ctx, nil)
				if err != nil {
					return // its connection was closed below
				}
				if err := r.AcceptMessage(ctx, m); err != nil {
					t.Errorf("accept: %v", err)
				}
				mu.Lock()
				got[m.Properties.MessageID]++
				mu.Unlock()
				done.Done()
			}
		})
	}
	sender, err := s.session().NewSender(ctx, "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		if err := sender.Send(ctx, &amqp.Message{Properties: &amqp.MessageProperties{MessageID: uint64(i)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	done.Wait()
	for _, r := range receivers {
		_ = r.Close(ctx)
	}
	wg.Wait()
	if len(got) != messages {
		t.Errorf("%d different messages, want %d", len(got), messages)
	}
	s.counts("q", 0, 0)
}

// TestSessionClosedWithoutSettling: it leaves the delivery count alone, however often; a lock
// that runs out adds one.
func TestSessionClosedWithoutSettling(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true, LockDuration: 10 * time.Second, MaxDeliveryCount: 3})
	s.sendInSession("q", "s", "1")
	session := s.session()
	for range 5 {
		r := mustAccept(t, session, "q", "s")
		want(t, "after a close", take(t, r, 1), "1/0")
		if err := r.Close(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	r := mustAccept(t, session, "q", "s")
	want(t, "before the lock runs out", take(t, r, 1), "1/0")
	s.clock.advance(11 * time.Second)
	_, err := r.Receive(testContext(t), nil)
	wantCondition(t, err, "com.microsoft:session-lock-lost", "The session lock has expired on the MessageSession.")
	want(t, "after the lock ran out", take(t, mustAccept(t, session, "q", "s"), 1), "1/1")
}

// TestSessionLinkLivesOnRenewals: in a session that is held and renewed no message's lock runs
// out, and the link, which has credit and no message, lives for as long as the lock is
// renewed, whether the request names the link or not, also where idle links are detached.
func TestSessionLinkLivesOnRenewals(t *testing.T) {
	for name, associated := range map[string]map[string]any{"by its name": {"associated-link-name": "holder"}, "by its session": {}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(o *servicebus.Options) { o.Idle.Link = 10 * time.Minute })
			s.queue("q", broker.QueueOptions{RequiresSession: true, LockDuration: 5 * time.Minute})
			s.sendInSession("q", "s", "1", "2", "3")
			session := s.session()
			r, err := session.NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Name: "holder", Credit: -1, SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(),
				Filters: []amqp.LinkFilter{amqp.NewLinkFilter("com.microsoft:session-filter", 0x137000000C, "s")}})
			if err != nil {
				t.Fatal(err)
			}
			msgs := take(t, r, 3)
			want(t, "first", msgs, "1/0", "2/0", "3/0")
			for _, m := range msgs[1:] {
				if err := r.AcceptMessage(testContext(t), m); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.IssueCredit(5); err != nil { // it lies open
				t.Fatal(err)
			}
			rpc := newRPC(t, session, "q/$management")
			for range 10 {
				s.clock.advance(4 * time.Minute)
				p := map[string]any{"operation": "com.microsoft:renew-session-lock"}
				for k, v := range associated {
					p[k] = v
				}
				answer := rpc.call(p, map[string]any{"session-id": "s"})
				if answer.ApplicationProperties["statusCode"] != int32(200) {
					t.Fatalf("renew: %v", answer.ApplicationProperties)
				}
				if m := r.Prefetched(); m != nil {
					t.Fatalf("%v was delivered again", m.Properties.MessageID)
				}
			}
			s.sendInSession("q", "s", "4")
			want(t, "after 40 minutes", taken(t, r, 1), "4/0")
			if err := r.AcceptMessage(testContext(t), msgs[0]); err != nil {
				t.Errorf("the first message: %v", err)
			}
			s.clock.advance(6 * time.Minute)
			_, err = r.Receive(testContext(t), nil)
			wantCondition(t, err, "com.microsoft:session-lock-lost", "")
		})
	}
}

// TestAbandonInASession: the message comes before those behind it, but for what is on the link
// already.
func TestAbandonInASession(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true})
	for _, id := range []string{"one", "all"} {
		s.sendInSession("q", id, "1", "2", "3")
	}
	session := s.session()
	abandon := func(r *amqp.Receiver, m *amqp.Message) {
		t.Helper()
		if err := r.ModifyMessage(testContext(t), m, &amqp.ModifyMessageOptions{DeliveryFailed: true}); err != nil {
			t.Fatal(err)
		}
	}
	r := mustAccept(t, session, "q", "one")
	m := take(t, r, 1)
	want(t, "credit 1", m, "1/0")
	abandon(r, m[0])
	want(t, "credit 1, after an abandon", append(take(t, r, 1), take(t, r, 2)...), "1/1", "2/0", "3/0")

	r = mustAccept(t, session, "q", "all")
	msgs := take(t, r, 3)
	want(t, "credit 3", msgs, "1/0", "2/0", "3/0")
	abandon(r, msgs[0])
	want(t, "credit 3, after an abandon", take(t, r, 1), "1/1")
}

// TestDeferInASession: a session goes on behind a deferred message, which a later
// holder of it can have, once; a session with nothing else is not offered as the next.
func TestDeferInASession(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true})
	s.sendInSession("q", "s", "1", "2")
	session := s.session()
	r := mustAccept(t, session, "q", "s")
	m := take(t, r, 1)[0]
	if err := r.ModifyMessage(testContext(t), m, &amqp.ModifyMessageOptions{UndeliverableHere: true}); err != nil {
		t.Fatal(err)
	}
	rest := take(t, r, 1)
	want(t, "behind a deferred message", rest, "2/0")
	if err := r.AcceptMessage(testContext(t), rest[0]); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	_, err := accept(t, session, "q", nil, map[string]any{"com.microsoft:timeout": uint32(300)})
	wantCondition(t, err, "com.microsoft:timeout", "The operation did not complete within the allotted timeout of 00:00:00.")

	mustAccept(t, session, "q", "s")
	rpc := newRPC(t, session, "q/$management")
	byNumber := func() *amqp.Message {
		return rpc.call(map[string]any{"operation": "com.microsoft:receive-by-sequence-number"},
			map[string]any{"session-id": "s", "sequence-numbers": []int64{m.Annotations["x-opt-sequence-number"].(int64)}, "receiver-settle-mode": uint32(1)})
	}
	answer := byNumber()
	list, _ := answer.Value.(map[string]any)["messages"].([]any)
	if len(list) != 1 {
		t.Fatalf("receive by number: %v", answer.ApplicationProperties)
	}
	token := list[0].(map[string]any)["lock-token"].(amqp.UUID)
	var deferred amqp.Message
	if err := deferred.UnmarshalBinary(list[0].(map[string]any)["message"].([]byte)); err != nil || deferred.Header.DeliveryCount != 1 {
		t.Errorf("the deferred message: %v, %v", deferred.Header, err)
	}
	p := rpc.call(map[string]any{"operation": "com.microsoft:update-disposition"},
		map[string]any{"session-id": "s", "disposition-status": "completed", "lock-tokens": []amqp.UUID{token}}).ApplicationProperties
	if p["statusCode"] != int32(200) {
		t.Errorf("complete: %v", p)
	}
	if p := byNumber().ApplicationProperties; p["statusCode"] != int32(404) || fmt.Sprint(p["errorCondition"]) != "com.microsoft:message-not-found" {
		t.Errorf("receive by number again: %v", p)
	}
}

// TestAcceptTimeouts: a wait for the next session is as long as the client says, in any
// integer type, and 65 s if it says nothing; the answer names the time.
func TestAcceptTimeouts(t *testing.T) {
	for _, x := range []struct {
		timeout any
		after   time.Duration
		text    string
	}{
		{uint32(2000), 2 * time.Second, "00:00:02"},
		{int32(3000), 3 * time.Second, "00:00:03"},
		{int64(90_000), 90 * time.Second, "00:01:30"},
		{uint64(7_200_000), 2 * time.Hour, "02:00:00"},
		{"soon", 65 * time.Second, "00:01:05"},
		{nil, 65 * time.Second, "00:01:05"},
	} {
		s := newServer(t)
		s.queue("q", broker.QueueOptions{RequiresSession: true})
		properties := map[string]any{"com.microsoft:tracking-id": "track-me"}
		if x.timeout != nil {
			properties["com.microsoft:timeout"] = x.timeout
		}
		refused := make(chan error, 1)
		session := s.session()
		go func() {
			_, err := accept(t, session, "q", nil, properties)
			refused <- err
		}()
		time.Sleep(20 * time.Millisecond) // until the attach is there: the clock must not move before
		s.clock.advance(x.after - time.Second)
		select {
		case err := <-refused:
			t.Fatalf("%v: refused a second too early: %v", x.timeout, err)
		case <-time.After(20 * time.Millisecond):
		}
		s.clock.advance(2 * time.Second)
		wantCondition(t, <-refused, "com.microsoft:timeout", "The operation did not complete within the allotted timeout of "+x.text+". ")
	}
}

// TestTrackingIDs: the client's own comes back in the answer to each kind of link.
func TestTrackingIDs(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("sessions", broker.QueueOptions{RequiresSession: true})
	properties := map[string]any{"com.microsoft:tracking-id": "track-me"}
	session := s.session()
	r, err := session.NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Properties: properties})
	if err != nil || r.Properties()["com.microsoft:tracking-id"] != "track-me" {
		t.Errorf("a receiver: %v, %v", r.Properties(), err)
	}
	r, err = accept(t, session, "sessions", "s", properties)
	if err != nil || r.Properties()["com.microsoft:tracking-id"] != "track-me" {
		t.Errorf("a receiver of a session: %v, %v", r.Properties(), err)
	}
	sender, err := session.NewSender(testContext(t), "q", &amqp.SenderOptions{Properties: properties})
	if err != nil || sender.Properties()["com.microsoft:tracking-id"] != "track-me" {
		t.Errorf("a sender: %v, %v", sender.Properties(), err)
	}
}

// TestNonExclusiveSessions: they are refused by name, in each form in which they are asked for
// [SB-AMQP 6.2].
func TestNonExclusiveSessions(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true})
	for _, x := range []struct{ filter, condition, text string }{
		{"com.microsoft:session-filter", "amqp:not-implemented", "A receiver of non-exclusive sessions is not supported by this server."},
		{"com.microsoft:non-exclusive-session-filter", "amqp:not-allowed",
			"The source filter 'com.microsoft:non-exclusive-session-filter' is not supported by this server."},
	} {
		filter := amqp.NewLinkFilter(x.filter, 0x137000000E, []any{"s", nil})
		_, err := s.session().NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Filters: []amqp.LinkFilter{filter}})
		if err == nil {
			t.Fatal("a receiver of a non-exclusive session was attached")
		}
		wantCondition(t, err, x.condition, x.text)
	}
}

// TestKeyOfAnEntityIsNoPlainKey: SASL PLAIN takes rules of the namespace only.
func TestKeyOfAnEntityIsNoPlainKey(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.rule("q", "of-q", "k", auth.Listen)
	if _, err := s.dial(amqp.SASLTypePlain("of-q", "k")); err == nil {
		t.Error("the key of a queue's rule was accepted")
	}
}
