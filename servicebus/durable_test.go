package servicebus_test

import (
	"crypto/rand"
	"runtime"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/commit"
	"switchyard/servicebus"
)

// sendsWhileHeld holds the log up and sends two messages to queue q on one connection, which
// has taken both: the sync of the second begins when the first has ended. What each send
// ends with comes on the channel, once the log is opened.
func (s *server) sendsWhileHeld() <-chan error {
	s.t.Helper()
	session := s.session()
	sender, err := session.NewSender(testContext(s.t), "q", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	waiting := s.log.hold()
	before := s.log.submitted.Load()
	sent := make(chan error, 2)
	send := func() { sent <- sender.Send(testContext(s.t), amqp.NewMessage([]byte("x")), nil) }
	go send()
	<-waiting
	go send()
	if _, err := session.NewSender(testContext(s.t), "q", &amqp.SenderOptions{Name: "another"}); err != nil {
		s.t.Errorf("an attach beside a sync: %v", err)
	}
	s.eventually(func() bool { return s.log.submitted.Load()-before >= 2 })
	return sent
}

// TestConnectionGoesOnWhileItSyncs: while the log is busy with what came on one link, the
// connection takes what comes on others; what has to be durable is answered when it is.
func TestConnectionGoesOnWhileItSyncs(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	before := s.commits.Load()
	sent := s.sendsWhileHeld()
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

// TestStopAnswersFirst: at a stop a client is told of what it sent before it is told that the
// connection ends, or else it would send again what has become durable.
func TestStopAnswersFirst(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	sent := s.sendsWhileHeld()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.restart()
	}()
	answered := 0
	select {
	case err := <-sent:
		answered++
		t.Errorf("a send ended (%v) before its sync", err)
	case <-time.After(200 * time.Millisecond): // the loops know of the stop
	}
	s.log.open()
	for ; answered < 2; answered++ {
		if err := <-sent; err != nil {
			t.Errorf("send: %v", err)
		}
	}
	<-stopped
	s.counts("q", 2, 0)
}

// A closedLog is closed before anything is durable.
type closedLog struct{ *brokertest.Store }

func (closedLog) Wait(*commit.Unit) error {
	runtime.Goexit()
	return nil
}

// TestClosedLogAnswersNothing: what was submitted to a log that is closed before it is durable
// may be lost, so nobody is told that it is done.
func TestClosedLogAnswersNothing(t *testing.T) {
	store := brokertest.NewStore()
	b, err := broker.New(broker.Options{Store: store, Log: closedLog{store}, Clock: newClock(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if answers, rooms := servicebus.SettleClosed(b); answers != 0 || rooms != 1 {
		t.Errorf("%d answers and %d rooms given back, want 0 and 1", answers, rooms)
	}
}
