package engine_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// The records of [ADF-REST 5], member by member.
func TestRecordsOfTheREST(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // starts at 2000-01-01T00:00:00Z
		w := newWorld(t, enginetest.NewMemory(nil), `{"name":"p","properties":{"annotations":["tag"],"runDimensions":{"Job":"@concat('j-', pipeline().parameters.n)"},
			"parameters":{"n":{"type":"Int"},"list":{"type":"Array","defaultValue":["a.csv"]},"key":{"type":"SecureString","defaultValue":"s3cret"}},"activities":[
			{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":27},"userProperties":[{"name":"u","value":"@pipeline().parameters.n"}]},
			{"name":"A","type":"WebActivity","dependsOn":[{"activity":"W","dependencyConditions":["Succeeded"]}],"typeProperties":{"url":"http://h/","method":"GET","headers":{"Authorization":"Bearer t0ken","k":"@pipeline().parameters.key"}}}]}}`)
		w.options.Sealer = xor{}
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			return activity.Result{Err: &activity.Error{Code: "2108", Message: "no s3cret", FailureType: activity.UserError}}
		})
		w.start()
		id := w.create("p", value.NewObject(value.Member{Name: "n", Value: int64(5)}), engine.RunOptions{ID: "R",
			InvokedBy: &run.Invoker{ID: "i", Name: "Manual", Type: "Manual"}})
		check := func(name string, o *value.Object, want string) {
			t.Helper()
			if got := string(value.Append(nil, o)); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		}
		const common = `{"runId":"R","debugRunId":null,"runGroupId":"R","pipelineName":"p","parameters":{"n":"5","list":"[\"a.csv\"]","key":"**********"},"invokedBy":{"id":"i","name":"Manual","invokedByType":"Manual"},"runStart":"2000-01-01T00:00:00.0000000Z",`
		synctest.Wait()
		p, _ := w.engine.PipelineRun(id)
		check("running", p.JSON(), common+`"runEnd":null,"durationInMs":null,"status":"InProgress","message":"","pipelineReturnValue":{},"lastUpdated":"2000-01-01T00:00:00.0000000Z","annotations":["tag"],"runDimension":{"Job":"j-5"},"isLatest":true}`)
		as, _ := activityRuns(w.engine, id)
		if end, _ := as[0].JSON().Get("activityRunEnd"); len(as) != 1 || end != nil {
			t.Errorf("Wait in flight: %d records, end %v, want 1 without an end", len(as), end)
		}
		w.wait(id)
		p, _ = w.engine.PipelineRun(id) // from the history now
		check("ended", p.JSON(), common+`"runEnd":"2000-01-01T00:00:27.0000000Z","durationInMs":27000,"status":"Failed","message":"Operation on target A failed: no **********","pipelineReturnValue":{},"lastUpdated":"2000-01-01T00:00:27.0000000Z","annotations":["tag"],"runDimension":{"Job":"j-5"},"isLatest":true}`)
		as, _ = activityRuns(w.engine, id)
		if len(as) != 2 {
			t.Fatalf("records: got %d, want 2", len(as))
		}
		check("Wait", as[0].JSON(), `{"activityRunEnd":"2000-01-01T00:00:27.0000000Z","activityName":"W","activityRunStart":"2000-01-01T00:00:00.0000000Z","activityType":"Wait","durationInMs":27000,"retryAttempt":null,"error":{"errorCode":"","message":"","failureType":"","target":"W","details":""},"activityRunId":"`+as[0].ID+`","iterationHash":"","input":{"waitTimeInSeconds":27},"linkedServiceName":"","output":{},"userProperties":{"u":5},"pipelineName":"p","pipelineRunId":"R","status":"Succeeded","recoveryStatus":"None","integrationRuntimeNames":null,"executionDetails":null,"switchyard":{"path":"W","attempt":1}}`)
		check("Web", as[1].JSON(), `{"activityRunEnd":"2000-01-01T00:00:27.0000000Z","activityName":"A","activityRunStart":"2000-01-01T00:00:27.0000000Z","activityType":"WebActivity","durationInMs":0,"retryAttempt":null,"error":{"errorCode":"2108","message":"no **********","failureType":"UserError","target":"A","details":[]},"activityRunId":"`+as[1].ID+`","iterationHash":"","input":{"url":"http://h/","method":"GET","headers":{"Authorization":"**********","k":"**********"}},"linkedServiceName":"","output":{},"userProperties":{},"pipelineName":"p","pipelineRunId":"R","status":"Failed","recoveryStatus":"None","integrationRuntimeNames":["defaultintegrationruntime"],"executionDetails":{"integrationRuntime":[{"name":"DefaultIntegrationRuntime","type":"Managed","location":"Local","nodes":null}]},"switchyard":{"path":"A","attempt":1,"attempts":1}}`)
		if runs, activities := w.engine.Counts(); runs != 1 || activities != 2 {
			t.Errorf("Counts: got %d runs, %d activities, want 1 and 2", runs, activities)
		}
		w.engine.Stop(0)
	})
}

func TestPipelineRunsNewestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":100}}`))
		w.start()
		for _, id := range []string{"a", "b", "c"} {
			w.create("p", nil, engine.RunOptions{ID: id})
			time.Sleep(60 * time.Second)
		}
		runs, more, err := w.engine.Query(engine.Query{Factory: w.factory.Name, NewestFirst: true})
		if err != nil || more {
			t.Fatal(err, more)
		}
		var got []string
		for _, p := range runs {
			got = append(got, p.RunID+":"+p.Status.String())
		}
		if g, want := strings.Join(got, " "), "c:InProgress b:Succeeded a:Succeeded"; g != want {
			t.Errorf("got %s, want %s", g, want)
		}
		w.engine.Stop(0)
	})
}

func TestActivitiesWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", `{"name":"L","type":"ForEach","typeProperties":{"items":"@range(0,12)","activities":[`+webA+`]}}`))
		w.options.MaxActivities = 3
		var now, most, queued atomic.Int64
		w.register("WebActivity", func(ctx context.Context, c *activity.Call) activity.Result {
			most.Store(max(most.Load(), now.Add(1)))
			queued.Store(max(queued.Load(), int64(c.Queued/time.Second)))
			time.Sleep(time.Second)
			now.Add(-1)
			return activity.Result{}
		})
		w.start()
		start := time.Now()
		ids := []string{w.create("p", nil, engine.RunOptions{}), w.create("p", nil, engine.RunOptions{})}
		for _, id := range ids {
			if got := w.wait(id); got != run.Succeeded {
				t.Errorf("status: got %s", got)
			}
		}
		if took := time.Since(start); most.Load() != 3 || took != 8*time.Second || queued.Load() != 7 {
			t.Errorf("%d at once in %v, longest wait %ds; want 3, 8s, 7s", most.Load(), took, queued.Load())
		}
		w.engine.Stop(0)
	})
}

func TestTimersFireAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newWorld(t, r.Memory, pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":100}}`))
		w.start()
		start := time.Now()
		early, late := w.create("p", nil, engine.RunOptions{}), ""
		time.Sleep(50 * time.Second)
		late = w.create("p", nil, engine.RunOptions{})
		w.engine.Stop(time.Hour) // nothing executes: no need to wait
		if got := time.Since(start); got != 50*time.Second {
			t.Errorf("Stop waited until %v", got)
		}
		time.Sleep(70 * time.Second)
		w.start()
		if got := w.wait(early); got != run.Succeeded || time.Since(start) != 120*time.Second {
			t.Errorf("due while stopped: %s after %v, want Succeeded at once", got, time.Since(start))
		}
		if got := w.wait(late); got != run.Succeeded || time.Since(start) != 150*time.Second {
			t.Errorf("due later: %s after %v, want Succeeded after 150s", got, time.Since(start))
		}
		w.engine.Stop(0)
	})
}

func TestUntilTimeoutCancelsItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", `{"name":"U","type":"Until","typeProperties":{"timeout":"0.00:00:10","expression":"@bool(false)","activities":[`+webA+`]}}`))
		ended := make(chan time.Time, 1)
		w.register("WebActivity", func(ctx context.Context, _ *activity.Call) activity.Result {
			<-ctx.Done()
			ended <- time.Now()
			return activity.Result{}
		})
		w.start()
		start := time.Now()
		id := w.create("p", nil, engine.RunOptions{})
		if got := w.wait(id); got != run.Failed {
			t.Errorf("status: got %s, want Failed", got)
		}
		if got := (<-ended).Sub(start); got != 10*time.Second {
			t.Errorf("the body was cancelled after %v, want 10s", got)
		}
		w.engine.Stop(0)
	})
}

func TestCancelWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", webA))
		w.register("WebActivity", func(ctx context.Context, _ *activity.Call) activity.Result {
			<-ctx.Done()
			return activity.Result{}
		})
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		stopped := make(chan struct{})
		go func() {
			w.engine.Stop(time.Minute)
			close(stopped)
		}()
		synctest.Wait()
		if err := w.engine.Cancel(id, false); err != nil {
			t.Errorf("cancel while stopping: %v", err)
		}
		start := time.Now()
		<-stopped // the cancelled attempt ends, so there is nothing to wait for
		if got := time.Since(start); got != 0 {
			t.Errorf("Stop went on for %v after the cancellation", got)
		}
		w.start()
		if got := w.wait(id); got != run.Cancelled {
			t.Errorf("after the restart: got %s, want Cancelled", got)
		}
		w.engine.Stop(0)
	})
}
