package entity_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/broker/filter"
)

// TestTopicCore drives a topic with random operations against a naive model. Sends
// are evaluated some time before they are decided, so that their rules are often
// older than those of the topic, and several are decided together.
func TestTopicCore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &topicMachine{queues: map[entity.EntityID]*topicQueue{}}
		m.now = time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
		m.config = entity.Config{MaxBytes: 60, MaxMessageBytes: 10, Status: description.Active}
		m.topic = entity.NewTopic(m.config, entity.State{})
		m.rules = m.topic.SetSubscriptions(nil)
		t.Repeat(map[string]func(*rapid.T){
			"rules": m.change, "evaluate": m.evaluate, "publish": m.publish, "empty": m.empty, "status": m.status,
			"": m.compare,
		})
	})
}

// matcher matches messages whose id contains its letter, and fails on those that
// contain x.
type matcher string

func (l matcher) Match(c *filter.Context) (bool, error) {
	id, _ := c.Properties.System(filter.MessageID)
	if strings.Contains(id.(string), "x") {
		return false, errors.New("x can't be read")
	}
	return strings.Contains(id.(string), string(l)), nil
}

// topicQueue is a subscription with what the model says it holds.
type topicQueue struct {
	q              *entity.Queue
	next           int64
	messages, dead []string
	rules          []*entity.Rule
	deadLetter     bool
}

type topicMachine struct {
	now     time.Time
	config  entity.Config
	topic   *entity.Topic
	rules   *entity.RuleSet
	queues  map[entity.EntityID]*topicQueue
	last    entity.EntityID
	tokens  byte
	pending []*entity.Publish
	stale   map[*entity.Publish]bool // evaluated by rules that have changed since
	d       entity.TopicDecision
}

func (m *topicMachine) env() entity.Env {
	return entity.Env{Now: m.now, Token: func() entity.LockToken { m.tokens++; return entity.LockToken{m.tokens} }}
}

// ids returns the subscriptions in the order of their numbers.
func (m *topicMachine) ids() []entity.EntityID {
	var ids []entity.EntityID
	for id := range m.queues {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// change adds or takes away a subscription, or changes the rules of one.
func (m *topicMachine) change(t *rapid.T) {
	ids := m.ids()
	if len(ids) == 0 || len(ids) < 3 && rapid.Bool().Draw(t, "new") {
		m.last++
		q := entity.New(entity.Config{LockDuration: time.Minute, DefaultTimeToLive: description.Forever, MaxDeliveryCount: 1}, entity.State{})
		m.queues[m.last] = &topicQueue{q: q, next: 1}
		ids = append(ids, m.last)
	}
	id := rapid.SampledFrom(ids).Draw(t, "subscription")
	if s := m.queues[id]; rapid.IntRange(0, 4).Draw(t, "delete") == 0 {
		delete(m.queues, id)
	} else {
		s.deadLetter = rapid.Bool().Draw(t, "dead-letter")
		s.rules = nil
		action, err := filter.Action{Expression: "SET y = 1"}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		letters := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID)
		for _, letter := range letters.Draw(t, "letters") {
			r := &entity.Rule{Name: letter, Match: matcher(letter)}
			if rapid.IntRange(0, 3).Draw(t, "action") == 0 {
				r.Action = action // which fails: the messages have no encoding
			}
			s.rules = append(s.rules, r)
		}
	}
	var all []entity.Subscription
	for _, id := range m.ids() {
		s := m.queues[id]
		all = append(all, entity.Subscription{ID: id, Queue: s.q, DeadLetterFilterErrors: s.deadLetter,
			Rules: s.rules})
	}
	m.rules = m.topic.SetSubscriptions(all)
	m.stale = map[*entity.Publish]bool{}
	for _, op := range m.pending {
		m.stale[op] = true
	}
}

// evaluate prepares a send by the rules of now, or leaves that to its need.
func (m *topicMachine) evaluate(t *rapid.T) {
	op := &entity.Publish{Keep: true}
	for range rapid.IntRange(0, 3).Draw(t, "messages") {
		id := rapid.SampledFrom([]string{"a", "b", "ab", "abc", "x", "none"}).Draw(t, "id")
		msg := &entity.Message{Content: entity.Content{MessageID: id}}
		msg.Sections = make([]byte, rapid.SampledFrom([]int{1, 10, 10, 11}).Draw(t, "size"))
		op.Messages = append(op.Messages, msg)
	}
	if rapid.Bool().Draw(t, "now") {
		op.FanOut = m.rules.FanOut(m.env(), m.now, op.Messages)
	} else if m.stale == nil {
		m.stale = map[*entity.Publish]bool{op: true}
	} else {
		m.stale[op] = true
	}
	m.pending = append(m.pending, op)
}

// gets returns what a subscription gets of a message: copies and dead letters.
func (s *topicQueue) gets(id string) (copies, dead int) {
	plain := false
	for _, r := range s.rules {
		matches, err := r.Match.Match(&filter.Context{Properties: only(id)})
		switch {
		case err != nil:
			copies, dead, plain = 0, 1, false
			if !s.deadLetter {
				dead = 0
			}
			return copies, dead
		case matches && r.Action == nil:
			plain = true
		case matches && s.deadLetter:
			dead++
		}
	}
	if plain {
		copies = 1
	}
	return copies, dead
}

// only are the properties of a message that has an id and nothing else.
type only string

func (id only) System(filter.SystemProperty) (filter.Value, bool) { return string(id), true }
func (id only) User(string) (filter.Value, bool)                  { return nil, false }

// publish decides up to three sends together.
func (m *topicMachine) publish(t *rapid.T) {
	if len(m.pending) == 0 {
		t.Skip("nothing to send")
	}
	n := rapid.IntRange(1, min(3, len(m.pending))).Draw(t, "sends")
	sends := m.pending[:n]
	m.pending = m.pending[n:]
	ops := make([]entity.TopicOp, n)
	var stale []*entity.Publish
	for i, op := range sends {
		ops[i] = op
		if m.stale[op] {
			stale = append(stale, op)
		}
	}
	want := m.refused(sends)
	need, err := m.topic.Check(m.env(), ops...)
	if err == nil && need == nil {
		need = &entity.Need{}
	}
	if err == nil && !slices.Equal(need.FanOuts, stale) {
		t.Fatalf("%d fan-outs are needed, %d were by older rules", len(need.FanOuts), len(stale))
	}
	if err == nil {
		for _, op := range need.FanOuts {
			op.FanOut = m.rules.FanOut(m.env(), m.now, op.Messages)
		}
		need, err = m.topic.Check(m.env(), ops...)
	}
	is := func(e error) bool { return errors.Is(err, e) }
	if (err == nil) != (len(want) == 0) || err != nil && !slices.ContainsFunc(want, is) || need != nil {
		t.Fatalf("error %v and need %+v, want an error of %v", err, need, want)
	}
	if err == nil {
		m.apply(t, sends, ops)
	}
}

// refused says why the topic may not take the sends: by any of these, and not at
// all if there are none.
func (m *topicMachine) refused(sends []*entity.Publish) (why []error) {
	total := m.bytes()
	if !m.config.Status.CanSend() {
		why = append(why, entity.ErrEntityDisabled)
	}
	for _, op := range sends {
		if len(op.Messages) == 0 {
			why = append(why, entity.ErrInvalidArgument)
		}
		copied := int64(0)
		for _, msg := range op.Messages {
			if len(msg.Sections) > 10 {
				why = append(why, entity.ErrMessageTooLarge)
			}
			for _, s := range m.queues {
				copies, dead := s.gets(msg.MessageID)
				copied += int64((copies + dead) * len(msg.Sections))
			}
		}
		if total >= m.config.MaxBytes {
			why = append(why, entity.ErrQuotaExceeded)
		}
		total += copied
	}
	return why
}

func (m *topicMachine) bytes() (n int64) {
	for _, s := range m.queues {
		for _, x := range slices.Concat(s.messages, s.dead) {
			var size int64
			fmt.Sscanf(x[strings.LastIndex(x, "/")+1:], "%d", &size)
			n += size
		}
	}
	return n
}

// apply applies accepted sends, and what they decide to the subscriptions.
func (m *topicMachine) apply(t *rapid.T, sends []*entity.Publish, ops []entity.TopicOp) {
	for _, op := range sends {
		for _, msg := range op.Messages {
			for _, s := range m.queues {
				copies, dead := s.gets(msg.MessageID)
				show := fmt.Sprintf("%s/%d", msg.MessageID, len(msg.Sections))
				s.messages = append(s.messages, slices.Repeat([]string{show}, copies)...)
				s.dead = append(s.dead, slices.Repeat([]string{show}, dead)...)
				s.next += int64(copies + dead)
			}
		}
	}
	m.d.Reset()
	m.topic.Apply(m.env(), &m.d, ops...)
	if !m.d.Accessed {
		t.Fatal("a send does not count as an access")
	}
	var d entity.Decision
	for _, x := range m.d.Subscriptions {
		q := m.queues[x.Subscription].q
		if need, err := q.Check(m.env(), x.Op); err != nil || need != nil {
			t.Fatalf("subscription %d refuses its copies: error %v, need %+v", x.Subscription, err, need)
		}
		d.Reset()
		q.Apply(m.env(), &d, x.Op)
	}
	for _, op := range sends {
		for _, msg := range op.Messages {
			if !msg.EnqueuedAt.Equal(m.now) {
				t.Fatalf("enqueued at %v, want %v", msg.EnqueuedAt, m.now)
			}
		}
	}
}

// empty receives everything that a subscription holds.
func (m *topicMachine) empty(t *rapid.T) {
	ids := m.ids()
	if len(ids) == 0 {
		t.Skip("no subscription")
	}
	s := m.queues[rapid.SampledFrom(ids).Draw(t, "subscription")]
	for _, sub := range []entity.SubQueue{entity.MainQueue, entity.DeadLetterQueue} {
		want := &s.messages
		if sub == entity.DeadLetterQueue {
			want = &s.dead
		}
		c := &entity.Consumer{Sub: sub, Mode: entity.ReceiveAndDelete}
		var d entity.Decision
		s.q.Apply(m.env(), &d, entity.AddCredit{Consumer: c, N: 100})
		var got []string
		for _, b := range d.Batches {
			for _, x := range b.Deliveries {
				got = append(got, fmt.Sprintf("%s/%d", x.MessageID, len(x.Sections)))
			}
		}
		// A dead letter's content is kept only while somebody receives dead letters:
		// those that came before are read first.
		if sub == entity.MainQueue && !slices.Equal(got, *want) {
			t.Fatalf("sub-queue %d: received %v, want %v", sub, got, *want)
		}
		*want = (*want)[len(got):]
		s.q.Apply(m.env(), &d, entity.CloseConsumer{Consumer: c})
	}
}

func (m *topicMachine) status(t *rapid.T) {
	statuses := []description.Status{description.Active, description.Active, description.SendDisabled}
	m.config.Status = rapid.SampledFrom(statuses).Draw(t, "status")
	m.topic.SetConfig(m.config)
}

func (m *topicMachine) compare(t *rapid.T) {
	if got, want := m.topic.Bytes(), m.bytes(); got != want {
		t.Fatalf("the topic has %d bytes, want %d", got, want)
	}
	for id, s := range m.queues {
		main, dlq := s.q.Counters(entity.MainQueue), s.q.Counters(entity.DeadLetterQueue)
		if main.Messages != int64(len(s.messages)) || dlq.Messages != int64(len(s.dead)) || main.NextSequence != s.next {
			t.Fatalf("subscription %d: main %+v, dead letters %+v; want %v and %v, next number %d",
				id, main, dlq, s.messages, s.dead, s.next)
		}
	}
}
