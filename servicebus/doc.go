// Package servicebus is the Service Bus dialect of AMQP 1.0: it answers the
// events of AMQP connections by calling the broker, so that the official client
// libraries connect unmodified.
//
// A [Handler] serves any number of connections. Everything that belongs to one
// connection is owned by that connection's loop (package amqpnet): events come
// on it, and what the broker has to say comes from other goroutines and is
// posted to it. The only other goroutine is one per connection that waits for
// its next deadline; it ends with the connection.
//
// The order that every operation keeps is decide, submit, unlock, sync, answer.
// The broker decides and submits while events are handled, messages of one link that
// come together as one; Flush waits once for everything a batch of input has caused; answers are sent by callbacks that the
// log runs after the records are durable. No disposition, delivery or response
// leaves before that.
//
// It implements [SB-AMQP 3] to [SB-AMQP 11] for queues, topics, subscriptions
// with their rules, and dead-letter queues.
// Idle rules [SB-AMQP 3.6] are off unless [Idle] sets them.
package servicebus
