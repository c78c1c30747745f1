package main

import (
	"context"
	"errors"
	"fmt"

	"switchyard/bench/workload"
	"switchyard/client"
	"switchyard/config"
	"switchyard/listen"
	"switchyard/pipeline"
)

// Exit codes of every command; exec has more, those of its command.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for was tried and did not succeed
	exitUsage  = 2 // the command line or a definition can't be understood
)

// A failure is a kind of error that JSON tells from others, by its code.
type failure struct {
	code, meaning string
	exit          int
	fits          func(error) bool
}

// A lateError is that of what did not come to an end in time. It is one sentence.
type lateError string

func (e lateError) Error() string { return string(e) }
func (e lateError) Unwrap() error { return context.DeadlineExceeded }

// A runFailedError is that of a run that has not Succeeded, or has not done what was
// expected. It is one sentence.
type runFailedError string

func (e runFailedError) Error() string { return string(e) }

// failures are the kinds that there are. The first that fits counts. A script may rely on
// a code, not on a message.
var failures = []failure{
	{"UsageError", "a flag, an operand, a variable or a settings file can't be understood", exitUsage,
		func(err error) bool {
			_, ok := errors.AsType[*config.UsageError](err)
			_, address := errors.AsType[*listen.AddressError](err)
			return ok || address
		}},
	{"DefinitionError", "definitions of a folder are refused; each line of the message says where", exitUsage,
		func(err error) bool { _, ok := errors.AsType[pipeline.Diagnostics](err); return ok }},
	{"NotRunning", "no Switchyard runs on the data directory", exitFailed,
		func(err error) bool { _, ok := errors.AsType[*client.NotRunningError](err); return ok }},
	{"NotReady", "a server is there and can't be used: it does not answer, it stopped answering, or /health says why", exitFailed,
		func(err error) bool {
			_, ok := errors.AsType[*client.NotReadyError](err)
			return ok || errors.Is(err, client.ErrStoppedAnswering)
		}},
	{"Timeout", "what was asked for did not come to an end in time", exitFailed,
		func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
	{"RunFailed", "a pipeline run ended and did not succeed, or did not do what --expect says", exitFailed,
		func(err error) bool { _, ok := errors.AsType[runFailedError](err); return ok }},
	{"ExpressionError", "an expression can't be evaluated", exitFailed,
		func(err error) bool { _, ok := errors.AsType[expressionError](err); return ok }},
	{workload.Lost, "bench: a server did not give back what it had accepted", exitFailed, faulty(workload.Lost)},
	{workload.Duplicated, "bench: a server gave back a message twice", exitFailed, faulty(workload.Duplicated)},
	{workload.Disordered, "bench: a server let a message overtake another of the same producer", exitFailed, faulty(workload.Disordered)},
	{workload.Damaged, "bench: a server changed a message", exitFailed, faulty(workload.Damaged)},
	{"Failed", "anything else: what was asked for was tried and did not succeed", exitFailed,
		func(error) bool { return true }},
}

// faulty fits what a server did to messages.
func faulty(kind string) func(error) bool {
	return func(err error) bool {
		f, ok := errors.AsType[*workload.Fault](err)
		return ok && f.Kind == kind
	}
}

// fail reports an error in one line on standard error, as JSON if --output asks for
// it, and returns the exit code.
func (e *env) fail(err error) int {
	if _, ok := errors.AsType[lostError](err); ok {
		return exitFailed // Main tells it
	}
	kind := failureOf(err)
	if e.evaluated && !e.json {
		// eval "" would succeed, and what follows would go to Azure.
		e.printf("false # %s\n", printable(err.Error()))
	}
	ds, ok := errors.AsType[pipeline.Diagnostics](err)
	switch {
	case e.json:
		return e.failed(err)
	case ok:
		fmt.Fprintln(e.stderr, ds)
	default:
		fmt.Fprintln(e.stderr, "switchyard:", err)
	}
	return kind.exit
}

// failed is fail for an error that the answer tells people already: JSON alone has it as
// an error, so that the last line of standard error is one whenever the exit code is not 0.
func (e *env) failed(err error) int {
	kind := failureOf(err)
	if e.json {
		told := failureJSON{Code: kind.code, Message: err.Error()}
		told.Diagnostics, _ = errors.AsType[pipeline.Diagnostics](err)
		_ = jsonLine(e.stderr, map[string]any{"error": told})
	}
	return kind.exit
}

// failureJSON is an error as JSON.
type failureJSON struct {
	Code        string               `json:"code"`
	Message     string               `json:"message"`
	Diagnostics pipeline.Diagnostics `json:"diagnostics,omitempty"` // of definitions that are refused
}

func failureOf(err error) failure {
	for _, f := range failures {
		if f.fits(err) {
			return f
		}
	}
	panic("the last kind of failures fits everything")
}
