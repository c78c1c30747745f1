package broker

import (
	"errors"
	"fmt"
)

// Partitioned entities are kept as ever, as if all of their messages were in the first of
// Azure's partitions: numbers count from 1 and order is kept. What clients must heed in Azure
// they must heed here [SB-SEM 2.8].

// ErrPartitionKey: messages that must be in one partition do not say that they are.
var ErrPartitionKey = errors.New("messages of a partitioned entity that are sent together must have the same partition key")

// maxPartitioned is how many partitioned entities a namespace may have [SB-SEM 1.4].
const maxPartitioned = 100

// partitioned counts the partitioned queues and topics. It is called with Broker.mu held.
func (n *namespace) partitioned() (count int) {
	for _, e := range n.queues {
		if e.options.EnablePartitioning {
			count++
		}
	}
	for _, t := range n.topics {
		if t.options.EnablePartitioning {
			count++
		}
	}
	return count
}

// canPartition fails if there may be no more partitioned entities. It is called with
// Broker.mu held.
func (n *namespace) canPartition(enable bool) error {
	if enable && n.partitioned() >= maxPartitioned {
		return fmt.Errorf("%w: namespace %q has %d partitioned entities", ErrQuotaExceeded, n.name, maxPartitioned)
	}
	return nil
}

// Partitioned reports whether the queue, or the topic of the subscription, is.
func (q *Queue) Partitioned() bool {
	q.e.mu.Lock()
	defer q.e.mu.Unlock()
	return q.e.options.EnablePartitioning
}

// SameKey fails with [ErrPartitionKey] if an entity with these limits does not take the
// messages as one batch: those that have a session or a partition key must have the same. The
// partition key of a message in a session is the session id, repeated or not.
func (l *SendLimits) SameKey(msgs []*Message) error {
	if !l.Partitioned {
		return nil
	}
	for _, m := range msgs {
		if m.HasSession != msgs[0].HasSession || m.SessionID != msgs[0].SessionID ||
			!m.HasSession && m.PartitionKey != msgs[0].PartitionKey {
			return fmt.Errorf("%w: there are %q and %q", ErrPartitionKey, l.key(msgs[0]), l.key(m))
		}
	}
	return nil
}

// key returns what says in which partition a message is; "": nothing does. The id of a
// message does with duplicate detection.
func (l *SendLimits) key(m *Message) string {
	switch {
	case m.SessionID != "":
		return m.SessionID
	case m.PartitionKey == "" && l.detects && !m.HasSession:
		return m.MessageID
	}
	return m.PartitionKey
}

// keyed fails with [ErrPartitionKey] if messages for a partitioned entity have not all the
// key of the transaction. It returns that key.
func (t *Transaction) keyed(to Sender, msgs []*Message) (*string, error) {
	l, err := to.Limits()
	if err != nil || !l.Partitioned {
		return t.key, err
	}
	key := t.key
	for _, m := range msgs {
		switch k := l.key(m); {
		case k == "" && !m.HasSession:
			return nil, fmt.Errorf("%w: in a transaction one without a session id and a partition key is refused", ErrPartitionKey)
		case key == nil:
			key = &k
		case *key != k:
			return nil, fmt.Errorf("%w: the transaction has %q, a message %q", ErrPartitionKey, *key, k)
		}
	}
	return key, nil
}
