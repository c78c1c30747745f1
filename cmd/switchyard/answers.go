package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// An answer is what became of a ticket.
type answer struct {
	queue string // "triaged" or "dead-letter"
	body  []byte
	why   string // of a dead letter
	times int    // how often it came out: must be 1
}

// answers is what has come out, by message id of the ticket.
type answers struct {
	mu   sync.Mutex
	byID map[string]*answer // guarded by mu
	news chan struct{}
}

func (a *answers) collect(ctx context.Context, client *azservicebus.Client, queue string) error {
	from, o := queue, &azservicebus.ReceiverOptions{}
	if queue == "dead-letter" {
		from, o.SubQueue = inQueue, azservicebus.SubQueueDeadLetter
	}
	r, err := client.NewReceiverForQueue(from, o)
	if err != nil {
		return err
	}
	defer r.Close(context.WithoutCancel(ctx))
	for {
		msgs, err := r.ReceiveMessages(ctx, 20, nil)
		if err != nil {
			return fmt.Errorf("receive from %s: %w", queue, err)
		}
		for _, m := range msgs {
			if err := r.CompleteMessage(ctx, m, nil); err != nil {
				return fmt.Errorf("complete a message of %s: %w", queue, err)
			}
			id := m.MessageID
			if queue == outQueue && m.CorrelationID != nil {
				id = *m.CorrelationID
			}
			x := &answer{queue: queue, body: m.Body}
			if m.DeadLetterReason != nil {
				x.why = *m.DeadLetterReason
			}
			if m.DeadLetterErrorDescription != nil {
				x.why += ": " + *m.DeadLetterErrorDescription
			}
			a.add(id, x)
		}
	}
}

func (a *answers) add(id string, x *answer) {
	a.mu.Lock()
	if old := a.byID[id]; old != nil {
		old.times++
	} else {
		x.times = 1
		a.byID[id] = x
	}
	a.mu.Unlock()
	select {
	case a.news <- struct{}{}:
	default:
	}
}

func (a *answers) count(suffix string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for id := range a.byID {
		if strings.HasSuffix(id, suffix) {
			n++
		}
	}
	return n
}

func (a *answers) missing(tickets []*ticket, suffix string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for _, t := range tickets {
		if a.byID[t.MessageID+suffix] == nil {
			names = append(names, t.Name)
		}
	}
	return fmt.Errorf("no answer within %s for %d tickets: %s",
		demoPatience, len(names), strings.Join(names, ", "))
}
