package factory

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// damagedWorld is a factory contoso with a trigger that runs, and a second one, of which
// the records with these keys can't be read, started.
func damagedWorld(t *testing.T, keys ...string) *world {
	t.Helper()
	w := open(t, newRecords()).triggered()
	other := theID
	other.Factory = "other"
	if _, err := w.PutFactory(t.Context(), other, Input{Location: "westeurope"}, nil); err != nil {
		t.Fatal(err)
	}
	w.put(Triggers, "T", triggerText)
	if err := w.StartTrigger(t.Context(), theID, "T"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r := w.records.after(len(w.records.units))
	for _, key := range keys {
		if r.m[key] == nil {
			t.Fatalf("there is no record %s in %q", key, slices.Sorted(maps.Keys(r.m)))
		}
		r.m[key] = []byte(unreadable)
	}
	return open(t, r)
}

// TestDamagedDefinition: the others are there, what needs it fails by name, and it can be
// put again. It goes with its factory.
func TestDamagedDefinition(t *testing.T) {
	key := definitionKey("contoso", Pipelines, "P")
	w := damagedWorld(t, key)
	if _, err := w.Definition(theID, Pipelines, "P"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the damaged pipeline: %v, want ErrNotFound", err)
	}
	if l, err := w.LinkedService("contoso", "Bus"); err != nil || l == nil {
		t.Errorf("the linked service: %v, %v", l, err)
	}
	if _, err := w.Put(t.Context(), theID, Pipelines, "P", Document{Text: []byte(emptyText)}, nil); err != nil {
		t.Errorf("put again: %v", err)
	}
	if string(w.records.m[key]) == unreadable {
		t.Error("the record is still damaged")
	}
	w = damagedWorld(t, key)
	if _, err := w.DeleteFactory(t.Context(), theID, nil); err != nil {
		t.Fatal(err)
	}
	for key := range w.records.m {
		if strings.Contains(key, "contoso") {
			t.Errorf("after the deletion of the factory the store has %s", key)
		}
	}
}

// TestDamagedFactory: the other factories are there, its runs find their linked services,
// its triggers do not run. Who puts it again does not get what was in it.
func TestDamagedFactory(t *testing.T) {
	for name, keys := range map[string][]string{
		"its record":            {factoryKey("contoso")},
		"also a definition":     {factoryKey("contoso"), definitionKey("contoso", Pipelines, "P")},
		"also a linked service": {factoryKey("contoso"), definitionKey("contoso", LinkedServices, "Bus")},
	} {
		t.Run(name, func(t *testing.T) {
			w := damagedWorld(t, keys...)
			if got := w.Names(); len(got) != 1 || got[0] != "other" {
				t.Errorf("factories: %q, want the other one", got)
			}
			if _, err := w.Get(theID); !errors.Is(err, ErrFactoryNotFound) {
				t.Errorf("the damaged one: %v, want ErrFactoryNotFound", err)
			}
			if got := w.starter.names(); len(got) > 0 {
				t.Errorf("triggers %q run", got)
			}
			l, err := w.LinkedService("Contoso", "Bus")
			if readable := !strings.Contains(name, "linked"); (err == nil && l != nil) != readable {
				t.Errorf("the linked service for a run: %v, %v", l, err)
			}
			if _, err := w.PutFactory(t.Context(), theID, Input{Location: "nowhere at all"}, func(bool, string) error { return errors.New("no") }); err == nil {
				t.Error("a refused PutFactory succeeds")
			}
			if l, err := w.LinkedService("Contoso", "Bus"); !strings.Contains(name, "linked") && (err != nil || l == nil) {
				t.Errorf("the linked service after a refusal: %v, %v", l, err)
			}
			if _, err := w.PutFactory(t.Context(), theID, Input{Location: "westeurope"}, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := w.LinkedService("contoso", "Bus"); !errors.Is(err, ErrNotFound) {
				t.Errorf("the linked service after the factory is put: %v, want ErrNotFound", err)
			}
			for key := range w.records.m {
				if strings.HasPrefix(key, definitionPrefix) {
					t.Errorf("after the factory is put the store has %s", key)
				}
			}
			if got := w.Names(); len(got) != 2 {
				t.Errorf("factories: %q, want both", got)
			}
		})
	}
}
