package activity_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
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

// TestOthersGoOnMeanwhile: a call gives up its turn before it waits for room, and the
// room of what it was given once it has sent that; a small answer keeps its turn.
func TestOthersGoOnMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := memory.NewRoom(16 << 20)
		full, err := room.Take(t.Context(), 16<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ size, yields int }{{64 << 10, 0}, {1 << 20, 1}} {
			yields, released, done := 0, 0, make(chan activity.Result, 1)
			go func() {
				web := activity.NewWeb(activity.WebOptions{Clock: clock.Wall{}, Transport: transport(c.size), Room: room})
				call := &activity.Call{Yield: func() { yields++ }, Release: func() { released++ }, Input: value.NewObject(
					value.Member{Name: "method", Value: "POST"}, value.Member{Name: "url", Value: "http://h/"},
					value.Member{Name: "body", Value: "text"})}
				done <- web.Execute(t.Context(), call)
				if call.Input != nil || released == 0 {
					t.Errorf("answer of %d bytes: the input is kept after the request was sent", c.size)
				}
			}()
			synctest.Wait()
			if yields != c.yields {
				t.Errorf("answer of %d bytes: the turn was given up %d times, want %d", c.size, yields, c.yields)
			}
			if waits := len(done) == 0; waits != (c.yields > 0) {
				t.Errorf("answer of %d bytes: waits for room: %v", c.size, waits)
			}
			if c.yields > 0 {
				full()
			}
			if r := <-done; r.Err != nil {
				t.Errorf("answer of %d bytes: %v", c.size, r.Err)
			}
		}
	})
}

// lists answers every request with so many empty lists.
type lists int

func (n lists) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := transport(0).RoundTrip(r)
	resp.Body = io.NopCloser(strings.NewReader("[" + strings.Repeat("[],", int(n)) + "[]]"))
	return resp, err
}

// TestLargeValuesWait: an answer that is large as a value waits for room for that, whether
// or not it was large as a text.
func TestLargeValuesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			lists int
			waits bool
		}{{1000, false}, {20_000, true}, {1_000_000, true}} {
			values := memory.NewRoom(100 << 20)
			full, _ := values.TryTake(100 << 20)
			web := activity.NewWeb(activity.WebOptions{Clock: clock.Wall{}, Transport: lists(c.lists), Values: values})
			done := make(chan activity.Result, 1)
			go func() {
				done <- web.Execute(t.Context(), &activity.Call{Input: value.NewObject(
					value.Member{Name: "method", Value: "GET"}, value.Member{Name: "url", Value: "http://h/"})})
			}()
			synctest.Wait()
			if waits := len(done) == 0; waits != c.waits {
				t.Errorf("%d lists wait %v, want %v", c.lists, waits, c.waits)
			}
			full()
			r := <-done
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			if _, ok := values.TryTake(100 << 20); ok == c.waits {
				t.Errorf("%d lists: the room is free before the output is durable: %v", c.lists, ok)
			}
			r.Release()
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
