// Package eventlog is the log that people read: the one place where what happened
// becomes a line. The other packages tell what happened, by callbacks that are called
// once it is durable; the words, the level and how often a thing is told are here.
// What went wrong inside of them they log themselves.
//
// At info there is a line for what somebody running Switchyard wants to know
// afterwards: starts and stops, what was deployed, each run that ended, triggers,
// messages in dead-letter queues, and logins and tokens that were refused. At debug
// there are links and activities too. There is no line for a message, but for dead
// letters, which are counted: see [Log.DeadLettered]. Neither bodies nor properties nor
// secrets are in any line: what a client can choose freely is shown only where it names
// something, made printable and cut.
//
// A log that nobody reads must not stop what it tells of: see [Writer].
package eventlog
