// Package expr is the pipeline expression language of Data Factory: it scans,
// parses and evaluates the strings and expression objects that stand in
// pipeline, dataset, linked-service and trigger JSON, and holds the JSON values
// they work on. It has no clock, no randomness and no I/O of its own: the time,
// the seed and every name an expression can refer to come from its [Context].
package expr
