package system

import (
	"encoding/json"
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
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// everyMinute is a factory with a schedule trigger that has begun at a time and starts a
// pipeline each minute.
func everyMinute(start time.Time, state string) map[string]string {
	return map[string]string{
		"factory/clocks.json": `{"name":"clocks","properties":{}}`,
		"pipeline/Echo.json":  `{"name":"Echo","properties":{"parameters":{"at":{"type":"String"}},"activities":[]}}`,
		"trigger/Often.json": `{"name":"Often","properties":{"type":"ScheduleTrigger","runtimeState":"` + state + `","typeProperties":{"recurrence":{
			"frequency":"Minute","interval":1,"startTime":"` + start.UTC().Format(time.RFC3339) + `","timeZone":"UTC"}},
			"pipelines":[{"pipelineReference":{"referenceName":"Echo","type":"PipelineReference"},"parameters":{"at":"@trigger().scheduledTime"}}]}}`,
	}
}

// TestScheduleOverClient: a client puts, starts, queries and stops a schedule trigger as in
// Azure; rerun is not for it.
func TestScheduleOverClient(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true})
	c := newAzureClient(t, s).secret()
	makeNamespace(t, s, "rg", "clock-ns")
	ctx := t.Context()
	f, err := armdatafactory.NewClientFactory(c.subscription, c.token, &arm.ClientOptions{ClientOptions: c.options})
	c.must(err)
	_, err = f.NewFactoriesClient().CreateOrUpdate(ctx, "rg", "clocks", armdatafactory.Factory{Location: to.Ptr("westeurope")}, nil)
	c.must(err)
	_, err = f.NewPipelinesClient().CreateOrUpdate(ctx, "rg", "clocks", "Echo", armdatafactory.PipelineResource{Properties: &armdatafactory.Pipeline{
		Parameters: map[string]*armdatafactory.ParameterSpecification{"at": {Type: to.Ptr(armdatafactory.ParameterTypeString)}}}}, nil)
	c.must(err)
	at := time.Now().UTC().Truncate(time.Second).Add(2 * time.Second)
	triggers := f.NewTriggersClient()
	put := func() error {
		_, err := triggers.CreateOrUpdate(ctx, "rg", "clocks", "Once", armdatafactory.TriggerResource{Properties: &armdatafactory.ScheduleTrigger{
			Type: to.Ptr("ScheduleTrigger"),
			TypeProperties: &armdatafactory.ScheduleTriggerTypeProperties{Recurrence: &armdatafactory.ScheduleTriggerRecurrence{
				Frequency: to.Ptr(armdatafactory.RecurrenceFrequencyMinute), Interval: to.Ptr[int32](1), StartTime: &at, TimeZone: to.Ptr("UTC")}},
			Pipelines: []*armdatafactory.TriggerPipelineReference{{
				PipelineReference: &armdatafactory.PipelineReference{ReferenceName: to.Ptr("Echo"), Type: to.Ptr(armdatafactory.PipelineReferenceTypePipelineReference)},
				Parameters:        map[string]any{"at": "@trigger().scheduledTime"}}},
		}}, nil)
		return err
	}
	c.must(put())
	start, err := triggers.BeginStart(ctx, "rg", "clocks", "Once", nil)
	done(c, start, err)
	c.wantCode("put of a started trigger", put(), 400, "TriggerEnabledCannotUpdate")
	window := armdatafactory.RunFilterParameters{LastUpdatedAfter: to.Ptr(at.Add(-time.Hour)), LastUpdatedBefore: to.Ptr(at.Add(time.Hour)),
		Filters: []*armdatafactory.RunQueryFilter{{Operand: to.Ptr(armdatafactory.RunQueryFilterOperandTriggerName), Operator: to.Ptr(armdatafactory.RunQueryFilterOperatorEquals), Values: []*string{to.Ptr("Once")}}},
		OrderBy: []*armdatafactory.RunQueryOrderBy{{OrderBy: to.Ptr(armdatafactory.RunQueryOrderByFieldTriggerRunTimestamp), Order: to.Ptr(armdatafactory.RunQueryOrderDESC)}}}
	var fired *armdatafactory.TriggerRun
	eventually(t, func() string {
		answer, err := f.NewTriggerRunsClient().QueryByFactory(ctx, "rg", "clocks", window, nil)
		c.must(err)
		if len(answer.Value) == 0 {
			return ""
		}
		fired = answer.Value[0]
		return *fired.TriggerRunID
	})
	if *fired.Status != armdatafactory.TriggerRunStatusSucceeded || *fired.TriggerType != "ScheduleTrigger" || !trigger.IsRunID(*fired.TriggerRunID) ||
		fired.TriggerRunTimestamp.Before(at) || *fired.Properties["ScheduleTime"] != at.Format("1/2/2006 3:04:05 PM") {
		t.Errorf("trigger run %s of %s at %s with %s, want one of %s", *fired.Status, *fired.TriggerType, fired.TriggerRunTimestamp, *fired.Properties["ScheduleTime"], at)
	}
	id := *fired.TriggeredPipelines["Echo"]
	got, err := f.NewPipelineRunsClient().Get(ctx, "rg", "clocks", id, nil)
	c.must(err)
	if *got.InvokedBy.Name != "Once" || *got.InvokedBy.ID != *fired.TriggerRunID || *got.InvokedBy.InvokedByType != "ScheduleTrigger" || *got.Parameters["at"] != at.Format(time.RFC3339) {
		t.Errorf("run %s is invoked by %s %s %s with %s", id, *got.InvokedBy.InvokedByType, *got.InvokedBy.Name, *got.InvokedBy.ID, *got.Parameters["at"])
	}
	_, err = f.NewTriggerRunsClient().Rerun(ctx, "rg", "clocks", "Once", *fired.TriggerRunID, nil)
	c.wantCode("rerun", err, 400, "BadRequest")
	_, err = f.NewTriggerRunsClient().Cancel(ctx, "rg", "clocks", "Once", *fired.TriggerRunID, nil)
	c.wantCode("cancel", err, 400, "BadRequest")
	stop, err := triggers.BeginStop(ctx, "rg", "clocks", "Once", nil)
	done(c, stop, err)
	_, err = f.NewFactoriesClient().Delete(ctx, "rg", "clocks", nil)
	c.must(err)
	if list, _, err := s.firings.Query(trigger.Query{Factory: "clocks"}); err != nil || len(list) != 0 {
		t.Errorf("%d trigger runs of a factory that is deleted, %v", len(list), err)
	}
}

// TestScheduleKilled: a process that is killed while it makes up what fell due has fired for
// some times and not for the others. The next one fires for these, and for none twice.
func TestScheduleKilled(t *testing.T) {
	const minutes = 90
	dir, wall := filepath.Join(t.TempDir(), "data"), &setClock{}
	began := time.Now()
	d := folder(t, everyMinute(began.Add(30*time.Second), "Started"))
	s := startSystem(t, Options{DataDir: dir, Clock: wall, Deployments: []*deploy.Deployment{d}})
	makeNamespace(t, s, "g", "clock-kill")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	wall.by.Store(int64(minutes * time.Minute))
	firings := func() []*trigger.Run {
		list, _, err := s.firings.Query(trigger.Query{Factory: "clocks"})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, enough := range []int{1, 20, 60} {
		s = startSystem(t, Options{DataDir: dir, Clock: wall, Deployments: []*deploy.Deployment{d}})
		eventually(t, func() string {
			if len(firings()) < enough {
				return ""
			}
			return "killed"
		})
		dir = killed(t, s, "clock-kill")
		s.Stop()
	}
	s = startSystem(t, Options{DataDir: dir, Clock: wall, Deployments: []*deploy.Deployment{d}})
	eventually(t, func() string {
		if len(firings()) < minutes {
			return ""
		}
		return "all"
	})
	started := map[string]string{}
	for _, r := range firings() {
		at := r.Scheduled.Format(time.RFC3339)
		if started[at] != "" || r.Status != trigger.Succeeded || len(r.Pipelines) != 1 {
			t.Errorf("trigger run %s for %s is %s with %v", r.ID, at, r.Status, r.Pipelines)
			continue
		}
		started[at] = r.Pipelines[0].Run
	}
	first := began.Add(30 * time.Second).UTC().Truncate(time.Second)
	for i := range minutes {
		if at := first.Add(time.Duration(i) * time.Minute).Format(time.RFC3339); started[at] == "" {
			t.Errorf("nothing was fired for %s", at)
		}
	}
	runs, _, err := s.engine.Query(engine.Query{Factory: "clocks"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		at, _ := r.Parameters.Get("at")
		if started[fmt.Sprint(at)] != r.RunID {
			t.Errorf("run %s for %s belongs to no trigger run", r.RunID, at)
		}
	}
	if len(runs) != len(started) {
		t.Errorf("%d runs of %d firings", len(runs), len(started))
	}
}

// TestScheduleOfAFolder: a folder says of a trigger that it is stopped, and one that is wrong is
// no start.
func TestScheduleOfAFolder(t *testing.T) {
	s := startSystem(t, Options{Ephemeral: true, Deployments: []*deploy.Deployment{folder(t, everyMinute(time.Now(), "Stopped"))}})
	if f, err := s.factories.Factory("clocks"); err != nil || f.Trigger("Often").Started {
		t.Errorf("a stopped trigger: %v", err)
	}
	files := everyMinute(time.Now(), "Started")
	files["trigger/Often.json"] = `{"name":"Often","properties":{"type":"ScheduleTrigger","runtimeState":"Started","typeProperties":{"recurrence":{"frequency":"Year","startTime":"2026-01-01T00:00:00Z"}},
		"pipelines":[{"pipelineReference":{"referenceName":"Echo","type":"PipelineReference"},"parameters":{"at":""}}]}}`
	if _, err := readFiles(files); err == nil || !strings.Contains(err.Error(), "Often.json") || !strings.Contains(err.Error(), "frequency") {
		t.Errorf("a recurrence that is wrong: %v", err)
	}
}

// TestTriggerRunPages: the firings of a schedule and the runs that messages have started are one
// list, page after page, in each order.
func TestTriggerRunPages(t *testing.T) {
	dir, wall := filepath.Join(t.TempDir(), "data"), &setClock{}
	o := Options{DataDir: dir, Clock: wall, Deployments: []*deploy.Deployment{folder(t, everyMinute(time.Now().Add(30*time.Second), "Started"))}}
	if err := startSystem(t, o).Stop(); err != nil {
		t.Fatal(err)
	}
	wall.by.Store(int64(80 * time.Minute))
	s := startSystem(t, o)
	create := func(n int) {
		err := s.factories.WithFactory("clocks", func(f *pipeline.Factory) error {
			id := engine.NewID()
			_, err := s.engine.CreateRun(t.Context(), f, "Echo", value.NewObject(value.Member{Name: "at", Value: "x"}),
				engine.RunOptions{ID: id, Trigger: &run.TriggerInfo{ID: id, Name: fmt.Sprint("OnIn", n), Type: "ServiceBusTrigger", Time: time.Now()}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 60 {
		create(n)
	}
	eventually(t, func() string {
		list, _, err := s.firings.Query(trigger.Query{Factory: "clocks"})
		if err != nil || len(list) < 80 {
			return ""
		}
		return "all"
	})
	id := s.factories.List("", "")[0].ID
	path := s.testGroup(id.ResourceGroup) + "/providers/Microsoft.DataFactory/factories/clocks/queryTriggerRuns?api-version=2018-06-01"
	ask := func(more string) (seen []string, pages int) {
		t.Helper()
		ids, token := map[string]bool{}, ""
		for ; pages == 0 || token != ""; pages++ {
			code, answer := request(t, s, "POST", path, `{"lastUpdatedAfter":"2020-01-01T00:00:00Z","lastUpdatedBefore":"2099-01-01T00:00:00Z","continuationToken":"`+token+`"`+more+`}`)
			if code != 200 {
				t.Fatalf("%s: %d %s", more, code, answer)
			}
			var page struct {
				Value []struct {
					TriggerRunID        string `json:"triggerRunId"`
					TriggerName         string `json:"triggerName"`
					TriggerRunTimestamp string `json:"triggerRunTimestamp"`
				} `json:"value"`
				Token string `json:"continuationToken"`
			}
			if err := json.Unmarshal([]byte(answer), &page); err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Value {
				if ids[r.TriggerRunID] {
					t.Errorf("%s: trigger run %s is on two pages", more, r.TriggerRunID)
				}
				ids[r.TriggerRunID] = true
				seen = append(seen, r.TriggerRunTimestamp+" "+r.TriggerName)
			}
			token = page.Token
		}
		return seen, pages
	}
	oldest, pages := ask("")
	if len(oldest) != 140 || pages != 2 || !slices.IsSortedFunc(oldest, func(a, b string) int { return strings.Compare(a[:28], b[:28]) }) {
		t.Errorf("%d trigger runs on %d pages, want 140 on 2 in their order: %v", len(oldest), pages, oldest)
	}
	newest, _ := ask(`,"orderBy":[{"orderBy":"TriggerRunTimestamp","order":"DESC"}]`)
	if slices.Reverse(newest); !slices.Equal(newest, oldest) {
		t.Error("the newest first is not the other order of the oldest first")
	}
	byName, _ := ask(`,"orderBy":[{"orderBy":"TriggerName","order":"DESC"}]`)
	if len(byName) != 140 || !strings.HasSuffix(byName[0], " OnIn9") || !strings.HasSuffix(byName[139], " Often") {
		t.Errorf("by name: %d, from %s to %s", len(byName), byName[0], byName[len(byName)-1])
	}
	for filter, want := range map[string]int{
		`{"operand":"TriggerName","operator":"Equals","values":["Often"]}`: 80,
		`{"operand":"TriggerName","operator":"In","values":["OnIn1","x"]}`: 1,
		`{"operand":"Status","operator":"Equals","values":["Failed"]}`:     0,
	} {
		if got, _ := ask(`,"filters":[` + filter + `]`); len(got) != want {
			t.Errorf("%s: %d trigger runs, want %d", filter, len(got), want)
		}
	}
}
