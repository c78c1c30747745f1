package main

import (
	"context"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

const (
	// maxHeld is how many messages a command holds at most: their locks are renewed one
	// by one.
	maxHeld = 10000
	// renewEvery is how often locks are looked at.
	renewEvery = time.Second
)

// held are messages that were shown and are given back together, so that none comes
// again meanwhile. Of each it has what settling takes, and not the body.
type held struct {
	s    *source
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex // held while a lock is renewed
	list []*lease   // guarded by mu
}

// A lease is the lock of a held message.
type lease struct {
	m     *azservicebus.ReceivedMessage // owned by held
	since time.Time                     // when the lock began
	lost  bool                          // it can't be renewed
}

// due reports whether half of the lock's duration has passed.
func (l *lease) due(now time.Time) bool {
	return !l.lost && l.m.LockedUntil != nil && now.Sub(l.since) > l.m.LockedUntil.Sub(l.since)/2
}

// hold begins to renew the locks of what is added, until all is given back.
func hold(s *source) *held {
	ctx, stop := context.WithCancel(context.Background())
	h := &held{s: s, stop: stop, done: make(chan struct{})}
	go h.keep(ctx)
	return h
}

// add takes a message over. The caller does not touch it any more.
func (h *held) add(m *azservicebus.ReceivedMessage) {
	if raw := m.RawAMQPMessage; raw != nil {
		clear(raw.Body.Data)
	}
	m.Body = nil
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, &lease{m: m, since: time.Now()})
}

// keep renews locks until ctx ends.
func (h *held) keep(ctx context.Context) {
	defer close(h.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(renewEvery):
		}
		for i := 0; h.renew(ctx, i); i++ {
		}
	}
}

// renew renews one lock if it is due, and reports whether there is such a message.
func (h *held) renew(ctx context.Context, i int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i >= len(h.list) || ctx.Err() != nil {
		return false
	}
	if l := h.list[i]; l.due(time.Now()) {
		now := time.Now()
		err := h.s.timed(ctx, "", func(ctx context.Context) error { return h.s.RenewMessageLock(ctx, l.m, nil) })
		l.since, l.lost = now, err != nil
	}
	return true
}

// giveBack abandons what is held, the oldest first, and ends the renewing. The first
// error is returned after all were tried; of those whose lock has ended there is nothing
// to be done.
func (h *held) giveBack(ctx context.Context) (err error) {
	ctx = context.WithoutCancel(ctx) // a signal does not keep them
	for l := h.next(); l != nil; l = h.next() {
		failed := h.s.timed(ctx, "give back message "+l.m.MessageID,
			func(ctx context.Context) error { return h.s.AbandonMessage(ctx, l.m, nil) })
		if failed != nil && !l.lost && err == nil {
			err = failed
		}
		if gone(failed) {
			break
		}
	}
	h.stop()
	<-h.done
	return err
}

// next takes the first message out.
func (h *held) next() *lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) == 0 {
		return nil
	}
	l := h.list[0]
	h.list = h.list[1:]
	return l
}
