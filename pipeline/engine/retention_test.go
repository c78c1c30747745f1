package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/clock"
)

// TestRetentionDue: which of the oldest runs of a factory have to go.
func TestRetentionDue(t *testing.T) {
	day := 24 * time.Hour
	now := goldenTime
	// A run is written as "start/updated bytes", both in days before now; active ones
	// have no second number.
	runs := func(text string) (all []RunRecord) {
		for i, f := range strings.Split(text, ",") {
			var start, updated float64
			var bytes int64
			r := RunRecord{ID: fmt.Sprint(i)}
			if n, _ := fmt.Sscanf(f, "%f/%f %d", &start, &updated, &bytes); n < 3 {
				if _, err := fmt.Sscanf(f, "%f/- %d", &start, &bytes); err != nil {
					t.Fatal(f, err)
				}
				r.Active, updated = true, start
			}
			r.Start, r.Updated = now.Add(-time.Duration(start*float64(day))), now.Add(-time.Duration(updated*float64(day)))
			r.Bytes = bytes
			all = append(all, r)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		keep  Retention
		held  int64
		ahead time.Duration // the clock that runs are stamped by
		runs  string
		want  string
		more  bool
	}{
		{"no limit", Retention{}, 1 << 40, 0, "900/900 10", "", false},
		{"age", Retention{Age: 45 * day}, 0, 0, "50/50 1,46/45 1,45/44.9 1,44/44 1", "0 1", false},
		{"age counts from the last change", Retention{Age: 45 * day}, 0, 0, "90/1 1,80/80 1,46/46 1", "1 2", true},
		{"an active run stays", Retention{Age: 45 * day, Size: 1}, 100, 0, "90/- 50,50/50 50", "1", true},
		{"size", Retention{Size: 160}, 200, 0, "9/9 20,8/8 20,7/7 20,6/6 20", "0 1 2", false},
		{"size just reached", Retention{Size: 160}, 160, 0, "9/9 20", "", false},
		{"size past active runs", Retention{Size: 160}, 161, 0, "9/- 0,8/- 0,7/7 20,6/6 20", "2", false},
		{"size and age", Retention{Age: 5 * day, Size: 160}, 170, 0, "9/9 20,8/8 1,6/6 1,4/4 1", "0 1 2", false},
		{"one run is larger than the size", Retention{Size: 16}, 100, 0, "1/1 100", "0", true},
		{"just ended", Retention{Size: 16}, 100, 0, "0.0001/0.0001 50,0.0002/0.0002 50", "1", true},
		{"stamped while the clock was ahead", Retention{Age: 45 * day, Size: 16}, 100, 400 * day,
			"-399/-399 50,-400/-400 50", "0", true},
		{"no run", Retention{Age: day}, 0, 0, "", "", true},
	} {
		var all []RunRecord
		if c.runs != "" {
			all = runs(c.runs)
		}
		cut := c.keep.cut(Tally{Bytes: c.held}, now, fixedClock{now: now.Add(c.ahead)})
		ids, more := c.keep.due(&cut, all)
		if got := strings.Join(ids, " "); got != c.want || more != c.more {
			t.Errorf("%s: got %q and more %v, want %q and %v", c.name, got, more, c.want, c.more)
		}
	}
}

// TestRetentionOfAnotherCentury: runs whose times were shown by a clock that was decades
// ahead go when that much time has passed since it was right again, and no other goes for them.
func TestRetentionOfAnotherCentury(t *testing.T) {
	day := 24 * time.Hour
	now := goldenTime
	used := clock.NewProcess(fixedClock{now: now})
	used.Resume(clock.Mark{Time: now, Wall: now, Sets: []clock.Set{
		{From: now.Add(-60 * day), Ahead: 73 * 365 * day}, {From: now.Add(-50 * day)}}})
	for _, c := range []struct {
		age  time.Duration
		want string
		more bool
	}{{45 * day, "before wrong right", false}, {52 * day, "before", false}, {65 * day, "before", false}, {100 * day, "", false}} {
		var runs []RunRecord
		for _, r := range []struct {
			id  string
			ago time.Duration
		}{{"before", 70 * day}, {"wrong", 55 * day}, {"right", 46 * day}, {"new", day}} {
			runs = append(runs, RunRecord{ID: r.id, Start: now.Add(-r.ago), Updated: now.Add(-r.ago)})
		}
		keep := Retention{Age: c.age}
		cut := keep.cut(Tally{}, now, used)
		ids, more := keep.due(&cut, runs)
		if got := strings.Join(ids, " "); got != c.want || more != c.more {
			t.Errorf("%s: %q and more %v, want %q and %v", c.age, got, more, c.want, c.more)
		}
	}
}

// A fixedClock stands still.
type fixedClock struct {
	clock.Wall
	now time.Time
}

func (c fixedClock) Now() time.Time { return c.now }
