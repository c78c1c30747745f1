package recurrence

import (
	"iter"
	"time"

	"switchyard/value"
)

// A TumblingWindow is a tumbling-window trigger: windows of one size that follow each other
// without a gap.
type TumblingWindow struct {
	Frequency  Frequency // Minute, Hour or Month
	Interval   int
	Start, End time.Time // a zero End is none
	// Delay is how long after its end a window is ready.
	Delay          time.Duration
	MaxConcurrency int
	// Retry is how often a window's pipeline runs again after it failed, as in the file, an
	// expression too; nil when absent. RetryInterval is how long after.
	Retry         value.Value
	RetryInterval time.Duration
	DependsOn     []Dependency
}

// A Window is the time from Start on and before End.
type Window struct{ Start, End time.Time }

// A Ready is a window and when its time has come: what it depends on may still be missing.
type Ready struct {
	Window
	At time.Time
}

func (w *TumblingWindow) steps() steps { return newSteps(w.Start, w.Frequency, w.Interval) }

// Window returns the k-th window, from 0.
func (w *TumblingWindow) Window(k int64) Window {
	s := w.steps()
	return Window{s.at(k), s.at(k + 1)}
}

// exists reports whether there is a window, which may not end after the trigger does.
func (w *TumblingWindow) exists(x Window) bool {
	return possible(x.End) && (w.End.IsZero() || !x.End.After(w.End))
}

// After returns the first window that is ready after a time; false: there is none.
func (w *TumblingWindow) After(t time.Time) (Ready, bool) {
	k := max(w.steps().index(t.Add(-w.Delay)), 0)
	x := w.Window(k)
	r := Ready{x, x.End.Add(w.Delay)}
	return r, w.exists(x) && possible(r.At)
}

// Next returns the first window that does not begin before a time, the zero one too; false:
// there is none.
func (w *TumblingWindow) Next(from time.Time) (Ready, bool) {
	var k int64
	if from.After(w.Start) {
		if k = w.steps().index(from); w.Window(k).Start.Before(from) {
			k++
		}
	}
	x := w.Window(k)
	r := Ready{x, x.End.Add(w.Delay)}
	return r, w.exists(x) && possible(r.At)
}

// Has reports whether a window is one of the trigger's.
func (w *TumblingWindow) Has(x Window) bool {
	r, ok := w.Next(x.Start)
	return ok && r.Start.Equal(x.Start) && r.End.Equal(x.End)
}

// Between iterates over the windows that are ready from one time on and before another.
func (w *TumblingWindow) Between(from, to time.Time) iter.Seq[Ready] {
	return func(yield func(Ready) bool) {
		for r, ok := w.After(from.Add(-1)); ok && r.At.Before(to) && yield(r); r, ok = w.After(r.At) {
		}
	}
}

// A Span is the windows of one trigger from First to Last; there is none if Last is before First.
type Span struct{ First, Last int64 }

// Len returns how many they are.
func (s Span) Len() int64 { return max(s.Last-s.First+1, 0) }

// overlapping returns the windows that have a part of the time from one on and before another.
func (w *TumblingWindow) overlapping(from, to time.Time) Span {
	s := w.steps()
	end := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	if !w.End.IsZero() {
		end = w.End
	}
	return Span{max(s.index(from), 0), min(s.index(to.Add(-1)), s.index(end)-1)}
}
