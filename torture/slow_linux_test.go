package torture

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// slow are pipelines whose run computes for long, each in another place. What is the
// same for all items of a Filter is evaluated once, so "first" and "many" may be quick.
var slow = map[string]string{
	"first": `{"activities":[` + slowFilter + `]}`,
	"hard":  `{"activities":[` + hardFilter + `]}`,
	"later": `{"activities":[{"name":"w","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},` +
		strings.Replace(hardFilter, `"type"`, `"dependsOn":[{"activity":"w","dependencyConditions":["Succeeded"]}],"type"`, 1) + `]}`,
	"until": `{"variables":{"a":{"type":"Array"}},"activities":[{"name":"u","type":"Until","typeProperties":{"timeout":"0.01:00:00",
		"expression":"@equals(1,2)","activities":[{"name":"a","type":"AppendVariable","typeProperties":{"variableName":"a","value":"@string(variables('a'))"}}]}}]}`,
	"many": `{"activities":[` + strings.Join([]string{square("f1"), square("f2"), square("f3"), square("f4"), square("f5"), square("f6"),
		square("f7"), square("f8")}, ",") + `]}`,
}

const slowFilter = `{"name":"f","type":"Filter","typeProperties":{"items":{"type":"Expression","value":"@range(1,100000)"},
	"condition":{"type":"Expression","value":"@contains(range(1,100000),add(item(),100000))"}}}`

// hardFilter has a condition that is another one for each item.
const hardFilter = `{"name":"f","type":"Filter","typeProperties":{"items":{"type":"Expression","value":"@range(1,100000)"},
	"condition":{"type":"Expression","value":"@contains(range(item(),100000),add(item(),100000))"}}}`

func square(name string) string {
	return fmt.Sprintf(`{"name":%q,"type":"Filter","typeProperties":{"items":{"type":"Expression","value":"@range(1,20000)"},
		"condition":{"type":"Expression","value":"@contains(range(1,20000),add(item(),20000))"}}}`, name)
}

// soon is how long an answer may take on a machine that does other things too.
const soon = 5 * time.Second

// TestAttackSlowExpression: a run that computes can be created, listed, looked at,
// cancelled and deleted, and keeps neither the process from ending nor its other runs
// from going on.
func TestAttackSlowExpression(t *testing.T) {
	torture(t)
	dir := t.TempDir() + "/data"
	s := box{Memory: 2 << 30}.serve(t, dir, "--grace", "5s")
	s.prepare()
	s.pipeline("quick", `{"activities":[{"name":"w","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}`)
	for name, p := range slow {
		s.pipeline(name, p)
	}
	for name := range slow {
		id := s.slowRun(name)
		s.cancelSlow(name, id)
	}

	// The process ends, a restart has the same run again, and that can be cancelled too.
	ids := map[string]string{}
	for name := range slow {
		ids[name] = s.slowRun(name)
	}
	t.Logf("SIGTERM: %s", s.terminate(15*time.Second))
	s = box{Memory: 2 << 30}.serve(t, dir, "--grace", "5s")
	for name, id := range ids {
		s.cancelSlow(name, id)
	}

	// A request is there although the process was killed before the run heard of it.
	id := s.slowRun("later")
	if status, answer := s.call(soon, "POST", s.id(attackFactory)+"/pipelineruns/"+id+"/cancel"+factoryVersion, ""); status != 200 {
		t.Errorf("cancel: %d %s", status, answer)
	}
	s.kill()
	s = box{Memory: 2 << 30}.serve(t, dir, "--grace", "5s")
	if status, _ := s.wait(id, soon); status != "Cancelled" {
		t.Errorf("cancelled and killed: the run is %s, want Cancelled", status)
	}

	// Runs beside go on, and the factory can be deleted.
	for name := range slow {
		s.slowRun(name)
	}
	quick, answer := s.createRun(soon, "quick", "{}")
	if quick == "" {
		t.Fatalf("createRun beside slow runs: %s", answer)
	}
	if status, message := s.wait(quick, 30*time.Second); status != "Succeeded" {
		t.Errorf("the run beside is %s: %s", status, message)
	}
	began := time.Now()
	if status, answer := s.call(time.Minute, "DELETE", s.id(attackFactory)+factoryVersion, ""); status != 200 {
		t.Errorf("DELETE of the factory: %d %s", status, answer)
	}
	t.Logf("DELETE of the factory: %s", time.Since(began))
	s.terminate(15 * time.Second)
}

// slowRun starts a run and looks at it while it computes.
func (s *server) slowRun(name string) (id string) {
	s.t.Helper()
	began := time.Now()
	id, answer := s.createRun(soon, name, "{}")
	if id == "" {
		s.t.Fatalf("%s: createRun: %s", name, answer)
	}
	created := time.Since(began)
	if name == "later" {
		time.Sleep(1200 * time.Millisecond) // its Wait is over
	}
	window := `{"lastUpdatedAfter":"2020-01-01T00:00:00Z","lastUpdatedBefore":"2100-01-01T00:00:00Z"}`
	status, answer := s.call(soon, "POST", s.id(attackFactory)+"/queryPipelineRuns"+factoryVersion, window)
	if status != 200 || !strings.Contains(answer, id) {
		s.t.Errorf("%s: queryPipelineRuns: %d %.300s, want the run", name, status, answer)
	}
	began = time.Now()
	status, answer = s.call(soon, "POST", s.id(attackFactory)+"/pipelineruns/"+id+"/queryActivityruns"+factoryVersion, window)
	if status != 200 {
		s.t.Errorf("%s: queryActivityruns: %d %.300s", name, status, answer)
	}
	s.t.Logf("%s: created in %s, activities in %s", name, created, time.Since(began))
	return id
}

// cancelSlow cancels a run that computes, or has failed by its budget meanwhile, or
// was quick.
func (s *server) cancelSlow(name, id string) {
	s.t.Helper()
	began := time.Now()
	status, answer := s.call(soon, "POST", s.id(attackFactory)+"/pipelineruns/"+id+"/cancel"+factoryVersion, "")
	answered := time.Since(began)
	if status == 400 {
		var refusal struct{ Error struct{ Message string } }
		if err := json.Unmarshal([]byte(answer), &refusal); err != nil || !strings.HasSuffix(refusal.Error.Message, "pipeline run has finished") {
			s.t.Errorf("%s: cancel: %s", name, answer)
		}
		status, message := s.run(id)
		if quick := name == "first" || name == "many"; !(status == "Failed" && strings.Contains(message, "limit") || status == "Succeeded" && quick) {
			s.t.Errorf("%s: the run is %s: %s, want Failed by its limit", name, status, message)
		}
		return
	}
	if status != 200 {
		s.t.Fatalf("%s: cancel: %d %s", name, status, answer)
	}
	if status, message := s.wait(id, soon); status != "Cancelled" {
		s.t.Errorf("%s: the run is %s: %s, want Cancelled", name, status, message)
	}
	s.t.Logf("%s: cancel answered in %s, in effect after %s", name, answered, time.Since(began))
}
