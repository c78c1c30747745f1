package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"

	"switchyard/amqp"
	"switchyard/amqp/frames"
)

// The file is batches, one behind the other. A batch is records and their sum:
//
//	'm'  id 8  format 4  length of the address 4  of the payload 4  address  payload
//	's'  id 8  which is settled
//	'c'  CRC-32C of the batch so far 4
//
// Numbers are little-endian.
const (
	recordMessage    = 'm'
	recordSettlement = 's'
	recordSum        = 'c'
)

const (
	// direct is from when on a payload is written from where it is, as in Switchyard.
	direct = 32 << 10
	// reclaimed is from when on the file is emptied when no message is left.
	reclaimed = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A disk is the file of a log.
type disk interface {
	WriteAt(p []byte, at int64) (int, error)
	Truncate(size int64) error
	Sync() error
}

// A log makes durable what connections add to it.
type log struct {
	disk disk
	wake chan struct{} // there may be something to write; closed when there won't be

	size  int64  // of the file; owned by run
	spare []byte // for the next batch; owned by run

	mu   sync.Mutex
	next *batch // guarded by mu
	last uint64 // guarded by mu: the id of the newest message
	live int    // guarded by mu: how many messages are not settled
}

// A batch is what one sync makes durable.
type batch struct {
	records []byte
	large   []large
	arrived []*message
	answers []*answers
}

// A large payload stands behind so many bytes of the records.
type large struct {
	at      int
	payload []byte
}

// answers is what one connection waits for a batch with.
type answers struct {
	c        *conn
	batch    *batch
	accepted []arrival
	settled  []answer
}

type arrival struct {
	from     *sender
	delivery *amqp.Incoming
}

// An answer settles deliveries that the client has not settled itself.
type answer struct {
	deliveries []*amqp.Outgoing
	state      frames.State
}

func newLog(d disk) *log { return &log{disk: d, wake: make(chan struct{}, 1), next: &batch{}} }

// message adds one that was sent.
func (l *log) message(s *sender, d *amqp.Incoming) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.live++
	m := &message{queue: s.queue, id: l.last, format: d.Format, payload: d.Payload}
	b := l.next
	b.arrived = append(b.arrived, m)
	b.append(m)
	a := b.of(s.c)
	a.accepted = append(a.accepted, arrival{s, d})
}

// settle adds that messages are settled.
func (l *log) settle(c *conn, ms []*message, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live -= len(ms)
	b := l.next
	for _, m := range ms {
		b.records = binary.LittleEndian.AppendUint64(append(b.records, recordSettlement), m.id)
	}
	if a.deliveries != nil {
		all := b.of(c)
		all.settled = append(all.settled, a)
	}
}

func (b *batch) append(m *message) {
	r := binary.LittleEndian.AppendUint64(append(b.records, recordMessage), m.id)
	r = binary.LittleEndian.AppendUint32(r, m.format)
	r = binary.LittleEndian.AppendUint32(r, uint32(len(m.queue.address)))
	r = binary.LittleEndian.AppendUint32(r, uint32(len(m.payload)))
	r = append(r, m.queue.address...)
	if len(m.payload) < direct {
		r = append(r, m.payload...)
	} else {
		b.large = append(b.large, large{len(r), m.payload})
	}
	b.records = r
}

// of returns the answers of a connection.
func (b *batch) of(c *conn) *answers {
	if c.answers == nil || c.answers.batch != b {
		c.answers = &answers{c: c, batch: b}
		b.answers = append(b.answers, c.answers)
	}
	return c.answers
}

// begin has run look for something to write. It does not wait.
func (l *log) begin() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run writes until there is nothing more to come, or the disk fails.
func (l *log) run() error {
	for range l.wake {
		for b := l.take(); b != nil; b = l.take() {
			if err := l.write(b); err != nil {
				return fmt.Errorf("write the log: %w", err)
			}
			l.spare = b.records[:0]
			b.answer()
			if err := l.reclaim(); err != nil {
				return fmt.Errorf("empty the log: %w", err)
			}
		}
	}
	return nil
}

// take returns what has gathered, nil if nothing has.
func (l *log) take() *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.next
	if len(b.records) == 0 {
		return nil
	}
	l.next, l.spare = &batch{records: l.spare}, nil
	return b
}

func (l *log) write(b *batch) error {
	sum := uint32(0)
	for _, p := range b.pieces() {
		sum = crc32.Update(sum, castagnoli, p)
	}
	b.records = binary.LittleEndian.AppendUint32(append(b.records, recordSum), sum)
	for _, p := range b.pieces() {
		if _, err := l.disk.WriteAt(p, l.size); err != nil {
			return err
		}
		l.size += int64(len(p))
	}
	return l.disk.Sync()
}

// pieces returns what is written, in its order.
func (b *batch) pieces() (all [][]byte) {
	from := 0
	for _, x := range b.large {
		all = append(all, b.records[from:x.at], x.payload)
		from = x.at
	}
	return append(all, b.records[from:])
}

// answer hands on what has become durable: messages to their queues, answers to who waits.
func (b *batch) answer() {
	for ms := b.arrived; len(ms) > 0; {
		n := 1
		for n < len(ms) && ms[n].queue == ms[0].queue {
			n++
		}
		ms[0].queue.put(ms[:n])
		ms = ms[n:]
	}
	for _, a := range b.answers {
		a.c.nc.Post(a.give)
	}
	*b = batch{} // connections that do nothing still know it
}

// give answers, on the loop of the connection.
func (a *answers) give() {
	for _, x := range a.accepted {
		x.from.accepted(x.delivery)
	}
	for _, x := range a.settled {
		x.give()
	}
}

func (a answer) give() {
	for _, d := range a.deliveries {
		d.Settle(a.state)
	}
}

// reclaim empties the file if all that it holds is settled.
func (l *log) reclaim() error {
	l.mu.Lock()
	live := l.live
	l.mu.Unlock()
	if live > 0 || l.size < reclaimed {
		return nil
	}
	l.size = 0
	return l.disk.Truncate(0)
}
