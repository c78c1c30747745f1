package torture

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// text17MB is a text of 17 MB, text1MB one of 0.6 MB that differs with the item.
var (
	text17MB = "@concat(" + strings.Repeat("string(range(1,100000)),", 29) + "string(range(1,100000)))"
	text1MB  = "@concat(string(item()),string(range(1,100000)))"
)

// memoryAttacks are runs that would hold more than the process may. Each must end, with
// a result or a failure that has one of the codes.
func memoryAttacks(url string) map[string]string {
	loop := func(items, more, inner string) string {
		return `{"name":"L","type":"ForEach","typeProperties":{"items":"` + items + `",` + more + `"activities":[` + inner + `]}}`
	}
	web := `{"name":"W","type":"WebActivity","policy":{"timeout":"00:05:00"},"typeProperties":{"method":"GET","url":"` + url + `"}}`
	set := func(name, previous, variable, val string) string {
		after := ""
		if previous != "" {
			after = `"dependsOn":[{"activity":"` + previous + `","dependencyConditions":["Completed"]}],`
		}
		return `{"name":"` + name + `","type":"SetVariable",` + after + `"typeProperties":{"variableName":"` + variable + `","value":"` + val + `"}}`
	}
	add := func(val string) string {
		return `{"name":"A","type":"AppendVariable","typeProperties":{"variableName":"a","value":"` + val + `"}}`
	}
	variables := `,"variables":{"a":{"type":"Array"},"s":{"type":"String"},"t":{"type":"String","defaultValue":"0123456789"}}`
	pipeline := func(activities string) string { return `{"activities":[` + activities + `]` + variables + `}` }
	return map[string]string{
		"append":      pipeline(loop("@range(1,1000)", `"isSequential":true,`, add(text17MB))),
		"append-many": pipeline(loop("@range(1,1000)", `"isSequential":true,`, add(text1MB))),
		"set":         pipeline(loop("@range(1,1000)", `"batchCount":50,`, set("S", "", "s", text17MB))),
		"double": pipeline(`{"name":"U","type":"Until","typeProperties":{"expression":"@greater(length(variables('t')),60000000)","timeout":"00:01:00","activities":[` +
			set("S", "", "s", "@concat(variables('t'),variables('t'))") + `,` + set("T", "S", "t", "@concat(variables('s'),variables('s'))") + `]}}`),
		"web": pipeline(loop("@range(1,1000)", `"batchCount":50,`, web)),
	}
}

// TestAttackMemory runs what would take all memory in a group of 2 GB, all at once, and
// on after a kill, with a queue beside them.
func TestAttackMemory(t *testing.T) {
	torture(t)
	answer := []byte(`{"text":"` + strings.Repeat("x", 3<<20) + `"}`)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(answer) }))
	t.Cleanup(web.Close)
	dir, began := t.TempDir(), time.Now()
	s := box{Memory: 2 << 30}.serve(t, dir)
	s.prepare()
	s.must("PUT", s.id(attackNamespace)+"/queues/beside"+busVersion, `{"properties":{"maxSizeInMegabytes":5120}}`)
	stop := s.beside(200)
	time.Sleep(5 * time.Second)
	alone := rate(stop())
	runs := map[string]string{}
	for name, p := range memoryAttacks(web.URL) {
		s.pipeline(name, p)
		id, answer := s.createRun(30*time.Second, name, "{}")
		if id == "" {
			t.Fatalf("%s: %s", name, answer)
		}
		runs[id] = name
	}
	t.Logf("alone: beside %d messages a second", alone)
	look := func(what string, beside []int) {
		t.Helper()
		t.Logf("%s after %s: beside %d messages a second, resident %d MiB, at most %d MiB", what,
			time.Since(began).Round(time.Second), rate(beside), s.status("VmRSS")>>10, s.status("VmHWM")>>10)
		if rate(beside) == 0 {
			t.Errorf("%s: nothing is sent beside it", what)
		}
	}
	stop = s.beside(200)
	time.Sleep(20 * time.Second)
	look("all at once", stop())
	s.kill()
	s = box{Memory: 2 << 30}.serve(t, dir)
	stop = s.beside(200)
	for id, name := range runs {
		status, message := s.wait(id, 20*time.Minute)
		if s.ended() {
			t.Fatalf("%s: %s: %s", name, s.cmd.ProcessState, s.tail())
		}
		t.Logf("%s ended %s: %.200s", name, status, message)
		named := strings.Contains(message, "more memory than") || strings.Contains(message, "limit of") ||
			strings.Contains(message, "within its timeout")
		if status != "Succeeded" && !named {
			t.Errorf("%s ended %s: %.300s", name, status, message)
		}
	}
	look("after a kill", stop())
	time.Sleep(15 * time.Second)
	t.Logf("15 s later resident %d MiB", s.status("VmRSS")>>10)
}

// rate is the median of messages a second.
func rate(perSecond []int) int {
	if len(perSecond) == 0 {
		return 0
	}
	slices.Sort(perSecond)
	return perSecond[len(perSecond)/2]
}
