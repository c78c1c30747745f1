// Package broker holds the queues of Service Bus namespaces: it finds them by
// name, keeps the order "decide, submit, unlock, sync, answer" of package
// commit, and drives the state machines of package entity with a clock and a
// [Store]. It is the one API that every dialect (AMQP, HTTP, pipeline activities)
// calls; it knows none of them.
//
// # Locks
//
// Broker.mu guards the catalogue. Each top-level entity has one lock, held for
// the decision and for handing the unit to the log, never across I/O. The
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
