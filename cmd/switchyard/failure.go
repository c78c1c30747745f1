package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"switchyard/client"
	"switchyard/config"
	"switchyard/pipeline"
)

// Exit codes of every command; exec has more, those of its command.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for was tried and did not succeed
	exitUsage  = 2 // the command line or a definition can't be understood
)

// failures are the kinds of errors that JSON tells apart, by their codes. The first
// that fits counts. A script may rely on a code, not on a message.
var failures = []struct {
	code, meaning string
	exit          int
	fits          func(error) bool
}{
	{"UsageError", "a flag, an operand, a variable or a settings file can't be understood", exitUsage,
		func(err error) bool { _, ok := errors.AsType[*config.UsageError](err); return ok }},
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
	{"Failed", "anything else: what was asked for was tried and did not succeed", exitFailed,
		func(error) bool { return true }},
}

// fail reports an error in one line on standard error, as JSON if --output asks for
// it, and returns the exit code.
func (e *env) fail(err error) int {
	if _, ok := errors.AsType[lostError](err); ok {
		return exitFailed // Main tells it
	}
	for _, f := range failures {
		if !f.fits(err) {
			continue
		}
		if e.evaluated && !e.json {
			// eval "" would succeed, and what follows would go to Azure.
			e.printf("false # %s\n", printable(err.Error()))
		}
		if !e.json {
			if ds, ok := errors.AsType[pipeline.Diagnostics](err); ok {
				fmt.Fprintln(e.stderr, ds)
			} else {
				fmt.Fprintln(e.stderr, "switchyard:", err)
			}
			return f.exit
		}
		enc := json.NewEncoder(e.stderr)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(map[string]any{"error": map[string]string{"code": f.code, "message": err.Error()}})
		return f.exit
	}
	panic("the last kind of failures fits everything")
}
