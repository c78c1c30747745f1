package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"switchyard/broker/description"
	"switchyard/commit"
)

// The record of a namespace or an entity may be damaged while its messages are not. If
// its bytes still seem to say which one it is, it is there under that name: a namespace
// with what is in it, and with its keys if they can be unsealed; an entity closed, because
// a limit or a time to live that is wrong by a digit could cost messages. Who puts it
// again gives it a new record.

// errNoTopic: there is no topic that a subscription is of.
var errNoTopic = errors.New("the topic does not exist")

// putAgain is the error of an entity whose record is damaged. Trying again helps once it
// was put again, so a run whose messages it has waits with its end.
func putAgain(damage error) error {
	return fmt.Errorf("%w (put it again with its properties: it is whole after the next start; %w)",
		damage, commit.ErrUnread)
}

// NamespaceDamaged reports whether the record of a namespace can't be read.
func (b *Broker) NamespaceDamaged(name string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	n, err := b.find(name)
	return err == nil && n.damaged
}

// plausible reports whether the damaged record of an entity says which one it is.
func plausible(n *namespace, r EntityRecord) bool {
	if n == nil {
		return false
	}
	topic, name, subscription := SplitSubscription(r.Path)
	kind, err := kindOf(r.Definition)
	switch {
	case err != nil || subscription != (kind == kindSubscription):
		return false
	case subscription:
		return name != "" && n.topics[strings.ToLower(topic)] != nil && n.subscription(topic, name, true) == nil
	}
	return description.CheckPath(r.Path) == nil && n.free(r.Path) == nil
}

// A loss is what can't be opened because nobody knows what it is, with what is in it.
type loss struct {
	namespaces []NamespaceRecord
	entities   []EntityRecord
}

// takes adds an entity that is lost. n is its namespace, nil if that was not opened.
func (l *loss) takes(n *namespace, r EntityRecord) bool {
	inLost := slices.ContainsFunc(l.namespaces, func(n NamespaceRecord) bool { return n.ID == r.Namespace })
	if inLost || r.Damage != nil && !plausible(n, r) {
		l.entities = append(l.entities, r)
		return true
	}
	return false
}

// accept deletes what is lost, or refuses to go on without it.
func (b *Broker) accept(l loss) error {
	if len(l.namespaces)+len(l.entities) == 0 {
		return nil
	}
	var names []string
	for _, r := range l.namespaces {
		names = append(names, fmt.Sprintf("namespace %d, perhaps %q", r.ID, r.Name))
	}
	for _, r := range l.entities {
		names = append(names, fmt.Sprintf("queue or topic %d, perhaps %q", r.ID, r.Path))
	}
	what := strings.Join(names, "; ")
	if !b.acceptLoss {
		return fmt.Errorf("%w: it is not known what these are: %s; restore a copy of the directory, "+
			"or start with --accept-data-loss, which deletes them with their messages", ErrDamaged, what)
	}
	b.logger.Error("what can't be read is deleted with its messages", "lost", what)
	return commit.Do(context.Background(), b.log, commit.Frees, nil, func(u *commit.Unit) {
		for _, r := range l.entities {
			b.store.DeleteEntity(u, r.ID)
		}
		for _, r := range l.namespaces {
			b.store.DeleteNamespace(u, r.ID)
		}
	})
}

// allTopics returns the topics, in the order of their numbers.
func (b *Broker) allTopics() []*topic {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var all []*topic
	for _, n := range b.namespaces {
		for _, t := range n.topics {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *topic) int { return int(min(max(int64(a.id)-int64(b.id), -1), 1)) })
	return all
}
