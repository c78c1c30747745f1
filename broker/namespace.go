package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"switchyard/broker/description"
	"switchyard/commit"
)

// maxQueues is how many queues and topics a namespace may have [SB-SEM 1.4].
const maxQueues = 10_000

// namespace is guarded by Broker.mu.
type namespace struct {
	id      NamespaceID
	name    string // as created
	options NamespaceOptions
	access  []byte
	damaged bool                     // this is what its damaged record seems to say
	queues  map[string]*messageStore // by lower-case path
	topics  map[string]*topic        // by lower-case path; no queue has the same
}

func newNamespace(id NamespaceID, name string, o NamespaceOptions) *namespace {
	return &namespace{id: id, name: name, options: o,
		queues: map[string]*messageStore{}, topics: map[string]*topic{}}
}

// messageStores returns the queues and subscriptions. It is called with Broker.mu held.
func (n *namespace) messageStores() []*messageStore {
	all := make([]*messageStore, 0, len(n.queues))
	for _, e := range n.queues {
		all = append(all, e)
	}
	for _, t := range n.topics {
		for _, s := range t.subscriptions {
			all = append(all, s.messageStore)
		}
	}
	return all
}

// entities counts queues and topics.
func (n *namespace) entities() int { return len(n.queues) + len(n.topics) }

func openNamespace(r NamespaceRecord) (*namespace, error) {
	d, err := decodeNamespace(r.Definition)
	if err != nil && r.Damage != nil { // as a new one, without keys
		d, err = namespaceDefinition{Options: NamespaceOptions{SKU: SKUStandard}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("namespace %q: %w", r.Name, err)
	}
	n := newNamespace(r.ID, r.Name, d.Options)
	n.access, n.damaged = d.Access, r.Damage != nil
	return n, nil
}

func (n *namespace) record() NamespaceRecord {
	return NamespaceRecord{ID: n.id, Name: n.name, Definition: encodeNamespace(n.options, n.access)}
}

// find returns a namespace by name, ignoring case. It is called with mu held.
func (b *Broker) find(name string) (*namespace, error) {
	if n := b.namespaces[strings.ToLower(name)]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("namespace %q: %w", name, ErrNamespaceNotFound)
}

// PutNamespace creates a namespace or changes its options. Which changes of the SKU
// are refused with [ErrNotAllowed] is said at mayBecome.
func (b *Broker) PutNamespace(ctx context.Context, name string, o NamespaceOptions) error {
	return b.change(ctx, definitionSize, b.PutNamespaceEffect(name, o))
}

// PutNamespaceEffect is [Broker.PutNamespace] as part of a unit. With access rules,
// these replace the namespace's, as [Broker.AccessEffect] does.
func (b *Broker) PutNamespaceEffect(name string, o NamespaceOptions, access ...[]byte) *Change {
	return b.newChange("put namespace", name, func(u *commit.Unit) (created bool, unlock func(), err error) {
		if o, err = o.normal(); err == nil {
			err = invalid(description.CheckLabel(name))
		}
		if err != nil {
			return false, nil, err
		}
		n := b.namespaces[strings.ToLower(name)]
		switch {
		case n == nil:
			b.lastNamespace++
			n = newNamespace(b.lastNamespace, name, o)
			b.namespaces[strings.ToLower(name)] = n
			created = true
		case !n.damaged: // then it is not known what it was
			if err := n.mayBecome(o.SKU); err != nil {
				return false, nil, err
			}
		}
		n.options, n.damaged = o, false
		for _, rules := range access {
			n.access = rules
		}
		b.store.PutNamespace(u, n.record())
		return created, func() {}, nil
	})
}

// mayBecome says whether the SKU can change in place, as in Azure: between Basic and
// Standard, in the direction of Basic only without topics, which Basic has not. What a
// Standard namespace gave a queue, such as a duplicate detection, the queue keeps. From and
// to Premium only an empty namespace can go.
func (n *namespace) mayBecome(sku string) error {
	switch {
	case n.options.SKU == sku || n.entities() == 0:
	case n.options.SKU == SKUPremium || sku == SKUPremium:
		return fmt.Errorf("%w: the SKU can't change from %s to %s while there are queues or topics",
			ErrNotAllowed, n.options.SKU, sku)
	case sku == SKUBasic && len(n.topics) > 0:
		return fmt.Errorf("%w: the SKU can't change from %s to Basic, which has no topics: there are %d",
			ErrNotAllowed, n.options.SKU, len(n.topics))
	}
	return nil
}

// Namespace returns the options of a namespace, or [ErrNamespaceNotFound].
func (b *Broker) Namespace(name string) (NamespaceOptions, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	n, err := b.find(name)
	if err != nil {
		return NamespaceOptions{}, err
	}
	return n.options, nil
}

// Namespaces returns the names of all namespaces, sorted.
func (b *Broker) Namespaces() []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	names := []string{}
	for _, n := range b.namespaces {
		names = append(names, n.name)
	}
	slices.Sort(names)
	return names
}

// DeleteNamespaceEffect deletes a namespace with all its queues and topics. Unless
// forced it is refused with [ErrEntityInUse] while pipeline runs hold messages in
// it.
func (b *Broker) DeleteNamespaceEffect(name string, force bool) *Change {
	return b.newChange("delete namespace", name, func(u *commit.Unit) (_ bool, unlock func(), err error) {
		n, err := b.find(name)
		if err != nil {
			return false, nil, err
		}
		all := n.messageStores() // nothing is added or taken away while Broker.mu is held
		locks := make([]*entityLock, 0, len(all)+len(n.topics))
		for _, e := range all {
			locks = append(locks, e.mu)
		}
		for _, t := range n.topics {
			locks = append(locks, t.mu)
		}
		unlock = lockAll(locks)
		if !force {
			if err := n.unused(); err != nil {
				unlock()
				return false, nil, err
			}
		}
		for _, e := range all {
			e.drop(u)
		}
		for _, t := range n.topics {
			t.drop(u)
		}
		delete(b.namespaces, strings.ToLower(name))
		b.store.DeleteNamespace(u, n.id)
		return false, unlock, nil
	})
}

// unused fails while runs hold messages of the namespace. It is called with all locks of
// its entities and Broker.mu held.
func (n *namespace) unused() error {
	for _, e := range n.queues {
		if err := e.unused(); err != nil {
			return err
		}
	}
	for _, t := range n.topics {
		if err := t.unused(); err != nil {
			return err
		}
	}
	return nil
}
