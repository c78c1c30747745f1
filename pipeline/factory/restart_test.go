package factory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/clock"
)

// shown is everything that a manager shows, as text.
func (w *world) shown() string {
	var b strings.Builder
	for _, r := range w.List("", "") {
		fmt.Fprintf(&b, "%s %s %s %s %s\n", r.ID.Factory, r.ETag, r.ProvisioningState, r.Properties, r.Tags)
		for _, k := range Kinds() {
			list, err := w.Definitions(r.ID, k)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, d := range list {
				fmt.Fprintf(&b, "  %s %s %s %t %s\n", k, d.Name, d.ETag, d.Started, d.Properties)
			}
		}
	}
	return b.String()
}

// TestCrashAtEveryUnit kills the process after every unit of a history. What the
// next one finds is what was shown at some time before or after a call, never
// half of one; the triggers that it says are started run.
func TestCrashAtEveryUnit(t *testing.T) {
	r := newRecords()
	w := open(t, r)
	at := map[int]string{0: ""}
	do := func(what string, f func() error) {
		t.Helper()
		before := len(r.units)
		if err := f(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n := len(r.units) - before; n != 1 {
			t.Errorf("%s: %d units, want 1", what, n)
		}
		at[len(r.units)] = w.shown()
	}
	put := func(k Kind, name, text string) func() error {
		return func() error {
			_, err := w.Put(t.Context(), theID, k, name, Document{Text: []byte(text)}, nil)
			return err
		}
	}
	remove := func(k Kind, name string) func() error {
		return func() error { _, err := w.Delete(t.Context(), theID, k, name, nil); return err }
	}
	do("create", func() error {
		_, err := w.PutFactory(t.Context(), theID, Input{Location: "westeurope", Identity: []byte(`{"type":"SystemAssigned"}`)}, nil)
		return err
	})
	do("bus", put(LinkedServices, "Bus", busText))
	do("pipeline", put(Pipelines, "P", emptyText))
	do("trigger", put(Triggers, "T", triggerText))
	do("start", func() error { return w.StartTrigger(t.Context(), theID, "T") })
	do("second pipeline", put(Pipelines, "Ünicode name", emptyText))
	do("flow", put(DataFlows, "F", `{"type":"MappingDataFlow"}`))
	do("put while it runs", put(Triggers, "T", startedText))
	do("tags", func() error {
		_, err := w.PatchFactory(t.Context(), theID, Input{Tags: []byte(`{"a":"b"}`)}, nil)
		return err
	})
	do("global parameters", func() error {
		_, err := w.PutGlobalParameters(t.Context(), theID, []byte(`{"g":{"type":"Int","value":1}}`), nil)
		return err
	})
	do("delete a pipeline", remove(Pipelines, "ünicode NAME"))
	do("stop", func() error { return w.StopTrigger(t.Context(), theID, "T") })
	do("start again", func() error { return w.StartTrigger(t.Context(), theID, "T") })
	units := len(r.units)
	if _, err := w.DeleteFactory(t.Context(), theID, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(r.units) - units; n != 2 {
		t.Errorf("delete: %d units, want the mark and the rest", n)
	}

	for n := 0; n <= len(r.units); n++ {
		again := open(t, r.after(n))
		want, known := at[n]
		if !known {
			// The deletion was under way and is finished by the next process.
			again.DeleteFactory(t.Context(), theID, nil)
			if len(again.records.m) != 0 || again.shown() != "" {
				t.Errorf("after unit %d of %d: %d records and %s, want the deletion finished", n, len(r.units), len(again.records.m), again.shown())
			}
			continue
		}
		if got := again.shown(); got != want {
			t.Errorf("after unit %d of %d:\ngot  %s\nwant %s", n, len(r.units), got, want)
		}
		if got, want := slices.Contains(again.starter.names(), "contoso/T"), strings.Contains(want, "triggers T") && strings.Contains(want, " true "); got != want {
			t.Errorf("after unit %d of %d: the trigger runs: %t, want %t", n, len(r.units), got, want)
		}
	}
}

// TestConcurrentChanges: changes of one factory from many sides, with readers,
// neither race nor get lost.
func TestConcurrentChanges(t *testing.T) {
	w := open(t, newRecords()).triggered()
	w.put(Triggers, "T", startedText)
	done := make(chan error)
	const writers, puts = 8, 20
	for i := range writers {
		go func() {
			for k := range puts {
				if _, err := w.Put(t.Context(), theID, Pipelines, fmt.Sprintf("P%d-%d", i, k), Document{Text: []byte(emptyText)}, nil); err != nil {
					done <- err
					return
				}
				f, err := w.Factory("contoso")
				if err != nil || f.Pipeline(fmt.Sprintf("p%d-%d", i, k)) == nil {
					done <- fmt.Errorf("a run would not see the pipeline just put: %v", err)
					return
				}
				if _, err := w.Definitions(theID, Pipelines); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	list, err := open(t, w.records).Definitions(theID, Pipelines)
	if err != nil || len(list) != writers*puts+1 {
		t.Errorf("after a restart: %d pipelines, %v, want %d", len(list), err, writers*puts+1)
	}
}

// BenchmarkPut is a put into a factory of a thousand pipelines.
func BenchmarkPut(b *testing.B) {
	r := newRecords()
	m, err := New(Options{Store: r, Log: r, Clock: clock.Wall{}, Sealer: turning{}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := m.PutFactory(b.Context(), theID, Input{Location: "westeurope"}, nil); err != nil {
		b.Fatal(err)
	}
	put := func(i int) {
		if _, err := m.Put(b.Context(), theID, Pipelines, fmt.Sprintf("P%d", i), Document{Text: []byte(emptyText)}, nil); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 1000 {
		put(i)
	}
	r.units = nil
	b.ReportAllocs()
	for b.Loop() {
		put(500)
	}
}
