package broker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/broker/description"
	"switchyard/broker/entity"
	"switchyard/commit"
)

// subscription is one subscription of a topic: a messageStore of messages, under the
// topic's lock, with the rules that choose them.
type subscription struct {
	messageStore *messageStore
	topic        *topic
	name         string // as created
	options      SubscriptionOptions
	rules        []*rule // in the order of their creation; guarded as topic.subscriptions
}

// SubscriptionInfo describes a subscription.
type SubscriptionInfo struct {
	Topic      string // the topic's path, as created
	Name       string // as created
	Path       string // the address of its messages: topic/Subscriptions/name
	Options    SubscriptionOptions
	CreatedAt  time.Time
	UpdatedAt  time.Time
	AccessedAt time.Time // zero until the first receive since start
	Counts     Counts
}

// subscriptionsSegment separates topic and name in a subscription's path.
const subscriptionsSegment = "/Subscriptions/"

// SubscriptionPath returns the address of a subscription's messages.
func SubscriptionPath(topic, name string) string { return topic + subscriptionsSegment + name }

// SplitSubscription separates the address of a subscription, without sub-queue,
// into the topic's path and the subscription's name. Case does not matter.
func SplitSubscription(path string) (topic, name string, ok bool) {
	const n = len(subscriptionsSegment)
	for i := len(path) - n - 1; i > 0; i-- {
		if strings.EqualFold(path[i:i+n], subscriptionsSegment) {
			return path[:i], path[i+n:], true
		}
	}
	return "", "", false
}

// subscription returns a subscription, or nil. It is called with Broker.mu held.
func (n *namespace) subscription(topic, name string, ok bool) *subscription {
	if t := n.topics[strings.ToLower(topic)]; ok && t != nil {
		return t.subscriptions[strings.ToLower(name)]
	}
	return nil
}

func openTopic(b *Broker, n *namespace, r EntityRecord) (*topic, error) {
	d, err := decodeEntity(r.Definition)
	if err != nil {
		return nil, err
	}
	o := description.Topic.Default(d.Options, n.options.SKU)
	s, err := openState(b.store, r.ID, false)
	var found trouble
	if err == nil {
		s.History, err = openHistory(b, r, &o, subject{"topic", r.Path, n.name}, &found)
	}
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil, err
	}
	t := newTopic(b, n, r, o, s)
	t.schedule.trouble = found
	t.access = d.Access
	if err != nil {
		t.schedule.trouble.closed = err
	}
	if r.Damage != nil {
		err = putAgain(r.Damage)
	}
	if t.closed = err; err != nil {
		b.logger.Error("a topic can't be opened", "topic", r.Path, "namespace", n.name, "error", t.closed)
	}
	return t, nil
}

// openSubscription opens a subscription that is in the store. The caller
// publishes the topic's rules when it has opened all.
func openSubscription(r EntityRecord, topics map[EntityID]*topic) error {
	var d subscriptionDefinition
	if err := json.Unmarshal(r.Definition, &d); err != nil {
		return fmt.Errorf("definition: %w", err)
	}
	t := topics[d.Topic]
	if t == nil {
		return fmt.Errorf("subscription of topic %d: %w", d.Topic, errNoTopic)
	}
	state, err := openState(t.b.store, r.ID, d.Options.RequiresSession)
	if r.Damage != nil {
		state, err = entity.State{}, putAgain(r.Damage)
	}
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	o := description.Subscription.Default(d.Options, t.namespace.options.SKU)
	s := newSubscription(t, r, d.Name, o, state)
	s.messageStore.access = d.Access
	if err != nil {
		s.messageStore.damagedStore(err)
		t.damaged = true
	}
	for _, x := range d.Rules {
		rule, err := newRule(x)
		if err != nil {
			return fmt.Errorf("rule %q: %w", x.Name, err)
		}
		s.rules = append(s.rules, rule)
	}
	t.subscriptions[strings.ToLower(d.Name)] = s
	return nil
}

func newSubscription(t *topic, r EntityRecord, name string, o SubscriptionOptions,
	state entity.State) *subscription {
	s := &subscription{topic: t, name: name, options: o}
	s.messageStore = newMessageStore(t.b, t.namespace, r, t.mu, s.storeOptions(), entity.New(s.config(), state))
	s.messageStore.topic = t
	return s
}

// config is what the state machine needs of the options, the topic's among them: the
// topic alone has limits of size. It is called with the topic's lock held.
func (s *subscription) config() entity.Config {
	c := config(&s.options)
	c.DefaultTimeToLive = min(c.DefaultTimeToLive, s.topic.options.DefaultMessageTimeToLive)
	c.MaxSessionState = sessionState(&s.topic.options)
	return c
}

// storeOptions are the subscription's with the topic's sizes, which its messages have
// to keep to.
func (s *subscription) storeOptions() description.Options {
	o := s.options
	t := &s.topic.options
	o.MaxSizeInMegabytes, o.MaxMessageSize, o.EnablePartitioning = t.MaxSizeInMegabytes, t.MaxMessageSize, t.EnablePartitioning
	return o
}

func (s *subscription) definition() []byte {
	d := subscriptionDefinition{Version: definitionVersion, Kind: kindSubscription, Topic: s.topic.id,
		Name: s.name, Options: s.options, Access: s.messageStore.access}
	for _, r := range s.rules {
		d.Rules = append(d.Rules, r.ruleDefinition)
	}
	return encode(d)
}

// PutSubscription creates a subscription or changes its options, and reports
// which. A new one has the rule $Default, which lets everything pass, or the one
// that is given instead. What the broker does not have is refused by name
// ([ErrNotSupported]). Consumers of a subscription that is no longer received
// from are closed and learn [ErrEntityDisabled].
func (b *Broker) PutSubscription(ctx context.Context, ns, topic, name string, o SubscriptionOptions,
	first ...DefaultRule) (created bool, err error) {
	c := b.PutSubscriptionEffect(ns, topic, name, o, first...)
	_, absent := b.Queue(ns, SubscriptionPath(topic, name))
	err = b.change(ctx, putSize(absent), c)
	return c.created, err
}

// PutSubscriptionEffect is [Broker.PutSubscription] as part of a unit.
func (b *Broker) PutSubscriptionEffect(ns, topic, name string, o SubscriptionOptions,
	first ...DefaultRule) *Change {
	path := SubscriptionPath(topic, name)
	return b.newChange("put subscription", path, func(u *commit.Unit) (created bool, unlock func(), err error) {
		if err := invalid(description.CheckSubscription(name)); err != nil {
			return false, nil, err
		}
		n, t, err := b.findTopic(ns, topic)
		if err != nil {
			return false, nil, err
		}
		if o, err = normal(description.Subscription, o, n.options.SKU); err != nil {
			return false, nil, err
		}
		t.mu.Lock()
		s := t.subscriptions[strings.ToLower(name)]
		var old *SubscriptionOptions
		if s != nil {
			old = &s.options
		}
		if err := n.checkForwards(path, &o, old); err != nil {
			t.mu.Unlock()
			return false, nil, err
		}
		if s == nil {
			o = o.New()
			if s, err = t.newSubscription(name, o, first); err != nil {
				t.mu.Unlock()
				return false, nil, err
			}
			created = true
		}
		if err := unchanged(description.Subscription, s.options, o); err != nil && s.messageStore.trouble.closed == nil {
			t.mu.Unlock()
			return false, nil, err
		}
		s.options = o
		s.messageStore.options = s.storeOptions()
		s.messageStore.reconfigure(u, s.config(), s.definition())
		t.publish()
		return created, t.mu.Unlock, nil
	})
}

// newSubscription adds a subscription. It is called with mu and Broker.mu held.
func (t *topic) newSubscription(name string, o SubscriptionOptions, first []DefaultRule) (
	*subscription, error) {
	if len(t.subscriptions) >= maxSubscriptions {
		return nil, fmt.Errorf("%w: topic %q has %d subscriptions", ErrQuotaExceeded, t.path, len(t.subscriptions))
	}
	path := SubscriptionPath(t.path, name)
	if err := t.namespace.free(path); err != nil {
		return nil, err
	}
	now := t.b.catalogueTime()
	d := ruleDefinition{Name: DefaultRuleName, CreatedAt: now, Automatic: len(first) == 0}
	for _, f := range first {
		d.Options, d.Name = f.RuleOptions, cmp.Or(f.Name, d.Name)
	}
	if err := invalid(description.CheckRule(d.Name)); err != nil {
		return nil, err
	}
	r, err := newRule(d)
	if err == nil {
		err = t.checkFilterQuota(nil, r)
	}
	if err != nil {
		return nil, err
	}
	t.b.lastEntity++
	s := newSubscription(t, EntityRecord{ID: t.b.lastEntity, Path: path, CreatedAt: now}, name,
		o, entity.State{})
	s.rules = []*rule{r}
	t.subscriptions[strings.ToLower(name)] = s
	return s, nil
}

// DeleteSubscriptionEffect deletes a subscription with its messages; its consumers
// learn [ErrEntityDeleted]. Unless forced it is refused with [ErrEntityInUse]
// while pipeline runs hold messages of it.
func (b *Broker) DeleteSubscriptionEffect(ns, topic, name string, force bool) *Change {
	path := SubscriptionPath(topic, name)
	return b.newChange("delete subscription", path, func(u *commit.Unit) (_ bool, unlock func(), err error) {
		s, err := b.findSubscription(ns, topic, name)
		if err != nil {
			return false, nil, err
		}
		t := s.topic
		t.mu.Lock()
		if !force {
			if err := s.messageStore.unused(); err != nil {
				t.mu.Unlock()
				return false, nil, err
			}
		}
		s.remove(u)
		return false, t.mu.Unlock, nil
	})
}

// remove deletes the subscription. It is called with the topic's lock and Broker.mu held.
func (s *subscription) remove(u *commit.Unit) {
	s.messageStore.drop(u)
	delete(s.topic.subscriptions, strings.ToLower(s.name))
	s.topic.publish()
}

// findSubscription is called with Broker.mu held.
func (b *Broker) findSubscription(ns, topic, name string) (*subscription, error) {
	_, t, err := b.findTopic(ns, topic)
	if err != nil {
		return nil, err
	}
	s := t.subscriptions[strings.ToLower(name)]
	if s == nil {
		return nil, notFound("subscription", SubscriptionPath(topic, name), ns)
	}
	return s, nil
}

// Subscription describes one subscription.
func (b *Broker) Subscription(ns, topic, name string) (SubscriptionInfo, error) {
	b.mu.RLock()
	s, err := b.findSubscription(ns, topic, name)
	b.mu.RUnlock()
	if err != nil {
		return SubscriptionInfo{}, err
	}
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	return s.info(), s.messageStore.exists()
}

// Subscriptions describes the subscriptions of a topic, sorted by name.
func (b *Broker) Subscriptions(ns, topic string) ([]SubscriptionInfo, error) {
	b.mu.RLock()
	_, t, err := b.findTopic(ns, topic)
	b.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	infos := make([]SubscriptionInfo, 0, len(t.subscriptions))
	for _, s := range t.subscriptions {
		infos = append(infos, s.info())
	}
	slices.SortFunc(infos, func(a, b SubscriptionInfo) int { return compareFold(a.Name, b.Name) })
	return infos, nil
}

// info is called with the topic's lock held.
func (s *subscription) info() SubscriptionInfo {
	e := s.messageStore
	return SubscriptionInfo{Topic: s.topic.path, Name: s.name, Path: e.path, Options: s.options,
		CreatedAt: e.b.ShownTime(e.created), UpdatedAt: e.b.ShownTime(e.updated),
		AccessedAt: e.b.ShownTime(e.accessed), Counts: e.counts()}
}
