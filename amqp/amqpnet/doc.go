// Package amqpnet drives an [amqp.Conn] over a [net.Conn]: it owns the
// goroutines, the timer and the buffers that the endpoint does without.
//
// One connection is one loop, which takes one turn after the other. The loop alone
// touches the endpoint and calls the [Handler]. A turn runs in the goroutine that has read
// what there is to do, or in the one that called [Serve] if it is anything else; a writer
// goroutine carries only bytes. Others hand the loop work with [Conn.Post].
//
// A turn of the loop takes what has arrived, runs the handler for every event,
// runs what was posted, lets the handler flush (which begins to make durable what the
// turn has brought: the more that is, the fewer syncs), and writes the output. What the
// socket does not take at once is handed to the writer, and the next turn goes on
// meanwhile. If the client stops reading, the loop stops reading too before memory runs
// out.
package amqpnet
