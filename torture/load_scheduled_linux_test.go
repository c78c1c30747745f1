package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// scheduledPart is messages that are scheduled, some of which are cancelled: they come not
// before their time, and what was cancelled does not come.
type scheduledPart struct {
	queuePart
	mu        sync.Mutex
	due       map[string]time.Time // guarded by mu
	cancelled map[string]bool      // guarded by mu
}

func newScheduledPart() part {
	return &scheduledPart{queuePart: queuePart{newAccount(), "later", `{"lockDuration":"PT5S","maxDeliveryCount":1000}`},
		due: map[string]time.Time{}, cancelled: map[string]bool{}}
}

func (p *scheduledPart) senders() []worker { return []worker{p.send, p.send} }

func (p *scheduledPart) takers() []worker {
	return []worker{func(l *load, s *server) error { return l.receiveAll(s, p.name, p.came, p.complete) }}
}

// afterCrash is how exactly a time is kept over a crash.
const afterCrash = 1100 * time.Millisecond

func (p *scheduledPart) came(id string, sequence int64) {
	p.account.came(id, sequence)
	p.mu.Lock()
	defer p.mu.Unlock()
	wrong := ""
	if early := time.Until(p.due[id]); early > afterCrash {
		wrong = fmt.Sprintf("%s came %s early", id, early)
	}
	if p.cancelled[id] {
		wrong = id + " came although it was cancelled"
	}
	if wrong != "" {
		p.violates(wrong)
	}
}

func (p *scheduledPart) send(l *load, s *server) error {
	sender, done, err := s.sender("attack-namespace", p.name)
	if err != nil {
		return err
	}
	defer done()
	for range 50 {
		if err := p.schedule(l, sender); err != nil {
			return err
		}
		if sleep(l.ctx, 60*time.Millisecond) != nil {
			return nil
		}
	}
	return nil
}

// schedule schedules a few messages and cancels the first of them now and then.
func (p *scheduledPart) schedule(l *load, sender *azservicebus.Sender) error {
	at := time.Now().Add(time.Duration(200+rand.IntN(6000)) * time.Millisecond).Truncate(time.Millisecond)
	var messages []*azservicebus.Message
	var ids []string
	for range 1 + rand.IntN(5) {
		id := fmt.Sprintf("%s-%08d", p.name, l.number())
		ids = append(ids, id)
		messages = append(messages, &azservicebus.Message{MessageID: &id, Body: []byte("later")})
	}
	p.mu.Lock()
	for _, id := range ids {
		p.due[id] = at
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.ctx, 20*time.Second)
	defer cancel()
	numbers, err := sender.ScheduleMessages(ctx, messages, at, nil)
	if err != nil {
		return err
	}
	cancels := rand.IntN(4) == 0
	for i, id := range ids {
		if i > 0 || !cancels { // else it is not known what becomes of it
			p.accept(id)
		}
	}
	if !cancels {
		return nil
	}
	sleep(l.ctx, time.Duration(rand.IntN(1000))*time.Millisecond)
	if err := sender.CancelScheduledMessages(ctx, numbers[:1], nil); err != nil {
		return err // it may have come meanwhile
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancelled[ids[0]] = true
	p.account.mu.Lock()
	defer p.account.mu.Unlock()
	if len(p.seen[ids[0]]) > 0 {
		p.wrong = append(p.wrong, ids[0]+" was cancelled after it came")
	}
	return nil
}

func (p *scheduledPart) check(t *testing.T) {
	t.Helper()
	p.queuePart.check(t)
	if len(p.cancelled) == 0 {
		t.Error("later: nothing was cancelled")
	}
}

func (p *scheduledPart) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%s, %d cancelled", p.account, len(p.cancelled))
}

// repeatedPart is messages that are sent again under the same id: because nobody knows
// whether they were accepted, and although they were. Each comes once.
type repeatedPart struct {
	queuePart
	mu       sync.Mutex
	latest   []string // accepted ones; guarded by mu
	repeated int      // guarded by mu
}

func newRepeatedPart() part {
	return &repeatedPart{queuePart: queuePart{newAccount(), "repeated",
		`{"requiresDuplicateDetection":true,"duplicateDetectionHistoryTimeWindow":"PT1H","lockDuration":"PT5S","maxDeliveryCount":1000}`}}
}

func (p *repeatedPart) senders() []worker { return []worker{p.sender(), p.sender(), p.sender()} }

func (p *repeatedPart) takers() []worker {
	return []worker{func(l *load, s *server) error { return l.receiveAll(s, p.name, p.came, p.complete) }}
}

// sender returns a sender that sends what it has not heard of again first.
func (p *repeatedPart) sender() worker {
	unknown := ""
	return func(l *load, s *server) error {
		sender, done, err := s.sender("attack-namespace", p.name)
		if err != nil {
			return err
		}
		defer done()
		for range 100 {
			if unknown == "" {
				unknown = p.id(l)
			}
			if err := l.send(sender, &azservicebus.Message{MessageID: &unknown, Body: []byte(unknown)}); err != nil {
				return err
			}
			p.knows(unknown)
			unknown = ""
			if sleep(l.ctx, 20*time.Millisecond) != nil {
				return nil
			}
		}
		return nil
	}
}

// id is a new one, or one that was accepted.
func (p *repeatedPart) id(l *load) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.latest); n > 0 && rand.IntN(3) == 0 {
		p.repeated++
		return p.latest[rand.IntN(n)]
	}
	return fmt.Sprintf("%s-%08d", p.name, l.number())
}

func (p *repeatedPart) knows(id string) {
	p.accept(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest = append(p.latest, id); len(p.latest) > 1000 {
		p.latest = p.latest[1:]
	}
}

func (p *repeatedPart) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%s, %d sent again", p.account, p.repeated)
}
