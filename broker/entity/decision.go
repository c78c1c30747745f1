package entity

import "time"

// RecordKind says which method of the store a [Record] is for.
type RecordKind uint8

// The kinds of records.
const (
	PutMessage RecordKind = iota
	DeleteMessage
	PutStatus
	DeleteStatus
	PutCounters
)

// A Record is one change of the store.
type Record struct {
	Kind           RecordKind
	Sub            SubQueue
	SequenceNumber int64
	ExpiresAt      time.Time // DeleteMessage: names the expiry entry
	Message        *Message  // PutMessage
	Status         *Status   // PutStatus; valid until the next operation
	Counters       Counters  // PutCounters
}

// A Handout is what one consumer gets by a decision.
type Handout struct {
	Consumer   *Consumer
	Deliveries []Delivery
}

// A Burial counts messages that the queue moved to the dead-letter queue by
// itself, by reason.
type Burial struct {
	Reason   string
	Messages int
}

// A Decision is what [Queue.Apply] decided. It is reused: Reset before each
// Apply.
type Decision struct {
	// Records are to be written in this order, in one unit.
	Records []Record
	// Handouts and Drained may leave once the records are durable.
	Handouts []Handout
	Drained  []*Consumer
	// Durable is set if the records are more than peek locks of links, whose
	// loss would be harmless.
	Durable bool
	// Put is set if content was written.
	Put bool
	// Ready says for each sub-queue that messages became available and no
	// consumer took them all.
	Ready [2]bool

	Buried  []Burial
	Dropped int // expired and removed

	dirty []*item
	count [2]bool // counters changed
	moved [2]bool // something became ready
}

// Reset empties the decision and keeps its memory.
func (d *Decision) Reset() {
	clear(d.Records)
	clear(d.Handouts)
	clear(d.Drained)
	clear(d.dirty)
	*d = Decision{Records: d.Records[:0], Handouts: d.Handouts[:0], Drained: d.Drained[:0], Buried: d.Buried[:0], dirty: d.dirty[:0]}
}

// touch notes that the status record of it must be written.
func (d *Decision) touch(it *item) {
	if !it.dirty {
		it.dirty = true
		d.dirty = append(d.dirty, it)
	}
}

func (d *Decision) buried(reason string) {
	for i := range d.Buried {
		if d.Buried[i].Reason == reason {
			d.Buried[i].Messages++
			return
		}
	}
	d.Buried = append(d.Buried, Burial{reason, 1})
}

func (d *Decision) handOut(c *Consumer, m *Message) {
	if c.handout < len(d.Handouts) && d.Handouts[c.handout].Consumer == c {
		h := &d.Handouts[c.handout]
		h.Deliveries = append(h.Deliveries, Delivery{m})
		return
	}
	c.handout = len(d.Handouts)
	d.Handouts = append(d.Handouts, Handout{c, []Delivery{{m}}})
}
