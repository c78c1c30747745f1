// Package broker holds the queues and topics of Service Bus namespaces: it finds
// them by name, keeps the order "decide, submit, unlock, sync, answer" of package
// commit, and drives the state machines of package entity with a clock and a
// [Store]. It is the one API that every dialect (AMQP, HTTP, pipeline activities)
// calls; it knows none of them.
//
// # Plans
//
// Every change of messages is a plan: one or several operations on queues and
// topics that are decided together. There is one way for all of them:
//
//	admit   a send waits until the log has room, before any lock
//	lock    the top-level entities, in the order of their numbers
//	check   all operations; what they need (entity.Need) is loaded with no
//	        lock held, and they are checked again
//	apply   all operations, and add their records to a unit
//	submit  the unit
//	release serve what has become due, and unlock
//	sync    by the caller, who may wait for many units at once
//
// Sends, settlements, renewals, receives by number, credit, reservations and the
// reads of the workers each are a plan with a unit of its own. An effect of a
// pipeline run is a plan that is staged into the run's unit: the run submits it.
// A [Transaction] of a client collects operations and is a plan when it commits; until
// then it has only claimed the messages that it will settle. Changes of the catalogue are
// a [Change] instead.
//
// # Topics
//
// A subscription is a queue that is filled by its topic: a consumer, Peek, Settle,
// Reserve and effects work as on a queue, found by topic/Subscriptions/name. A
// send to a topic is one decision (entity.Topic) and one unit for all
// subscriptions. Rules are evaluated under no lock, on a set of rules that never
// changes; if the topic has another set when the send is checked, it needs a new
// evaluation.
//
// Each copy is stored whole. In memory copies share their sections; on disk a
// message kept once would need a count of those who still refer to it, a record
// that is rewritten at every completion, and every read would be two. A copy
// costs its bytes once in the write-ahead log and is deleted by its own range.
//
// # Transfer queues
//
// A transaction is about one top-level entity. What it sends to others ([Broker.Via]) is
// first a message of that one's transfer queue, in the same unit as the rest; a topic's
// schedule has one too. From there a mover takes it on, as it does what is forwarded: one
// unit for each move, so a message is in one place whatever happens. What its destination
// does not take is dead-lettered beside the transfer queue.
//
// # Duplicates
//
// An entity with duplicate detection remembers the ids of what it has accepted
// (entity.History): a topic before its rules, so its subscriptions have none. An id and
// its message are in one unit. A send whose ids are not in memory, where only the last
// few are, needs reads of the store: one for each id in each bucket of ids that are
// forgotten together, which are two in general. Filters of at most 512 KiB, of the buckets
// that began in this process, tell of most new ids that no read is needed. The ids of a
// bucket are deleted as one range when the last of them is over.
//
// # Forwarding
//
// A mover moves the messages of a sub-queue on to other entities: it reserves a page in
// memory, and one plan takes them away here and sends them there. What a queue forwards is
// found by messageStore.settleDown, as other work is; a backlog is read as consumers'
// windows are. What is refused is dead-lettered by the same hand, or waits.
//
// # Locks
//
// Broker.mu guards the catalogue. Each top-level entity, a queue or a topic with
// all its subscriptions, has one lock, held for the decision and for handing the
// unit to the log, never across I/O or the evaluation of rules. The
// catalogue's lock is taken before an entity's; several entities are locked in
// the order of their numbers; locks of the timers, the workers and the log are
// last. A callback of a unit (Deliver, Drained, done, OnReady's f) runs without
// any of them, in the goroutine that syncs. Deliver may also be called with the entity's
// lock held, by who decides a delivery that need not wait for the disk.
//
// # Goroutines
//
// [Broker.Start] starts one goroutine that waits for deadlines (lock expiry,
// time to live, backoff), a few workers that read what an entity wants to
// have in memory (entity.Work), and some that forward messages. [Broker.Close]
// waits for them. Everything else runs in its caller's goroutine.
package broker
