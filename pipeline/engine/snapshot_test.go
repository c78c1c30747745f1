package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/run"
	"switchyard/value"
)

// countedHistory counts the events that are read.
type countedHistory struct {
	*enginetest.Memory
	read int
}

func (h *countedHistory) Events(id string, from uint64, f func(uint64, []byte) error) error {
	return h.Memory.Events(id, from, func(n uint64, b []byte) error {
		h.read++
		return f(n, b)
	})
}

const manySteps = `{"name":"p","properties":{"parameters":{"key":{"type":"SecureString","defaultValue":"hunter2"}},"variables":{"v":{"type":"Array"},"s":{"type":"String"}},"activities":[
	{"name":"Large","type":"SetVariable","typeProperties":{"variableName":"s","value":"@concat(pipeline().parameters.key,string(range(1,3000)))"}},
	{"name":"Loop","type":"ForEach","dependsOn":[{"activity":"Large","dependencyConditions":["Succeeded"]}],"typeProperties":{"isSequential":true,"items":"@range(1,1000)","activities":[
		{"name":"Add","type":"AppendVariable","typeProperties":{"variableName":"v","value":"@item()"}}]}},
	{"name":"W","type":"Wait","dependsOn":[{"activity":"Loop","dependencyConditions":["Succeeded"]}],"typeProperties":{"waitTimeInSeconds":3600}},
	{"name":"A","type":"WebActivity","dependsOn":[{"activity":"W","dependencyConditions":["Succeeded"]}],"typeProperties":{"url":"http://h/","method":"POST",
		"body":"@concat(string(length(variables('v'))),' ',string(length(variables('s'))))"}}]}}`

// newManySteps is a world with a run of manySteps, which waits.
func newManySteps(t *testing.T, memory *enginetest.Memory) (w *world, history *countedHistory, bodies *[]string) {
	w = newWorld(t, memory, manySteps)
	history, bodies = &countedHistory{Memory: memory}, new([]string)
	w.options.History, w.options.Sealer = history, xor{}
	w.register("WebActivity", func(_ context.Context, c *activity.Call) activity.Result {
		body, _ := c.Input.Lookup("body")
		*bodies = append(*bodies, value.Text(body))
		return activity.Result{Output: value.NewObject()}
	})
	return w, history, bodies
}

// TestStartReadsASnapshot: a start reads the snapshot and what is behind it, and the run goes
// on as it would have, with what is large and its timers; the snapshot goes with the run's end.
func TestStartReadsASnapshot(t *testing.T) {
	for name, c := range map[string]struct{ every, least, most int }{
		"never": {-1, 1000, 5000}, "seldom": {500, 1, 700}, "always": {1, 1, 3}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := enginetest.NewMemory(nil)
				w, _, _ := newManySteps(t, memory)
				w.options.SnapshotEvery = c.every
				w.start()
				id := w.create("p", nil, engine.RunOptions{})
				synctest.Wait()
				w.engine.Stop(0)
				items, size, err := memory.RunSize(id, 0, 0)
				if err != nil {
					t.Fatal(err)
				}

				w, history, bodies := newManySteps(t, memory)
				w.options.SnapshotEvery = c.every
				w.start()
				if history.read < c.least || history.read > c.most {
					t.Errorf("the start has read %d of %d events, want %d to %d", history.read, items, c.least, c.most)
				}
				time.Sleep(2 * time.Hour)
				if got := w.wait(id); got != run.Succeeded || fmt.Sprint(*bodies) != "[1000 13901]" {
					t.Errorf("the run ended %s (%s) with %v", got, w.message(id), *bodies)
				}
				if _, err := memory.Snapshot(id); err == nil {
					t.Error("the snapshot of a run that has ended is kept")
				}
				r, err := memory.Run(id)
				if err != nil || r.Bytes < size {
					t.Errorf("the run is said to take %d bytes, %v; it has more than %d", r.Bytes, err, size)
				}
				moreItems, moreSize, err := memory.RunSize(id, 0, 0)
				if want := engine.SizeOf(moreItems, moreSize, r.Summary); err != nil || r.Bytes != want {
					t.Errorf("the run is said to take %d bytes, it takes %d, %v", r.Bytes, want, err)
				}
				w.engine.Stop(0)
			})
		})
	}
}

// TestSnapshotThatCanNotBeUsed: a run is read from its start when its snapshot is damaged, of
// another version or of another definition, and the log says so once.
func TestSnapshotThatCanNotBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := enginetest.NewRecorder()
		w, _, _ := newManySteps(t, first.Memory)
		w.options.SnapshotEvery = 1
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		w.engine.Stop(0)
		good, err := first.Snapshot(id)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(good)
		flipped[len(flipped)/2] ^= 0x40
		plain, _ := xor{}.Open(good[2:])
		sealed := func(b []byte) []byte { return append([]byte{good[0], good[1]}, xor{}.Seal(b)...) }
		other := bytes.Clone(plain)
		other[bytes.Index(other, []byte{1, 5})+2] ^= 1 // the definition's hash stands behind the two versions
		for name, b := range map[string][]byte{
			"nothing": {}, "cut": good[:len(good)-7], "another version": append([]byte{9}, good[1:]...), "another key": append([]byte{good[0], good[1]}, plain...),
			"another state": sealed(plain[:len(plain)-1]), "another definition": sealed(other), "flipped": flipped} {
			r := first.After(first.Units())
			u := new(commit.Unit)
			r.PutSnapshot(u, id, b)
			r.Apply(u)
			w, history, bodies := newManySteps(t, r.Memory)
			log := &logged{}
			w.options.Logger = slog.New(slog.NewTextHandler(log, nil))
			w.start()
			if name != "flipped" { // it may be taken for another state
				if got := log.String(); strings.Count(got, "snapshot can't be used") != 1 || history.read < 1000 {
					t.Errorf("%s: %d events are read, the log has %q", name, history.read, got)
				}
			}
			if name == "another definition" && !strings.Contains(log.String(), "definition") {
				t.Errorf("%s: the log has %q", name, log.String())
			}
			time.Sleep(2 * time.Hour)
			if got := w.wait(id); got != run.Succeeded || fmt.Sprint(*bodies) != "[1000 13901]" {
				t.Errorf("%s: the run ended %s with %v", name, got, *bodies)
			}
			if _, err := r.Snapshot(id); err == nil {
				t.Errorf("%s: the snapshot is kept", name)
			}
			w.engine.Stop(0)
		}
	})
}

// TestSnapshotsAreSealed: no snapshot holds a secret in the open, also of a run of which only
// some events are sealed.
func TestSnapshotsAreSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := enginetest.NewRecorder()
		w := newWorld(t, r.Memory, pipelineJSON("p", `{"name":"A","type":"WebActivity","typeProperties":{"url":"http://h/","method":"GET","authentication":{"type":"Basic","username":"u","password":{"type":"SecureString","value":"hunter2"}}}},`+waitMinute))
		w.options.Sealer, w.options.SnapshotEvery = xor{}, 1
		release := make(chan struct{})
		w.register("WebActivity", func(context.Context, *activity.Call) activity.Result {
			<-release
			return activity.Result{Output: value.NewObject()}
		})
		w.start()
		id := w.create("p", nil, engine.RunOptions{})
		synctest.Wait()
		b, err := r.Snapshot(id)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := xor{}.Open(b[2:])
		if err != nil || !bytes.Contains(plain, []byte("hunter2")) {
			t.Errorf("the snapshot has not the input of the attempt in flight: %q, %v", plain, err)
		}
		close(release)
		w.wait(id)
		wantSealed(t, r, "hunter2")
		w.engine.Stop(0)
	})
}
