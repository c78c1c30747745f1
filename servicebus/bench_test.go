package servicebus_test

import (
	"context"
	"testing"

	"github.com/Azure/go-amqp"

	"switchyard/broker"
)

// BenchmarkSendReceiveComplete sends, receives and completes messages of 1 KiB
// over loopback, 64 sends and 64 deliveries under way at a time, on a store in
// memory: what the dialect, the endpoint and the broker cost without a disk.
func BenchmarkSendReceiveComplete(b *testing.B) {
	s := newServer(b)
	s.queue("q", broker.QueueOptions{})
	ctx := context.Background()
	sender, err := s.session().NewSender(ctx, "q", nil)
	if err != nil {
		b.Fatal(err)
	}
	r, err := s.session().NewReceiver(ctx, "q", &amqp.ReceiverOptions{Credit: 64, SettlementMode: amqp.ReceiverSettleModeFirst.Ptr()})
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 1024)
	b.ResetTimer()
	failed := make(chan error, 65)
	slots := make(chan struct{}, 64)
	go func() {
		for range b.N {
			slots <- struct{}{}
			go func() {
				if err := sender.Send(ctx, amqp.NewMessage(body), nil); err != nil {
					failed <- err
				}
				<-slots
			}()
		}
	}()
	for range b.N {
		m, err := r.Receive(ctx, nil)
		if err == nil {
			err = r.AcceptMessage(ctx, m)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
}
