package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/recurrence"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// windowYard is one process with tumbling-window triggers.
type windowYard struct {
	t       *testing.T
	book    *book
	engine  *engine.Engine
	firings *trigger.Firings
	factory *pipeline.Factory
	hosts   map[string]*trigger.TumblingWindow
}

// The pipelines of the tests. Each takes the start of its window.
var windowPipelines = []string{
	`{"name":"Quick","properties":{"parameters":{"at":{"type":"String"}},"activities":[]}}`,
	`{"name":"Hours","properties":{"parameters":{"at":{"type":"String"}},"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":9000}}]}}`,
	`{"name":"Fails","properties":{"parameters":{"at":{"type":"String"}},"activities":[{"name":"F","type":"Fail","typeProperties":{"message":"no luck","errorCode":"7"}}]}}`,
	`{"name":"FailsAtTwo","properties":{"parameters":{"at":{"type":"String"}},"activities":[{"name":"If","type":"IfCondition","typeProperties":{
		"expression":{"value":"@contains(pipeline().parameters.at,'T02:')","type":"Expression"},
		"ifTrueActivities":[{"name":"F","type":"Fail","typeProperties":{"message":"not at two","errorCode":"2"}}]}}]}}`,
	`{"name":"Deep","properties":{"concurrency":1,"parameters":{"at":{"type":"String","defaultValue":""}},"activities":[
		{"name":"Call","type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":"Deep","type":"PipelineReference"},"waitOnCompletion":true}}]}}`,
}

// windows is the definition of a trigger: its name, what stands in its typeProperties beside an
// hourly window since midnight, and its pipeline.
func windows(t *testing.T, name, more, pipelineName string) *pipeline.Trigger {
	t.Helper()
	properties := `{"frequency":"Hour","interval":1,"startTime":"2000-01-01T00:00:00Z","maxConcurrency":2` + more + `}`
	x, ds := pipeline.ParseTrigger(name+".json", []byte(`{"name":"`+name+`","properties":{"type":"TumblingWindowTrigger","typeProperties":`+lastOf(t, properties)+
		`,"pipeline":{"pipelineReference":{"referenceName":"`+pipelineName+`","type":"PipelineReference"},"parameters":{"at":"@trigger().outputs.windowStartTime"}}}}`))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	return x
}

// lastOf makes an object in which the last member of a name counts.
func lastOf(t *testing.T, text string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func openWindows(t *testing.T, b *book, triggers ...*pipeline.Trigger) *windowYard {
	t.Helper()
	return openWindowsFor(t, b, engine.Retention{}, triggers...)
}

func openWindowsFor(t *testing.T, b *book, keep engine.Retention, triggers ...*pipeline.Trigger) *windowYard {
	t.Helper()
	y := &windowYard{t: t, book: b, factory: &pipeline.Factory{Name: "F", GlobalParameters: &value.Object{}}, hosts: map[string]*trigger.TumblingWindow{}}
	for _, text := range windowPipelines {
		y.pipeline(text)
	}
	for _, x := range triggers {
		y.factory.PutTrigger(x)
	}
	var err error
	y.engine, err = engine.New(engine.Options{History: b, Log: b, Clock: clock.Wall{}, Registry: activity.NewRegistry(), Retention: keep,
		Factory: func(string) (*pipeline.Factory, error) { return y.factory, nil },
		Finish:  trigger.Finish(nil, func() *trigger.Firings { return y.firings })})
	if err != nil {
		t.Fatal(err)
	}
	y.firings = trigger.NewFirings(trigger.FiringsOptions{Records: b, Log: b, Clock: clock.Wall{}, Engine: y.engine,
		Awaited: func(_, name string) bool { return recurrence.Awaited(y.factory, name) }})
	if err := y.engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, x := range triggers {
		y.start(x.Name)
	}
	return y
}

func (y *windowYard) pipeline(text string) {
	y.t.Helper()
	p, ds := pipeline.ParsePipeline("p.json", []byte(text))
	if err := ds.Err(); err != nil {
		y.t.Fatal(err)
	}
	y.factory.PutPipeline(p)
}

// mend gives a trigger a pipeline that does not fail at two o'clock any more.
func (y *windowYard) mend(name string) {
	y.t.Helper()
	y.pipeline(strings.Replace(windowPipelines[0], "Quick", "FailsAtTwo", 1))
	y.hosts[name].Stop()
	y.start(name)
}

func (y *windowYard) start(name string) {
	y.t.Helper()
	h, err := trigger.NewTumblingWindow(trigger.WindowOptions{Runs: y.engine, Firings: y.firings, Log: y.book, Clock: clock.Wall{},
		Factory: y.factory, Trigger: y.factory.Trigger(name)})
	if err == nil {
		err = h.Start(context.Background())
	}
	if err != nil {
		y.t.Fatal(err)
	}
	y.hosts[name] = h
}

func (y *windowYard) stop() {
	for _, h := range y.hosts {
		h.Stop()
		h.Stop()
	}
	y.engine.Stop(0)
}

// list returns the trigger runs of a trigger in the order of their windows.
func (y *windowYard) list(name string) []*trigger.Run {
	y.t.Helper()
	synctest.Wait()
	list, _, err := y.firings.Query(trigger.Query{Factory: "f", Where: func(r *trigger.Run) bool { return r.Trigger == name }})
	if err != nil {
		y.t.Fatal(err)
	}
	slices.SortStableFunc(list, func(a, b *trigger.Run) int { return a.Window.Start.Compare(b.Window.Start) })
	return list
}

// want compares the trigger runs of a trigger, as the hour of their window and their status.
func (y *windowYard) want(what, name, want string) {
	y.t.Helper()
	var got []string
	for _, r := range y.list(name) {
		got = append(got, r.Window.Start.Format("15")+" "+string(r.Status))
	}
	if s := strings.Join(got, ", "); s != want {
		y.t.Errorf("%s: the windows of %s are\n%s\nwant\n%s", what, name, s, want)
	}
}

// of returns the only trigger run of a window.
func (y *windowYard) of(name string, hour int) *trigger.Run {
	y.t.Helper()
	var found []*trigger.Run
	for _, r := range y.list(name) {
		if r.Window.Start.Hour() == hour {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		y.t.Fatalf("the window of %d hours has %d trigger runs, want one", hour, len(found))
	}
	return found[0]
}

func (y *windowYard) rerun(name, id string) string {
	y.t.Helper()
	id, err := y.firings.Rerun(y.t.Context(), "F", name, id)
	if err != nil {
		y.t.Fatal(err)
	}
	return id
}

const hour = time.Hour

// A month of hourly windows: each has one run, with its own times, when it is over.
func TestWindowsOfAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openWindows(t, newBook(), windows(t, "W", `,"delay":"00:10:00"`, "Quick"))
		time.Sleep(31*24*hour + 11*time.Minute)
		list := y.list("W")
		if len(list) != 31*24 {
			t.Fatalf("%d trigger runs, want %d", len(list), 31*24)
		}
		began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, r := range list {
			start := began.Add(time.Duration(i) * hour)
			p, err := y.engine.PipelineRun(r.Pipelines[0].Run)
			if err != nil {
				t.Fatal(err)
			}
			at, _ := p.Parameters.Get("at")
			ready := start.Add(hour + 10*time.Minute)
			if r.Status != trigger.Succeeded || !r.Window.Start.Equal(start) || !r.Window.End.Equal(start.Add(hour)) || !r.Scheduled.Equal(ready) ||
				!p.Start.Equal(ready) || at != start.Format(time.RFC3339) || len(r.Pipelines) != 1 || p.InvokedBy.ID != r.ID {
				t.Fatalf("window %d: %+v %+v with a run at %s of %s", i, r, r.Window, p.Start, at)
			}
		}
		runs, _, err := y.engine.Query(engine.Query{Factory: "F"})
		if err != nil || len(runs) != len(list) {
			t.Errorf("%d runs, %v, want %d", len(runs), err, len(list))
		}
		if n := len(y.book.keys("datafactory/w/")); n != 0 {
			t.Errorf("%d records of windows that have not succeeded", n)
		}
		y.stop()
	})
}

func (b *book) keys(prefix string) (keys []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k := range b.m {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Windows that are over are made up, the oldest first and no more at once than may be; a trigger
// that is stopped goes on where it was.
func TestWindowsBackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(5*hour + time.Minute)
		y := openWindows(t, newBook(), windows(t, "W", "", "Hours"))
		y.want("at first", "W", "00 Running, 01 Running, 02 Waiting, 03 Waiting, 04 Waiting")
		y.hosts["W"].Stop()
		time.Sleep(2*hour + 31*time.Minute)
		y.want("stopped", "W", "00 Succeeded, 01 Succeeded, 02 Waiting, 03 Waiting, 04 Waiting")
		y.start("W")
		y.want("goes on", "W", "00 Succeeded, 01 Succeeded, 02 Running, 03 Running, 04 Waiting, 05 Waiting, 06 Waiting")
		y.stop()
	})
}

// As many windows as there are: all are made up, and those that have no place yet are listed up
// to a bound.
func TestWindowsBackfillOfAYear(t *testing.T) {
	if testing.Short() {
		t.Skip("1,488 windows, 50 at once")
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(365 * 24 * hour)
		y := openWindows(t, newBook(), windows(t, "W", `,"frequency":"Minute","interval":30,"endTime":"2000-02-01T00:00:00Z","maxConcurrency":50`, "Hours"))
		synctest.Wait()
		if n := len(y.list("W")); n != trigger.WindowsAhead+50 {
			t.Errorf("%d trigger runs at first, want %d", n, trigger.WindowsAhead+50)
		}
		time.Sleep(31 * 48 / 50 * 3 * hour)
		list := y.list("W")
		if len(list) != 31*48 {
			t.Errorf("%d trigger runs, want %d", len(list), 31*48)
		}
		for i, r := range list {
			if at := time.Date(2000, 1, 1, 0, 30*i, 0, 0, time.UTC); r.Status != trigger.Succeeded || !r.Window.Start.Equal(at) {
				t.Fatalf("window %d begins at %s and is %s", i, r.Window.Start, r.Status)
			}
		}
		y.stop()
	})
}

// A run that fails is followed by others with the same parameters, and the last one decides.
func TestWindowRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := windows(t, "W", `,"retryPolicy":{"count":"@add(1,1)","intervalInSeconds":600},"endTime":"2000-01-01T01:00:00Z"`, "Fails")
		x.Pipelines[0].Parameters.Set("at", "@concat(trigger().startTime,trigger().name,rand(0,1000000))")
		y := openWindows(t, newBook(), x)
		time.Sleep(hour + 9*time.Minute)
		y.want("once", "W", "00 Running")
		if r := y.of("W", 0); !strings.Contains(r.Message, "no luck") || len(r.Pipelines) != 1 {
			t.Errorf("after one attempt: %q with %v", r.Message, r.Pipelines)
		}
		time.Sleep(12 * time.Minute)
		y.want("three times", "W", "00 Failed")
		r := y.of("W", 0)
		if len(r.Pipelines) != 3 || r.Window.Attempt != 3 {
			t.Fatalf("%d runs in %d attempts, want 3", len(r.Pipelines), r.Window.Attempt)
		}
		seen := map[value.Value]bool{}
		for i, p := range r.Pipelines {
			run, err := y.engine.PipelineRun(p.Run)
			if err != nil {
				t.Fatal(err)
			}
			at, _ := run.Parameters.Get("at")
			seen[at] = true
			if want := time.Date(2000, 1, 1, 1, 10*i, 0, 0, time.UTC); !run.Start.Equal(want) {
				t.Errorf("attempt %d is at %s, want %s", i+1, run.Start, want)
			}
		}
		if len(seen) != 1 {
			t.Errorf("the attempts have the parameters %v, want the same", seen)
		}
		y.stop()
	})
}

// What can't be started has failed, and is tried again as often.
func TestWindowNotStarted(t *testing.T) {
	for _, c := range []struct{ more, pipeline, at, message string }{
		{"", "Gone", "x", `create run of pipeline "Gone": pipeline not found`},
		{"", "Quick", "@trigger().nothing", `pipeline "Quick": parameter "at": `},
		{`,"retryPolicy":{"count":"@add('a',1)"}`, "Quick", "x", "retryPolicy: "},
		{`,"retryPolicy":{"count":"@string('many')"}`, "Quick", "x", `retryPolicy: retry is "many"`},
		{`,"retryPolicy":{"count":1,"intervalInSeconds":30}`, "Gone", "x", `create run of pipeline "Gone": pipeline not found`},
	} {
		synctest.Test(t, func(t *testing.T) {
			x := windows(t, "W", `,"endTime":"2000-01-01T01:00:00Z"`+c.more, c.pipeline)
			x.Pipelines[0].Parameters.Set("at", c.at)
			y := openWindows(t, newBook(), x)
			time.Sleep(hour + time.Minute)
			y.want(c.message, "W", "00 Failed")
			if r := y.of("W", 0); !strings.Contains(r.Message, c.message) || len(r.Pipelines) != 0 {
				t.Errorf("message %q with %v, want %q", r.Message, r.Pipelines, c.message)
			}
			y.stop()
		})
	}
}

const (
	selfDepends  = `,"dependsOn":[{"type":"SelfDependencyTumblingWindowTriggerReference","offset":"-01:00:00"}]`
	otherDepends = `,"dependsOn":[{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"Up","type":"TriggerReference"},"offset":"-01:00:00","size":"02:00:00"}]`
)

// A trigger that depends on itself stands still after a window that failed, until that is rerun.
func TestWindowSelfDependency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openWindows(t, newBook(), windows(t, "W", selfDepends, "FailsAtTwo"))
		time.Sleep(6*hour + time.Minute)
		const stands = "00 Succeeded, 01 Succeeded, 02 Failed, 03 WaitingOnDependency, 04 WaitingOnDependency, 05 Waiting"
		y.want("after the third", "W", stands)
		failed := y.of("W", 2)
		if m := y.of("W", 3).Message; !strings.Contains(m, "2000-01-01T02:00:00Z") || !strings.Contains(m, failed.ID) || !strings.Contains(m, "rerun it") {
			t.Errorf("the next one says %q, want the window and its trigger run %s", m, failed.ID)
		}
		time.Sleep(time.Second)
		again := y.rerun("W", failed.ID)
		y.want("rerun in vain", "W", "00 Succeeded, 01 Succeeded, 02 Failed, 02 Failed, 03 WaitingOnDependency, 04 WaitingOnDependency, 05 Waiting")
		y.mend("W")
		time.Sleep(time.Second)
		id := y.rerun("W", again)
		y.want("rerun", "W", "00 Succeeded, 01 Succeeded, 02 Failed, 02 Failed, 02 Succeeded, 03 Succeeded, 04 Succeeded, 05 Succeeded")
		for _, r := range y.list("W") {
			if r.Window.Rerun != (r.ID == id || r.ID == again) {
				t.Errorf("trigger run %s of the window at %s: rerun is %t", r.ID, r.Window.Start, r.Window.Rerun)
			}
		}
		y.stop()
	})
}

// A window waits for all windows of another trigger that have a part of its time, whether that
// runs, is behind or has failed; none before its start is waited for.
func TestWindowDependency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openWindows(t, newBook(), windows(t, "Up", "", "FailsAtTwo"), windows(t, "Down", otherDepends, "Quick"))
		y.hosts["Up"].Stop()
		time.Sleep(2*hour + time.Minute)
		y.want("nothing there", "Down", "00 WaitingOnDependency, 01 WaitingOnDependency")
		if m := y.of("Down", 0).Message; m != "It waits for the windows of trigger 'Up' until 2000-01-01T01:00:00Z, which has made none yet." {
			t.Errorf("message %q", m)
		}
		y.start("Up")
		y.want("there", "Down", "00 Succeeded, 01 Succeeded")
		time.Sleep(3 * hour)
		y.want("two fails", "Up", "00 Succeeded, 01 Succeeded, 02 Failed, 03 Succeeded, 04 Succeeded")
		y.want("two fails", "Down", "00 Succeeded, 01 Succeeded, 02 WaitingOnDependency, 03 WaitingOnDependency, 04 Waiting")
		y.mend("Up")
		y.rerun("Up", y.of("Up", 2).ID)
		y.want("two is rerun", "Down", "00 Succeeded, 01 Succeeded, 02 Succeeded, 03 Succeeded, 04 Succeeded")
		y.stop()
	})
}

// What is waited for in vain fails after a week, and says why.
func TestWindowWaitsAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openWindows(t, newBook(), windows(t, "Up", `,"endTime":"2000-01-01T01:00:00Z"`, "Fails"), windows(t, "Down", `,"endTime":"2000-01-01T01:00:00Z"`+otherDepends, "Quick"))
		time.Sleep(hour + 7*24*hour - time.Second)
		y.want("almost a week", "Down", "00 WaitingOnDependency")
		time.Sleep(2 * time.Second)
		y.want("a week", "Down", "00 Failed")
		r := y.of("Down", 0)
		if !strings.HasPrefix(r.Message, "The window has waited for 7 days. It waits for the window of trigger 'Up'") {
			t.Errorf("message %q", r.Message)
		}
		y.rerun("Down", r.ID)
		y.want("rerun", "Down", "00 Failed, 00 WaitingOnDependency")
		y.stop()
	})
}

// Windows that wait are cancelled at once, one that runs with its pipeline run; none runs later.
func TestWindowCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(4*hour + time.Minute)
		y := openWindows(t, newBook(), windows(t, "W", `,"endTime":"2000-01-01T04:00:00Z"`+selfDepends, "Hours"))
		y.want("at first", "W", "00 Running, 01 WaitingOnDependency, 02 Waiting, 03 Waiting")
		cancel := func(hour int) {
			t.Helper()
			run, err := y.firings.Cancel(t.Context(), "F", "w", y.of("W", hour).ID)
			if err == nil && run != "" {
				err = y.engine.Cancel(run, false)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, h := range []int{3, 1, 0} {
			cancel(h)
		}
		y.want("cancelled", "W", "00 Cancelled, 01 Cancelled, 02 WaitingOnDependency, 03 Cancelled")
		time.Sleep(24 * hour)
		y.want("later", "W", "00 Cancelled, 01 Cancelled, 02 WaitingOnDependency, 03 Cancelled")
		runs, _, err := y.engine.Query(engine.Query{Factory: "F"})
		if err != nil || len(runs) != 1 {
			t.Errorf("%d runs, %v; want that of the first window", len(runs), err)
		}
		y.stop()
	})
}

// Between two attempts a window is cancelled without a run.
func TestWindowCancelBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openWindows(t, newBook(), windows(t, "W", `,"endTime":"2000-01-01T01:00:00Z","retryPolicy":{"count":1,"intervalInSeconds":600}`, "Fails"))
		time.Sleep(hour + time.Minute)
		run, err := y.firings.Cancel(t.Context(), "F", "W", y.of("W", 0).ID)
		if err != nil || run != "" {
			t.Fatalf("run %s, %v", run, err)
		}
		time.Sleep(hour)
		y.want("cancelled", "W", "00 Cancelled")
		if n := len(y.of("W", 0).Pipelines); n != 1 {
			t.Errorf("%d attempts, want one", n)
		}
		y.stop()
	})
}

// What can't be rerun or cancelled says why.
func TestWindowRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openWindows(t, newBook(), windows(t, "W", "", "Hours"))
		time.Sleep(hour + time.Minute)
		rerun := func(id, want string) {
			t.Helper()
			if _, err := y.firings.Rerun(t.Context(), "F", "W", id); !errors.Is(err, trigger.ErrRefused) || !strings.Contains(err.Error(), want) {
				t.Errorf("rerun: %v, want %q", err, want)
			}
		}
		first := y.of("W", 0).ID
		rerun(first, "is Running")
		for _, err := range []error{
			func() error { _, err := y.firings.Rerun(t.Context(), "F", "W", "1"); return err }(),
			func() error { _, err := y.firings.Cancel(t.Context(), "F", "W", "1"); return err }(),
			func() error { _, err := y.firings.Cancel(t.Context(), "F", "Other", first); return err }(),
		} {
			if !errors.Is(err, trigger.ErrRunNotFound) {
				t.Errorf("one that is not there: %v", err)
			}
		}
		time.Sleep(3 * hour)
		if _, err := y.firings.Cancel(t.Context(), "F", "W", first); !errors.Is(err, trigger.ErrRefused) || !strings.Contains(err.Error(), "has ended: it is Succeeded") {
			t.Errorf("cancel: %v", err)
		}
		again := y.rerun("W", first)
		rerun(first, "has another trigger run, "+again)
		y.hosts["W"].Stop()
		rerun(first, "trigger 'W' is not started")
		// A trigger of the name with other windows.
		u := &commit.Unit{}
		y.firings.Forget(u, "F", "W")
		y.book.Submit(u)
		y.book.Sync(u)
		y.factory.PutTrigger(windows(t, "W", `,"startTime":"2000-01-01T00:30:00Z"`, "Quick"))
		y.start("W")
		rerun(first, "none of those that trigger 'W' has made since it was created")
		y.stop()
	})
}

// A window whose pipeline runs a pipeline that shares its slots fails by name: it does not wait
// for ever.
func TestWindowSharesSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := openWindows(t, newBook(), windows(t, "W", `,"endTime":"2000-01-01T02:00:00Z"`, "Deep"))
		time.Sleep(3 * hour)
		y.want("both", "W", "00 Failed, 01 Failed")
		if m := y.of("W", 0).Message; !strings.Contains(m, "Deep") || !strings.Contains(m, "its concurrency is 1") {
			t.Errorf("message %q", m)
		}
		y.stop()
	})
}

// However many units are on the disk when the process is killed, the next one has each window run
// once, and ends the same.
func TestWindowCrash(t *testing.T) {
	for what, x := range map[string][]func(t *testing.T) *pipeline.Trigger{
		"windows at once": {func(t *testing.T) *pipeline.Trigger {
			return windows(t, "W", `,"endTime":"2000-01-01T05:00:00Z"`, "Hours")
		}},
		"windows that wait": {
			func(t *testing.T) *pipeline.Trigger {
				return windows(t, "Up", `,"endTime":"2000-01-01T04:00:00Z"`+selfDepends, "Hours")
			},
			func(t *testing.T) *pipeline.Trigger {
				return windows(t, "W", `,"endTime":"2000-01-01T05:00:00Z","dependsOn":[{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"Up","type":"TriggerReference"}}]`, "Quick")
			}},
	} {
		var triggers []*pipeline.Trigger
		for _, f := range x {
			triggers = append(triggers, f(t))
		}
		const all = "00 Succeeded, 01 Succeeded, 02 Succeeded, 03 Succeeded, 04 Succeeded"
		b := newBook()
		synctest.Test(t, func(t *testing.T) {
			y := openWindows(t, b, triggers...)
			time.Sleep(24 * hour)
			y.want(what, "W", all)
			y.stop()
		})
		if n := b.Units(); n < 20 {
			t.Fatalf("%s: %d units: too few to tell anything", what, n)
		}
		for n := range b.Units() + 1 {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(24 * hour)
				y := openWindows(t, b.after(n), triggers...)
				time.Sleep(24 * hour)
				y.want(fmt.Sprintf("%s, killed after %d units", what, n), "W", all)
				y.wantOneRunEach(n)
				y.stop()
			})
		}
	}
}

// wantOneRunEach checks that each trigger run has one pipeline run, and no run has none.
func (y *windowYard) wantOneRunEach(n int) {
	y.t.Helper()
	of := map[string]string{}
	list, _, err := y.firings.Query(trigger.Query{Factory: "f"})
	if err != nil {
		y.t.Fatal(err)
	}
	for _, r := range list {
		if len(r.Pipelines) != 1 || r.Window.Attempt != 1 {
			y.t.Errorf("killed after %d units: the window of %s at %s has the runs %v", n, r.Trigger, r.Window.Start, r.Pipelines)
			continue
		}
		of[r.Pipelines[0].Run] = r.ID
	}
	runs, _, err := y.engine.Query(engine.Query{Factory: "F"})
	if err != nil {
		y.t.Fatal(err)
	}
	for _, r := range runs {
		if of[r.RunID] == "" || of[r.RunID] != r.InvokedBy.ID {
			y.t.Errorf("killed after %d units: run %s is invoked by %s; its trigger run is %q", n, r.RunID, r.InvokedBy.ID, of[r.RunID])
		}
		delete(of, r.RunID)
	}
	if len(of) > 0 {
		y.t.Errorf("killed after %d units: trigger runs name pipeline runs that are not there: %v", n, of)
	}
}

// Retries are neither lost nor doubled by a kill.
func TestWindowRetriesCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := windows(t, "W", `,"endTime":"2000-01-01T01:00:00Z","retryPolicy":{"count":2,"intervalInSeconds":600}`, "Fails")
		b := newBook()
		y := openWindows(t, b, x)
		time.Sleep(2 * hour)
		y.stop()
		for n := range b.Units() + 1 {
			y := openWindows(t, b.after(n), x)
			time.Sleep(2 * hour)
			y.want(fmt.Sprintf("killed after %d units", n), "W", "00 Failed")
			if r := y.of("W", 0); len(r.Pipelines) != 3 {
				t.Errorf("killed after %d units: %d runs, want 3", n, len(r.Pipelines))
			}
			y.stop()
		}
	})
}

// A failed window stays rerunnable while others may wait for it, whatever retention says; one
// that nothing depends on goes, and still counts as one that has not succeeded.
func TestWindowRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keep := engine.Retention{Age: 24 * hour}
		b := newBook()
		y := openWindowsFor(t, b, keep, windows(t, "Up", `,"endTime":"2000-01-01T03:00:00Z"`, "FailsAtTwo"),
			windows(t, "Alone", `,"endTime":"2000-01-01T03:00:00Z"`, "FailsAtTwo"),
			windows(t, "Down", `,"endTime":"2000-01-01T03:00:00Z"`+strings.Replace(otherDepends, "-01:00:00", "00:00:00", 1), "Quick"))
		go y.firings.Sweep(t.Context())
		time.Sleep(6 * 24 * hour)
		y.want("succeeded ones are gone", "Up", "02 Failed")
		y.want("nothing waits for it", "Alone", "")
		y.want("what waits stays", "Down", "01 WaitingOnDependency, 02 WaitingOnDependency")
		y.mend("Up")
		y.rerun("Up", y.of("Up", 2).ID)
		y.want("rerun", "Up", "02 Failed, 02 Succeeded")
		y.want("goes on", "Down", "01 Succeeded, 02 Succeeded")
		if got := b.keys("datafactory/w/"); len(got) != 1 || !strings.Contains(got[0], "alone/20000101T02") {
			t.Errorf("not succeeded: %v, want the one of Alone", got)
		}
		y.stop()
	})
}

// A trigger that is deleted leaves nothing that waits; how its runs end is shown all the same, and
// another of its name begins anew.
func TestWindowsForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(4*hour + time.Minute)
		b := newBook()
		y := openWindows(t, b, windows(t, "W", "", "Hours"))
		synctest.Wait()
		y.hosts["W"].Stop()
		u := &commit.Unit{}
		y.firings.Forget(u, "F", "W")
		b.Submit(u)
		b.Sync(u)
		y.want("deleted", "W", "00 Running, 01 Running, 02 Cancelled, 03 Cancelled")
		time.Sleep(3 * hour)
		y.want("ended", "W", "00 Succeeded, 01 Succeeded, 02 Cancelled, 03 Cancelled")
		if got := slices.Concat(b.keys("datafactory/w/"), b.keys("datafactory/s/")); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
		y.factory.PutTrigger(windows(t, "W", `,"endTime":"2000-01-01T01:00:00Z"`, "Quick"))
		y.start("W")
		y.want("created again", "W", "00 Succeeded, 00 Succeeded, 01 Succeeded, 02 Cancelled, 03 Cancelled")
		y.stop()
	})
}

// How a run that is gone has ended is not known: its window has failed, and says so. Nothing else
// stands still.
func TestWindowOfARunThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		y := openWindows(t, b, windows(t, "W", `,"endTime":"2000-01-01T02:00:00Z"`, "Hours"))
		time.Sleep(hour + time.Minute)
		r := y.of("W", 0)
		y.stop()
		u := &commit.Unit{}
		b.DeleteRun(u, r.Pipelines[0].Run)
		b.Submit(u)
		b.Sync(u)
		y = openWindows(t, b, windows(t, "W", `,"endTime":"2000-01-01T02:00:00Z"`, "Hours"))
		time.Sleep(8 * hour)
		y.want("the next process", "W", "00 Failed, 01 Succeeded")
		if m := y.of("W", 0).Message; !strings.Contains(m, "no longer in the history") {
			t.Errorf("message %q", m)
		}
		y.stop()
	})
}

// Records that can't be read: no window runs twice, and none counts as succeeded that has not.
func TestWindowDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		x := windows(t, "W", selfDepends, "FailsAtTwo")
		y := openWindows(t, b, x)
		time.Sleep(4*hour + time.Minute)
		y.want("at first", "W", "00 Succeeded, 01 Succeeded, 02 Failed, 03 WaitingOnDependency")
		failed := y.of("W", 2).ID
		y.stop()
		for _, key := range slices.Concat(b.keys("datafactory/w/"), b.keys("datafactory/s/")) {
			b.m[key] = []byte("damaged")
		}
		y = openWindows(t, b, x)
		time.Sleep(hour)
		y.want("damaged", "W", "00 Succeeded, 01 Succeeded, 02 Failed, 03 WaitingOnDependency, 04 WaitingOnDependency")
		y.mend("W")
		y.rerun("W", failed)
		y.want("rerun", "W", "00 Succeeded, 01 Succeeded, 02 Failed, 02 Succeeded, 03 Succeeded, 04 Succeeded")
		y.stop()
	})
}

// A window whose trigger run can't be read counts as failed, and is rerun by its id.
func TestWindowRunDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		x := windows(t, "W", `,"endTime":"2000-01-01T01:00:00Z"`, "Hours")
		y := openWindows(t, b, x)
		time.Sleep(hour + time.Minute)
		r := y.of("W", 0)
		y.stop()
		for _, key := range b.keys("datafactory/r/") {
			b.m[key] = []byte("damaged")
		}
		y = openWindows(t, b, x)
		time.Sleep(9 * hour)
		list, _, err := y.firings.Query(trigger.Query{Factory: "F"})
		if err != nil || len(list) != 1 || list[0].ID != r.ID || list[0].Status != trigger.Failed {
			t.Fatalf("trigger runs %v, %v", list, err)
		}
		again := y.rerun("W", r.ID)
		time.Sleep(3 * hour)
		if got := y.of("W", 0); got.ID != again || got.Status != trigger.Succeeded || !got.Window.End.Equal(r.Window.End) {
			t.Errorf("rerun: %+v", got)
		}
		y.stop()
	})
}

func TestTumblingWindowRefuses(t *testing.T) {
	f := &pipeline.Factory{Name: "F"}
	for _, c := range []struct{ more, message string }{
		{`,"endTime":"1999-01-01T00:00:00Z"`, "endTime"},
		{`,"interval":0`, "interval"},
		{`,"dependsOn":[{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"Nowhere","type":"TriggerReference"}}]`, `trigger "Nowhere" does not exist`},
		{`,"dependsOn":[{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"w","type":"TriggerReference"}}]`, "a circle of dependencies"},
	} {
		x := windows(t, "W", c.more, "Quick")
		f.PutTrigger(x)
		_, err := trigger.NewTumblingWindow(trigger.WindowOptions{Factory: f, Trigger: x})
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v, want %q", c.more, err, c.message)
		}
	}
	x := windows(t, "W", "", "Quick")
	x.Pipelines = append(x.Pipelines, x.Pipelines[0])
	if _, err := trigger.NewTumblingWindow(trigger.WindowOptions{Factory: f, Trigger: x}); err == nil || !strings.Contains(err.Error(), "names 2 pipelines") {
		t.Errorf("two pipelines: %v", err)
	}
}
