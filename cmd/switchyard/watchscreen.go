package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"switchyard/value"
)

// maxDeparted is how many runs that have ended stay on the screen.
const maxDeparted = 5

// A screen shows each scene in the place of the one before.
type screen struct {
	out           io.Writer
	size          func() (columns, rows int)
	departed      []*watched // the last that ended first
	lines         int        // of the scene before
	columns, rows int        // that it was made for
}

func (c *screen) show(s scene) error {
	if !s.one {
		for _, r := range s.ended {
			c.departed = slices.Insert(c.departed, 0, r)
		}
		c.departed = c.departed[:min(len(c.departed), maxDeparted)]
	}
	columns, rows := c.size()
	text := frame(s, c.departed, columns, rows)
	redrawn := redraw(text, c.lines)
	if c.lines > 0 && (columns != c.columns || rows != c.rows) {
		redrawn = "\x1b[H\x1b[2J" + text // its lines have moved
	}
	c.lines, c.columns, c.rows = strings.Count(text, "\n"), columns, rows
	_, err := io.WriteString(c.out, redrawn)
	return err
}

// redraw is what writes lines over so many others, above the cursor, and nothing else.
func redraw(text string, before int) string {
	var b strings.Builder
	if before > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", before)
	}
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSuffix(line, "\n") + "\x1b[K\n")
	}
	if before > 0 {
		b.WriteString("\x1b[J")
	}
	return b.String()
}

// frame is a scene as lines for a terminal of that size, the last row of which stays free
// for the cursor. Each run has a line, as long as there is room; what is left is shared by
// their activities, those that go on first.
func frame(s scene, departed []*watched, columns, rows int) string {
	f := &framer{columns: columns, now: s.at}
	room := max(rows, 3) - 1
	if s.one {
		f.one(slices.Concat(s.active, s.ended)[0], room)
		return f.b.String()
	}
	f.line("", f.title(s))
	room--
	below := min(len(departed), room/4)
	f.active(s, room-below)
	for _, r := range departed[:below] {
		text := f.head(r)
		if e := str(r.run, "message"); e != "" {
			text += "  " + printable(e)
		}
		f.line("", text)
	}
	return f.b.String()
}

type framer struct {
	b       strings.Builder
	columns int
	now     time.Time
}

// line writes a line that is cut to the terminal.
func (f *framer) line(indent, text string) {
	f.b.WriteString(shorten(indent+text, f.columns) + "\n")
}

func (f *framer) title(s scene) string {
	n, least := plural(len(s.active), "active run"), ""
	switch {
	case len(s.active) == 0:
		n = "no active runs"
	case s.more:
		least = "at least "
	}
	return least + n + " at " + s.at.Local().Format(time.TimeOnly)
}

// one shows the only run, with its error.
func (f *framer) one(r *watched, room int) {
	f.line("", f.head(r))
	room--
	if text := str(r.run, "message"); text != "" {
		for line := range strings.Lines(wrapped(printable("error: "+text), "  ", f.columns)) {
			if room--; room < 1 {
				break
			}
			f.line("", strings.TrimSuffix(line, "\n"))
		}
	}
	f.tree(rowsOf(r, f.now), room)
}

// active shows the runs that go on.
func (f *framer) active(s scene, room int) {
	shown := s.active
	if len(shown) > room {
		shown = shown[:max(room-1, 0)]
		room--
	}
	trees, needs := make([][]row, len(shown)), make([]int, len(shown))
	for i, r := range shown {
		trees[i] = rowsOf(r, f.now)
		needs[i] = len(trees[i])
	}
	rooms := shares(needs, room-len(shown))
	for i, r := range shown {
		f.line("", f.head(r))
		f.tree(trees[i], rooms[i])
	}
	if left := len(s.active) - len(shown); left > 0 {
		least := ""
		if s.more {
			least = "at least "
		}
		f.line("", "… "+least+plural(left, "more active run"))
	}
}

// shares distributes rows: who needs fewer than an equal share leaves the rest to the
// others.
func shares(needs []int, room int) []int {
	got, order := make([]int, len(needs)), make([]int, len(needs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return needs[a] - needs[b] })
	for k, i := range order {
		got[i] = min(needs[i], room/(len(order)-k))
		room -= got[i]
	}
	return got
}

// head is a run in one line.
func (f *framer) head(r *watched) string {
	parts := []string{printable(str(r.run, "pipelineName")), str(r.run, "status")}
	if d := lasts(r.run, "runStart", f.now); d != "" {
		parts = append(parts, d)
	}
	return strings.Join(append(parts, str(r.run, "runId")), "  ")
}

// lasts is how long a run or an activity took or, if it goes on, takes.
func lasts(o *value.Object, start string, now time.Time) string {
	if d := took(o); d != "" {
		return d
	}
	t, err := time.Parse(time.RFC3339Nano, str(o, start))
	if err != nil {
		return ""
	}
	return max(now.Sub(t), 0).Truncate(time.Second).String()
}

// tree shows the activities of a run in so many rows. Where they are more, what goes on
// comes first, then what failed, each with what it is part of.
func (f *framer) tree(rows []row, room int) {
	if len(rows) <= room {
		for _, x := range rows {
			f.line(x.indent, x.text)
		}
		return
	}
	if room == 0 {
		return
	}
	chosen := choose(rows, room-1)
	var left []row
	for i, x := range rows {
		if chosen[i] {
			f.line(x.indent, x.text)
		} else {
			left = append(left, x)
		}
	}
	f.line("  ", "… "+summary(left))
}

// A row is a line of a tree.
type row struct {
	indent, text string
	status       string // of an activity; "": it is an iteration
	rank         int
}

// Ranks of rows: what is shown first.
const (
	rankGoingOn = iota
	rankFailed
	rankOther
)

// choose says which rows are shown if only so many can be: those of the lower ranks, which
// what they stand in has, too. An iteration of which nothing else is shown is not.
func choose(rows []row, room int) []bool {
	chosen := make([]bool, len(rows))
	for rank := range rankOther + 1 {
		for i, x := range rows {
			if x.rank == rank && room > 0 {
				chosen[i] = true
				room--
			}
		}
	}
	for i, x := range rows {
		if x.status == "" {
			chosen[i] = chosen[i] && holdsChosen(rows[i+1:], chosen[i+1:], x.indent)
		}
	}
	return chosen
}

// holdsChosen reports whether one of the rows that stand deeper, before another one does
// not, is shown.
func holdsChosen(rows []row, chosen []bool, indent string) bool {
	for i, x := range rows {
		if len(x.indent) <= len(indent) {
			break
		}
		if chosen[i] {
			return true
		}
	}
	return false
}

// summary counts activities by their status.
func summary(left []row) string {
	counts, order, n := map[string]int{}, []string{}, 0
	for _, x := range left {
		if x.status == "" {
			continue
		}
		if n++; counts[x.status] == 0 {
			order = append(order, x.status)
		}
		counts[x.status]++
	}
	var parts []string
	for _, status := range order {
		parts = append(parts, fmt.Sprintf("%d %s", counts[status], status))
	}
	if n == 1 {
		return "1 more activity: " + order[0]
	}
	return fmt.Sprintf("%d more activities: %s", n, strings.Join(parts, ", "))
}

// rowsOf is the tree of a run, one row for each activity, with its last attempt, and for
// each iteration.
func rowsOf(r *watched, now time.Time) []row {
	goesOn := str(r.run, "runEnd") == ""
	var rows []row
	var walk func(b *branch, indent string) int
	walk = func(b *branch, indent string) int {
		least := rankOther
		for _, c := range b.children {
			i := len(rows)
			rows = append(rows, row{indent: indent, text: c.title, rank: rankOther})
			if n := len(c.attempts); n > 0 {
				a := c.attempts[n-1]
				rows[i].text, rows[i].status = activityRow(a, now, goesOn), str(a, "status")
				rows[i].rank = rankOf(a, goesOn)
			}
			rank := min(rows[i].rank, walk(c, indent+"  "))
			rows[i].rank, least = rank, min(least, rank)
		}
		return least
	}
	walk(treeOf(r.attempts), "  ")
	return rows
}

func rankOf(a *value.Object, goesOn bool) int {
	switch status := str(a, "status"); {
	case str(a, "activityRunEnd") == "", goesOn && str(member(a, "switchyard"), "nextAttempt") != "":
		return rankGoingOn
	case status == "Failed", status == "Cancelled":
		return rankFailed
	}
	return rankOther
}

// activityRow is an attempt in one line, with the beginning of its error.
func activityRow(a *value.Object, now time.Time, goesOn bool) string {
	text := attemptSummary(a, lasts(a, "activityRunStart", now), goesOn)
	if e := errorText(a); e != "" {
		text += "  " + printable(e)
	}
	return text
}
