// Package recurrence says when the triggers of a data factory fire that go by time: schedule
// triggers [ENGINE 6.1] and tumbling-window triggers [ENGINE 6.2]. [ReadSchedule] and
// [ReadTumblingWindow] read the typeProperties of a definition and report what is wrong with
// them; Data Factory refuses much of that only when the trigger is started. [Check] does it for
// all triggers of a factory, and for what they say of each other.
//
// Nothing is listed in advance. The next time is computed from the one before, or from any
// other, with work that does not grow with the time between them: periods are counted by
// division. Only months are looked at one by one, at most as many as the calendar has before it
// repeats itself, so that a recurrence that never fires is known to never fire.
//
// A clock time is kept as a time of UTC that reads the same, and is called a wall. The calendar
// knows walls only; what daylight saving does to them is one function, due.
//
// The package has no clock, and starts nothing: what runs when is for others to say.
package recurrence
