package entity

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A MessageKey names one message of a queue.
type MessageKey struct {
	Sub            SubQueue
	SequenceNumber int64
}

// Compare orders keys by sub-queue and number.
func (k MessageKey) Compare(l MessageKey) int {
	return cmp.Or(cmp.Compare(k.Sub, l.Sub), cmp.Compare(k.SequenceNumber, l.SequenceNumber))
}

// A Need is what must be at hand before operations can be applied, and is made
// ready under no lock: it is read from the store, or it is the work of users. Nil
// is no need. A kind of need is a field here, a field of [Supply] for
// what was read, and a loader in the shell.
type Need struct {
	// Contents are messages that are moved or handed out and whose content is not
	// in memory.
	Contents []MessageKey
	// Stored are messages that are received or taken by number. Nothing of them is in
	// memory: content and status are read.
	Stored []MessageKey
	// Bare are as Stored, but of their content only the size is needed.
	Bare []MessageKey
	// States are sessions of whose state the size is to be read.
	States []string
	// Headers are sub-queues whose window holds less than is asked for.
	Headers []HeaderNeed
	// FanOuts are messages sent to a topic that were not chosen by its rules of
	// now.
	FanOuts []*Publish
	// IDs are message ids of which is to be read until when they are remembered, in
	// Buckets: see [History].
	IDs     []string
	Buckets []time.Time

	turn uint64 // the history's, when it was asked
}

// A HeaderNeed asks that the window of a sub-queue hold so many messages, or all
// there are: see [Queue.StartRefill].
type HeaderNeed struct {
	Sub      SubQueue
	Messages int
}

func (n *Need) empty() bool {
	return len(n.Contents) == 0 && len(n.Stored) == 0 && len(n.Bare) == 0 && len(n.Headers) == 0 && len(n.FanOuts) == 0 &&
		len(n.IDs) == 0 && len(n.States) == 0
}

// A Supply is what was read for operations that are decided together: what their
// Need named. The zero value is empty. It belongs to one caller; the queue only
// notes in it what has changed while it was read (see [Queue.Watch]).
type Supply struct {
	contents map[MessageKey]*Content
	failed   map[MessageKey]error // of those whose content is nil
	stored   map[MessageKey]*Message
	sizes    map[MessageKey]int // of those that were put without their content
	watched  []MessageKey       // of stored, those that are being read among them
	changed  []MessageKey       // of watched
	ids      map[string]rememberedUntil
	states   map[string]int // by session: how many bytes its state has, or noState
	stale    bool           // a state was set while they were read
}

// rememberedUntil is what was read of an id, and in which turn of the history.
type rememberedUntil struct {
	until time.Time
	turn  uint64
}

// PutContent supplies the content of a message; nil if the store has no such
// message.
func (s *Supply) PutContent(k MessageKey, c *Content) {
	if s.contents == nil {
		s.contents = map[MessageKey]*Content{}
	}
	s.contents[k] = c
}

// PutFailed notes that the content of a message can't be read, and why.
func (s *Supply) PutFailed(k MessageKey, err error) {
	s.PutContent(k, nil)
	if s.failed == nil {
		s.failed = map[MessageKey]error{}
	}
	s.failed[k] = err
}

// PutStored supplies a message as the store has it; nil if it has none.
func (s *Supply) PutStored(k MessageKey, m *Message) {
	if s.stored == nil {
		s.stored = map[MessageKey]*Message{}
	}
	s.stored[k] = m
}

// PutBare is PutStored without the content, which has so many bytes.
func (s *Supply) PutBare(k MessageKey, m *Message, size int) {
	s.PutStored(k, m)
	if s.sizes == nil {
		s.sizes = map[MessageKey]int{}
	}
	s.sizes[k] = size
}

// noState is the size of the state of a session that has none.
const noState = -1

// PutState supplies the state that the store has of a session; nil: none.
func (s *Supply) PutState(session string, st *SessionState) {
	if s.states == nil {
		s.states = map[string]int{}
	}
	if s.states[session] = noState; st != nil {
		s.states[session] = len(st.State)
	}
}

// PutIDs supplies until when the ids that a need names are remembered, in their order;
// zero: one is not.
func (s *Supply) PutIDs(n *Need, until []time.Time) {
	if s.ids == nil {
		s.ids = make(map[string]rememberedUntil, len(n.IDs))
	}
	for i, id := range n.IDs {
		s.ids[id] = rememberedUntil{until[i], n.turn}
	}
}

// rememberedID returns until when an id is remembered by what was read, and whether
// that still holds: what has come since is in memory for two turns.
func (s *Supply) rememberedID(id string, turn uint64) (until time.Time, known bool) {
	if s == nil {
		return time.Time{}, false
	}
	r, asked := s.ids[id]
	return r.until, asked && turn <= r.turn+1
}

// content returns what was supplied, and whether it was asked for at all.
func (s *Supply) content(k MessageKey) (c *Content, asked bool) {
	if s == nil {
		return nil, false
	}
	c, asked = s.contents[k]
	return c, asked
}

func (s *Supply) storedMessage(k MessageKey) (m *Message, asked bool) {
	if s == nil {
		return nil, false
	}
	m, asked = s.stored[k]
	return m, asked
}

// Watch begins the reading of what operations need: from now until
// [Queue.Unwatch] the queue notes what changes of it and of what the supply has
// already. Contents never change and are not watched.
func (q *Queue) Watch(s *Supply, n *Need) {
	if n != nil { // nil: nothing more
		s.watched = slices.Concat(n.Stored, n.Bare)
	}
	for k := range s.stored {
		s.watched = append(s.watched, k)
	}
	states := len(s.states) > 0 || n != nil && len(n.States) > 0
	if len(s.watched) == 0 && !states {
		return
	}
	if q.watches == nil {
		q.watches = map[*Supply]struct{}{}
	}
	q.watches[s] = struct{}{}
}

// Unwatch ends the reading. What has changed since it began is taken out of the
// supply, so that [Queue.Check] asks for it again. It does nothing if the supply
// is not watched.
func (q *Queue) Unwatch(s *Supply) {
	delete(q.watches, s)
	for _, k := range s.changed {
		delete(s.stored, k)
	}
	if s.stale {
		clear(s.states)
	}
	s.watched, s.changed, s.stale = nil, nil, false
}

// unlikeStored tells the reads under way that a message is not as the store may have
// shown it to them.
func (q *Queue) unlikeStored(id SubQueue, seq int64) {
	k := MessageKey{id, seq}
	for s := range q.watches {
		if slices.Contains(s.watched, k) {
			s.changed = append(s.changed, k)
		}
	}
}

// checker collects what the operations of one Check need together. It is reused:
// begin before each Check, end after it.
type checker struct {
	env   Env
	bytes int64  // accepted by the operations before this one
	round uint64 // the number of the Check: see item.claimed
	need  Need
}

func (c *checker) begin(env Env) {
	c.env, c.bytes = env, 0
	c.round++
}

// end returns what is needed, if nothing was refused.
func (c *checker) end(err error) (*Need, error) {
	c.env.Supply = nil
	if c.need.empty() {
		return nil, err
	}
	need := c.need // only what is needed costs an allocation
	c.need = Need{}
	if err != nil {
		return nil, err
	}
	return &need, nil
}

// claim takes an item for one of the operations that are checked together; it
// reports whether no other has it.
func (c *checker) claim(it *item) bool {
	if it.claimed == c.round {
		return false
	}
	it.claimed = c.round
	return true
}

// content asks for the content of a message in memory, unless it is at hand. It
// fails if the store has lost it or can't read it.
func (c *checker) content(it *item) error {
	if it.content != nil {
		return nil
	}
	k := it.key()
	content, asked := c.env.Supply.content(k)
	switch {
	case !asked:
		c.need.Contents = append(c.need.Contents, k)
	case content == nil && c.env.Supply.failed[k] != nil:
		return c.env.Supply.failed[k]
	case content == nil:
		return fmt.Errorf("the store has lost the content of message %d", it.seq)
	}
	return nil
}

// unreadable reports whether the content of a message was asked for in vain.
func (e *Env) unreadable(it *item) bool {
	c, asked := e.Supply.content(it.key())
	return it.content == nil && c == nil && asked
}

// damaged reports whether the content of a message was asked for and can't be read.
func (e *Env) damaged(it *item) bool {
	return it.content == nil && e.Supply != nil && e.Supply.failed[it.key()] != nil
}

// content returns the content of a message, nil if it is not at hand.
func (e *Env) content(it *item) *Content {
	if it.content != nil {
		return it.content
	}
	c, _ := e.Supply.content(it.key())
	return c
}
