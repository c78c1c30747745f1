package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// deferredPart is messages of which half are deferred and then received by number. One
// whose deferral was acknowledged comes by its number only.
type deferredPart struct {
	queuePart
	mu       sync.Mutex
	waiting  map[int64]bool // deferred, as far as is known; guarded by mu
	deferred map[string]bool
	count    int
}

func newDeferredPart() part {
	return &deferredPart{queuePart: queuePart{newAccount(), "deferred", `{"lockDuration":"PT5S","maxDeliveryCount":1000}`},
		waiting: map[int64]bool{}, deferred: map[string]bool{}}
}

func (p *deferredPart) senders() []worker {
	return []worker{func(l *load, s *server) error {
		return l.sending(s, p.account, "attack-namespace", p.name, 100, 20*time.Millisecond, func(string) *azservicebus.Message {
			return &azservicebus.Message{Body: []byte("deferred")}
		})
	}}
}

func (p *deferredPart) takers() []worker { return []worker{p.take, p.fetch} }

func (p *deferredPart) receiver(s *server) (*azservicebus.Client, *azservicebus.Receiver, error) {
	c, err := open(s.connection("attack-namespace"))
	if err != nil {
		return nil, nil, err
	}
	r, err := c.NewReceiverForQueue(p.name, nil)
	return c, r, err
}

// take receives what is not deferred, and completes or defers it.
func (p *deferredPart) take(l *load, s *server) error {
	c, r, err := p.receiver(s)
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	return l.each(r, 10, func(m *azservicebus.ReceivedMessage) error { return p.settle(r, m) })
}

func (p *deferredPart) settle(r *azservicebus.Receiver, m *azservicebus.ReceivedMessage) error {
	p.came(m.MessageID, *m.SequenceNumber)
	p.mu.Lock()
	if p.deferred[m.MessageID] {
		p.violates(m.MessageID + " came to a receiver although it was deferred")
	}
	p.mu.Unlock()
	if rand.IntN(2) == 0 {
		return completed(r, m, p.complete)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.DeferMessage(ctx, m, nil); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deferred[m.MessageID], p.waiting[*m.SequenceNumber] = true, true
	p.count++
	return nil
}

// fetch receives by number what is deferred, and completes it. Now and then it looks for
// what was deferred without an answer.
func (p *deferredPart) fetch(l *load, s *server) error {
	c, r, err := p.receiver(s)
	if err != nil {
		return err
	}
	defer c.Close(context.Background())
	if err := p.look(l, r); err != nil {
		return err
	}
	for range 20 {
		for _, n := range p.some() {
			if err := p.fetchOne(l, r, n); err != nil {
				return err
			}
		}
		if sleep(l.ctx, 50*time.Millisecond) != nil {
			return nil
		}
	}
	return nil
}

// look peeks for deferred messages.
func (p *deferredPart) look(l *load, r *azservicebus.Receiver) error {
	ctx, cancel := context.WithTimeout(l.ctx, 10*time.Second)
	defer cancel()
	messages, err := r.PeekMessages(ctx, 200, nil)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		if m.State == azservicebus.MessageStateDeferred {
			p.waiting[*m.SequenceNumber] = true
		}
	}
	return nil
}

// some are numbers of up to 20 deferred messages.
func (p *deferredPart) some() (numbers []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := range p.waiting {
		if numbers = append(numbers, n); len(numbers) == 20 {
			break
		}
	}
	return numbers
}

func (p *deferredPart) fetchOne(l *load, r *azservicebus.Receiver, n int64) error {
	ctx, cancel := context.WithTimeout(l.ctx, 10*time.Second)
	defer cancel()
	p.mu.Lock()
	delete(p.waiting, n) // what is still there is looked for again
	p.mu.Unlock()
	messages, err := r.ReceiveDeferredMessages(ctx, []int64{n}, nil)
	if err != nil && strings.Contains(err.Error(), "message-not-found") {
		return nil // it is completed, or locked by a fetch that heard nothing
	}
	if err != nil {
		return err
	}
	for _, m := range messages {
		p.came(m.MessageID, *m.SequenceNumber)
		if err := completed(r, m, p.complete); err != nil {
			return err
		}
	}
	return nil
}

func (p *deferredPart) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%s, %d deferred", p.account, p.count)
}
