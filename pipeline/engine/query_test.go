package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
)

// Six runs, one started each minute; each waits 100 seconds, so the last two are
// still going on when they are asked for.
func TestQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, enginetest.NewMemory(nil), pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":100}}`))
		w.start()
		began := time.Now()
		for i := range 6 {
			w.create("p", nil, engine.RunOptions{ID: fmt.Sprint("r", i)})
			time.Sleep(time.Minute)
		}
		at := func(d time.Duration) time.Time { return began.Add(d) }
		place := func(i int) *engine.Place {
			return &engine.Place{Start: at(time.Duration(i) * time.Minute), ID: fmt.Sprint("r", i)}
		}
		status := func(want run.Status) func(*engine.PipelineRun) bool {
			return func(p *engine.PipelineRun) bool { return p.Status == want }
		}
		name := w.factory.Name
		for _, c := range []struct {
			name string
			q    engine.Query
			want string
		}{
			{"all", engine.Query{Factory: name}, "r0 r1 r2 r3 r4 r5"},
			{"newest", engine.Query{Factory: strings.ToUpper(name), NewestFirst: true}, "r5 r4 r3 r2 r1 r0"},
			{"another factory", engine.Query{Factory: name + "x"}, ""},
			{"first page", engine.Query{Factory: name, Limit: 2}, "r0 r1 more"},
			{"whole in one page", engine.Query{Factory: name, Limit: 6}, "r0 r1 r2 r3 r4 r5"},
			{"next page", engine.Query{Factory: name, Limit: 4, Behind: place(1)}, "r2 r3 r4 r5"},
			{"next page of the newest", engine.Query{Factory: name, NewestFirst: true, Limit: 2, Behind: place(4)}, "r3 r2 more"},
			{"ended", engine.Query{Factory: name, Where: status(run.Succeeded)}, "r0 r1 r2 r3 r4"},
			{"a page of those that end", engine.Query{Factory: name, NewestFirst: true, Limit: 1, Where: status(run.Succeeded)}, "r4 more"},
			{"going on", engine.Query{Factory: name, Where: status(run.InProgress), Limit: 5}, "r5"},
			{"changed after", engine.Query{Factory: name, After: at(200 * time.Second)}, "r2 r3 r4 r5"},
			{"changed at the bound", engine.Query{Factory: name, After: at(220 * time.Second)}, "r2 r3 r4 r5"},
			{"changed just later", engine.Query{Factory: name, After: at(220*time.Second + 1)}, "r3 r4 r5"},
			{"changed before", engine.Query{Factory: name, Before: at(160 * time.Second)}, "r0 r1"},
			{"changed between", engine.Query{Factory: name, After: at(150 * time.Second), Before: at(230 * time.Second), NewestFirst: true}, "r2 r1"},
		} {
			runs, more, err := w.engine.Query(c.q)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			var got []string
			for _, p := range runs {
				got = append(got, p.RunID)
			}
			if more {
				got = append(got, "more")
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("%s: got %q, want %q", c.name, g, c.want)
			}
		}
		w.engine.Stop(0)
	})
}

// A record of an old history says in its summary when the run changed last.
func TestQueryOfOldRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := enginetest.NewMemory(nil)
		w := newWorld(t, m, pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`))
		w.start()
		start := time.Now().UTC()
		u := new(commit.Unit)
		m.PutRun(u, engine.RunRecord{ID: "old", Pipeline: "p", Factory: w.factory.Name, Start: start, Summary: []byte(
			`{"Version":1,"Status":"Succeeded","End":"` + start.Add(time.Hour).Format(time.RFC3339) + `","Updated":"` +
				start.Add(time.Hour).Format(time.RFC3339) + `","Invoked":{"ID":"i","Name":"Manual","Type":"Manual"},"Parameters":{}}`)})
		m.Submit(u)
		m.Sync(u)
		for after, want := range map[time.Duration]int{30 * time.Minute: 1, time.Hour: 1, 61 * time.Minute: 0} {
			runs, _, err := w.engine.Query(engine.Query{Factory: w.factory.Name, After: start.Add(after)})
			if err != nil || len(runs) != want {
				t.Errorf("changed after %v: %d runs, %v; want %d", after, len(runs), err, want)
			}
			for _, p := range runs {
				if !p.LastUpdated.Equal(start.Add(time.Hour)) {
					t.Errorf("LastUpdated: got %v, want that of the summary", p.LastUpdated)
				}
			}
		}
		w.engine.Stop(0)
	})
}

// A racing history lets something happen between the reading of a record and its use.
type racing struct {
	*enginetest.Memory
	between func(id string)
}

func (h racing) Runs(l engine.Listing, f func(engine.RunRecord) (bool, error)) error {
	return h.Memory.Runs(l, func(r engine.RunRecord) (bool, error) {
		h.between(r.ID)
		return f(r)
	})
}

// A run that ends while a query reads is found as it is then: a caller that asks for what
// changed since the last time would miss it for good.
func TestQueryWhileRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := enginetest.NewMemory(nil)
		w := newWorld(t, m, pipelineJSON("p", `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":100}}`))
		w.options.History = racing{m, func(id string) {
			if err := w.engine.Cancel(id, true); err != nil {
				t.Error(err)
			}
			w.wait(id)
			if id == "deleted" {
				if err := w.engine.DeleteRuns(t.Context(), []string{id}); err != nil {
					t.Error(err)
				}
			}
		}}
		w.start()
		w.create("p", nil, engine.RunOptions{ID: "ends"})
		w.create("p", nil, engine.RunOptions{ID: "deleted"})
		time.Sleep(time.Minute)
		runs, _, err := w.engine.Query(engine.Query{Factory: w.factory.Name, After: time.Now()})
		if err != nil || len(runs) != 1 || runs[0].Status != run.Cancelled {
			t.Errorf("got %d runs, %v; want the one that was cancelled just now", len(runs), err)
		}
		w.engine.Stop(0)
	})
}
