package servicebus_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/servicebus"
)

const namespace = "testns"

// A server is a broker behind a loopback port, with one namespace whose root
// rule has the development key.
type server struct {
	t         testing.TB
	broker    *broker.Broker
	authority *auth.Authority
	clock     *testClock
	handler   *servicebus.Handler
	log       *gate
	commits   atomic.Int64 // units with records that became durable
	addr      string
	options   []func(*servicebus.Options)
	stop      func() // ends the broker, the port and all connections
}

// A gate is a log whose syncs can be held up.
type gate struct {
	*brokertest.Store
	submitted atomic.Int64

	mu      sync.Mutex
	waiting chan struct{} // not nil: syncs signal here and wait for open
	relaxed bool          // those of units that need no disk do not wait
	opened  chan struct{}
	syncs   int       // under way, or waiting for open
	synced  sync.Cond // of mu: syncs is less
}

func (g *gate) Submit(u *commit.Unit) {
	g.Store.Submit(u)
	g.submitted.Add(1)
}

// hold makes syncs wait from now on. The channel tells when one does. None is under way then:
// it would make durable what is submitted next, too.
func (g *gate) hold() (waiting <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.syncs > 0 {
		g.synced.Wait()
	}
	g.waiting, g.opened = make(chan struct{}, 100), make(chan struct{})
	return g.waiting
}

// holdDisk is hold for units that need the disk.
func (g *gate) holdDisk() {
	g.hold()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.relaxed = true
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.opened)
	g.waiting, g.relaxed = nil, false
}

func (g *gate) Sync(u *commit.Unit) {
	g.mu.Lock()
	waiting, opened := g.waiting, g.opened
	if g.relaxed && u.Relaxed() {
		waiting = nil
	}
	g.syncs++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.syncs--
		g.synced.Broadcast()
	}()
	if waiting != nil {
		waiting <- struct{}{}
		<-opened
	}
	g.Store.Sync(u)
}

func (g *gate) Wait(u *commit.Unit) error {
	g.Sync(u)
	return nil
}

func newServer(t testing.TB, configure ...func(*servicebus.Options)) *server {
	t.Helper()
	s := &server{t: t, authority: new(auth.Authority), clock: newClock(), addr: "127.0.0.1:0", options: configure}
	s.log = &gate{Store: brokertest.NewStore()}
	s.log.synced.L = &s.log.mu
	s.log.Committed = func(u *commit.Unit) {
		if len(u.Ops()) > 0 {
			s.commits.Add(1)
		}
	}
	s.start()
	if err := s.broker.PutNamespace(context.Background(), namespace, broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	s.rule("", auth.DefaultRuleName, auth.DevelopmentKey, auth.Send|auth.Listen|auth.Manage)
	t.Cleanup(func() { s.stop() })
	return s
}

// restart ends all connections and serves what is in the store anew, on the same port.
func (s *server) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// start serves what is in the store.
func (s *server) start() {
	s.t.Helper()
	t := s.t
	var err error
	s.broker, err = broker.New(broker.Options{Store: s.log.Store, Log: s.log, Clock: s.clock, Rand: rand.Reader,
		Encoding: servicebus.StoredEncoding})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.broker.Start(ctx)
	o := servicebus.Options{
		Broker: s.broker, Auth: s.authority, Clock: s.clock,
		Namespace: func(string) (string, bool) { return namespace, true },
	}
	for _, f := range s.options {
		f(&o)
	}
	h := servicebus.NewHandler(o)
	s.handler = h
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	var running sync.WaitGroup
	running.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				_ = h.Serve(ctx, nc, amqpnet.Options{AMQP: amqp.Options{ContainerID: "test"}, Clock: clock.Wall{}, CloseTimeout: time.Second})
			})
		}
	})
	stopped := s.broker
	s.stop = func() {
		ln.Close()
		cancel()
		running.Wait()
		stopped.Close()
		s.log.Flush()
	}
}

func (s *server) rule(queue, name, key string, rights auth.Rights) {
	s.t.Helper()
	if _, err := s.authority.PutRule(namespace, queue, auth.AuthorizationRule{Name: name, PrimaryKey: key, Rights: rights}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) queue(path string, o broker.QueueOptions) {
	s.t.Helper()
	if _, err := s.broker.PutQueue(context.Background(), namespace, path, o); err != nil {
		s.t.Fatal(err)
	}
}

// topic creates a topic with subscriptions that get everything.
func (s *server) topic(path string, o broker.TopicOptions, subscriptions ...string) {
	s.t.Helper()
	if _, err := s.broker.PutTopic(context.Background(), namespace, path, o); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range subscriptions {
		s.subscription(path, name, broker.SubscriptionOptions{})
	}
}

func (s *server) subscription(topic, name string, o broker.SubscriptionOptions, first ...broker.DefaultRule) {
	s.t.Helper()
	if _, err := s.broker.PutSubscription(context.Background(), namespace, topic, name, o, first...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) connectionString(name, key string) string {
	return auth.ConnectionString{Endpoint: s.addr, KeyName: name, Key: key, Emulator: true}.Format()
}

// client connects with the root rule, or with the name and key given.
func (s *server) client(nameAndKey ...string) *azservicebus.Client {
	s.t.Helper()
	name, key := auth.DefaultRuleName, auth.DevelopmentKey
	if len(nameAndKey) == 2 {
		name, key = nameAndKey[0], nameAndKey[1]
	}
	c, err := azservicebus.NewClientFromConnectionString(s.connectionString(name, key), &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: 2, RetryDelay: 10 * time.Millisecond},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close(testContext(s.t)) })
	return c
}

func (s *server) sender(c *azservicebus.Client, queue string) *azservicebus.Sender {
	s.t.Helper()
	sender, err := c.NewSender(queue, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return sender
}

func (s *server) receiver(c *azservicebus.Client, queue string, o *azservicebus.ReceiverOptions) *azservicebus.Receiver {
	s.t.Helper()
	r, err := c.NewReceiverForQueue(queue, o)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// send sends messages with the texts as bodies, one by one.
func (s *server) send(queue string, texts ...string) {
	s.t.Helper()
	sender := s.sender(s.client(), queue)
	for _, text := range texts {
		if err := sender.SendMessage(testContext(s.t), &azservicebus.Message{Body: []byte(text), MessageID: &text}, nil); err != nil {
			s.t.Fatalf("send %q: %v", text, err)
		}
	}
}

// receive receives exactly n messages.
func receive(t *testing.T, r *azservicebus.Receiver, n int) []*azservicebus.ReceivedMessage {
	t.Helper()
	var all []*azservicebus.ReceivedMessage
	for len(all) < n {
		msgs, err := r.ReceiveMessages(testContext(t), n-len(all), nil)
		if err != nil {
			t.Fatalf("receive: %v (after %d of %d messages)", err, len(all), n)
		}
		all = append(all, msgs...)
	}
	return all
}

// receiveNone checks that nothing can be received.
func receiveNone(t *testing.T, r *azservicebus.Receiver) {
	t.Helper()
	ctx, cancel := context.WithTimeout(testContext(t), 300*time.Millisecond)
	defer cancel()
	msgs, err := r.ReceiveMessages(ctx, 1, nil)
	if !errors.Is(err, context.DeadlineExceeded) || len(msgs) != 0 {
		t.Fatalf("receive = %d messages, %v, want none", len(msgs), err)
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func wantCode(t *testing.T, err error, want azservicebus.Code) {
	t.Helper()
	var sbErr *azservicebus.Error
	if !errors.As(err, &sbErr) || sbErr.Code != want {
		t.Errorf("error = %v, want code %q", err, want)
	}
}

// recordLocks has the store know of every lock: a peek shows them.
func (s *server) recordLocks(queue string) {
	s.t.Helper()
	q, err := s.broker.Queue(namespace, queue)
	if err == nil {
		_, err = q.Peek(1, 1)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// counts checks how many messages the queue has.
func (s *server) counts(queue string, active, deadLetter int64) {
	s.t.Helper()
	infos, err := s.broker.Queues(namespace)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, info := range infos {
		if info.Path != queue {
			continue
		}
		if c := info.Counts; c.Active != active || c.DeadLetter != deadLetter {
			s.t.Errorf("queue %q has %d active and %d dead-letter messages, want %d and %d", queue, c.Active, c.DeadLetter, active, deadLetter)
		}
		return
	}
	s.t.Errorf("no queue %q", queue)
}

func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("m%03d", i)
	}
	return all
}

// A testClock runs with the real one and can be moved ahead.
type testClock struct {
	mu     sync.Mutex
	ahead  time.Duration
	timers map[*timer]bool
}

type timer struct {
	clock *testClock
	c     chan time.Time
	at    time.Time
	real  *time.Timer
}

func newClock() *testClock { return &testClock{timers: map[*timer]bool{}} }

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *testClock) now() time.Time { return time.Now().Add(c.ahead) }

// advance moves the time and fires what is due.
func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	for t := range c.timers {
		t.real.Reset(t.at.Sub(c.now()))
	}
}

func (c *testClock) NewTimer(d time.Duration) clock.Timer {
	t := &timer{clock: c, c: make(chan time.Time, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.at = c.now().Add(d)
	t.real = time.AfterFunc(d, func() {
		select {
		case t.c <- c.Now():
		default:
		}
	})
	c.timers[t] = true
	return t
}

func (t *timer) C() <-chan time.Time { return t.c }

func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	delete(t.clock.timers, t)
	return t.real.Stop()
}

func (t *timer) Reset(d time.Duration) bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.at = t.clock.now().Add(d)
	t.clock.timers[t] = true
	return t.real.Reset(d)
}
