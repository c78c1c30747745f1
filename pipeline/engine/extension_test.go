package engine_test

import (
	"context"
	"errors"
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

func handedOver(ids ...string) value.Value {
	list := value.Array{}
	for _, id := range ids {
		list = append(list, value.NewObject(value.Member{Name: "messageId", Value: id}))
	}
	return value.NewObject(value.Member{Name: "body", Value: value.NewObject(value.Member{Name: "messages", Value: list})})
}

// A run shows what its trigger handed over, whether that is small or large, while it
// runs, when it has ended and after a restart; one that was started by hand shows
// nothing. Of attempts whose events were dropped, what was small stays.
func TestTriggerOutputsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := enginetest.NewMemory(nil)
		w := newWorld(t, memory, pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}},
			{"name":"F","type":"Fail","typeProperties":{"message":"m","errorCode":"c"},"dependsOn":[{"activity":"W","dependencyConditions":["Succeeded"]}]}`))
		w.start()
		small, large := handedOver("one"), handedOver(strings.Repeat("x", 10_000))
		triggered := func(id string, v value.Value, cause byte) string {
			return w.create("p", nil, engine.RunOptions{ID: id, Cause: engine.Hash{cause},
				Trigger: &run.TriggerInfo{ID: id, Name: "T", Type: "ServiceBusTrigger", Time: time.Now(), Outputs: v}})
		}
		check := func(when, id string, want value.Value) {
			t.Helper()
			p, err := w.engine.PipelineRun(id)
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			if want != nil {
				text = string(value.Append(nil, value.NewObject(value.Member{Name: "triggerOutputs", Value: want})))
			}
			got := ""
			if v, ok := p.JSON().Get("switchyard"); ok {
				got = string(value.Append(nil, v))
			}
			if got != text {
				t.Errorf("%s, run %s: got %.80s, want %.80s", when, id, got, text)
			}
		}
		all := func(when string) {
			t.Helper()
			check(when, "small", small)
			check(when, "large", large)
			check(when, "manual", nil)
		}
		triggered("small", small, 1)
		triggered("large", large, 2)
		w.create("p", nil, engine.RunOptions{ID: "manual"})
		all("running")
		for _, id := range []string{"small", "large", "manual"} {
			w.wait(id)
		}
		all("ended")
		w.wait(triggered("small again", small, 1))
		w.wait(triggered("large again", large, 2))
		check("dropped", "small", small)
		check("dropped", "large", nil)
		check("last", "large again", large)
		w.engine.Stop(0)
	})
}

// What a trigger handed over is shown with the run's secrets masked, also when it is read
// back because it is large.
func TestTriggerOutputsAreMasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), `{"name":"p","properties":{"parameters":{"key":{"type":"SecureString"}},"activities":[]}}`)
		w.options.Sealer = xor{}
		w.start()
		for name, size := range map[string]int{"small": 10, "large": 10_000} {
			id := w.create("p", value.NewObject(value.Member{Name: "key", Value: "s3cret"}), engine.RunOptions{ID: name,
				Trigger: &run.TriggerInfo{ID: name, Name: "T", Type: "ServiceBusTrigger", Time: time.Now(),
					Outputs: handedOver("a s3cret id", strings.Repeat("x", size))}})
			w.wait(id)
			p, err := w.engine.PipelineRun(id)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(value.Append(nil, p.JSON())); strings.Contains(got, "s3cret") || !strings.Contains(got, `"messageId":"a ********** id"`) {
				t.Errorf("%s: %.300s, want the secret masked", name, got)
			}
		}
		w.engine.Stop(0)
	})
}

// The parameters of a run are had as it got them, secrets included, also large ones.
func TestParametersOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), `{"name":"p","properties":{"parameters":{"key":{"type":"SecureString"},"n":{"type":"Int"},"text":{"type":"String"}},"activities":[]}}`)
		w.options.Sealer = xor{}
		w.start()
		params := value.NewObject(value.Member{Name: "key", Value: "s3cret"}, value.Member{Name: "n", Value: int64(7)},
			value.Member{Name: "text", Value: strings.Repeat("x", 10_000)})
		id := w.create("p", params, engine.RunOptions{})
		w.wait(id)
		got, err := w.engine.Parameters(id)
		if err != nil || string(value.Append(nil, got)) != string(value.Append(nil, params)) {
			t.Errorf("got %.100s, %v, want what the run got", value.Append(nil, got), err)
		}
		if _, err := w.engine.Parameters("nowhere"); !errors.Is(err, engine.ErrRunNotFound) {
			t.Errorf("of a run that is not there: %v, want ErrRunNotFound", err)
		}
		w.engine.Stop(0)
	})
}

// What records tell beyond Azure's: the place of an activity, its attempts and when the
// next one comes, what If chose and what ForEach goes through.
func TestExtensionOfActivityRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), `{"name":"p","properties":{"parameters":{"key":{"type":"SecureString","defaultValue":"s3cret"}},"activities":[
			{"name":"Each","type":"ForEach","typeProperties":{"isSequential":true,"items":"@createArray('a', pipeline().parameters.key)","activities":[
				{"name":"If","type":"IfCondition","typeProperties":{"expression":"@equals(item(), 'a')","ifTrueActivities":[
					{"name":"A","type":"WebActivity","policy":{"retry":2,"retryIntervalInSeconds":60},"typeProperties":{"url":"http://h/","method":"GET"}}]}}]}}]}}`)
		calls := 0
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			if calls++; calls == 1 {
				return activity.Result{Err: &activity.Error{Code: "500", Message: "no", FailureType: activity.UserError}}
			}
			return activity.Result{}
		})
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		shown := func(items bool) (lines []string) {
			list, err := activityRuns(w.engine, id)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range list {
				a.ShowItems = items
				v, _ := a.JSON().Get("switchyard")
				lines = append(lines, fmt.Sprintf("%s %s", a.Status, value.Append(nil, v)))
			}
			return lines
		}
		check := func(when string, items bool, want ...string) {
			t.Helper()
			if got := strings.Join(shown(items), "\n"); got != strings.Join(want, "\n") {
				t.Errorf("%s:\n%s\nwant\n%s", when, got, strings.Join(want, "\n"))
			}
		}
		synctest.Wait()
		check("between the attempts", true,
			`InProgress {"path":"Each","attempt":1,"itemCount":2,"items":["a","**********"]}`,
			`InProgress {"path":"Each[0]/If","attempt":1,"branch":"ifTrueActivities","evaluated":true}`,
			`Failed {"path":"Each[0]/If/A","attempt":1,"attempts":3,"nextAttempt":"2000-01-01T00:01:00.0000000Z"}`)
		w.wait(id)
		check("ended", false,
			`Succeeded {"path":"Each","attempt":1,"itemCount":2}`,
			`Succeeded {"path":"Each[0]/If","attempt":1,"branch":"ifTrueActivities","evaluated":true}`,
			`Failed {"path":"Each[0]/If/A","attempt":1,"attempts":3,"nextAttempt":"2000-01-01T00:01:00.0000000Z"}`,
			`Succeeded {"path":"Each[0]/If/A","attempt":2,"attempts":3}`,
			`Succeeded {"path":"Each[1]/If","attempt":1,"branch":"ifFalseActivities","evaluated":false}`)
		w.engine.Stop(0)
	})
}
