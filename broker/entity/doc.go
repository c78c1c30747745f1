// Package entity is the queue as a state machine: one top-level entity with its
// main queue and its dead-letter sub-queue. It implements [SB-SEM 2, 6, 8, 9]
// and [SB-AMQP 7.4]. It does no I/O, knows no clock, draws no random numbers
// and starts no goroutine; package broker is the shell that does.
//
// # Operations
//
// Every change is an [Op]. [Queue.Check] may refuse it and names the message
// contents that must be read before it can be applied; [Queue.Apply] can't fail
// and fills a [Decision]: the records to write, and the deliveries that may
// leave the process once those records are durable. Several operations are
// checked together and then applied together; nothing is ever undone.
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
// [Queue.Work] names what should be read next: headers for the window (Refill),
// content for messages that a consumer waits for (Load), expired messages
// (Sweep), contents for messages whose lock ended for the last time (Tick).
// The shell reads outside its lock and applies the operation of the same name,
// which finds out what has changed in between:
//
//   - while a refill is being read, every change at or behind the cursor that
//     the reader may have missed is noted in an overlay and wins over what was
//     read;
//   - a message found in memory always wins over what was read.
package entity
