package bench

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

const queueConfig = `{"UserConfig":{"Namespaces":[{"Name":"bench-ns","Queues":[{"Name":"q"}]}]}}`

func serveQueue(b *testing.B) *process {
	b.Helper()
	return serve(b, binary(b), filepath.Join(b.TempDir(), "data"), folder(b, map[string]string{"Config.json": queueConfig}))
}

// together calls f for each of n workers at once and fails with the first error.
func together(b *testing.B, n int, f func(ctx context.Context, worker int) error) {
	b.Helper()
	ctx, cancel := context.WithCancelCause(b.Context())
	defer cancel(nil)
	var wg sync.WaitGroup
	for worker := range n {
		wg.Go(func() {
			if err := f(ctx, worker); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	check(b, context.Cause(ctx))
}

func senders(p *process, n int) []*azservicebus.Sender {
	p.b.Helper()
	all := make([]*azservicebus.Sender, n)
	for i := range all {
		s, err := p.client().NewSender("q", nil)
		check(p.b, err)
		all[i] = s
	}
	return all
}

// sendEach sends messages one at a time, each accepted before the next.
func sendEach(ctx context.Context, s *azservicebus.Sender, n int, body []byte) error {
	for range n {
		if err := s.SendMessage(ctx, &azservicebus.Message{Body: body}, nil); err != nil {
			return err
		}
	}
	return nil
}

// completeEach receives messages and completes one at a time.
func completeEach(ctx context.Context, r *azservicebus.Receiver, n int) error {
	for n > 0 {
		messages, err := r.ReceiveMessages(ctx, min(100, n), nil)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := r.CompleteMessage(ctx, m, nil); err != nil {
				return err
			}
		}
		n -= len(messages)
	}
	return nil
}

// BenchmarkQueue sends, receives and completes 1 KiB messages by 8 senders and 8
// receivers at once, one message in flight for each.
func BenchmarkQueue(b *testing.B) {
	const pairs, each = 8, 2000
	p := serveQueue(b)
	send := senders(p, pairs)
	var receive []*azservicebus.Receiver
	for range pairs {
		r, err := p.client().NewReceiverForQueue("q", nil)
		check(b, err)
		receive = append(receive, r)
	}
	body := make([]byte, 1<<10)
	exchange := func(n int) {
		together(b, 2*pairs, func(ctx context.Context, i int) error {
			if i < pairs {
				return sendEach(ctx, send[i], n, body)
			}
			return completeEach(ctx, receive[i-pairs], n)
		})
	}
	exchange(20) // opens the links
	for b.Loop() {
		exchange(each)
	}
	b.ReportMetric(float64(b.N*pairs*each)/b.Elapsed().Seconds(), "messages/s")
	p.stop()
}

// BenchmarkSend64KiB sends messages of 64 KiB by 8 senders, one in flight for
// each.
func BenchmarkSend64KiB(b *testing.B) {
	const at, each = 8, 500
	p := serveQueue(b)
	send := senders(p, at)
	body := make([]byte, 64<<10)
	for i := range body {
		body[i] = byte(i * i >> 3)
	}
	all := func(n int) {
		together(b, at, func(ctx context.Context, i int) error { return sendEach(ctx, send[i], n, body) })
	}
	all(5)
	for b.Loop() {
		all(each)
	}
	b.ReportMetric(float64(b.N*at*each)/b.Elapsed().Seconds(), "messages/s")
	p.stop()
}

// BenchmarkDrain receives a filled queue of 1 KiB messages with one consumer,
// which completes what it has received at once.
func BenchmarkDrain(b *testing.B) {
	const total, atOnce = 40_000, 500
	p := serveQueue(b)
	fill(b, p, total)
	r, err := p.client().NewReceiverForQueue("q", nil)
	check(b, err)
	for b.Loop() {
		for left := total; left > 0; {
			messages, err := r.ReceiveMessages(b.Context(), min(atOnce, left), nil)
			check(b, err)
			together(b, len(messages), func(ctx context.Context, i int) error {
				return r.CompleteMessage(ctx, messages[i], nil)
			})
			left -= len(messages)
		}
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "messages/s")
	p.stop()
}

// fill sends messages in batches.
func fill(b *testing.B, p *process, total int) {
	b.Helper()
	s := senders(p, 1)[0]
	m := &azservicebus.Message{Body: make([]byte, 1<<10)}
	for total > 0 {
		batch, err := s.NewMessageBatch(b.Context(), nil)
		check(b, err)
		for total > 0 && batch.NumMessages() < 100 && batch.AddMessage(m, nil) == nil {
			total--
		}
		check(b, s.SendMessageBatch(b.Context(), batch, nil))
	}
}
