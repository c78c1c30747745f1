package servicebus_test

import (
	"testing"

	"github.com/Azure/go-amqp"

	"switchyard/broker"
)

// TestConnectionGoesOnWhileItSyncs: while the log is busy with what came on one link, the
// connection takes what comes on others; what has to be durable is answered when it is.
func TestConnectionGoesOnWhileItSyncs(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	session := s.session()
	sender, err := session.NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	before := s.commits.Load()
	waiting := s.log.hold()
	sent := make(chan error, 2)
	send := func() { sent <- sender.Send(testContext(t), amqp.NewMessage([]byte("x")), nil) }
	go send()
	<-waiting
	go send()
	if _, err := session.NewSender(testContext(t), "q", &amqp.SenderOptions{Name: "another"}); err != nil {
		t.Errorf("an attach beside a sync: %v", err)
	}
	select {
	case err := <-sent:
		t.Errorf("a send was answered (%v) before it was durable", err)
	default:
	}
	if got := s.commits.Load() - before; got != 0 {
		t.Errorf("%d units are durable while the log is held up", got)
	}
	s.log.open()
	for range 2 {
		if err := <-sent; err != nil {
			t.Errorf("send: %v", err)
		}
	}
}
