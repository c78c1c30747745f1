package system

import (
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"sync"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
	"switchyard/servicebus"
	"switchyard/value"
)

// source is a queue as a trigger sees it. The queue is looked up at each use: it
// may be deleted and made again.
type source struct {
	bus      *bus
	endpoint activity.Endpoint
	queue    string
	log      *slog.Logger

	mu      sync.Mutex
	ready   func()         // who wants to be told; nil for nobody; guarded by mu
	watched broker.QueueID // the queue that tells; guarded by mu
	forsake func()         // ends that; guarded by mu
}

func (s *source) open() (*broker.Queue, error) {
	return s.bus.queue(s.endpoint, auth.Listen, s.queue)
}

// OnReady implements [trigger.Source].
func (s *source) OnReady(f func()) (cancel func()) {
	s.mu.Lock()
	s.ready = f
	s.mu.Unlock()
	q, err := s.open()
	if err != nil {
		s.log.Error("a trigger's queue can't be watched", "queue", s.queue, "err", err)
	} else {
		s.watch(q)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ready = nil; s.forsake != nil {
			s.forsake()
		}
	}
}

// watch lets a queue tell when it has messages, instead of the one of the same
// name that was deleted.
func (s *source) watch(q *broker.Queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready == nil || s.forsake != nil && s.watched == q.ID() {
		return
	}
	if s.forsake != nil {
		s.forsake()
	}
	s.watched, s.forsake = q.ID(), q.OnReady(s.ready)
}

// Reserve implements [trigger.Source].
func (s *source) Reserve(max int) (trigger.Batch, error) {
	q, err := s.open()
	if err != nil {
		return nil, err
	}
	s.watch(q) // first, so that nothing comes unseen
	r, err := q.Reserve(max)
	if err != nil || r == nil {
		return nil, err
	}
	b := &batch{broker: s.bus.broker, r: r, bound: binding{Namespace: q.Namespace(), Queue: q.Path(), Messages: map[string]int64{}}}
	for _, m := range r.Messages() {
		p, err := servicebus.Decompose(m)
		if err != nil {
			// What can't be shown is shown without body: the pipeline can still
			// settle it, and no message stops those behind it.
			s.log.Warn("a message's content can't be shown to the pipeline", "queue", s.queue, "sequenceNumber", m.SequenceNumber, "err", err)
			p = &servicebus.Parts{MessageID: m.MessageID, SessionID: m.SessionID}
		}
		token := lockTokenText(m.SequenceNumber, q.ID())
		app := &value.Object{}
		for _, x := range p.Properties {
			app.Set(x.Name, x.Value)
		}
		b.bound.Messages[token] = m.SequenceNumber
		b.messages = append(b.messages, trigger.Message{
			MessageID: p.MessageID, SessionID: p.SessionID, CorrelationID: p.CorrelationID, Subject: p.Subject, To: p.To,
			ReplyTo: p.ReplyTo, ContentType: p.ContentType, SequenceNumber: m.SequenceNumber, EnqueuedTimeUTC: m.EnqueuedAt,
			DeliveryCount: int(m.DeliveryCount), LockToken: token, ApplicationProperties: app, Body: p.Body,
		})
	}
	return b, nil
}

// lockTokenText is the name of a message within its run: a run's lock has no
// token of its own, so one is made of the queue and the number.
func lockTokenText(seq int64, q broker.QueueID) string {
	var t [16]byte
	for i := range 8 {
		t[i] = byte(uint64(q.Entity) >> (56 - 8*i))
		t[8+i] = byte(uint64(seq) >> (56 - 8*i))
	}
	h := hex.EncodeToString(t[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

type batch struct {
	broker   *broker.Broker
	r        *broker.Reservation
	bound    binding
	messages []trigger.Message
}

func (b *batch) Messages() []trigger.Message { return b.messages }
func (b *batch) Len() int                    { return len(b.messages) }
func (b *batch) Release()                    { b.r.Release() }

func (b *batch) LockFor(run string) commit.Effect { return b.r.LockFor(broker.RunID(run)) }

func (b *batch) Abandon(reason, description string, back trigger.Backoff) commit.Effect {
	return b.r.Settle(broker.Outcome{
		Kind: broker.Abandon, Backoff: broker.Backoff(back),
		Exhausted: &broker.DeadLetterInfo{Reason: reason, Description: description},
	})
}

func (b *batch) Binding() json.RawMessage {
	j, err := json.Marshal(b.bound)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return j
}
