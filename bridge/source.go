package bridge

import (
	"errors"
	"sync"

	"switchyard/broker"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
)

// A source is a queue as a trigger sees it, a [trigger.Source]. The queue is
// looked up at each use: it may be deleted and made again.
type source struct {
	bus      *Bus
	endpoint activity.Endpoint
	queue    string

	mu      sync.Mutex
	ready   func()         // called when messages may be there; nil: nobody asks; guarded by mu
	watched broker.QueueID // the queue that calls ready; guarded by mu
	cancel  func()         // ends that; nil: no queue calls; guarded by mu
}

func (s *source) open() (*broker.Queue, error) { return s.bus.queue(s.endpoint, s.queue) }

// exists finds the queue whatever the factory's identity may do with it.
func (s *source) exists() (*broker.Queue, error) {
	if s.endpoint.ConnectionString != "" {
		return s.open()
	}
	ns, err := s.bus.o.Namespace(s.endpoint.FullyQualifiedNamespace)
	if err != nil {
		return nil, err
	}
	return s.bus.named(ns, s.queue)
}

// OnReady implements [trigger.Source].
func (s *source) OnReady(f func()) (cancel func()) {
	s.mu.Lock()
	s.ready = f
	s.mu.Unlock()
	q, err := s.open()
	if err != nil {
		s.bus.o.Logger.Error("a trigger's queue can't be watched", "queue", s.queue, "err", err)
	} else {
		s.watch(q)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ready = nil; s.cancel != nil {
			s.cancel()
		}
	}
}

// watch lets a queue tell when it has messages, instead of the one of the same
// name that was deleted.
func (s *source) watch(q *broker.Queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready == nil || s.cancel != nil && s.watched == q.ID() {
		return
	}
	if s.cancel != nil {
		s.cancel()
	}
	s.watched, s.cancel = q.ID(), q.OnReady(s.ready)
}

// Reserve implements [trigger.Source].
func (s *source) Reserve(max int, granted int64) (trigger.Batch, error) {
	q, err := s.open()
	if err != nil {
		return nil, err
	}
	s.watch(q) // first, so that no message comes without a call
	r, err := q.Reserve(broker.ReserveLimit{Messages: max, Bytes: trigger.MaxBatch, Granted: granted})
	if large, ok := errors.AsType[*broker.LargeBatch](err); ok {
		return nil, &trigger.LargeBatch{Bytes: large.Bytes}
	}
	if err != nil || r == nil {
		return nil, err
	}
	return newBatch(s.bus.o, q, r), nil
}
