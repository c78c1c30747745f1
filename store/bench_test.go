//go:build unix

package store

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/engine"
)

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCommit measures units of one record of 1 KiB and the removal of the
// one before, each waited for.
func BenchmarkCommit(b *testing.B) {
	for _, where := range []string{"disk", "nosync", "memory"} {
		for _, goroutines := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", where, goroutines), func(b *testing.B) {
				var o Options
				dir := b.TempDir()
				switch where {
				case "nosync": // everything but the disk's own time
					o.FS = vfs.NewMem()
				case "memory":
					o.InMemory = true
				}
				s := openTest(b, dir, o)
				defer closeTest(b, s)
				value := make([]byte, 1024)
				for i := range value {
					value[i] = byte(i * i)
				}
				per := b.N/goroutines + 1
				b.ReportAllocs()
				b.ResetTimer()
				before, start := cpu(b), time.Now()
				done := make(chan struct{})
				for g := range goroutines {
					go func() {
						q := broker.QueueID{Entity: broker.EntityID(g + 1)}
						for i := range int64(per) {
							if err := s.Admit(b.Context(), len(value)); err != nil {
								b.Error(err)
							}
							var u commit.Unit
							key := messageKey(q, kindMessage, i)
							u.Set(key, record(key, value))
							u.Delete(messageKey(q, kindMessage, i-1))
							s.Submit(&u)
							s.Sync(&u)
						}
						done <- struct{}{}
					}()
				}
				for range goroutines {
					<-done
				}
				n := float64(per * goroutines)
				b.ReportMetric(n/time.Since(start).Seconds(), "units/s")
				b.ReportMetric(float64(cpu(b)-before)/n, "cpu-ns/unit")
				b.ReportMetric(n/float64(s.log.commits), "units/commit")
			})
		}
	}
}

func messages(b *testing.B, s *Store, q broker.QueueID, n, size int) {
	for i := 0; i < n; i += 1000 {
		do(s, func(u *commit.Unit) {
			for j := i; j < min(i+1000, n); j++ {
				s.PutMessage(u, q, &broker.Message{
					SequenceNumber: int64(j),
					EnqueuedAt:     epoch,
					ExpiresAt:      epoch.Add(time.Hour),
					Content:        broker.Content{Sections: make([]byte, size), MessageID: fmt.Sprint(j)},
				})
				if j%8 == 0 {
					s.PutStatus(u, q, int64(j), &broker.Status{DeliveryCount: 1})
				}
			}
		})
	}
	if err := s.db.Flush(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkScan reads a window of 1000 messages.
func BenchmarkScan(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		s := memory(b)
		q := broker.QueueID{Entity: 1}
		messages(b, s, q, 4000, size)
		for _, contents := range []int{0, broker.AllContents} {
			b.Run(fmt.Sprintf("size=%d/content=%v", size, contents > 0), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					got, err := s.Scan(q, int64(i%3000), 1000, contents)
					if err != nil || len(got) != 1000 {
						b.Fatal(len(got), err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/message")
			})
		}
	}
}

// BenchmarkScanBehindDeleted reads the head of a queue whose first messages were
// completed, from the low-water mark and from the beginning.
func BenchmarkScanBehindDeleted(b *testing.B) {
	s := memory(b)
	q := broker.QueueID{Entity: 1}
	const n = 100_000
	messages(b, s, q, n+1000, 100)
	for i := 0; i < n; i += 1000 {
		do(s, func(u *commit.Unit) {
			for j := i; j < i+1000; j++ {
				s.DeleteMessage(u, q, &broker.Message{SequenceNumber: int64(j), ExpiresAt: epoch.Add(time.Hour)}, 1<<10, false)
			}
		})
	}
	for _, from := range []int64{n, 0} {
		b.Run(fmt.Sprintf("from=%d", from), func(b *testing.B) {
			for range b.N {
				got, err := s.Scan(q, from, 10, 0)
				if err != nil || len(got) != 10 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

func BenchmarkMessage(b *testing.B) {
	s := memory(b)
	q := broker.QueueID{Entity: 1}
	messages(b, s, q, 4000, 1024)
	b.ReportAllocs()
	for i := range b.N {
		if _, err := s.Message(q, int64(i%4000)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRuns(b *testing.B) {
	s := memory(b)
	const n = 10_000
	do(s, func(u *commit.Unit) {
		for i := range n {
			s.PutRun(u, engine.RunRecord{ID: formatUUID([16]byte{byte(i >> 8), byte(i)}), Pipeline: "p", Factory: "f",
				Start: epoch.Add(time.Duration(i) * time.Second), Summary: make([]byte, 300)})
		}
	})
	for b.Loop() {
		got := 0
		if err := s.Runs(engine.Listing{Factory: "f"}, func(engine.RunRecord) (bool, error) { got++; return true, nil }); err != nil || got != n {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/run")
}

// BenchmarkOpen opens and closes a directory that is empty, or holds a little.
func BenchmarkOpen(b *testing.B) {
	b.Run("new", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			dir := b.TempDir()
			b.StartTimer()
			closeTest(b, openTest(b, dir, Options{}))
		}
	})
	b.Run("existing", func(b *testing.B) {
		dir := b.TempDir()
		s := openTest(b, dir, Options{})
		do(s, func(u *commit.Unit) { fillAll(s, u) })
		closeTest(b, s)
		var open time.Duration
		for range b.N {
			start := time.Now()
			s := openTest(b, dir, Options{})
			open += time.Since(start)
			closeTest(b, s)
		}
		b.ReportMetric(float64(open.Nanoseconds())/float64(b.N), "open-ns")
	})
}

// BenchmarkIdle reports the heap of a store that does nothing.
func BenchmarkIdle(b *testing.B) {
	var before, after runtime.MemStats
	for range b.N {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := openTest(b, b.TempDir(), Options{})
		putMeta(s, "x", "1")
		runtime.GC()
		runtime.ReadMemStats(&after)
		closeTest(b, s)
	}
	b.ReportMetric(float64(after.HeapInuse)-float64(before.HeapInuse), "heap-B")
	b.ReportMetric(float64(after.Sys)-float64(before.Sys), "sys-B")
}
