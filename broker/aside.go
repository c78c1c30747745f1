package broker

import (
	"errors"
	"time"

	"switchyard/commit"
)

// aside is what a mover has left behind because the entity lets it wait to which it goes:
// in memory is the first message for each such entity. What comes later for the same one is
// left behind too, so that the order is kept, and others go on.
type aside struct {
	first map[string]*Message // without content, by the path of the other entity
	pause time.Duration       // before the next try; 0: nothing is left behind
	tried bool                // all was read again since
}

func (a *aside) waits(to string) bool {
	_, waits := a.first[to]
	return waits
}

// goesAside reports whether messages for others go on although these wait: the fault is that
// of the other entity.
func (m *mover) goesAside(err error, why *DeadLetterInfo) bool {
	ours := why == nil && (errors.Is(err, commit.ErrFull) || m.e.b.ctx.Err() != nil)
	return m.route.aside && !ours && (why == nil || m.route.waits(err))
}

// putAside leaves the next n messages behind, which wait for an entity.
func (m *mover) putAside(n int, to string, err error) error {
	first := &Message{Content: m.r.messages[0].Content}
	first.Sections = nil
	if m.aside.first == nil {
		m.aside.first = map[string]*Message{}
	}
	m.aside.first[to] = first
	m.waits(err)
	return m.leave(n)
}

// triesAgain reports whether it is time to look after what was left behind. It is called
// with mu held.
func (m *mover) triesAgain(now time.Time) bool {
	return m != nil && !m.again.IsZero() && !m.again.After(now)
}

// tryAgain finds out whether messages that were left behind can go on, if it is time. Only
// then all are read again: there may be very many.
func (m *mover) tryAgain() {
	e := m.e
	e.mu.Lock()
	due := m.triesAgain(e.b.Now())
	if due {
		m.again = time.Time{}
	}
	e.mu.Unlock()
	m.aside.tried = false
	if !due {
		return
	}
	for to, first := range m.aside.first {
		if m.goesOn(to, first) {
			delete(m.aside.first, to)
			m.aside.tried = true
		}
	}
	if m.aside.tried {
		e.mu.Lock()
		e.q.Regain(m.sub)
		m.regained = e.b.Now()
		e.mu.Unlock()
	}
}

// goesOn reports whether an entity would take a message, or refuse it in another way than
// to let it wait.
func (m *mover) goesOn(to string, first *Message) bool {
	sender, err := m.e.b.Sender(m.e.namespace.name, to)
	if err == nil {
		err = sender.admits([]*Message{first}, 0)
	}
	m.noteFull(to, err)
	return err == nil || !m.goesAside(err, refusal(to, err))
}

// setAgain sets when to look next after what was left behind: later each time that all was
// read again in vain. It is called with mu held, by who is busy.
func (m *mover) setAgain(now time.Time) {
	a := &m.aside
	if len(a.first) == 0 {
		m.again, a.pause = time.Time{}, 0
		return
	}
	m.e.b.waiting.add(m)
	if !m.again.IsZero() {
		return
	}
	if a.pause == 0 || a.tried {
		a.pause = longer(a.pause)
	}
	m.again = now.Add(a.pause)
	m.e.b.timers.set(m.e, m.again)
}
