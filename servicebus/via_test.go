package servicebus_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	goamqp "github.com/Azure/go-amqp"

	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/auth/authtest"
	"switchyard/broker"
	"switchyard/commit"
)

const transferDestination = "com.microsoft:transfer-destination-address"

// via opens a sender that sends by way of an entity.
func (s *server) via(session *goamqp.Session, by, to string) (*goamqp.Sender, error) {
	return session.NewSender(testContext(s.t), by, &goamqp.SenderOptions{Properties: map[string]any{transferDestination: to}})
}

// arrives waits until an entity holds messages with these ids, in this order.
func (s *server) arrives(path string, ids ...string) {
	s.t.Helper()
	s.eventually(func() bool { return slices.Equal(s.peeked(path), ids) })
}

// transfers are what an entity holds for others: on their way, and dead.
func (s *server) transfers(path string, waiting, dead int64) {
	s.t.Helper()
	s.eventually(func() bool {
		if info, err := s.queueInfo(path); err == nil {
			return info.Counts.Transfer == waiting && info.Counts.TransferDeadLetter == dead
		}
		t, err := s.broker.Topic(namespace, path)
		if err != nil {
			s.t.Fatal(err)
		}
		info, err := t.Info()
		return err == nil && info.Transfer == waiting && info.TransferDeadLetter == dead
	})
}

func (s *server) deleteQueue(path string) {
	s.t.Helper()
	if err := commit.Do(context.Background(), s.log.Store, 0, s.broker.DeleteQueueEffect(namespace, path, false)); err != nil {
		s.t.Fatal(err)
	}
}

// [SB-AMQP 11]: every message on a link with a destination goes on to that, in a transaction
// or not, and nobody sees it on the way. The answer repeats the property.
func TestSendVia(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{RequiresSession: true}) // of what goes on it asks nothing
	s.queue("dir/to", broker.QueueOptions{})
	s.topic("t", broker.TopicOptions{}, "s")
	session := s.session()
	for _, tt := range []struct{ by, to, at string }{
		{"q", "dir/to", "dir/to"}, {"q", "amqps://" + namespace + ".servicebus.windows.net/DIR/to", "dir/to"}, {"t", "/dir%2Fto", "dir/to"},
		{"q", "t", "t/Subscriptions/s"}, {"t", "T", "t/Subscriptions/s"},
	} {
		sender, err := s.via(session, tt.by, tt.to)
		if err != nil {
			t.Errorf("to %s by way of %s: %v", tt.to, tt.by, err)
			continue
		}
		if got := sender.Properties()[transferDestination]; got != tt.to {
			t.Errorf("the answer's destination is %v, want %q", got, tt.to)
		}
		id := tt.by + " " + tt.to
		before := s.peeked(tt.at)
		m := goamqp.NewMessage([]byte("m"))
		m.Properties = &goamqp.MessageProperties{MessageID: id}
		if err := sender.Send(testContext(t), m, nil); err != nil {
			t.Errorf("send to %s by way of %s: %v", tt.to, tt.by, err)
		}
		s.arrives(tt.at, append(before, id)...)
		if err := sender.Close(testContext(t)); err != nil {
			t.Error(err)
		}
	}
	s.counts("q", 0, 0)
	s.transfers("q", 0, 0)
	s.transfers("t", 0, 0)
}

func TestSendViaRefuses(t *testing.T) {
	s := newServer(t)
	for _, q := range []string{"q", "other"} {
		s.queue(q, broker.QueueOptions{})
	}
	s.queue("off", broker.QueueOptions{Status: broker.StatusSendDisabled})
	s.topic("t", broker.TopicOptions{}, "s")
	session := s.session()
	for _, tt := range []struct {
		by              string
		to              any
		condition, text string
	}{
		{"q", "nowhere", "amqp:not-found", "The messaging entity 'sb://testns.servicebus.windows.net/nowhere' could not be found."},
		{"nowhere", "q", "amqp:not-found", "The messaging entity 'sb://testns.servicebus.windows.net/nowhere' could not be found."},
		{"q", "t/Subscriptions/s", "amqp:not-allowed", "messages are sent to its topic"},
		{"t/Subscriptions/s", "q", "amqp:not-allowed", "messages are sent to its topic"},
		{"q", "other/$DeadLetterQueue", "amqp:not-allowed", transferDestination},
		{"q", "other/$management", "amqp:not-allowed", transferDestination},
		{"q/$Transfer/$DeadLetterQueue", "other", "amqp:not-allowed", "dead-letter queue"},
		{"q", "", "amqp:not-found", "it names no entity"},
		{"q", int32(1), "com.microsoft:argument-error", transferDestination},
		{"off", "q", "com.microsoft:entity-disabled", "disabled"},
	} {
		_, err := session.NewSender(testContext(t), tt.by, &goamqp.SenderOptions{Properties: map[string]any{transferDestination: tt.to}})
		t.Run(fmt.Sprintf("%s by way of %s", tt.to, tt.by), func(t *testing.T) { wantCondition(t, err, tt.condition, tt.text) })
	}
	if _, err := s.via(session, "q", "off"); err != nil { // it may be enabled before the message is there
		t.Errorf("to a disabled queue: %v", err)
	}
	if err := s.broker.PutNamespace(context.Background(), namespace, broker.NamespaceOptions{SKU: "Standard"}); err != nil {
		t.Fatal(err)
	}
}

func TestSendViaOfBasic(t *testing.T) {
	s := newServer(t)
	if err := s.broker.PutNamespace(context.Background(), namespace, broker.NamespaceOptions{SKU: broker.SKUBasic}); err != nil {
		t.Fatal(err)
	}
	s.queue("q", broker.QueueOptions{})
	s.queue("other", broker.QueueOptions{})
	_, err := s.via(s.session(), "q", "other")
	wantCondition(t, err, "amqp:not-allowed", "tier Basic")
}

// Send is needed on both entities, and as long as the link is there.
func TestSendViaNeedsRights(t *testing.T) {
	s := newServer(t)
	for _, q := range []string{"q", "other"} {
		s.queue(q, broker.QueueOptions{})
		s.rule(q, "sends", "k", auth.Send)
	}
	conn, err := s.dial(goamqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	session := s.newSession(conn)
	cbs := newRPC(t, session, "$cbs")
	token := func(queue string, lasts time.Duration) {
		t.Helper()
		audience := "amqps://" + namespace + ".servicebus.windows.net/" + queue
		sas := authtest.FormatSAS(audience, "sends", "k", s.clock.Now().Add(lasts))
		if m := cbs.call(map[string]any{"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": audience}, sas); m.ApplicationProperties["status-code"] != int32(202) {
			t.Fatalf("put-token: %v", m.ApplicationProperties)
		}
	}
	token("q", time.Hour)
	_, err = s.via(session, "q", "other")
	wantCondition(t, err, "amqp:unauthorized-access", "'Send' claim(s) are required to perform this operation. Resource: 'sb://testns.servicebus.windows.net/other'")
	_, err = s.via(session, "other", "q")
	wantCondition(t, err, "amqp:unauthorized-access", "Resource: 'sb://testns.servicebus.windows.net/other'")
	token("other", time.Minute)
	sender, err := s.via(session, "q", "other")
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(testContext(t), goamqp.NewMessage([]byte("m")), nil); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(2 * time.Minute)
	s.eventually(func() bool {
		err := sender.Send(testContext(t), goamqp.NewMessage([]byte("late")), nil)
		return err != nil && strings.Contains(err.Error(), "ExpiredToken")
	})
}

// A link is detached when either of its entities is changed or deleted.
func TestSendViaLearnsOfChanges(t *testing.T) {
	s := newServer(t)
	for _, change := range []struct {
		queue, text string
		do          func(queue string)
	}{
		{"other", "was updated", func(q string) { s.queue(q, broker.QueueOptions{UserMetadata: "x"}) }},
		{"q", "was updated", func(q string) { s.queue(q, broker.QueueOptions{UserMetadata: "x"}) }},
		{"other", "/other' could not be found", s.deleteQueue},
		{"q", "/q' could not be found", s.deleteQueue},
	} {
		s.queue("q", broker.QueueOptions{})
		s.queue("other", broker.QueueOptions{})
		sender, err := s.via(s.session(), "q", "other")
		if err != nil {
			t.Fatal(err)
		}
		change.do(change.queue)
		s.handler.EntityChanged(namespace, change.queue)
		s.eventually(func() bool {
			err := sender.Send(testContext(t), goamqp.NewMessage([]byte("m")), nil)
			return err != nil && strings.Contains(err.Error(), change.text)
		})
	}
}

// What its destination does not take is in the dead letters of the entity's transfer
// queue, which clients read, and can be sent on its way again from there.
func TestTransferDeadLetters(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("other", broker.QueueOptions{Status: broker.StatusDisabled})
	s.topic("t", broker.TopicOptions{}, "s")
	c := s.client()
	for _, by := range []string{"q", "t"} {
		sender, err := s.via(s.session(), by, "other")
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"a", "b", "c"} {
			m := goamqp.NewMessage([]byte(id))
			m.Properties = &goamqp.MessageProperties{MessageID: id}
			if err := sender.Send(testContext(t), m, nil); err != nil {
				t.Fatal(err)
			}
		}
		s.transfers(by, 0, 3)
		r := s.receiver(c, by, &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueTransfer})
		got := receive(t, r, 3)
		for i, m := range got {
			if m.MessageID != []string{"a", "b", "c"}[i] || m.DeadLetterReason == nil || m.DeadLetterErrorDescription == nil ||
				!strings.Contains(*m.DeadLetterErrorDescription, "other") {
				t.Errorf("dead letter %+v of %s, want %d-th with the reason", m, by, i)
			}
		}
		if err := r.CompleteMessage(testContext(t), got[0], nil); err != nil {
			t.Errorf("complete: %v", err)
		}
		for _, m := range got[1:] {
			if err := r.AbandonMessage(testContext(t), m, nil); err != nil {
				t.Errorf("abandon: %v", err)
			}
		}
		peeked, err := r.PeekMessages(testContext(t), 10, nil)
		if err != nil || len(peeked) != 2 {
			t.Errorf("peek of the dead letters of %s: %d messages, %v, want 2", by, len(peeked), err)
		}
	}
	s.queue("other", broker.QueueOptions{})
	for _, by := range []string{"q", "t"} {
		dead := newRPC(t, s.session(), by+"/$Transfer/$DeadLetterQueue/$management")
		m := dead.call(map[string]any{"operation": "switchyard:resubmit-messages"}, map[string]any{"message-count": int32(10)})
		if m.ApplicationProperties["statusCode"] != int32(200) {
			t.Errorf("resubmit to %s: %v", by, m.ApplicationProperties)
		}
		s.transfers(by, 0, 0)
	}
	s.arrives("other", "b", "c", "b", "c")
}

// A crossClient is a wire whose session begins with a coordinator, as clients ask for
// transactions that span entities [SB-AMQP 11].
type crossClient struct {
	*txClient
	handles uint32
}

func (s *server) crossClient() *crossClient {
	s.t.Helper()
	c := &crossClient{&txClient{wire: s.wire(5000), s: s}, 3}
	c.attachCoordinator("coordinator", 2)
	return c
}

// open attaches a link. A refusal is returned.
func (c *crossClient) open(role frames.Role, handle uint32, address string) *frames.Error {
	c.t.Helper()
	c.handles++
	a := &frames.Attach{Name: fmt.Sprint("link ", c.handles), Handle: handle, Role: role, SndSettleMode: frames.SenderUnsettled,
		RcvSettleMode: frames.ReceiverSecond, Source: &frames.Source{Address: frames.Some(address)}, Target: &frames.Target{Address: frames.Some(address)}}
	if role == frames.RoleSender {
		a.InitialDeliveryCount = frames.Some(uint32(0))
	}
	c.send(frames.TypeAMQP, a, nil)
	got := wantFrame[*frames.Attach](c.wire)
	if got.Source != nil && got.Target != nil {
		return nil
	}
	d := wantFrame[*frames.Detach](c.wire)
	c.send(frames.TypeAMQP, &frames.Detach{Handle: handle, Closed: true}, nil)
	return d.Error
}

func (c *crossClient) wantOpen(role frames.Role, handle uint32, address string) {
	c.t.Helper()
	if err := c.open(role, handle, address); err != nil {
		c.t.Fatalf("attach to %s: %v", address, err)
	}
}

func (c *crossClient) wantRefused(err *frames.Error, condition, text string) {
	c.t.Helper()
	if err == nil || string(err.Condition) != condition || !strings.Contains(err.Description, text) {
		c.t.Errorf("attach is answered with %v, want %s %q", err, condition, text)
	}
}

// Receive from one queue and send to others in one transaction: all of it or nothing.
func TestCrossEntityTransaction(t *testing.T) {
	s := newServer(t)
	for _, q := range []string{"q", "other"} {
		s.queue(q, broker.QueueOptions{})
	}
	s.topic("t", broker.TopicOptions{}, "s")
	s.queue("sessions", broker.QueueOptions{RequiresSession: true})
	s.send("q", "a", "b")
	c := s.crossClient()
	c.wantOpen(frames.RoleReceiver, 1, "q")
	a, _ := c.receive()
	b, tag := c.receive()
	c.wantOpen(frames.RoleSender, 0, "other")
	c.wantOpen(frames.RoleSender, 3, "t")
	c.wantOpen(frames.RoleSender, 4, "q")
	c.wantOpen(frames.RoleReceiver, 5, "q/$DeadLetterQueue")
	c.wantRefused(c.open(frames.RoleReceiver, 6, "other"), "amqp:not-allowed", "/other'")
	c.wantRefused(c.open(frames.RoleReceiver, 6, "t/Subscriptions/s"), "amqp:not-allowed", "'q'")
	c.wantRefused(c.open(frames.RoleSender, 6, "nowhere"), "amqp:not-found", "nowhere")

	tx, other := c.declare(), c.declare()
	c.wantIn(c.settleIn(tx, a, frames.Accepted{}), tx, frames.Accepted{})
	for handle, id := range map[uint32]string{0: "to other", 3: "to t", 4: "to q"} {
		c.wantIn(c.deliver(handle, frames.TransactionalState{TxnID: tx}, message(id)), tx, frames.Accepted{})
	}
	c.wantIn(c.settleIn(other, b, frames.Accepted{}), other, frames.Accepted{})
	c.wantIn(c.deliver(0, frames.TransactionalState{TxnID: other}, message("rolled back")), other, frames.Accepted{})
	s.counts("q", 2, 0)
	s.transfers("q", 0, 0)
	c.rollBack(other)
	before := s.commits.Load()
	waiting := s.log.hold()
	c.deliverSettled(2, false, nil, discharge(tx, false))
	<-waiting
	if n := s.commits.Load() - before; n != 0 {
		t.Errorf("%d units are durable before the commit is", n)
	}
	c.wantSilence()
	if got := slices.Concat(s.peeked("other"), s.peeked("t/Subscriptions/s")); len(got) > 0 {
		t.Errorf("before the commit is durable %q are there", got)
	}
	s.log.open()
	if state := c.answer(frames.RoleReceiver, c.next-1); state != (frames.Accepted{}) {
		t.Fatalf("commit is answered with %s", describe(state))
	}
	s.arrives("other", "to other")
	s.arrives("t/Subscriptions/s", "to t")
	s.arrives("q", "b", "to q")
	s.transfers("q", 0, 0)
	if err := c.elsewhere("q", tag); err != nil {
		t.Errorf("completing what was rolled back: %v", err)
	}

	// Without a transaction they go the same way.
	if state := c.deliver(0, nil, message("alone")); state != (frames.Accepted{}) {
		t.Errorf("a send is answered with %s", describe(state))
	}
	s.arrives("other", "to other", "alone")
	s.idleTransactions()
}

// The first link of the session, a sender as well as a receiver, says which entity the
// session is about: of a subscription it is the topic.
func TestCrossEntityFirstLink(t *testing.T) {
	s := newServer(t)
	for _, q := range []string{"q", "other"} {
		s.queue(q, broker.QueueOptions{})
	}
	s.topic("t", broker.TopicOptions{}, "s", "s2")
	first := s.crossClient()
	first.wantOpen(frames.RoleSender, 0, "q")
	first.wantRefused(first.open(frames.RoleReceiver, 1, "other"), "amqp:not-allowed", "'q'")
	first.wantOpen(frames.RoleReceiver, 1, "q")
	first.wantOpen(frames.RoleSender, 3, "other")

	topic := s.crossClient()
	topic.wantOpen(frames.RoleReceiver, 1, "t/Subscriptions/s")
	topic.wantOpen(frames.RoleReceiver, 3, "t/Subscriptions/s2")
	topic.wantOpen(frames.RoleReceiver, 4, "t/$Transfer/$DeadLetterQueue")
	topic.wantRefused(topic.open(frames.RoleReceiver, 5, "q"), "amqp:not-allowed", "'t'")
	topic.wantOpen(frames.RoleSender, 0, "other")
	if state := topic.deliver(0, nil, message("m")); state != (frames.Accepted{}) {
		t.Errorf("a send is answered with %s", describe(state))
	}
	s.arrives("other", "m")
	s.transfers("t", 0, 0)

	// A coordinator that comes after a link to an entity begins no such session.
	none := &crossClient{&txClient{wire: s.wire(5000), s: s}, 3}
	none.wantOpen(frames.RoleReceiver, 1, "q")
	none.attachCoordinator("coordinator", 2)
	none.wantOpen(frames.RoleReceiver, 4, "other")
	none.wantOpen(frames.RoleSender, 0, "other")
	none.wantOpen(frames.RoleSender, 3, "q")
	tx := none.declare()
	none.wantIn(none.deliver(0, frames.TransactionalState{TxnID: tx}, message("x")), tx, frames.Accepted{})
	none.wantRejected(none.deliver(3, frames.TransactionalState{TxnID: tx}, message("y")), "amqp:not-allowed",
		"attempted to span multiple top-level entities")
	none.rollBack(tx)
	s.counts("q", 0, 0)
}
