package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// book keeps the records of triggers beside a history in memory, and remembers with which unit
// each became durable.
type book struct {
	*enginetest.Recorder
	mu      sync.Mutex
	m       map[string][]byte
	changes []change
}

type change struct {
	unit int
	key  string
	val  []byte // nil: deleted
}

func newBook() *book { return &book{Recorder: enginetest.NewRecorder(), m: map[string][]byte{}} }

// after is what a process finds that starts after the first n units.
func (b *book) after(n int) *book {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &book{Recorder: b.Recorder.After(n), m: map[string][]byte{}}
	for _, x := range b.changes {
		if x.unit <= n {
			c.apply(x)
		}
	}
	return c
}

func (b *book) apply(x change) {
	if x.val == nil {
		delete(b.m, x.key)
	} else {
		b.m[x.key] = x.val
	}
}

func (b *book) then(u *commit.Unit, key string, val []byte) {
	u.Then(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		x := change{b.Units(), key, val}
		b.changes = append(b.changes, x)
		b.apply(x)
	})
}

func (b *book) Put(u *commit.Unit, key string, val []byte) { b.then(u, key, val) }
func (b *book) Delete(u *commit.Unit, key string)          { b.then(u, key, nil) }

func (b *book) Range(from, to string, backwards bool, f func(string, []byte, error) (bool, error)) error {
	b.mu.Lock()
	m := maps.Clone(b.m)
	b.mu.Unlock()
	keys := slices.Sorted(maps.Keys(m))
	if backwards {
		slices.Reverse(keys)
	}
	for _, k := range keys {
		if k < from || k >= to {
			continue
		}
		val, damage := m[k], error(nil)
		if string(val) == "damaged" {
			val, damage = nil, fmt.Errorf("%s: %w", k, commit.ErrDamaged)
		}
		if more, err := f(k, val, damage); err != nil || !more {
			return err
		}
	}
	return nil
}

// yard is one process with one schedule trigger.
type yard struct {
	t       *testing.T
	book    *book
	engine  *engine.Engine
	firings *trigger.Firings
	factory *pipeline.Factory
	trigger *pipeline.Trigger
	host    *trigger.Schedule
}

const (
	echo = `{"name":"Echo","properties":{"parameters":{"at":{"type":"String"},"n":{"type":"Int","defaultValue":1}},"activities":[]}}`
	slow = `{"name":"Slow","properties":{"concurrency":1,"parameters":{"at":{"type":"String","defaultValue":""}},"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1000000}}]}}`
)

// open starts a process on what is in a book. The trigger has the recurrence and pipelines
// given, and is started since a time.
func openYard(t *testing.T, b *book, started time.Time, recurrence, pipelines string) *yard {
	t.Helper()
	return openYardFor(t, b, engine.Retention{Age: 48 * time.Hour}, started, recurrence, pipelines)
}

// openYardFor is openYard with another retention.
func openYardFor(t *testing.T, b *book, keep engine.Retention, started time.Time, recurrence, pipelines string) *yard {
	t.Helper()
	y := &yard{t: t, book: b, factory: &pipeline.Factory{Name: "F", GlobalParameters: &value.Object{}}}
	for _, text := range []string{echo, slow} {
		p, ds := pipeline.ParsePipeline("p.json", []byte(text))
		if err := ds.Err(); err != nil {
			t.Fatal(err)
		}
		y.factory.PutPipeline(p)
	}
	var ds pipeline.Diagnostics
	y.trigger, ds = pipeline.ParseTrigger("t.json", []byte(`{"name":"Clock","properties":{"type":"ScheduleTrigger","typeProperties":{"recurrence":`+
		recurrence+`},"pipelines":[`+pipelines+`]}}`))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	y.trigger.Started, y.trigger.StartedAt = true, started
	var err error
	y.engine, err = engine.New(engine.Options{History: b, Log: b, Clock: clock.Wall{}, Registry: activity.NewRegistry(),
		Retention: keep})
	if err != nil {
		t.Fatal(err)
	}
	if err := y.engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	y.firings = trigger.NewFirings(trigger.FiringsOptions{Records: b, Log: b, Clock: clock.Wall{}, Engine: y.engine})
	y.start()
	return y
}

func (y *yard) start() {
	y.t.Helper()
	var err error
	y.host, err = trigger.NewSchedule(trigger.ScheduleOptions{Runs: y.engine, Firings: y.firings, Clock: clock.Wall{}, Factory: y.factory, Trigger: y.trigger})
	if err != nil {
		y.t.Fatal(err)
	}
	if err := y.host.Start(context.Background()); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) stop() {
	y.host.Stop()
	y.engine.Stop(0)
}

// scheduled lists the firings, and checks that each has its runs and no run is without one.
func (y *yard) scheduled() (times []string) {
	y.t.Helper()
	list, _, err := y.firings.Query(trigger.Query{Factory: "f"})
	if err != nil {
		y.t.Fatal(err)
	}
	of := map[string]string{}
	slices.SortFunc(list, func(a, b *trigger.Run) int { return a.Scheduled.Compare(b.Scheduled) }) // made up at one instant
	for _, r := range list {
		times = append(times, r.Scheduled.Format("15:04:05"))
		for _, p := range r.Pipelines {
			of[p.Run] = r.ID
		}
	}
	runs, _, err := y.engine.Query(engine.Query{Factory: "F"})
	if err != nil {
		y.t.Fatal(err)
	}
	for _, r := range runs {
		if r.InvokedBy.Name != "Clock" || r.InvokedBy.Type != "ScheduleTrigger" || of[r.RunID] == "" || of[r.RunID] != r.InvokedBy.ID {
			y.t.Errorf("run %s is invoked by %+v; its trigger run is %q", r.RunID, r.InvokedBy, of[r.RunID])
		}
		delete(of, r.RunID)
	}
	if len(of) > 0 {
		y.t.Errorf("trigger runs name pipeline runs that are not there: %v", of)
	}
	return times
}

func (y *yard) want(what string, want ...string) {
	y.t.Helper()
	synctest.Wait()
	if got := y.scheduled(); !slices.Equal(got, want) {
		y.t.Errorf("%s: fired for %v, want %v", what, got, want)
	}
}

const (
	quarterly = `{"frequency":"Minute","interval":15,"startTime":"1999-01-01T00:05:00Z","timeZone":"UTC"}`
	echoed    = `{"pipelineReference":{"referenceName":"Echo","type":"PipelineReference"},"parameters":{"at":"@trigger().scheduledTime"}}`
	slowly    = `{"pipelineReference":{"referenceName":"Slow","type":"PipelineReference"}}`
)

func TestScheduleFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openYard(t, newBook(), time.Now(), quarterly, echoed+`,{"pipelineReference":{"referenceName":"Echo","type":"PipelineReference"},
			"parameters":{"at":"@concat(trigger().startTime,' ',substring(trigger().name,0,8),' ',trigger().status)","n":2}}`)
		time.Sleep(36 * time.Minute)
		y.want("36 minutes", "00:05:00", "00:20:00", "00:35:00")
		runs, _, err := y.engine.Query(engine.Query{Factory: "F"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range runs {
			at, _ := r.Parameters.Get("at")
			n, _ := r.Parameters.Get("n")
			got = append(got, fmt.Sprint(at, " ", n, " ", r.Start.Format("15:04:05")))
		}
		slices.Sort(got)
		want := []string{
			"2000-01-01T00:05:00Z 1 00:05:00", "2000-01-01T00:05:00Z Trigger_ Succeeded 2 00:05:00",
			"2000-01-01T00:20:00Z 1 00:20:00", "2000-01-01T00:20:00Z Trigger_ Succeeded 2 00:20:00",
			"2000-01-01T00:35:00Z 1 00:35:00", "2000-01-01T00:35:00Z Trigger_ Succeeded 2 00:35:00",
		}
		if !slices.Equal(got, want) {
			t.Errorf("runs\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		y.host.Stop()
		y.stop() // and stops it once more
	})
}

// What fell due while no process was there is made up; while the trigger was stopped it is not.
func TestScheduleMakesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBook(), time.Now()
		y := openYard(t, b, began, quarterly, echoed)
		time.Sleep(6 * time.Minute)
		y.want("at first", "00:05:00")
		y.stop()
		time.Sleep(30 * time.Minute)
		y = openYard(t, b, began, quarterly, echoed)
		y.want("the next process", "00:05:00", "00:20:00", "00:35:00")
		y.host.Stop()
		time.Sleep(30 * time.Minute)
		y.trigger.StartedAt = time.Now() // somebody has stopped it, and starts it now
		y.start()
		y.want("started again", "00:05:00", "00:20:00", "00:35:00")
		time.Sleep(15 * time.Minute)
		y.want("and goes on", "00:05:00", "00:20:00", "00:35:00", "01:20:00")
		y.stop()
	})
}

// A process that comes back after weeks makes up the newest firings only.
func TestScheduleGivesUpWhatIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openYard(t, newBook(), time.Now().Add(-1000*time.Hour), quarterly, echoed)
		synctest.Wait()
		got := y.scheduled()
		if len(got) != trigger.MadeUp || got[len(got)-1] != "23:50:00" || got[len(got)-2] != "23:35:00" {
			t.Errorf("%d firings, the last two %v; want %d up to 23:50", len(got), got[max(0, len(got)-2):], trigger.MadeUp)
		}
		y.stop()
	})
}

// A clock that was wrong when the trigger fired or was started leaves nothing behind.
func TestScheduleAfterAWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openYard(t, newBook(), time.Now().AddDate(90, 0, 0), quarterly, echoed)
		time.Sleep(6 * time.Minute)
		y.want("started in 2090", "00:05:00")
		y.stop()
	})
}

// One pipeline that can't be started fails the trigger run, and keeps no other from it.
func TestScheduleFailedTriggerRun(t *testing.T) {
	for _, c := range []struct{ pipelines, message string }{
		{echoed + `,{"pipelineReference":{"referenceName":"Echo","type":"PipelineReference"}}`,
			`create run of pipeline "Echo": parameter "at" has no value`},
		{echoed + `,{"pipelineReference":{"referenceName":"Echo","type":"PipelineReference"},"parameters":{"at":"@trigger().outputs.windowStartTime"}}`,
			`pipeline "Echo": parameter "at": `},
		{echoed + `,{"pipelineReference":{"referenceName":"Gone","type":"PipelineReference"}}`,
			`create run of pipeline "Gone": pipeline not found`},
	} {
		synctest.Test(t, func(t *testing.T) {
			y := openYard(t, newBook(), time.Now(), quarterly, c.pipelines)
			time.Sleep(21 * time.Minute)
			y.want("a pipeline that can't be started", "00:05:00", "00:20:00")
			list, _, err := y.firings.Query(trigger.Query{Factory: "F"})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				if r.Status != trigger.Failed || !strings.Contains(r.Message, c.message) || len(r.Pipelines) != 1 {
					t.Errorf("trigger run %s %q with %d runs, want Failed with %q and one run", r.Status, r.Message, len(r.Pipelines), c.message)
				}
			}
			y.stop()
		})
	}
}

// The run behind the hundred that wait is refused, which is a failed trigger run and no end.
func TestScheduleQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openYard(t, newBook(), time.Now(), `{"frequency":"Minute","interval":1,"startTime":"1999-12-31T00:00:00Z"}`, slowly)
		time.Sleep(102*time.Minute + time.Second)
		synctest.Wait()
		list, _, err := y.firings.Query(trigger.Query{Factory: "F"})
		if err != nil || len(list) != 103 {
			t.Fatalf("%d trigger runs, %v; want 103", len(list), err)
		}
		for i, r := range list {
			if want := i < 101; (r.Status == trigger.Succeeded) != want || (len(r.Pipelines) == 1) != want {
				t.Errorf("trigger run %d is %s with %v: %s", i, r.Status, r.Pipelines, r.Message)
			}
		}
		if m := list[102].Message; !strings.Contains(m, "too many queued runs: 100 are waiting for the concurrency 1") {
			t.Errorf("message %q", m)
		}
		y.stop()
	})
}

// However many units are on the disk when the process is killed, the next one fires for each
// time that is due once.
func TestScheduleCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBook()
		y := openYard(t, b, began, quarterly, echoed+","+echoed)
		time.Sleep(51 * time.Minute)
		synctest.Wait()
		y.stop()
		if n := b.Units(); n < 8 {
			t.Fatalf("%d units: too few to tell anything", n)
		}
		for n := range b.Units() + 1 {
			y := openYard(t, b.after(n), began, quarterly, echoed+","+echoed)
			y.want(fmt.Sprintf("killed after %d units", n), "00:05:00", "00:20:00", "00:35:00", "00:50:00")
			y.stop()
		}
	})
}

// counter creates runs that nobody sees.
type counter struct {
	b     *book
	mu    sync.Mutex
	n     int   // guarded by mu
	fails error // guarded by mu
}

func (c *counter) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = err
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *counter) TakeLarge(context.Context) (func(), error) { return func() {}, nil }

func (c *counter) CreateRuns(_ context.Context, _ *pipeline.Factory, _ []*engine.Start, add func(*commit.Unit)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails != nil {
		return c.fails
	}
	u := &commit.Unit{}
	add(u)
	c.b.Submit(u)
	c.b.Sync(u)
	c.n++
	return nil
}

// forgetful keeps the last record of each trigger and no trigger run.
type forgetful struct{ *book }

func (f forgetful) Put(u *commit.Unit, key string, val []byte) {
	if strings.HasPrefix(key, "datafactory/s/") {
		u.Then(func() { f.m[key] = val })
	}
}

func hostOf(t *testing.T, b trigger.Records, c trigger.Creator, started time.Time) *trigger.Schedule {
	t.Helper()
	def, _ := pipeline.ParseTrigger("t.json", []byte(`{"name":"Clock","properties":{"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Minute","startTime":"1999-12-31T00:00:30Z"}},"pipelines":[`+slowly+`]}}`))
	def.StartedAt = started
	h, err := trigger.NewSchedule(trigger.ScheduleOptions{Runs: c, Clock: clock.Wall{}, Factory: &pipeline.Factory{Name: "F"}, Trigger: def,
		Firings: trigger.NewFirings(trigger.FiringsOptions{Records: b, Clock: clock.Wall{}})})
	if err == nil {
		err = h.Start(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A year of minutes is as many firings, one after the other, and nothing that grows.
func TestScheduleOfAYear(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million firings")
	}
	synctest.Test(t, func(t *testing.T) {
		b := &book{Recorder: &enginetest.Recorder{Memory: enginetest.NewMemory(nil)}, m: map[string][]byte{}}
		c := &counter{b: b}
		h := hostOf(t, forgetful{b}, c, time.Now())
		time.Sleep(365 * 24 * time.Hour)
		synctest.Wait()
		if want := 365 * 24 * 60; c.count() != want || len(b.m) != 1 {
			t.Errorf("%d firings and %d records, want %d and 1", c.count(), len(b.m), want)
		}
		h.Stop()
	})
}

// While the disk is full nothing is lost: it fires when there is room.
func TestScheduleFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		c := &counter{b: b, fails: commit.ErrFull}
		h := hostOf(t, b, c, time.Now())
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		c.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := c.count(); n < 5 || n > 6 {
			t.Errorf("%d firings, want all of 5 or 6 minutes", n)
		}
		h.Stop()
	})
}

// A record of the last firing that can't be read does not fire twice, and is no end.
func TestScheduleDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, began := newBook(), time.Now()
		y := openYard(t, b, began, quarterly, echoed)
		time.Sleep(6 * time.Minute)
		y.want("at first", "00:05:00")
		y.stop()
		for key := range b.m {
			b.m[key] = []byte("damaged")
		}
		y = openYard(t, b, began, quarterly, echoed)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		list, _, err := y.firings.Query(trigger.Query{Factory: "F"})
		if err != nil || len(list) != 2 || list[1].Scheduled.Format("15:04") != "00:20" {
			t.Errorf("%d trigger runs, %v; want that of 00:05 and that of 00:20", len(list), err)
		} else if list[0].Status != trigger.Failed || !strings.Contains(list[0].Message, "can't be read") {
			t.Errorf("the damaged one is %s %q", list[0].Status, list[0].Message)
		}
		y.stop()
	})
}

// Pages of both orders, behind runs and trigger runs of the same time.
func TestFiringsQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openYard(t, newBook(), time.Now(), `{"frequency":"Minute","interval":1,"startTime":"1999-12-31T00:00:00Z"}`, echoed)
		time.Sleep(9*time.Minute + time.Second)
		y.host.Stop()
		for _, newest := range []bool{false, true} {
			var got []string
			for q := (trigger.Query{Factory: "f", NewestFirst: newest, Limit: 3}); ; {
				list, more, err := y.firings.Query(q)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range list {
					got = append(got, r.Scheduled.Format("4"))
					q.Behind = &engine.Place{Start: r.At, ID: r.ID}
				}
				if !more {
					break
				}
			}
			want := "0 1 2 3 4 5 6 7 8 9"
			if newest {
				want = "9 8 7 6 5 4 3 2 1 0"
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("newest first %t: %s, want %s", newest, s, want)
			}
		}
		at := time.Date(2000, 1, 1, 0, 4, 0, 0, time.UTC)
		for _, c := range []struct {
			q    trigger.Query
			want int
		}{
			{trigger.Query{Behind: &engine.Place{Start: at, ID: engine.NewID()}}, 6},
			{trigger.Query{Behind: &engine.Place{Start: at, ID: engine.NewID()}, NewestFirst: true}, 4},
			{trigger.Query{After: at, Before: at.Add(2 * time.Minute)}, 3},
			{trigger.Query{Where: func(r *trigger.Run) bool { return r.Scheduled.Minute() == 2 }}, 1},
		} {
			c.q.Factory = "F"
			if list, _, err := y.firings.Query(c.q); err != nil || len(list) != c.want {
				t.Errorf("%+v: %d trigger runs, %v; want %d", c.q, len(list), err, c.want)
			}
		}
		if list, _, err := y.firings.Query(trigger.Query{Factory: "F2"}); err != nil || len(list) != 0 {
			t.Errorf("another factory has %d trigger runs, %v", len(list), err)
		}
		y.engine.Stop(0)
	})
}

// A trigger run is kept as long as its runs are, and one without runs for its age.
func TestFiringsRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openYard(t, newBook(), time.Now(), quarterly, echoed)
		time.Sleep(50*time.Minute + time.Second)
		y.want("at first", "00:05:00", "00:20:00", "00:35:00", "00:50:00")
		y.host.Stop()
		failing := openYard(t, newBook(), time.Now().Add(-61*time.Minute), quarterly, `{"pipelineReference":{"referenceName":"Gone","type":"PipelineReference"}}`)
		failing.want("without runs", "23:50:00", "00:05:00", "00:20:00", "00:35:00", "00:50:00")
		failing.host.Stop()
		ctx, cancel := context.WithCancel(t.Context())
		for _, y := range []*yard{y, failing} {
			go y.firings.Sweep(ctx)
		}
		time.Sleep(10 * time.Minute)
		y.want("its runs are there", "00:05:00", "00:20:00", "00:35:00", "00:50:00")
		if err := y.engine.DeleteRunsOf(t.Context(), "F"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		y.want("its runs are gone")
		failing.want("young", "23:50:00", "00:05:00", "00:20:00", "00:35:00", "00:50:00")
		time.Sleep(48 * time.Hour)
		failing.want("old")
		cancel()
		synctest.Wait()
		y.engine.Stop(0)
		failing.engine.Stop(0)
	})
}

func TestFiringsDeleteOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		y := openYard(t, b, time.Now().Add(-1000*time.Hour), quarterly, echoed)
		y.wantFirings(trigger.MadeUp)
		y.stop()
		if err := y.firings.DeleteOf(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
		u := &commit.Unit{}
		y.firings.Forget(u, "f", "CLOCK")
		b.Submit(u)
		b.Sync(u)
		if len(b.m) > 0 {
			t.Errorf("%d records are left: %v", len(b.m), slices.Sorted(maps.Keys(b.m)))
		}
	})
}

func (y *yard) wantFirings(n int) {
	y.t.Helper()
	synctest.Wait()
	if got := len(y.scheduled()); got != n {
		y.t.Errorf("%d firings, want %d", got, n)
	}
}

func TestScheduleRefuses(t *testing.T) {
	def, _ := pipeline.ParseTrigger("t.json", []byte(`{"name":"T","properties":{"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Year","startTime":"2026-01-01T00:00:00Z"}}}}`))
	_, err := trigger.NewSchedule(trigger.ScheduleOptions{Factory: &pipeline.Factory{Name: "F"}, Trigger: def})
	var ds pipeline.Diagnostics
	if !errors.As(err, &ds) || !strings.Contains(err.Error(), "frequency") {
		t.Errorf("a frequency that is none: %v", err)
	}
	def, _ = pipeline.ParseTrigger("t.json", []byte(`{"name":"T","properties":{"type":"ScheduleTrigger","typeProperties":{"recurrence":`+quarterly+`}}}`))
	_, err = trigger.NewSchedule(trigger.ScheduleOptions{Factory: &pipeline.Factory{Name: "F"}, Trigger: def})
	if err == nil || !strings.Contains(err.Error(), `trigger "T": Missing or invalid pipeline references for trigger T`) {
		t.Errorf("no pipeline: %v", err)
	}
}

// A trigger that was started a while before the clock was set back fires for what falls due now.
func TestScheduleStartedByAClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openYard(t, newBook(), time.Now().Add(50*time.Minute), quarterly, echoed)
		time.Sleep(21 * time.Minute)
		y.want("started at 00:50", "00:05:00", "00:20:00")
		y.stop()
	})
}

// Trigger runs whose runs go on, or that never had one, keep no other from being forgotten.
func TestFiringsRetentionBehindWhatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		const minutely = `{"frequency":"Minute","startTime":"1999-12-31T00:00:00Z"}`
		begin := func(pipelines string) *yard {
			return openYardFor(t, b, engine.Retention{Size: 1}, time.Now(), minutely, pipelines)
		}
		y := begin(`{"pipelineReference":{"referenceName":"Gone","type":"PipelineReference"}}`)
		time.Sleep(99 * time.Minute)
		y.wantFirings(100)
		y.stop()
		y = begin(slowly)
		time.Sleep(70 * time.Minute)
		y.wantFirings(170)
		y.stop()
		y = begin(echoed) // its runs are over at once, and soon too many
		time.Sleep(3*time.Minute + time.Second)
		y.host.Stop()
		go y.firings.Sweep(t.Context())
		time.Sleep(5 * time.Minute)
		y.wantFirings(70)
		y.engine.Stop(0)
	})
}

// Without an age of pipeline runs, one of a trigger run that has none is that of Azure.
func TestFiringsRetentionBySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openYardFor(t, newBook(), engine.Retention{Size: 1 << 30}, time.Now(), quarterly, `{"pipelineReference":{"referenceName":"Gone","type":"PipelineReference"}}`)
		time.Sleep(6 * time.Minute)
		y.host.Stop()
		go y.firings.Sweep(t.Context())
		time.Sleep(44 * 24 * time.Hour)
		y.want("for 44 days", "00:05:00")
		time.Sleep(24 * time.Hour)
		y.want("after 45 days")
		y.engine.Stop(0)
	})
}

// looks remembers where its records were looked for.
type looks struct {
	*book
	from []string
}

func (l *looks) Range(from, to string, backwards bool, f func(string, []byte, error) (bool, error)) error {
	l.from = append(l.from, from)
	return l.book.Range(from, to, backwards, f)
}

// What is forgotten is not looked at again: the store still has to pass over it.
func TestFiringsDeleteOfGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		y := openYard(t, b, time.Now().Add(-1000*time.Hour), quarterly, echoed)
		y.wantFirings(trigger.MadeUp)
		y.stop()
		l := &looks{book: b}
		x := trigger.NewFirings(trigger.FiringsOptions{Records: l, Log: b, Clock: clock.Wall{}})
		if err := x.DeleteOf(t.Context(), "F"); err != nil {
			t.Fatal(err)
		}
		if n := len(l.from); n != 3 || !slices.IsSorted(l.from) || l.from[0] == l.from[1] || l.from[1] == l.from[2] {
			t.Errorf("looked from %q, each behind what it has deleted before", l.from)
		}
	})
}
