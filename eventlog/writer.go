package eventlog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// maxBuffered is how many bytes of lines wait for the reader of the log.
const maxBuffered = 1 << 20

// urgent is how long a line at error waits to be read: the process may end with it.
const urgent = time.Second

// A Writer writes lines to where nobody may be reading: a pipe that is full, a terminal
// that is stopped or gone. Write never waits. Lines for which there is no room are
// dropped, and it says how many once there is. What can't be written is lost: there is
// nowhere to say so.
type Writer struct {
	w io.Writer

	mu      sync.Mutex
	filled  sync.Cond     // signals lines and closed
	lines   []byte        // to be written; guarded by mu
	dropped int           // lines since; guarded by mu
	closed  bool          // guarded by mu
	written chan struct{} // closed when everything is written, and made anew; guarded by mu
	busy    bool          // something is being written; guarded by mu
	stuck   bool          // a flush has waited in vain; guarded by mu
}

// NewWriter returns a writer of lines. Its goroutine ends after [Writer.Close], when w
// lets it.
func NewWriter(w io.Writer) *Writer {
	x := &Writer{w: w, written: make(chan struct{})}
	x.filled.L = &x.mu
	go x.loop()
	return x
}

// Write takes whole lines. It does not fail.
func (x *Writer) Write(line []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || len(x.lines)+len(line) > maxBuffered {
		x.dropped++
		return len(line), nil
	}
	if x.dropped > 0 {
		x.lines = fmt.Appendf(x.lines, "(%d lines of the log were dropped: nobody read it)\n", x.dropped)
		x.dropped = 0
	}
	x.lines = append(x.lines, line...)
	x.filled.Signal()
	return len(line), nil
}

// Unwrap returns where the lines go.
func (x *Writer) Unwrap() io.Writer { return x.w }

func (x *Writer) loop() {
	var out []byte
	x.mu.Lock()
	defer x.mu.Unlock()
	for {
		for len(x.lines) == 0 && !x.closed {
			x.filled.Wait()
		}
		if len(x.lines) == 0 {
			return
		}
		out, x.lines = x.lines, out[:0]
		x.busy = true
		x.mu.Unlock()
		_, _ = x.w.Write(out) // see Writer
		x.mu.Lock()
		x.busy, x.stuck = false, false
		if len(x.lines) == 0 {
			close(x.written)
			x.written = make(chan struct{})
		}
	}
}

// Flush waits until everything is written, but no longer than d, and not at all where
// that was in vain before.
func (x *Writer) Flush(d time.Duration) {
	x.mu.Lock()
	if x.stuck || !x.busy && len(x.lines) == 0 {
		x.mu.Unlock()
		return
	}
	written := x.written
	x.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-written:
	case <-t.C:
		x.mu.Lock()
		x.stuck = true
		x.mu.Unlock()
	}
}

// Close flushes and ends the goroutine. Later lines are dropped.
func (x *Writer) Close() {
	x.Flush(urgent)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	x.filled.Signal()
}

// Logger returns a logger of a handler that writes to x. Lines at error are waited for,
// a second at most, since the process may be about to end.
func (x *Writer) Logger(h slog.Handler) *slog.Logger { return slog.New(flushing{h, x}) }

// A flushing handler waits for lines at error.
type flushing struct {
	slog.Handler
	w *Writer
}

// Handle implements [slog.Handler].
func (f flushing) Handle(ctx context.Context, r slog.Record) error {
	err := f.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelError {
		f.w.Flush(urgent)
	}
	return err
}

// WithAttrs implements [slog.Handler].
func (f flushing) WithAttrs(a []slog.Attr) slog.Handler {
	return flushing{f.Handler.WithAttrs(a), f.w}
}

// WithGroup implements [slog.Handler].
func (f flushing) WithGroup(name string) slog.Handler {
	return flushing{f.Handler.WithGroup(name), f.w}
}
