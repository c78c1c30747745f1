package activity_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/clock"
	"switchyard/pipeline/activity"
)

// TestWebConnectionsAreBounded: calls to many hosts share few connections; they wait
// for one, and those that are kept idle for other hosts make room. A host answers only
// when as many calls as there may be connections are with one, so that more would show.
func TestWebConnectionsAreBounded(t *testing.T) {
	const most, hosts = 3, 12
	var mu sync.Mutex
	var here, peak, came int
	full := make(chan struct{}) // closed when the next group is whole
	answer := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		here++
		peak = max(peak, here)
		whole := full
		if came++; came%most == 0 {
			full = make(chan struct{})
			// One more than may be would come in this moment; none may, so nothing waits for it.
			time.AfterFunc(20*time.Millisecond, func() { close(whole) })
		}
		mu.Unlock()
		<-whole
		// The caller reads the answer, and may close its connection, after this.
		mu.Lock()
		here--
		mu.Unlock()
	}
	var urls []string
	for range hosts {
		s := httptest.NewServer(http.HandlerFunc(answer))
		defer s.Close()
		urls = append(urls, s.URL)
	}
	w := activity.NewWeb(activity.WebOptions{Clock: clock.Wall{}, MaxOpen: most})
	var wait sync.WaitGroup
	for _, url := range urls {
		wait.Go(func() {
			res := w.Execute(context.Background(), &activity.Call{
				ActivityName: "Web", ActivityType: "WebActivity", ActivityRunID: "11111111-2222-5333-8444-555555555555", Factory: "f",
				Input: parse(t, strings.ReplaceAll(`{"method":"GET","url":"%URL%/"}`, "%URL%", url)),
			})
			if res.Err != nil {
				t.Errorf("%s: %v", url, res.Err)
			}
		})
	}
	wait.Wait()
	if peak != most {
		t.Errorf("%d connections at a time to %d hosts, want %d", peak, hosts, most)
	}
}
