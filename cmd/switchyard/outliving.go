package main

import (
	"context"
	"os/signal"
	"syscall"
)

// outliving makes a server of the process: it goes on when nobody reads its output any
// more, and the end of its terminal is a signal to stop in good order, unless it was
// started to ignore that (nohup).
func outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}
