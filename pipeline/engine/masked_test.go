package engine_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/value"
)

// TestWhatComesBackOfASecret: a secret that an attempt was given and that its answer
// holds is masked in the records and sealed in the history from then on, also in what
// later activities make of it, and after a restart. In a pipeline that declares nothing
// secure nothing else is sealed.
func TestWhatComesBackOfASecret(t *testing.T) { withSnapshots(t, testWhatComesBackOfASecret) }

func testWhatComesBackOfASecret(t *testing.T) {
	const secret = "hunter2-revealed"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), `{"name":"p","properties":{"variables":{"v":{"type":"String"}},"activities":[
			{"name":"Before","type":"SetVariable","typeProperties":{"variableName":"v","value":"in clear"}},
			{"name":"A","type":"WebActivity","dependsOn":[{"activity":"Before","dependencyConditions":["Succeeded"]}],"typeProperties":{"url":"http://h/","method":"GET","headers":{"X-Key":{"type":"SecureString","value":"`+secret+`"}}}},
			{"name":"Set","type":"SetVariable","dependsOn":[{"activity":"A","dependencyConditions":["Succeeded"]}],"typeProperties":{"variableName":"v","value":"@activity('A').output.echo"}},
			{"name":"W","type":"Wait","dependsOn":[{"activity":"Set","dependencyConditions":["Succeeded"]}],"typeProperties":{"waitTimeInSeconds":60}},
			{"name":"F","type":"Fail","dependsOn":[{"activity":"W","dependencyConditions":["Succeeded"]}],"typeProperties":{"message":"m","errorCode":"@variables('v')"}}]}}`)
		w.options.Sealer = xor{}
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			return activity.Result{Output: value.NewObject(value.Member{Name: "echo", Value: "you sent " + secret})}
		})
		var mu sync.Mutex
		var told []engine.FinishedActivity // guarded by mu
		w.options.ActivityFinished = func(a engine.FinishedActivity) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, a)
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		time.Sleep(30 * time.Second)
		b, err := w.memory.Snapshot(id)
		if (err == nil) != (snapshotEvery == 1) || bytes.Contains(b, []byte(secret)) {
			t.Errorf("the snapshot is %q, %v", b, err)
		}
		w.restart()
		w.wait(id)
		inClear := false
		if err := w.memory.Events(id, 0, func(n uint64, e []byte) error {
			inClear = inClear || bytes.Contains(e, []byte("in clear"))
			// The definition's own SecureString is in the first event's payload, sealed too.
			if bytes.Contains(e, []byte(secret)) {
				t.Errorf("event %d holds the secret in clear: %q", n, e)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !inClear {
			t.Error("what has come before the secret is sealed, too")
		}
		shown := w.message(id) + w.activities(id)
		list, err := activityRuns(w.engine, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			shown += string(value.Append(nil, a.JSON()))
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range told {
			if a.Error != nil {
				shown += a.Error.Code
			}
		}
		if strings.Contains(shown, "hunter2") || !strings.Contains(shown, `"errorCode":"you sent **********"`) {
			t.Errorf("shown: %s", shown)
		}
		w.engine.Stop(0)
	})
}

// TestLargeSecureOutput: texts of an output that is declared secure are masked elsewhere,
// also if they are read back from the history.
func TestLargeSecureOutput(t *testing.T) {
	const secret = "hunter2-revealed"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", `
			{"name":"A","type":"WebActivity","policy":{"secureOutput":true},"typeProperties":{"url":"http://h/","method":"GET"}},
			{"name":"F","type":"Fail","dependsOn":[{"activity":"A","dependencyConditions":["Succeeded"]}],"typeProperties":{"message":"for all to see","errorCode":"@activity('A').output.list[500]"}}`))
		w.options.Sealer = xor{}
		list := make(value.Array, 1000)
		for i := range list {
			list[i] = strings.Repeat("x", i%100)
		}
		list[500] = secret
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			return activity.Result{Output: value.NewObject(value.Member{Name: "list", Value: list})}
		})
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		w.wait(id)
		shown := w.message(id) + w.activities(id)
		if strings.Contains(shown, "hunter2") || !strings.Contains(shown, "for all to see") {
			t.Errorf("shown: %s", shown)
		}
		w.engine.Stop(0)
	})
}
