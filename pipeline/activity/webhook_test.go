package activity_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/clock"
	"switchyard/pipeline/activity"
)

// hookCall makes the call of a WebHook; %URL% in the input is the server's address.
func hookCall(t testing.TB, c activity.Call, url, input string) activity.Result {
	t.Helper()
	c.ActivityType, c.ActivityRunID, c.Factory = "WebHook", "aid", "f"
	c.Input = parse(t, strings.ReplaceAll(input, "%URL%", url))
	return activity.NewWeb(activity.WebOptions{Clock: impatient{}, Tokens: tokens{}}).Call(context.Background(), &c)
}

// TestWebHookCall: what is sent, and that only a success is waited for.
func TestWebHookCall(t *testing.T) {
	const at = `{"callBackUri":"http://back/?token=t"}`
	for _, c := range []struct {
		name, input string // without url and method
		status      int
		sent, fails string
	}{
		{"no body", ``, 200, at, ""},
		{"an empty body", `,"body":""`, 200, at, ""},
		{"an object", `,"body":{"a":[1.0],"callBackUri":"mine"}`, 202, `{"a":[1.0],"callBackUri":"http://back/?token=t"}`, ""},
		{"its text", `,"body":"{\"a\": 1}"`, 204, `{"a":1,"callBackUri":"http://back/?token=t"}`, ""},
		{"another text", `,"body":"hello"`, 200, "", "must be a JSON object"},
		{"an array", `,"body":[1]`, 200, "", "must be a JSON object"},
		{"authentication", `,"authentication":{"type":"MSI","resource":"r"}`, 200, at, ""},
		{"an error", ``, 404, at, "2108"},
		{"another method", `,"method":"PUT"`, 200, "", "The method 'PUT' of a WebHook activity is not supported."},
		{"a property of Web", `,"turnOffAsync":true`, 200, "", "The property 'turnOffAsync' of a WebHook activity is not supported."},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := ""
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				sent = string(b)
				if r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Idempotency-Key") != "aid" {
					t.Errorf("%s with %v", r.Method, r.Header)
				}
				if want := c.name == "authentication"; want != (r.Header.Get("Authorization") == "Bearer f//r") {
					t.Errorf("Authorization: %q", r.Header.Get("Authorization"))
				}
				w.WriteHeader(c.status)
			}))
			defer s.Close()
			method := `"method":"post",`
			if strings.Contains(c.input, `"method"`) {
				method = ""
			}
			res := hookCall(t, activity.Call{CallBackURI: "http://back/?token=t"}, s.URL, `{`+method+`"url":"%URL%/"`+c.input+`}`)
			if sent != c.sent {
				t.Errorf("sent %q, want %q", sent, c.sent)
			}
			switch {
			case c.fails == "" && (res.Err != nil || !res.Waits):
				t.Errorf("got %v, want it to wait", res.Err)
			case c.fails != "" && (res.Waits || res.Err == nil || !strings.Contains(fmt.Sprint(res.Err.Code, res.Err), c.fails)):
				t.Errorf("got %v, want %s", res.Err, c.fails)
			}
		})
	}
	if res := hookCall(t, activity.Call{}, "http://127.0.0.1:1", `{"method":"POST","url":"%URL%/"}`); res.Err == nil || res.Err.Code != "NotSupported" {
		t.Errorf("without an address: %v", res.Err)
	}
}

// TestPollingIsNoted: where an accepted call is asked about is noted before it is asked, once
// for each address, and an attempt that has such a note asks there and does not call.
func TestPollingIsNoted(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+r.URL.RequestURI())
		switch next := map[string]string{"/": "/1?sig=x", "/1?sig=x": "2", "/2": "/2"}[r.URL.RequestURI()]; {
		case next == "", len(asked) > 4:
			io.WriteString(w, `{"done":true}`)
		default:
			w.Header().Set("Location", next)
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	defer s.Close()
	for _, c := range []struct {
		poll         string
		noted, asked []string
	}{
		{"", []string{s.URL + "/1?sig=x", s.URL + "/2"}, []string{"POST/", "GET/1?sig=x", "GET/2", "GET/2", "GET/2"}},
		{s.URL + "/1?sig=x", []string{s.URL + "/2"}, []string{"GET/1?sig=x", "GET/2", "GET/2", "GET/2", "GET/2"}},
	} {
		asked = nil
		var noted []string
		res := activity.NewWeb(activity.WebOptions{Clock: new(leaping)}).Execute(context.Background(), &activity.Call{
			ActivityType: "WebActivity", ActivityRunID: "aid", Poll: c.poll, Accepted: func(poll string) { noted = append(noted, poll) },
			Input: parse(t, `{"method":"POST","url":"`+s.URL+`/","body":"b"}`)})
		if done, _ := res.Output.Get("done"); res.Err != nil || done != true {
			t.Errorf("from %q: %v, %s", c.poll, res.Err, json(res.Output))
		}
		if !slices.Equal(noted, c.noted) || !slices.Equal(asked, c.asked) {
			t.Errorf("from %q: noted %q, want %q; asked %q, want %q", c.poll, noted, c.noted, asked, c.asked)
		}
	}
}

// leaping is a clock that is at once where a timer is set to. It belongs to one test.
type leaping struct {
	clock.Wall
	now   time.Time
	waits []time.Duration
}

func (l *leaping) Now() time.Time { return l.now }

func (l *leaping) NewTimer(d time.Duration) clock.Timer {
	l.now, l.waits = l.now.Add(d), append(l.waits, d)
	return l.Wall.NewTimer(0)
}

// TestPollingHasAPace: an endpoint that asks for no pause, and has another address each
// time, gets a request each 100 ms at most and a note each second at most.
func TestPollingHasAPace(t *testing.T) {
	polls := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if polls++; polls > 25 {
			return
		}
		w.Header().Set("Location", fmt.Sprintf("/%d", polls))
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	l := &leaping{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	var noted []string
	res := activity.NewWeb(activity.WebOptions{Clock: l}).Execute(t.Context(), &activity.Call{
		ActivityType: "WebActivity", ActivityRunID: "aid", Accepted: func(poll string) { noted = append(noted, strings.TrimPrefix(poll, s.URL)) },
		Input: parse(t, `{"method":"GET","url":"`+s.URL+`/"}`)})
	if res.Err != nil || polls != 26 || len(l.waits) != 25 {
		t.Fatalf("%v after %d requests and %d waits", res.Err, polls, len(l.waits))
	}
	for _, d := range l.waits {
		if d < 100*time.Millisecond {
			t.Fatalf("it waited %v, want at least 100 ms", d)
		}
	}
	if got, want := fmt.Sprint(noted), "[/1 /11 /21]"; got != want {
		t.Errorf("noted %s, want %s", got, want)
	}
}

// TestCalledBackIsBounded: what a callback says of its failure is kept with the run, and
// repeated by what contains the activity.
func TestCalledBackIsBounded(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	_, fail, err := activity.CalledBack(parse(t, `{"StatusCode":500,"Error":{"ErrorCode":"`+long+`","Message":"`+long+`"}}`), true)
	if err != nil {
		t.Fatal(err)
	}
	if want := long[:256] + "..."; fail.Code != want {
		t.Errorf("a code of %d bytes, want %d", len(fail.Code), len(want))
	}
	if want := long[:64<<10] + "..."; fail.Message != want {
		t.Errorf("a message of %d bytes, want %d", len(fail.Message), len(want))
	}
}
