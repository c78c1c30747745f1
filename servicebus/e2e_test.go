package servicebus_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/auth"
	"switchyard/auth/authtest"
	"switchyard/broker"
	"switchyard/commit"
)

func ptr[T any](v T) *T { return &v }

func TestSendReceiveComplete(t *testing.T) {
	s := newServer(t)
	s.queue("Orders", broker.QueueOptions{})
	c := s.client()
	before := time.Now().Add(-time.Second)
	sent := &azservicebus.Message{
		Body: []byte(`{"n":1}`), MessageID: ptr("id-1"), Subject: ptr("subject"), ContentType: ptr("application/json"),
		CorrelationID: ptr("correlation"), To: ptr("to"), ReplyTo: ptr("replies"), ReplyToSessionID: ptr("rs"), SessionID: ptr("s"), PartitionKey: ptr("s"),
		TimeToLive: ptr(time.Hour),
		ApplicationProperties: map[string]any{
			"string": "s", "int64": int64(-5), "int32": int32(7), "bool": true, "float": 1.5, "time": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "bytes": []byte{1, 2},
		},
	}
	if err := s.sender(c, "orders").SendMessage(testContext(t), sent, nil); err != nil {
		t.Fatal(err)
	}
	r := s.receiver(c, "ORDERS", nil)
	got := receive(t, r, 1)[0]

	if !bytes.Equal(got.Body, sent.Body) || got.MessageID != "id-1" || *got.Subject != "subject" || *got.ContentType != "application/json" ||
		*got.CorrelationID != "correlation" || *got.To != "to" || *got.ReplyTo != "replies" || *got.ReplyToSessionID != "rs" || *got.SessionID != "s" || *got.PartitionKey != "s" {
		t.Errorf("received %+v, sent %+v", got, sent)
	}
	if !maps.EqualFunc(got.ApplicationProperties, sent.ApplicationProperties, func(a, b any) bool { return fmt.Sprintf("%T %v", a, a) == fmt.Sprintf("%T %v", b, b) }) {
		t.Errorf("application properties = %v, want %v", got.ApplicationProperties, sent.ApplicationProperties)
	}
	if got.DeliveryCount != 1 || *got.SequenceNumber != 1 || got.State != azservicebus.MessageStateActive {
		t.Errorf("delivery count %d, sequence number %d, state %v, want 1, 1, active", got.DeliveryCount, *got.SequenceNumber, got.State)
	}
	if got.EnqueuedTime.Before(before) || got.LockedUntil.Before(got.EnqueuedTime.Add(50*time.Second)) || got.LockedUntil.After(time.Now().Add(61*time.Second)) {
		t.Errorf("enqueued %v, locked until %v, want about now and a minute later", got.EnqueuedTime, got.LockedUntil)
	}
	if *got.TimeToLive != time.Hour || !got.ExpiresAt.Equal(got.EnqueuedTime.Add(time.Hour)) {
		t.Errorf("ttl %v, expires %v, want an hour after %v", got.TimeToLive, got.ExpiresAt, got.EnqueuedTime)
	}
	want := []string{"x-opt-enqueued-time", "x-opt-locked-until", "x-opt-partition-key", "x-opt-sequence-number"}
	var annotations []string
	for k := range got.RawAMQPMessage.MessageAnnotations {
		annotations = append(annotations, fmt.Sprint(k))
	}
	if slices.Sort(annotations); !slices.Equal(annotations, want) {
		t.Errorf("message annotations = %v, want %v", annotations, want)
	}
	s.counts("Orders", 1, 0)
	if err := r.CompleteMessage(testContext(t), got, nil); err != nil {
		t.Fatal(err)
	}
	s.counts("Orders", 0, 0)
}

func TestBatch(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	c := s.client()
	sender := s.sender(c, "q")
	batch, err := sender.NewMessageBatch(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := names(200)
	for _, name := range want {
		if err := batch.AddMessage(&azservicebus.Message{Body: []byte(name), MessageID: &name}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := sender.SendMessageBatch(testContext(t), batch, nil); err != nil {
		t.Fatal(err)
	}
	r := s.receiver(c, "q", nil)
	got := receive(t, r, len(want))
	// The client releases what comes after it has stopped waiting, so not all
	// need come in the first go.
	slices.SortFunc(got, func(a, b *azservicebus.ReceivedMessage) int { return cmp.Compare(*a.SequenceNumber, *b.SequenceNumber) })
	for i, m := range got {
		if string(m.Body) != want[i] || m.MessageID != want[i] || *m.SequenceNumber != int64(i+1) {
			t.Fatalf("message %d is %q (%q), sequence number %d, want %q", i, m.Body, m.MessageID, *m.SequenceNumber, want[i])
		}
		if err := r.CompleteMessage(testContext(t), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.counts("q", 0, 0)
}

// TestAnnotatedMessages: what the vendor's client sends as a message of AMQP, one by one, in a
// batch and for later, comes back with its body, the types of its values and its sections.
func TestAnnotatedMessages(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	c, ctx := s.client(), testContext(t)
	sender, r := s.sender(c, "q"), s.receiver(c, "q", nil)
	bodies := map[string]azservicebus.AMQPAnnotatedMessageBody{
		"data":     {Data: [][]byte{[]byte("one"), []byte("two")}},
		"value":    {Value: map[string]any{"n": int64(-5), "list": []any{"a", uint32(7), true}, "none": nil}},
		"sequence": {Sequence: [][]any{{"a", int32(1)}, {2.5}}},
	}
	ways := map[string]func(*azservicebus.AMQPAnnotatedMessage) error{
		"alone": func(m *azservicebus.AMQPAnnotatedMessage) error { return sender.SendAMQPAnnotatedMessage(ctx, m, nil) },
		"batch": func(m *azservicebus.AMQPAnnotatedMessage) error {
			batch, err := sender.NewMessageBatch(ctx, nil)
			if err == nil {
				err = batch.AddAMQPAnnotatedMessage(m, nil)
			}
			if err != nil {
				return err
			}
			return sender.SendMessageBatch(ctx, batch, nil)
		},
		"scheduled": func(m *azservicebus.AMQPAnnotatedMessage) error {
			numbers, err := sender.ScheduleAMQPAnnotatedMessages(ctx, []*azservicebus.AMQPAnnotatedMessage{m}, s.clock.Now().Add(time.Minute), nil)
			if err == nil && len(numbers) != 1 {
				err = fmt.Errorf("numbers %v", numbers)
			}
			s.clock.advance(time.Minute)
			return err
		},
	}
	for way, send := range ways {
		for kind, body := range bodies {
			sent := &azservicebus.AMQPAnnotatedMessage{
				Body: body, Header: &azservicebus.AMQPAnnotatedMessageHeader{Priority: 7, Durable: true},
				Properties: &azservicebus.AMQPAnnotatedMessageProperties{MessageID: uint64(17), CorrelationID: amqp.UUID{1, 2, 3},
					Subject: ptr("subject"), GroupID: ptr("s"), GroupSequence: ptr(uint32(9)), UserID: []byte("me")},
				ApplicationProperties: map[string]any{"way": way, "small": int8(3), "id": amqp.UUID{4}},
				MessageAnnotations:    map[any]any{"x-own": uint16(8)},
				Footer:                map[any]any{"sum": int64(1)},
			}
			if err := send(sent); err != nil {
				t.Fatalf("%s, %s: %v", kind, way, err)
			}
			m := receive(t, r, 1)[0]
			got := m.RawAMQPMessage
			if !reflect.DeepEqual(got.Body, body) {
				t.Errorf("%s, %s: body %#v, want %#v", kind, way, got.Body, body)
			}
			if !reflect.DeepEqual(got.Properties, sent.Properties) || !reflect.DeepEqual(got.ApplicationProperties, sent.ApplicationProperties) {
				t.Errorf("%s, %s: properties %+v and %v, want %+v and %v", kind, way, got.Properties, got.ApplicationProperties,
					sent.Properties, sent.ApplicationProperties)
			}
			if !reflect.DeepEqual(got.Footer, sent.Footer) || got.MessageAnnotations["x-own"] != uint16(8) || got.Header.Priority != 7 || !got.Header.Durable {
				t.Errorf("%s, %s: footer %v, annotations %v, header %+v", kind, way, got.Footer, got.MessageAnnotations, got.Header)
			}
			if err := r.CompleteMessage(ctx, m, nil); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestAbandonCountsAndMergesProperties(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{MaxDeliveryCount: 3})
	s.send("q", "m")
	c := s.client()
	r := s.receiver(c, "q", nil)
	for i := range uint32(3) {
		m := receive(t, r, 1)[0]
		if m.DeliveryCount != i+1 {
			t.Errorf("delivery %d has delivery count %d", i+1, m.DeliveryCount)
		}
		if i > 0 && (m.ApplicationProperties["try"] != int64(i) || m.ApplicationProperties["small"] != int32(i)) {
			t.Errorf("delivery %d has properties %v, want try and small %d", i+1, m.ApplicationProperties, i)
		}
		err := r.AbandonMessage(testContext(t), m, &azservicebus.AbandonMessageOptions{PropertiesToModify: map[string]any{"try": int64(i + 1), "small": int32(i + 1)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.counts("q", 0, 1)
	d := receive(t, s.receiver(c, "q", &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}), 1)[0]
	if *d.DeadLetterReason != "MaxDeliveryCountExceeded" || *d.DeadLetterErrorDescription != "Message could not be consumed after 3 delivery attempts." {
		t.Errorf("dead-lettered because of %q, %q", *d.DeadLetterReason, *d.DeadLetterErrorDescription)
	}
}

func TestDeferAndReceiveDeferred(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "m")
	c := s.client()
	r := s.receiver(c, "q", nil)
	m := receive(t, r, 1)[0]
	if err := r.DeferMessage(testContext(t), m, &azservicebus.DeferMessageOptions{PropertiesToModify: map[string]any{"why": "later"}}); err != nil {
		t.Fatal(err)
	}
	receiveNone(t, r)
	deferred, err := r.ReceiveDeferredMessages(testContext(t), []int64{*m.SequenceNumber}, nil)
	if err != nil || len(deferred) != 1 {
		t.Fatalf("receive deferred = %d messages, %v, want 1", len(deferred), err)
	}
	d := deferred[0]
	if string(d.Body) != "m" || d.State != azservicebus.MessageStateDeferred || d.DeliveryCount != 2 || d.ApplicationProperties["why"] != "later" || d.LockToken == [16]byte{} {
		t.Errorf("deferred message = %+v, want the one sent, deferred, delivery count 2", d)
	}
	if err := r.RenewMessageLock(testContext(t), d, nil); err != nil {
		t.Errorf("renew lock of a deferred message: %v", err)
	}
	if err := r.CompleteMessage(testContext(t), d, nil); err != nil {
		t.Fatal(err)
	}
	s.counts("q", 0, 0)
	_, err = r.ReceiveDeferredMessages(testContext(t), []int64{*m.SequenceNumber}, nil)
	wantCode(t, err, azservicebus.CodeNotFound)
}

func TestReceiveDeferredAndDelete(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "m")
	c := s.client()
	r := s.receiver(c, "q", nil)
	m := receive(t, r, 1)[0]
	if err := r.DeferMessage(testContext(t), m, nil); err != nil {
		t.Fatal(err)
	}
	deleting := s.receiver(c, "q", &azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	deferred, err := deleting.ReceiveDeferredMessages(testContext(t), []int64{*m.SequenceNumber}, nil)
	if err != nil || len(deferred) != 1 || string(deferred[0].Body) != "m" {
		t.Fatalf("receive deferred = %v, %v, want 1 message", deferred, err)
	}
	s.counts("q", 0, 0)
}

func TestDeadLetter(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "m")
	c := s.client()
	r := s.receiver(c, "q", nil)
	m := receive(t, r, 1)[0]
	err := r.DeadLetterMessage(testContext(t), m, &azservicebus.DeadLetterOptions{
		Reason: ptr("bad"), ErrorDescription: ptr("very bad"), PropertiesToModify: map[string]any{"extra": "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.counts("q", 0, 1)
	dlq := s.receiver(c, "q", &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
	d := receive(t, dlq, 1)[0]
	if string(d.Body) != "m" || d.MessageID != "m" || *d.SequenceNumber != *m.SequenceNumber || d.DeliveryCount != 1 {
		t.Errorf("dead-lettered message = %+v, want the one sent", d)
	}
	want := map[string]any{"DeadLetterReason": "bad", "DeadLetterErrorDescription": "very bad", "extra": "x"}
	if !maps.Equal(d.ApplicationProperties, want) {
		t.Errorf("application properties = %v, want %v", d.ApplicationProperties, want)
	}
	if err := dlq.CompleteMessage(testContext(t), d, nil); err != nil {
		t.Fatal(err)
	}
	s.counts("q", 0, 0)
}

func TestRenewLockAndExpiry(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{LockDuration: time.Minute})
	s.send("q", "m")
	c := s.client()
	r := s.receiver(c, "q", nil)
	m := receive(t, r, 1)[0]
	until := *m.LockedUntil
	s.clock.advance(40 * time.Second)
	if err := r.RenewMessageLock(testContext(t), m, nil); err != nil {
		t.Fatal(err)
	}
	if d := m.LockedUntil.Sub(until); d < 39*time.Second || d > 50*time.Second {
		t.Errorf("renewing moved the lock's end by %v, want about 40 s", d)
	}
	s.clock.advance(40 * time.Second) // past the first end, not past the second
	receiveNone(t, s.receiver(c, "q", nil))
	s.clock.advance(30 * time.Second)
	wantCode(t, r.RenewMessageLock(testContext(t), m, nil), azservicebus.CodeLockLost)
	wantCode(t, r.CompleteMessage(testContext(t), m, nil), azservicebus.CodeLockLost)

	again := receive(t, r, 1)[0]
	if again.MessageID != "m" || again.DeliveryCount != 2 || again.LockToken == m.LockToken {
		t.Errorf("redelivered %q, delivery count %d, want m, 2 and another lock token", again.MessageID, again.DeliveryCount)
	}
	if err := r.CompleteMessage(testContext(t), again, nil); err != nil {
		t.Error(err)
	}
	s.counts("q", 0, 0)
}

func TestLocksOutliveReceivers(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "m")
	first := s.client()
	r := s.receiver(first, "q", nil)
	m := receive(t, r, 1)[0]
	if err := first.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	other := s.receiver(s.client(), "q", nil)
	receiveNone(t, other)
	// The lock token is good on any connection.
	if err := other.CompleteMessage(testContext(t), m, nil); err != nil {
		t.Errorf("complete by lock token: %v", err)
	}
	s.counts("q", 0, 0)
}

func TestPeek(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	want := names(30)
	s.send("q", want...)
	c := s.client()
	r := s.receiver(c, "q", nil)
	locked := receive(t, r, 2)
	if err := r.DeferMessage(testContext(t), locked[1], nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for len(got) < len(want) {
		msgs, err := r.PeekMessages(testContext(t), 12, nil)
		if err != nil || len(msgs) == 0 {
			t.Fatalf("peek after %d messages = %d, %v", len(got), len(msgs), err)
		}
		for _, m := range msgs {
			state := azservicebus.MessageStateActive
			if m.MessageID == want[1] {
				state = azservicebus.MessageStateDeferred
			}
			if m.State != state || m.LockedUntil != nil || string(m.Body) != m.MessageID {
				t.Errorf("peeked %+v, want state %v and no lock", m, state)
			}
			got = append(got, m.MessageID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("peeked %v, want %v", got, want)
	}
	if msgs, err := r.PeekMessages(testContext(t), 1, nil); err != nil || len(msgs) != 0 {
		t.Errorf("peek behind the end = %d messages, %v, want none", len(msgs), err)
	}
	if msgs, err := r.PeekMessages(testContext(t), 2, &azservicebus.PeekMessagesOptions{FromSequenceNumber: ptr(int64(7))}); err != nil || len(msgs) != 2 || *msgs[0].SequenceNumber != 7 {
		t.Errorf("peek from 7 = %v, %v, want 7 and 8", msgs, err)
	}
	s.counts("q", 30, 0)
}

func TestReceiveAndDelete(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	want := names(10)
	s.send("q", want...)
	c := s.client()
	r := s.receiver(c, "q", &azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	for i, m := range receive(t, r, 10) {
		if m.MessageID != want[i] {
			t.Errorf("message %d is %q, want %q", i, m.MessageID, want[i])
		}
	}
	s.counts("q", 0, 0)
}

func TestWrongKey(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	for _, tt := range [][2]string{{auth.DefaultRuleName, "wrong"}, {"nobody", auth.DevelopmentKey}} {
		err := s.sender(s.client(tt[0], tt[1]), "q").SendMessage(testContext(t), &azservicebus.Message{}, nil)
		wantCode(t, err, azservicebus.CodeUnauthorizedAccess)
	}
	s.counts("q", 0, 0)
}

func TestExpiredToken(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	token := authtest.FormatSAS("sb://"+s.addr+"/q", auth.DefaultRuleName, auth.DevelopmentKey, time.Now().Add(-time.Minute))
	c, err := azservicebus.NewClientFromConnectionString("Endpoint=sb://"+s.addr+";SharedAccessSignature="+token+";UseDevelopmentEmulator=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(testContext(t))
	err = s.sender(c, "q").SendMessage(testContext(t), &azservicebus.Message{}, nil)
	wantCode(t, err, azservicebus.CodeUnauthorizedAccess)
	if err == nil || !strings.Contains(err.Error(), "rpc: failed, status code 401 and description: ExpiredToken: The token is expired. Expiration time:") {
		t.Errorf("error = %v, want the text of an expired token", err)
	}
}

func TestTokenExpiryDetaches(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	token := authtest.FormatSAS("sb://"+s.addr+"/", auth.DefaultRuleName, auth.DevelopmentKey, time.Now().Add(time.Hour))
	c, err := azservicebus.NewClientFromConnectionString("Endpoint=sb://"+s.addr+";SharedAccessSignature="+token+";UseDevelopmentEmulator=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(testContext(t))
	sender := s.sender(c, "q")
	if err := sender.SendMessage(testContext(t), &azservicebus.Message{Body: []byte("in time")}, nil); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(2 * time.Hour)
	for ctx := testContext(t); err == nil && ctx.Err() == nil; { // until the detach has arrived
		err = sender.SendMessage(ctx, &azservicebus.Message{Body: []byte("late")}, nil)
	}
	wantCode(t, err, azservicebus.CodeUnauthorizedAccess)
}

func TestMissingQueue(t *testing.T) {
	s := newServer(t)
	c := s.client()
	err := s.sender(c, "nowhere").SendMessage(testContext(t), &azservicebus.Message{}, nil)
	wantCode(t, err, azservicebus.CodeNotFound)
	if err == nil || !strings.Contains(err.Error(), "The messaging entity 'sb://127.0.0.1/nowhere' could not be found.") {
		t.Errorf("error = %v, want the service's text", err)
	}
	_, err = s.receiver(c, "nowhere", nil).ReceiveMessages(testContext(t), 1, nil)
	wantCode(t, err, azservicebus.CodeNotFound)
	_, err = s.receiver(c, "nowhere", nil).PeekMessages(testContext(t), 1, nil)
	wantCode(t, err, azservicebus.CodeNotFound)
}

func TestRights(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("other", broker.QueueOptions{})
	s.rule("", "send-only", "k1", auth.Send)
	s.rule("q", "listen-only", "k2", auth.Listen)
	s.rule("q", "send-q", "k3", auth.Send)

	sending := s.client("send-only", "k1")
	if err := s.sender(sending, "q").SendMessage(testContext(t), &azservicebus.Message{Body: []byte("m")}, nil); err != nil {
		t.Errorf("send with a Send rule: %v", err)
	}
	_, err := s.receiver(sending, "q", nil).ReceiveMessages(testContext(t), 1, nil)
	wantCode(t, err, azservicebus.CodeUnauthorizedAccess)
	if err == nil || !strings.Contains(err.Error(), "Unauthorized access. 'Listen' claim(s) are required to perform this operation. Resource: 'sb://127.0.0.1/q'.") {
		t.Errorf("error = %v, want the service's text", err)
	}
	_, err = s.receiver(sending, "q", nil).PeekMessages(testContext(t), 1, nil)
	wantCode(t, err, azservicebus.CodeUnauthorizedAccess)

	listening := s.client("listen-only", "k2")
	wantCode(t, s.sender(listening, "q").SendMessage(testContext(t), &azservicebus.Message{}, nil), azservicebus.CodeUnauthorizedAccess)
	r := s.receiver(listening, "q", nil)
	if err := r.CompleteMessage(testContext(t), receive(t, r, 1)[0], nil); err != nil {
		t.Errorf("complete with a Listen rule: %v", err)
	}

	one := s.client("send-q", "k3")
	if err := s.sender(one, "q").SendMessage(testContext(t), &azservicebus.Message{}, nil); err != nil {
		t.Errorf("send with the queue's rule: %v", err)
	}
	wantCode(t, s.sender(one, "other").SendMessage(testContext(t), &azservicebus.Message{}, nil), azservicebus.CodeUnauthorizedAccess)
}

func TestConcurrentReceivers(t *testing.T) {
	const receivers, messages = 100, 1000
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	var mu sync.Mutex
	got := map[string]int{}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range receivers / 10 {
		c := s.client()
		for range 10 {
			r := s.receiver(c, "q", nil)
			wg.Go(func() {
				for {
					rctx, stop := context.WithCancel(ctx)
					go func() {
						select {
						case <-done:
							stop()
						case <-rctx.Done():
						}
					}()
					msgs, err := r.ReceiveMessages(rctx, 5, nil)
					stop()
					if err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Errorf("receive: %v", err)
						}
						return
					}
					for _, m := range msgs {
						if err := r.CompleteMessage(ctx, m, nil); err != nil {
							t.Errorf("complete %s: %v", m.MessageID, err)
						}
						mu.Lock()
						if got[m.MessageID]++; len(got) == messages {
							select {
							case <-done:
							default:
								close(done)
							}
						}
						mu.Unlock()
					}
				}
			})
		}
	}
	sender := s.sender(s.client(), "q")
	want := names(messages)
	for part := range slices.Chunk(want, 100) {
		batch, err := sender.NewMessageBatch(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range part {
			if err := batch.AddMessage(&azservicebus.Message{Body: []byte(name), MessageID: &name}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := sender.SendMessageBatch(ctx, batch, nil); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	for _, name := range want {
		if got[name] != 1 {
			t.Errorf("message %s was received %d times, want once", name, got[name])
		}
	}
	s.counts("q", 0, 0)
}

func TestMessageSizes(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	c := s.client()
	sender := s.sender(c, "q")
	large := bytes.Repeat([]byte("0123456789"), 20<<10) // 200 KiB
	if err := sender.SendMessage(testContext(t), &azservicebus.Message{Body: large}, nil); err != nil {
		t.Fatal(err)
	}
	r := s.receiver(c, "q", nil)
	m := receive(t, r, 1)[0]
	if !bytes.Equal(m.Body, large) {
		t.Errorf("received %d bytes, want the %d sent", len(m.Body), len(large))
	}
	if err := r.CompleteMessage(testContext(t), m, nil); err != nil {
		t.Fatal(err)
	}
	err := sender.SendMessage(testContext(t), &azservicebus.Message{Body: bytes.Repeat([]byte("x"), 300<<10)}, nil)
	if !errors.Is(err, azservicebus.ErrMessageTooLarge) {
		t.Errorf("sending 300 KiB = %v, want ErrMessageTooLarge", err)
	}
	s.counts("q", 0, 0)
}

func TestQueueDeletedAndChanged(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	c := s.client()
	r := s.receiver(c, "q", nil)
	sender := s.sender(c, "q")
	if err := sender.SendMessage(testContext(t), &azservicebus.Message{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.CompleteMessage(testContext(t), receive(t, r, 1)[0], nil); err != nil {
		t.Fatal(err)
	}
	// A change detaches; the client attaches again and goes on.
	s.queue("q", broker.QueueOptions{MaxDeliveryCount: 5})
	s.handler.EntityChanged(namespace, "Q")
	if err := sender.SendMessage(testContext(t), &azservicebus.Message{MessageID: ptr("m")}, nil); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, r, 1)[0]; m.MessageID != "m" {
		t.Errorf("received %q, want m", m.MessageID)
	}
	if err := commit.Do(context.Background(), s.log, 0, s.broker.DeleteQueueEffect(namespace, "q", false)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReceiveMessages(testContext(t), 1, nil); err == nil {
		t.Error("receiving from a deleted queue succeeded")
	}
	err := s.sender(c, "q").SendMessage(testContext(t), &azservicebus.Message{}, nil)
	wantCode(t, err, azservicebus.CodeNotFound)
}
