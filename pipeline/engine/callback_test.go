package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

const hookToken = "the-token-of-"

// A hookWorld has WebHooks whose calls are answered, or are not.
type hookWorld struct {
	*world
	mu    sync.Mutex
	calls []activity.Call                                       // guarded by mu
	hook  func(context.Context, *activity.Call) activity.Result // nil: it is answered
}

func newHookWorld(t *testing.T, r *enginetest.Recorder, activities string) *hookWorld {
	w := &hookWorld{world: newWorld(t, r.Memory, pipelineJSON("p", activities))}
	w.options.Sealer = xor{}
	w.options.CallBack = func(runID, activityRunID string) (uri, secret string) {
		secret = hookToken + runID + activityRunID
		return "http://here/" + secret, secret
	}
	w.register("WebHook", func(ctx context.Context, c *activity.Call) activity.Result {
		w.mu.Lock()
		w.calls = append(w.calls, *c)
		w.mu.Unlock()
		if w.hook != nil {
			return w.hook(ctx, c)
		}
		return activity.Result{Waits: true}
	})
	return w
}

// called returns the ids of the attempts that have called out.
func (w *hookWorld) called() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		ids = append(ids, c.ActivityRunID)
	}
	return ids
}

func (w *hookWorld) callBack(runID, activityRunID, body string) error {
	v, err := value.Parse([]byte(body))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.engine.CallBack(w.t.Context(), runID, activityRunID, v)
}

// output is that of the last attempt, with its error.
func (w *hookWorld) output(id string) string {
	w.t.Helper()
	all, err := activityRuns(w.engine, id)
	if err != nil {
		w.t.Fatal(err)
	}
	a := all[len(all)-1]
	s := fmt.Sprintf("%s %s", a.Status, value.Append(nil, a.Output))
	if a.Error != nil {
		s += fmt.Sprintf(" %s: %s", a.Error.Code, a.Error.Message)
	}
	return s
}

func hook(more string) string {
	return `{"name":"H","type":"WebHook","typeProperties":{"url":"http://h/","method":"POST"` + more + `}}`
}

// TestCallBackOutcomes: what a WebHook makes of what it is called back with, and of what it
// is not.
func TestCallBackOutcomes(t *testing.T) {
	const report = `,"reportStatusOnCallBack":true`
	for _, c := range []struct{ name, more, body, want string }{
		{"an object", "", `{"a":1}`, `Succeeded {"a":1}`},
		{"anything", "", `[1,"b"]`, `Succeeded [1,"b"]`},
		{"a status that nobody asked for", "", `{"StatusCode":"500"}`, `Succeeded {"StatusCode":"500"}`},
		{"success", report, `{"Output":{"a":1},"StatusCode":"200"}`, `Succeeded {"a":1}`},
		{"no status", report, `{"output":{"a":1},"ignored":1}`, `Succeeded {"a":1}`},
		{"nothing", report, `{}`, `Succeeded {}`},
		{"failure", report, `{"Output":{"a":1},"Error":{"ErrorCode":"E7","Message":"no"},"StatusCode":"403"}`, `Failed {"a":1} E7: no`},
		{"failure in lower case", report, `{"statusCode":500,"error":{"errorCode":"E","message":"m"}}`, `Failed {} E: m`},
		{"failure without an error", report, `{"StatusCode":404}`, `Failed {} CallbackReportedFailure: The callback reports the status code '404'.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newHookWorld(t, enginetest.NewRecorder(), hook(c.more))
				w.start()
				id := w.create("p", nil, engine.RunOptions{})
				synctest.Wait()
				if err := w.callBack(id, w.called()[0], c.body); err != nil {
					t.Error(err)
				}
				w.wait(id)
				if got := w.output(id); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
				w.engine.Stop(0)
			})
		})
	}
}

// TestCallBackAnswers: every callback that ends nothing is told why.
func TestCallBackAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHookWorld(t, enginetest.NewRecorder(), hook(`,"timeout":"00:05:00","reportStatusOnCallBack":true`)+
			`,{"name":"Pause","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`)
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		h := w.called()[0]
		for _, body := range []string{`[]`, `{"StatusCode":"x"}`, `{"StatusCode":[]}`, `{"StatusCode":500,"Error":"e"}`, `{"StatusCode":7}`} {
			if err := w.callBack(id, h, body); !errors.Is(err, activity.ErrCallBack) {
				t.Errorf("callback with %s: got %v, want ErrCallBack", body, err)
			}
		}
		if err := w.callBack(id, "another", `{}`); !errors.Is(err, engine.ErrRunNotFound) {
			t.Errorf("another activity: got %v", err)
		}
		if err := w.callBack("another", h, `{}`); !errors.Is(err, engine.ErrRunNotFound) {
			t.Errorf("another run: got %v", err)
		}
		if err := w.callBack(id, h, `{}`); err != nil {
			t.Errorf("the first callback: %v", err)
		}
		if err := w.callBack(id, h, `{}`); !errors.Is(err, engine.ErrCalledBack) {
			t.Errorf("the second callback: %v", err)
		}
		w.wait(id)
		if err := w.callBack(id, h, `{}`); !errors.Is(err, engine.ErrCalledBack) {
			t.Errorf("a callback after the run: %v", err)
		}

		failing := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		if err := w.callBack(failing, w.called()[1], `{"StatusCode":500}`); err != nil {
			t.Errorf("a callback of a failure: %v", err)
		}
		if err := w.callBack(failing, w.called()[1], `{"StatusCode":500}`); !errors.Is(err, engine.ErrCalledBack) {
			t.Errorf("the second callback of a failure: %v", err)
		}

		late := w.create("p", nil, engine.RunOptions{})
		time.Sleep(6 * time.Minute)
		ended := func(runID, h string, want engine.EndedError) {
			t.Helper()
			got, ok := errors.AsType[*engine.EndedError](w.callBack(runID, h, `{}`))
			if !ok || *got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		ended(late, w.called()[2], engine.EndedError{Activity: "H", Status: run.Failed, Code: "ActionTimedOut", TimedOut: true})
		cancelled := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		if err := w.engine.Cancel(cancelled, false); err != nil {
			t.Error(err)
		}
		ended(cancelled, w.called()[3], engine.EndedError{Activity: "H", Status: run.Cancelled})
		w.wait(cancelled)
		ended(cancelled, w.called()[3], engine.EndedError{Activity: "H", Status: run.Cancelled})
		waiting := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		w.engine.Stop(0)
		if err := w.callBack(waiting, w.called()[4], `{}`); !errors.Is(err, engine.ErrStopping) {
			t.Errorf("a callback after the end of the process: %v", err)
		}
	})
}

// TestWaitingForACallBackTakesNothing: neither a turn among those that execute nor a
// goroutine.
func TestWaitingForACallBackTakesNothing(t *testing.T) {
	const hooks = 40
	synctest.Test(t, func(t *testing.T) {
		w := newHookWorld(t, enginetest.NewRecorder(), `{"name":"L","type":"ForEach","typeProperties":{"batchCount":40,"items":"@range(0,40)","activities":[`+hook("")+`]}}`)
		w.options.MaxActivities = 1
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		called := w.called()
		if len(called) != hooks {
			t.Fatalf("%d WebHooks have called, want %d: those that wait hold turns", len(called), hooks)
		}
		if runs, attempts := w.engine.UnderWay(); runs != 1 || attempts != hooks {
			t.Errorf("%d attempts of %d runs are under way, want %d of one", attempts, runs, hooks)
		}
		before := runtime.NumGoroutine()
		for i, h := range called {
			if err := w.callBack(id, h, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.wait(id); got != run.Succeeded {
			t.Errorf("status: %s (%s)", got, w.message(id))
		}
		synctest.Wait()
		if _, attempts := w.engine.UnderWay(); attempts != 0 {
			t.Errorf("%d attempts are under way after the end", attempts)
		}
		if after := runtime.NumGoroutine(); before-after > 2 { // the run's owner and its timer
			t.Errorf("%d goroutines while %d WebHooks wait, %d after", before, hooks, after)
		}
		w.engine.Stop(0)
	})
}

// TestCallBackBeforeTheAnswer: a service may call back before it answers. What it says then
// is not waited for.
func TestCallBackBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHookWorld(t, enginetest.NewRecorder(), hook(""))
		w.hook = func(ctx context.Context, c *activity.Call) activity.Result {
			if err := w.callBack(c.RunID, c.ActivityRunID, `{"early":true}`); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return activity.Result{Err: &activity.Error{Code: "2108"}}
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		w.wait(id)
		if got := w.output(id); got != `Succeeded {"early":true}` {
			t.Error(got)
		}
		w.engine.Stop(0)
	})
}

// TestCallBackAfterAKill: a call that was answered is not made again; one that was not, is,
// as the same attempt.
func TestCallBackAfterAKill(t *testing.T) { withSnapshots(t, testCallBackAfterAKill) }

func testCallBackAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := enginetest.NewRecorder()
		w := newHookWorld(t, first, hook(""))
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		h := w.called()[0]
		waiting := first.Units()
		if snapshotEvery == 1 {
			waiting-- // the last unit has the snapshot
		}
		if err := w.callBack(id, h, `{"a":1}`); err != nil {
			t.Fatal(err)
		}
		after := first.Units()
		w.wait(id)
		w.engine.Stop(0)
		for n := 1; n <= first.Units(); n++ {
			w := newHookWorld(t, first.After(n), hook(""))
			w.start()
			synctest.Wait()
			calls := w.called()
			if want := map[bool]int{true: 1, false: 0}[n < waiting]; len(calls) != want || want == 1 && calls[0] != h {
				t.Errorf("killed after unit %d of %d: called %q, want %d calls of %s", n, first.Units(), calls, want, h)
			}
			err := w.callBack(id, h, `{"a":1}`)
			if n < after && err != nil || n >= after && !errors.Is(err, engine.ErrCalledBack) {
				t.Errorf("killed after unit %d: the callback gets %v", n, err)
			}
			if got := w.wait(id); got != run.Succeeded || w.output(id) != `Succeeded {"a":1}` {
				t.Errorf("killed after unit %d: %s, %s", n, got, w.output(id))
			}
			w.engine.Stop(0)
		}
	})
}

// TestCallBackTimeoutAfterAKill: the time-out goes on while the process is down.
func TestCallBackTimeoutAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := enginetest.NewRecorder()
		w := newHookWorld(t, first, hook(""))
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		w.engine.Stop(0)
		time.Sleep(9 * time.Minute)
		began := time.Now()
		w.start()
		w.wait(id)
		if got := time.Since(began); got != time.Minute {
			t.Errorf("it timed out %v after the restart, want a minute", got)
		}
		if got := w.output(id); !strings.HasPrefix(got, "Failed null ActionTimedOut") || len(w.called()) != 1 {
			t.Errorf("%s; called %d times", got, len(w.called()))
		}
		w.engine.Stop(0)
	})
}

// TestSecretsOfACallBack: the token, and what is secret in the input, may come back: they
// are in no record in clear and in nothing that is shown, after a restart too.
func TestSecretsOfACallBack(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := enginetest.NewRecorder()
			w := newHookWorld(t, r, hook(`,"headers":{"X-Key":{"type":"SecureString","value":"hunter2-hunter2"}},"reportStatusOnCallBack":true`))
			w.start()
			id := w.create("p", nil, engine.RunOptions{})
			synctest.Wait()
			if restarted {
				w.engine.Stop(0)
				w.start()
			}
			h := w.called()[0]
			body := `{"Output":{"echo":"hunter2-hunter2 http://here/` + hookToken + id + h + `"},"StatusCode":500,"Error":{"Message":"` + hookToken + id + h + `"}}`
			if err := w.callBack(id, h, body); err != nil {
				t.Fatal(err)
			}
			w.wait(id)
			wantSealed(t, r, "hunter2", hookToken)
			if shown := w.output(id) + w.message(id); strings.Contains(shown, "hunter2") || strings.Contains(shown, hookToken) || !strings.Contains(shown, activity.Mask) {
				t.Errorf("shown: %s", shown)
			}
			w.engine.Stop(0)
		})
	}
}

// TestPollingAfterAKill: an attempt goes on asking where it asked before.
func TestPollingAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newHookWorld(t, r, webA)
		var polls []string
		w.register("WebActivity", func(ctx context.Context, c *activity.Call) activity.Result {
			polls = append(polls, c.Poll)
			if c.Poll == "" {
				c.Accepted("http://h/1?sig=hunter2")
				c.Accepted("http://h/2?sig=hunter2")
				<-ctx.Done()
			}
			return activity.Result{}
		})
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		w.engine.Stop(0)
		w.start()
		if got := w.wait(id); got != run.Succeeded || fmt.Sprint(polls) != "[ http://h/2?sig=hunter2]" {
			t.Errorf("%s, polled %q", got, polls)
		}
		wantSealed(t, r, "hunter2") // of the address
		w.engine.Stop(0)
	})
}

// TestOnRestartFail: an attempt in flight that must not be made again fails, and is retried
// if it is to be; one that was accepted goes on.
func TestOnRestartFail(t *testing.T) {
	for _, c := range []struct {
		name, activities, want string
		calls                  int
	}{
		{"fail", `{"name":"A","type":"WebActivity","policy":{"onRestart":"fail"},"typeProperties":{"url":"http://h/","method":"GET"}}`, "A:Failed", 1},
		{"fail and retry", `{"name":"A","type":"WebActivity","policy":{"onRestart":"fail","retry":1},"typeProperties":{"url":"http://h/","method":"GET"}}`, "A:Failed A:Succeeded", 2},
		{"restart", `{"name":"A","type":"WebActivity","policy":{"onRestart":"restart"},"typeProperties":{"url":"http://h/","method":"GET"}}`, "A:Succeeded", 2},
		{"accepted", `{"name":"Poll","type":"WebActivity","policy":{"onRestart":"fail"},"typeProperties":{"url":"http://h/","method":"GET"}}`, "Poll:Succeeded", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newHookWorld(t, enginetest.NewRecorder(), c.activities)
				calls := 0
				w.register("WebActivity", func(ctx context.Context, call *activity.Call) activity.Result {
					if calls++; calls == 1 {
						if call.ActivityName == "Poll" {
							call.Accepted("http://h/")
						}
						<-ctx.Done()
					}
					return activity.Result{}
				})
				w.start()
				id := w.create("p", nil, engine.RunOptions{})
				synctest.Wait()
				w.engine.Stop(0)
				w.start()
				w.wait(id)
				if got := w.activities(id); got != c.want || calls != c.calls {
					t.Errorf("%s with %d calls, want %s with %d", got, calls, c.want, c.calls)
				}
				if c.name == "fail" && !strings.Contains(w.output(id), "ActivityInterrupted") {
					t.Error(w.output(id))
				}
				w.engine.Stop(0)
			})
		})
	}
}

// TestEmptySecretHidesNothing: what an attempt was given that is declared secure and empty
// is no secret.
func TestEmptySecretHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHookWorld(t, enginetest.NewRecorder(), hook(`,"headers":{"X-Key":{"type":"SecureString","value":""}}`))
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		if err := w.callBack(id, w.called()[0], `{"a":"shown"}`); err != nil {
			t.Fatal(err)
		}
		w.wait(id)
		if got, want := w.output(id), `Succeeded {"a":"shown"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		w.engine.Stop(0)
	})
}

// TestOneEarlyCallBack: after a restart, one callback is kept until its attempt is made
// again; more are told to come later.
func TestOneEarlyCallBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHookWorld(t, enginetest.NewRecorder(), `{"name":"L","type":"ForEach","typeProperties":{"items":"@range(0,2)","activities":[`+hook("")+`]}}`)
		w.hook = func(ctx context.Context, c *activity.Call) activity.Result {
			<-ctx.Done()
			return activity.Result{}
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		waiting := w.called()
		w.engine.Stop(0)

		w.options.MaxActivities = 1 // the second attempt waits for its turn
		w.start()
		synctest.Wait()
		called := w.called()
		early := waiting[0]
		if called[len(called)-1] == early {
			early = waiting[1]
		}
		answers := make(chan error, 3)
		for range 3 {
			go func() { answers <- w.callBack(id, early, `{}`) }()
		}
		synctest.Wait()
		for range 2 {
			select {
			case err := <-answers:
				if !errors.Is(err, engine.ErrAside) {
					t.Errorf("one more early callback: %v", err)
				}
			default:
				t.Error("one more early callback is kept")
			}
		}
		if err := w.callBack(id, called[len(called)-1], `{}`); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		select {
		case err := <-answers:
			if err != nil {
				t.Errorf("the first early callback: %v", err)
			}
		default:
			t.Error("the first early callback has no answer")
		}
		w.wait(id)
		w.engine.Stop(0)
	})
}

// TestCallBackWhileItStops: an attempt that the next process takes up has not ended for who
// calls back.
func TestCallBackWhileItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHookWorld(t, enginetest.NewRecorder(), hook("")+`,`+webA)
		w.register("WebActivity", func(ctx context.Context, _ *activity.Call) activity.Result {
			<-ctx.Done()
			return activity.Result{}
		})
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { w.engine.Stop(time.Minute); close(stopped) }()
		synctest.Wait()
		if err := w.engine.NobodyWaits(id, w.called()[0]); !errors.Is(err, engine.ErrStopping) {
			t.Errorf("got %v, want ErrStopping", err)
		}
		<-stopped
	})
}

// TestCallBackIsAnsweredBeforeTheEnd: who has called back does not wait until the messages
// of the run can be read.
func TestCallBackIsAnsweredBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newHookWorld(t, enginetest.NewRecorder(), hook(""))
		w.options.Finish = func(json.RawMessage, string, engine.Outcome) (commit.Effect, error) {
			return effect(func(*commit.Unit) (func(), error) { return nil, fmt.Errorf("queue: %w", commit.ErrUnread) }), nil
		}
		w.start()
		id := w.create("p", nil, engine.RunOptions{Binding: json.RawMessage(`1`)})
		synctest.Wait()
		answer := make(chan error, 1)
		go func() { answer <- w.callBack(id, w.called()[0], `{}`) }()
		time.Sleep(time.Minute)
		select {
		case err := <-answer:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("the callback has no answer while the run waits to end")
		}
		w.engine.Stop(0)
	})
}
