package engine_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
)

// version1 has the units that the first version of the program committed for a run
// of crashPipeline: its events hold the definition.
func version1(t *testing.T) []*commit.Unit {
	text, err := os.ReadFile("testdata/version1.txt")
	if err != nil {
		t.Fatal(err)
	}
	var units []*commit.Unit
	for line := range strings.Lines(string(text)) {
		var n int
		var key, val string
		if _, err := fmt.Sscanf(line, "%d set %s %s", &n, &key, &val); err != nil {
			t.Fatal(err)
		}
		if n == len(units) {
			units = append(units, &commit.Unit{})
		}
		k, err := hex.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		v, err := hex.DecodeString(val)
		if err != nil {
			t.Fatal(err)
		}
		units[n].Set(k, v)
	}
	return units
}

// A run that the first version was in the midst of ends as it would have.
func TestFinishesRunOfVersion1(t *testing.T) {
	units := version1(t)
	if len(units) < 10 {
		t.Fatalf("%d units, want enough to stop between", len(units))
	}
	for n := 1; n < len(units); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := enginetest.NewRecorder()
				sent := 0
				for _, u := range units[:n] {
					r.Apply(u)
					for _, op := range u.Ops() {
						if strings.HasPrefix(string(op.Key), "x sent") {
							sent++
						}
					}
				}
				w := newCrashWorld(t, r)
				w.start()
				if got := w.wait("run"); got != run.Succeeded {
					t.Errorf("status: got %s (%s), want Succeeded", got, w.message("run"))
				}
				effects := fmt.Sprint(effects(t, r, nil))
				if sent += strings.Count(effects, "x sent"); sent != 1 || strings.Count(effects, "x finished run=Succeeded") != 1 {
					t.Errorf("sent %d times, effects %s; want one of each", sent, effects)
				}
				if as := w.activities("run"); strings.Count(as, "Call:") != 5 || strings.Count(as, "Poll:") != 3 {
					t.Errorf("activities: got %s, want 5 attempts of Call and 3 of Poll", as)
				}
				w.engine.Stop(time.Minute)
				if err := w.restart().DeleteRuns(t.Context(), []string{"run"}); err != nil {
					t.Error(err)
				}
				w.engine.Stop(0)
			})
		})
	}
}
