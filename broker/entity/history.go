package entity

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	// generationIDs is how many ids a generation has before the next one begins.
	generationIDs = 1024
	// generationAge is when it ends however few it has: what is durable need not be in
	// memory.
	generationAge = 2 * time.Second
	// maxBuckets is how many buckets there may be before an id goes into one that lasts
	// longer than it should: only who changes the window again and again comes to it.
	maxBuckets = 16
)

// A RememberedID is the id of a message that an entity with duplicate detection has
// accepted.
type RememberedID struct {
	ID    string
	Until time.Time // a message of the same id is dropped before
	// Bucket is when the ids of the bucket that it is in are forgotten together. It is
	// not before Until.
	Bucket time.Time
}

// A History is the duplicate detection of an entity: it knows which message ids were
// accepted in the last time, as long as the window was when they were [SB-SEM 2.7]. A
// [Queue] and a [Topic] have one. Ids are in the store, by buckets, each of which is
// deleted as one range. In memory are only the ids of the last two generations, which
// may not be committed yet:
//
//	all older ids | generation old | generation young
//	in the store  | in memory                        >
//
// A bucket that began in this process has a filter too, which tells of most ids that they
// are not there.
// Whoever reads the store first waits for what was written while the generation before
// those two was young.
type History struct {
	buckets []time.Time // in order; the slice is never changed, only replaced
	// filters say what is in the buckets that began in this process, by their ends.
	filters    map[time.Time]*idFilter
	young, old map[string]time.Time
	began      time.Time // when young began
	// turn is how many generations there have been. What was read for an operation holds
	// as long as what was young then is still in memory.
	turn uint64
	size int // of a generation: 0 is generationIDs, less in tests
	// damage is why the store can't tell what it remembers; nil: it can.
	damage error
}

// A HistoryDecision is what a decision changed of an entity's [History].
type HistoryDecision struct {
	Remember []RememberedID
	// Forget says that all buckets up to this one are deleted; zero: none.
	Forget time.Time
	// Turned says that the ids which were young, those of this decision among them, are
	// the older ones now, and that those which were older have left memory.
	Turned bool
}

func (d *HistoryDecision) reset() {
	clear(d.Remember)
	*d = HistoryDecision{Remember: d.Remember[:0]}
}

// NewHistory returns the history that has those buckets in the store, in their order.
// With damage, which says why they can't be read, every message is refused.
func NewHistory(buckets []time.Time, damage error) History {
	return History{buckets: buckets, damage: damage}
}

// check asks for what must be read to tell which of the messages are duplicates.
func (h *History) check(config *Config, msgs []*Message, c *checker) error {
	if config.HistoryWindow == 0 {
		return nil
	}
	if h.damage != nil {
		return fmt.Errorf("send: %w", h.damage)
	}
	for _, m := range msgs {
		id := config.rememberedAs(m)
		if _, known := h.until(id, c.env.Supply); !known {
			c.need.IDs = append(c.need.IDs, id)
			c.need.Buckets, c.need.turn = h.buckets, h.turn
		}
	}
	return nil
}

// rememberedAs is the id by which duplicates of a message are known; "": it has none. Of a
// partitioned entity it is one in the partition of the message's key [SB-SEM 2.7].
func (c *Config) rememberedAs(m *Message) string {
	key := m.SessionID
	if key == "" {
		key = m.PartitionKey
	}
	if !c.Partitioned || m.MessageID == "" {
		return m.MessageID
	}
	return fmt.Sprintf("%d %s %s", len(key), key, m.MessageID)
}

// until returns until when an id is remembered, zero if it is not, or reports that
// this is not known.
func (h *History) until(id string, s *Supply) (t time.Time, known bool) {
	if id == "" { // never a duplicate
		return time.Time{}, true
	}
	for _, generation := range [...]map[string]time.Time{h.young, h.old} {
		if t, ok := generation[id]; ok {
			return t, true
		}
	}
	if !h.mayBeStored(id) {
		return time.Time{}, true
	}
	return s.rememberedID(id, h.turn)
}

// mayBeStored reports whether the store has to be asked for an id.
func (h *History) mayBeStored(id string) bool {
	for _, b := range h.buckets {
		if f := h.filters[b]; f == nil || f.mayHave(id) {
			return true
		}
	}
	return false
}

// accepts reports whether a message is none of the duplicates that are dropped, and
// remembers its id from now on. The operation's Check has let it pass.
func (h *History) accepts(config *Config, m *Message, env Env, d *HistoryDecision) bool {
	id, window := config.rememberedAs(m), config.HistoryWindow
	if window == 0 || id == "" {
		return true
	}
	if until, _ := h.until(id, env.Supply); until.After(env.Now) {
		return false
	}
	r := RememberedID{ID: id, Until: env.Now.UTC().Round(0).Add(window)}
	r.Bucket = h.bucket(r.Until, window)
	if f := h.filters[r.Bucket]; f != nil {
		f.add(r.ID)
	}
	if h.young == nil {
		h.young = map[string]time.Time{}
	}
	if len(h.young)+len(h.old) == 0 {
		h.began = env.Now
	}
	h.young[r.ID] = r.Until
	d.Remember = append(d.Remember, r)
	return true
}

// bucket returns the bucket for an id that is remembered until then: one that there is,
// unless the id would be kept for more than a window too long. So there are two buckets as
// long as nobody changes the window: with more, ids would take less room, and each send
// would read more.
func (h *History) bucket(until time.Time, window time.Duration) time.Time {
	last := until.Add(window)
	i, _ := slices.BinarySearchFunc(h.buckets, until, time.Time.Compare)
	if i < len(h.buckets) && (!h.buckets[i].After(last) || len(h.buckets) >= maxBuckets) {
		return h.buckets[i]
	}
	h.buckets = slices.Insert(slices.Clone(h.buckets), i, last)
	if h.filters == nil {
		h.filters = map[time.Time]*idFilter{}
	}
	h.filters[last] = &idFilter{}
	return last
}

// decided ends a decision: not before, because one decision must know its own ids.
func (h *History) decided(d *HistoryDecision) {
	if len(h.young) >= cmp.Or(h.size, generationIDs) {
		h.next(d)
	}
}

// next begins a generation.
func (h *History) next(d *HistoryDecision) {
	clear(h.old)
	h.young, h.old = h.old, h.young
	h.turn++
	d.Turned = true
}

// deadline returns when tick has something to do, zero if no time is set.
func (h *History) deadline() (t time.Time) {
	if len(h.young)+len(h.old) > 0 {
		t = h.began.Add(generationAge)
	}
	if len(h.buckets) > 0 {
		t = Earlier(t, h.buckets[0])
	}
	return t
}

func (h *History) dueAt(now time.Time) bool {
	t := h.deadline()
	return !t.IsZero() && !t.After(now)
}

// tick forgets the buckets and the generation whose time has come.
func (h *History) tick(now time.Time, d *HistoryDecision) {
	over := 0
	for over < len(h.buckets) && !h.buckets[over].After(now) {
		d.Forget = h.buckets[over]
		delete(h.filters, h.buckets[over])
		over++
	}
	h.buckets = h.buckets[over:]
	if len(h.young)+len(h.old) > 0 && !h.began.Add(generationAge).After(now) {
		h.began = now
		h.next(d)
	}
	if len(h.young)+len(h.old) == 0 {
		h.young, h.old = nil, nil // their room too
	}
}
