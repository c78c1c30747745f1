package engine

import (
	"context"
	"time"

	"switchyard/clock"
)

const (
	// pacedFrom is the size in bytes of a turn that is written at a pace.
	pacedFrom = 1 << 20
	// longestPace bounds the pause after a turn.
	longestPace = time.Second
)

// wall measures how long turns take; the time of the process is not for that.
var wall clock.Wall

// A pace leaves the log to others: what is committed together with megabytes waits until
// they are on the disk. Of the turns that write so much one is written at a time, and
// then none for as long as that took. So all runs together take half of the log's time.
type pace struct {
	turn chan struct{} // takes one value
	next time.Time     // of whose turn it is
}

func newPace() *pace { return &pace{turn: make(chan struct{}, 1)} }

// begin waits until a turn of so many bytes may be written, or until ctx ends or one
// of quit and hurry is closed: a stop and a run that is cancelled do not wait. The caller writes it, waits for nothing else, and
// calls end.
func (p *pace) begin(ctx context.Context, quit, hurry <-chan struct{}, bytes int) (end func()) {
	if bytes < pacedFrom {
		return func() {}
	}
	select {
	case p.turn <- struct{}{}:
	case <-quit:
		return func() {}
	case <-hurry:
		return func() {}
	case <-ctx.Done():
		return func() {}
	}
	if wait := p.next.Sub(wall.Now()); wait > 0 {
		t := wall.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C():
		case <-quit:
		case <-hurry:
		case <-ctx.Done():
		}
	}
	began := wall.Now()
	return func() {
		now := wall.Now()
		p.next = now.Add(min(now.Sub(began), longestPace))
		<-p.turn
	}
}
