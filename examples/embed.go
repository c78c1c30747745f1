// Package examples holds complete, runnable definitions, embedded so that the
// program can run them without a checkout. ticket-triage is a Data Factory
// repository (factory/, linkedService/, pipeline/, trigger/) with the
// configuration of the Service Bus it works on beside it. approval is one with a page on
// which somebody answers what its pipeline asks. The other directories are
// programs for Pulumi and Terraform, which is not what this program runs.
package examples

import "embed"

// FS holds ticket-triage, which the demo runs.
//
//go:embed all:ticket-triage
var FS embed.FS
