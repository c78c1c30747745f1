package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/amqp/frames"
)

// ledgerPart is entries of which each is exchanged by a transaction: it settles the entry
// and sends three others. Some are rolled back, and some left open when their connection
// ends. Each transaction has happened whole or not at all, and one that was acknowledged
// as it was.
type ledgerPart struct {
	mu       sync.Mutex
	entries  map[string]bool      // accepted; guarded by mu, and so is what follows
	seen     map[string]int64     // sequence number under which an entry came
	attempts map[string]*exchange // by the name of what the transaction sends
	ended    map[string]string    // entry: the attempt that was acknowledged
	wrong    []string
	number   int

	committed, declined, unknown int
}

// An exchange is one transaction.
type exchange struct {
	entry    string
	declined bool          // rolled back, or never discharged
	came     map[int]int64 // its messages, with their sequence numbers
	done     map[int]bool  // whose completion was acknowledged
}

func newLedgerPart() part {
	return &ledgerPart{entries: map[string]bool{}, seen: map[string]int64{}, attempts: map[string]*exchange{}, ended: map[string]string{}}
}

func (p *ledgerPart) queues() []partQueue {
	return []partQueue{{"ledger", `{"lockDuration":"PT5S","maxDeliveryCount":1000}`}}
}

func (p *ledgerPart) senders() []worker { return []worker{p.enter} }
func (p *ledgerPart) takers() []worker  { return []worker{p.exchange, p.exchange} }

// open is a connection of a bookkeeper; what it waits for comes soon.
func (p *ledgerPart) open(s *server) (*bookkeeper, error) {
	b, err := openLedger(s.connection("attack-namespace"), "attack-namespace.servicebus.windows.net", "ledger")
	if err == nil {
		b.SetDeadline(time.Now().Add(30 * time.Second))
	}
	return b, err
}

// enter sends entries.
func (p *ledgerPart) enter(l *load, s *server) error {
	b, err := p.open(s)
	if err != nil {
		return err
	}
	defer b.Close()
	for range 100 {
		id := fmt.Sprintf("in-%d", l.number())
		if _, err := b.deliver(sending, nil, entry(id)); err != nil {
			return err
		}
		p.mu.Lock()
		p.entries[id] = true
		p.mu.Unlock()
		if sleep(l.ctx, 60*time.Millisecond) != nil {
			return nil
		}
	}
	return nil
}

// exchange takes messages: of those that transactions have sent it keeps account, and
// entries it exchanges.
func (p *ledgerPart) exchange(l *load, s *server) error {
	b, err := p.open(s)
	if err != nil {
		return err
	}
	defer b.Close()
	defer time.AfterFunc(20*time.Second, func() { b.Close() }).Stop()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // who waits for a message that does not come ends with the load
		select {
		case <-l.ctx.Done():
			b.Close()
		case <-stop:
		}
	}()
	for {
		d, err := b.receive()
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.id, "in-") {
			err = p.transact(b, d)
		} else {
			err = p.booked(b, d)
		}
		if err != nil {
			return err
		}
	}
}

// A booking is a message that a bookkeeper has received.
type booking struct {
	delivery uint32
	id       string
	sequence int64
}

// receive waits for one message.
func (b *bookkeeper) receive() (d booking, err error) {
	if err := b.credit(1); err != nil {
		return d, err
	}
	body, payload, err := b.until(is[*frames.Transfer])
	if err != nil {
		return d, err
	}
	b.got++
	d.delivery = body.(*frames.Transfer).DeliveryID.Value
	m, err := frames.ParseMessage(payload)
	if err != nil {
		return d, err
	}
	v, _ := m.MessageAnnotations.Get("x-opt-sequence-number")
	d.sequence, _ = v.(int64)
	d.id, _ = m.Properties.MessageID.(string)
	return d, nil
}

// settle accepts a message, in a transaction if it has an id.
func (b *bookkeeper) settle(d booking, id []byte) error {
	var state frames.State = frames.Accepted{}
	if id != nil {
		state = frames.TransactionalState{TxnID: id, Outcome: frames.Accepted{}}
	}
	err := b.frame(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: d.delivery, Last: d.delivery, State: state})
	if err == nil {
		_, err = b.outcome(frames.RoleSender)
	}
	return err
}

// transact exchanges an entry.
func (p *ledgerPart) transact(b *bookkeeper, d booking) error {
	p.mu.Lock()
	p.number++
	name := fmt.Sprintf("out-%d", p.number)
	x := &exchange{entry: d.id, came: map[int]int64{}, done: map[int]bool{}}
	if by, ok := p.ended[d.id]; ok {
		p.wrong = append(p.wrong, fmt.Sprintf("%s came again after %s was committed", d.id, by))
	}
	if seq, ok := p.seen[d.id]; ok && seq != d.sequence {
		p.wrong = append(p.wrong, d.id+" came out as two messages")
	}
	p.seen[d.id] = d.sequence
	p.attempts[name] = x
	p.unknown++
	p.mu.Unlock()
	id, err := b.declare()
	if err != nil {
		return err
	}
	for n := range exchanged {
		if _, err := b.deliver(sending, frames.TransactionalState{TxnID: id}, entry(fmt.Sprintf("%s-%d", name, n))); err != nil {
			return err
		}
	}
	if err := b.settle(d, id); err != nil {
		return err
	}
	switch rand.IntN(8) {
	case 0: // it ends with its connection
		p.declines(x)
		return errors.New("left open")
	case 1, 2:
		p.declines(x)
		if err := b.discharge(id, true); err != nil {
			return err
		}
		return errors.New("rolled back: the message stays locked until the lock ends")
	}
	if err := b.discharge(id, false); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended[d.id] = name
	p.unknown--
	p.committed++
	return nil
}

// declines notes that what a transaction did has not happened.
func (p *ledgerPart) declines(x *exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x.declined = true
	p.unknown--
	p.declined++
}

// booked completes a message that a transaction has sent.
func (p *ledgerPart) booked(b *bookkeeper, d booking) error {
	i := strings.LastIndex(d.id, "-")
	n := int(d.id[i+1] - '0')
	p.mu.Lock()
	x := p.attempts[d.id[:i]]
	switch seq, came := x.came[n]; {
	case x.declined:
		p.wrong = append(p.wrong, d.id+" came although its transaction was given up")
	case x.done[n]:
		p.wrong = append(p.wrong, d.id+" came again after its completion was acknowledged")
	case came && seq != d.sequence:
		p.wrong = append(p.wrong, d.id+" came out as two messages")
	}
	x.came[n] = d.sequence
	p.mu.Unlock()
	if err := b.settle(d, nil); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	x.done[n] = true
	return nil
}

// missing names the entries that no transaction has exchanged, and what is not there of
// those that have.
func (p *ledgerPart) missing() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	exchanges := map[string]int{}
	for name, x := range p.attempts {
		if len(x.came) > 0 {
			exchanges[x.entry]++
		}
		for n := range exchanged {
			if _, came := x.came[n]; !came && (len(x.came) > 0 || p.ended[x.entry] == name) {
				ids = append(ids, fmt.Sprintf("%s-%d", name, n))
			}
		}
	}
	for id := range p.entries {
		if exchanges[id] == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *ledgerPart) check(t *testing.T) {
	t.Helper()
	if ids := p.missing(); len(ids) > 0 {
		t.Errorf("ledger: %d of what was accepted and of whole transactions are missing: %q", len(ids), firstOf(ids))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	by := map[string]string{}
	for name, x := range p.attempts {
		if len(x.came) == 0 {
			continue
		}
		if other, ok := by[x.entry]; ok {
			p.wrong = append(p.wrong, fmt.Sprintf("%s was exchanged by %s and by %s", x.entry, name, other))
		}
		by[x.entry] = name
	}
	if len(p.wrong) > 0 {
		t.Errorf("ledger: %d violations: %q", len(p.wrong), firstOf(p.wrong))
	}
	if p.committed == 0 || p.declined == 0 {
		t.Errorf("ledger: %d transactions committed, %d given up", p.committed, p.declined)
	}
}

func (p *ledgerPart) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d entries, %d transactions committed, %d given up, %d unanswered", len(p.entries), p.committed, p.declined, p.unknown)
}
