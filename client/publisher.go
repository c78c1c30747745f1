package client

import (
	"context"
	"log/slog"
	"sync"
)

// A Publisher keeps the endpoints file of a running Switchyard true: a client that reads
// it finds what there is now. The zero value publishes nothing.
type Publisher struct {
	mu     sync.Mutex    // held while the file is written
	write  func() error  // nil before Begin and after End; guarded by mu
	logger *slog.Logger  // guarded by mu
	news   chan struct{} // something changed
	once   sync.Once
}

// Begin writes the file for the first time, into dir, and then after changes until ctx
// ends. The caller runs what it returns.
func (p *Publisher) Begin(ctx context.Context, dir string, now func() Endpoints, l *slog.Logger) (follow func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write, p.logger = func() error { return now().Write(dir) }, l
	return func() {
		for {
			select {
			case <-p.changes():
				p.Publish()
			case <-ctx.Done():
				return
			}
		}
	}, p.write()
}

func (p *Publisher) changes() chan struct{} {
	p.once.Do(func() { p.news = make(chan struct{}, 1) })
	return p.news
}

// Changed asks for the file to be written anew. It does not wait: many changes that come
// at once become one file.
func (p *Publisher) Changed() {
	select {
	case p.changes() <- struct{}{}:
	default: // the next to write sees this change too
	}
}

// Publish writes the file anew.
func (p *Publisher) Publish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.write == nil {
		return
	}
	if err := p.write(); err != nil {
		p.logger.Error("the endpoints file can't be written", "err", err)
	}
}

// End waits for a file that is being written. None is from then on.
func (p *Publisher) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write = nil
}
