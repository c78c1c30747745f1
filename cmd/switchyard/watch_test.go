package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/client"
	"switchyard/internal/golden"
	"switchyard/value"
)

// watchedOf reads runs as "runs show" writes them: {"run":…,"activities":[…]}.
func watchedOf(t *testing.T, list value.Value) (all []*watched) {
	t.Helper()
	array, _ := list.(value.Array)
	for _, x := range objects(array) {
		r := &watched{places: map[string]int{}}
		v, _ := x.Get("activities")
		attempts, _ := v.(value.Array)
		r.take(member(x, "run"), attempts)
		all = append(all, r)
	}
	return all
}

// TestFrame: scenes as a terminal shows them. Each case of testdata/watch.txt is a title,
// the size of the terminal, a scene and its frame; -update writes that.
func TestFrame(t *testing.T) {
	const name = "testdata/watch.txt"
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, part := range strings.Split(string(b), "\n=== ") {
		input, want, _ := strings.Cut(part, "\n---\n")
		lines := strings.SplitN(input, "\n", 3)
		var columns, rows int
		if _, err := fmt.Sscanf(lines[1], "%dx%d", &columns, &rows); err != nil {
			t.Fatalf("%s: %v", lines[0], err)
		}
		o := record(t, lines[2]).(*value.Object)
		get := func(name string) []*watched { v, _ := o.Get(name); return watchedOf(t, v) }
		_, more := o.Get("more")
		_, one := o.Get("one")
		got := frame(scene{one: one, more: more, at: time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC), active: get("active"), ended: get("ended")},
			get("departed"), columns, rows)
		if got != want && !*golden.Update {
			t.Errorf("%s: got\n%swant\n%s", lines[0], got, want)
		}
		if n := strings.Count(got, "\n"); n >= rows {
			t.Errorf("%s: %d lines on %d rows", lines[0], n, rows)
		}
		for line := range strings.Lines(got) {
			if displayWidth(strings.TrimSuffix(line, "\n")) > columns || strings.ContainsAny(line, "\x1b\r") {
				t.Errorf("%s: line %q is too wide or moves the cursor", lines[0], line)
			}
		}
		if i > 0 {
			out.WriteString("\n=== ")
		}
		out.WriteString(input + "\n---\n" + got)
	}
	if *golden.Update {
		if err := os.WriteFile(name, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFrameIsBounded: a frame leaves one row free however much goes on and however small
// the terminal is, and uses all others that it has something for.
func TestFrameIsBounded(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)
	for runs := range 8 {
		for activities := range 8 {
			for rows := 3; rows < 30; rows++ {
				s := scene{at: now}
				for i := range runs {
					s.active = append(s.active, aRun(t, fmt.Sprint("r", i), "InProgress", activities))
				}
				departed := []*watched{aRun(t, "d", "Failed", 0), aRun(t, "e", "Succeeded", 0)}
				got := strings.Count(frame(s, departed, 80, rows), "\n")
				// The title, the runs with their activities, those that have ended.
				all := 1 + runs*(1+activities) + min(len(departed), (rows-2)/4)
				if want := min(all, rows-1); got != want {
					t.Fatalf("%d runs with %d activities on %d rows: %d lines, want %d", runs, activities, rows, got, want)
				}
			}
		}
	}
}

func aRun(t *testing.T, id, status string, activities int) *watched {
	var list []string
	for i := range activities {
		list = append(list, fmt.Sprintf(`{"activityRunId":"%s-%d","activityName":"A%d","activityType":"Wait","status":"InProgress","activityRunStart":"2026-03-01T12:04:00Z"}`, id, i, i))
	}
	end := `null`
	if status == "Failed" || status == "Succeeded" {
		end = `"2026-03-01T12:04:30Z"`
	}
	return watchedOf(t, record(t, fmt.Sprintf(`[{"run":{"runId":%q,"pipelineName":"P","status":%q,"runStart":"2026-03-01T12:04:00Z","runEnd":%s},"activities":[%s]}]`,
		id, status, end, strings.Join(list, ","))))[0]
}

// TestRedraw: lines are written over those before, and what is left of them is erased.
func TestRedraw(t *testing.T) {
	for _, c := range []struct {
		text   string
		before int
		want   string
	}{
		{"a\nb\n", 0, "a\x1b[K\nb\x1b[K\n"},
		{"a\nb\n", 3, "\x1b[3A\ra\x1b[K\nb\x1b[K\n\x1b[J"},
		{"", 2, "\x1b[2A\r\x1b[J"},
	} {
		if got := redraw(c.text, c.before); got != c.want {
			t.Errorf("redraw(%q, %d) = %q, want %q", c.text, c.before, got, c.want)
		}
	}
}

// TestScreen: a scene is drawn over the one before; after a change of the size, on an empty
// screen.
func TestScreen(t *testing.T) {
	var out strings.Builder
	columns := 80
	c := &screen{out: &out, size: func() (int, int) { return columns, 10 }}
	show := func(s scene) string {
		out.Reset()
		if err := c.show(s); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	at := time.Date(2026, 3, 1, 12, 5, 0, 0, time.UTC)
	if got := show(scene{at: at, active: []*watched{aRun(t, "r", "InProgress", 1)}}); got !=
		"1 active run at 12:05:00\x1b[K\nP  InProgress  1m0s  r\x1b[K\n  A0  Wait  InProgress  1m0s\x1b[K\n" {
		t.Errorf("the first scene: %q", got)
	}
	if got := show(scene{at: at, ended: []*watched{aRun(t, "r", "Succeeded", 1)}}); got !=
		"\x1b[3A\rno active runs at 12:05:00\x1b[K\nP  Succeeded  1m0s  r\x1b[K\n\x1b[J" {
		t.Errorf("the second scene: %q", got)
	}
	columns = 20
	if got := show(scene{at: at}); got != "\x1b[H\x1b[2Jno active runs at 1…\nP  Succeeded  1m0s…\n" {
		t.Errorf("the third scene: %q", got)
	}
	for i := range 9 {
		show(scene{at: at, ended: []*watched{aRun(t, fmt.Sprint(i), "Failed", 0)}})
	}
	if len(c.departed) != maxDeparted || str(c.departed[0].run, "runId") != "8" {
		t.Errorf("%d runs that have ended are kept, the first %s", len(c.departed), str(c.departed[0].run, "runId"))
	}
}

// TestTeller: one line for each change, and nothing when nothing has changed.
func TestTeller(t *testing.T) {
	scenes := []string{
		`{"active":[{"run":{"runId":"aaaaaaaa-1","pipelineName":"P","status":"InProgress","runStart":"2026-03-01T12:00:00Z"},
			"activities":[{"activityRunId":"1","activityName":"Call","status":"InProgress","activityRunStart":"2026-03-01T12:00:01Z","switchyard":{"path":"Each[0]/Call"}}]}]}`,
		`{"active":[{"run":{"runId":"bbbbbbbb-2","pipelineName":"Q","status":"Queued","runStart":"2026-03-01T12:00:03Z"}},
			{"run":{"runId":"aaaaaaaa-1","pipelineName":"P","status":"InProgress","runStart":"2026-03-01T12:00:00Z"},
			"activities":[{"activityRunId":"1","activityName":"Call","status":"Failed","activityRunStart":"2026-03-01T12:00:01Z","activityRunEnd":"2026-03-01T12:00:02Z","durationInMs":1000,
			"error":{"errorCode":"2108","message":"no \u001b[2J answer"},"switchyard":{"path":"Each[0]/Call","attempt":1,"attempts":2}}]}]}`,
		`{"active":[{"run":{"runId":"bbbbbbbb-2","pipelineName":"Q","status":"InProgress","runStart":"2026-03-01T12:00:03Z"}}],
			"ended":[{"run":{"runId":"cccccccc-3","pipelineName":"R","status":"Succeeded","runStart":"2026-03-01T12:00:03Z","runEnd":"2026-03-01T12:00:04Z","durationInMs":20}},
			{"run":{"runId":"aaaaaaaa-1","pipelineName":"P","status":"Failed","message":"Operation on target Each failed","runStart":"2026-03-01T12:00:00Z","runEnd":"2026-03-01T12:00:05Z","durationInMs":5000},
			"activities":[{"activityRunId":"1","status":"Failed"},{"activityRunId":"2","activityName":"Set","status":"Succeeded","activityRunStart":"2026-03-01T12:00:05Z","activityRunEnd":"2026-03-01T12:00:05Z","durationInMs":1}]}]}`,
	}
	tell := func(json bool, one bool) string {
		var out, errs strings.Builder
		v := &teller{out: &out, errs: &errs, json: json, columns: 80}
		for _, text := range scenes {
			o := record(t, text).(*value.Object)
			get := func(name string) []*watched { x, _ := o.Get(name); return watchedOf(t, x) }
			s := scene{one: one, active: get("active"), ended: get("ended")}
			if err := v.show(s); err != nil {
				t.Fatal(err)
			}
			s.ended = nil // nothing more ends
			if err := v.show(s); err != nil {
				t.Fatal(err)
			}
		}
		if errs.Len() > 0 || len(v.told) != 1 {
			t.Errorf("standard error %q, remembered %v; want nothing of what has ended", errs.String(), v.told)
		}
		return out.String()
	}
	if got, want := tell(false, false), `12:00:00  aaaaaaaa-1  InProgress  P
12:00:01  aaaaaaaa  Each[0]/Call  InProgress
12:00:02  aaaaaaaa  Each[0]/Call  Failed  1s  attempt 1/2
  error 2108: no [2J answer
12:00:03  bbbbbbbb-2  Queued  Q
12:00:03  bbbbbbbb-2  InProgress  Q
12:00:04  cccccccc-3  Succeeded  20ms  R
12:00:05  aaaaaaaa  Set  Succeeded  1ms
12:00:05  aaaaaaaa-1  Failed  5s  P
  Operation on target Each failed
`; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := tell(false, true); !strings.Contains(got, "\n12:00:01  Each[0]/Call  InProgress\n") {
		t.Errorf("of one run:\n%s", got)
	}
	lines := strings.Split(strings.TrimSpace(tell(true, false)), "\n")
	if len(lines) != 8 || lines[0] != `{"run":{"runId":"aaaaaaaa-1","pipelineName":"P","status":"InProgress","runStart":"2026-03-01T12:00:00Z"}}` ||
		!strings.HasPrefix(lines[1], `{"activity":{"activityRunId":"1","activityName":"Call","status":"InProgress",`) {
		t.Errorf("as JSON:\n%s", strings.Join(lines, "\n"))
	}
}

// TestTellerOfMany: that not all is told is told once.
func TestTellerOfMany(t *testing.T) {
	var out, errs strings.Builder
	v := &teller{out: &out, errs: &errs, columns: 80}
	s := scene{}
	for i := range maxFollowed + 1 {
		s.active = append(s.active, aRun(t, fmt.Sprint("r", i), "InProgress", 0))
	}
	for range 2 {
		if err := v.show(s); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(out.String(), "\n") != maxFollowed+1 ||
		errs.String() != "more than 50 runs go on: the activities of the newest 50 are told, and the runs of the newest 200\n" {
		t.Errorf("stdout %q, stderr %q", out.String(), errs.String())
	}
}

// looked is a server whose runs a watcher asks for.
type looked struct {
	active, over []*value.Object
	more         bool
	attempts     map[string]value.Array // of runs
	gone         map[string]bool        // runs that can't be read
	asked        []string
}

func (l *looked) Last(_ context.Context, f client.RunFilter, n int) (value.Array, bool, error) {
	list, out := l.active, value.Array{}
	if f.Status[0] == over[0] {
		list = l.over
		l.asked = append(l.asked, "over since "+f.After.UTC().Format(time.TimeOnly))
	}
	for _, r := range list {
		out = append(out, r)
	}
	return out[:min(len(out), n)], l.more, nil
}

func (l *looked) Changed(_ context.Context, id string, since time.Time) (*value.Object, value.Array, error) {
	at := "ever"
	if !since.IsZero() {
		at = since.UTC().Format(time.TimeOnly)
	}
	l.asked = append(l.asked, id+" since "+at)
	for _, r := range append(l.active, l.over...) {
		if str(r, "runId") == id && !l.gone[id] {
			return r, l.attempts[id], nil
		}
	}
	return nil, nil, errors.New("pipeline run not found")
}

func (l *looked) take() string {
	defer func() { l.asked = nil }()
	return strings.Join(l.asked, ", ")
}

// TestWatcher: what ended before is not told, what has ended is told once, and of what is
// known only changes are asked for.
func TestWatcher(t *testing.T) {
	run := func(id, end string) *value.Object {
		if end != "" {
			return record(t, `{"runId":"`+id+`","status":"Succeeded","runEnd":"2026-03-01T`+end+`Z"}`).(*value.Object)
		}
		return record(t, `{"runId":"`+id+`","status":"InProgress"}`).(*value.Object)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := &looked{active: []*value.Object{run("b", ""), run("a", "")}, over: []*value.Object{run("z", "11:59:59")}, attempts: map[string]value.Array{
		"a": record(t, `[{"activityRunId":"1","status":"InProgress"}]`).(value.Array)}}
	w := &watcher{runs: l, since: at}
	look := func(seconds int) scene {
		t.Helper()
		s, err := w.look(t.Context(), at.Add(time.Duration(seconds)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ids := func(s scene) string {
		var b strings.Builder
		for _, r := range s.active {
			fmt.Fprintf(&b, "%s%d ", str(r.run, "runId"), len(r.attempts))
		}
		b.WriteString("|")
		for _, r := range s.ended {
			fmt.Fprintf(&b, " %s%d", str(r.run, "runId"), len(r.attempts))
		}
		return b.String()
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	want("the first look", ids(look(1)), "b0 a1 |")
	want("it asked for", l.take(), "over since 11:59:58, b since ever, a since ever")
	// a has begun a second activity and ends; c began and ended meanwhile; b can't be read.
	l.active, l.over = []*value.Object{run("b", "")}, []*value.Object{run("a", "12:00:09"), run("c", "12:00:08"), run("z", "11:59:59")}
	l.attempts["a"] = record(t, `[{"activityRunId":"1","status":"Succeeded"},{"activityRunId":"2","status":"Succeeded"}]`).(value.Array)
	l.gone = map[string]bool{"b": true}
	s := look(10)
	want("the second look", ids(s), "b0 | c0 a2")
	want("it asked for", l.take(), "over since 11:59:59, a since ever, c since ever, b since 11:59:59")
	want("the first activity", str(s.ended[1].attempts[0], "status"), "Succeeded")
	// A run that has ended is in the list of those that go on, too: it ended between.
	l.active, l.gone = []*value.Object{run("b", ""), run("d", "")}, nil
	l.over = append(l.over, run("d", "12:00:11"))
	want("the third look", ids(look(12)), "b0 | d0")
	want("the fourth look", ids(look(13)), "b0 |")
	// One run: what is known of it is not asked for again, but once when it has ended.
	w = &watcher{runs: l, id: "b", since: at}
	l.take()
	s = look(1)
	want("of one run", ids(s), "b0 |")
	look(2)
	l.active, l.over = nil, []*value.Object{run("b", "12:00:03")}
	want("when it has ended", ids(look(4)), "| b0")
	want("it asked for", l.take(), "b since ever, b since 11:59:59, b since 12:00:00, b since ever")
	w = &watcher{runs: l, id: "nowhere"}
	if _, err := w.look(t.Context(), at); err == nil {
		t.Error("a run that is not there: no error")
	}
}
