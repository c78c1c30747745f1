package trigger_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/memory"
	"switchyard/pipeline/engine/enginetest"
	"switchyard/pipeline/trigger"
)

// TestLargeBatchesWait: a batch above 64 KiB is not read before there is room for it, one
// of several triggers waits for the other, and none fails.
func TestLargeBatchesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, room := newQueue(), memory.NewRoom(1<<20) // for one batch of 100 KB
		w := newWorld(t, enginetest.NewRecorder(), q, `,"maxConcurrentRuns":6,"maxMessages":3,"maxWaitTime":"00:10:00"`,
			"@trigger().outputs.body.messages", "", trigger.Rooms{Batches: room})
		full, _ := room.TryTake(1 << 20)
		for range 2 {
			q.send(strings.Repeat("a", 100_000))
		}
		w.start()
		defer w.stop()
		synctest.Wait()
		if len(q.reserved) > 0 {
			t.Error("messages were read for which there is no room")
		}
		full()
		time.Sleep(5 * time.Minute) // the batch waits for a third message
		synctest.Wait()
		if release, ok := room.TryTake(1 << 20); !ok {
			t.Error("a batch that waits to be full keeps the room")
		} else {
			release()
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if got := w.seen(); len(got) != 1 || len(got[0]) < 400_000 {
			t.Errorf("%d runs, want one with both messages", len(got))
		}
		if _, ok := room.TryTake(1 << 20); !ok {
			t.Error("room is taken after the run was created")
		}
	})
}

// TestBatchEndsBySize: messages that are more than 16 MiB together start several runs,
// and none waits to be full.
func TestBatchEndsBySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		for range 3 {
			q.send(strings.Repeat("a", 7<<20))
		}
		w := newWorld(t, enginetest.NewRecorder(), q, `,"maxMessages":3`, "@createArray(length(trigger().outputs.body.messages))", "")
		w.start()
		defer w.stop()
		synctest.Wait()
		if got := strings.Join(w.seen(), " "); got != "[2] [1]" {
			t.Errorf("batches of %s messages, want [2] [1]", got)
		}
	})
}

// TestLargeJSON: a body that is JSON waits for room for its value; one for which there is
// none is given back with the reason, and does not stop the others.
func TestLargeJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, values := newQueue(), memory.NewRoom(10<<20)
		w := newWorld(t, enginetest.NewRecorder(), q, "", "@createArray(length(trigger().outputs.body.messages[0].body))", "",
			trigger.Rooms{Values: values})
		lists := func(n int) string { return "[" + strings.Repeat("[],", n-1) + "[]]" }
		full, _ := values.TryTake(10 << 20)
		q.send(lists(50_000), lists(100_000), lists(1000))
		w.start()
		defer w.stop()
		synctest.Wait()
		if got := w.seen(); len(got) > 0 {
			t.Errorf("%v did not wait", got)
		}
		full()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(w.seen(), " "); got != "[50000] [1000]" {
			t.Errorf("got %s, want [50000] [1000]", got)
		}
		if len(q.log) == 0 || !strings.Contains(strings.Join(append(q.log, q.dead...), " "), "abandon m2") {
			t.Errorf("settlements: %v %v, want m2 abandoned", q.log, q.dead)
		}
		if _, ok := values.TryTake(10 << 20); !ok {
			t.Error("room is taken after the runs were created")
		}
	})
}

// TestLargeParametersWait: the first evaluation of a trigger's parameters, and one after a
// large one, waits for the room of large evaluations; others do not.
func TestLargeParametersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		w := newWorld(t, enginetest.NewRecorder(), q, "", "@createArray(length(string(range(1,int(trigger().outputs.body.messages[0].body)))))", "")
		w.run()
		defer w.stop()
		for _, c := range []struct {
			items string // of the array that is made
			waits bool
		}{{"1000", true}, {"1000", false}, {"100000", false}, {"10", true}, {"10", false}} {
			before := len(w.seen())
			var held []func()
			for range 2 { // a room of 2 GiB / 2 has place for two
				release, err := w.engine.TakeLarge(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				held = append(held, release)
			}
			q.send(c.items)
			if before == 0 {
				w.start()
			}
			q.notify()
			synctest.Wait()
			if waits := len(w.seen()) == before; waits != c.waits {
				t.Errorf("%s items: waits %v, want %v", c.items, waits, c.waits)
			}
			for _, release := range held {
				release()
			}
			synctest.Wait()
			if len(w.seen()) != before+1 {
				t.Fatalf("%s items: no run", c.items)
			}
		}
	})
}
