package entity

import (
	"fmt"
	"time"

	"switchyard/broker/filter"
)

// A RuleSet is what a send to a topic goes by: the subscriptions with their
// rules. It never changes, so that rules, which are the work of users, are
// evaluated under no lock; the topic finds out whether it is still the one of now.
type RuleSet struct{ subscriptions []Subscription }

// A Rule chooses messages for a subscription [SB-SEM 7]. It never changes.
type Rule struct {
	Name   string
	Match  filter.Matcher
	Action *filter.Program // nil: none
}

// A FanOut is what messages sent to a topic become, by subscription.
type FanOut struct {
	rules  *RuleSet
	copies []SubscriptionCopies // without those that get nothing
	Bytes  int64                // of all copies
	Count  int                  // of all copies
}

// SubscriptionCopies is what one subscription gets.
type SubscriptionCopies struct {
	Subscription EntityID
	Copies       []Copy
}

// ruleNameProperty tells by which rule's action a copy was made.
const ruleNameProperty = "RuleName"

// MaxHeaders is how many bytes the headers and application properties of a message
// may have together [SB-SEM 1.5], so also how many the actions of a rule may add.
const MaxHeaders = 64 << 10

// FanOut applies the rules to messages. env.Token is where new ids come from; shown is what
// the wall clock shows now, which is the time that rules see and set.
func (r *RuleSet) FanOut(env Env, shown time.Time, msgs []*Message) FanOut {
	f := FanOut{rules: r}
	evaluated := make([]evaluation, len(msgs))
	now, token := shown.UTC().Truncate(time.Millisecond), env.Token
	newID := func() filter.UUID { return filter.UUID(token()) }
	for i, m := range msgs {
		e := &evaluated[i]
		e.properties = lazyProperties{content: &m.Content, now: now}
		e.behind = shown.Sub(env.Now)
		e.context = filter.Context{Properties: &e.properties, NewID: newID}
	}
	for i := range r.subscriptions {
		s := &r.subscriptions[i]
		var copies []Copy
		for i, m := range msgs {
			n := len(copies)
			copies = s.choose(copies, m, &evaluated[i])
			for j := range copies[n:] {
				copies[n+j].of = i
			}
		}
		if len(copies) == 0 {
			continue
		}
		f.copies = append(f.copies, SubscriptionCopies{s.ID, copies})
		f.Count += len(copies)
		for _, c := range copies {
			f.Bytes += int64(len(c.Message.Sections))
		}
	}
	return f
}

// evaluation is what all rules need to look at one message.
type evaluation struct {
	properties lazyProperties
	context    filter.Context
	behind     time.Duration // of what the wall clock shows, the time of the process
}

// choose adds what a subscription gets of a message [SB-SEM 7]: one copy for
// all matching rules without action together, and one for each matching rule
// with an action. If a filter can't be evaluated the subscription does not get
// the message at all, except perhaps as a dead letter.
func (s *Subscription) choose(copies []Copy, m *Message, e *evaluation) []Copy {
	plain := false
	var acting []*Rule
	for _, r := range s.Rules {
		match, err := r.Match.Match(&e.context)
		switch {
		case err != nil:
			return s.dead(copies, m, ReasonFilter, fmt.Sprintf("Rule '%s': %v", r.Name, err))
		case match && r.Action != nil:
			acting = append(acting, r)
		case match:
			plain = true
		}
	}
	if plain {
		copies = append(copies, Copy{Message: m.copied(m.Content)})
	}
	for _, r := range acting {
		content, reason, err := r.act(m, e)
		if err != nil {
			copies = s.dead(copies, m, reason, fmt.Sprintf("Rule '%s': %v", r.Name, err))
			continue
		}
		copies = append(copies, Copy{Message: m.copied(content)})
	}
	return copies
}

// copied returns a copy of the message with the given content.
func (m *Message) copied(c Content) *Message { return &Message{Content: c, Status: m.carried()} }

// dead adds a dead letter, if the subscription wants it.
func (s *Subscription) dead(copies []Copy, m *Message, reason, description string) []Copy {
	if !s.DeadLetterFilterErrors {
		return copies
	}
	why := &DeadLetterInfo{Reason: reason, Description: description}
	return append(copies, Copy{Message: m.copied(m.Content), Dead: why})
}

// act returns the message with the action of the rule applied. If it fails, the
// reason is that for a dead letter. A time to live that it sets is that of the copy; a time
// to enqueue it is for the entity to which the copy is forwarded: in the subscription it is
// there at once [SB-SEM 7].
func (r *Rule) act(m *Message, e *evaluation) (content Content, reason string, err error) {
	changes, err := r.Action.Run(&e.context)
	if err != nil {
		return Content{}, ReasonAction, err
	}
	if m.Encoding == nil {
		return Content{}, ReasonAction, errNotWritten
	}
	changes = append(changes, filter.Change{Name: ruleNameProperty, Value: r.Name})
	content, err = m.Encoding.Rewrite(&m.Content, changes)
	if err == nil {
		err = content.checkIDs()
	}
	if err != nil {
		return Content{}, ReasonAction, err
	}
	if !content.ScheduledFor.IsZero() && !content.ScheduledFor.Equal(m.ScheduledFor) {
		content.ScheduledFor = content.ScheduledFor.Add(-e.behind)
	}
	if len(content.Sections) > len(m.Sections)+MaxHeaders {
		return Content{}, ReasonHeaderSize, errHeaderSize
	}
	return content, "", nil
}

var (
	errHeaderSize = fmt.Errorf("%w: %s", ErrMessageTooLarge, DescriptionHeaderSize)
	errNotWritten = fmt.Errorf("%w: a message whose properties can't be written", ErrInvalidArgument)
)
