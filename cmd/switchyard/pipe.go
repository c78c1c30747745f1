package main

import (
	"context"
	"os"
	"time"
)

// A pipe is standard output, if that is a pipe whose reader can be watched: then what was
// written is not what was read. The nil pipe is anything else.
type pipe struct {
	fd int
	// spent is how long the reader was given, after messages it had read, to go away:
	// head, for instance, reads more than it was asked for and then ends.
	spent time.Duration
}

const (
	// pipeLinger is the patience after each message, while the sum of it is below
	// pipeLingers; then it is shorter, since a reader that stayed so long stays.
	pipeLinger, pipeLingers, pipeLingerLater = 50 * time.Millisecond, 3 * time.Second, 2 * time.Millisecond
	pipeStep                                 = time.Millisecond
)

// pipeOf returns the pipe that standard output is, nil if it is none.
func pipeOf(e *env) *pipe {
	w := e.stdout
	if o, ok := w.(*output); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return nil
	}
	return watchPipe(f)
}

// drained waits until everything was read. It returns false if that will not happen,
// because the reader has gone or ctx has ended.
func (p *pipe) drained(ctx context.Context) bool {
	for p != nil && p.unread() {
		if p.broken() {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pipeStep):
		}
	}
	return true
}

// closed gives the reader a moment to go away and reports whether it has.
func (p *pipe) closed() bool {
	if p == nil {
		return false
	}
	linger := pipeLinger
	if p.spent > pipeLingers {
		linger = pipeLingerLater
	}
	for end := time.Now().Add(linger); ; {
		if p.broken() {
			return true
		}
		if !time.Now().Before(end) {
			p.spent += linger
			return false
		}
		time.Sleep(pipeStep)
	}
}
