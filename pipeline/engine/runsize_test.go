package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// TestRunSize: once the history of a run takes more than it may, each further activity of
// it fails by name, those behind a failure too; another run is not concerned.
func TestRunSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 300 << 10
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p",
			`{"name":"L","type":"ForEach","typeProperties":{"items":"@range(0,pipeline().parameters.n)","isSequential":true,"activities":[
				{"name":"Set","type":"SetVariable","typeProperties":{"variableName":"s","value":"@concat(string(item()),string(range(0,2000)))"}}]}},`+
				set("Handled", "L", "Failed", "s", "handled"),
			`"parameters":{"n":{"type":"Int"}},"variables":{"s":{"type":"String"}}`))
		w.options.RunSize = limit
		w.start()
		n := func(n int64) *value.Object { return value.NewObject(value.Member{Name: "n", Value: n}) }
		large, small := w.create("p", n(200), engine.RunOptions{}), w.create("p", n(10), engine.RunOptions{})
		if got := w.wait(small); got != run.Succeeded {
			t.Errorf("a small run ended %s: %s", got, w.message(small))
		}
		if got := w.wait(large); got != run.Failed || !strings.Contains(w.message(large), "The activity 'Handled' does not start") {
			t.Errorf("a large run ended %s: %s; want a failure that names the activity", got, w.message(large))
		}
		as, err := activityRuns(w.engine, large)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		for _, a := range as {
			switch {
			case a.Name == "Set" && a.Status == run.Succeeded:
				done++
			case a.Name == "Set" || a.Name == "Handled":
				if m := a.Error.Message; a.Error.Code != engine.CodeRunSize || !strings.Contains(m, large) ||
					!strings.Contains(m, "the limit of 307200") || !strings.Contains(m, "run-size") {
					t.Errorf("%s: %+v; want code %s, the run, the limit and the setting", a.Path, a.Error, engine.CodeRunSize)
				}
			}
		}
		if done < 20 || done > 50 {
			t.Errorf("%d values of 9 KB were written, with a limit of %d bytes", done, limit)
		}
		w.engine.Stop(0)
	})
}
