package callback

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// post calls back and returns status and body of the answer.
func post(h http.Handler, method, uri, contentType, body string) string {
	r := httptest.NewRequest(method, uri, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String()))
}

// TestAnswers: what who calls back is told.
func TestAnswers(t *testing.T) {
	d := New(Options{Key: []byte("key"), Base: "http://here"})
	uri, token := d.Address("run-1", "activity-1")
	if !strings.HasPrefix(uri, "http://here/callback/run-1/activity-1?token=") || !strings.HasSuffix(uri, token) || len(token) != 43 {
		t.Errorf("address %q, token %q", uri, token)
	}
	var got value.Value
	var err error
	h := d.Handler(func(_ context.Context, runID, activityRunID string, body value.Value) error {
		if runID != "run-1" || activityRunID != "activity-1" {
			t.Errorf("called back: %s, %s", runID, activityRunID)
		}
		got = body
		return err
	})
	const accepted = `200 {"status":"Accepted"}`
	for _, c := range []struct{ contentType, body, want, taken string }{
		{"application/json; charset=utf-8", `{"a":1}`, accepted, `{"a":1}`},
		{"application/problem+json", "\ufeff[1]", accepted, `[1]`},
		{"", `"x"`, accepted, `"x"`},
		{"text/plain", " \n", accepted, `{}`},
		{"text/plain", `{"a":1}`, `415 {"error":{"code":"UnsupportedMediaType"`, ``},
		{"application/json", `{"a":`, `400 {"error":{"code":"InvalidCallback"`, ``},
		{"application/json", `"` + strings.Repeat("x", maxBody) + `"`, `413 {"error":{"code":"CallbackTooLarge"`, ``},
	} {
		got = "nothing"
		if answer := post(h, "POST", uri, c.contentType, c.body); !strings.HasPrefix(answer, c.want) {
			t.Errorf("%.20q: %s, want %s", c.body, answer, c.want)
		}
		if text := string(value.Append(nil, got)); text != c.taken && (c.taken != "" || got != value.Value("nothing")) {
			t.Errorf("%.20q: taken %s, want %s", c.body, text, c.taken)
		}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{engine.ErrCalledBack, `200 {"status":"AlreadyCalledBack"}`},
		{fmt.Errorf("%w: because", activity.ErrCallBack), `400 {"error":{"code":"InvalidCallback","message":"The callback can't be used: because."}}`},
		{&engine.EndedError{Activity: "H", Status: run.Failed, TimedOut: true}, `410 {"error":{"code":"ActivityTimedOut"`},
		{&engine.EndedError{Activity: "H", Status: run.Failed}, `410 {"error":{"code":"ActivityFailed","message":"The activity 'H' has ended with the status Failed."}}`},
		{&engine.EndedError{Activity: "H", Status: run.Cancelled}, `410 {"error":{"code":"ActivityCancelled"`},
		{engine.ErrRunNotFound, `410 {"error":{"code":"RunNotFound"`},
		{engine.ErrRunDropped, `410 {"error":{"code":"RunNotFound"`},
		{engine.ErrAside, `503 {"error":{"code":"RunNotResumed"`},
		{engine.ErrStopping, `503 {"error":{"code":"ServiceUnavailable"`},
		{errors.New("anything"), `503 {"error":{"code":"ServiceUnavailable"`},
	} {
		err = c.err
		if answer := post(h, "POST", uri, "", "{}"); !strings.HasPrefix(answer, c.want) {
			t.Errorf("%v: %s, want %s", c.err, answer, c.want)
		}
	}
}

// TestOnlyItsOwnToken: an address that was not made here reaches nothing.
func TestOnlyItsOwnToken(t *testing.T) {
	d := New(Options{Key: []byte("key")})
	h := d.Handler(func(context.Context, string, string, value.Value) error {
		t.Error("somebody is called back")
		return nil
	})
	uri, token := d.Address("r", "a")
	other, _ := New(Options{Key: []byte("another")}).Address("r", "a")
	for _, at := range []string{other, uri[:len(uri)-1], strings.Replace(uri, "/r/", "/q/", 1), strings.Replace(uri, "/a?", "/b?", 1),
		Path + "r/a", Path + "r/a?token=", Path + "%72%00a/x?token=" + token} {
		if answer := post(h, "POST", at, "", "{}"); !strings.HasPrefix(answer, `404 {"error":{"code":"CallbackNotFound"`) || strings.Contains(answer, token) {
			t.Errorf("%s: %s", at, answer)
		}
	}
	if answer := post(h, "GET", uri, "", ""); !strings.HasPrefix(answer, "405") {
		t.Errorf("GET: %s", answer)
	}
}
