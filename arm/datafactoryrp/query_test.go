package datafactoryrp_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/arm/armtest"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// A queried is one of the three queries with records in it.
type queried struct {
	path, id string // where to ask, and which member tells records apart
	names    map[string]string
	only     string // a filter of what is ordered
	t        *testing.T
	f        *fixture
}

// ask returns the records in their order, by the names that the test gives them.
func (q *queried) ask(members string) string {
	q.t.Helper()
	answer := parse(q.t, q.f.must(q.t, 200, "POST", q.path, `{`+window()+members+`}`))
	var names []string
	for _, v := range get(answer, "value").(value.Array) {
		id := get(v.(*value.Object), q.id).(string)
		if name, ok := q.names[id]; ok {
			id = name
		}
		names = append(names, id)
	}
	return strings.Join(names, " ")
}

func (q *queried) filtered(operand, operator string, values ...string) string {
	q.t.Helper()
	return q.ask(fmt.Sprintf(`,"filters":[{"operand":%q,"operator":%q,"values":["%s"]}]`, operand, operator, strings.Join(values, `","`)))
}

// A queryRow is an operand with the values of two records, of which the first has one only.
type queryRow struct {
	operand, one, other string
	equals, notEquals   string // the records of the one value, and those of others
}

// operators asks with each operator.
func (q *queried) operators(rows []queryRow) {
	q.t.Helper()
	for _, r := range rows {
		all := len(strings.Fields(r.equals)) + len(strings.Fields(r.notEquals))
		for _, c := range []struct{ operator, got, want string }{
			{"Equals", q.filtered(r.operand, "Equals", r.one), r.equals},
			{"NotEquals", q.filtered(r.operand, "NotEquals", r.one), r.notEquals},
			{"In", q.filtered(r.operand, "In", r.one, "nothing"), r.equals},
			{"NotIn", q.filtered(r.operand, "NotIn", r.one, "nothing"), r.notEquals},
			{"Equals nothing", q.filtered(r.operand, "Equals", "nothing"), ""},
			{"Equals in capitals", q.filtered(r.operand, "Equals", strings.ToUpper(r.one)+"x"), ""},
		} {
			if c.got != c.want {
				q.t.Errorf("%s: %s %s: got %q, want %q", q.path, r.operand, c.operator, c.got, c.want)
			}
		}
		if both := q.filtered(r.operand, "In", r.one, r.other); len(strings.Fields(both)) <= len(strings.Fields(r.equals)) ||
			len(strings.Fields(both)) > all {
			q.t.Errorf("%s: %s In of two values: got %q, want more than %q", q.path, r.operand, both, r.equals)
		}
	}
}

// ordered asks in each order, which is to be the reverse of the other one.
func (q *queried) ordered(by, ascending string) {
	q.t.Helper()
	order := func(dir string) string {
		return q.ask(q.only + fmt.Sprintf(`,"orderBy":[{"orderBy":%q,"order":%q}]`, by, dir))
	}
	reverse := strings.Fields(ascending)
	slices.Reverse(reverse)
	if got := order("ASC"); got != ascending {
		q.t.Errorf("%s by %s: got %q, want %q", q.path, by, got, ascending)
	}
	if got, want := order("DESC"), strings.Join(reverse, " "); got != want {
		q.t.Errorf("%s by %s DESC: got %q, want %q", q.path, by, got, want)
	}
}

// runOf starts a run and waits for its end.
func (f *fixture) runOf(t *testing.T, name string) string {
	t.Helper()
	id := get(parse(t, f.must(t, 200, "POST", "$DF/pipelines/"+name+"/createRun?$V", "")), "runId").(string)
	if _, err := f.engine.Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestQueries: every operand, operator and order of the three queries [ADF-REST 5].
func TestQueries(t *testing.T) { synctest.Test(t, testQueries) }

func testQueries(t *testing.T) {
	time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))) // of the bubble: into the window
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/A?$V", `{"properties":{"activities":[
		{"name":"A1","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
		{"name":"B2","type":"Wait","dependsOn":[{"activity":"A1","dependencyConditions":["Succeeded"]}],"typeProperties":{"waitTimeInSeconds":1}},
		{"name":"C3","type":"Fail","dependsOn":[{"activity":"B2","dependencyConditions":["Succeeded"]}],
			"typeProperties":{"message":"m","errorCode":"1"}}]}}`)
	f.must(t, 200, "PUT", "$DF/pipelines/B?$V", `{"properties":{"activities":[]}}`)
	first := f.runOf(t, "A")
	time.Sleep(time.Second)
	second := f.runOf(t, "B")
	one, other := f.record(t, first), f.record(t, second)

	runs := &queried{"$DF/queryPipelineRuns?$V", "runId", map[string]string{first: "a", second: "b"}, "", t, f}
	runs.operators([]queryRow{
		{"PipelineName", "A", "B", "a", "b"},
		{"Status", "Failed", "Succeeded", "a", "b"},
		{"RunStart", one("runStart"), other("runStart"), "a", "b"},
		{"RunEnd", one("runEnd"), other("runEnd"), "a", "b"},
		{"RunGroupId", first, second, "a", "b"},
	})
	for by, want := range map[string]string{"PipelineName": "a b", "RunStart": "a b", "RunEnd": "a b", "Status": "a b"} {
		runs.ordered(by, want)
	}
	start, _ := time.Parse(time.RFC3339Nano, one("runStart"))
	elsewhere := start.In(time.FixedZone("", 7200)).Format("2006-01-02T15:04:05.0000000-07:00")
	if got := runs.filtered("RunStart", "Equals", elsewhere); got != "a" {
		t.Errorf("the start of a run, written in another zone (%s): got %q, want a", elsewhere, got)
	}
	if got := runs.ask(`,"filters":[{"operand":"PipelineName","operator":"Equals","values":["A"]},{"operand":"Status","operator":"Equals","values":["Succeeded"]}]`); got != "" {
		t.Errorf("two filters: got %q, want the runs that both let through, none", got)
	}

	names := map[string]string{"A1": "a", "B2": "b", "C3": "c"}
	activities := &queried{"$DF/pipelineruns/" + first + "/queryActivityruns?$V", "activityName", names, "", t, f}
	a, b := f.activity(t, first, 0), f.activity(t, first, 1)
	activities.operators([]queryRow{
		{"ActivityName", "A1", "B2", "a", "b c"},
		{"ActivityType", "Fail", "Wait", "c", "a b"},
		{"ActivityRunStart", a("activityRunStart"), b("activityRunStart"), "a", "b c"},
		{"ActivityRunEnd", a("activityRunEnd"), b("activityRunEnd"), "a", "b c"},
		{"Status", "Failed", "Succeeded", "c", "a b"},
	})
	for _, by := range []string{"ActivityName", "ActivityRunStart"} {
		activities.ordered(by, "a b c")
	}
	activities.only = `,"filters":[{"operand":"Status","operator":"Equals","values":["Succeeded"]}]` // c ends with b
	activities.ordered("ActivityRunEnd", "a b")
	activities.only = ""
	if got := activities.ask(`,"orderBy":[{"orderBy":"Status","order":"ASC"},{"orderBy":"ActivityName","order":"DESC"}]`); got != "c b a" {
		t.Errorf("activity runs by status and the other way round by name: got %q, want c b a", got)
	}

	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i, name := range []string{"T", "U"} {
		check(t, f.m.WithFactory("contoso", func(p *pipeline.Factory) error {
			_, err := f.engine.CreateRun(t.Context(), p, "B", nil, engine.RunOptions{Trigger: &run.TriggerInfo{
				ID: name + "-id", Name: name, Type: "ServiceBusTrigger", Time: at.Add(time.Duration(i) * time.Hour)}})
			return err
		}))
		time.Sleep(time.Second) // of the bubble
	}
	triggers := &queried{"$DF/queryTriggerRuns?$V", "triggerRunId", map[string]string{"T-id": "t", "U-id": "u"}, "", t, f}
	shown := get(parse(t, f.must(t, 200, "POST", "$DF/queryTriggerRuns?$V", `{`+window()+`}`)), "value").(value.Array)
	triggers.operators([]queryRow{
		{"TriggerName", "T", "U", "t", "u"},
		{"TriggerRunTimestamp", get(shown[0].(*value.Object), "triggerRunTimestamp").(string),
			get(shown[1].(*value.Object), "triggerRunTimestamp").(string), "t", "u"},
	})
	if got := triggers.filtered("Status", "NotIn", "Failed", "Inprogress"); got != "t u" {
		t.Errorf("trigger runs that are neither Failed nor in progress: got %q, want t u", got)
	}
	for by, want := range map[string]string{"TriggerName": "t u", "TriggerRunTimestamp": "t u"} {
		triggers.ordered(by, want)
	}
}

// record returns the members of a run.
func (f *fixture) record(t *testing.T, id string) func(member string) string {
	o := parse(t, f.must(t, 200, "GET", "$DF/pipelineruns/"+id+"?$V", ""))
	return func(member string) string { return get(o, member).(string) }
}

// activity returns the members of an activity run of a run.
func (f *fixture) activity(t *testing.T, id string, i int) func(member string) string {
	list := get(parse(t, f.must(t, 200, "POST", "$DF/pipelineruns/"+id+"/queryActivityruns?$V", `{`+window()+`}`)), "value").(value.Array)
	return func(member string) string { return get(list[i].(*value.Object), member).(string) }
}

// TestQueriesRefused: what a query does not know is refused, and the error names it.
func TestQueriesRefused(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	f.must(t, 200, "PUT", "$DF/pipelines/P?$V", `{"properties":{"activities":[]}}`)
	runs, activities, triggers := "$DF/queryPipelineRuns?$V", "$DF/pipelineruns/"+f.runOf(t, "P")+"/queryActivityruns?$V", "$DF/queryTriggerRuns?$V"
	filter := func(operand, operator, values string) string {
		return fmt.Sprintf(`,"filters":[{"operand":%q,"operator":%q,"values":%s}]`, operand, operator, values)
	}
	for _, c := range []struct{ path, members, want string }{
		{runs, filter("TriggerName", "Equals", `["x"]`), "queryPipelineRuns can't be filtered by 'TriggerName', but by LatestOnly, MessageId, PipelineName"},
		{runs, filter("ActivityName", "Equals", `["x"]`), "'ActivityName'"},
		{runs, filter("pipelineName", "Equals", `["x"]`), "'pipelineName'"},
		{activities, filter("PipelineName", "Equals", `["x"]`), "queryActivityruns can't be filtered by 'PipelineName', but by ActivityName"},
		{triggers, filter("RunStart", "Equals", `["x"]`), "queryTriggerRuns can't be filtered by 'RunStart', but by Status, TriggerName, TriggerRunTimestamp"},
		{runs, filter("Status", "Contains", `["x"]`), "the operator 'Contains' is none of Equals, In, NotEquals, NotIn"},
		{runs, filter("Status", "Equals", `["x","y"]`), "filter on Status: Equals takes one value and there are 2"},
		{runs, filter("Status", "In", `[]`), "filter on Status: values should be a list of texts"},
		{runs, filter("Status", "In", `"x"`), "filter on Status: values should be a list of texts"},
		{runs, filter("Status", "In", `["x",null]`), "filter on Status: values should be a list of texts"},
		{runs, filter("LatestOnly", "Equals", `["yes"]`), "filter on LatestOnly: it should be Equals with the value true or false"},
		{runs, filter("LatestOnly", "NotEquals", `["true"]`), "filter on LatestOnly"},
		{runs, `,"filters":[{"operand":"Status","operator":"Equals","value":["x"]}]`, "a filter has no member 'value'"},
		{runs, `,"filter":[]`, "queryPipelineRuns has no member 'filter', but lastUpdatedAfter"},
		{runs, `,"orderBy":[{"orderBy":"TriggerName","order":"ASC"}]`, "queryPipelineRuns can't be ordered by 'TriggerName', but by PipelineName, RunEnd, RunStart, Status"},
		{activities, `,"orderBy":[{"orderBy":"ActivityType","order":"ASC"}]`, "queryActivityruns can't be ordered by 'ActivityType'"},
		{triggers, `,"orderBy":[{"orderBy":"Status","order":"down"}]`, "orderBy Status: the order 'down' is none of ASC, DESC"},
		{triggers, `,"orderBy":[{"orderBy":"Status","order":"ASC","nulls":"last"}]`, "an element of orderBy has no member 'nulls'"},
	} {
		if answer := f.must(t, 400, "POST", c.path, `{`+window()+c.members+`}`); !strings.Contains(answer, c.want) {
			t.Errorf("%s %s: got %s, want %q", c.path, c.members, answer, c.want)
		}
	}
	for _, path := range []string{runs, activities, triggers} {
		if answer := f.must(t, 400, "POST", path, `{"lastUpdatedAfter":"2026-01-01T00:00:00Z"}`); !strings.Contains(answer, "lastUpdatedBefore is required") {
			t.Errorf("%s without a bound: %s", path, answer)
		}
	}
	if answer := f.must(t, 400, "POST", "$DF/querytriggers?$V", `{"parent":"x"}`); !strings.Contains(answer, "'parent'") {
		t.Errorf("query of triggers: %s, want the member's name", answer)
	}
	id := get(parse(t, f.must(t, 200, "POST", "$DF/pipelines/P/createRun?$V", "")), "runId").(string)
	if answer := f.must(t, 400, "POST", "$DF/pipelineruns/"+id+"/cancel?$V&isRecursive=yes", ""); !strings.Contains(answer, "isRecursive is 'yes'") {
		t.Errorf("cancel: %s, want the parameter's name", answer)
	}
}
