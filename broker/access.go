package broker

import (
	"strings"

	"switchyard/commit"
)

// AccessEffect replaces the access rules of a queue, a topic or a subscription, or of
// the namespace if path is "". The broker only keeps them, with the entity: they come
// and go with it, and what they say is a matter of those who use them. They hold keys,
// so they are sealed before they come here. Errors of Stage: [ErrNamespaceNotFound],
// [ErrEntityNotFound].
func (b *Broker) AccessEffect(ns, path string, rules []byte) *Change {
	return b.newChange("set access rules", path, func(u *commit.Unit) (_ bool, unlock func(), err error) {
		n, err := b.find(ns)
		if err != nil {
			return false, nil, err
		}
		if path == "" {
			n.access = rules
			b.store.PutNamespace(u, n.record())
			return false, func() {}, nil
		}
		if t := n.topics[strings.ToLower(path)]; t != nil {
			t.mu.Lock()
			t.access = rules
			b.store.PutEntity(u, t.record())
			return false, t.mu.Unlock, nil
		}
		e, s := n.queues[strings.ToLower(path)], n.subscription(SplitSubscription(path))
		if s != nil {
			e = s.messageStore
		}
		if e == nil {
			return false, nil, notFound("entity", path, ns)
		}
		e.mu.Lock()
		e.access = rules
		if s != nil {
			b.store.PutEntity(u, e.record(s.definition()))
		} else {
			b.store.PutEntity(u, e.record(encodeEntity(kindQueue, e.options, e.access)))
		}
		return false, e.mu.Unlock, nil
	})
}

// AccessRules calls f with the access rules of every namespace (path "") and entity
// that has some. It is for those who load them before the broker is started: f must
// not call the broker. Rules that a damaged record seems to have and f refuses go.
func (b *Broker) AccessRules(f func(ns, path string, rules []byte) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	call := func(n *namespace, path string, rules *[]byte, damaged bool) error {
		if *rules == nil {
			return nil
		}
		err := f(n.name, path, *rules)
		if err != nil && damaged {
			b.logger.Error("access rules can't be read and do not count", "namespace", n.name, "path", path, "error", err)
			*rules, err = nil, nil
		}
		return err
	}
	for _, n := range b.namespaces {
		if err := call(n, "", &n.access, n.damaged); err != nil {
			return err
		}
		for _, t := range n.topics {
			if err := call(n, t.path, &t.access, t.closed != nil); err != nil {
				return err
			}
		}
		for _, e := range n.messageStores() {
			if err := call(n, e.path, &e.access, e.trouble.closed != nil); err != nil {
				return err
			}
		}
	}
	return nil
}
