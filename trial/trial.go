// Package trial tries out a pipeline that is started by messages: it puts messages into
// the queue of a trigger, lets trigger, pipeline and broker do what they do, waits until
// nothing more will happen, and tells what did. An [Expectation] is compared with that.
//
// Broker and engine are real and run in memory; a [clock.Virtual] lets waits, retry
// intervals and times to live pass at once. The package starts no goroutine.
package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"switchyard/broker"
	"switchyard/clock"
	"switchyard/pipeline/engine"
)

// A Trial is what messages are tried out on. All fields but Clock are required.
type Trial struct {
	// Clock is that of Broker and Engine if its waits are to be skipped, nil if they
	// are to be waited for.
	Clock  *clock.Virtual
	Broker *broker.Broker
	Engine *engine.Engine
	// Queue is where the messages go and the trigger takes them from.
	Queue *broker.Queue
	// Factory has the trigger.
	Factory string
	// Limit is how long the trial may take by its clock.
	Limit time.Duration

	mu      sync.Mutex
	expired []dropped // guarded by mu
}

// dropped are messages that a broker has dropped from an entity.
type dropped struct {
	namespace, path string
	sequenceNumbers []int64
}

// Expired is for the broker's [broker.EventListener].
func (t *Trial) Expired(namespace, path string, sequenceNumbers []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expired = append(t.expired, dropped{namespace, path, sequenceNumbers})
}

// hasExpired tells of a message of the trigger's queue.
func (t *Trial) hasExpired(seq int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.expired, func(d dropped) bool {
		return d.namespace == t.Queue.Namespace() && d.path == t.Queue.Path() && slices.Contains(d.sequenceNumbers, seq)
	})
}

// Run sends the messages in one commit, waits for the end of everything that follows,
// and returns what came of them. With an error there may be a result, of what had
// happened by then.
func (t *Trial) Run(ctx context.Context, in []Input) (*Result, error) {
	began := t.Broker.Now()
	sent := make([]*sentMessage, len(in))
	messages := make([]*broker.Message, len(in))
	for i, m := range in {
		messages[i] = m.Message
		sent[i] = &sentMessage{line: m.Line, message: m.Message}
	}
	if len(messages) > 0 {
		u, err := t.Queue.Send(messages, nil)
		if err == nil {
			err = t.Broker.Wait(u)
		}
		if err != nil {
			return nil, fmt.Errorf("queue %s: %w", t.Queue.Path(), err)
		}
	}
	wait := t.settle(ctx, began)
	r, err := t.result(sent)
	if err != nil {
		return nil, err
	}
	r.took = t.Broker.Now().Sub(began)
	return r, wait
}

// look is how often it is looked whether all wait, at first and in the end.
const firstLook, lastLook = 200 * time.Microsecond, 20 * time.Millisecond

// settle waits until no run is under way and the trigger's queue holds nothing that
// could start one.
func (t *Trial) settle(ctx context.Context, began time.Time) error {
	pause := firstLook
	var wall clock.Wall
	timer := wall.NewTimer(pause)
	defer timer.Stop()
	for {
		if more, err := t.more(); err != nil || !more {
			return err
		}
		if now := t.Broker.Now(); now.Sub(began) > t.Limit {
			return fmt.Errorf("after %v by its clock the trial has not come to an end: there are messages in %s "+
				"or runs that are not over; a pipeline that sends to its own trigger never ends",
				now.Sub(began).Round(time.Second), t.Queue.Path())
		}
		if t.Clock != nil && t.Clock.Skip(t.idle) {
			pause = firstLook
			continue
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return errors.New("the trial was interrupted before its end")
		case <-timer.C():
		}
		pause = min(2*pause, lastLook)
	}
}

// idle reports whether nothing happens before a timer is due, and something is still to be
// waited for: after the end no time passes. What an activity asks of the world is not
// waited for by anybody here.
func (t *Trial) idle() bool {
	if _, attempts := t.Engine.UnderWay(); attempts > 0 || !clock.AllWait() {
		return false
	}
	more, err := t.more()
	return more && err == nil
}

// more reports whether something is to be waited for: a run, or a message that can start
// one. A message is in the queue until it is settled, so if there was no run while the
// queue was looked at and found empty there will be none.
func (t *Trial) more() (bool, error) {
	before := t.runsSoFar()
	waiting := false
	err := each(t.Queue, func(m *broker.Message) { waiting = waiting || m.State == broker.Active })
	return waiting || before.underWay > 0 || t.runsSoFar() != before, err
}

// progress is how many runs have ended and how many have not.
type progress struct{ ended, underWay int }

func (t *Trial) runsSoFar() (p progress) {
	p.ended, _ = t.Engine.Counts()
	p.underWay, _ = t.Engine.UnderWay()
	return p
}

// each calls f with every message of a sub-queue.
func each(q *broker.Queue, f func(*broker.Message)) error {
	for from := int64(1); ; {
		list, err := q.Peek(from, peekAtOnce)
		if err != nil {
			return err
		}
		for _, m := range list {
			f(m)
			from = m.SequenceNumber + 1
		}
		if len(list) < peekAtOnce {
			return nil
		}
	}
}

// peekAtOnce is how many messages one look into a queue returns at most.
const peekAtOnce = 250
