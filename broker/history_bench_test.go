//go:build unix

package broker_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/store"
)

// offsetClock is the wall clock, and later than it.
type offsetClock struct {
	clock.Wall
	by *atomic.Int64
}

func (c offsetClock) Now() time.Time { return c.Wall.Now().Add(time.Duration(c.by.Load())) }

// BenchmarkDuplicateDetection sends messages of 1 KiB with new ids, 256 at a time, to a
// queue on a store on disk that remembers none or a million ids from all over the
// window, by this process or the one before, and to one without detection. The messages
// are received at once.
func BenchmarkDuplicateDetection(b *testing.B) {
	for _, c := range []struct {
		name       string
		detect     bool
		remembered int
		restarted  bool
	}{{"off", false, 0, false}, {"remembered=0", true, 0, false}, {"remembered=1000000", true, 1_000_000, false},
		{"remembered=1000000/restarted", true, 1_000_000, true}} {
		b.Run(c.name, func(b *testing.B) { benchmarkSends(b, c.detect, c.remembered, c.restarted) })
	}
}

func benchmarkSends(b *testing.B, detect bool, remembered int, restarted bool) {
	const inFlight, window = 256, 10 * time.Hour
	s, err := store.Open(b.TempDir(), store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	later := offsetClock{by: &atomic.Int64{}}
	open := func() *broker.Broker {
		br, err := broker.New(broker.Options{Store: s, Log: s, Clock: later, Rand: rand.Reader})
		if err != nil {
			b.Fatal(err)
		}
		return br
	}
	br := open()
	if err := br.PutNamespace(context.Background(), "ns", broker.NamespaceOptions{}); err != nil {
		b.Fatal(err)
	}
	o := broker.QueueOptions{RequiresDuplicateDetection: detect, DuplicateDetectionHistoryTimeWindow: window}
	if _, err := br.PutQueue(context.Background(), "ns", "q", o); err != nil {
		b.Fatal(err)
	}
	if restarted {
		remember(b, s, queue(b, br, "q").ID().Entity, window, remembered)
	}
	br.Close()
	br = open()
	br.Start(context.Background())
	defer br.Close()
	q := queue(b, br, "q")
	c, err := q.NewConsumer(broker.ConsumerOptions{Mode: broker.ReceiveAndDelete, Deliver: func([]broker.Delivery) {}})
	if err != nil {
		b.Fatal(err)
	}
	br.Sync(c.AddCredit(1 << 30))
	for n := 0; n < remembered && !restarted; n += 1000 {
		later.by.Store(int64(window/10*19) / int64(remembered) * int64(n))
		msgs := messages(1000, 10)
		for _, m := range msgs {
			m.MessageID = newID()
		}
		send(b, br, q, msgs...)
	}
	rest(b)
	before := heap()
	body := make([]byte, 1<<10)
	b.ReportAllocs()
	b.ResetTimer()
	began := processTime(b)
	var wait sync.WaitGroup
	for g := range inFlight {
		wait.Go(func() {
			for range (b.N + g) / inFlight {
				m := &broker.Message{}
				m.MessageID, m.Sections = newID(), body
				u, err := q.Send([]*broker.Message{m}, nil)
				if err != nil {
					b.Error(err)
					return
				}
				br.Sync(u)
			}
		})
	}
	wait.Wait()
	n := float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "sends/s")
	b.ReportMetric(float64((processTime(b)-began).Nanoseconds())/n, "cpu-ns/send")
	b.StopTimer()
	b.ReportMetric(float64(before)/(1<<20), "heap-MiB-before")
	b.ReportMetric(float64(heap())/(1<<20), "heap-MiB")
}

// remember writes ids as if they had been accepted one after the other all over the
// window.
func remember(b *testing.B, s *store.Store, q broker.EntityID, window time.Duration, n int) {
	const buckets = 2 // as there are in general
	now := time.Now().UTC()
	for done := 0; done < n; done += 1000 {
		u := &commit.Unit{}
		for i := range 1000 {
			until := now.Add(window / time.Duration(n) * time.Duration(done+i+1))
			step := window / buckets
			bucket := now.Add(step * ((until.Sub(now)-1)/step + 1))
			s.PutID(u, q, broker.RememberedID{ID: newID(), Until: until, Bucket: bucket})
		}
		s.Submit(u)
		s.Sync(u)
	}
}

// rest waits until compactions of what was written have ended.
func rest(b *testing.B) {
	for {
		began := processTime(b)
		time.Sleep(500 * time.Millisecond)
		if processTime(b)-began < 10*time.Millisecond {
			return
		}
	}
}

func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// heap is what is alive.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
