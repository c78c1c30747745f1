package provision

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"switchyard/broker"
	"switchyard/broker/description"
	"switchyard/client"
	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/pipeline/factory"
	"switchyard/value"
)

// Plan returns what the deployment of a folder would do now, and does nothing. It refuses
// what the deployment would refuse.
func (p *Provisioner) Plan(folder *deploy.Deployment) (*client.Deployed, error) {
	a := newPlan()
	if err := p.checkBus(folder); err != nil {
		return a, err
	}
	var c factory.Changes
	if folder.Factory != nil {
		var err error
		if c, err = p.Factories.Preview(factory.ID{Subscription: p.Subscription, ResourceGroup: ResourceGroup}, Location,
			folder.Factory); err != nil {
			return a, refused(folder, err)
		}
	}
	a.Added, a.Changed, a.Removed = append(a.Added, c.Added...), append(a.Changed, c.Changed...), append(a.Removed, c.Removed...)
	b := busPlan{p.Broker, a}
	for _, ns := range folder.Namespaces {
		if err := b.namespace(ns); err != nil {
			return a, err
		}
	}
	return a, nil
}

func newPlan() *client.Deployed {
	return &client.Deployed{Added: []string{}, Changed: []string{}, Removed: []string{}, Diagnostics: pipeline.Diagnostics{}}
}

// A busPlan finds what a folder does to the entities of namespaces. What is there and not
// declared stays, but for the rules of a subscription that is declared with rules.
type busPlan struct {
	broker *broker.Broker
	a      *client.Deployed
}

func (b busPlan) namespace(ns deploy.Namespace) error {
	o, err := b.broker.Namespace(ns.Name)
	if err != nil {
		b.a.Added, o.SKU = append(b.a.Added, "namespace "+ns.Name), namespaceSKU
	}
	for _, q := range ns.Queues {
		var is *broker.QueueOptions
		if found, err := b.broker.Queue(ns.Name, q.Name); err == nil {
			if info, err := found.Info(); err == nil {
				is = &info.Options
			}
		}
		if err := b.entity(description.Queue, "queue "+q.Name+" of namespace "+ns.Name, o.SKU, is, q.Options); err != nil {
			return err
		}
	}
	for _, t := range ns.Topics {
		if err := b.topic(ns.Name, o.SKU, t); err != nil {
			return err
		}
	}
	return nil
}

func (b busPlan) topic(ns, sku string, t deploy.Topic) error {
	of := "topic " + t.Name + " of namespace " + ns
	var is *broker.TopicOptions
	if found, err := b.broker.Topic(ns, t.Name); err == nil {
		if info, err := found.Info(); err == nil {
			is = &info.Options
		}
	}
	if err := b.entity(description.Topic, of, sku, is, t.Options); err != nil {
		return err
	}
	for _, s := range t.Subscriptions {
		what := "subscription " + s.Name + " of " + of
		var is *broker.SubscriptionOptions
		if info, err := b.broker.Subscription(ns, t.Name, s.Name); err == nil {
			is = &info.Options
		}
		if err := b.entity(description.Subscription, what, sku, is, s.Options); err != nil {
			return err
		}
		if err := b.rules(ns, t.Name, s, what); err != nil {
			return err
		}
	}
	return nil
}

// entity compares what is there, nil for nothing, with what is declared.
func (b busPlan) entity(e description.Entity, what, sku string, is *description.Options, declared description.Options) error {
	declared, err := e.Normal(declared, sku)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case is == nil:
		b.a.Added = append(b.a.Added, what)
		return nil
	}
	if p := e.Unchanged(*is, declared); p != nil {
		return fmt.Errorf("%s: %s can't be changed once it is there: delete it first, with its messages", what, p.Name)
	}
	var changes []string
	for _, p := range e.Properties() {
		if reflect.DeepEqual(p.Field(is), p.Field(&declared)) {
			continue
		}
		c := client.PropertyChange{Of: what, Property: p.Name, Old: shown(p.Value(is)), New: shown(p.Value(&declared))}
		b.a.Properties = append(b.a.Properties, c)
		changes = append(changes, p.Name+" "+prose(p, is)+" -> "+prose(p, &declared))
	}
	if len(changes) > 0 {
		b.a.Changed = append(b.a.Changed, what+": "+strings.Join(changes, ", "))
	}
	return nil
}

// rules compares the rules of a subscription with those that are declared.
func (b busPlan) rules(ns, topic string, s deploy.Subscription, of string) error {
	if len(s.Rules) == 0 {
		return nil // it keeps those that it has
	}
	there, err := b.broker.Rules(ns, topic, s.Name)
	isNew := err != nil
	is := map[string]broker.RuleInfo{}
	for _, r := range there {
		is[strings.ToLower(r.Name)] = r
	}
	for _, r := range s.Rules {
		what := "rule " + r.Name + " of " + of
		filter, err := r.Options.Filter.Normal()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		old, known := is[strings.ToLower(r.Name)]
		delete(is, strings.ToLower(r.Name))
		if r.Options.Action.IsZero() {
			r.Options.Action = broker.RuleOptions{}.Action
		}
		switch r.Options.Filter = filter; {
		case isNew: // it comes with the subscription
		case !known:
			b.a.Added = append(b.a.Added, what)
		case !reflect.DeepEqual(old.Options, r.Options):
			b.a.Changed = append(b.a.Changed, what)
		}
	}
	for _, r := range there { // in the order in which they were made
		if _, gone := is[strings.ToLower(r.Name)]; gone {
			b.a.Removed = append(b.a.Removed, "rule "+r.Name+" of "+of)
		}
	}
	return nil
}

func shown(v value.Value) string {
	if v == nil {
		return "none"
	}
	return value.Text(v)
}

// prose is the value of a property as people read it: the longest duration that there is
// means for ever, which its text does not show.
func prose(p *description.Property, o *description.Options) string {
	if d, ok := p.Field(o).(*time.Duration); ok && *d == description.Forever {
		return "for ever"
	}
	return shown(p.Value(o))
}
