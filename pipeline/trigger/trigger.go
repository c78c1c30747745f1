// Package trigger is what starts runs. [Schedule] starts them at the times of a
// recurrence, [TumblingWindow] one for each window of time, and [Firings] keep what they have
// done. [ServiceBus], an extension, starts a
// run for a batch of messages of a Service Bus queue; the JSON form of its
// definition is [pipeline.ServiceBusTrigger].
//
// A Service Bus trigger never holds work back: it takes messages only when a run can start,
// so what waits, waits in the queue. Messages are reserved in memory, parameters
// are evaluated outside every lock, and then one unit locks the messages for the
// run and creates it. If a parameter can't be evaluated the messages are
// abandoned with a backoff and in the end dead-lettered with the reason
// TriggerParameterError.
package trigger
