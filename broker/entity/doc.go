// Package entity is the top-level entity as a state machine: a [Queue] with its
// sub-queues, or a [Topic] with the queues of its subscriptions. It implements
// [SB-SEM 2, 6, 7, 8, 9] and [SB-AMQP 7.4]. It does no I/O, knows no clock, draws
// no random numbers and starts no goroutine; package broker is the shell that
// does.
//
// # Operations
//
// Every change is an [Op] of a queue or a [TopicOp]. Check may refuse it, or
// answer with a [Need]: what must be read, or worked out by users' rules, before
// it can be applied. The shell makes that ready without its lock, puts what it
// read into a [Supply] and checks again; the queue notes in the supply what
// changes meanwhile ([Queue.Watch]), so that what is stale is needed once more.
// Apply can't fail and fills a [Decision]: the records to write, and the
// deliveries that may leave the process once those records are durable. Several
// operations are checked together and then applied together; nothing is ever
// undone.
//
// A topic holds no messages. Its decision ([TopicDecision]) names the operations
// to apply to the queues of its subscriptions.
//
// A [Claim] is what a transaction has of a locked message before it commits: a mark in
// memory, which ends with the lock.
//
// # What is in memory
//
// Of each sub-queue only a window is in memory: the headers of the first
// messages of the ready order, at most [WindowSize], and without content unless
// the shell had some to spare. Below the cursor every ready message is in the
// window; from the cursor on they are only in the store. In memory are also all
// messages that are locked, reserved or waiting for the end of a backoff, since
// each has an owner or a deadline. Deferred messages are not, unless locked.
//
//	sequence   1 . . . . . . . . . . . . cursor . . . . . . . . . . next
//	           |  window, locked, waiting   |  in the store only    |
//	           low water                                  (locked ones in memory)
//
// [Queue.Work] names what should be done next although nobody asks for it: read
// headers for the window (Refill), content for messages that a consumer waits for
// (Load) or expired messages (Sweep), or end locks and backoffs (Tick). The shell
// reads outside its lock and applies the operation of the same name, which finds
// out what has changed in between:
//
//   - while a refill is being read, every change at or behind the cursor that
//     the reader may have missed is noted in an overlay and wins over what was
//     read;
//   - a message found in memory always wins over what was read.
package entity
