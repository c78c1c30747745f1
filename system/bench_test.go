package system

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/deploy"
	"switchyard/pipeline/activity"
	"switchyard/value"
)

func benchSystem(b *testing.B, d *deploy.Deployment) *System {
	b.Helper()
	o := Options{DataDir: filepath.Join(b.TempDir(), "data"), Strict: true}
	if d != nil {
		o.Deployments = []*deploy.Deployment{d}
	}
	s, err := Start(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Stop() })
	return s
}

func benchFolder(b *testing.B, files map[string]string) *deploy.Deployment {
	b.Helper()
	d, err := readFiles(files)
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkStart is the time from a call of Start on an existing data directory
// to the answer that the first AMQP connection gets.
func BenchmarkStart(b *testing.B) {
	d := benchFolder(b, triggered(`{}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`))
	dir := filepath.Join(b.TempDir(), "data")
	for b.Loop() {
		s, err := Start(b.Context(), Options{DataDir: dir, Deployments: []*deploy.Deployment{d}, Strict: true})
		if err != nil {
			b.Fatal(err)
		}
		c, err := net.Dial("tcp", s.Endpoints().AMQP)
		if err != nil {
			b.Fatal(err)
		}
		head := make([]byte, 8)
		if _, err := io.WriteString(c, "AMQP\x03\x01\x00\x00"); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, head); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		c.Close()
		if err := s.Stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkSendToActivity is the time from a call of the SDK's SendMessage to the
// start of the first activity of the run that the message triggers: accepted,
// locked and recorded on disk on the way. The median is reported.
func BenchmarkSendToActivity(b *testing.B) {
	s := benchSystem(b, benchFolder(b, triggered(`{}`, `{"name":"Tell","type":"Tell","typeProperties":{"id":"@pipeline().parameters.messages[0].messageId"}}`)))
	started := make(chan time.Time, 1)
	s.registry.Register("Tell", activity.Executor(func(context.Context, *activity.Call) activity.Result {
		started <- time.Now()
		return activity.Result{Output: &value.Object{}}
	}))
	c, err := azservicebus.NewClientFromConnectionString(s.Endpoints().ConnectionString, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	sender, err := c.NewSender("in", nil)
	if err != nil {
		b.Fatal(err)
	}
	id := "x"
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := sender.SendMessage(b.Context(), &azservicebus.Message{MessageID: &id, Body: []byte("x")}, nil); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-started).Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkQueueSendReceiveComplete sends, receives and completes 1 KiB messages
// with the Azure SDK over loopback, durable on disk, by several senders and
// receivers at once.
func BenchmarkQueueSendReceiveComplete(b *testing.B) {
	const pairs = 8
	s := benchSystem(b, benchFolder(b, map[string]string{
		"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"q"}]}]}}`,
	}))
	body := make([]byte, 1024)
	b.SetBytes(1024)
	var wg sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			b.Error(err)
		}
	}
	per := b.N/pairs + 1
	b.ResetTimer()
	for range pairs {
		c, err := azservicebus.NewClientFromConnectionString(s.Endpoints().ConnectionString, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(context.Background())
		wg.Go(func() {
			sender, err := c.NewSender("q", nil)
			if err != nil {
				b.Error(err)
				return
			}
			for range per {
				if err := sender.SendMessage(b.Context(), &azservicebus.Message{Body: body}, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			r, err := c.NewReceiverForQueue("q", nil)
			if err != nil {
				b.Error(err)
				return
			}
			for n := 0; n < per; {
				msgs, err := r.ReceiveMessages(b.Context(), min(100, per-n), nil)
				if err != nil {
					b.Error(err)
					return
				}
				for _, m := range msgs {
					fail(r.CompleteMessage(b.Context(), m, nil))
				}
				n += len(msgs)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(pairs*per)/b.Elapsed().Seconds(), "messages/s")
}
