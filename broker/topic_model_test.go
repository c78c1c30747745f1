package broker_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"switchyard/broker"
	"switchyard/broker/brokertest"
	"switchyard/broker/filter"
	"switchyard/clock"
	"switchyard/commit"
)

// TestTopicModel drives a topic with random operations against a naive model:
// what each subscription holds, by rules that are plain functions.
func TestTopicModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &topicMachine{store: brokertest.NewStore(), subscriptions: map[string]*modelSubscription{}, known: map[string]bool{}}
		m.open(t)
		defer func() { m.b.Close() }()
		if err := m.b.PutNamespace(context.Background(), "ns", broker.NamespaceOptions{}); err != nil {
			t.Fatal(err)
		}
		m.detect = rapid.Bool().Draw(t, "duplicate detection")
		if _, err := m.b.PutTopic(context.Background(), "ns", "t", broker.TopicOptions{RequiresDuplicateDetection: m.detect}); err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"putSubscription": m.putSubscription, "deleteSubscription": m.deleteSubscription,
			"putRule": m.putRule, "deleteRule": m.deleteRule,
			"send": m.send, "sendInEffect": m.sendInEffect, "receive": m.receive, "restart": func(t *rapid.T) { m.b.Close(); m.open(t) },
			"": m.compare,
		})
	})
}

// A modelRule is a rule with what it means, for a message whose property a is
// the number: 0 stands for a message without it.
type modelRule struct {
	name  string
	o     broker.RuleOptions
	match func(a int) (bool, error)
	added string // what its action adds
}

type modelSubscription struct {
	deadLetter bool
	rules      []modelRule
	next       int64
	messages   map[int64]string // what Peek would show
	dead       map[int64]string
}

type topicMachine struct {
	store         *brokertest.Store
	b             *broker.Broker
	subscriptions map[string]*modelSubscription
	sent          int
	detect        bool            // a repeated id is dropped
	known         map[string]bool // ids that were sent
}

func (m *topicMachine) open(t *rapid.T) {
	var err error
	if m.b, err = broker.New(broker.Options{Store: m.store, Log: m.store, Clock: clock.Wall{}, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
}

var errFilter = fmt.Errorf("division by zero")

func drawRule(t *rapid.T, name string) modelRule {
	n := rapid.IntRange(1, 3).Draw(t, "n")
	r := modelRule{name: name}
	yes := func(is bool) (bool, error) { return is, nil }
	switch rapid.IntRange(0, 6).Draw(t, "filter") {
	case 0:
		r.match = func(int) (bool, error) { return yes(true) }
	case 1:
		r.o.Filter = filter.Filter{Type: filter.FalseType}
		r.match = func(int) (bool, error) { return yes(false) }
	case 2:
		r.o.Filter.Expression = fmt.Sprint("a = ", n)
		r.match = func(a int) (bool, error) { return yes(a == n) }
	case 3:
		r.o.Filter.Expression = fmt.Sprintf("NOT a <= %d", n)
		r.match = func(a int) (bool, error) { return yes(a > n) }
	case 4:
		r.o.Filter.Expression = "a IS NULL"
		r.match = func(a int) (bool, error) { return yes(a == 0) }
	case 5:
		r.o.Filter.Correlation = &filter.Correlation{Properties: filter.Values{"A": int64(n)}}
		r.match = func(a int) (bool, error) { return yes(a == n) }
	case 6:
		r.o.Filter.Expression = fmt.Sprintf("a = %d AND 1 / (a - a) = 1", n)
		r.match = func(a int) (bool, error) {
			if a == n {
				return false, errFilter
			}
			return false, nil
		}
	}
	if rapid.Bool().Draw(t, "action") {
		r.o.Action.Expression = fmt.Sprintf("SET x = %d", n)
		r.added = fmt.Sprintf("x=%d,RuleName=%s", n, name)
	}
	return r
}

var subscriptionNames = []string{"one", "two", "three"}

func (m *topicMachine) subscription(t *rapid.T) (string, *modelSubscription) {
	name := rapid.SampledFrom(subscriptionNames).Draw(t, "subscription")
	return name, m.subscriptions[name]
}

func (m *topicMachine) putSubscription(t *rapid.T) {
	name, s := m.subscription(t)
	deadLetter := rapid.Bool().Draw(t, "deadLetter")
	o := broker.SubscriptionOptions{DeadLetteringOnFilterEvaluationExceptions: &deadLetter}
	first := drawRule(t, broker.DefaultRuleName)
	created, err := m.b.PutSubscription(context.Background(), "ns", "t", name, o, broker.DefaultRule{RuleOptions: first.o})
	if err != nil || created != (s == nil) {
		t.Fatalf("created %v, error %v", created, err)
	}
	if s == nil {
		s = &modelSubscription{rules: []modelRule{first}, next: 1, messages: map[int64]string{}, dead: map[int64]string{}}
		m.subscriptions[name] = s
	}
	s.deadLetter = deadLetter
}

func (m *topicMachine) deleteSubscription(t *rapid.T) {
	name, s := m.subscription(t)
	if err := commit.Do(context.Background(), m.store, 0, m.b.DeleteSubscriptionEffect("ns", "t", name, false)); (err == nil) != (s != nil) {
		t.Fatalf("delete subscription %s: %v", name, err)
	}
	delete(m.subscriptions, name)
}

func (m *topicMachine) putRule(t *rapid.T) {
	name, s := m.subscription(t)
	r := drawRule(t, rapid.SampledFrom([]string{"r1", "r2", broker.DefaultRuleName}).Draw(t, "rule"))
	_, err := m.b.PutRule(context.Background(), "ns", "t", name, r.name, r.o, broker.CreateOrUpdate)
	if (err == nil) != (s != nil) {
		t.Fatalf("put rule: %v", err)
	}
	if s == nil {
		return
	}
	if i := slices.IndexFunc(s.rules, func(x modelRule) bool { return x.name == r.name }); i >= 0 {
		s.rules[i] = r
	} else {
		s.rules = append(s.rules, r)
	}
}

func (m *topicMachine) deleteRule(t *rapid.T) {
	name, s := m.subscription(t)
	if s == nil || len(s.rules) == 0 {
		t.Skip("no rule")
	}
	i := rapid.IntRange(0, len(s.rules)-1).Draw(t, "rule")
	if err := m.b.DeleteRule(context.Background(), "ns", "t", name, strings.ToUpper(s.rules[i].name)); err != nil {
		t.Fatal(err)
	}
	s.rules = slices.Delete(s.rules, i, i+1)
}

// draw makes messages and adds to the model what the subscriptions get.
func (m *topicMachine) draw(t *rapid.T) []*broker.Message {
	var msgs []*broker.Message
	for range rapid.IntRange(1, 3).Draw(t, "messages") {
		m.sent++
		a := rapid.IntRange(0, 4).Draw(t, "a")
		var properties []string
		if a > 0 {
			properties = append(properties, fmt.Sprint("a=", a))
		}
		n := m.sent
		if rapid.IntRange(0, 3).Draw(t, "repeat") == 0 {
			n = rapid.IntRange(1, m.sent).Draw(t, "repeated")
		}
		msg := brokertest.Compose(fmt.Sprint("m", n), properties, "")
		msgs = append(msgs, msg)
		if m.detect && m.known[msg.MessageID] {
			continue
		}
		m.known[msg.MessageID] = true
		for _, s := range m.subscriptions {
			s.take(a, msg)
		}
	}
	return msgs
}

func (s *modelSubscription) take(a int, msg *broker.Message) {
	show := func(more string) string {
		fields, _ := brokertest.Fields(&msg.Content)
		if more != "" {
			fields = append(fields, more)
		}
		return msg.MessageID + strings.Join(fields, ",")
	}
	plain := false
	var acted []string
	for _, r := range s.rules {
		is, err := r.match(a)
		if err != nil {
			if s.deadLetter {
				s.dead[s.next] = show("")
				s.next++
			}
			return
		}
		switch {
		case is && r.added != "":
			acted = append(acted, r.added)
		case is:
			plain = true
		}
	}
	if plain {
		s.messages[s.next] = show("")
		s.next++
	}
	for _, more := range acted {
		s.messages[s.next] = show(more)
		s.next++
	}
}

func (m *topicMachine) send(t *rapid.T) {
	to, err := m.b.Sender("ns", "T")
	if err != nil {
		t.Fatal(err)
	}
	u, err := to.Send(m.draw(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	m.b.Sync(u)
}

// sendInEffect sends twice in one effect.
func (m *topicMachine) sendInEffect(t *rapid.T) {
	to, err := m.b.Sender("ns", "t")
	if err != nil {
		t.Fatal(err)
	}
	first, second := m.draw(t), m.draw(t)
	e := m.b.Effect(broker.SendOp{Queue: to, Messages: first}, broker.SendOp{Queue: to, Messages: second})
	u := &commit.Unit{}
	release, err := e.Stage(u)
	if err != nil {
		t.Fatal(err)
	}
	m.store.Submit(u)
	release()
	m.b.Sync(u)
}

func (m *topicMachine) receive(t *rapid.T) {
	name, s := m.subscription(t)
	if s == nil {
		t.Skip("no subscription")
	}
	q, err := m.b.Queue("ns", broker.SubscriptionPath("t", name))
	if err != nil {
		t.Fatal(err)
	}
	c, err := q.NewConsumer(broker.ConsumerOptions{Mode: broker.ReceiveAndDelete, Deliver: func(batch []broker.Delivery) {
		for _, d := range batch {
			delete(s.messages, d.SequenceNumber)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.b.Sync(c.AddCredit(rapid.IntRange(1, 3).Draw(t, "credit")))
	m.b.Sync(c.Close())
}

func (m *topicMachine) compare(t *rapid.T) {
	subscriptions, err := m.b.Subscriptions("ns", "t")
	if err != nil || len(subscriptions) != len(m.subscriptions) {
		t.Fatalf("%d subscriptions, error %v; want %d", len(subscriptions), err, len(m.subscriptions))
	}
	for _, info := range subscriptions {
		s := m.subscriptions[info.Name]
		if info.Counts.Active != int64(len(s.messages)) || info.Counts.DeadLetter != int64(len(s.dead)) {
			t.Fatalf("subscription %s counts %+v, want %d and %d", info.Name, info.Counts, len(s.messages), len(s.dead))
		}
		for suffix, want := range map[string]map[int64]string{"": s.messages, "/$DeadLetterQueue": s.dead} {
			q, err := m.b.Queue("ns", info.Path+suffix)
			if err != nil {
				t.Fatal(err)
			}
			msgs, err := q.Peek(1, 250)
			if err != nil {
				t.Fatal(err)
			}
			got := map[int64]string{}
			for _, x := range msgs {
				fields, _ := brokertest.Fields(&x.Content)
				got[x.SequenceNumber] = x.MessageID + strings.Join(fields, ",")
			}
			if len(want) <= 250 && !maps.Equal(got, want) {
				t.Fatalf("subscription %s%s holds %v, want %v", info.Name, suffix, got, want)
			}
		}
	}
}
