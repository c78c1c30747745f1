package recurrence

import "time"

// walls are clock times in their order: it returns the first that is not before another.
type walls func(from time.Time) (wall time.Time, ok bool)

// due returns the first instant after another at which a zone's clock has one of the walls. This
// is where daylight saving is decided, so that nothing is skipped and nothing is doubled
// [ENGINE 6.1]:
//   - a wall that the clock jumps over is due as much later as the clock is moved: at the instant
//     at which it would have been due without the change;
//   - a wall that the clock has twice is due at the first of the two;
//   - two walls that are due at the same instant are due once.
func due(after time.Time, zone *time.Location, next walls) (time.Time, bool) {
	for from := after.Add(1); ; {
		e := eraAt(from, zone)
		regular, ok := next(e.lowest(from))
		at, found := wallToInstant(regular, e.offset), ok
		if found && !e.end.IsZero() && !at.Before(e.end) {
			found = false
		}
		if moved, jumped := e.jumpedOver(from, next); jumped && (!found || moved.Before(at)) {
			at, found = moved, true
		}
		if found || !ok {
			return at, found
		}
		// Nothing is due before the regular wall, and no offset is as long as a day.
		from = e.end
		if near := regular.Add(-24 * time.Hour); near.After(from) {
			from = near
		}
	}
}

// instant returns when a zone's clock has a wall, as [due] has it.
func instant(wall time.Time, zone *time.Location) time.Time {
	t, _ := due(wall.Add(-36*time.Hour), zone, func(from time.Time) (time.Time, bool) {
		return wall, !from.After(wall)
	})
	return t
}

// An era is a time during which the offset of a zone does not change.
type era struct {
	begin, end     time.Time // zero: there is none
	offset, before time.Duration
}

func eraAt(t time.Time, zone *time.Location) era {
	local := t.In(zone)
	var e era
	e.begin, e.end = local.ZoneBounds()
	if !e.end.IsZero() && !e.end.After(t) {
		// Of years beyond the zone's table, package time ends the last era when 365 days have
		// passed, in leap years too: on their last day it is over already.
		e.end = time.Date(t.UTC().Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	e.offset = offsetOf(local)
	e.before = e.offset
	if !e.begin.IsZero() {
		e.before = offsetOf(e.begin.Add(-1))
	}
	return e
}

func offsetOf(local time.Time) time.Duration {
	_, seconds := local.Zone()
	return time.Duration(seconds) * time.Second
}

func instantToWall(t time.Time, offset time.Duration) time.Time { return t.UTC().Add(offset) }

func wallToInstant(wall time.Time, offset time.Duration) time.Time { return wall.Add(-offset) }

// lowest returns the first wall that is due in the era and not before an instant of it: not one
// of those that the clock has a second time.
func (e era) lowest(from time.Time) time.Time {
	wall := instantToWall(from, e.offset)
	if e.before > e.offset {
		if again := instantToWall(e.begin, e.before); again.After(wall) {
			return again
		}
	}
	return wall
}

// jumpedOver returns when the next of the walls is due that the clock jumped over when the era
// began.
func (e era) jumpedOver(from time.Time, next walls) (time.Time, bool) {
	if e.before >= e.offset || !from.Before(e.begin.Add(e.offset-e.before)) {
		return time.Time{}, false
	}
	wall, ok := next(instantToWall(from, e.before))
	if !ok || !wall.Before(instantToWall(e.begin, e.offset)) {
		return time.Time{}, false
	}
	return wallToInstant(wall, e.before), true
}
