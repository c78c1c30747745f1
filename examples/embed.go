// Package examples holds complete, runnable definitions, embedded so that the
// program can run them without a checkout. Each directory is a Data Factory
// repository (factory/, linkedService/, pipeline/, trigger/) with the
// configuration of the Service Bus it works on beside it.
package examples

import "embed"

// FS holds the examples, one directory each; ticket-triage is the one that the
// demo runs.
//
//go:embed all:ticket-triage
var FS embed.FS
