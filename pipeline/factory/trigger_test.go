package factory

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/value"
)

func (w *world) runtimeStateOf(name string) string {
	w.t.Helper()
	d, err := w.Definition(theID, Triggers, name)
	if err != nil {
		w.t.Fatal(err)
	}
	state := Member(d.Properties, "runtimeState")
	if d.Started != (string(state) == `"Started"`) {
		w.t.Errorf("trigger %s: started is %t and runtimeState %s", name, d.Started, state)
	}
	return strings.Trim(string(state), `"`)
}

func (w *world) wantTrigger(what, state string, runs bool) {
	w.t.Helper()
	if got := w.runtimeStateOf("T"); got != state {
		w.t.Errorf("%s: runtimeState is %s, want %s", what, got, state)
	}
	if got := slices.Contains(w.starter.names(), "contoso/T"); got != runs {
		w.t.Errorf("%s: the trigger runs: %t, want %t", what, got, runs)
	}
}

// TestRuntimeState follows one trigger through [ADF-REST 6] and [ARM 7.2]:
// Stopped after the first put, kept over puts, neither changed nor deleted
// while it is started.
func TestRuntimeState(t *testing.T) {
	w := open(t, newRecords()).triggered()
	w.put(Triggers, "T", triggerText)
	w.wantTrigger("first put", "Stopped", false)
	start := func() {
		t.Helper()
		if err := w.StartTrigger(t.Context(), theID, "t"); err != nil {
			t.Fatal(err)
		}
	}
	stop := func() {
		t.Helper()
		if err := w.StopTrigger(t.Context(), theID, "T"); err != nil {
			t.Fatal(err)
		}
	}
	start()
	start()
	w.wantTrigger("started twice", "Started", true)
	if w.starter.starts != 1 {
		t.Errorf("%d starts, want 1", w.starter.starts)
	}
	_, err := w.Put(t.Context(), theID, Triggers, "T", Document{Text: []byte(triggerText)}, nil)
	wantKind(t, "put while started", err, ErrTriggerStarted)
	_, err = w.Delete(t.Context(), theID, Triggers, "T", nil)
	wantKind(t, "delete while started", err, ErrTriggerStarted)
	w.wantTrigger("after what was refused", "Started", true)

	// A definition that changes reaches the next run.
	w.put(Pipelines, "P", `{"activities":[],"description":"new"}`)
	if f := w.starter.of("contoso/T"); f.Pipeline("P").Description != "new" {
		t.Errorf("the trigger runs with the pipeline %q, want the new one", f.Pipeline("P").Description)
	}
	w.Close()
	if len(w.starter.names()) != 0 {
		t.Errorf("after Close these run: %v", w.starter.names())
	}
	w = open(t, w.records)
	w.wantTrigger("after a restart", "Started", true)

	stop()
	stop()
	w.wantTrigger("stopped", "Stopped", false)
	w.put(Triggers, "T", triggerText)
	w.wantTrigger("put again", "Stopped", false)
	if existed, err := w.Delete(t.Context(), theID, Triggers, "T", nil); err != nil || !existed {
		t.Errorf("delete: got %t, %v", existed, err)
	}
}

// TestStartedByPut is our extension: a ServiceBusTrigger that says so is started,
// and changed while it runs. Of other types the member is read-only.
func TestStartedByPut(t *testing.T) {
	w := open(t, newRecords()).triggered()
	if d := w.put(Triggers, "T", startedText); !d.Started {
		t.Errorf("put: got %s, want it started", d.Properties)
	}
	w.wantTrigger("put", "Started", true)
	w.put(Triggers, "T", strings.Replace(startedText, `"in"`, `"other"`, 1))
	w.wantTrigger("put again", "Started", true)
	if f := w.starter.of("contoso/T"); f.Trigger("T").ServiceBus.QueueName != "other" {
		t.Errorf("the trigger takes from %s, want other", f.Trigger("T").ServiceBus.QueueName)
	}
	// What a definition has started, a definition stops, and a deletion too.
	_, err := w.Put(t.Context(), theID, Triggers, "T", Document{Text: []byte(triggerText)}, nil)
	wantKind(t, "put without a state", err, ErrTriggerStarted)
	w.put(Triggers, "T", strings.Replace(startedText, `"Started"`, `"Stopped"`, 1))
	w.wantTrigger("put as stopped", "Stopped", false)
	w.put(Triggers, "T", startedText)
	if existed, err := w.Delete(t.Context(), theID, Triggers, "T", nil); err != nil || !existed {
		t.Errorf("delete of a trigger that its definition started: got %t, %v", existed, err)
	}
	if running := w.starter.names(); len(running) != 0 {
		t.Errorf("after the deletion these run: %v", running)
	}
	w.put(Triggers, "T", startedText)
	schedule := `{"type":"ScheduleTrigger","runtimeState":"Started","typeProperties":{"recurrence":{"frequency":"Hour","interval":1}}}`
	w.put(Triggers, "Hourly", schedule)
	if got := w.runtimeStateOf("Hourly"); got != "Stopped" {
		t.Errorf("a schedule trigger that says it is started: got %s, want Stopped", got)
	}
}

// TestStoppedBeforeDurable: when it is durable that a trigger is stopped or gone, it does not
// fire any more. What it fired for afterwards would be written behind its end.
func TestStoppedBeforeDurable(t *testing.T) {
	for what, act := range map[string]func(w *world) error{
		"stop": func(w *world) error { return w.StopTrigger(t.Context(), theID, "T") },
		"delete": func(w *world) error {
			_, err := w.Delete(t.Context(), theID, Triggers, "T", nil)
			return err
		},
		"delete of the factory": func(w *world) error {
			_, err := w.DeleteFactory(t.Context(), theID, nil)
			return err
		},
	} {
		w := open(t, newRecords()).triggered()
		w.put(Triggers, "T", startedText)
		w.wantTrigger("put", "Started", true)
		submits := 0
		w.records.submits = func(*commit.Unit) {
			if submits++; len(w.starter.names()) > 0 {
				t.Errorf("%s: the trigger still runs when unit %d is submitted", what, submits)
			}
		}
		if err := act(w); err != nil || submits == 0 {
			t.Errorf("%s: %v with %d units", what, err, submits)
		}
		w.Close()
	}
}

func scheduleText(recurrence, pipelines string) string {
	return `{"type":"ScheduleTrigger","typeProperties":{"recurrence":` + recurrence + `},"pipelines":[` + pipelines + `]}`
}

const (
	hourly = `{"frequency":"Hour","startTime":"2020-01-01T00:00:00Z"}`
	starts = `{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}`
)

// TestStartSchedule: a schedule trigger counts from its start, also after a restart, and a
// folder that says Started starts it.
func TestStartSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, newRecords()).triggered()
		forgotten := ""
		w.o.Forget = func(_ *commit.Unit, factory, trigger string) { forgotten += factory + "/" + trigger + " " }
		since := func(name string) time.Time {
			t.Helper()
			f, err := w.Factory("contoso")
			if err != nil {
				t.Fatal(err)
			}
			return f.Trigger(name).StartedAt
		}
		w.put(Triggers, "T", scheduleText(hourly, starts+","+starts))
		if at := since("T"); !at.IsZero() {
			t.Errorf("a stopped trigger is started since %s", at)
		}
		time.Sleep(time.Hour)
		if err := w.StartTrigger(t.Context(), theID, "T"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		w.wantTrigger("started", "Started", true)
		time.Sleep(time.Hour)
		if err := w.StartTrigger(t.Context(), theID, "T"); err != nil { // it is started already
			t.Fatal(err)
		}
		w.put(Pipelines, "P", `{"activities":[],"description":"new"}`)
		_, err := w.Put(t.Context(), theID, Triggers, "T", Document{Text: []byte(scheduleText(hourly, starts))}, nil)
		wantKind(t, "put while started", err, ErrTriggerStarted)
		_, err = w.Delete(t.Context(), theID, Pipelines, "P", nil)
		wantKind(t, "delete of its pipeline", err, ErrReferenced)
		w.Close()
		w = open(t, w.records)
		w.wantTrigger("after a restart", "Started", true)
		if at := since("T"); !at.Equal(began) {
			t.Errorf("after a restart it is started since %s, want %s", at, began)
		}
		w.o.Forget = func(_ *commit.Unit, factory, trigger string) { forgotten += factory + "/" + trigger + " " }
		if err := w.StopTrigger(t.Context(), theID, "T"); err != nil {
			t.Fatal(err)
		}
		if at := since("T"); !at.IsZero() {
			t.Errorf("stopped, it is started since %s", at)
		}
		if _, err := w.Delete(t.Context(), theID, Triggers, "T", nil); err != nil || forgotten != "contoso/T " {
			t.Errorf("delete: %v, forgotten %q", err, forgotten)
		}
		w.Close()
	})
}

// TestStartScheduleRefused is what Data Factory checks when a schedule trigger is started, and
// not before [ENGINE 6].
func TestStartScheduleRefused(t *testing.T) {
	const rules = "ErrorCode=InvalidWorkflowTriggerRecurrenceSchedule, ErrorMessage="
	for _, c := range []struct{ recurrence, pipelines, message string }{
		{hourly, "", "Missing or invalid pipeline references for trigger T"},
		{`{"frequency":"Minute","startTime":"2020-01-01T00:00:00Z","schedule":{"minutes":[0]}}`, starts,
			rules + "The recurrence schedule of trigger has an invalid recurrence frequency 'Minute'"},
		{`{"frequency":"Month","startTime":"2020-01-01T00:00:00Z","schedule":{"weekDays":[]}}`, starts,
			rules + "The recurrence schedule of trigger could not have 'WeekDays' for recurrence frequency 'Month'"},
		{`{"frequency":"Hour","startTime":"2020-01-01T00:00:00"}`, starts, "has no Z at the end"},
		{`{"frequency":"Hour","startTime":"2020-01-01T00:00:00","timeZone":"Middle Earth"}`, starts, "Middle Earth"},
		{`{"frequency":"Hour"}`, starts, rules + "$.properties.typeProperties.recurrence.startTime is missing"},
		{`{"frequency":"Year","startTime":"2020-01-01T00:00:00Z"}`, starts, "Year"},
		{`{"frequency":"Hour","startTime":"2020-01-01T00:00:00Z","endTime":"2020-01-02T00:00:00Z"}`, starts,
			"Trigger 'T' can't be started: its endTime 2020-01-02T00:00:00Z is in the past."},
	} {
		w := open(t, newRecords()).triggered()
		w.put(Triggers, "T", scheduleText(c.recurrence, c.pipelines))
		err := w.StartTrigger(t.Context(), theID, "T")
		wantKind(t, c.recurrence, err, ErrInvalid)
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: got %v, want %q in it", c.recurrence, err, c.message)
		}
		w.wantTrigger(c.recurrence, "Stopped", false)
	}
}

// TestDeployStartedSchedule: what a folder says is Started is, and counts from the deployment.
func TestDeployStartedSchedule(t *testing.T) {
	w := open(t, newRecords())
	f := &pipeline.Factory{Name: "contoso", GlobalParameters: &value.Object{}, Raw: &value.Object{}}
	p, ds := pipeline.ParsePipeline("P.json", []byte(`{"name":"P","properties":{"activities":[]}}`))
	if ds.Err() != nil {
		t.Fatal(ds)
	}
	f.PutPipeline(p)
	for name, text := range map[string]string{"T": scheduleText(hourly, starts), "W": windowText(""), "B": `{"type":"BlobEventsTrigger"}`} {
		text = strings.Replace(text, "{", `{"runtimeState":"Started",`, 1)
		tr, ds := pipeline.ParseTrigger(name+".json", []byte(`{"name":"`+name+`","properties":`+text+`}`))
		if ds.Err() != nil {
			t.Fatal(ds)
		}
		f.PutTrigger(tr)
	}
	before := time.Now()
	if err := w.Deploy(t.Context(), theID, "westeurope", f); err != nil {
		t.Fatal(err)
	}
	w.wantTrigger("deployed", "Started", true)
	if got := w.runtimeStateOf("W"); got != "Started" {
		t.Errorf("a tumbling-window trigger is %s", got)
	}
	if got := w.runtimeStateOf("B"); got != "Stopped" {
		t.Errorf("an event trigger is %s", got)
	}
	wantKind(t, "start of an event trigger", w.StartTrigger(t.Context(), theID, "B"), ErrNotSupported)
	if f := w.starter.of("contoso/T"); f.Trigger("T").StartedAt.Before(before.Add(-time.Second)) {
		t.Errorf("it is started since %s", f.Trigger("T").StartedAt)
	}
}

// windowText is a tumbling-window trigger of hours since 2020, with more in its typeProperties.
func windowText(more string) string {
	return `{"type":"TumblingWindowTrigger","typeProperties":{"maxConcurrency":1,` + cmp.Or(more, hours) + `},"pipeline":` + starts + `}`
}

const hours = `"frequency":"Hour","interval":1,"startTime":"2020-01-01T00:00:00Z"`

// TestStartWindowsRefused is what is checked when a tumbling-window trigger is started. It is put
// all the same.
func TestStartWindowsRefused(t *testing.T) {
	self := `,"dependsOn":[{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"T","type":"TriggerReference"}}]`
	for _, c := range []struct{ text, message string }{
		{windowText(hours + `,"endTime":"2019-01-01T00:00:00Z"`), "endTime 2019-01-01T00:00:00Z is not after startTime 2020-01-01T00:00:00Z"},
		{windowText(`"frequency":"Week","interval":1,"startTime":"2020-01-01T00:00:00Z"`), `"Week" is none of Minute, Hour, Month`},
		{windowText(`"frequency":"Minute","interval":4,"startTime":"2020-01-01T00:00:00Z"`), "want at least 5 minutes"},
		{windowText(hours + self), "a circle of dependencies"},
		{strings.Replace(windowText(""), starts, "null", 1), "Missing or invalid pipeline references for trigger T"},
		{strings.Replace(windowText(""), `"pipeline":`+starts, `"pipelines":[`+starts+","+starts+`]`, 1), "names 2 pipelines"},
	} {
		w := open(t, newRecords()).triggered()
		if strings.Contains(c.text, self) {
			w.put(Triggers, "T", windowText(""))
		}
		w.put(Triggers, "T", c.text)
		err := w.StartTrigger(t.Context(), theID, "T")
		wantKind(t, c.text, err, ErrInvalid)
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: got %v, want %q in it", c.text, err, c.message)
		}
		w.wantTrigger(c.text, "Stopped", false)
	}
}

// TestWindowsStay: what says which windows a trigger has can't change, by a PUT or a folder; what
// can, can. A trigger of another type in its place has none.
func TestWindowsStay(t *testing.T) {
	w := open(t, newRecords()).triggered()
	forgotten := ""
	w.o.Forget = func(_ *commit.Unit, factory, trigger string) { forgotten += factory + "/" + trigger + " " }
	w.put(Triggers, "T", windowText(`"frequency":"Hour","interval":1,"startTime":"soon"`))
	w.put(Triggers, "T", windowText(""))
	if err := w.StartTrigger(t.Context(), theID, "T"); err != nil {
		t.Fatal(err)
	}
	w.wantTrigger("start", "Started", true)
	if err := w.StopTrigger(t.Context(), theID, "T"); err != nil {
		t.Fatal(err)
	}
	for text, kind := range map[string]error{
		`"frequency":"Hour","interval":2,"startTime":"2020-01-01T00:00:00Z"`:   ErrWindowFrequency,
		`"frequency":"Minute","interval":1,"startTime":"2020-01-01T00:00:00Z"`: ErrWindowFrequency,
		`"frequency":"Hour","interval":1,"startTime":"2020-01-01T00:00:01Z"`:   ErrWindowStart,
		`"frequency":"Hour","interval":1`:                                      ErrWindowStart,
	} {
		_, err := w.Put(t.Context(), theID, Triggers, "T", Document{Text: []byte(windowText(text))}, nil)
		wantKind(t, text, err, kind)
	}
	w.put(Triggers, "T", windowText(hours+`,"endTime":"2021-01-01T00:00:00Z","delay":"01:00:00"`))
	w.put(Triggers, "T", windowText(`"frequency":"hour","interval":"1","startTime":"2020-01-01T01:00:00+01:00"`))
	f := &pipeline.Factory{Name: "contoso", GlobalParameters: &value.Object{}, Raw: &value.Object{}}
	tr, ds := pipeline.ParseTrigger("T.json", []byte(`{"name":"T","properties":`+windowText(`"frequency":"Hour","interval":1,"startTime":"2026-01-01T00:00:00Z"`)+`}`))
	if ds.Err() != nil {
		t.Fatal(ds)
	}
	f.PutTrigger(tr)
	wantKind(t, "a folder", w.Deploy(t.Context(), theID, "westeurope", f), ErrWindowStart)
	if forgotten != "" {
		t.Errorf("forgotten: %s", forgotten)
	}
	w.put(Triggers, "T", scheduleText(hourly, starts))
	if forgotten != "contoso/T " {
		t.Errorf("with another type: forgotten %q", forgotten)
	}
}

// TestStartFails: a trigger that can't be started stays stopped, and a put that
// would start it changes nothing.
func TestStartFails(t *testing.T) {
	w := open(t, newRecords()).triggered()
	w.put(Triggers, "T", triggerText)
	w.starter.fail = errors.New("queue in is not there")
	err := w.StartTrigger(t.Context(), theID, "T")
	wantKind(t, "start", err, ErrTriggerNotStarted)
	if err == nil || !strings.Contains(err.Error(), "queue in is not there") {
		t.Errorf("start: got %v, want the reason in it", err)
	}
	w.wantTrigger("after the failure", "Stopped", false)
	_, err = w.Put(t.Context(), theID, Triggers, "New", Document{Text: []byte(startedText)}, nil)
	wantKind(t, "put of a new one", err, ErrTriggerNotStarted)
	_, err = w.Definition(theID, Triggers, "New")
	wantKind(t, "the new one", err, ErrNotFound)
	_, err = open(t, w.records.after(len(w.records.units))).Definition(theID, Triggers, "New")
	wantKind(t, "the new one after a restart", err, ErrNotFound)
}

// TestStartedTriggerIsTriedAgain: what should run at the start and can't, runs
// when it can.
func TestStartedTriggerIsTriedAgain(t *testing.T) {
	r := newRecords()
	first := open(t, r).triggered()
	first.put(Triggers, "T", startedText)
	first.Close()
	synctest.Test(t, func(t *testing.T) {
		s := &starter{running: map[string]*pipeline.Factory{}, fail: errors.New("queue in is not there")}
		m, err := New(Options{Store: r, Log: r, Clock: clock.Wall{}, Sealer: turning{}, Starter: s})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "queue in is not there") {
			t.Errorf("start: got %v, want the trigger's error", err)
		}
		time.Sleep(3 * retryInterval / 2)
		synctest.Wait()
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		time.Sleep(2 * retryInterval)
		synctest.Wait()
		if got := s.names(); len(got) != 1 {
			t.Errorf("running: %v, want the trigger", got)
		}
		m.Close()
	})
}

// TestWithoutStarter: a process without triggers says so.
func TestWithoutStarter(t *testing.T) {
	r := newRecords()
	open(t, r).triggered().put(Triggers, "T", triggerText)
	m, err := New(Options{Store: r, Log: r, Clock: clock.Wall{}, Sealer: turning{}})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, "start", m.StartTrigger(t.Context(), theID, "T"), ErrNotSupported)
}
