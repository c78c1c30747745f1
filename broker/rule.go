package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/broker/filter"
	"switchyard/commit"
)

// rule is a rule ready to be used. It never changes.
type rule struct {
	ruleDefinition
	core *entity.Rule
}

// RuleOptions is the configuration of a rule [SB-SEM 7]: what it lets pass and
// what it does to that.
type RuleOptions struct {
	Filter filter.Filter `json:"filter"` // default: everything
	Action filter.Action `json:"action"` // default: none
}

// DefaultRule is the first rule of a subscription.
type DefaultRule struct {
	Name string // default $Default
	RuleOptions
}

// DefaultRuleName is the name of the rule that a new subscription has.
const DefaultRuleName = "$Default"

// Validate reports what [Broker.PutRule] would refuse these options for. Errors
// wrap [ErrInvalidArgument].
func (o RuleOptions) Validate() error {
	_, err := newRule(ruleDefinition{Options: o})
	return err
}

// RuleInfo describes a rule.
type RuleInfo struct {
	Name      string // as created
	Options   RuleOptions
	CreatedAt time.Time
	// Automatic is set on the rule $Default that a subscription was created with
	// and that nobody has put since.
	Automatic bool
}

// A RuleMode says what [Broker.PutRule] may change.
type RuleMode uint8

const (
	// CreateOrUpdate replaces a rule of the same name.
	CreateOrUpdate RuleMode = 0
	// CreateOnly refuses a name that exists, with [ErrEntityExists].
	CreateOnly RuleMode = 1
	// DropAutomatic takes the automatic rule $Default away when another rule is
	// put, as the resource manager does (and no other interface).
	DropAutomatic RuleMode = 2
)

// newRule makes a rule. Errors wrap [ErrInvalidArgument].
func newRule(d ruleDefinition) (*rule, error) {
	var err error
	core := &entity.Rule{Name: d.Name}
	if d.Options.Filter, err = d.Options.Filter.Normal(); err == nil {
		core.Match, err = d.Options.Filter.Compile()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: filter: %w", ErrInvalidArgument, err)
	}
	if core.Action, err = d.Options.Action.Compile(); err != nil {
		return nil, fmt.Errorf("%w: action: %w", ErrInvalidArgument, err)
	}
	if d.Options.Action.IsZero() {
		d.Options.Action = filter.Action{}
	}
	return &rule{d, core}, nil
}

// PutRule creates a rule of a subscription or replaces it, and reports which. It
// holds for messages sent from now on. Errors: [ErrInvalidArgument] for what is
// not a rule, [ErrQuotaExceeded], [ErrEntityExists], [ErrEntityNotFound].
func (b *Broker) PutRule(ctx context.Context, ns, topic, subscription, name string, o RuleOptions,
	mode RuleMode) (created bool, err error) {
	c := b.PutRuleEffect(ns, topic, subscription, name, o, mode)
	err = b.change(ctx, putSize(b.findRule(ns, topic, subscription, name)), c)
	return c.created, err
}

// findRule fails if there is no such rule.
func (b *Broker) findRule(ns, topic, subscription, name string) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s, err := b.findSubscription(ns, topic, subscription)
	if err == nil && s.rule(name) < 0 {
		err = ErrRuleNotFound
	}
	return err
}

// PutRuleEffect is [Broker.PutRule] as part of a unit.
func (b *Broker) PutRuleEffect(ns, topic, subscription, name string, o RuleOptions, mode RuleMode) *Change {
	return b.newChange("put rule", name, func(u *commit.Unit) (created bool, unlock func(), err error) {
		if err := invalid(description.CheckRule(name)); err != nil {
			return false, nil, err
		}
		s, err := b.findSubscription(ns, topic, subscription)
		if err != nil {
			return false, nil, err
		}
		t := s.topic
		i := s.rule(name)
		if i >= 0 && mode&CreateOnly != 0 {
			return false, nil, fmt.Errorf("%w: subscription %q has a rule of that name", ErrEntityExists,
				s.messageStore.path)
		}
		d := ruleDefinition{Name: name, Options: o, CreatedAt: b.catalogueTime()}
		if i >= 0 {
			d.Name, d.CreatedAt = s.rules[i].Name, s.rules[i].CreatedAt
		}
		r, err := newRule(d)
		if err != nil {
			return false, nil, err
		}
		rules := slices.Clone(s.rules)
		var old *rule
		if i >= 0 {
			old, rules[i] = rules[i], r
		} else {
			rules = append(rules, r)
		}
		if err := t.checkFilterQuota(old, r); err != nil {
			return false, nil, err
		}
		if mode&DropAutomatic != 0 {
			rules = slices.DeleteFunc(rules, func(x *rule) bool { return x.Automatic && x != r })
		}
		t.mu.Lock()
		s.setRules(u, rules)
		return i < 0, t.mu.Unlock, nil
	})
}

// DeleteRule deletes a rule. Errors: [ErrRuleNotFound], [ErrEntityNotFound].
func (b *Broker) DeleteRule(ctx context.Context, ns, topic, subscription, name string) error {
	return b.change(ctx, commit.Frees, b.DeleteRuleEffect(ns, topic, subscription, name))
}

// DeleteRuleEffect is [Broker.DeleteRule] as part of a unit.
func (b *Broker) DeleteRuleEffect(ns, topic, subscription, name string) *Change {
	return b.newChange("delete rule", name, func(u *commit.Unit) (_ bool, unlock func(), err error) {
		s, err := b.findSubscription(ns, topic, subscription)
		if err != nil {
			return false, nil, err
		}
		i := s.rule(name)
		if i < 0 {
			return false, nil, fmt.Errorf("%w in subscription %q", ErrRuleNotFound, s.messageStore.path)
		}
		s.topic.mu.Lock()
		s.setRules(u, slices.Delete(slices.Clone(s.rules), i, i+1))
		return false, s.topic.mu.Unlock, nil
	})
}

// Rules describes the rules of a subscription in the order of their creation.
func (b *Broker) Rules(ns, topic, subscription string) ([]RuleInfo, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s, err := b.findSubscription(ns, topic, subscription)
	if err != nil {
		return nil, err
	}
	infos := make([]RuleInfo, len(s.rules))
	for i, r := range s.rules {
		infos[i] = RuleInfo{Name: r.Name, Options: r.Options, CreatedAt: b.ShownTime(r.CreatedAt),
			Automatic: r.Automatic}
	}
	return infos, nil
}

// rule returns the place of a rule by name, -1 if there is none. It is called
// with Broker.mu held.
func (s *subscription) rule(name string) int {
	return slices.IndexFunc(s.rules, func(r *rule) bool { return strings.EqualFold(r.Name, name) })
}

// setRules records the rules and lets them take effect. It is called with
// Broker.mu and the topic's lock held.
func (s *subscription) setRules(u *commit.Unit, rules []*rule) {
	s.rules = rules
	e := s.messageStore
	e.touch()
	e.b.store.PutEntity(u, e.record(s.definition()))
	s.topic.publish()
}

// checkFilterQuota fails if the topic would have too many filters when r takes the place
// of old, which may be nil.
func (t *topic) checkFilterQuota(old, r *rule) error {
	sql, correlation := t.filters()
	isCorrelation := r.Options.Filter.Correlation != nil
	if old != nil && (old.Options.Filter.Correlation != nil) == isCorrelation {
		return nil
	}
	switch {
	case isCorrelation && correlation >= maxCorrelationFilters:
		return fmt.Errorf("%w: topic %q has %d correlation filters", ErrQuotaExceeded, t.path, correlation)
	case !isCorrelation && sql >= maxSQLFilters:
		return fmt.Errorf("%w: topic %q has %d SQL filters", ErrQuotaExceeded, t.path, sql)
	}
	return nil
}
