package system

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/datafactory/armdatafactory/v9"

	"switchyard/deploy"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/pipeline/trigger"
)

// TestWindowsOverClient: a client puts, starts, queries, reruns and cancels the windows of a
// tumbling-window trigger as in Azure.
func TestWindowsOverClient(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true})
	c := newAzureClient(t, s).secret()
	makeNamespace(t, s, "rg", "window-ns")
	ctx := t.Context()
	f, err := armdatafactory.NewClientFactory(c.subscription, c.token, &arm.ClientOptions{ClientOptions: c.options})
	c.must(err)
	_, err = f.NewFactoriesClient().CreateOrUpdate(ctx, "rg", "windows", armdatafactory.Factory{Location: to.Ptr("westeurope")}, nil)
	c.must(err)
	_, err = f.NewPipelinesClient().CreateOrUpdate(ctx, "rg", "windows", "Load", armdatafactory.PipelineResource{Properties: &armdatafactory.Pipeline{
		Parameters: map[string]*armdatafactory.ParameterSpecification{"from": {Type: to.Ptr(armdatafactory.ParameterTypeString)}, "until": {Type: to.Ptr(armdatafactory.ParameterTypeString)}}}}, nil)
	c.must(err)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	triggers, runs := f.NewTriggersClient(), f.NewTriggerRunsClient()
	put := func(name string, start, end time.Time, depends ...armdatafactory.DependencyReferenceClassification) error {
		_, err := triggers.CreateOrUpdate(ctx, "rg", "windows", name, armdatafactory.TriggerResource{Properties: &armdatafactory.TumblingWindowTrigger{
			Type: to.Ptr("TumblingWindowTrigger"),
			TypeProperties: &armdatafactory.TumblingWindowTriggerTypeProperties{Frequency: to.Ptr(armdatafactory.TumblingWindowFrequencyHour), Interval: to.Ptr[int32](1),
				StartTime: &start, EndTime: &end, MaxConcurrency: to.Ptr[int32](2), DependsOn: depends},
			Pipeline: &armdatafactory.TriggerPipelineReference{
				PipelineReference: &armdatafactory.PipelineReference{ReferenceName: to.Ptr("Load"), Type: to.Ptr(armdatafactory.PipelineReferenceTypePipelineReference)},
				Parameters:        map[string]any{"from": "@trigger().outputs.windowStartTime", "until": "@{formatDateTime(trigger().outputs.windowEndTime,'HH')}"}},
		}}, nil)
		return err
	}
	begin := func(name string) error {
		p, err := triggers.BeginStart(ctx, "rg", "windows", name, nil)
		if err == nil {
			done(c, p, err)
		}
		return err
	}
	c.must(put("Wrong", start, start.Add(-time.Hour)))
	c.wantCode("start of one that ends before it begins", begin("Wrong"), 400, "BadRequest")
	c.must(put("Hourly", start, start.Add(3*time.Hour)))
	c.must(put("After", start, start.Add(5*time.Hour), &armdatafactory.TumblingWindowTriggerDependencyReference{Type: to.Ptr("TumblingWindowTriggerDependencyReference"),
		ReferenceTrigger: &armdatafactory.TriggerReference{ReferenceName: to.Ptr("Wrong"), Type: to.Ptr(armdatafactory.TriggerReferenceTypeTriggerReference)}}))
	c.wantCode("start of one that depends on one that is wrong", begin("After"), 400, "BadRequest")
	c.must(put("After", start, start.Add(5*time.Hour), &armdatafactory.SelfDependencyTumblingWindowTriggerReference{Type: to.Ptr("SelfDependencyTumblingWindowTriggerReference"), Offset: to.Ptr("-01:00:00")},
		&armdatafactory.TumblingWindowTriggerDependencyReference{Type: to.Ptr("TumblingWindowTriggerDependencyReference"), Offset: to.Ptr("01:00:00"),
			ReferenceTrigger: &armdatafactory.TriggerReference{ReferenceName: to.Ptr("Hourly"), Type: to.Ptr(armdatafactory.TriggerReferenceTypeTriggerReference)}}))
	c.must(begin("After"))
	list := func(name string) []*armdatafactory.TriggerRun {
		t.Helper()
		filter := armdatafactory.RunFilterParameters{LastUpdatedAfter: to.Ptr(time.Now().Add(-time.Hour)), LastUpdatedBefore: to.Ptr(time.Now().Add(time.Hour)),
			Filters: []*armdatafactory.RunQueryFilter{{Operand: to.Ptr(armdatafactory.RunQueryFilterOperandTriggerName), Operator: to.Ptr(armdatafactory.RunQueryFilterOperatorEquals), Values: []*string{&name}}}}
		answer, err := runs.QueryByFactory(ctx, "rg", "windows", filter, nil)
		c.must(err)
		return answer.Value
	}
	eventuallyAre := func(name, want string) []*armdatafactory.TriggerRun {
		t.Helper()
		var shown []*armdatafactory.TriggerRun
		eventually(t, func() string {
			var states []string
			shown = list(name)
			for _, r := range shown {
				states = append(states, string(*r.Status))
			}
			if strings.Join(states, " ") != want {
				return ""
			}
			return want
		})
		return shown
	}
	waiting := eventuallyAre("After", "WaitingOnDependency WaitingOnDependency Waiting Waiting Waiting")
	if m := *waiting[0].Message; m != "It waits for the windows of trigger 'Hourly' until 2026-01-01T02:00:00Z, which has made none yet." {
		t.Errorf("message %q", m)
	}
	_, err = runs.Cancel(ctx, "rg", "windows", "After", *waiting[4].TriggerRunID, nil)
	c.must(err)
	c.must(begin("Hourly"))
	all := eventuallyAre("Hourly", "Succeeded Succeeded Succeeded")
	// The third one would need a window behind the last of Hourly: there is nothing to wait for.
	eventuallyAre("After", "Succeeded Succeeded Succeeded Succeeded Cancelled")
	second := all[1]
	if *second.Properties["windowStartTime"] != "1/1/2026 1:00:00 AM" || *second.Properties["windowEndTime"] != "1/1/2026 2:00:00 AM" || *second.Properties["ScheduleTime"] != "1/1/2026 2:00:00 AM" {
		t.Errorf("properties %v", second.Properties)
	}
	got, err := f.NewPipelineRunsClient().Get(ctx, "rg", "windows", *second.TriggeredPipelines["Load"], nil)
	c.must(err)
	if *got.Parameters["from"] != "2026-01-01T01:00:00Z" || *got.Parameters["until"] != "02" || *got.InvokedBy.Name != "Hourly" || *got.InvokedBy.InvokedByType != "TumblingWindowTrigger" || *got.InvokedBy.ID != *second.TriggerRunID {
		t.Errorf("run of %v invoked by %s", got.Parameters, *got.InvokedBy.Name)
	}
	_, err = runs.Rerun(ctx, "rg", "windows", "Hourly", *second.TriggerRunID, nil)
	c.must(err)
	again := eventuallyAre("Hourly", "Succeeded Succeeded Succeeded Succeeded")[3]
	if *again.TriggerRunID == *second.TriggerRunID || *again.Properties["windowStartTime"] != *second.Properties["windowStartTime"] || *again.TriggeredPipelines["Load"] == *second.TriggeredPipelines["Load"] {
		t.Errorf("rerun: %+v", again)
	}
	_, err = runs.Cancel(ctx, "rg", "windows", "Hourly", *second.TriggerRunID, nil)
	c.wantCode("cancel of one that has ended", err, 400, "BadRequest")
	_, err = runs.Rerun(ctx, "rg", "windows", "Hourly", "08584774516819036014561066769CU22", nil)
	c.wantCode("rerun of none", err, 404, "NotFound")
	for _, name := range []string{"Hourly", "After"} {
		stop, err := triggers.BeginStop(ctx, "rg", "windows", name, nil)
		done(c, stop, err)
	}
	_, err = runs.Rerun(ctx, "rg", "windows", "Hourly", *second.TriggerRunID, nil)
	c.wantCode("rerun while it is stopped", err, 400, "BadRequest")
	c.wantCode("another start", put("Hourly", start.Add(time.Hour), start.Add(3*time.Hour)), 400, "TumblingWindowTriggerStartTimeUpdateNotAllowed")
	c.must(put("Hourly", start, start.Add(4*time.Hour)))
	c.must(begin("Hourly"))
	eventuallyAre("Hourly", "Succeeded Succeeded Succeeded Succeeded Succeeded")
	_, err = f.NewFactoriesClient().Delete(ctx, "rg", "windows", nil)
	c.must(err)
	var left []string
	for _, prefix := range []string{"datafactory/r/", "datafactory/s/", "datafactory/w/"} {
		err := recordsIn(s.store).List(prefix, func(key string, _ []byte, _ error) error { left = append(left, key); return nil })
		c.must(err)
	}
	if len(left) > 0 {
		t.Errorf("of a factory that is deleted these are left: %v", left)
	}
}

// TestWindowsKilled: a process that is killed while it makes up windows has run some, has some
// under way and some not begun. The next one goes on: each window has run once.
func TestWindowsKilled(t *testing.T) {
	const hours = 30
	dir := filepath.Join(t.TempDir(), "data")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	window := func(name, more, pipeline string) string {
		return fmt.Sprintf(`{"name":"%s","properties":{"type":"TumblingWindowTrigger","runtimeState":"Started","typeProperties":{"frequency":"Hour","interval":1,
			"startTime":"%s","endTime":"%s","maxConcurrency":5%s},
			"pipeline":{"pipelineReference":{"referenceName":"%s","type":"PipelineReference"},"parameters":{"at":"@trigger().outputs.windowStartTime"}}}}`,
			name, start.Format(time.RFC3339), start.Add(hours*time.Hour).Format(time.RFC3339), more, pipeline)
	}
	o := Options{DataDir: dir, Deployments: []*deploy.Deployment{folder(t, map[string]string{
		"factory/windows.json": `{"name":"windows","properties":{}}`,
		"pipeline/Echo.json":   `{"name":"Echo","properties":{"parameters":{"at":{"type":"String"}},"activities":[]}}`,
		"pipeline/Waits.json":  `{"name":"Waits","properties":{"parameters":{"at":{"type":"String"}},"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}}`,
		"trigger/Up.json":      window("Up", "", "Waits"),
		"trigger/Down.json": window("Down", `,"dependsOn":[{"type":"TumblingWindowTriggerDependencyReference","referenceTrigger":{"referenceName":"Up","type":"TriggerReference"}},
			{"type":"SelfDependencyTumblingWindowTriggerReference","offset":"-01:00:00"}]`, "Echo"),
	})}}
	s := startSystem(t, o)
	makeNamespace(t, s, "g", "window-kill")
	succeeded := func() (list []*trigger.Run) {
		all, _, err := s.firings.Query(trigger.Query{Factory: "windows"})
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(all, func(r *trigger.Run) bool { return r.Status != trigger.Succeeded })
	}
	for _, enough := range []int{1, 10, 25, 45} {
		eventuallyWithin(t, time.Minute, func() string {
			if len(succeeded()) < enough {
				return ""
			}
			return "killed"
		})
		o.DataDir = killed(t, s, "window-kill")
		s.Stop()
		s = startSystem(t, o)
	}
	eventuallyWithin(t, time.Minute, func() string {
		if len(succeeded()) < 2*hours {
			return ""
		}
		return "all"
	})
	of := map[string]string{}
	all, _, err := s.firings.Query(trigger.Query{Factory: "windows"})
	if err != nil || len(all) != 2*hours {
		t.Fatalf("%d trigger runs, %v; want %d", len(all), err, 2*hours)
	}
	seen := map[string]bool{}
	for _, r := range all {
		window := r.Trigger + r.Window.Start.Format(time.RFC3339)
		if seen[window] || len(r.Pipelines) != 1 {
			t.Errorf("window %s has the runs %v, and had a trigger run before: %t", window, r.Pipelines, seen[window])
		}
		seen[window] = true
		of[r.Pipelines[0].Run] = r.ID
	}
	runs, _, err := s.engine.Query(engine.Query{Factory: "windows"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if of[r.RunID] != r.InvokedBy.ID || r.Status != run.Succeeded {
			t.Errorf("run %s is %s and invoked by %s; its trigger run is %s", r.RunID, r.Status, r.InvokedBy.ID, of[r.RunID])
		}
	}
	if len(runs) != 2*hours {
		t.Errorf("%d runs of %d windows", len(runs), 2*hours)
	}
}
