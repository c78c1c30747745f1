package activity_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/clock"
	"switchyard/memory"
	"switchyard/pipeline/activity"
	"switchyard/value"
)

// transport answers every request with a body of a size.
type transport int

func (n transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, ContentLength: -1,
		Body: io.NopCloser(bytes.NewReader(bytes.Repeat([]byte("x"), int(n))))}, nil
}

// TestLargeAnswersWait: answers above 64 KiB share a room until they are released.
// Who waits for it longer than a request may take has not failed; small answers do
// not wait.
func TestLargeAnswersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := memory.NewRoom(40 << 20) // for two answers of 4 MiB at most
		call := func(size int, results chan activity.Result) {
			web := activity.NewWeb(activity.WebOptions{Clock: clock.Wall{}, Transport: transport(size), Room: room})
			results <- web.Execute(t.Context(), &activity.Call{Input: value.NewObject(
				value.Member{Name: "method", Value: "GET"}, value.Member{Name: "url", Value: "http://h/"},
				value.Member{Name: "httpRequestTimeout", Value: "00:00:30"})})
		}
		large := make(chan activity.Result, 10)
		for range 10 {
			go call(3<<20, large)
		}
		for done := 0; done < 10; {
			time.Sleep(time.Minute)
			if n := len(large); n != 2 {
				t.Fatalf("after %d answers %d more were read, want 2", done, n)
			}
			small := make(chan activity.Result, 1)
			if call(64<<10, small); (<-small).Err != nil {
				t.Error("a small answer failed")
			}
			for range 2 {
				r := <-large
				if r.Err != nil {
					t.Fatalf("an answer that waited failed: %v", r.Err)
				}
				if text, _ := r.Output.Get("Response"); len(text.(string)) != 3<<20 {
					t.Errorf("an answer has %d bytes", len(text.(string)))
				}
				r.Release()
				done++
			}
		}
		// What fails gives its room back by itself.
		for range 5 {
			go call(5<<20, large)
		}
		for range 5 {
			if r := <-large; r.Err == nil || r.Err.Code != "2001" {
				t.Errorf("an answer of 5 MiB: %v, want error 2001", r.Err)
			}
		}
	})
}

// polled answers that it has accepted, at length, for an hour.
type polled struct{ began time.Time }

func (p polled) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := transport(1 << 20).RoundTrip(r)
	if time.Since(p.began) < time.Hour {
		resp.StatusCode, resp.Header = http.StatusAccepted, http.Header{"Location": {"/"}}
	}
	return resp, err
}

// TestPollingKeepsNoRoom: a call that waits for its next poll has no answer that
// others would have to wait for.
func TestPollingKeepsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := memory.NewRoom(20 << 20) // for one answer
		call := func(answers http.RoundTripper) activity.Result {
			web := activity.NewWeb(activity.WebOptions{Clock: clock.Wall{}, Transport: answers, Room: room})
			return web.Execute(t.Context(), &activity.Call{Input: value.NewObject(
				value.Member{Name: "method", Value: "GET"}, value.Member{Name: "url", Value: "http://h/"})})
		}
		began := time.Now()
		ended := make(chan activity.Result)
		go func() { ended <- call(polled{began}) }()
		time.Sleep(time.Minute)
		if r := call(transport(1 << 20)); r.Err != nil {
			t.Error(r.Err)
		} else {
			r.Release()
		}
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("an answer waited for the end of another call's polls: %v", took)
		}
		r := <-ended
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		r.Release()
	})
}
