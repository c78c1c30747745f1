package datafactoryrp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/arm/armtest"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
	"switchyard/pipeline/run"
	"switchyard/value"
)

func parse(t *testing.T, text string) *value.Object {
	t.Helper()
	v, err := value.Parse([]byte(text))
	check(t, err)
	return v.(*value.Object)
}

func get(o *value.Object, path ...string) value.Value {
	var v value.Value = o
	for _, name := range path {
		o, _ := v.(*value.Object)
		v, _ = o.Get(name)
	}
	return v
}

// TestTriggerRuns: a run that a trigger started shows as a trigger run, one that
// was started by hand does not.
func TestTriggerRuns(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[]}}`)
	f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", "")
	var id string
	check(t, f.m.WithFactory("contoso", func(p *pipeline.Factory) (err error) {
		id, err = f.engine.CreateRun(t.Context(), p, "P", nil, engine.RunOptions{
			Trigger: &run.TriggerInfo{ID: "08586", Name: "OnIn", Type: "ServiceBusTrigger", Time: time.Now()}})
		return err
	}))
	query := func(filter string) value.Array {
		t.Helper()
		a, _ := get(parse(t, f.must(t, 200, "POST", "$DF/queryTriggerRuns?$V", `{`+window()+filter+`}`)), "value").(value.Array)
		return a
	}
	list := query("")
	if len(list) != 1 {
		t.Fatalf("got %d trigger runs, want 1", len(list))
	}
	run := list[0].(*value.Object)
	if get(run, "triggerRunId") != "08586" || get(run, "triggerName") != "OnIn" || get(run, "triggeredPipelines", "P") != id {
		t.Errorf("got %s, want the run of OnIn", value.Append(nil, run))
	}
	for filter, want := range map[string]int{
		`,"filters":[{"operand":"TriggerName","operator":"Equals","values":["OnIn"]}]`:    1,
		`,"filters":[{"operand":"TriggerName","operator":"NotEquals","values":["OnIn"]}]`: 0,
	} {
		if got := len(query(filter)); got != want {
			t.Errorf("filter %s: got %d, want %d", filter, got, want)
		}
	}
	f.must(t, 400, "POST", "$DF/queryTriggerRuns?$V", `{`+window()+`,"filters":[{"operand":"PipelineName","operator":"Equals","values":["P"]}]}`)
	f.must(t, 400, "POST", "$DF/queryPipelineRuns?$V", `{`+window()+`,"filters":[{"operand":"TriggerName","operator":"Equals","values":["OnIn"]}]}`)
	f.must(t, 400, "POST", "$DF/queryPipelineRuns?$V", `{}`)
	all := get(parse(t, f.must(t, 200, "POST", "$DF/queryPipelineRuns?$V", `{`+window()+`}`)), "value").(value.Array)
	if len(all) != 2 || get(all[1].(*value.Object), "id") != expand("$DF/pipelineruns/")+id {
		t.Errorf("pipeline runs: got %s, want two with their paths, the oldest first", value.Append(nil, all))
	}
}

// TestPaging: lists have pages of 100 and a link to the next.
func TestPaging(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	for i := range 203 {
		f.must(t, 200, "PUT", fmt.Sprintf("$DF/pipelines/P%03d?$V", i), `{"properties":{"activities":[]}}`)
	}
	seen, pages := map[string]bool{}, 0
	for path := "$DF/pipelines?$V"; path != ""; pages++ {
		answer := parse(t, f.must(t, 200, "GET", path, ""))
		for _, v := range get(answer, "value").(value.Array) {
			seen[get(v.(*value.Object), "name").(string)] = true
		}
		link, _ := get(answer, "nextLink").(string)
		path = strings.TrimPrefix(link, "https://"+armtest.Host)
	}
	if len(seen) != 203 || pages != 3 {
		t.Errorf("got %d pipelines in %d pages, want 203 in 3", len(seen), pages)
	}
	f.must(t, 400, "GET", "$DF/pipelines?$V&$skiptoken=x", "")
}

// TestRestart: what a client has put is there after a restart, and a group that
// is deleted takes its factories and their runs along.
func TestRestart(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/linkedservices/Bus?$V", `{"properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"ns.servicebus.windows.net"}}}`)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[]}}`)
	f.must(t, 200, "PUT", "$DF/triggers/T?$V", `{"properties":{"type":"ServiceBusTrigger","runtimeState":"Started","typeProperties":{"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"queueName":"in"},"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"}}]}}`)
	paths := []string{"$DF", "$DF/linkedservices/Bus", "$DF/pipelines/P", "$DF/triggers/T"}
	before := map[string]string{}
	for _, p := range paths {
		before[p] = f.must(t, 200, "GET", p+"?$V", "")
	}
	f = open(t, f.store.Clone())
	for _, p := range paths {
		if after := f.must(t, 200, "GET", p+"?$V", ""); after != before[p] {
			t.Errorf("%s after a restart:\ngot  %s\nwant %s", p, after, before[p])
		}
	}
	if !f.starter.running["T"] {
		t.Error("the started trigger does not run after a restart")
	}
	f.must(t, 202, "DELETE", "$RG?api-version=2021-04-01", "")
	for len(f.store.Keys("datafactory/")) > 0 {
		if t.Context().Err() != nil {
			t.Fatal("the group's factory was not deleted")
		}
		time.Sleep(time.Millisecond)
	}
	if len(f.m.List("", "")) != 0 || f.starter.running["T"] {
		t.Errorf("after the deletion of the group: factories %v, trigger running %t", f.m.List("", ""), f.starter.running["T"])
	}
}

// TestTagsOfAFactory: the tags API of resources goes through PATCH.
func TestTagsOfAFactory(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/providers/Microsoft.Resources/tags/default?api-version=2021-04-01", `{"properties":{"tags":{"a":"b"}}}`)
	o := parse(t, f.must(t, 200, "GET", "$DF?$V", ""))
	if get(o, "tags", "a") != "b" || get(o, "identity", "type") != factory.SystemAssigned {
		t.Errorf("got %s, want the tag, and the identity kept", value.Append(nil, o))
	}
}

// TestRunsOfAnotherFactory: what is asked of a factory that is not there is told
// so, before anything is looked for in it.
func TestRunsOfAnotherFactory(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	other := strings.Replace(vars["$DF"], "contoso", "other", 1)
	for _, r := range [][2]string{
		{"POST", "/pipelines/P/createRun"}, {"GET", "/pipelineruns/x"}, {"POST", "/queryPipelineRuns"}, {"POST", "/queryTriggerRuns"},
		{"POST", "/pipelineruns/x/queryActivityruns"}, {"POST", "/pipelineruns/x/cancel"}, {"POST", "/querytriggers"}, {"POST", "/triggers/T/start"},
	} {
		if answer := f.must(t, 404, r[0], other+r[1]+"?$V", `{}`); !strings.Contains(answer, "ResourceNotFound") {
			t.Errorf("%s %s: got %s, want ResourceNotFound", r[0], r[1], answer)
		}
	}
}

// TestDeleteEndsRuns: a factory that is deleted while a run waits for an hour is
// gone at once, and so is the run.
func TestDeleteEndsRuns(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[{"name":"Long","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}]}}`)
	id := get(parse(t, f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", "")), "runId").(string)
	f.must(t, 200, "DELETE", "$DF?$V", "")
	if r, err := f.engine.PipelineRun(id); err == nil {
		t.Errorf("the run of a deleted factory is %s, want it forgotten", r.Status)
	}
	f.must(t, 200, "PUT", "$DF?$V", `{"location":"westeurope"}`)
	all := get(parse(t, f.must(t, 200, "POST", "$DF/queryPipelineRuns?$V", `{`+window()+`}`)), "value").(value.Array)
	if len(all) != 0 {
		t.Errorf("a new factory of the name has %d runs, want none", len(all))
	}
}

// TestQueryPages: a query answers 100 runs and a token for the rest; no run is
// missing or shown twice, whatever begins or is deleted between two pages.
func TestQueryPages(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[]}}`)
	f.must(t, 200, "PUT", "$DF/pipelines/Q?$V", `{"properties":{"activities":[]}}`)
	want := map[string]bool{}
	for i := range 215 {
		o := parse(t, f.must(t, 200, "POST", "$DF/pipelines/"+[]string{"P", "P", "Q"}[i%3]+"/createRun?$V", ""))
		want[get(o, "runId").(string)] = true
	}
	for _, c := range []struct {
		query string
		runs  int
		sizes string
	}{
		{"", 215, "[100 100 15]"},
		{`,"orderBy":[{"orderBy":"RunStart","order":"DESC"}]`, 215, "[100 100 15]"},
		{`,"orderBy":[{"orderBy":"Status","order":"ASC"}]`, 215, "[100 100 15]"},
		{`,"orderBy":[{"orderBy":"PipelineName","order":"DESC"},{"orderBy":"RunStart","order":"ASC"}]`, 215, "[100 100 15]"},
		{`,"filters":[{"operand":"PipelineName","operator":"Equals","values":["P"]}]`, 144, "[100 44]"},
		{`,"filters":[{"operand":"PipelineName","operator":"NotEquals","values":["P"]}]`, 71, "[71]"},
	} {
		seen := map[string]bool{}
		var sizes []int
		token, last := "", ""
		for more := true; more; more = token != "" {
			body := window() + c.query
			if token != "" {
				body += `,"continuationToken":"` + token + `"`
			}
			answer := parse(t, f.must(t, 200, "POST", "$DF/queryPipelineRuns?$V", `{`+body+`}`))
			page := get(answer, "value").(value.Array)
			sizes = append(sizes, len(page))
			for _, v := range page {
				o := v.(*value.Object)
				id, start := get(o, "runId").(string), get(o, "runStart").(string)
				if seen[id] || !want[id] {
					t.Errorf("%s: run %s is shown twice or does not exist", c.query, id)
				}
				seen[id] = true
				if c.query == "" && start < last {
					t.Errorf("run %s of %s comes after %s, want the oldest first", id, start, last)
				}
				last = start
			}
			token, _ = get(answer, "continuationToken").(string)
		}
		if got := fmt.Sprint(sizes); got != c.sizes || len(seen) != c.runs {
			t.Errorf("%s: pages of %s with %d runs, want %s with %d", c.query, got, len(seen), c.sizes, c.runs)
		}
	}
	for _, order := range []string{"", `,"orderBy":[{"orderBy":"Status","order":"ASC"}]`} {
		for _, token := range []string{`"x"`, `"-1"`, `7`, `"MjAyNi0wMS0wMQ"`} {
			f.must(t, 400, "POST", "$DF/queryPipelineRuns?$V", `{`+window()+order+`,"continuationToken":`+token+`}`)
		}
	}
}

// TestQueryOperands: every operand selects, and names that a query does not have
// are refused.
func TestQueryOperands(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[]}}`)
	id := get(parse(t, f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", "")), "runId").(string)
	f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", "")
	for _, c := range []struct {
		filter string
		want   int
	}{
		{`{"operand":"RunGroupId","operator":"Equals","values":["` + id + `"]}`, 1},
		{`{"operand":"RunGroupId","operator":"NotIn","values":["` + id + `","x"]}`, 1},
		{`{"operand":"Status","operator":"In","values":["Failed","Cancelled"]}`, 0},
		{`{"operand":"LatestOnly","operator":"Equals","values":[true]}`, 2},
		{`{"operand":"LatestOnly","operator":"Equals","values":[false]}`, 2},
		{`{"operand":"TriggeredByName","operator":"Equals","values":["Manual"]}`, 2},
		{`{"operand":"RunStart","operator":"Equals","values":["2000-01-01T00:00:00.0000000Z"]}`, 0},
	} {
		all := get(parse(t, f.must(t, 200, "POST", "$DF/queryPipelineRuns?$V", `{`+window()+`,"filters":[`+c.filter+`]}`)), "value").(value.Array)
		if len(all) != c.want {
			t.Errorf("%s: %d runs, want %d", c.filter, len(all), c.want)
		}
	}
	for _, bad := range []string{
		`"filters":[{"operand":"RunStart","operator":"Greater","values":["x"]}]`, `"filters":[{"operand":"RunStart","operator":"In"}]`,
		`"filters":{}`, `"filters":["x"]`, `"orderBy":[{"orderBy":"RunStart"}]`, `"orderBy":[{"orderBy":"Message","order":"ASC"}]`,
	} {
		f.must(t, 400, "POST", "$DF/queryPipelineRuns?$V", `{`+window()+`,`+bad+`}`)
	}
}

// TestRunOfMessage: from the id of a message to the runs that it started.
func TestRunOfMessage(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[]}}`)
	f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", "")
	for id, messages := range map[string]string{"one": `[{"messageId":"a"}]`, "two": `[{"messageId":"b"},{"messageId":"a"}]`, "none": `[]`} {
		check(t, f.m.WithFactory("contoso", func(p *pipeline.Factory) error {
			_, err := f.engine.CreateRun(t.Context(), p, "P", nil, engine.RunOptions{ID: id, Trigger: &run.TriggerInfo{
				ID: id, Name: "OnIn", Type: "ServiceBusTrigger", Time: time.Now(), Outputs: parse(t, `{"body":{"messages":`+messages+`}}`)}})
			return err
		}))
	}
	for filter, want := range map[string]int{
		`{"operand":"MessageId","operator":"Equals","values":["a"]}`:    2,
		`{"operand":"MessageId","operator":"In","values":["b","c"]}`:    1,
		`{"operand":"MessageId","operator":"Equals","values":["A"]}`:    0,
		`{"operand":"MessageId","operator":"NotEquals","values":["a"]}`: 2,
		`{"operand":"MessageId","operator":"NotIn","values":["c"]}`:     4,
	} {
		all := get(parse(t, f.must(t, 200, "POST", "$DF/queryPipelineRuns?$V", `{`+window()+`,"filters":[`+filter+`]}`)), "value").(value.Array)
		if len(all) != want {
			t.Errorf("%s: %d runs, want %d", filter, len(all), want)
		}
	}
	f.must(t, 400, "POST", "$DF/queryTriggerRuns?$V", `{`+window()+`,"filters":[{"operand":"MessageId","operator":"Equals","values":["a"]}]}`)
}

// TestRerun: a run with the parameters of another one; those of the body don't count
// [ADF-REST 5].
func TestRerun(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"parameters":{"n":{"type":"Int"},"key":{"type":"SecureString"}},"activities":[
		{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"v","value":"@concat(pipeline().parameters.key, string(pipeline().parameters.n))"}}],
		"variables":{"v":{"type":"String"}}}}`)
	id := get(parse(t, f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", `{"n":7,"key":"s3cret"}`)), "runId").(string)
	again := get(parse(t, f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V&isRecovery=false&startFromFailure=false&referencePipelineRunId="+id, `{"n":8}`)), "runId").(string)
	if again == id {
		t.Fatal("the run has the id of the other one")
	}
	for _, id := range []string{id, again} {
		if _, err := f.engine.Wait(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := f.engine.Parameters(id)
	b, err := f.engine.Parameters(again)
	if err != nil || string(value.Append(nil, a)) != string(value.Append(nil, b)) {
		t.Errorf("parameters %s, %v, want those of the first run", value.Append(nil, b), err)
	}
	f.must(t, 404, "POST", "$DF/pipelines/P/createRun?$V&referencePipelineRunId=nowhere", "")
	for _, refused := range []string{"startFromFailure=true", "startActivityName=Set", "definition=original", "definition=then",
		"isRecovery=yes", "isRecovery=true&startActivityName=Nope", "isRecovery=true&startFromFailure=1x"} {
		answer := f.must(t, 400, "POST", "$DF/pipelines/P/createRun?$V&referencePipelineRunId="+id+"&"+refused, "")
		name, text, _ := strings.Cut(refused[strings.LastIndex(refused, "&")+1:], "=")
		if !strings.Contains(answer, name) && !strings.Contains(answer, text) {
			t.Errorf("%s: %s, want its name", refused, answer)
		}
	}
	if answer := f.must(t, 400, "POST", "$DF/pipelines/P/createRun?$V&isRecovery=true", ""); !strings.Contains(answer, "referencePipelineRunId") {
		t.Errorf("without a run: %s", answer)
	}
	f.must(t, 404, "POST", "$DF/pipelines/P/createRun?$V&isRecovery=true&referencePipelineRunId=nowhere", "")
}

// TestItemsOfLoops: what a ForEach goes through is shown to those who ask.
func TestItemsOfLoops(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[{"name":"Each","type":"ForEach","typeProperties":{
		"items":{"value":"@createArray('a','b')","type":"Expression"},"activities":[{"name":"F","type":"Filter","typeProperties":{"items":{"value":"@json('[]')","type":"Expression"},"condition":{"value":"@equals(1,1)","type":"Expression"}}}]}}]}}`)
	id := get(parse(t, f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", "")), "runId").(string)
	if _, err := f.engine.Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"":            `{"path":"Each","attempt":1,"itemCount":2}`,
		"&items=true": `{"path":"Each","attempt":1,"itemCount":2,"items":["a","b"]}`,
	} {
		list := get(parse(t, f.must(t, 200, "POST", "$DF/pipelineruns/"+id+"/queryActivityruns?$V"+query, `{`+window()+`}`)), "value").(value.Array)
		if got := string(value.Append(nil, get(list[0].(*value.Object), "switchyard"))); got != want {
			t.Errorf("%q: got %s, want %s", query, got, want)
		}
	}
}
