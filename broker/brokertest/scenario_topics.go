package brokertest

import (
	"context"
	"fmt"
	"strings"

	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/broker/filter"
	"switchyard/commit"
)

func (s *scenario) putTopic(a arguments) error {
	return s.put(s.b.PutTopic(context.Background(), "ns", a.words[0], s.entityOptions(description.Topic, a)))
}

func (s *scenario) put(created bool, err error) error {
	if err == nil {
		s.event("%s", map[bool]string{true: "created", false: "updated"}[created])
	}
	return err
}

// path separates TOPIC/NAME.
func (s *scenario) path(path string) (topic, name string) {
	topic, name, ok := strings.Cut(path, "/")
	if !ok {
		s.t.Fatalf("subscription %q: want TOPIC/NAME", path)
	}
	return topic, name
}

func (s *scenario) putSubscription(a arguments) error {
	topic, name := s.path(a.words[0])
	var first []broker.DefaultRule
	if r := a.options["rule"]; r != "" || a.options["sql"] != "" {
		first = append(first, broker.DefaultRule{Name: r, RuleOptions: s.rule(a)})
	}
	return s.put(s.b.PutSubscription(context.Background(), "ns", topic, name,
		s.entityOptions(description.Subscription, a), first...))
}

// rule reads sql=… or correlation=name:value,… and action=….
func (s *scenario) rule(a arguments) broker.RuleOptions {
	o := broker.RuleOptions{Filter: filter.Filter{Expression: a.options["sql"]},
		Action: filter.Action{Expression: a.options["action"]}}
	if c, ok := a.options["correlation"]; ok {
		o.Filter.Correlation = &filter.Correlation{Properties: filter.Values{}}
		for _, x := range strings.Split(c, ",") {
			n, v, _ := strings.Cut(x, ":")
			if n == "sys.MessageId" {
				o.Filter.Correlation.MessageID = &v
			} else {
				o.Filter.Correlation.Properties[n] = value(v)
			}
		}
	}
	return o
}

func (s *scenario) putRule(a arguments) error {
	topic, name := s.path(a.words[0])
	mode := broker.CreateOrUpdate
	if a.flag("create-only") {
		mode |= broker.CreateOnly
	}
	if a.flag("drop-automatic") {
		mode |= broker.DropAutomatic
	}
	return s.put(s.b.PutRule(context.Background(), "ns", topic, name, a.words[1], s.rule(a), mode))
}

func (s *scenario) deleteRule(a arguments) error {
	topic, name := s.path(a.words[0])
	return s.b.DeleteRule(context.Background(), "ns", topic, name, a.words[1])
}

func (s *scenario) rules(a arguments) error {
	topic, name := s.path(a.words[0])
	rules, err := s.b.Rules("ns", topic, name)
	for _, r := range rules {
		line := fmt.Sprintf("%s %s %s", r.Name, r.Options.Filter.Type, r.Options.Filter.Expression)
		if !r.Options.Action.IsZero() {
			line += " action: " + r.Options.Action.Expression
		}
		if r.Automatic {
			line += " automatic"
		}
		s.event("%s", line)
	}
	return err
}

func (s *scenario) topicInfo(a arguments) error {
	t, err := s.b.Topic("ns", a.words[0])
	if err != nil {
		return err
	}
	info, err := t.Info()
	if err != nil {
		return err
	}
	s.event("%s %s size=%d subscriptions=%d sql=%d correlation=%d%s", info.Path, info.Options.Status, info.SizeInBytes,
		info.SubscriptionCount, info.SQLFilterCount, info.CorrelationFilterCount, transfers(info.Transfer, info.TransferDeadLetter))
	subs, err := s.b.Subscriptions("ns", a.words[0])
	for _, x := range subs {
		s.event("%s %s active=%d dead-letter=%d locked=%d",
			x.Path, x.Options.Status, x.Counts.Active, x.Counts.DeadLetter, x.Counts.Locked)
	}
	return err
}

func (s *scenario) deleteTopic(a arguments) error {
	return commit.Do(context.Background(), s.store, 0, s.b.DeleteTopicEffect("ns", a.words[0], a.flag("force")))
}

func (s *scenario) deleteSubscription(a arguments) error {
	topic, name := s.path(a.words[0])
	return commit.Do(context.Background(), s.store, 0, s.b.DeleteSubscriptionEffect("ns", topic, name, a.flag("force")))
}

// receive asks for a topic's messages.
func (s *scenario) receive(a arguments) error {
	_, err := s.b.Queue("ns", a.words[0])
	return err
}
