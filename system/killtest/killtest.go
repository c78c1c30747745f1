// Package killtest kills a process that runs pipelines, again and again, and checks what comes
// of the runs: each ends with the right outcome, and no activity whose end the history has is made
// again.
//
// What calls the outside are Web activities, and the outside is the test: it counts the
// calls of each attempt by the id that they carry. In the end the history tells when each
// attempt ended, and so which process has recorded that. An attempt may have been called once by
// that process and by each before, and by none after: a call is made again only when its end was
// not recorded.
package killtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"switchyard/client"
	"switchyard/value"
)

// A Load is the work, and how often the process is killed at it.
type Load struct {
	Items    int // of a ForEach, 50 at once
	Turns    int // of an Until
	Children int // runs that a ForEach starts, each of which starts another one
	Kills    int
	Seed     uint64 // of when
}

// calls is how many attempts there are, each of which calls once.
func (l Load) calls() int { return l.Items + l.Turns + 2*l.Children + len(reports) }

// reports are the runs, each of which ends with a call that tells what it came to.
var reports = []string{"Loop", "Until", "Nest"}

// A Starter starts a process on the data directory of the test, with a folder to deploy. Kill
// ends it with signal 9 and waits until it has ended.
type Starter func(folder string) (e client.Endpoints, kill func())

// Run starts the process, gives it the work, and kills and starts it until the work is done.
func (l Load) Run(t *testing.T, start Starter) {
	t.Helper()
	w := &world{t: t, load: l, start: start, folder: t.TempDir()}
	w.service = newService(t, l.points(t))
	for name, text := range l.files() {
		w.write(name, text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	w.begin()
	for _, name := range reports {
		id, err := w.runs.Start(ctx, name, value.NewObject(value.Member{Name: "url", Value: w.service.url}))
		if err != nil {
			t.Fatal(err)
		}
		w.ids = append(w.ids, id)
	}
	for range l.Kills {
		select {
		case <-w.service.due:
		case <-ctx.Done():
			t.Fatalf("%d of %d attempts have called after %d kills, and no more do", w.service.attempts(), l.calls(), len(w.deaths))
		}
		w.die(ctx)
	}
	w.wait(ctx)
	w.check(ctx)
}

// points are the numbers of calls at which the process is killed, in their order. The first
// call of an attempt counts only, so that all are reached.
func (l Load) points(t *testing.T) []int {
	t.Logf("seed %d", l.Seed)
	r := rand.New(rand.NewPCG(l.Seed, 0))
	all := r.Perm(l.calls())[:l.Kills]
	slices.Sort(all)
	for i := range all {
		all[i]++
	}
	return all
}

// A world is one test.
type world struct {
	t       *testing.T
	load    Load
	start   Starter
	folder  string
	service *service
	ids     []string // of the runs, in the order of reports

	runs   *client.Runs // of the process that lives
	kill   func()
	deaths []time.Time // when each process was dead
	seen   []ended     // what lists have shown
}

// ended is the end of an attempt, as a list tells it.
type ended struct{ id, at, status string }

func (w *world) write(name, text string) {
	path := filepath.Join(w.folder, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) begin() {
	e, kill := w.start(w.folder)
	w.runs, w.kill = client.NewRuns(client.Server{Endpoints: e, Patience: time.Minute}, ""), kill
}

// die kills the process and starts it again. Before every second kill it looks what the
// lists show.
func (w *world) die(ctx context.Context) {
	if len(w.deaths)%2 == 1 {
		for _, id := range w.ids {
			// Of a run of thousands, what ended just now.
			_, activities, err := w.runs.Changed(ctx, id, time.Now().Add(-50*time.Millisecond))
			if err != nil {
				w.t.Fatal(err)
			}
			w.seen = append(w.seen, ends(activities)...)
		}
	}
	w.kill()
	w.deaths = append(w.deaths, time.Now())
	w.service.next()
	w.begin()
}

// wait waits for the ends of the runs.
func (w *world) wait(ctx context.Context) {
	for i, id := range w.ids {
		for {
			r, _, err := w.runs.Changed(ctx, id, time.Now())
			if err != nil {
				w.t.Fatal(err)
			}
			status := text(r, "status")
			if status == "Succeeded" {
				break
			}
			if status != "InProgress" && status != "Queued" {
				w.t.Fatalf("run %s: %s, %s; want Succeeded", reports[i], status, text(r, "message"))
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				w.t.Fatalf("run %s is %s after %d kills", reports[i], status, len(w.deaths))
			}
		}
	}
}

func text(o *value.Object, name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// files is the factory.
func (l Load) files() map[string]string {
	const (
		parameters = `"parameters":{"url":{"type":"String"},"item":{"type":"Int","defaultValue":0}}`
		after      = `"dependsOn":[{"activity":"%s","dependencyConditions":["Succeeded"]}],`
	)
	call := func(path string) string {
		return `{"name":"Call","type":"WebActivity","typeProperties":{"method":"GET","url":"@concat(pipeline().parameters.url,'` + path + `')"}}`
	}
	report := func(name, behind, body string) string {
		return `{"name":"Report","type":"WebActivity",` + fmt.Sprintf(after, behind) + `"typeProperties":{"method":"POST",
			"url":"@concat(pipeline().parameters.url,'report/` + name + `')","body":"` + body + `"}}`
	}
	each := func(n, batch int, activities string) string {
		return fmt.Sprintf(`{"name":"Each","type":"ForEach","typeProperties":{"items":"@range(0,%d)","batchCount":%d,"activities":[%s]}}`, n, batch, activities)
	}
	set := func(typ, name, value string) string {
		return `{"name":"Set","type":"` + typ + `",` + fmt.Sprintf(after, "Call") + `"typeProperties":{"variableName":"` + name + `","value":"` + value + `"}}`
	}
	execute := func(pipeline, item, behind string) string {
		return `{"name":"Execute","type":"ExecutePipeline",` + behind + `"typeProperties":{"waitOnCompletion":true,
			"pipeline":{"referenceName":"` + pipeline + `","type":"PipelineReference"},
			"parameters":{"url":"@pipeline().parameters.url","item":"` + item + `"}}}`
	}
	item := `',string(item()),'`
	mine := `',string(pipeline().parameters.item),'`
	pipelines := map[string]string{
		"Loop": `"variables":{"all":{"type":"Array"}},"activities":[` +
			each(l.Items, 50, call("loop/"+item)+","+set("AppendVariable", "all", "@activity('Call').output.number")) + "," +
			report("Loop", "Each", "@variables('all')") + "]",
		"Until": `"variables":{"n":{"type":"Integer","defaultValue":0}},"activities":[
			{"name":"Each","type":"Until","typeProperties":{"timeout":"0.01:00:00","expression":"@equals(variables('n'),` + fmt.Sprint(l.Turns) + `)","activities":[` +
			call("until") + "," + set("SetVariable", "n", "@activity('Call').output.count") + "]}}," + report("Until", "Each", "@variables('n')") + "]",
		"Nest": `"activities":[` + each(l.Children, 4, execute("Child", "@item()", "")) + "," + report("Nest", "Each", "done") + "]",
		"Child": `"activities":[` + call("child/"+mine) + "," +
			execute("Grandchild", "@pipeline().parameters.item", fmt.Sprintf(after, "Call")) + "]",
		"Grandchild": `"activities":[` + call("grandchild/"+mine) + "]",
	}
	files := map[string]string{"factory/killed.json": `{"name":"killed","properties":{}}`}
	for name, rest := range pipelines {
		files["pipeline/"+name+".json"] = `{"name":"` + name + `","properties":{` + parameters + "," + rest + "}}"
	}
	return files
}
