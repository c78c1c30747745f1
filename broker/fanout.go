package broker

import (
	"fmt"
	"time"

	"switchyard/broker/entity"
	"switchyard/broker/filter"
)

// ruleSet is what a send to a topic goes by. It never changes, so that rules,
// which are the work of users, are evaluated under no lock.
type ruleSet struct{ subscriptions []subscriptionRules }

type subscriptionRules struct {
	messageStore *messageStore
	deadLetter   bool // dead-letter a message for which a rule can't be evaluated
	rules        []*rule
}

// publish makes the rules as they are now those that sends go by. It is called
// with mu held.
func (t *topic) publish() {
	set := &ruleSet{}
	for _, s := range t.ordered() {
		set.subscriptions = append(set.subscriptions, subscriptionRules{s.messageStore, *s.options.DeadLetteringOnFilterEvaluationExceptions, s.rules})
	}
	t.rules.Store(set)
}

// fanout is what messages sent to a topic become, by subscription.
type fanout struct {
	set    *ruleSet
	copies []subscriptionCopies // without those that get nothing
	bytes  int64                // of all copies
	count  int                  // of all copies
}

type subscriptionCopies struct {
	messageStore *messageStore
	copies       []entity.Copy
}

// ruleNameProperty tells by which rule's action a copy was made.
const ruleNameProperty = "RuleName"

// maxHeaders is how many bytes the actions of a rule may add to a message,
// which is all that headers and properties may have [SB-SEM 1.5].
const maxHeaders = 64 << 10

// evaluate applies the rules of now to messages. It takes no lock.
func (t *topic) evaluate(msgs []*Message) *fanout {
	f := &fanout{set: t.rules.Load()}
	contexts := make([]filter.Context, len(msgs))
	now := t.b.catalogueTime()
	for i, m := range msgs {
		contexts[i] = filter.Context{Properties: &lazyProperties{content: &m.Content, now: now}, NewID: func() filter.UUID { return filter.UUID(t.b.tokens.next()) }}
	}
	for _, s := range f.set.subscriptions {
		var copies []entity.Copy
		for i, m := range msgs {
			copies = s.choose(copies, m, &contexts[i])
		}
		if len(copies) == 0 {
			continue
		}
		f.copies = append(f.copies, subscriptionCopies{s.messageStore, copies})
		f.count += len(copies)
		for _, c := range copies {
			f.bytes += int64(len(c.Message.Sections))
		}
	}
	return f
}

// choose adds what a subscription gets of a message [SB-SEM 7]: one copy for
// all matching rules without action together, and one for each matching rule
// with an action. If a filter can't be evaluated the subscription does not get
// the message at all, except perhaps as a dead letter.
func (s *subscriptionRules) choose(copies []entity.Copy, m *Message, c *filter.Context) []entity.Copy {
	plain := false
	var acting []*rule
	for _, r := range s.rules {
		match, err := r.match.Match(c)
		switch {
		case err != nil:
			return s.dead(copies, m, entity.ReasonFilter, fmt.Sprintf("Rule '%s': %v", r.Name, err))
		case match && r.action != nil:
			acting = append(acting, r)
		case match:
			plain = true
		}
	}
	if plain {
		copies = append(copies, entity.Copy{Message: &Message{Content: m.Content}})
	}
	for _, r := range acting {
		content, reason, err := r.act(m, c)
		if err != nil {
			copies = s.dead(copies, m, reason, fmt.Sprintf("Rule '%s': %v", r.Name, err))
			continue
		}
		copies = append(copies, entity.Copy{Message: &Message{Content: content}})
	}
	return copies
}

// dead adds a dead letter, if the subscription wants it.
func (s *subscriptionRules) dead(copies []entity.Copy, m *Message, reason, description string) []entity.Copy {
	if !s.deadLetter {
		return copies
	}
	return append(copies, entity.Copy{Message: &Message{Content: m.Content}, Dead: &DeadLetterInfo{Reason: reason, Description: description}})
}

// act returns the message with the action of the rule applied. If it fails, the
// reason is that for a dead letter.
func (r *rule) act(m *Message, c *filter.Context) (content Content, reason string, err error) {
	changes, err := r.action.Run(c)
	if err != nil {
		return Content{}, entity.ReasonAction, err
	}
	if m.Encoding == nil {
		return Content{}, entity.ReasonAction, fmt.Errorf("%w: a message whose properties can't be written", ErrInvalidArgument)
	}
	content, err = m.Encoding.Rewrite(&m.Content, append(changes, filter.Change{Name: ruleNameProperty, Value: r.Name}))
	if err == nil {
		err = content.CheckIDs()
	}
	if err != nil {
		return Content{}, entity.ReasonAction, err
	}
	if len(content.Sections) > len(m.Sections)+maxHeaders {
		return Content{}, entity.ReasonHeaderSize, errHeaderSize
	}
	return content, "", nil
}

var errHeaderSize = fmt.Errorf("%w: %s", ErrMessageTooLarge, entity.DescriptionHeaderSize)

// check decides whether the topic accepts the messages. It is called with mu
// held, and with a fan-out by the rules of now.
func (t *topic) check(now time.Time, msgs []*Message, f *fanout) error {
	if err := t.alive(); err != nil {
		return err
	}
	used := t.bytes()
	_, err := entity.CheckSend(t.options.config(), used, now, msgs)
	if err == nil {
		err = entity.CheckQuota(t.options.config(), used+f.bytes)
	}
	if err != nil {
		return fmt.Errorf("topic %q: %w", t.path, err)
	}
	return nil
}

// lazyProperties reads a message's properties when the first is asked for, once
// for all rules. The enqueued time is that of the evaluation.
type lazyProperties struct {
	content *Content
	now     time.Time
	read    filter.Properties
}

func (p *lazyProperties) properties() filter.Properties {
	if p.read == nil {
		p.read = contentProperties{p.content}
		if e := p.content.Encoding; e != nil {
			p.read = e.Properties(p.content)
		}
	}
	return p.read
}

func (p *lazyProperties) System(s filter.SystemProperty) (filter.Value, bool) {
	if s == filter.EnqueuedTimeUTC {
		return p.now, true
	}
	return p.properties().System(s)
}

func (p *lazyProperties) User(name string) (filter.Value, bool) { return p.properties().User(name) }

// contentProperties are the properties of a message without Encoding.
type contentProperties struct{ c *Content }

func (p contentProperties) System(s filter.SystemProperty) (filter.Value, bool) {
	text := ""
	switch s {
	case filter.MessageID:
		text = p.c.MessageID
	case filter.SessionID:
		text = p.c.SessionID
	case filter.PartitionKey:
		text = p.c.PartitionKey
	case filter.Size:
		return int64(len(p.c.Sections)), true
	case filter.TimeToLive:
		return p.c.TimeToLive, p.c.TimeToLive > 0
	}
	return text, text != ""
}

func (p contentProperties) User(string) (filter.Value, bool) { return nil, false }
