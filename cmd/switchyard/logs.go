package main

import (
	"log/slog"
	"time"

	"switchyard/eventlog"
)

// logs makes a logger of a handler that writes to standard error.
func (e *env) logs(h slog.Handler) *slog.Logger {
	if w, ok := e.stderr.(*eventlog.Writer); ok {
		return w.Logger(h)
	}
	return slog.New(h)
}

// flush waits until what was written to standard error is there, a second at most.
func (e *env) flush() {
	if w, ok := e.stderr.(*eventlog.Writer); ok {
		w.Flush(time.Second)
	}
}
