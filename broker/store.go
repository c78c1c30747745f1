package broker

import (
	"math"
	"time"

	"switchyard/commit"
)

// NamespaceRecord is a namespace as the store keeps it.
type NamespaceRecord struct {
	ID   NamespaceID
	Name string
	// Definition is the namespace's own configuration, encoded by the broker.
	Definition []byte
	// Damage says why the record can't be read; nil: it was read. The rest, but for ID,
	// is then what the damaged bytes seem to say. It is not written.
	Damage error
}

// EntityRecord is a queue, a topic or a subscription as the store keeps it. The
// definition says which; a subscription comes after its topic.
type EntityRecord struct {
	ID        EntityID
	Namespace NamespaceID
	Path      string // of a subscription: topic/Subscriptions/name
	CreatedAt time.Time
	UpdatedAt time.Time
	// Definition is the entity's configuration, encoded by the broker.
	Definition []byte
	Damage     error // as that of a namespace
}

// Store keeps namespaces, entities and messages durably. The Put and Delete
// methods only add records to a unit: they do no I/O and can't fail. Reads see
// what has been committed, so a caller that needs to read its own writes syncs
// them first.
//
// A message is one immutable record (content, sequence number, times) and,
// only while it differs from the zero [Status], one status record: a message
// that is sent, locked and completed costs one set, one set and two deletes.
type Store interface {
	// Catalogue returns every namespace and entity, in the order of their
	// numbers, and the greatest number ever given to either. A record that can't be
	// read has Damage.
	Catalogue() (Catalogue, error)
	PutNamespace(u *commit.Unit, r NamespaceRecord)
	DeleteNamespace(u *commit.Unit, id NamespaceID)
	PutEntity(u *commit.Unit, r EntityRecord)
	// DeleteEntity removes the entity with all sub-queues and messages as one
	// range.
	DeleteEntity(u *commit.Unit, id EntityID)

	// PutMessage writes the immutable record and, if ExpiresAt is set, the
	// expiry index. It does not write the status.
	PutMessage(u *commit.Unit, q QueueID, m *Message)
	PutStatus(u *commit.Unit, q QueueID, seq int64, s *Status)
	DeleteStatus(u *commit.Unit, q QueueID, seq int64)
	// DeleteMessage removes the message, whose Sections have so many bytes, its expiry
	// entry and its status; bare: it has no status. Only SequenceNumber and ExpiresAt of m
	// are read.
	DeleteMessage(u *commit.Unit, q QueueID, m *Message, size int, bare bool)
	PutCounters(u *commit.Unit, q QueueID, c Counters)
	// PutSessionEntry and DeleteSessionEntry change the index of messages by session.
	PutSessionEntry(u *commit.Unit, q QueueID, session string, seq int64)
	DeleteSessionEntry(u *commit.Unit, q QueueID, session string, seq int64)
	// PutSessionState replaces the state of a session; nil deletes it.
	PutSessionState(u *commit.Unit, q QueueID, session string, s *SessionState)

	// PutID remembers the id of a message that a queue or a topic has accepted.
	PutID(u *commit.Unit, id EntityID, r RememberedID)
	// ForgetIDs deletes the buckets of an entity up to this one as one range.
	ForgetIDs(u *commit.Unit, id EntityID, bucket time.Time)

	// IDBuckets returns the buckets of an entity that hold ids, in order. It does not
	// read the ids.
	IDBuckets(id EntityID) ([]time.Time, error)
	// RememberedUntil returns until when each of the ids is remembered in one of the
	// buckets, zero if it is in none.
	RememberedUntil(id EntityID, buckets []time.Time, ids []string) ([]time.Time, error)

	// Counters returns the totals, the zero value for a queue never written.
	Counters(q QueueID) (Counters, error)
	// Statuses calls f for every status record in the order of sequence numbers.
	Statuses(q QueueID, f func(seq int64, s *Status) error) error
	// Message reads one message with content and status. The error wraps
	// [ErrMessageNotFound] if it is not there.
	Message(q QueueID, seq int64) (*Message, error)
	// Scan reads up to limit messages with sequence numbers >= from, in order,
	// with their statuses. Contents are read until they have that many bytes
	// together, of one message at least; 0 reads none. Of the others Sections is nil,
	// and Size tells its length. If it fails it also returns those before the failure.
	Scan(q QueueID, from int64, limit, contents int) ([]Scanned, error)
	// ScanSession is Scan of the messages that the index has of a session.
	ScanSession(q QueueID, session string, from int64, limit, contents int) ([]Scanned, error)
	// Sessions names up to limit sessions that the index has messages of, those after the
	// given one: in the order of the ids' lengths in bytes, and those of one length in that
	// of their bytes.
	Sessions(q QueueID, after *string, limit int) ([]string, error)
	// SessionsWithState is Sessions of those that have a state, whether the index has
	// messages of them or not; with a time, whose state was set after it.
	SessionsWithState(q QueueID, since time.Time, after *string, limit int) ([]string, error)
	// SessionState reads the state of a session, nil if it has none.
	SessionState(q QueueID, session string) (*SessionState, error)
	// Expired reads up to limit entries of the expiry index that come strictly
	// after the given one, in the order of time and then sequence number. The
	// zero Expiry comes before every entry.
	Expired(q QueueID, after Expiry, limit int) ([]Expiry, error)
}

// AllContents has [Store] Scan read all contents.
const AllContents = math.MaxInt

// Catalogue is what [Store.Catalogue] returns.
type Catalogue struct {
	Namespaces    []NamespaceRecord
	Entities      []EntityRecord
	LastNamespace NamespaceID
	LastEntity    EntityID
}
