package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// sessionsPart is messages in sessions: each session has one sender at a time, which
// numbers what it sends, so their order is known; receivers take the next session, read its
// state, complete messages and set the state to the number of the last.
type sessionsPart struct {
	mu       sync.Mutex
	sessions []*orderly // guarded by mu, and so is what is in them
	wrong    []string
	accepted int
	done     int
	held     int
	states   int
}

// An orderly is what is known of one session.
type orderly struct {
	id      string
	sending bool
	next    int
	open    map[int]bool    // accepted, and no completion was tried
	tried   map[int]bool    // a completion was
	done    map[int]bool    // and was acknowledged
	last    map[int]int64   // sequence number under which a message came
	states  map[string]bool // one of which it has
	holder  int             // how often it was held
}

// sessionCount is how many sessions there are: more than receivers.
const sessionCount = 30

func newSessionsPart() part {
	p := &sessionsPart{}
	for i := range sessionCount {
		p.sessions = append(p.sessions, &orderly{id: fmt.Sprint("session-", i), open: map[int]bool{}, tried: map[int]bool{},
			done: map[int]bool{}, last: map[int]int64{}, states: map[string]bool{"": true}})
	}
	return p
}

func (p *sessionsPart) queues() []partQueue {
	return []partQueue{{"sessions", `{"requiresSession":true,"lockDuration":"PT5S","maxDeliveryCount":1000}`}}
}

func (p *sessionsPart) senders() []worker { return []worker{p.send, p.send, p.send} }
func (p *sessionsPart) takers() []worker  { return []worker{p.take, p.take, p.take, p.take} }

// pick takes a session to send to.
func (p *sessionsPart) pick() *orderly {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if h := p.sessions[rand.IntN(len(p.sessions))]; !h.sending {
			h.sending = true
			return h
		}
	}
}

func (p *sessionsPart) send(l *load, s *server) error {
	sender, done, err := s.sender("attack-namespace", "sessions")
	if err != nil {
		return err
	}
	defer done()
	for range 20 {
		h := p.pick()
		err := p.sendTo(l, sender, h)
		p.mu.Lock()
		h.sending = false
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *sessionsPart) sendTo(l *load, sender *azservicebus.Sender, h *orderly) error {
	for range 1 + rand.IntN(10) {
		p.mu.Lock()
		n := h.next
		h.next++
		p.mu.Unlock()
		id := fmt.Sprintf("%s/%d", h.id, n)
		if err := l.send(sender, &azservicebus.Message{MessageID: &id, SessionID: &h.id, Body: []byte(id)}); err != nil {
			return err
		}
		p.mu.Lock()
		p.accepted++
		if !h.tried[n] {
			h.open[n] = true
		}
		p.mu.Unlock()
		if sleep(l.ctx, 15*time.Millisecond) != nil {
			return nil
		}
	}
	return nil
}

func (p *sessionsPart) take(l *load, s *server) error {
	c, err := open(s.connection("attack-namespace"))
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	for range 20 {
		ctx, cancel := context.WithTimeout(l.ctx, 3*time.Second)
		r, err := c.AcceptNextSessionForQueue(ctx, "sessions", nil)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		err = p.hold(l, r)
		ctx, cancel = context.WithTimeout(context.Background(), 5*time.Second)
		r.Close(ctx)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// hold works on a session until nothing comes any more.
func (p *sessionsPart) hold(l *load, r *azservicebus.SessionReceiver) error {
	n, err := strconv.Atoi(strings.TrimPrefix(r.SessionID(), "session-"))
	if err != nil {
		return err
	}
	h := p.sessions[n]
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
	defer cancel()
	state, err := r.GetSessionState(ctx, nil)
	if err != nil {
		return err
	}
	holder := p.began(h, string(state))
	holding := map[int]bool{}
	for range 40 {
		// One: the library releases what comes for credit that is left over from the last
		// call, and then what comes behind that has been received before it.
		ctx, cancel := context.WithTimeout(l.ctx, 300*time.Millisecond)
		messages, err := r.ReceiveMessages(ctx, 1, nil)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		if err != nil || len(messages) == 0 {
			return err
		}
		var numbers []int
		for _, m := range messages {
			numbers = append(numbers, p.arrived(h, m, holding))
		}
		for i, m := range messages {
			if err := p.complete(r, h, m, numbers[i]); err != nil {
				return err
			}
		}
		if rand.IntN(5) > 0 {
			continue
		}
		if err := p.setState(r, h, holder, fmt.Sprint(numbers[len(numbers)-1])); err != nil {
			return err
		}
	}
	return nil
}

// began looks at the state of a session that somebody holds now.
func (p *sessionsPart) began(h *orderly, state string) (holder int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held++
	h.holder++
	if !h.states[state] {
		p.wrong = append(p.wrong, fmt.Sprintf("the state of %s is %q, want one of %v", h.id, state, h.states))
	}
	h.states = map[string]bool{state: true}
	return h.holder
}

// arrived notes a delivery: what was accepted in the session before this message must be
// done with, or must have come before it, to the same holder.
func (p *sessionsPart) arrived(h *orderly, m *azservicebus.ReceivedMessage, holding map[int]bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := strconv.Atoi(strings.TrimPrefix(m.MessageID, h.id+"/"))
	if err != nil || m.SessionID == nil || *m.SessionID != h.id {
		p.wrong = append(p.wrong, fmt.Sprintf("%s came to who holds %s", m.MessageID, h.id))
		return n
	}
	if h.done[n] {
		p.wrong = append(p.wrong, m.MessageID+" came again after its completion was acknowledged")
	}
	if seq, ok := h.last[n]; ok && seq != *m.SequenceNumber {
		p.wrong = append(p.wrong, m.MessageID+" came out as two messages")
	}
	h.last[n] = *m.SequenceNumber
	holding[n] = true
	for before := range h.open {
		if before < n && !holding[before] {
			p.wrong = append(p.wrong, fmt.Sprintf("%s came before %d", m.MessageID, before))
		}
	}
	return n
}

func (p *sessionsPart) complete(r *azservicebus.SessionReceiver, h *orderly, m *azservicebus.ReceivedMessage, n int) error {
	p.mu.Lock()
	delete(h.open, n) // it may be gone from now on
	h.tried[n] = true
	p.mu.Unlock()
	return completed(r, m, func(string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		h.done[n] = true
		p.done++
	})
}

func (p *sessionsPart) setState(r *azservicebus.SessionReceiver, h *orderly, holder int, state string) error {
	p.mu.Lock()
	h.states[state] = true // perhaps
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.SetSessionState(ctx, []byte(state), nil); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.holder == holder { // else another holder may have set one since
		h.states = map[string]bool{state: true}
	}
	p.states++
	return nil
}

func (p *sessionsPart) missing() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.sessions {
		for n := range h.open {
			ids = append(ids, fmt.Sprintf("%s/%d", h.id, n))
		}
	}
	return ids
}

func (p *sessionsPart) check(t *testing.T) {
	t.Helper()
	if ids := p.missing(); len(ids) > 0 {
		t.Errorf("sessions: %d accepted messages are lost: %q", len(ids), firstOf(ids))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.wrong) > 0 {
		t.Errorf("sessions: %d violations: %q", len(p.wrong), firstOf(p.wrong))
	}
	if p.accepted == 0 || p.states == 0 {
		t.Errorf("sessions: %d messages accepted, %d states set", p.accepted, p.states)
	}
}

func (p *sessionsPart) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d accepted, %d completed, held %d times, %d states set", p.accepted, p.done, p.held, p.states)
}
