package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"switchyard/commit"
)

// maxQueues is how many entities a namespace may have (section 1.4).
const maxQueues = 10_000

// namespace is guarded by Broker.mu.
type namespace struct {
	id      NamespaceID
	name    string // as created
	options NamespaceOptions
	queues  map[string]*host // by lower-case path
}

func openNamespace(r NamespaceRecord) (*namespace, error) {
	o, err := decodeDefinition[NamespaceOptions](r.Definition)
	if err != nil {
		return nil, fmt.Errorf("namespace %q: %w", r.Name, err)
	}
	return &namespace{id: r.ID, name: r.Name, options: o, queues: map[string]*host{}}, nil
}

// find returns a namespace by name, ignoring case. It is called with mu held.
func (b *Broker) find(name string) (*namespace, error) {
	if n := b.namespaces[strings.ToLower(name)]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("namespace %q: %w", name, ErrNamespaceNotFound)
}

// definitionSize is what a change of the catalogue is taken to cost in the log.
const definitionSize = 4 << 10

// PutNamespace creates a namespace or changes its options. The SKU of a namespace
// with queues can't be changed ([ErrNotAllowed]): their limits depend on it.
func (b *Broker) PutNamespace(ctx context.Context, name string, o NamespaceOptions) error {
	o, err := o.normal()
	if err == nil {
		err = checkNamespaceName(name)
	}
	if err != nil {
		return err
	}
	if err := b.log.Admit(ctx, definitionSize); err != nil {
		return fmt.Errorf("put namespace %q: %w", name, err)
	}
	u := &commit.Unit{}
	if err := b.putNamespace(u, name, o); err != nil {
		return err
	}
	b.log.Sync(u)
	return nil
}

func (b *Broker) putNamespace(u *commit.Unit, name string, o NamespaceOptions) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.namespaces[strings.ToLower(name)]
	if n == nil {
		b.lastNamespace++
		n = &namespace{id: b.lastNamespace, name: name, queues: map[string]*host{}}
		b.namespaces[strings.ToLower(name)] = n
	} else if len(n.queues) > 0 && n.options.SKU != o.SKU {
		return fmt.Errorf("namespace %q: %w: the SKU can't change from %s to %s while there are queues", name, ErrNotAllowed, n.options.SKU, o.SKU)
	}
	n.options = o
	b.store.PutNamespace(u, NamespaceRecord{ID: n.id, Name: n.name, Definition: encodeDefinition(o)})
	b.log.Submit(u)
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

// DeleteNamespace deletes a namespace with all its queues. Unless forced it is
// refused with [ErrEntityInUse] while pipeline runs hold messages in it.
func (b *Broker) DeleteNamespace(ctx context.Context, name string, force bool) error {
	if err := b.log.Admit(ctx, definitionSize); err != nil {
		return fmt.Errorf("delete namespace %q: %w", name, err)
	}
	u := &commit.Unit{}
	if err := b.deleteNamespace(u, name, force); err != nil {
		return err
	}
	b.log.Sync(u)
	return nil
}

func (b *Broker) deleteNamespace(u *commit.Unit, name string, force bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.find(name)
	if err != nil {
		return err
	}
	all := make([]*host, 0, len(n.queues))
	for _, e := range n.queues {
		all = append(all, e)
	}
	unlock := lockHosts(all)
	defer unlock()
	if !force {
		for _, e := range all {
			if err := e.unused(); err != nil {
				return err
			}
		}
	}
	for _, e := range all {
		e.drop(u)
	}
	delete(b.namespaces, strings.ToLower(name))
	b.store.DeleteNamespace(u, n.id)
	b.log.Submit(u)
	return nil
}
