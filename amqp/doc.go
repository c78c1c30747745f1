// Package amqp is the server end of an AMQP 1.0 connection as a state machine:
// bytes in, bytes and events out. It has no sockets, no goroutines and no clock;
// package amqpnet gives it those. It knows nothing of Service Bus either: what a
// link means is decided by the owner of the [Conn], who answers [Attached].
//
// The owner calls [Conn.Input] with what the socket gave, takes all events from
// [Conn.NextEvent], calls methods of links and deliveries in answer, and writes
// [Conn.Output]. Nothing blocks and nothing that a peer sends is an error to the
// owner: a violation of the protocol ends the link, the session or the
// connection as the specification says, and shows as [Detached] and [Closed].
// Methods of things that are gone do nothing.
//
// A Conn and all that belongs to it must be used by one goroutine at a time.
//
// It implements parts 2 and 5 of the AMQP 1.0 specification without link
// resumption, and [SB-AMQP 1, 2, 3], which says where the clients of Service
// Bus need more than the standard.
package amqp
