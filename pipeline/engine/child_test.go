package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// callOf is an ExecutePipeline activity.
func callOf(name, pipeline string, wait bool, more ...string) string {
	return fmt.Sprintf(`{"name":%q,"type":"ExecutePipeline","typeProperties":{"pipeline":{"referenceName":%q,"type":"PipelineReference"},"waitOnCompletion":%t%s}}`,
		name, pipeline, wait, strings.Join(append([]string{""}, more...), ","))
}

const (
	waitMinute = `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":60}}`
	boom       = `{"name":"Boom","type":"Fail","typeProperties":{"message":"nope","errorCode":"417"}}`
)

// newFamily is a world whose runs find each other's pipelines.
func newFamily(t testing.TB, memory *enginetest.Memory, pipelines ...string) *world {
	w := newWorld(t, memory, pipelines...)
	w.options.Factory = func(string) (*pipeline.Factory, error) { return w.factory, nil }
	return w
}

// children returns the runs that a run has started, the oldest first.
func (w *world) children(parent string) (list []*engine.PipelineRun) {
	w.t.Helper()
	list, _, err := w.engine.Query(engine.Query{Factory: "f", Where: func(p *engine.PipelineRun) bool {
		return p.InvokedBy.PipelineRunID == parent
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// failure is the error of the first record of an activity, as "code: message".
func (w *world) failure(id, name string) string {
	w.t.Helper()
	as, err := activityRuns(w.engine, id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range as {
		if a.Name == name && a.Error != nil {
			return a.Error.Code + ": " + a.Error.Message
		}
	}
	return ""
}

// childVector is a case of pipelines-child.json.
type childVector struct {
	Name, Run  string
	Pipelines  map[string]json.RawMessage
	Parameters json.RawMessage
	Want       struct {
		Status, Message string
		Activities      map[string]string
		Counts          map[string]int
		Outputs         map[string]map[string]json.RawMessage
		Errors          map[string]struct{ ErrorCode, Message string }
		Refused         bool
		Says            string
	}
}

func TestChildVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/pipelines-child.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []childVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 8 {
		t.Fatalf("%d vectors, want 8", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { v.test(t) })
		})
	}
}

func (v *childVector) test(t *testing.T) {
	var texts []string
	for name, properties := range v.Pipelines {
		texts = append(texts, fmt.Sprintf(`{"name":%q,"properties":%s}`, name, properties))
	}
	w := newFamily(t, enginetest.NewMemory(nil), texts...)
	if err := w.factory.Validate().Err(); v.Want.Refused != (err != nil) || err != nil && !strings.Contains(err.Error(), v.Want.Says) {
		t.Fatalf("validate: got %v, want refused: %v, with %q", err, v.Want.Refused, v.Want.Says)
	}
	if v.Want.Refused {
		return
	}
	var params *value.Object
	if v.Parameters != nil {
		p, err := value.Parse(v.Parameters)
		if err != nil {
			t.Fatal(err)
		}
		params = p.(*value.Object)
	}
	w.start()
	id := w.create(v.Run, params, engine.RunOptions{})
	if got := w.wait(id); got.String() != v.Want.Status || !strings.Contains(w.message(id), v.Want.Message) {
		t.Errorf("got %s, %q; want %s, %q", got, w.message(id), v.Want.Status, v.Want.Message)
	}
	as, err := activityRuns(w.engine, id)
	if err != nil {
		t.Fatal(err)
	}
	last, counts := map[string]*engine.ActivityRun{}, map[string]int{}
	for _, a := range as {
		last[a.Name] = a
		counts[a.Name]++
	}
	for name, want := range v.Want.Activities {
		got := "Skipped"
		if a := last[name]; a != nil {
			got = a.Status.String()
		}
		if got != want {
			t.Errorf("activity %s: got %s, want %s", name, got, want)
		}
	}
	for name, want := range v.Want.Counts {
		if counts[name] != want {
			t.Errorf("activity %s has %d records, want %d", name, counts[name], want)
		}
	}
	for name, members := range v.Want.Outputs {
		for member, want := range members {
			output, _ := last[name].Output.(*value.Object)
			got, _ := output.Get(member)
			if wanted, err := value.Parse(want); err != nil || string(value.Append(nil, got)) != string(value.Append(nil, wanted)) {
				t.Errorf("output of %s, %s: got %s, want %s", name, member, value.Append(nil, got), want)
			}
		}
	}
	for name, want := range v.Want.Errors {
		if got := last[name].Error; got == nil || got.Code != want.ErrorCode || !strings.Contains(got.Message, want.Message) {
			t.Errorf("error of %s: got %+v, want %+v", name, got, want)
		}
	}
	w.engine.Stop(time.Minute)
}

// TestChildFacts: what a child's record says, what its expressions see, and what its parent
// answers with, also when it has failed.
func TestChildFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("Parent", callOf("Good", "child", true, `"parameters":{"list":"[1,2]","n":"7"}`)+`,`+callOf("Bad", "CHILD", true, `"parameters":{"list":[],"fail":true}`)),
			pipelineJSON("Child", `
				{"name":"Return","type":"SetVariable","typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
					{"key":"by","value":{"type":"Expression","content":"@pipeline()?.TriggeredByPipelineName"}},
					{"key":"parent","value":{"type":"Expression","content":"@pipeline()?.TriggeredByPipelineRunId"}},
					{"key":"type","value":{"type":"Expression","content":"@pipeline().TriggerType"}},
					{"key":"group","value":{"type":"Expression","content":"@equals(pipeline().GroupId,pipeline().RunId)"}},
					{"key":"list","value":{"type":"Expression","content":"@pipeline().parameters.list"}},
					{"key":"n","value":{"type":"Expression","content":"@pipeline().parameters.n"}}]}},
				{"name":"If","type":"IfCondition","dependsOn":[{"activity":"Return","dependencyConditions":["Succeeded"]}],"typeProperties":{"expression":"@pipeline().parameters.fail","ifTrueActivities":[`+boom+`]}}`,
				`"parameters":{"list":{"type":"Array"},"n":{"type":"Int","defaultValue":1},"fail":{"type":"Bool","defaultValue":false}}`))
		w.start()
		id := w.create("Parent", nil, engine.RunOptions{})
		if got := w.wait(id); got != run.Failed {
			t.Fatalf("status: got %s (%s), want Failed", got, w.message(id))
		}
		as, _ := activityRuns(w.engine, id)
		kids := w.children(id)
		if len(kids) != 2 || len(as) != 2 {
			t.Fatalf("%d children and %d activities, want 2 of each", len(kids), len(as))
		}
		if kids[0].InvokedBy.ID != as[0].ID { // they started in the same moment
			slices.Reverse(kids)
		}
		for i, k := range kids {
			o := k.JSON()
			by, _ := o.Get("invokedBy")
			want := fmt.Sprintf(`{"id":%q,"name":%q,"invokedByType":"PipelineActivity","pipelineName":"Parent","pipelineRunId":%q}`, as[i].ID, as[i].ID, id)
			if got := string(value.Append(nil, by)); got != want {
				t.Errorf("invokedBy of child %d: got %s, want %s", i, got, want)
			}
			if group, _ := o.Get("runGroupId"); group != k.RunID || k.Pipeline != "Child" {
				t.Errorf("child %d: got group %v and pipeline %s, want its own id and Child", i, group, k.Pipeline)
			}
		}
		returned := func(list, n string) string {
			return fmt.Sprintf(`{"by":"Parent","parent":%q,"type":"PipelineActivity","group":true,"list":%s,"n":%s}`, id, list, n)
		}
		for i, want := range []string{
			fmt.Sprintf(`{"pipelineName":"child","pipelineRunId":%q,"pipelineReturnValue":%s}`, kids[0].RunID, returned("[1,2]", "7")),
			fmt.Sprintf(`{"pipelineName":"CHILD","pipelineRunId":%q,"pipelineReturnValue":%s}`, kids[1].RunID, returned("[]", "1")),
		} {
			if got := string(value.Append(nil, as[i].Output)); got != want {
				t.Errorf("output of %s:\n got %s\nwant %s", as[i].Name, got, want)
			}
		}
		const text = "Activity failed because an inner activity failed; Inner activity name: Boom, Error: nope"
		e, _ := as[1].JSON().Get("error")
		if got, want := string(value.Append(nil, e)), `{"errorCode":"BadRequest","message":"Operation on target If failed: `+text+`","failureType":"UserError","target":"Bad","details":""}`; got != want {
			t.Errorf("error of Bad: got %s, want %s", got, want)
		}
		if got, want := w.message(id), "Operation on target Bad failed: Operation on target If failed: "+text; got != want {
			t.Errorf("message: got %q, want %q", got, want)
		}
		w.engine.Stop(0)
	})
}

// TestChildNotCreated: a call that can't be made fails by name, and no run is made.
func TestChildNotCreated(t *testing.T) {
	deep := callOf("Call", "p", true)
	for _, c := range []struct {
		name, parent, child, want string
		options                   func(*engine.Options)
	}{
		{"no such pipeline", callOf("Call", "gone", true), "", "PipelineNotFound: The pipeline 'gone' does not exist in data factory 'f'.", nil},
		{"a parameter without value", callOf("Call", "c", true), `"parameters":{"x":{"type":"Int"}}`,
			`PipelineParametersInvalid: The pipeline 'c' can't be run: parameter "x" has no value and no default.`, nil},
		{"a parameter of another type", callOf("Call", "c", true, `"parameters":{"x":"many"}`), `"parameters":{"x":{"type":"Int"}}`,
			`PipelineParametersInvalid: The pipeline 'c' can't be run: parameter "x" of type Int does not take a value of type String.`, nil},
		{"a parameter that is not declared", callOf("Call", "c", true, `"parameters":{"y":1}`), "",
			`PipelineParametersInvalid: The pipeline 'c' can't be run: parameter "y" is not declared by the pipeline.`, nil},
		{"a run dimension that fails", callOf("Call", "c", true), `"runDimensions":{"d":"@pipeline().Nope"}`, "BadRequest: The pipeline 'c' can't be run: run dimension \"d\": *", nil},
		{"a call of itself for ever", deep, "", "BadRequest: Operation on target Call failed: *", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFamily(t, enginetest.NewMemory(nil), pipelineJSON("p", c.parent))
				if c.child != "" || strings.Contains(c.parent, `"c"`) {
					more := []string{}
					if c.child != "" {
						more = append(more, c.child)
					}
					def, ds := pipeline.ParsePipeline("c", []byte(pipelineJSON("c", waitMinute, more...)))
					if err := ds.Err(); err != nil {
						t.Fatal(err)
					}
					w.factory.PutPipeline(def)
				}
				w.start()
				id := w.create("p", nil, engine.RunOptions{})
				if got := w.wait(id); got != run.Failed {
					t.Fatalf("status: got %s, want Failed", got)
				}
				got := w.failure(id, "Call")
				if prefix, cut := strings.CutSuffix(c.want, "*"); got != c.want && !(cut && strings.HasPrefix(got, prefix)) {
					t.Errorf("got %q, want %q", got, c.want)
				}
				if c.parent != deep && len(w.children(id)) > 0 {
					t.Error("there is a run all the same")
				}
				w.engine.Stop(0)
			})
		})
	}
}

// TestDepthIsBounded: a pipeline that runs itself, waiting or not, ends by name at the
// hundredth call.
func TestDepthIsBounded(t *testing.T) {
	for _, wait := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newFamily(t, enginetest.NewMemory(nil), pipelineJSON("p", callOf("Call", "p", wait)))
			w.start()
			w.create("p", nil, engine.RunOptions{})
			synctest.Wait()
			list, _, err := w.engine.Query(engine.Query{Factory: "f"})
			if err != nil {
				t.Fatal(err)
			}
			if len(list) != 101 {
				t.Fatalf("waiting %t: %d runs, want 101", wait, len(list))
			}
			named := 0
			for _, p := range list {
				if e := w.failure(p.RunID, "Call"); strings.HasPrefix(e, "PipelineDepthExceeded: The pipeline 'p' is not run: 100 runs") {
					named++
				}
			}
			if named != 1 {
				t.Errorf("waiting %t: %d calls name the limit, want 1", wait, named)
			}
			w.engine.Stop(0)
		})
	}
}

// TestSlotsOfAncestors: a call whose run would wait for a slot that only ends with the
// caller fails by name; one whose run only has to wait gets its turn.
func TestSlotsOfAncestors(t *testing.T) {
	loop := func(n int, call string) string {
		return fmt.Sprintf(`{"name":"Loop","type":"ForEach","typeProperties":{"items":"@range(1,%d)","activities":[%s]}}`, n, call)
	}
	for _, c := range []struct {
		name      string
		pipelines []string
		starts    []string
		want      string // status of the runs that are started
		stuck     int    // calls that name the deadlock
	}{
		{"a child of the same pipeline", []string{pipelineJSON("p", callOf("Call", "p", true), `"concurrency":1`)}, []string{"p"}, "Failed", 1},
		{"a grandchild of the same pipeline", []string{pipelineJSON("p", callOf("Call", "q", true), `"concurrency":1`), pipelineJSON("q", callOf("Call", "p", true))},
			[]string{"p"}, "Failed", 1},
		{"not waited for", []string{pipelineJSON("p", callOf("Call", "q", false), `"concurrency":1`), pipelineJSON("q", callOf("Call", "r", true), `"concurrency":1`), pipelineJSON("r", waitMinute, `"concurrency":1`)},
			[]string{"p"}, "Succeeded", 0},
		{"children one after the other", []string{pipelineJSON("p", loop(5, callOf("Call", "q", true))), pipelineJSON("q", waitMinute, `"concurrency":1`)},
			[]string{"p", "p"}, "Succeeded", 0},
		// Each of the two holds the slot that the other's child waits for, and once the second
		// is told so, the child of the first comes to the same.
		{"two families", []string{pipelineJSON("p", waitMinute+`,`+strings.Replace(callOf("Call", "q", true), `"type"`, `"dependsOn":[{"activity":"W"}],"type"`, 1), `"concurrency":1`),
			pipelineJSON("q", `{"name":"V","type":"Wait","typeProperties":{"waitTimeInSeconds":90}},`+strings.Replace(callOf("Call", "p", true), `"type"`, `"dependsOn":[{"activity":"V"}],"type"`, 1), `"concurrency":1`)},
			[]string{"p", "q"}, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFamily(t, enginetest.NewMemory(nil), c.pipelines...)
				w.start()
				var ids []string
				for _, name := range c.starts {
					ids = append(ids, w.create(name, nil, engine.RunOptions{}))
				}
				for _, id := range ids {
					if got := w.wait(id); c.want != "" && got.String() != c.want {
						t.Errorf("status: got %s (%s), want %s", got, w.message(id), c.want)
					}
				}
				list, _, _ := w.engine.Query(engine.Query{Factory: "f"})
				stuck := 0
				for _, p := range list {
					if strings.HasPrefix(w.failure(p.RunID, "Call"), "PipelineConcurrencyDeadlock: ") {
						stuck++
					}
				}
				if stuck != c.stuck {
					t.Errorf("%d calls name the deadlock, want %d", stuck, c.stuck)
				}
				w.engine.Stop(time.Hour)
			})
		})
	}
}

// TestTooManyQueuedChildren: what the queue of a pipeline does not take fails in Data
// Factory's words.
func TestTooManyQueuedChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("p", `{"name":"Loop","type":"ForEach","typeProperties":{"items":"@range(1,4)","activities":[`+callOf("Call", "q", true)+`]}}`),
			pipelineJSON("q", waitMinute, `"concurrency":1`))
		w.options.MaxQueuedRuns = 2
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		w.wait(id)
		const want = "PipelineRunThrottled: Pipeline execution throttled. If the concurrency value is set for a pipeline, a maximum of 2 runs will be queued for execution."
		if got := w.failure(id, "Call"); got != want || len(w.children(id)) != 3 {
			t.Errorf("got %q and %d children, want %q and 3", got, len(w.children(id)), want)
		}
		w.engine.Stop(0)
	})
}

// TestCancelFamily: a recursive cancellation ends all that a run has started, at any depth,
// also behind a run that has ended; another one ends the run alone.
func TestCancelFamily(t *testing.T) {
	for _, recursive := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newFamily(t, enginetest.NewMemory(nil),
				pipelineJSON("top", callOf("Call", "middle", true)+`,`+callOf("Fire", "gone", false)),
				pipelineJSON("middle", callOf("Call", "leaf", true)),
				pipelineJSON("gone", callOf("Fire", "leaf", false)),
				pipelineJSON("leaf", waitMinute))
			w.start()
			other := w.create("leaf", nil, engine.RunOptions{})
			top := w.create("top", nil, engine.RunOptions{})
			synctest.Wait()
			if _, attempts := w.engine.Busy(); attempts != 0 {
				t.Errorf("%d attempts are made for what only waits", attempts)
			}
			if err := w.engine.Cancel(top, recursive); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			got := map[string][]string{}
			list, _, _ := w.engine.Query(engine.Query{Factory: "f"})
			for _, p := range list {
				if p.RunID != other {
					got[p.Pipeline] = append(got[p.Pipeline], p.Status.String())
				}
			}
			want := "map[gone:[Succeeded] leaf:[Cancelled Cancelled] middle:[Cancelled] top:[Cancelled]]"
			if !recursive {
				want = "map[gone:[Succeeded] leaf:[InProgress InProgress] middle:[InProgress] top:[Cancelled]]"
			}
			if fmt.Sprint(got) != want {
				t.Errorf("recursive %t: got %v, want %s", recursive, got, want)
			}
			if s := w.wait(other); s != run.Succeeded {
				t.Errorf("recursive %t: a run of its own: got %s, want Succeeded", recursive, s)
			}
			w.engine.Stop(time.Hour)
		})
	}
}

// TestCancelledChild: an activity whose run somebody cancels fails, and what handles its
// failure runs.
func TestCancelledChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("p", callOf("Call", "q", true)+`,{"name":"Handle","type":"Wait","dependsOn":[{"activity":"Call","dependencyConditions":["Failed"]}],"typeProperties":{"waitTimeInSeconds":1}}`),
			pipelineJSON("q", waitMinute))
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		if err := w.engine.Cancel(w.children(id)[0].RunID, false); err != nil {
			t.Fatal(err)
		}
		if got := w.wait(id); got != run.Succeeded || w.activities(id) != "Call:Failed Handle:Succeeded" {
			t.Errorf("got %s with %s, want Succeeded with a failed call and its handler", got, w.activities(id))
		}
		if got, want := w.failure(id, "Call"), "BadRequest: The pipeline run ended with the status Cancelled."; got != want {
			t.Errorf("error: got %q, want %q", got, want)
		}
		w.engine.Stop(0)
	})
}

// TestSecretsGoDown: what is secret in a run stays masked in the runs that it starts and in
// what they return.
func TestSecretsGoDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newFamily(t, r.Memory,
			pipelineJSON("p", strings.Replace(callOf("Call", "q", true, `"parameters":{"plain":"@pipeline().parameters.key","other":"swordfish","free":"word"}`), `"type"`, `"policy":{"secureInput":true},"type"`, 1)+
				`,{"name":"Use","type":"SetVariable","dependsOn":[{"activity":"Call"}],"typeProperties":{"variableName":"v","value":"@activity('Call').output.pipelineReturnValue.own"}}`,
				`"parameters":{"key":{"type":"SecureString"}},"variables":{"v":{"type":"String"}}`),
			pipelineJSON("q", `{"name":"Return","type":"SetVariable","typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
				{"key":"own","value":{"type":"Expression","content":"@pipeline().parameters.own"}}]}}`,
				`"parameters":{"plain":{"type":"String"},"other":{"type":"String"},"free":{"type":"String"},"own":{"type":"SecureString","defaultValue":"correct horse"}}`))
		w.options.Sealer = xor{}
		w.start()
		id := w.create("p", value.NewObject(value.Member{Name: "key", Value: "hunter2"}), engine.RunOptions{})
		if got := w.wait(id); got != run.Succeeded {
			t.Fatalf("status: got %s (%s), want Succeeded", got, w.message(id))
		}
		shown := ""
		for _, p := range append(w.children(id), w.children("")...) {
			shown += string(value.Append(nil, p.JSON()))
			as, err := activityRuns(w.engine, p.RunID)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range as {
				shown += string(value.Append(nil, a.JSON()))
			}
		}
		for _, secret := range []string{"hunter2", "swordfish", "correct horse"} {
			if strings.Contains(shown, secret) {
				t.Errorf("the records show %q: %s", secret, shown)
			}
		}
		wantSealed(t, r, "hunter2", "swordfish") // the definition has the third
		if strings.Contains(shown, `"free":"word"`) {
			t.Errorf("the records show what was given by a secure input: %s", shown)
		}
		w.engine.Stop(0)
	})
}

// shownOf is all that is shown of a run.
func (w *world) shownOf(id string) string {
	p, err := w.engine.PipelineRun(id)
	if err != nil {
		w.t.Fatal(err)
	}
	as, err := activityRuns(w.engine, id)
	if err != nil {
		w.t.Fatal(err)
	}
	shown := string(value.Append(nil, p.JSON()))
	for _, a := range as {
		shown += "\n" + string(value.Append(nil, a.JSON()))
	}
	return shown
}

// TestSecretsInsideGoDown: a secret is masked in a child also if it was given as a part of
// something, and if it is short.
func TestSecretsInsideGoDown(t *testing.T) {
	const declared = `"parameters":{"key":{"type":"SecureString"},"pin":{"type":"SecureString"}}`
	for _, test := range []struct{ name, given, parameter, taken, policy string }{
		{"in an object", `{"x":{"pw":"@pipeline().parameters.pin"}}`, "Object", `@pipeline().parameters.x.pw`, "{}"},
		{"in a text", `{"x":"@concat('https://h/?code=',pipeline().parameters.key)"}`, "String",
			`@last(split(pipeline().parameters.x,'='))`, "{}"},
		{"of a secure input", `{"x":"z3k8"}`, "String", `@pipeline().parameters.x`, `{"secureInput":true}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				call := strings.Replace(callOf("Call", "q", true, `"parameters":`+test.given), `"type"`,
					`"policy":`+test.policy+`,"type"`, 1)
				w := newFamily(t, enginetest.NewMemory(nil), pipelineJSON("p", call, declared),
					pipelineJSON("q", `{"name":"Take","type":"SetVariable","typeProperties":{"variableName":"v","value":"`+test.taken+`"}}`,
						`"parameters":{"x":{"type":"`+test.parameter+`"}},"variables":{"v":{"type":"String"}}`))
				w.start()
				id := w.create("p", value.NewObject(value.Member{Name: "key", Value: "hunter2zz"},
					value.Member{Name: "pin", Value: "x7q9"}), engine.RunOptions{})
				if got := w.wait(id); got != run.Succeeded {
					t.Fatalf("status: got %s (%s), want Succeeded", got, w.message(id))
				}
				child := w.children(id)[0].RunID
				for range 2 { // as it is known, and as it is read
					shown := w.shownOf(id) + w.shownOf(child)
					for _, secret := range []string{"hunter2zz", "x7q9", "z3k8"} {
						if strings.Contains(shown, secret) {
							t.Errorf("the records show %q: %s", secret, shown)
						}
					}
					w.engine.Stop(0)
					w.start()
				}
				w.engine.Stop(0)
			})
		})
	}
}

// TestSealedFamily: what a run makes of a secret is sealed in the history of the runs that it
// starts, and of those that wait for it, also after a restart.
func TestSealedFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newFamily(t, r.Memory,
			pipelineJSON("top", callOf("Down", "p", true, `"parameters":{"key":"@base64(pipeline().parameters.key)"}`),
				`"parameters":{"key":{"type":"SecureString"}}`),
			pipelineJSON("open", callOf("Call", "q", true)+`,`+strings.Replace(waitMinute, `"type"`,
				`"dependsOn":[{"activity":"Call"}],"type"`, 1)+
				`,{"name":"Use","type":"SetVariable","dependsOn":[{"activity":"W"}],"typeProperties":{"variableName":"v","value":"@activity('Call').output.pipelineReturnValue.own"}}`,
				`"variables":{"v":{"type":"String"}}`),
			pipelineJSON("p", `{"name":"Take","type":"SetVariable","typeProperties":{"variableName":"v","value":"@pipeline().parameters.key"}},`+waitMinute,
				`"parameters":{"key":{"type":"String"}},"variables":{"v":{"type":"String"}}`),
			pipelineJSON("q", `{"name":"Return","type":"SetVariable","typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
				{"key":"own","value":{"type":"Expression","content":"@base64(pipeline().parameters.own)"}}]}}`,
				`"parameters":{"own":{"type":"SecureString","defaultValue":"correct horse"}}`))
		w.options.Sealer = xor{}
		w.start()
		top := w.create("top", value.NewObject(value.Member{Name: "key", Value: "hunter2zz"}), engine.RunOptions{})
		open := w.create("open", nil, engine.RunOptions{})
		time.Sleep(time.Second)
		synctest.Wait()
		w.engine.Stop(0)
		w.start()
		again := w.create("open", nil, engine.RunOptions{})
		for _, id := range []string{top, open, again} {
			if got := w.wait(id); got != run.Succeeded {
				t.Fatalf("status: got %s (%s), want Succeeded", got, w.message(id))
			}
		}
		for id, want := range map[string]string{
			open: `"pipelineReturnValue":{"own":"Y29ycmVjdCBob3JzZQ=="}`, top: `"parameters":{"key":"aHVudGVyMnp6"}`,
		} {
			if shown := w.shownOf(w.children(id)[0].RunID); !strings.Contains(shown, want) {
				t.Errorf("%s is not read from the events: %s", want, shown)
			}
		}
		w.engine.Stop(0)
		for _, made := range []string{"aHVudGVyMnp6", "Y29ycmVjdCBob3JzZQ=="} {
			for i := range r.Units() {
				for _, op := range r.Ops(i) {
					var record engine.RunRecord
					_ = json.Unmarshal(op.Value, &record) // if it is one
					if strings.Contains(string(op.Value)+string(record.Summary), made) {
						t.Errorf("unit %d, key %q holds %q in the open: %.300q %s", i, op.Key, made, op.Value, record.Summary)
					}
				}
			}
		}
	})
}

// familyPipelines nest calls in loops, with activities that reach the world outside.
func familyPipelines() []string {
	web := `{"name":"Web","type":"WebActivity","typeProperties":{"url":"http://h/","method":"GET"}}`
	return []string{
		pipelineJSON("top", `{"name":"Loop","type":"ForEach","typeProperties":{"items":"@range(1,2)","activities":[`+
			callOf("Call", "middle", true, `"parameters":{"n":"@item()"}`)+`,
			{"name":"Keep","type":"AppendVariable","dependsOn":[{"activity":"Call"}],"typeProperties":{"variableName":"all","value":"@activity('Call').output.pipelineReturnValue.got"}}]}},`+
			strings.Replace(callOf("Fire", "leaf", false, `"parameters":{"n":9}`), `"type"`, `"dependsOn":[{"activity":"Loop"}],"type"`, 1)+
			`,{"name":"Last","type":"SetVariable","dependsOn":[{"activity":"Fire"}],"typeProperties":{"variableName":"last","value":"@string(length(variables('all')))"}}`,
			`"variables":{"all":{"type":"Array"},"last":{"type":"String"}}`),
		pipelineJSON("middle", callOf("Call", "leaf", true, `"parameters":{"n":"@pipeline().parameters.n"}`)+`,
			{"name":"Return","type":"SetVariable","dependsOn":[{"activity":"Call"}],"typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
				{"key":"got","value":{"type":"Expression","content":"@activity('Call').output.pipelineReturnValue"}}]}}`,
			`"parameters":{"n":{"type":"Int"}},"concurrency":1`),
		pipelineJSON("leaf", web+`,{"name":"Nap","type":"Wait","dependsOn":[{"activity":"Web"}],"typeProperties":{"waitTimeInSeconds":5}},
			{"name":"Return","type":"SetVariable","dependsOn":[{"activity":"Nap"}],"typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
				{"key":"n","value":{"type":"Expression","content":"@pipeline().parameters.n"}}]}}`, `"parameters":{"n":{"type":"Int"}}`),
	}
}

// activitiesDone has the ids of the activity runs that the history of an engine which is not
// started has as ended.
func activitiesDone(t *testing.T, w *world) map[string]bool {
	e, err := engine.New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	list, _, err := e.Query(engine.Query{Factory: "f"})
	for _, p := range list {
		as, err := activityRuns(e, p.RunID)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			done[a.ID] = !a.End.IsZero()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// family runs the pipelines to their end and describes what was done.
func family(t *testing.T, r *enginetest.Recorder, create bool) string {
	w := newFamily(t, r.Memory, familyPipelines()...)
	calls := make(chan string, 100)
	w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
		calls <- c.ActivityRunID
		return activity.Result{}
	})
	done := activitiesDone(t, w)
	w.start()
	if create {
		w.create("top", nil, engine.RunOptions{ID: "7e5ca4d0-0000-4000-8000-000000000001"})
	}
	synctest.Wait()
	for { // whatever is under way ends
		if runs, _ := w.engine.Busy(); runs == 0 {
			break
		}
		time.Sleep(time.Second)
		synctest.Wait()
	}
	list, _, err := w.engine.Query(engine.Query{Factory: "f"})
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]string{}
	for _, p := range list {
		as, err := activityRuns(w.engine, p.RunID)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%s %s %s of %s:", p.Pipeline, p.Status, p.Message, p.InvokedBy.PipelineRunID)
		for _, a := range as {
			text += fmt.Sprintf(" %s=%s %s", a.Path, a.Status, value.Append(nil, a.Output))
		}
		// The order in which a loop's children end depends on the scheduler.
		if p.Pipeline == "top" {
			text = fmt.Sprintf("%s %s: %d activities", p.Pipeline, p.Status, len(as))
			for _, a := range as {
				if a.Name == "Last" {
					text += string(value.Append(nil, a.Output))
				}
			}
		}
		runs[p.RunID] = text
	}
	w.engine.Stop(time.Minute)
	close(calls)
	made := map[string]int{}
	for id := range calls {
		if made[id]++; made[id] > 1 || done[id] {
			t.Errorf("activity run %s was made %d times, and was done before: %t", id, made[id], done[id])
		}
	}
	return fmt.Sprint(runs)
}

// TestFamilyCrashesAfterEveryUnit: whenever the process is killed, the runs that it had
// started go on, each is started once, and all end as they would have.
func TestFamilyCrashesAfterEveryUnit(t *testing.T) { withSnapshots(t, testFamilyCrashesAfterEveryUnit) }

func testFamilyCrashesAfterEveryUnit(t *testing.T) {
	first := enginetest.NewRecorder()
	var want string
	synctest.Test(t, func(t *testing.T) { want = family(t, first, true) })
	if strings.Count(want, "leaf Succeeded") != 3 || strings.Count(want, "middle Succeeded") != 2 || !strings.Contains(want, `top Succeeded: 7 activities{"name":"last","value":"2"}`) {
		t.Fatalf("without a crash: %s", want)
	}
	if n := first.Units(); n < 15 {
		t.Fatalf("%d units, want enough to crash between", n)
	}
	for n := 1; n < first.Units(); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := family(t, first.After(n), false); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
}

// TestChildErased: when the process is killed between a child's end and the record of it in
// its parent, the parent takes the result from the child's record; without one it fails by
// name. A parent that is gone does not disturb its child.
func TestChildErased(t *testing.T) { withSnapshots(t, testChildErased) }

func testChildErased(t *testing.T) {
	pipelines := []string{
		pipelineJSON("p", callOf("Call", "q", true)),
		pipelineJSON("q", waitMinute)}
	r := enginetest.NewRecorder()
	var id, child string
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, r.Memory, pipelines...)
		w.start()
		id = w.create("p", nil, engine.RunOptions{})
		w.wait(id)
		child = w.children(id)[0].RunID
		w.engine.Stop(0)
	})
	// The last unit in which the parent is active and the child is not.
	n := r.Units()
	for ; n > 0; n-- {
		m := r.After(n).Memory
		p, err := m.Run(id)
		c, err2 := m.Run(child)
		if err == nil && err2 == nil && p.Active && !c.Active {
			break
		}
	}
	if n == 0 {
		t.Fatal("no unit is between the two ends")
	}
	for _, erased := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			after := r.After(n)
			w := newFamily(t, after.Memory, pipelines...)
			if erased {
				u := new(commit.Unit)
				after.DeleteRun(u, child)
				after.Submit(u)
				after.Sync(u)
			}
			w.start()
			got := w.wait(id)
			switch want := "PipelineRunNotFound: How the run " + child + " of the pipeline 'q' ended is not known: it is no longer in the history."; {
			case !erased && got != run.Succeeded:
				t.Errorf("status: got %s (%s), want Succeeded", got, w.message(id))
			case erased && w.failure(id, "Call") != want:
				t.Errorf("error: got %q, want %q", w.failure(id, "Call"), want)
			}
			if got := len(w.children(id)); erased == (got > 0) {
				t.Errorf("%d children, erased: %t", got, erased)
			}
			w.engine.Stop(0)
		})
	}
}

// TestParentErased: a child whose parent has left the history ends as it would.
func TestParentErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, enginetest.NewMemory(nil), pipelineJSON("p", callOf("Call", "q", false)), pipelineJSON("q", waitMinute))
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		w.wait(id)
		synctest.Wait()
		child := w.children(id)[0].RunID
		if err := w.engine.DeleteRuns(t.Context(), []string{id}); err != nil {
			t.Fatal(err)
		}
		w.engine.Stop(0)
		w.start()
		if got := w.wait(child); got != run.Succeeded {
			t.Errorf("child: got %s, want Succeeded", got)
		}
		if err := w.engine.Cancel(id, true); !errors.Is(err, engine.ErrRunNotFound) {
			t.Errorf("cancel the parent: got %v, want ErrRunNotFound", err)
		}
		w.engine.Stop(0)
	})
}

// stoppedFamily is an engine that has stopped while a run waited for another one.
func stoppedFamily(t *testing.T) (w *world, id, child string) {
	w = newFamily(t, enginetest.NewMemory(nil), pipelineJSON("p", callOf("Call", "q", true)), pipelineJSON("q", waitMinute))
	w.start()
	id = w.create("p", nil, engine.RunOptions{})
	synctest.Wait()
	child = w.children(id)[0].RunID
	w.engine.Stop(0)
	return w, id, child
}

// TestAsideChild: when a child that can't be resumed is cancelled, its parent hears of it.
func TestAsideChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, id, child := stoppedFamily(t)
		w.options.History = &unreadable{Memory: w.memory, runs: map[string]bool{child: true}}
		w.start()
		if err := w.engine.Cancel(child, false); err != nil {
			t.Fatal(err)
		}
		if got := w.wait(id); got != run.Failed || !strings.Contains(w.message(id), "could not be resumed") {
			t.Errorf("parent: got %s, %q; want Failed and the reason", got, w.message(id))
		}
		w.engine.Stop(0)
	})
}

// TestRunsAreBounded: activities start no more runs than the memory has room for.
func TestRunsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("p", `{"name":"Loop","type":"ForEach","typeProperties":{"items":"@range(1,40)","activities":[`+callOf("Call", "q", false)+`]}}`),
			pipelineJSON("q", waitMinute))
		w.options.Memory = 20 * 64 << 10
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		w.wait(id)
		if got, want := w.failure(id, "Call"), "TooManyPipelineRuns: The pipeline 'q' is not run: 20 pipeline runs are active*"; !strings.HasPrefix(got, strings.TrimSuffix(want, "*")) || len(w.children(id)) != 19 {
			t.Errorf("got %q and %d children, want %q and 19", got, len(w.children(id)), want)
		}
		w.engine.Stop(time.Hour)
	})
}

// TestChildrenWhileDeleting: runs that activities start find their definition, although
// others with the same one are deleted meanwhile.
func TestChildrenWhileDeleting(t *testing.T) {
	w := newFamily(t, enginetest.NewMemory(nil),
		pipelineJSON("p", `{"name":"Loop","type":"ForEach","typeProperties":{"items":"@range(1,4)","activities":[`+callOf("Call", "q", true)+`]}}`),
		pipelineJSON("q", webA))
	w.register("WebActivity", echo)
	w.start()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				id, err := w.engine.CreateRun(context.Background(), w.factory, "p", nil, engine.RunOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := w.engine.Wait(context.Background(), id); err != nil || got != run.Succeeded {
					t.Errorf("%s: %s, %v", id, got, err)
				}
				ids := []string{id}
				for _, k := range w.children(id) {
					ids = append(ids, k.RunID)
				}
				if err := w.engine.DeleteRuns(context.Background(), ids); err != nil || len(ids) != 5 {
					t.Errorf("%d runs, %v; want 5", len(ids), err)
				}
			}
		})
	}
	wg.Wait()
	w.engine.Stop(0)
	w.start()
	if runs, _, err := w.engine.Query(engine.Query{Factory: "f"}); err != nil || len(runs) != 0 {
		t.Errorf("%d runs, %v; want none", len(runs), err)
	}
	w.engine.Stop(0)
}

// TestCancelBeforeChild: a run that is asked to stop in the moment in which an activity is
// to start another one starts none, so that who cancels all of them has all.
func TestCancelBeforeChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := strings.Repeat("large ", 2000)
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("p", waitMinute+`,`+strings.Replace(callOf("Call", "q", true, fmt.Sprintf(`"parameters":{"x":%q}`, large)), `"type"`, `"dependsOn":[{"activity":"W"}],"type"`, 1)+
				`,{"name":"After","type":"Wait","dependsOn":[{"activity":"Call","dependencyConditions":["Completed"]}],"typeProperties":{"waitTimeInSeconds":1}}`),
			pipelineJSON("q", waitMinute, `"parameters":{"x":{"type":"String"}}`))
		w.options.Factory = func(string) (*pipeline.Factory, error) {
			return w.factory, w.engine.Cancel("parent", true)
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{ID: "parent"})
		if got := w.wait(id); got != run.Cancelled {
			t.Errorf("status: got %s (%s), want Cancelled", got, w.message(id))
		}
		if got, want := w.activities(id), "W:Succeeded Call:Cancelled"; got != want || len(w.children(id)) > 0 {
			t.Errorf("got %s and %d children, want %s and none", got, len(w.children(id)), want)
		}
		w.engine.Stop(0)
	})
}

// TestLargeValuesOfChildren: what a child is given and returns may be large. It stands in the
// histories as payloads and reaches the activities whole, over a restart too.
func TestLargeValuesOfChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := strings.Repeat("0123456789", 10_000)
		w := newFamily(t, enginetest.NewMemory(nil),
			pipelineJSON("p", callOf("Call", "q", true, `"parameters":{"x":"@pipeline().parameters.x"}`)+
				`,{"name":"Use","type":"SetVariable","dependsOn":[{"activity":"Call"}],"typeProperties":{"variableName":"n","value":"@string(length(activity('Call').output.pipelineReturnValue.back))"}}`,
				`"parameters":{"x":{"type":"String"}},"variables":{"n":{"type":"String"}}`),
			pipelineJSON("q", waitMinute+`,{"name":"Return","type":"SetVariable","dependsOn":[{"activity":"W"}],"typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,"value":[
				{"key":"back","value":{"type":"Expression","content":"@concat(pipeline().parameters.x,'!')"}}]}}`, `"parameters":{"x":{"type":"String"}}`))
		w.start()
		id := w.create("p", value.NewObject(value.Member{Name: "x", Value: large}), engine.RunOptions{})
		synctest.Wait()
		w.engine.Stop(0)
		w.start()
		if got := w.wait(id); got != run.Succeeded {
			t.Fatalf("status: got %s (%s), want Succeeded", got, w.message(id))
		}
		as, err := activityRuns(w.engine, id)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := as[1].Output.(*value.Object).Get("value"); n != "100001" {
			t.Errorf("what came back has %v characters, want 100001", n)
		}
		child, err := w.engine.PipelineRun(w.children(id)[0].RunID)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := child.Parameters.Get("x")
		back, _ := child.ReturnValue.Get("back")
		if x != large || back != large+"!" {
			t.Errorf("the record has a parameter of %d and a return value of %d bytes", len(value.Text(x)), len(value.Text(back)))
		}
		w.engine.Stop(0)
	})
}
