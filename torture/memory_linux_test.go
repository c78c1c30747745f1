package torture

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

var ones = strings.Repeat("1", 210)

// text17MB is a text of 17 MB that differs with i.
var text17MB = `@concat(string(%s),replace(string(range(1,100000)),'1','` + ones + `'))`

// memoryAttacks are runs that would hold more than the process may. Each must end, with
// a result or a failure that has one of the codes.
func memoryAttacks(url string) map[string]string {
	large := strings.ReplaceAll(fmt.Sprintf(text17MB, "item()"), `"`, `\"`)
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
	variables := `,"variables":{"a":{"type":"Array"},"s":{"type":"String"},"t":{"type":"String","defaultValue":"0123456789"}}`
	pipeline := func(activities string) string { return `{"activities":[` + activities + `]` + variables + `}` }
	return map[string]string{
		"append": pipeline(loop("@range(1,200)", `"isSequential":true,`,
			`{"name":"A","type":"AppendVariable","typeProperties":{"variableName":"a","value":"`+large+`"}}`)),
		"set": pipeline(loop("@range(1,200)", `"batchCount":50,`, set("S", "", "s", large))),
		"double": pipeline(`{"name":"U","type":"Until","typeProperties":{"expression":"@greater(length(variables('t')),60000000)","timeout":"00:01:00","activities":[` +
			set("S", "", "s", "@concat(variables('t'),variables('t'))") + `,` + set("T", "S", "t", "@concat(variables('s'),variables('s'))") + `]}}`),
		"web": pipeline(loop("@range(1,1000)", `"batchCount":50,`, web)),
	}
}

// TestAttackMemory runs what would take all memory in a group of 2 GB, one after the
// other, all at once, and again after a kill, with a queue beside them.
func TestAttackMemory(t *testing.T) {
	torture(t)
	answer := []byte(`{"text":"` + strings.Repeat("x", 3<<20) + `"}`)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(answer) }))
	t.Cleanup(web.Close)
	attacks := memoryAttacks(web.URL)
	dir := t.TempDir()
	s := box{Memory: 2 << 30}.serve(t, dir)
	s.prepare()
	s.must("PUT", s.id(attackNamespace)+"/queues/beside"+busVersion, `{"properties":{"maxSizeInMegabytes":5120}}`)
	for name, p := range attacks {
		s.pipeline(name, p)
	}
	stop := s.beside(1000)
	time.Sleep(5 * time.Second)
	alone := rate(stop())
	check := func(what string, ids map[string]string) {
		t.Helper()
		stop, began := s.beside(1000), time.Now()
		for id, name := range ids {
			status, message := s.wait(id, 4*time.Minute)
			if s.ended() {
				t.Fatalf("%s: %s: %s", what, s.cmd.ProcessState, s.tail())
			}
			t.Logf("%s: %s ended %s after %s: %.150s", what, name, status, time.Since(began).Round(time.Second), message)
			named := strings.Contains(message, "more memory than") || strings.Contains(message, "limit of") || strings.Contains(message, "within its timeout")
			if status != "Succeeded" && !named {
				t.Errorf("%s: %s ended %s: %.300s", what, name, status, message)
			}
		}
		during := rate(stop())
		t.Logf("%s: beside %d messages a second, alone %d; resident %d MiB, at most %d MiB", what, during, alone,
			s.status("VmRSS")>>10, s.status("VmHWM")>>10)
	}
	begin := func(name string) string {
		id, answer := s.createRun(30*time.Second, name, "{}")
		if id == "" {
			t.Fatalf("%s: %s", name, answer)
		}
		return id
	}
	for name := range attacks {
		check(name, map[string]string{begin(name): name})
	}
	all := map[string]string{begin("web"): "web"}
	for name := range attacks {
		all[begin(name)] = name
	}
	check("all at once", all)
	time.Sleep(15 * time.Second)
	t.Logf("15 s later resident %d MiB", s.status("VmRSS")>>10)
	all = map[string]string{}
	for name := range attacks {
		all[begin(name)] = name
	}
	time.Sleep(3 * time.Second)
	s.kill()
	s = box{Memory: 2 << 30}.serve(t, dir)
	check("after a kill", all)
}

// rate is the median of messages a second.
func rate(perSecond []int) int {
	if len(perSecond) == 0 {
		return 0
	}
	slices.Sort(perSecond)
	return perSecond[len(perSecond)/2]
}
