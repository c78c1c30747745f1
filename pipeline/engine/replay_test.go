package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/value"
)

// anyValue is a value of any shape, most of them with parts that are only in the
// history.
func anyValue(r *rand.Rand, depth int) value.Value {
	text := func() string { return strings.Repeat(fmt.Sprint(r.IntN(9), "é"), 1+r.IntN(4)*r.IntN(1500)) }
	switch k := r.IntN(10); {
	case k == 0:
		return nil
	case k == 1:
		return int64(r.IntN(100))
	case k < 5 || depth == 0:
		return text()
	case k < 8:
		a := value.Array{}
		for range r.IntN(6) {
			a = append(a, anyValue(r, depth-1))
		}
		return a
	default:
		o := &value.Object{}
		for i := range r.IntN(5) {
			o.Set([]string{"a", "b", "", "c", "list"}[i], anyValue(r, depth-1))
		}
		return o
	}
}

// replayPipeline is a random pipeline whose expressions look at all that a run keeps.
func replayPipeline(r *rand.Rand, secure bool) string {
	look := []string{
		"@variables('list')", "@variables('text')", "@activity('A').output", "@activity('A').Output.echo", "@activity('B').output.echo.body",
		"@string(activity('B'))", "@activity('A').error", "@pipeline().parameters.items", "@last(variables('list'))",
		"@concat(string(variables('list')),string(activity('A').output?.missing))", "@coalesce(activity('B').output?.none,variables('text'))",
		"@length(variables('list'))", "@union(variables('list'),createArray(activity('A').output.echo))", "@string(activity('A').output.echo.body)",
		"@json(string(activity('B').output))",
	}
	pick := func() string { return look[r.IntN(len(look))] }
	inner := []string{"@item()", "@string(item())", "@activity('Call').output", "@variables('list')", "@createArray(item(),activity('A').output.echo)"}
	policy := `"policy":{"retry":1,"retryIntervalInSeconds":5`
	if secure {
		policy += `,"secureOutput":true`
	}
	policy += `}`
	web := func(name, after, body string) string {
		d := ""
		if after != "" {
			d = `"dependsOn":[{"activity":"` + after + `","dependencyConditions":["Completed"]}],`
		}
		return fmt.Sprintf(`{"name":%q,"type":"WebActivity",%s%s,"userProperties":[{"name":"u","value":%q}],"typeProperties":{"url":"http://h/","method":"POST","body":%q}}`,
			name, d, policy, "@string(variables('text'))", body)
	}
	done := func(name, typ, after, properties string) string {
		return fmt.Sprintf(`{"name":%q,"type":%q,"dependsOn":[{"activity":%q,"dependencyConditions":["Completed"]}],"typeProperties":{%s}}`,
			name, typ, after, properties)
	}
	set := func(name, after, variable, v string) string {
		return done(name, "SetVariable", after, fmt.Sprintf(`"variableName":%q,"value":%q`, variable, v))
	}
	add := func(name, after, v string) string {
		return done(name, "AppendVariable", after, fmt.Sprintf(`"variableName":"list","value":%q`, v))
	}
	return pipelineJSON("p", strings.Join([]string{
		web("A", "", "@pipeline().parameters.items"),
		set("List", "A", "list", "@pipeline().parameters.items"),
		add("More", "List", pick()),
		web("B", "More", pick()),
		set("Text", "B", "text", "@string(activity('B').output)"),
		done("Loop", "ForEach", "Text", `"isSequential":true,"items":"@variables('list')","activities":[`+
			web("Call", "", inner[r.IntN(2)])+","+add("Keep", "Call", inner[r.IntN(len(inner))])+","+
			set("Note", "Keep", "text", "@string(activity('Call').output)")+`]`),
		done("Filter", "Filter", "Loop", `"items":"@variables('list')","condition":"@or(contains(string(item()),'3'),equals(item(),activity('A').output.echo))"`),
		set("Filtered", "Filter", "list", "@activity('Filter').output.Value"),
		add("End", "Filtered", pick()),
		done("Until", "Until", "End", `"timeout":"0.10:00:00","expression":"@greater(length(string(variables('list'))),length(string(activity('Poll').output)))","activities":[`+
			web("Poll", "", pick())+","+add("Grow", "Poll", "@activity('Poll').output")+`]`),
		done("Branch", "IfCondition", "Until", `"expression":"@greater(length(string(variables('list'))),20000)","ifTrueActivities":[`+
			set("Yes", "Grow2", "text", pick())+","+`{"name":"Grow2","type":"AppendVariable","typeProperties":{"variableName":"list","value":"@variables('text')"}}]`),
		`{"name":"Return","type":"SetVariable","dependsOn":[{"activity":"Branch","dependencyConditions":["Completed"]}],"typeProperties":{"variableName":"pipelineReturnValue","setSystemVariable":true,
			"value":[{"key":"x","value":{"type":"Expression","content":"@variables('list')"}}]}}`,
		web("Last", "Return", "@createArray(variables('list'),variables('text'),activity('Filter').output)"),
	}, ","), `"parameters":{"items":{"type":"Array"}},"variables":{"list":{"type":"Array"},"text":{"type":"String"}}`)
}

// replayed is what the activities of a run did, without times.
func replayed(w *world, id string) string {
	as, err := activityRuns(w.engine, id)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, a := range as {
		var details value.Value
		if a.Error != nil {
			details = a.Error.Code + " " + a.Error.Message
		}
		lines = append(lines, fmt.Sprintf("%s#%d %s in=%s out=%s user=%s err=%v", a.Path, a.Attempt, a.Status, value.Append(nil, a.Input), value.Append(nil, a.Output), value.Append(nil, a.UserProperties), details))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestFoldedRunDecidesTheSame: a run goes on from every point of its history as it did
// in the process that wrote it, whatever part of its values is only in the history.
func TestFoldedRunDecidesTheSame(t *testing.T) { withSnapshots(t, testFoldedRunDecidesTheSame) }

func testFoldedRunDecidesTheSame(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			secure := seed%3 == 2
			p := replayPipeline(r, secure)
			items := value.Array{}
			for range 1 + r.IntN(4) {
				items = append(items, anyValue(r, 2))
			}
			shape := func(path string, attempt int) value.Value {
				n := uint64(0)
				for _, c := range path {
					n = n*31 + uint64(c)
				}
				return anyValue(rand.New(rand.NewPCG(seed, n+uint64(attempt))), 3)
			}
			start := func(t *testing.T, rec *enginetest.Recorder) *world {
				w := newWorld(t, rec.Memory, p)
				w.options.Sealer = xor{}
				w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
					v := shape(c.Path, c.Attempt)
					if c.Attempt == 1 && len(c.Path)%2 == 0 {
						return activity.Result{Err: &activity.Error{Code: "1", Message: value.Text(v), Details: v}}
					}
					if c.ActivityName == "Poll" && len(c.Path)%3 == 1 {
						return activity.Result{} // no output
					}
					return activity.Result{Output: value.NewObject(value.Member{Name: "echo", Value: value.NewObject(value.Member{Name: "body", Value: v})},
						value.Member{Name: "n", Value: nil})}
				})
				w.start()
				return w
			}
			first := enginetest.NewRecorder()
			var want, status string
			synctest.Test(t, func(t *testing.T) {
				w := start(t, first)
				id := w.create("p", value.NewObject(value.Member{Name: "items", Value: items}), engine.RunOptions{ID: "run"})
				status = w.wait(id).String() + w.message(id)
				want = replayed(w, id)
				w.engine.Stop(0)
			})
			if n := strings.Count(want, "\n"); n < 10 || first.Units() < 10 {
				t.Fatalf("%d activities in %d units: %s", n, first.Units(), status)
			}
			for n := 1; n < first.Units(); n++ {
				synctest.Test(t, func(t *testing.T) {
					w := start(t, first.After(n))
					if got := w.wait("run").String() + w.message("run"); got != status {
						t.Errorf("after %d units: %.300s, want %.300s", n, got, status)
					}
					if got := replayed(w, "run"); got != want {
						g, x := strings.Split(got, "\n"), strings.Split(want, "\n")
						for i := range min(len(g), len(x)) {
							if g[i] != x[i] {
								t.Errorf("after %d units:\n%.600s\nwant\n%.600s", n, g[i], x[i])
								break
							}
						}
					}
					w.engine.Stop(time.Minute)
				})
			}
		})
	}
}
