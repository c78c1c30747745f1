// Package broker holds the queues and topics of Service Bus namespaces: it finds
// them by name, keeps the order "decide, submit, unlock, sync, answer" of package
// commit, and drives the state machines of package entity with a clock and a
// [Store]. It is the one API that every dialect (AMQP, HTTP, pipeline activities)
// calls; it knows none of them.
//
// # Topics
//
// A subscription is a queue that is filled by its topic: consumers, Peek, Settle,
// Reserve and effects are those of a queue, found by topic/Subscriptions/name. A
// send to a topic is one decision and one unit for all subscriptions. Rules are
// evaluated before it, under no lock, on a set of rules that never changes;
// under the lock the send only looks whether it is still the set of now.
//
// Each copy is stored whole. In memory copies share their sections; on disk a
// message kept once would need a count of those who still refer to it, a record
// that is rewritten at every completion, and every read would be two. A copy
// costs its bytes once in the write-ahead log and is deleted by its own range.
//
// # Locks
//
// Broker.mu guards the catalogue. Each top-level entity, a queue or a topic with
// all its subscriptions, has one lock, held for the decision and for handing the
// unit to the log, never across I/O or the evaluation of rules. The
// catalogue's lock is taken before an entity's; several entities are locked in
// the order of their numbers; locks of the timers, the workers and the log are
// last. A callback of a unit (Deliver, Drained, done, OnReady's f) runs without
// any of them, in the goroutine that syncs.
//
// # Goroutines
//
// [Broker.Start] starts one goroutine that waits for deadlines (lock expiry,
// time to live, backoff) and a few workers that read what an entity wants to
// have in memory (entity.Work). [Broker.Close] waits for them. Everything else
// runs in its caller's goroutine.
package broker
