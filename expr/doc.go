// Package expr is the pipeline expression language of Data Factory: it scans,
// parses and evaluates the strings and expression objects that stand in
// pipeline, dataset, linked-service and trigger JSON. The JSON values they work
// on are those of package value. It has no clock, no randomness and no I/O of its own: the time,
// the seed and every name an expression can refer to come from its [Context].
//
// A string becomes a [Template] once ([Parse]) and is evaluated as often as
// needed ([Context.Evaluate] walks whole values and caches their templates).
// Mistakes in the text are reported when it is parsed; an unknown function or a
// wrong number of arguments only when the call is reached, as the service does.
// [Template.References] and [Functions] let a validator report them early.
//
// Whatever the input, an evaluation ends and fits in memory: expressions are
// limited in length and depth, results in length and depth, XPath in steps over the
// document. All evaluations of one [Context] share a [Budget] of work and bytes,
// and who runs them can end them by its [Interrupt].
//
// Comments that name a section mean the expression language specification.
package expr
