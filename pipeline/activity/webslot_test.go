package activity_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"switchyard/clock"
	"switchyard/pipeline/activity"
)

// TestWebConnectionsAreBounded: calls to many hosts share few connections; they wait
// for one, and those that are kept idle for other hosts make room.
func TestWebConnectionsAreBounded(t *testing.T) {
	const most, hosts = 3, 12
	var open, peak atomic.Int32
	var urls []string
	for range hosts {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				n := open.Add(1)
				for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
				}
			case http.StateClosed:
				open.Add(-1)
			}
		}
		s.Start()
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
	// A server hears of the end of a connection a little after the slot is free.
	if n := peak.Load(); n > 2*most {
		t.Errorf("%d connections at a time to %d hosts, want about %d", n, hosts, most)
	}
}
