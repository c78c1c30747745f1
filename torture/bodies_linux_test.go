package torture

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// TestAttackRequestBodies: loops that send bodies of 3 MB, which expressions make, to an
// endpoint that does not answer for 25 s, hold few of them at once, and other calls go on.
func TestAttackRequestBodies(t *testing.T) {
	torture(t)
	var under, most atomic.Int64
	open := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/small" {
			return
		}
		most.Store(max(most.Load(), under.Add(1)))
		<-open
		io.Copy(io.Discard, r.Body)
		under.Add(-1)
	}))
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	s := box{Memory: 2 << 30}.serve(t, t.TempDir())
	s.prepare()
	loop := func(items int, path, body string) string {
		return fmt.Sprintf(`{"activities":[{"name":"L","type":"ForEach","typeProperties":{"items":"@range(1,%d)","batchCount":50,"activities":[
			{"name":"W","type":"WebActivity","typeProperties":{"method":"POST","url":"%s%s","body":"%s"}}]}}]}`, items, web.URL, path, body)
	}
	const text3MB = "@concat(string(item()),string(range(1,100000)),string(range(1,100000)),string(range(1,100000))," +
		"string(range(1,100000)),string(range(1,100000)))"
	s.pipeline("many", loop(1000, "/", text3MB))
	s.pipeline("some", loop(60, "/", text3MB))
	s.pipeline("small", loop(300, "/small", "@string(item())"))
	begin := func(name string) string {
		id, answer := s.createRun(30*time.Second, name, "{}")
		if id == "" {
			t.Fatalf("%s: %s", name, answer)
		}
		return id
	}
	stop := s.beside(200)
	runs := []string{begin("many")}
	for range 5 {
		runs = append(runs, begin("some"))
	}
	began := time.Now()
	time.AfterFunc(25*time.Second, func() { close(open) })
	time.Sleep(20 * time.Second)
	if s.ended() {
		t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
	}
	called := time.Now()
	if status, message := s.wait(begin("small"), time.Minute); status != "Succeeded" {
		t.Errorf("the small one ended %s: %s", status, message)
	}
	if took := time.Since(called).Round(100 * time.Millisecond); took > 4*time.Second {
		t.Errorf("300 small calls beside them took %s", took)
	}
	for _, id := range runs {
		if status, message := s.wait(id, 5*time.Minute); status != "Succeeded" {
			t.Errorf("a run ended %s: %.300s", status, message)
		}
		if s.ended() {
			t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
		}
	}
	rates, peak := stop(), s.status("VmHWM")>>10
	t.Logf("%s: peak %d MB, at most %d requests at once, beside %d a second", time.Since(began).Round(time.Second), peak, most.Load(), rate(rates))
	if peak > 1200 {
		t.Errorf("%d MB at most, want less than 1200", peak)
	}
}
