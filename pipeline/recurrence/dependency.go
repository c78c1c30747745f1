package recurrence

import "time"

// A Dependency is what must have succeeded before a window's pipeline runs: windows of another
// trigger, or earlier ones of the same.
type Dependency struct {
	// Trigger is the other one's name; "" is the trigger itself.
	Trigger string
	// Offset is where the time that must be covered begins, from the start of the window, and Size
	// how long it is; 0 is as long as the window.
	Offset, Size time.Duration
}

// Needs returns which windows of a trigger must have succeeded before a window of one that
// depends on it: all that have a part of the time. Windows before the trigger's start do not
// exist and are not waited for.
func (d Dependency) Needs(w Window, of *TumblingWindow) Span {
	to := w.End
	if d.Size > 0 {
		to = w.Start.Add(d.Size)
	}
	return of.overlapping(w.Start.Add(d.Offset), to.Add(d.Offset))
}
