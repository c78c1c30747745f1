package entity

import (
	"fmt"
	"slices"
	"time"
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

	credit int
	drains []Drain // under way
	closed bool
	batch  int // index of its entry in Decision.Batches, if that is its
}

// Credit returns how many messages the consumer may still be given.
func (c *Consumer) Credit() int { return c.credit }

// CanReceive reports whether a consumer may be opened. The dead-letter queue
// can be read whatever the status of the entity [SB-SEM 6].
func (q *Queue) CanReceive(id SubQueue) error {
	if id == MainQueue && !q.config.Status.CanReceive() {
		return fmt.Errorf("receive: %w: status is %s", ErrEntityDisabled, q.config.Status)
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
	if c.credit == 0 {
		s := q.subs[c.Sub]
		s.consumers = append(s.consumers, c)
	}
	c.credit += o.N
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
	}
}

// CloseConsumer ends a consumer: it gets nothing more. What it has locked stays
// locked [SB-AMQP 7.3].
type CloseConsumer struct{ Consumer *Consumer }

func (o CloseConsumer) check(q *Queue, c *checker) error { return nil }

func (o CloseConsumer) apply(q *Queue, env Env, d *Decision) {
	c := o.Consumer
	c.closed = true
	if c.credit > 0 {
		q.subs[c.Sub].unlist(c)
	}
	c.drained(d)
}

// unlist takes away a consumer's credit.
func (s *sub) unlist(c *Consumer) {
	c.credit = 0
	i := slices.Index(s.consumers, c)
	s.consumers = slices.Delete(s.consumers, i, i+1)
	if s.turn > i {
		s.turn--
	}
}

// pump hands ready messages to consumers with credit, the oldest first, each in
// turn, until one or the other runs out or a content must be loaded first.
func (s *sub) pump(env Env, d *Decision) {
	for len(s.consumers) > 0 && len(s.window) > 0 {
		it := s.window[0]
		if it.expiredAt(env.Now) {
			s.passExpired(it, d)
			continue
		}
		if it.content == nil {
			break
		}
		if s.turn >= len(s.consumers) {
			s.turn = 0
		}
		c := s.consumers[s.turn]
		content := it.content
		if c.Mode == ReceiveAndDelete {
			d.deliver(c, it.message(content))
			s.remove(it, d)
		} else {
			s.unwindow(it)
			s.lock(it, env, d)
			s.dropContent(it)
			d.deliver(c, it.message(content))
		}
		if c.credit == 1 {
			s.unlist(c)
			c.drained(d)
		} else {
			c.credit--
			s.turn++
		}
	}
	if s.available() {
		return
	}
	for i := 0; i < len(s.consumers); {
		if c := s.consumers[i]; len(c.drains) > 0 {
			s.unlist(c)
			c.drained(d)
		} else {
			i++
		}
	}
}

// drained ends the drains under way.
func (c *Consumer) drained(d *Decision) {
	d.Drained = append(d.Drained, c.drains...)
	c.drains = nil
}

// wantsLoad reports whether a consumer waits for a message whose content is not
// in memory.
func (s *sub) wantsLoad(now time.Time) bool {
	return len(s.consumers) > 0 && len(s.window) > 0 && s.window[0].content == nil && !s.window[0].expiredAt(now)
}

// load says what to read for the waiting consumers.
func (s *sub) load() (from int64, limit int) {
	demand := 0
	for _, c := range s.consumers {
		demand += min(c.credit, loadMessages)
	}
	demand = min(demand, loadMessages, len(s.window))
	size := 0
	for _, it := range s.window[:demand] {
		if it.content != nil || limit > 0 && size+it.size > loadBytes {
			break
		}
		size += it.size
		limit++
	}
	return s.window[0].seq, limit
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
		}
	}
	if it := s.known[o.From]; it != nil && it.place == ready && it.content == nil {
		panic(fmt.Sprintf("entity: the store has lost the content of message %d", o.From))
	}
}
