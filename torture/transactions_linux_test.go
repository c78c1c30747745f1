package torture

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/amqp/frames"
)

// TestAttackTransactions: transactions that send much and are not discharged take little
// memory, end with words, and leave the others their rate; those that are left commit.
func TestAttackTransactions(t *testing.T) {
	torture(t)
	s := box{Memory: 2 << 30}.serve(t, t.TempDir())
	s.prepare()
	s.must("PUT", s.id(attackNamespace)+"/queues/much"+busVersion, `{"properties":{"maxSizeInMegabytes":5120}}`)
	stop := s.beside(1000)
	const conns, size = 24, 250_000
	body := frames.AppendData(nil, make([]byte, size))
	var begun, committed, messages, closed, told, refused atomic.Int64
	full, over := make(chan struct{}), make(chan struct{})
	var filling, ending sync.WaitGroup
	for range conns {
		filling.Add(1)
		ending.Go(func() {
			var ids [][]byte
			b, err := openLedger(s.namespace().ConnectionString, "attack-namespace.servicebus.windows.net", "much")
			if err == nil {
				defer b.Close()
				ids, err = b.fill(body)
			}
			begun.Add(int64(len(ids)))
			filling.Done()
			<-full
			if err != nil && strings.Contains(err.Error(), "would send more than") {
				refused.Add(1)
				ids = ids[:len(ids)-1] // with an operation that was refused it can't commit
				err = nil
			}
			for i := 0; err == nil && i < len(ids); i++ {
				if err = b.discharge(ids[i], false); err == nil {
					committed.Add(1)
					messages.Add(perTransaction)
				}
			}
			if err != nil {
				closed.Add(1)
				if strings.Contains(err.Error(), "its transactions") {
					told.Add(1)
				}
			}
			<-over
		})
	}
	filling.Wait()
	time.Sleep(time.Second)
	close(full)
	peak := s.status("VmHWM")
	close(over)
	ending.Wait()
	if s.ended() {
		t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
	}
	rate := stop()
	peak = max(peak, s.status("VmHWM")) >> 10
	t.Logf("peak %d MB, %d transactions begun, %d committed, %d of %d connections closed, %d refused, beside %v", peak, begun.Load(), committed.Load(), closed.Load(), conns, refused.Load(), rate)
	if peak > 1200 {
		t.Errorf("%d MB at most, want less than 1200", peak)
	}
	if committed.Load() == 0 || told.Load()+refused.Load() == 0 {
		t.Errorf("%d committed, %d told why; want some of each", committed.Load(), told.Load()+refused.Load())
	}
	if got := s.messages("much"); int64(got) != messages.Load() {
		t.Errorf("the queue has %d messages, want %d", got, messages.Load())
	}
	for i, n := range rate[:len(rate)-1] {
		if n == 0 {
			t.Errorf("nothing was sent beside in second %d", i)
		}
	}
	s.terminate(25 * time.Second)
}

// perTransaction is how many messages a transaction sends.
const perTransaction = 50

// fill sends in transactions that it does not discharge until it may not any more, or has
// sent enough.
func (b *bookkeeper) fill(body []byte) (ids [][]byte, err error) {
	for range 8 {
		id, err := b.declare()
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
		for range perTransaction {
			if err := b.sendLarge(id, body); err != nil {
				return ids, err
			}
		}
	}
	return ids, nil
}

// sendLarge sends a message in several frames.
func (b *bookkeeper) sendLarge(id, body []byte) error {
	d := b.next
	b.next++
	b.SetDeadline(time.Now().Add(time.Minute))
	for len(body) > 0 {
		part := body[:min(len(body), 60_000)]
		body = body[len(part):]
		t := &frames.Transfer{Handle: sending, DeliveryID: frames.Some(d), DeliveryTag: []byte("t"), MessageFormat: frames.Some(uint32(0)),
			State: frames.TransactionalState{TxnID: id}, More: len(body) > 0}
		if err := b.frame(frames.TypeAMQP, t, part...); err != nil {
			return err
		}
	}
	_, err := b.outcome(frames.RoleReceiver)
	return err
}
