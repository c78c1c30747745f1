// Package bridge connects the factory with the broker. The two do not know each
// other: pipeline/activity declares the Bus that activities send to and settle in,
// pipeline/trigger the Source that a trigger takes messages from and the Settler
// that ends what a run holds, pipeline/factory the Starter that runs triggers. The
// types of this package are these four over a [broker.Broker].
//
// The bridge keeps no state of its own and starts no goroutine. Which messages a
// run holds is in the broker; where a run finds them again, also after a restart,
// is the binding that [batch.Binding] writes into the record of the run.
package bridge
