package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// TestAttackRequestBodies: loops that send bodies of 3 MB, which expressions make, to an
// endpoint that does not answer for 25 s, hold few of them at once, and other calls go on.
func TestAttackRequestBodies(t *testing.T) {
	torture(t)
	var under, most atomic.Int64
	open := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/small" {
			return
		}
		most.Store(max(most.Load(), under.Add(1)))
		<-open
		io.Copy(io.Discard, r.Body)
		under.Add(-1)
	}))
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	s := box{Memory: 2 << 30}.serve(t, t.TempDir())
	s.prepare()
	loop := func(items int, path, body string) string {
		return fmt.Sprintf(`{"activities":[{"name":"L","type":"ForEach","typeProperties":{"items":"@range(1,%d)","batchCount":50,"activities":[
			{"name":"W","type":"WebActivity","typeProperties":{"method":"POST","url":"%s%s","body":"%s"}}]}}]}`, items, web.URL, path, body)
	}
	const text3MB = "@concat(string(item()),string(range(1,100000)),string(range(1,100000)),string(range(1,100000))," +
		"string(range(1,100000)),string(range(1,100000)))"
	s.pipeline("many", loop(1000, "/", text3MB))
	s.pipeline("some", loop(60, "/", text3MB))
	s.pipeline("small", loop(300, "/small", "@string(item())"))
	begin := func(name string) string {
		id, answer := s.createRun(30*time.Second, name, "{}")
		if id == "" {
			t.Fatalf("%s: %s", name, answer)
		}
		return id
	}
	stop := s.beside(200)
	runs := []string{begin("many")}
	for range 5 {
		runs = append(runs, begin("some"))
	}
	began := time.Now()
	time.AfterFunc(25*time.Second, func() { close(open) })
	time.Sleep(20 * time.Second)
	if s.ended() {
		t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
	}
	called := time.Now()
	if status, message := s.wait(begin("small"), time.Minute); status != "Succeeded" {
		t.Errorf("the small one ended %s: %s", status, message)
	}
	if took := time.Since(called).Round(100 * time.Millisecond); took > 4*time.Second {
		t.Errorf("300 small calls beside them took %s", took)
	}
	for _, id := range runs {
		if status, message := s.wait(id, 5*time.Minute); status != "Succeeded" {
			t.Errorf("a run ended %s: %.300s", status, message)
		}
		if s.ended() {
			t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
		}
	}
	rates, peak := stop(), s.status("VmHWM")>>10
	t.Logf("%s: peak %d MB, at most %d requests at once, beside %d a second", time.Since(began).Round(time.Second), peak, most.Load(), rate(rates))
	if peak > 1200 {
		t.Errorf("%d MB at most, want less than 1200", peak)
	}
}

// emptyLists is JSON that takes many times its size when it is a value.
func emptyLists(bytes int) string { return `[` + strings.Repeat(`[],`, bytes/3) + `[]]` }

// TestAttackValues: requests and answers of less than 4 MiB that are lists of empty lists,
// which take forty times as much as values, wait for each other.
func TestAttackValues(t *testing.T) {
	torture(t)
	lists := emptyLists(4_000_000)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, lists) }))
	t.Cleanup(web.Close)
	for _, attack := range []struct {
		name  string
		begin func(s *server, check func(what, got, want string))
	}{
		{"requests", func(s *server, check func(what, got, want string)) {
			var wait sync.WaitGroup
			for range 24 {
				wait.Go(func() {
					for range 2 {
						_, answer := s.createRun(time.Minute, "p", `{"a":`+lists+`}`)
						check("createRun", answer, "400")
					}
				})
			}
			wait.Wait()
		}},
		{"answers", func(s *server, check func(what, got, want string)) {
			id, answer := s.createRun(time.Minute, "loop", `{}`)
			check("createRun", answer, `{"runId"`)
			status, _ := s.wait(id, 4*time.Minute)
			check("the run", status, "Succeeded")
		}},
	} {
		t.Run(attack.name, func(t *testing.T) {
			s := box{Memory: 2 << 30}.serve(t, t.TempDir())
			s.prepare()
			s.pipeline("p", `{"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}`)
			s.pipeline("loop", `{"activities":[{"name":"L","type":"ForEach","typeProperties":{"items":"@range(1,100)","batchCount":50,"activities":[
				{"name":"W","type":"WebActivity","typeProperties":{"method":"GET","url":"`+web.URL+`"}}]}}]}`)
			stop, began := s.beside(200), time.Now()
			attack.begin(s, func(what, got, want string) {
				if !strings.HasPrefix(got, want) {
					t.Errorf("%s: %.200s, want %s", what, got, want)
				}
			})
			if s.ended() {
				t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
			}
			rates, peak := stop(), s.status("VmHWM")>>10
			t.Logf("%s: peak %d MB, beside %d a second", time.Since(began).Round(time.Second), peak, rate(rates))
			if peak > 1200 {
				t.Errorf("%d MB at most, want less than 1200", peak)
			}
		})
	}
}

// TestAttackBatches: triggers whose batches are as large as may be take what their
// messages need one after the other.
func TestAttackBatches(t *testing.T) {
	torture(t)
	s := box{Memory: 2 << 30}.serve(t, t.TempDir())
	s.prepare()
	c, err := azservicebus.NewClientFromConnectionString(s.namespace().ConnectionString, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	s.pipeline("p", `{"parameters":{"n":{"type":"Int"}},"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}`)
	s.must("PUT", s.id(attackFactory)+"/linkedservices/bus"+factoryVersion,
		`{"properties":{"type":"AzureServiceBus","typeProperties":{"connectionString":"`+s.namespace().ConnectionString+`"}}}`)
	const queues, each = 6, 400
	body := `{"lists":` + emptyLists(60_000) + `,"text":"` + strings.Repeat("a", 190_000) + `"}`
	var wait sync.WaitGroup
	for i := range queues {
		name := fmt.Sprint("batches", i)
		s.must("PUT", s.id(attackNamespace)+"/queues/"+name+busVersion, `{"properties":{"maxSizeInMegabytes":5120}}`)
		sender, err := c.NewSender(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			for range each {
				if err := sender.SendMessage(t.Context(), &azservicebus.Message{Body: []byte(body)}, nil); err != nil {
					t.Error(err)
				}
			}
		})
		trigger := s.id(attackFactory) + "/triggers/t" + fmt.Sprint(i)
		s.must("PUT", trigger+factoryVersion, `{"properties":{"type":"ServiceBusTrigger","pipelines":[{"pipelineReference":{"referenceName":"p","type":"PipelineReference"},
			"parameters":{"n":"@length(triggerBody().messages)"}}],"typeProperties":{"linkedServiceName":{"referenceName":"bus","type":"LinkedServiceReference"},
			"queueName":"`+name+`","maxMessages":1000,"maxConcurrentRuns":50}}}`)
	}
	wait.Wait()
	before := s.status("VmHWM") >> 10
	stop, began := s.beside(200), time.Now()
	for i := range queues {
		s.must("POST", s.id(attackFactory)+"/triggers/t"+fmt.Sprint(i)+"/start"+factoryVersion, "")
	}
	left := func() (n int64) {
		for i := range queues {
			n += s.messages(fmt.Sprint("batches", i))
		}
		return n
	}
	for left() > 0 && time.Since(began) < 3*time.Minute && !s.ended() {
		time.Sleep(200 * time.Millisecond)
	}
	if s.ended() {
		t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
	}
	rates, peak := stop(), s.status("VmHWM")>>10
	t.Logf("%s: peak %d MB, %d before, %d messages left, beside %d a second", time.Since(began).Round(time.Second), peak, before, left(), rate(rates))
	if n := left(); n > 0 || peak > 1200 {
		t.Errorf("%d messages are left, %d MB at most, want 0 and less than 1200", n, peak)
	}
}

// TestAttackParameters: active runs with parameters of 3.9 MB do not hold them, nor does a
// list of the runs show all at once, also after a restart.
func TestAttackParameters(t *testing.T) {
	torture(t)
	dir := t.TempDir()
	s := box{Memory: 2 << 30}.serve(t, dir)
	s.prepare()
	s.pipeline("p", `{"parameters":{"a":{"type":"String"}},"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}},
		{"name":"S","type":"SetVariable","typeProperties":{"variableName":"n","value":"@string(length(pipeline().parameters.a))"}}],"variables":{"n":{"type":"String"}}}`)
	const runs = 700
	parameters := `{"a":"` + strings.Repeat("x", 3_900_000) + `"}`
	var wait sync.WaitGroup
	var ids sync.Map
	stop, began := s.beside(200), time.Now()
	for range 4 {
		wait.Go(func() {
			for range runs / 4 {
				id, answer := s.createRun(time.Minute, "p", parameters)
				if id == "" {
					t.Errorf("createRun: %.200s", answer)
					return
				}
				ids.Store(id, true)
			}
		})
	}
	wait.Wait()
	look := func(what string, rates []int) {
		t.Helper()
		if s.ended() {
			t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
		}
		token, seen := "", 0
		for page := 0; page == 0 || token != ""; page++ {
			answer := s.must("POST", s.id(attackFactory)+"/queryPipelineRuns"+factoryVersion,
				`{"lastUpdatedAfter":"2000-01-01T00:00:00Z","lastUpdatedBefore":"2100-01-01T00:00:00Z"`+token+`}`)
			var list struct {
				Value             []struct{ Parameters struct{ A string } }
				ContinuationToken string
			}
			if err := json.Unmarshal([]byte(answer), &list); err != nil {
				t.Fatal(err)
			}
			for _, r := range list.Value {
				if len(r.Parameters.A) == 3_900_000 {
					seen++
				}
			}
			if token = ""; list.ContinuationToken != "" {
				token = `,"continuationToken":"` + list.ContinuationToken + `"`
			}
		}
		peak := s.status("VmHWM") >> 10
		t.Logf("%s after %s: peak %d MB, %d runs listed", what, time.Since(began).Round(time.Second), peak, seen)
		if rates != nil { // nothing is sent once all is created
			t.Logf("beside %d a second", rate(rates))
		}
		if peak > 1200 || seen != runs {
			t.Errorf("%s: %d MB at most, %d runs, want less than 1200, and %d", what, peak, seen, runs)
		}
	}
	look("created", stop())
	s.kill()
	s = box{Memory: 2 << 30}.serve(t, dir)
	look("after a kill", nil)
	id, _ := s.createRun(time.Minute, "p", parameters)
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(100 * time.Millisecond) {
		answer := s.must("POST", s.id(attackFactory)+"/pipelineruns/"+id+"/queryActivityruns"+factoryVersion,
			`{"lastUpdatedAfter":"2000-01-01T00:00:00Z","lastUpdatedBefore":"2100-01-01T00:00:00Z"}`)
		if strings.Contains(answer, `"3900000"`) {
			return
		}
	}
	t.Error("the parameter is not read back")
}
