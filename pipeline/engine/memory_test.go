package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

const after = `"dependsOn":[{"activity":%q,"dependencyConditions":[%q]}],`

// set is a SetVariable that runs after another activity.
func set(name, previous, condition, variable, val string) string {
	return fmt.Sprintf(`{"name":%q,"type":"SetVariable",`+after+`"typeProperties":{"variableName":%q,"value":%q}}`,
		name, previous, condition, variable, val)
}

// TestLargeValuesAreReadBack: texts of 10 KB, in a variable, in an output, in the items
// of a loop and in parameters, come back from the history whole, in the process that
// wrote them and after a restart in the middle of the run.
func TestLargeValuesAreReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		p := pipelineJSON("p", strings.Join([]string{
			`{"name":"L","type":"ForEach","typeProperties":{"items":"@pipeline().parameters.items","isSequential":true,"activities":[
				{"name":"Call","type":"WebActivity","typeProperties":{"url":"http://h/","method":"POST","body":"@item()"}},
				{"name":"Append",` + fmt.Sprintf(after, "Call", "Succeeded") + `"type":"AppendVariable","typeProperties":{"variableName":"a",
					"value":"@activity('Call').output.echo.body.text"}}]}}`,
			`{"name":"Pause","type":"Wait",` + fmt.Sprintf(after, "L", "Succeeded") + `"typeProperties":{"waitTimeInSeconds":60}}`,
			set("B", "Pause", "Succeeded", "b", "@variables('a')"),
			`{"name":"C","type":"AppendVariable",` + fmt.Sprintf(after, "B", "Succeeded") + `"typeProperties":{"variableName":"b","value":"end"}}`,
			set("S", "C", "Succeeded", "s", "@concat(string(length(variables('b'))),' ',string(length(join(variables('b'),''))),' ',last(variables('b')),' ',substring(variables('b')[2],0,3))"),
		}, ","), `"parameters":{"items":{"type":"Array"}},"variables":{"a":{"type":"Array"},"b":{"type":"Array"},"s":{"type":"String"}}`)
		w := newWorld(t, memory, p)
		w.register("WebActivity", echo)
		w.start()
		items := value.Array{}
		for i := range 5 {
			items = append(items, value.NewObject(value.Member{Name: "text", Value: fmt.Sprintf("<%d>", i) + strings.Repeat("x", 9_997)}))
		}
		id := w.create("p", value.NewObject(value.Member{Name: "items", Value: items}), engine.RunOptions{})
		synctest.Wait() // in the pause
		w.engine.Stop(0)
		again := newWorld(t, memory, p)
		again.register("WebActivity", echo)
		again.start()
		if got := again.wait(id); got != run.Succeeded {
			t.Fatalf("the run ended %s: %s", got, again.message(id))
		}
		as, err := activityRuns(again.engine, id)
		if err != nil {
			t.Fatal(err)
		}
		last := as[len(as)-1]
		if got, _ := last.Output.(*value.Object).Get("value"); got != "6 50003 end <2>" {
			t.Errorf("the variable is %v, want %q", got, "6 50003 end <2>")
		}
		lean, err := again.engine.ActivityRuns(id)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range lean {
			if run.Footprint(a.Input)+run.Footprint(a.Output) > 8<<10 {
				t.Errorf("a list holds what activity run %d shows: %s", i, a.Path)
			}
		}
		again.engine.Stop(0)
	})
}

// TestRunMemory: an activity that makes its run hold more than it may fails with a
// code that the pipeline can handle; other runs are not concerned.
func TestRunMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipelineJSON("p", `{"name":"L","type":"ForEach","typeProperties":{"items":"@range(0,pipeline().parameters.n)","isSequential":true,"activities":[
			{"name":"Append","type":"AppendVariable","typeProperties":{"variableName":"a","value":"@replace(string(range(0,500)),',','-')"}}]}},`+
			set("Handled", "L", "Failed", "s", "@activity('L').error.message"),
			`"parameters":{"n":{"type":"Int"}},"variables":{"a":{"type":"Array"},"s":{"type":"String"}}`)
		w := newWorld(t, enginetest.NewMemory(nil), p)
		w.options.RunMemory = 100 << 10
		w.start()
		n := func(n int64) *value.Object { return value.NewObject(value.Member{Name: "n", Value: n}) }
		large, small := w.create("p", n(200), engine.RunOptions{}), w.create("p", n(20), engine.RunOptions{})
		for id, want := range map[string]string{
			large: "The variables and loops of the run, for which the activity 'Append' asks",
			small: "0-1-2",
		} {
			if got := w.wait(id); got != run.Succeeded {
				t.Errorf("the run ended %s: %s", got, w.message(id))
			}
			as, err := activityRuns(w.engine, id)
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			for _, a := range as {
				if a.Status != run.Failed || a.Name != "Append" {
					continue
				}
				failed++
				if m := a.Error.Message; a.Error.Code != engine.CodeRunMemory || !strings.Contains(m, id) ||
					!strings.Contains(m, "102400 bytes") || !strings.Contains(m, "run-memory") {
					t.Errorf("error of %s: %+v; want code %s, the run, the limit and the setting", a.Path, a.Error, engine.CodeRunMemory)
				}
			}
			if (failed > 0) != (id == large) {
				t.Errorf("%d activities failed", failed)
			}
			got, _ := as[len(as)-1].Output.(*value.Object).Get("value")
			if text, _ := got.(string); !strings.Contains(text, want) {
				t.Errorf("%s says %v, want %q", as[len(as)-1].Name, got, want)
			}
		}
		w.engine.Stop(0)
	})
}

// TestReferencesShareAValue: expressions of one activity that ask again and again for
// the same large value take the memory for it once.
func TestReferencesShareAValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := strings.Repeat("@{length(activity('A').output.echo.body)} @{length(variables('v'))} ", 20)
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", strings.Join([]string{
			`{"name":"A","type":"WebActivity","typeProperties":{"url":"http://h/","method":"POST","body":"@pipeline().parameters.x"}}`,
			set("V", "A", "Succeeded", "v", "@activity('A').output.echo.body"),
			set("S", "V", "Succeeded", "s", ask),
		}, ","), `"parameters":{"x":{"type":"String"}},"variables":{"v":{"type":"String"},"s":{"type":"String"}}`))
		w.options.RunMemory = 100 << 10
		w.register("WebActivity", echo)
		w.start()
		id := w.create("p", value.NewObject(value.Member{Name: "x", Value: strings.Repeat("x", 20<<10)}), engine.RunOptions{})
		if got := w.wait(id); got != run.Succeeded {
			t.Errorf("the run ended %s: %s", got, w.message(id))
		}
		w.engine.Stop(0)
	})
}

// TestBrokenRunHoldsNoMemory: a run that is set aside gives back what it holds to the
// others.
func TestBrokenRunHoldsNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p",
			`{"name":"V","type":"SetVariable","typeProperties":{"variableName":"v","value":"some text"}},`+
				`{"name":"W","type":"Wait",`+fmt.Sprintf(after, "V", "Succeeded")+`"typeProperties":{"waitTimeInSeconds":5}},`+
				set("S", "W", "Succeeded", "v", "@concat('slowly ','done')"), `"variables":{"v":{"type":"String"}}`,
			`"parameters":{"key":{"type":"SecureString","defaultValue":"k"}}`))
		w.options.Sealer = broken{}
		w.start()
		w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		if w.engine.HeldMemory() == 0 {
			t.Error("the run holds nothing before it is set aside")
		}
		time.Sleep(time.Minute)
		if n := len(w.engine.Aside()); n != 1 {
			t.Errorf("%d runs are set aside, want one", n)
		}
		if n := w.engine.HeldMemory(); n != 0 {
			t.Errorf("%d bytes are held", n)
		}
		w.engine.Stop(0)
	})
}

// TestLargeParametersAreNotHeld: an active run holds no large parameter, before and after
// a restart; it is shown, expressions see it, and a secret is masked.
func TestLargeParametersAreNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		p := pipelineJSON("p", `{"name":"Pause","type":"Wait","typeProperties":{"waitTimeInSeconds":60}},`+
			set("S", "Pause", "Succeeded", "s", "@concat(string(length(pipeline().parameters.text)),pipeline().parameters.secret,pipeline().Pipeline)"),
			`"parameters":{"text":{"type":"String"},"secret":{"type":"SecureString"}},"variables":{"s":{"type":"String"}}`)
		w := newWorld(t, memory, p)
		w.start()
		text := strings.Repeat("x", 100_000)
		id := w.create("p", value.NewObject(value.Member{Name: "text", Value: text}, value.Member{Name: "secret", Value: "hush"}), engine.RunOptions{})
		check := func(when string, e *engine.Engine) {
			t.Helper()
			synctest.Wait()
			if c := e.CreatedOf(id); run.Footprint(c.Parameters) > 1000 || !run.HoldsKept(c.Parameters) {
				t.Errorf("%s: the run holds %d bytes of parameters", when, run.Footprint(c.Parameters))
			}
			list, _, err := e.Query(engine.Query{Factory: "f"})
			if err != nil || len(list) != 1 || list[0].Parameters != nil {
				t.Fatalf("%s: a list holds the parameters: %v, %v", when, list, err)
			}
			one, err := e.PipelineRun(id)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []*engine.PipelineRun{one, list[0].Whole()} {
				if shown, _ := p.Parameters.Get("text"); shown != text {
					t.Errorf("%s: the parameter is not shown whole", when)
				}
				if shown, _ := p.Parameters.Get("secret"); shown != activity.Mask {
					t.Errorf("%s: the secret is shown as %v", when, shown)
				}
			}
		}
		check("created", w.engine)
		w.engine.Stop(0)
		again := newWorld(t, memory, p)
		again.start()
		defer again.engine.Stop(0)
		check("after a restart", again.engine)
		if got := again.wait(id); got != run.Succeeded {
			t.Fatalf("the run ended %s: %s", got, again.message(id))
		}
		as, err := activityRuns(again.engine, id)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := as[len(as)-1].Output.(*value.Object).Get("value"); got != "100000"+activity.Mask+"p" {
			t.Errorf("the expression made %v", got)
		}
	})
}
