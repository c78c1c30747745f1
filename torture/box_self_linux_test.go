package torture

import (
	"strings"
	"testing"
	"time"
)

// TestBox: the box itself works, so that an attack in it means something.
func TestBox(t *testing.T) {
	torture(t)
	dir := tmpfs(t, 800<<20) + "/data"
	s := box{Memory: 1 << 30, Files: 1024}.serve(t, dir)
	s.prepare()
	s.pipeline("wait", `{"activities":[{"name":"w","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}`)
	id, answer := s.createRun(10*time.Second, "wait", "{}")
	if id == "" {
		t.Fatal(answer)
	}
	if status, message := s.wait(id, 10*time.Second); status != "Succeeded" {
		t.Errorf("the run is %s: %s", status, message)
	}
	if !strings.Contains(s.ConnectionString, "SharedAccessKey") || s.status("VmRSS") < 1000 || s.descriptors() < 8 {
		t.Errorf("connection string %q, %d kB, %d descriptors", s.ConnectionString, s.status("VmRSS"), s.descriptors())
	}
	s.terminate(25 * time.Second)
	again := box{}.serve(t, dir)
	if status, _ := again.run(id); status != "Succeeded" {
		t.Errorf("after a restart the run is %s", status)
	}
}
