package entity

import (
	"fmt"
)

const (
	// loadMessages and loadBytes bound what one Load reads.
	loadMessages = 256
	loadBytes    = 1 << 20
)

// A Consumer is one receiver of a sub-queue with its credit. Consumers with
// credit take turns (competing consumers).
type Consumer struct {
	Sub  SubQueue
	Mode ReceiveMode
	Data any // the shell's

	session *Session // that it holds; nil: none
	waits   bool     // for the next one
	credit  int
	drains  []Drain // under way
	closed  bool
	batch   int // index of its entry in Decision.Batches, if that is its
}

// Credit returns how many messages the consumer may still be given.
func (c *Consumer) Credit() int { return c.credit }

// Receives reports whether the consumer may be given messages, or holds a session. One that
// waits for a session does not.
func (c *Consumer) Receives() bool { return !c.waits && (c.credit > 0 || c.session != nil) }

// WaitsFor reports whether the consumer gets nothing before a read of its messages, or of
// those of the next session, has succeeded.
func (c *Consumer) WaitsFor(w Work) bool {
	return c.Sub == w.Sub && c.session == w.Session && (c.credit > 0 || c.waits)
}

// CanReceive reports whether a consumer may be opened: not where messages are forwarded
// [SB-SEM 4].
func (q *Queue) CanReceive(id SubQueue) error {
	if q.config.Forwards[id] {
		return fmt.Errorf("receive: %w", forwardedError(id))
	}
	return q.CanBrowse(id)
}

// CanBrowse reports whether messages may be looked at, or moved by who manages the
// entity. The dead-letter queue can be read whatever the status of the entity [SB-SEM 6].
func (q *Queue) CanBrowse(id SubQueue) error {
	if id == MainQueue && !q.config.Status.CanReceive() {
		return fmt.Errorf("receive: %w", &DisabledError{q.config.Status, false})
	}
	return nil
}

// AddCredit lets a consumer have N more messages.
type AddCredit struct {
	Consumer *Consumer
	N        int
}

func (o AddCredit) check(q *Queue, c *checker) error { return nil }

func (o AddCredit) apply(q *Queue, env Env, d *Decision) {
	c := o.Consumer
	if c.closed || o.N <= 0 {
		return
	}
	if c.credit == 0 && !c.waits { // who waits for a session is listed when it begins
		l := q.subs[c.Sub].lineFor(c.session)
		l.consumers = append(l.consumers, c)
	}
	c.credit += o.N
	q.subs[c.Sub].sessions.touch(c.session)
}

// Drain lets a consumer have what there is and then takes its credit away. The
// decision that does so, this one or a later one, names the drain in Drained; so
// does the one that closes the consumer.
type Drain struct {
	Consumer *Consumer
	Data     any // the shell's
}

func (o Drain) check(q *Queue, c *checker) error { return nil }

func (o Drain) apply(q *Queue, env Env, d *Decision) {
	if c := o.Consumer; c.closed || c.credit == 0 {
		d.Drained = append(d.Drained, o)
	} else {
		c.drains = append(c.drains, o)
		q.subs[c.Sub].sessions.touch(c.session)
	}
}

// CloseConsumer ends a consumer: it gets nothing more. What it has locked stays
// locked [SB-AMQP 7.3].
type CloseConsumer struct{ Consumer *Consumer }

func (o CloseConsumer) check(q *Queue, c *checker) error { return nil }

func (o CloseConsumer) apply(q *Queue, env Env, d *Decision) {
	c, s := o.Consumer, q.subs[o.Consumer.Sub]
	c.closed = true
	if c.credit > 0 && !c.waits {
		s.lineFor(c.session).unlist(c)
	}
	c.credit = 0
	c.drained(d)
	s.sessions.unwait(c)
	if h := c.session; h != nil && !h.shedding { // else it ends as one that was lost
		s.endSession(h, false, env, d)
	}
}

// drained ends the drains under way.
func (c *Consumer) drained(d *Decision) {
	d.Drained = append(d.Drained, c.drains...)
	c.drains = nil
}

// Load brings messages with their content that were read for waiting consumers.
type Load struct {
	Sub  SubQueue
	From int64
	Rows []Scanned
}

func (o Load) check(q *Queue, c *checker) error { return nil }

func (o Load) apply(q *Queue, env Env, d *Decision) {
	s := q.subs[o.Sub]
	for _, row := range o.Rows {
		if it := s.known[row.SequenceNumber]; it != nil && it.place == ready {
			s.setContent(it, &row.Content)
			s.sessions.touch(s.lineOf(it).session)
		}
	}
	if it := s.known[o.From]; it != nil && it.place == ready && it.content == nil {
		panic(fmt.Sprintf("entity: the store has lost the content of message %d", o.From))
	}
}
