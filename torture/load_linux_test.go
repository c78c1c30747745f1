package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// A load is everything that Switchyard does, all at once and without end, against a
// server that may be killed and started again: messages through a queue and a topic,
// in sessions, in transactions, scheduled, deferred, sent again; tickets that start runs,
// runs that are created, cancelled and listed, resources that come and go, connections
// that open, idle and vanish. It keeps account of what was acknowledged.
type load struct {
	t       *testing.T
	ctx     context.Context
	tickets []ticket
	wg      sync.WaitGroup

	mu      sync.Mutex
	server  *server       // guarded by mu
	changed chan struct{} // closed when server changes; guarded by mu
	next    int           // number of the next message; guarded by mu

	beside  *account // messages of the queue
	copies  *account // messages of the subscription
	answers *account // tickets and what comes out for them
	parts   []part

	runs, resources, connections, refused atomic.Int64
}

// A part of the load is one kind of messages, in a queue of its own, with its account.
type part interface {
	// queues are those that it works on, in the order in which they are made.
	queues() []partQueue
	// senders send, and takers take what is there. Each runs again and again.
	senders() []worker
	takers() []worker
	// missing names what was accepted and has not come out, check is called when nothing
	// is missing any more, or should not be.
	missing() []string
	check(t *testing.T)
	String() string
}

// A partQueue is a queue of a part and what it is made with.
type partQueue struct{ name, properties string }

// A worker does a part of the load until something fails or for a while.
type worker func(l *load, s *server) error

// A queuePart is what parts have that keep one account.
type queuePart struct {
	*account
	name, properties string
}

func (p *queuePart) queues() []partQueue { return []partQueue{{p.name, p.properties}} }

func (p *queuePart) check(t *testing.T) { p.account.check(t, p.name) }

// An account says of messages what their sender and their receivers were told.
type account struct {
	mu       sync.Mutex
	accepted map[string]bool           // guarded by mu
	seen     map[string]map[int64]bool // sequence numbers under which a message came; guarded by mu
	done     map[string]bool           // a completion was acknowledged; guarded by mu
	wrong    []string                  // guarded by mu
}

func newAccount() *account {
	return &account{accepted: map[string]bool{}, seen: map[string]map[int64]bool{}, done: map[string]bool{}}
}

func (a *account) accept(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accepted[id] = true
}

// came notes a delivery: after an acknowledged completion there must be none.
func (a *account) came(id string, sequence int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done[id] {
		a.wrong = append(a.wrong, fmt.Sprintf("%s came again after its completion was acknowledged", id))
	}
	if a.seen[id] == nil {
		a.seen[id] = map[int64]bool{}
	}
	if a.seen[id][sequence] = true; len(a.seen[id]) > 1 {
		a.wrong = append(a.wrong, fmt.Sprintf("%s came out as %d messages", id, len(a.seen[id])))
	}
}

func (a *account) complete(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done[id] = true
}

// violates notes what may not happen.
func (a *account) violates(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, what)
}

// firstOf are the first ten.
func firstOf(texts []string) []string { return texts[:min(len(texts), 10)] }

// missing returns what was accepted and has not come.
func (a *account) missing() (ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.accepted {
		if len(a.seen[id]) == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (a *account) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("%d accepted, %d came out, %d completed", len(a.accepted), len(a.seen), len(a.done))
}

// check fails the test for what is missing or wrong.
func (a *account) check(t *testing.T, what string) {
	t.Helper()
	if ids := a.missing(); len(ids) > 0 {
		t.Errorf("%s: %d accepted messages are lost: %q", what, len(ids), firstOf(ids))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.wrong) > 0 {
		t.Errorf("%s: %d violations: %q", what, len(a.wrong), firstOf(a.wrong))
	}
	if len(a.accepted) == 0 {
		t.Errorf("%s: nothing was accepted", what)
	}
}

// loadArguments start the program for a load.
var loadArguments = []string{"../examples/ticket-triage", "--log-level", "warn"}

// equip makes what the load works on, beside the example that the program was started with.
func equip(s *server) {
	s.t.Helper()
	s.prepare()
	bus := s.id(attackNamespace)
	s.must("PUT", bus+"/queues/beside"+busVersion, `{"properties":{"lockDuration":"PT5S","maxDeliveryCount":1000}}`)
	s.must("PUT", bus+"/topics/news"+busVersion, `{"properties":{}}`)
	s.must("PUT", bus+"/topics/news/subscriptions/all"+busVersion, `{"properties":{"lockDuration":"PT5S","maxDeliveryCount":1000}}`)
	s.must("PUT", bus+"/topics/news/subscriptions/none"+busVersion, `{"properties":{}}`)
	s.must("PUT", bus+"/topics/news/subscriptions/none/rules/$Default"+busVersion, `{"properties":{"filterType":"SqlFilter","sqlFilter":{"sqlExpression":"kind = 'none'"}}}`)
	for _, p := range parts() {
		for _, q := range p.queues() {
			s.must("PUT", bus+"/queues/"+q.name+busVersion, `{"properties":`+q.properties+`}`)
		}
	}
	s.pipeline("work", `{"parameters":{"n":{"type":"int","defaultValue":20}},"activities":[
		{"name":"each","type":"ForEach","typeProperties":{"items":{"value":"@range(0,pipeline().parameters.n)","type":"Expression"},"batchCount":10,"activities":[
			{"name":"set","type":"Filter","typeProperties":{"items":{"value":"@range(0,50)","type":"Expression"},"condition":{"value":"@equals(mod(item(),2),0)","type":"Expression"}}}]}},
		{"name":"wait","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}`)
}

// parts are all of them, new.
func parts() []part {
	return []part{newSessionsPart(), newLedgerPart(), newScheduledPart(), newRepeatedPart(), newDeferredPart(), newForwardedPart()}
}

func newLoad(t *testing.T, ctx context.Context, s *server) *load {
	return &load{t: t, ctx: ctx, tickets: tickets(t), server: s, changed: make(chan struct{}),
		beside: newAccount(), copies: newAccount(), answers: newAccount(), parts: parts()}
}

// start starts the load; it ends with its context, and wait waits for that.
func (l *load) start() {
	for range 3 {
		l.work(l.sendMessages)
		l.work(func(s *server) error { return l.receive(s, l.beside, "attack-namespace", "beside", "") })
	}
	l.work(l.sendNews)
	l.work(func(s *server) error { return l.receive(s, l.copies, "attack-namespace", "news", "all") })
	l.work(l.sendTickets)
	l.work(func(s *server) error { return l.receive(s, l.answers, "", "triaged", "") })
	l.work(func(s *server) error { return l.receive(s, l.answers, "", "tickets/$DeadLetterQueue", "") })
	l.work(l.createRuns)
	l.work(l.changeResources)
	l.work(l.comeAndGo)
	for _, p := range l.parts {
		for _, w := range append(p.senders(), p.takers()...) {
			l.work(func(s *server) error { return w(l, s) })
		}
	}
}

// work runs a worker again and again, each time with the server that there is now.
func (l *load) work(f func(*server) error) {
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		for l.ctx.Err() == nil {
			l.mu.Lock()
			s, changed := l.server, l.changed
			l.mu.Unlock()
			if s != nil && f(s) == nil {
				continue
			}
			select { // it was killed, or has refused
			case <-changed:
			case <-time.After(200 * time.Millisecond):
			case <-l.ctx.Done():
			}
		}
	}()
}

// replace tells the workers of another server; nil: there is none now.
func (l *load) replace(s *server) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = s
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *load) number() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return l.next
}

// connection is that of a namespace of the server; "" is the example's.
func (s *server) connection(namespace string) string {
	for _, n := range s.Namespaces {
		if n.Name == namespace || namespace == "" && n.Name != "attack-namespace" {
			return n.ConnectionString
		}
	}
	return ""
}

func open(cs string) (*azservicebus.Client, error) {
	return azservicebus.NewClientFromConnectionString(cs, &azservicebus.ClientOptions{RetryOptions: azservicebus.RetryOptions{MaxRetries: -1}})
}

// sender is one on a connection of its own, which done closes.
func (s *server) sender(namespace, entity string) (sender *azservicebus.Sender, done func(), err error) {
	c, err := open(s.connection(namespace))
	if err != nil {
		return nil, nil, err
	}
	done = func() { c.Close(context.Background()) }
	if sender, err = c.NewSender(entity, nil); err != nil {
		done()
	}
	return sender, done, err
}

// send sends one message.
func (l *load) send(sender *azservicebus.Sender, m *azservicebus.Message) error {
	ctx, cancel := context.WithTimeout(l.ctx, 20*time.Second)
	defer cancel()
	return sender.SendMessage(ctx, m, nil)
}

// each calls f with every message of up to fifty times n, which may not come.
func (l *load) each(r *azservicebus.Receiver, n int, f func(*azservicebus.ReceivedMessage) error) error {
	for range 50 {
		ctx, cancel := context.WithTimeout(l.ctx, 3*time.Second)
		messages, err := r.ReceiveMessages(ctx, n, nil)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := f(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// A settler completes messages, with a session or without.
type settler interface {
	CompleteMessage(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error
}

// completed completes a message, also when the load is over, and calls done when that is
// acknowledged.
func completed(r settler, m *azservicebus.ReceivedMessage, done func(id string)) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.CompleteMessage(ctx, m, nil); err != nil {
		return err
	}
	done(m.MessageID)
	return nil
}

// sending sends up to n messages, with a pause after each that bounds the load.
func (l *load) sending(s *server, a *account, namespace, entity string, n int, pause time.Duration, make func(id string) *azservicebus.Message) error {
	sender, done, err := s.sender(namespace, entity)
	if err != nil {
		return err
	}
	defer done()
	for range n {
		id := fmt.Sprintf("%s-%08d", entity, l.number())
		m := make(id)
		m.MessageID = &id
		if err := l.send(sender, m); err != nil {
			return err
		}
		a.accept(id)
		if sleep(l.ctx, pause) != nil {
			return nil
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *load) sendMessages(s *server) error {
	return l.sending(s, l.beside, "attack-namespace", "beside", 200, 10*time.Millisecond, func(string) *azservicebus.Message {
		size := 100 + rand.IntN(2000)
		if rand.IntN(20) == 0 {
			size = 40<<10 + rand.IntN(60<<10) // goes to the value log
		}
		return &azservicebus.Message{Body: []byte(strings.Repeat("m", size))}
	})
}

func (l *load) sendNews(s *server) error {
	return l.sending(s, l.copies, "attack-namespace", "news", 100, 20*time.Millisecond, func(string) *azservicebus.Message {
		return &azservicebus.Message{Body: []byte("news"), ApplicationProperties: map[string]any{"kind": "some"}}
	})
}

func (l *load) sendTickets(s *server) error {
	return l.sending(s, l.answers, "", "tickets", 100, 100*time.Millisecond, func(string) *azservicebus.Message {
		x := l.tickets[rand.IntN(len(l.tickets))]
		m := &azservicebus.Message{Body: []byte{}}
		if x.ContentType != "" {
			m.ContentType = &x.ContentType
		}
		if x.Body != nil {
			m.Body = []byte(*x.Body)
		}
		return m
	})
}

// receive takes and completes messages until something fails.
func (l *load) receive(s *server, a *account, namespace, entity, subscription string) error {
	c, err := open(s.connection(namespace))
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	var r *azservicebus.Receiver
	queue, dead := strings.CutSuffix(entity, "/$DeadLetterQueue")
	switch {
	case subscription != "":
		r, err = c.NewReceiverForSubscription(entity, subscription, nil)
	case dead:
		r, err = c.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
	default:
		r, err = c.NewReceiverForQueue(entity, nil)
	}
	if err != nil {
		return err
	}
	return l.each(r, 20, func(m *azservicebus.ReceivedMessage) error {
		id := m.MessageID
		if a == l.answers && !dead && m.CorrelationID != nil {
			id = *m.CorrelationID
		}
		sequence := *m.SequenceNumber
		if dead {
			sequence = -sequence // of another queue
		}
		a.came(id, sequence)
		return completed(r, m, func(string) { a.complete(id) })
	})
}

// receiveAll takes and completes messages of a queue of the attacked namespace until
// something fails.
func (l *load) receiveAll(s *server, queue string, came func(id string, sequence int64), done func(id string)) error {
	c, err := open(s.connection("attack-namespace"))
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	r, err := c.NewReceiverForQueue(queue, nil)
	if err != nil {
		return err
	}
	return l.each(r, 20, func(m *azservicebus.ReceivedMessage) error {
		came(m.MessageID, *m.SequenceNumber)
		return completed(r, m, done)
	})
}

// createRuns starts runs, cancels some, and lists them.
func (l *load) createRuns(s *server) error {
	factory := s.id(attackFactory)
	status, answer := s.call(20*time.Second, "POST", factory+"/pipelines/work/createRun"+factoryVersion, `{"n":30}`)
	if status != http.StatusOK {
		return fmt.Errorf("%d %s", status, answer)
	}
	l.runs.Add(1)
	if id := strings.Split(answer, `"`); len(id) > 3 && rand.IntN(4) == 0 {
		s.call(20*time.Second, "POST", factory+"/pipelineruns/"+id[3]+"/cancel"+factoryVersion, "")
	}
	now := time.Now().UTC()
	window := fmt.Sprintf(`{"lastUpdatedAfter":%q,"lastUpdatedBefore":%q}`, now.Add(-time.Minute).Format(time.RFC3339), now.Add(time.Minute).Format(time.RFC3339))
	if status, answer = s.call(20*time.Second, "POST", factory+"/queryPipelineRuns"+factoryVersion, window); status != http.StatusOK {
		return fmt.Errorf("%d %s", status, answer)
	}
	return sleep(l.ctx, 200*time.Millisecond)
}

// changeResources makes, changes and deletes a queue and a pipeline.
func (l *load) changeResources(s *server) error {
	n := l.number()
	queue := fmt.Sprintf("%s/queues/q%d%s", s.id(attackNamespace), n, busVersion)
	pipeline := fmt.Sprintf("%s/pipelines/p%d%s", s.id(attackFactory), n, factoryVersion)
	for _, x := range []struct{ method, path, body string }{
		{"PUT", queue, `{"properties":{}}`},
		{"PUT", queue, `{"properties":{"maxDeliveryCount":5}}`},
		{"PUT", pipeline, `{"properties":{"activities":[{"name":"w","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}}`},
		{"GET", s.id(attackNamespace) + "/queues" + busVersion, ""},
		{"DELETE", queue, ""},
		{"DELETE", pipeline, ""},
	} {
		if status, answer := s.call(20*time.Second, x.method, x.path, x.body); status < 200 || status > 299 {
			l.refused.Add(1)
			return fmt.Errorf("%s %s: %d %s", x.method, x.path, status, answer)
		}
		l.resources.Add(1)
	}
	return sleep(l.ctx, 300*time.Millisecond)
}

// comeAndGo opens connections of each kind and leaves them in each way.
func (l *load) comeAndGo(s *server) error {
	for range 3 { // silent ones, closed a little later
		c, err := net.DialTimeout("tcp", s.AMQP, 5*time.Second)
		if err != nil {
			return err
		}
		l.connections.Add(1)
		if rand.IntN(2) == 0 {
			io.WriteString(c, "AMQP\x03\x01\x00\x00")
		}
		time.AfterFunc(time.Duration(rand.IntN(3000))*time.Millisecond, func() { c.Close() })
	}
	c, err := open(s.connection("attack-namespace"))
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	r, err := c.NewReceiverForQueue("beside", nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
	defer cancel()
	if _, err := r.PeekMessages(ctx, 5, nil); err != nil {
		return err
	}
	l.connections.Add(1)
	return sleep(l.ctx, 200*time.Millisecond)
}

// settle waits, with no more being sent, until everything accepted has come out. The
// server must be up.
func (l *load) settle(s *server, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	rest := &load{t: l.t, ctx: ctx, server: s, changed: make(chan struct{}), beside: l.beside, copies: l.copies, answers: l.answers, parts: l.parts}
	rest.work(func(s *server) error { return rest.receive(s, l.beside, "attack-namespace", "beside", "") })
	rest.work(func(s *server) error { return rest.receive(s, l.copies, "attack-namespace", "news", "all") })
	rest.work(func(s *server) error { return rest.receive(s, l.answers, "", "triaged", "") })
	rest.work(func(s *server) error { return rest.receive(s, l.answers, "", "tickets/$DeadLetterQueue", "") })
	for _, p := range l.parts {
		for _, w := range p.takers() {
			rest.work(func(s *server) error { return w(rest, s) })
		}
	}
	for ctx.Err() == nil && rest.unfinished(s) {
		time.Sleep(200 * time.Millisecond)
	}
	sleep(ctx, 3*time.Second) // what comes twice comes now
	cancel()
	rest.wg.Wait()
	l.beside.check(l.t, "queue")
	l.copies.check(l.t, "subscription")
	l.answers.check(l.t, "tickets")
	for _, p := range l.parts {
		p.check(l.t)
		for _, q := range p.queues() {
			if c := s.counts(q.name); c.MessageCount != 0 {
				l.t.Errorf("%s: messages are left when all have come out: %+v", q.name, c)
			}
		}
	}
}

// unfinished reports whether something that was accepted has not come out yet, or is
// still there.
func (l *load) unfinished(s *server) bool {
	n := len(l.beside.missing()) + len(l.copies.missing()) + len(l.answers.missing())
	for _, p := range l.parts {
		n += len(p.missing())
		for _, q := range p.queues() {
			n += int(s.messages(q.name))
		}
	}
	return n > 0
}

func (l *load) String() string {
	text := fmt.Sprintf("queue: %s; subscription: %s; tickets: %s; %d runs, %d changes of resources (%d failed), %d connections",
		l.beside, l.copies, l.answers, l.runs.Load(), l.resources.Load(), l.refused.Load(), l.connections.Load())
	for _, p := range l.parts {
		text += fmt.Sprintf("; %s: %s", p.queues()[0].name, p)
	}
	return text
}
