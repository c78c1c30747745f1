package store_test

import (
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"switchyard/clock"
	"switchyard/pipeline/engine"
	"switchyard/store"
)

// BenchmarkAfterFinishedRuns is a run of one executed activity, alone and 64 at once, beside 100
// finished runs and beside 100,000, in turn, and how long a start takes with each. A history
// that is bounded looks at what it has, so this one is.
func BenchmarkAfterFinishedRuns(b *testing.B) {
	const activity = `{"name":"Call","type":"WebActivity","typeProperties":{"url":"http://h/","method":"GET"}}`
	sides := []*finished{{runs: 100}, {runs: 100_000}}
	for _, s := range sides {
		s.dir = b.TempDir()
		r := s.open(b, activity)
		s.together(b, r, s.runs)
		s.close(r)
	}
	for b.Loop() {
		for range 4 {
			for _, s := range sides {
				r := s.open(b, activity)
				for range 200 {
					at := time.Now()
					if err := r.run(); err != nil {
						b.Fatal(err)
					}
					s.alone = append(s.alone, time.Since(at))
				}
				at := time.Now()
				s.together(b, r, 4000)
				s.at = append(s.at, time.Since(at)/4000)
				s.close(r)
			}
			slices.Reverse(sides)
		}
	}
	few, many := sides[0], sides[1]
	if few.runs > many.runs {
		few, many = many, few
	}
	for _, x := range []struct {
		name string
		of   func(*finished) []time.Duration
	}{
		{"alone", func(s *finished) []time.Duration { return s.alone }},
		{"at-once", func(s *finished) []time.Duration { return s.at }},
		{"start", func(s *finished) []time.Duration { return s.starts }},
	} {
		with, without := middle(x.of(many)), middle(x.of(few))
		b.ReportMetric(float64(with.Microseconds()), x.name+"-µs")
		b.ReportMetric(float64(with)/float64(without), x.name+"-ratio")
	}
}

// finished is a data directory with runs that have ended, and what was measured with it.
type finished struct {
	runs              int
	dir               string
	alone, at, starts []time.Duration
	store             *store.Store
}

func middle(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func (f *finished) open(b *testing.B, activity string) *runs {
	b.Helper()
	runtime.GC()
	at := time.Now()
	s, err := store.Open(f.dir, store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	f.store = s
	r := newRunsIn(b, s, engine.Options{Retention: engine.Retention{Age: 45 * 24 * time.Hour, Size: 10 << 30, Wall: clock.Wall{}}}, activity)
	f.starts = append(f.starts, time.Since(at))
	return r
}

func (f *finished) close(r *runs) {
	r.engine.Stop(0)
	f.store.Close()
}

// together runs n runs, 64 at once.
func (f *finished) together(b *testing.B, r *runs, n int) {
	b.Helper()
	next := make(chan struct{}, n)
	for range n {
		next <- struct{}{}
	}
	close(next)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range next {
				if err := r.run(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
