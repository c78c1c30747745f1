package servicebus

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/broker"
	"switchyard/broker/filter"
)

// Descriptors of what enumerate-rules returns ([SB-AMQP 2.3]; the filters have
// a digit less than the rest).
const (
	sqlFilterCode         uint64 = 0x1370000006
	trueFilterCode        uint64 = 0x1370000007
	falseFilterCode       uint64 = 0x1370000008
	correlationFilterCode uint64 = 0x1370000009
	ruleDescriptionCode   uint64 = 0x13700000004
	emptyActionCode       uint64 = 0x13700000005
	sqlActionCode         uint64 = 0x13700000006
)

// compatibilityLevel is the version of the language of rules.
const compatibilityLevel int32 = 20

// maxRules bounds what one enumerate-rules returns.
const maxRules = 1000

// subscription returns the subscription that the node belongs to.
func (m *managementRequest) subscription() (topic, name string, err error) {
	topic, name, ok := broker.SplitSubscription(m.queue.Path())
	if !ok || m.queue.SubQueue() != broker.MainQueue {
		return "", "", &fault{frames.ErrNotAllowed, 400,
			"The entity '" + m.c.uri(m.addr.queue()) + "' has no rules: it is not a subscription."}
	}
	return topic, name, nil
}

// enumerateRules describes the rules of a subscription, in the order of their
// creation.
func (m *managementRequest) enumerateRules() error {
	topic, name, err := m.subscription()
	if err != nil {
		return err
	}
	top, err := m.args.number("top")
	if err != nil {
		return err
	}
	skip, err := m.args.number("skip")
	if err != nil {
		return err
	}
	if top < 0 || skip < 0 {
		return &fault{condArgumentOutOfRange, 400,
			fmt.Sprintf("top and skip must not be negative, and are %d and %d.", top, skip)}
	}
	m.queue.Touch() // the broker can't tell it from a look through the Resource Manager
	rules, err := m.c.h.broker.Rules(m.c.ns, topic, name)
	if err != nil {
		return m.c.addressFault(m.addr, err)
	}
	rules = rules[min(skip, int64(len(rules))):]
	rules = rules[:min(top, int64(len(rules)), maxRules)]
	if len(rules) == 0 {
		m.respond(response{status: 204, description: "NoContent"})
		return nil
	}
	list := encoding.List{}
	for _, r := range rules {
		list = append(list,
			&encoding.Map{Pairs: []encoding.Pair{{Key: "rule-description", Value: ruleDescription(r)}}})
	}
	m.succeed(&encoding.Map{Pairs: []encoding.Pair{{Key: "rules", Value: list}}})
	return nil
}

func ruleDescription(r broker.RuleInfo) encoding.Described {
	action := encoding.Described{Descriptor: emptyActionCode, Value: encoding.List{}}
	if a := r.Options.Action; !a.IsZero() {
		action = encoding.Described{Descriptor: sqlActionCode,
			Value: encoding.List{a.Expression, compatibilityLevel}}
	}
	return encoding.Described{Descriptor: ruleDescriptionCode,
		Value: encoding.List{describeFilter(r.Options.Filter), action, r.Name, r.CreatedAt}}
}

func describeFilter(f filter.Filter) encoding.Described {
	switch f.Type {
	case filter.TrueType:
		return encoding.Described{Descriptor: trueFilterCode, Value: encoding.List{}}
	case filter.FalseType:
		return encoding.Described{Descriptor: falseFilterCode, Value: encoding.List{}}
	case filter.CorrelationType:
		c := f.Correlation
		list := encoding.List{}
		for _, s := range [...]*string{c.CorrelationID, c.MessageID, c.To, c.ReplyTo, c.Label, c.SessionID,
			c.ReplyToSessionID, c.ContentType} {
			if s == nil {
				list = append(list, nil)
			} else {
				list = append(list, *s)
			}
		}
		return encoding.Described{Descriptor: correlationFilterCode, Value: append(list, valueMap(c.Properties))}
	}
	return encoding.Described{Descriptor: sqlFilterCode, Value: encoding.List{f.Expression, compatibilityLevel}}
}

// addRule creates a rule.
func (m *managementRequest) addRule() error {
	topic, subscription, err := m.subscription()
	if err != nil {
		return err
	}
	name, err := m.args.text("rule-name")
	if err != nil {
		return err
	}
	description, ok, err := m.args.child("rule-description")
	if err != nil {
		return err
	}
	if !ok {
		return badArgument("The argument 'rule-description' must be a map.")
	}
	o, err := description.rule()
	if err != nil {
		return err
	}
	// Waits for the log, as a flush does: rules are created now and then.
	if _, err := m.c.h.broker.PutRule(context.Background(), m.c.ns, topic, subscription, name, o,
		broker.CreateOnly); err != nil {
		return m.ruleFault(err)
	}
	m.succeed(nil)
	return nil
}

// removeRule deletes a rule.
func (m *managementRequest) removeRule() error {
	topic, subscription, err := m.subscription()
	if err != nil {
		return err
	}
	name, err := m.args.text("rule-name")
	if err != nil {
		return err
	}
	if err := m.c.h.broker.DeleteRule(context.Background(), m.c.ns, topic, subscription, name); err != nil {
		return m.ruleFault(err)
	}
	m.succeed(nil)
	return nil
}

// ruleFault tells a subscription that is gone from a rule that is.
func (m *managementRequest) ruleFault(err error) error {
	if f := m.c.exists(m.addr); f != nil {
		return f
	}
	return faultOf(err)
}

// child returns an optional map; ok is false if it is absent or null.
func (a arguments) child(name string) (m arguments, ok bool, err error) {
	v, _ := a.Get(name)
	if v == nil {
		return arguments{}, false, nil
	}
	child, ok := v.(*encoding.Map)
	if !ok {
		return arguments{}, false, badArgument("The argument '%s' must be a map.", name)
	}
	return arguments{child}, true, nil
}

// rule reads a rule description [SB-AMQP 9.4].
func (a arguments) rule() (o broker.RuleOptions, err error) {
	filtered := false
	for _, p := range a.Pairs {
		switch name, _ := keyText(p.Key); {
		case p.Value == nil, name == "sql-rule-action":
		case name == "rule-name": // Java and .NET say it here too
		case name == "sql-filter", name == "correlation-filter":
			filtered = true
		case name == "true-filter":
			o.Filter.Type, filtered = filter.TrueType, true
		case name == "false-filter":
			o.Filter.Type, filtered = filter.FalseType, true
		default:
			return o, badArgument("A rule with '%.80s' is not known.", name)
		}
	}
	if !filtered {
		return o, badArgument("A rule must have a filter.")
	}
	if o.Filter.Expression, err = a.expression("sql-filter"); err != nil {
		return o, err
	}
	if o.Action.Expression, err = a.expression("sql-rule-action"); err != nil {
		return o, err
	}
	c, ok, err := a.child("correlation-filter")
	if err != nil || !ok {
		return o, err
	}
	o.Filter.Correlation, err = c.correlation()
	return o, err
}

// expression returns the SQL of a filter or an action, "" if it is not given.
func (a arguments) expression(name string) (string, error) {
	child, ok, err := a.child(name)
	if err != nil || !ok {
		return "", err
	}
	text, err := child.text("expression")
	if err == nil && text == "" {
		err = badArgument("'%s' must have an expression.", name)
	}
	return text, err
}

func (a arguments) correlation() (*filter.Correlation, error) {
	c := &filter.Correlation{}
	for name, field := range map[string]**string{
		"correlation-id":      &c.CorrelationID,
		"message-id":          &c.MessageID,
		"to":                  &c.To,
		"reply-to":            &c.ReplyTo,
		"label":               &c.Label,
		"session-id":          &c.SessionID,
		"reply-to-session-id": &c.ReplyToSessionID,
		"content-type":        &c.ContentType,
	} {
		if v, _ := a.Get(name); v != nil {
			text, err := a.text(name)
			if err != nil {
				return nil, err
			}
			*field = &text
		}
	}
	properties, ok, err := a.child("properties")
	if err != nil || !ok {
		return c, err
	}
	c.Properties = filter.Values{}
	for _, p := range properties.Pairs {
		name, err := keyText(p.Key)
		if err != nil {
			return nil, faultOf(err)
		}
		c.Properties[name] = ruleValue(p.Value)
	}
	return c, nil
}

// valueMap returns values as an AMQP map, sorted by name.
func valueMap(v filter.Values) *encoding.Map {
	m := new(encoding.Map)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		m.Set(name, likeBefore(nil, v[name]))
	}
	return m
}
