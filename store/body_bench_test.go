//go:build unix

package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/commit"
)

// BenchmarkBodies measures messages of 64 KiB on the disk, each put in a unit of
// its own that is waited for by one of 16 goroutines: only put, or deleted again
// 256 messages later, as a queue does whose consumers keep up.
func BenchmarkBodies(b *testing.B) {
	for _, size := range []int{16 << 10, 64 << 10, 256 << 10} {
		for _, behind := range []int64{0, 16} {
			b.Run(fmt.Sprintf("size=%dK/behind=%d", size>>10, behind), func(b *testing.B) {
				s := openTest(b, b.TempDir(), Options{})
				body := make([]byte, size)
				r := rand.NewChaCha8([32]byte{1})
				r.Read(body)
				const goroutines = 16
				per := b.N/goroutines + 1
				b.SetBytes(int64(size))
				b.ReportAllocs()
				b.ResetTimer()
				before, start := cpu(b), time.Now()
				done := make(chan struct{})
				for g := range goroutines {
					go func() {
						q := broker.QueueID{Entity: broker.EntityID(g + 1)}
						for i := range int64(per) {
							if err := s.Admit(b.Context(), size); err != nil {
								b.Error(err)
							}
							var u commit.Unit
							s.PutMessage(&u, q, &broker.Message{SequenceNumber: i, EnqueuedAt: epoch, Content: broker.Content{Sections: body}})
							if behind > 0 {
								s.DeleteMessage(&u, q, &broker.Message{SequenceNumber: i - behind}, size, false)
							}
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
				b.ReportMetric(float64(cpu(b)-before)/n/1000, "cpu-us/unit")
				m := s.db.Metrics()
				b.ReportMetric(float64(m.WAL.BytesWritten)/n/float64(size), "wal-x")
				var w uint64
				for _, l := range m.Levels {
					w += l.TableBytesFlushed + l.TableBytesCompacted + l.BlobBytesFlushed + l.BlobBytesCompacted
				}
				b.ReportMetric(float64(w)/n/float64(size), "table-x")
				b.ReportMetric(float64(m.DiskSpaceUsage())/n/float64(size), "space-x")
				b.StopTimer()
				closeTest(b, s)
			})
		}
	}
}
