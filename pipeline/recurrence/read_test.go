package recurrence

import (
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/pipeline"
)

// wantLines compares diagnostics as "path: message", sorted.
func wantLines(t *testing.T, what string, ds pipeline.Diagnostics, want ...string) {
	t.Helper()
	var got []string
	for _, d := range ds {
		got = append(got, d.Path+": "+d.Message)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestScheduleMistakes: each mistake has its path and says what to do.
func TestScheduleMistakes(t *testing.T) {
	const at = "$.properties.typeProperties.recurrence"
	const utc = `"startTime":"2026-01-01T00:00:00Z"`
	for _, c := range []struct {
		recurrence string
		warning    bool
		want       string
	}{
		{`{}`, false, `.frequency: is missing|.startTime: is missing`},
		{`{"frequency":7,"interval":0,"startTime":7,"timeZone":7}`, false, `.frequency: is an integer, want text|` +
			`.interval: is 0, want an integer from 1 to 1000|.startTime: is 7, want a time such as 2026-03-01T08:00:00Z|.timeZone: is an integer, want text`},
		{`{"frequency":"Year","interval":1001,` + utc + `}`, false, `.frequency: "Year" is none of Minute, Hour, Day, Week, Month; ` +
			`a year is the frequency Month with the interval 12|.interval: is 1001, want an integer from 1 to 1000`},
		{`{"frequency":"Day","startTime":"2026-02-30T00:00:00Z"}`, false, `.startTime: is "2026-02-30T00:00:00Z", want a time such as 2026-03-01T08:00:00Z`},
		{`{"frequency":"Day","startTime":"2026-01-01"}`, false, `.startTime: is "2026-01-01", want a time such as 2026-03-01T08:00:00Z`},
		{`{"frequency":"Day","startTime":"2026-01-01T08:00"}`, false, `.startTime: "2026-01-01T08:00" has no Z at the end, without which Data Factory ` +
			`does not start a trigger whose time zone is UTC; write 2026-01-01T08:00Z`},
		{`{"frequency":"Day",` + utc + `,"endTime":"2026-01-02T00:00:00","timeZone":"utc"}`, false, `.endTime: "2026-01-02T00:00:00" has no Z at the end, ` +
			`without which Data Factory does not start a trigger whose time zone is UTC; write 2026-01-02T00:00:00Z`},
		{`{"frequency":"Day",` + utc + `,"endTime":"2025-01-02T00:00:00+01:00"}`, false, `.endTime: 2025-01-02T00:00:00+01:00 is before startTime 2026-01-01T00:00:00Z`},
		{`{"frequency":"Day","startTime":"2026-01-01T00:00:00","timeZone":"Berlin"}`, false,
			`.timeZone: "Berlin" is no time zone; want the id that Windows has for one, such as "W. Europe Standard Time"`},
		{`{"frequency":"Day",` + utc + `,"timeZone":"Tokyo Standard Time"}`, true, `.timeZone: has no effect, because startTime 2026-01-01T00:00:00Z says its ` +
			`offset itself: all times are UTC, without daylight saving; leave the offset out for times of Tokyo Standard Time`},
		{`{"frequency":"Day",` + utc + `,"count":3,"weekly":1}`, true, `.count: is 3 and has no effect: the trigger fires until endTime|` +
			`.weekly: is not a member of this object, and has no effect; there are frequency, interval, startTime, endTime, timeZone, schedule, count`},
		{`{"frequency":"minute",` + utc + `,"schedule":{"minutes":[1]}}`, false, `.schedule: The recurrence schedule of trigger has an invalid recurrence ` +
			`frequency 'Minute'; schedule belongs to Day, Week and Month`},
		{`{"frequency":"Day",` + utc + `,"schedule":[]}`, false, `.schedule: is an array, want an object`},
		{`{"frequency":"Month",` + utc + `,"schedule":{"weekDays":[]}}`, false, `.schedule.weekDays: The recurrence schedule of trigger could not have ` +
			`'WeekDays' for recurrence frequency 'Month'; weekDays belongs to Week`},
		{`{"frequency":"Week",` + utc + `,"schedule":{"monthDays":1,"monthlyOccurrences":[]}}`, false,
			`.schedule.monthDays: The recurrence schedule of trigger could not have 'MonthDays' for recurrence frequency 'Week'; monthDays belongs to Month|` +
				`.schedule.monthlyOccurrences: The recurrence schedule of trigger could not have 'MonthlyOccurrences' for recurrence frequency 'Week'; ` +
				`monthlyOccurrences belongs to Month`},
		{`{"frequency":"Day",` + utc + `,"schedule":{"minutes":[0,60],"hours":"x","Minute":1}}`, false,
			`.schedule.minutes[1]: is 60, want an integer from 0 to 59|.schedule.hours: is "x", want an integer from 0 to 23|` +
				`.schedule.Minute: is not a member of this object, and has no effect; there are minutes, hours, weekDays, monthDays, monthlyOccurrences`},
		{`{"frequency":"Week",` + utc + `,"schedule":{"weekDays":["Monday","Mon",1]}}`, false,
			`.schedule.weekDays[1]: is "Mon", want a day of the week such as "Monday"|.schedule.weekDays[2]: is 1, want a day of the week such as "Monday"`},
		{`{"frequency":"Week",` + utc + `,"schedule":{"weekDays":["Monday","Monday","Monday","Monday","Monday","Monday","Monday","Monday"]}}`, false,
			`.schedule.weekDays: has 8 elements, want at most 7`},
		{`{"frequency":"Month",` + utc + `,"schedule":{"monthDays":[0,-32],"monthlyOccurrences":[{"day":"x","occurrence":6},{"occurrence":0},{"day":"Friday","on":1}]}}`, false,
			`.schedule.monthDays[0]: is 0, want an integer from -31 to 31 without 0|.schedule.monthDays[1]: is -32, want an integer from -31 to 31 without 0|` +
				`.schedule.monthlyOccurrences[0].day: is "x", want a day of the week such as "Monday"|` +
				`.schedule.monthlyOccurrences[0].occurrence: is 6, want an integer from -5 to 5|.schedule.monthlyOccurrences[1].day: is missing|` +
				`.schedule.monthlyOccurrences[1].occurrence: is 0, want 1 to 5, or -1 to -5 from the month's end; without it, every one counts|` +
				`.schedule.monthlyOccurrences[2].on: is not a member of this object, and has no effect; there are day, occurrence`},
	} {
		s, ds := ReadSchedule(trigger(t, TypeScheduleTrigger, `{"recurrence":`+c.recurrence+`}`))
		if (s != nil) != c.warning || (ds.Err() == nil) != c.warning {
			t.Errorf("%s: schedule %v, error %v", c.recurrence, s, ds.Err())
		}
		var want []string
		for line := range strings.SplitSeq(c.want, "|") {
			want = append(want, at+line)
		}
		wantLines(t, c.recurrence, ds, want...)
	}
	_, ds := ReadSchedule(trigger(t, TypeScheduleTrigger, `{"recurrences":{}}`))
	wantLines(t, "no recurrence", ds, at+": is missing", "$.properties.typeProperties.recurrences: is not a member of this object, and has no "+
		"effect; there are recurrence")
}

// TestWindowMistakes is [TestScheduleMistakes] for tumbling windows.
func TestWindowMistakes(t *testing.T) {
	const at = "$.properties.typeProperties"
	const hourly = `"frequency":"Hour","interval":1,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1`
	const self = `{` + hourly + `,"dependsOn":[{"type":"SelfDependencyTumblingWindowTriggerReference"`
	for _, c := range []struct {
		properties string
		warning    bool
		want       string
	}{
		{`{}`, false, `.frequency: is missing|.interval: is missing|.startTime: is missing|.maxConcurrency: is missing`},
		{`{"frequency":"Day","interval":1,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":51}`, false,
			`.frequency: "Day" is none of Minute, Hour, Month; a day is the frequency Hour with the interval 24|.maxConcurrency: is 51, want an integer from 1 to 50`},
		{`{"frequency":"week","interval":1,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1}`, false,
			`.frequency: "week" is none of Minute, Hour, Month; a week is the frequency Hour with the interval 168`},
		{`{"frequency":"Minute","interval":4,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1}`, false, `.interval: is 4, want at least 5 minutes`},
		{`{` + hourly + `,"endTime":"2026-01-01T00:00:00Z"}`, false, `.endTime: 2026-01-01T00:00:00Z is not after startTime 2026-01-01T00:00:00Z`},
		{`{"frequency":"Hour","interval":1,"startTime":"2026-01-01T00:00:00","endTime":"2026-01-02T00:00:00","maxConcurrency":1}`, true,
			`.startTime: "2026-01-01T00:00:00" has no Z at the end, and is UTC nevertheless: tumbling windows have no time zone|` +
				`.endTime: "2026-01-02T00:00:00" has no Z at the end, and is UTC nevertheless: tumbling windows have no time zone`},
		{`{` + hourly + `,"delay":"-00:10:00","retryPolicy":{"count":-1,"intervalInSeconds":"x","wait":1}}`, false,
			`.delay: is -00:10:00, want 0 or more|.retryPolicy.count: retry is -1, want an integer of 0 or more|` +
				`.retryPolicy.intervalInSeconds: is "x", want an integer from 0 to 2147483647|` +
				`.retryPolicy.wait: is not a member of this object, and has no effect; there are count, intervalInSeconds`},
		{`{` + hourly + `,"delay":600}`, false, `.delay: is 600, want a timespan such as 01:00:00 or -1.00:00:00`},
		{`{` + hourly + `,"delay":"10m","recurrence":{}}`, false, `.delay: is "10m", want a timespan such as 01:00:00 or -1.00:00:00|` +
			`.recurrence: is not a member of this object, and has no effect; there are frequency, interval, startTime, endTime, delay, maxConcurrency, retryPolicy, dependsOn`},
		{`{` + hourly + `,"dependsOn":[{},{"type":"X"},{"type":"TumblingWindowTriggerDependencyReference","size":"00:00:00"},7]}`, false,
			`.dependsOn[0].type: is missing|.dependsOn[1].type: "X" is neither TumblingWindowTriggerDependencyReference nor SelfDependencyTumblingWindowTriggerReference|` +
				`.dependsOn[2].referenceTrigger: is missing|.dependsOn[2].size: is 00:00:00, want more than 0|` +
				`.dependsOn[3]: is an integer, want an object`},
		{`{` + hourly + `,"dependsOn":[{},{},{},{},{},{}]}`, false, `.dependsOn: has 6 elements, want at most 5`},
		{self + `}]}`, false, `.dependsOn[0].offset: is missing`},
		{self + `,"offset":"00:00:00"}]}`, false, `.dependsOn[0].offset: is 00:00:00, want less than 0: a window can depend on earlier ones only`},
		{self + `,"offset":"-00:30:00"}]}`, false, `.dependsOn[0].offset: a window would wait for itself: the size 01:00:00 is more than what the offset -00:30:00 goes back`},
		{self + `,"offset":"-01:00:00","size":"1.00:00:00"}]}`, false,
			`.dependsOn[0].size: a window would wait for itself: the size 1.00:00:00 is more than what the offset -01:00:00 goes back`},
		{`{"frequency":"Month","interval":1,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1,"dependsOn":[{"type":"selfDependencyTumblingWindowTriggerReference","offset":"-7.00:00:00"}]}`,
			false, `.dependsOn[0].offset: a window would wait for itself: the size 28.00:00:00 is more than what the offset -7.00:00:00 goes back`},
	} {
		w, ds := ReadTumblingWindow(trigger(t, TypeTumblingWindowTrigger, c.properties))
		if (w != nil) != c.warning || (ds.Err() == nil) != c.warning {
			t.Errorf("%s: window %v, error %v", c.properties, w, ds.Err())
		}
		var want []string
		for line := range strings.SplitSeq(c.want, "|") {
			want = append(want, at+line)
		}
		wantLines(t, c.properties, ds, want...)
	}
}

// TestWindowProperties: what does not say when a window is ready is read too.
func TestWindowProperties(t *testing.T) {
	w := window(t, `{"frequency":"hour","interval":"24","startTime":"2026-01-01T00:00:00Z","maxConcurrency":"7",
		"retryPolicy":{"count":"@add(1,1)","intervalInSeconds":60},"dependsOn":[
		{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"Other","type":"TriggerReference"},"offset":"1.00:00:00"},
		{"type":"SelfDependencyTumblingWindowTriggerReference","offset":"-1.00:00:00"}]}`)
	if w.Interval != 24 || w.MaxConcurrency != 7 || w.Retry != "@add(1,1)" || w.RetryInterval != time.Minute {
		t.Errorf("got %+v", w)
	}
	if want := []Dependency{{Trigger: "Other", Offset: 24 * time.Hour}, {Offset: -24 * time.Hour}}; !slices.Equal(w.DependsOn, want) {
		t.Errorf("dependsOn: got %+v, want %+v", w.DependsOn, want)
	}
	if w := window(t, `{"frequency":"Hour","interval":1,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1}`); w.RetryInterval != 30*time.Second || w.Retry != nil {
		t.Errorf("without a policy: %v, %v; want 30 s, nil", w.RetryInterval, w.Retry)
	}
}

// TestCheck: what triggers say of each other is warned of, and so is all that is wrong in one.
func TestCheck(t *testing.T) {
	f := &pipeline.Factory{Unread: func(folder, name string) bool { return folder == "trigger" && name == "Broken" }}
	put := func(name, kind, properties string) {
		x, ds := pipeline.ParseTrigger("trigger/"+name+".json", []byte(`{"name":"`+name+`","properties":{"type":"`+kind+`","typeProperties":`+properties+`}}`))
		if ds.Err() != nil {
			t.Fatal(ds)
		}
		f.PutTrigger(x)
	}
	waits := func(name string, others ...string) {
		var list []string
		for _, o := range others {
			list = append(list, `{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"`+o+`","type":"TriggerReference"}}`)
		}
		put(name, TypeTumblingWindowTrigger, `{"frequency":"Hour","interval":1,"startTime":"2026-01-01T00:00:00Z","maxConcurrency":1,"dependsOn":[`+
			strings.Join(list, ",")+`]}`)
	}
	put("Late", TypeScheduleTrigger, `{"recurrence":{"frequency":"Day","startTime":"2026-01-01T00:00:00","timeZone":"Mars"}}`)
	put("Blob", "BlobEventsTrigger", `{}`)
	waits("A", "b", "Nowhere", "Broken", "Blob")
	waits("B", "C")
	waits("C", "A", "D")
	waits("D")
	waits("E", "D", "e")
	ds := Check(f)
	const at = "$.properties.typeProperties.dependsOn[%].referenceTrigger.referenceName: "
	i := func(n string) string { return strings.Replace(at, "%", n, 1) }
	wantLines(t, "triggers", ds,
		`$.properties.typeProperties.recurrence.timeZone: "Mars" is no time zone; want the id that Windows has for one, such as "W. Europe Standard Time"`,
		i("1")+`trigger "Nowhere" does not exist`,
		i("3")+`trigger "Blob" is of type "BlobEventsTrigger", want "TumblingWindowTrigger"`,
		i("0")+"a circle of dependencies, which Data Factory refuses: A, B, C, A",
		i("1")+"a circle of dependencies, which Data Factory refuses: E, E")
	for _, d := range ds {
		if d.Severity != pipeline.SeverityWarning || !strings.HasPrefix(d.File, "trigger/") {
			t.Errorf("%v: want a warning with its file", d)
		}
	}
}

// What would be started and is wrong is an error; what is only said of others is none.
func TestCheckStarted(t *testing.T) {
	x, _ := pipeline.ParseTrigger("trigger/T.json", []byte(`{"name":"T","properties":{"type":"ScheduleTrigger","runtimeState":"Started","typeProperties":{
		"recurrence":{"frequency":"Year","count":3,"startTime":"2026-01-01T00:00:00Z"}},"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}]}}`))
	ds := Check(&pipeline.Factory{Triggers: []*pipeline.Trigger{x}})
	if len(ds) != 2 || len(ds.Errors()) != 1 || !strings.HasPrefix(ds.Errors()[0].Message, `"Year" is none of`) {
		t.Errorf("got %v, want the frequency as an error and the count as a warning", ds)
	}
}

// What a window trigger that would be started says of others is an error, and what it can't do.
func TestCheckStartedWindows(t *testing.T) {
	for text, want := range map[string]string{
		`"maxConcurrency":99`: "maxConcurrency",
		`"maxConcurrency":1,"dependsOn":[{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"Gone","type":"TriggerReference"}}]`: "does not exist",
		`"maxConcurrency":1,"dependsOn":[{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"w","type":"TriggerReference"}}]`:    "circle",
		`"maxConcurrency":1}, "pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}], "x":{"y":1`:                                      "names 2 pipelines",
		`"maxConcurrency":1`: "",
	} {
		for state, errors := range map[string]bool{"Started": true, "Stopped": false} {
			x, ds := pipeline.ParseTrigger("trigger/W.json", []byte(`{"name":"W","properties":{"type":"TumblingWindowTrigger","runtimeState":"`+state+`",
				"pipeline":{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}},
				"typeProperties":{"frequency":"Hour","interval":1,"startTime":"2026-01-01T00:00:00Z",`+text+`}}}`))
			if ds.Err() != nil {
				t.Fatal(ds)
			}
			got := Check(&pipeline.Factory{Triggers: []*pipeline.Trigger{x}}).Errors()
			if !errors || want == "" {
				if len(got) != 0 {
					t.Errorf("%s %s: %v", state, text, got)
				}
			} else if len(got) != 1 || !strings.Contains(got[0].Path+got[0].Message, want) {
				t.Errorf("%s %s: got %v, want one error with %q", state, text, got, want)
			}
		}
	}
}

// Windows after each other: none is left out, whatever the time that is asked for.
func TestNextWindow(t *testing.T) {
	w := window(t, `{"frequency":"Month","interval":1,"startTime":"2026-01-31T10:00:00Z","endTime":"2026-05-01T00:00:00Z","maxConcurrency":1,"delay":"01:00:00"}`)
	var got []string
	for r, ok := w.Next(time.Time{}); ok; r, ok = w.Next(r.End) {
		got = append(got, r.Start.Format("01-02")+"/"+r.At.Format("01-02T15"))
		if !w.Has(r.Window) || w.Has(Window{r.Start, r.End.Add(1)}) || w.Has(Window{r.Start.Add(1), r.End}) {
			t.Errorf("has %v", r)
		}
	}
	if want := []string{"01-31/02-28T11", "02-28/03-31T11", "03-31/04-30T11"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if r, ok := w.Next(w.Start.Add(1)); !ok || r.Start.Month() != time.February {
		t.Errorf("behind the start: %v %t", r, ok)
	}
}

// A started trigger that names no pipeline would fire for nothing.
func TestCheckStartedWithoutPipelines(t *testing.T) {
	for state, want := range map[string]int{"Started": 1, "Stopped": 0} {
		x, _ := pipeline.ParseTrigger("trigger/T.json", []byte(`{"name":"T","properties":{"type":"ScheduleTrigger","runtimeState":"`+state+`","typeProperties":{
			"recurrence":{"frequency":"Day","startTime":"2026-01-01T00:00:00Z"}},"pipelines":[]}}`))
		ds := Check(&pipeline.Factory{Triggers: []*pipeline.Trigger{x}}).Errors()
		if len(ds) != want || want == 1 && (ds[0].Path != "$.properties.pipelines" || ds[0].Message != "Missing or invalid pipeline references for trigger T") {
			t.Errorf("%s: got %v, want %d errors", state, ds, want)
		}
	}
}
