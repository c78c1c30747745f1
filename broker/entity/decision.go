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
	PutSessionEntry
	DeleteSessionEntry
	PutSessionState
)

// A Record is one change of the store.
type Record struct {
	Kind           RecordKind
	Sub            SubQueue
	SequenceNumber int64
	ExpiresAt      time.Time     // DeleteMessage: names the expiry entry
	Size           int           // DeleteMessage: of the content
	Bare           bool          // DeleteMessage: the store has no status of it
	Message        *Message      // PutMessage
	Status         *Status       // PutStatus; valid until the next operation
	Counters       Counters      // PutCounters
	Session        string        // PutSessionEntry, DeleteSessionEntry, PutSessionState
	State          *SessionState // PutSessionState; nil: it is deleted
}

// A DeliveryBatch is what one consumer gets by a decision.
type DeliveryBatch struct {
	Consumer   *Consumer
	Deliveries []Delivery
}

// A DeadLettered counts messages that came into the dead-letter queue one after the
// other for one reason. MessageID is that of the last.
type DeadLettered struct {
	Reason, MessageID string
	Messages          int
}

// A Decision is what [Queue.Apply] decided. It is reused: Reset before each
// Apply.
type Decision struct {
	// Records are to be written in this order, in one unit.
	Records []Record
	// Batches and Drained may leave once the records are durable, first the one
	// and then the other. Drained are the drains that have ended.
	Batches []DeliveryBatch
	Drained []Drain
	// Accepted are consumers that hold a session now, Lost those that have lost it: what
	// the first are told may leave once the records are durable.
	Accepted []*Consumer
	Lost     []*Consumer
	// Durable is set if the records are more than peek locks of links, whose
	// loss would be harmless.
	Durable bool
	// Put is set if content was written.
	Put bool
	// Accessed is set if messages were sent or received by somebody, or settled
	// by a run.
	Accessed bool
	// Ready says for each sub-queue that messages became available and no
	// consumer took them all.
	Ready [SubQueues]bool

	DeadLettered []DeadLettered
	Dropped      []int64 // expired and removed: their numbers
	History      HistoryDecision

	dirty []*item
	count [SubQueues]bool // counters changed
	moved [SubQueues]bool // something became ready
}

// Reset empties the decision and keeps its memory.
func (d *Decision) Reset() {
	clear(d.Records)
	clear(d.Batches)
	clear(d.Drained)
	clear(d.dirty)
	clear(d.DeadLettered)
	clear(d.Accepted)
	clear(d.Lost)
	d.History.reset()
	*d = Decision{Records: d.Records[:0], Batches: d.Batches[:0], Drained: d.Drained[:0],
		Accepted: d.Accepted[:0], Lost: d.Lost[:0],
		DeadLettered: d.DeadLettered[:0], dirty: d.dirty[:0], History: d.History}
}

// touch notes that the status record of it must be written.
func (d *Decision) touch(it *item) {
	if !it.dirty {
		it.dirty = true
		d.dirty = append(d.dirty, it)
	}
}

func (d *Decision) deadLettered(reason, messageID string) {
	if i := len(d.DeadLettered) - 1; i >= 0 && d.DeadLettered[i].Reason == reason {
		d.DeadLettered[i].Messages++
		d.DeadLettered[i].MessageID = messageID
		return
	}
	d.DeadLettered = append(d.DeadLettered, DeadLettered{reason, messageID, 1})
}

func (d *Decision) deliver(c *Consumer, m *Message) {
	d.Accessed = true
	if c.batch < len(d.Batches) && d.Batches[c.batch].Consumer == c {
		h := &d.Batches[c.batch]
		h.Deliveries = append(h.Deliveries, Delivery{m})
		return
	}
	c.batch = len(d.Batches)
	d.Batches = append(d.Batches, DeliveryBatch{c, []Delivery{{m}}})
}
