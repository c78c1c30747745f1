package servicebus_test

import (
	"testing"

	"github.com/Azure/go-amqp"

	"switchyard/amqp/frames"
	"switchyard/broker"
	"switchyard/servicebus"
)

// TestUsage: what clients have is counted, and what a limit refused them; a receiver that
// takes messages and settles none is detached at its bound and loses nothing.
func TestUsage(t *testing.T) {
	shared := servicebus.NewShared(servicebus.Limits{Links: 3, Unsettled: 4})
	s := newServer(t, func(o *servicebus.Options) { o.Shared = shared })
	s.queue("q", broker.QueueOptions{})
	session := s.session()
	sender, err := session.NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names(6) {
		if err := sender.Send(testContext(t), amqp.NewMessage([]byte(name)), nil); err != nil {
			t.Fatal(err)
		}
	}
	r, err := session.NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Credit: -1, SettlementMode: amqp.ReceiverSettleModeSecond.Ptr()})
	if err != nil {
		t.Fatal(err)
	}
	receive := func() (*amqp.Message, error) {
		if err := r.IssueCredit(1); err != nil {
			return nil, err
		}
		return r.Receive(testContext(t), nil)
	}
	var got []*amqp.Message
	for range 4 {
		m, err := receive()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if err := r.AcceptMessage(testContext(t), got[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := receive(); err != nil {
		t.Fatalf("after one was settled: %v", err)
	}
	if u := shared.Usage(); u.Connections != 1 || u.Links != 2 || u.Unsettled != 4 || u.Memory > 10_000 || u.Refused != (servicebus.Refusals{}) {
		t.Errorf("usage %+v, want a connection, two links and four unsettled", u)
	}
	_, err = receive()
	wantCondition(t, err, "amqp:resource-limit-exceeded", "The connection has 4 deliveries that are not settled; at most 4 are allowed (max-unsettled).")

	// The message that could not be sent is there, and what was received stays locked.
	other, err := session.NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Credit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := other.Receive(testContext(t), nil); err != nil || string(m.GetData()) != "m005" || m.Header.DeliveryCount != 0 {
		t.Errorf("the sixth message: %v, %v", m, err)
	}
	if _, err := session.NewReceiver(testContext(t), "q/$DeadLetterQueue", nil); err != nil {
		t.Fatal(err)
	}
	_, err = session.NewReceiver(testContext(t), "q/$DeadLetterQueue", nil)
	wantCondition(t, err, "amqp:resource-limit-exceeded", "a connection may have 3 links")
	if u := shared.Usage(); u.Refused != (servicebus.Refusals{Links: 1, Unsettled: 1}) || u.Links != 3 || u.Unsettled != 1 {
		t.Errorf("usage %+v, want a link and a receiver refused", u)
	}
	if err := session.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if u := shared.Usage(); u.Links != 0 || u.Unsettled != 0 {
		t.Errorf("usage after the session ended: %+v", u)
	}
}

// TestMessageAboveTheReceiversMax: a receiver that announces less gets the message all the
// same. Python's announces 1 MiB, without being asked and whatever the queue takes
// [SB-AMQP 3.4].
func TestMessageAboveTheReceiversMax(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "0123456789")
	w := s.wire(5000)
	w.send(frames.TypeAMQP, &frames.Attach{Name: "r", Handle: 1, Role: frames.RoleReceiver, MaxMessageSize: 5,
		Source: &frames.Source{Address: frames.Some("q")}, Target: &frames.Target{Address: frames.Some("q")}}, nil)
	wantFrame[*frames.Attach](w)
	w.credit(1, 0)
	wantFrame[*frames.Transfer](w)
}
