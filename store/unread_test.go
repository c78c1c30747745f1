package store

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// flip changes a byte of the value that the database has under a key.
func flip(t *testing.T, s *Store, key []byte) {
	t.Helper()
	value, closer, err := s.db.Get(key)
	if err != nil {
		t.Fatalf("%s: %v", describe(key), err)
	}
	b := bytes.Clone(value)
	b[len(b)/2] ^= 4
	if err := errors.Join(closer.Close(), s.db.Set(key, b, pebble.NoSync)); err != nil {
		t.Fatal(err)
	}
}

// damagedRuns has ended runs a1 and a2, active runs b1 to b5 and c of another factory,
// and a definition that b1 and b2 follow. What can't be read is the record of a1 and b1,
// what leads to that of b2, both of b3, and the record of b4 is missing.
func damagedRuns(t *testing.T, s *Store) (records map[string]engine.RunRecord) {
	t.Helper()
	records = map[string]engine.RunRecord{}
	do(s, func(u *commit.Unit) {
		for i, id := range []string{"a1", "a2", "b1", "b2", "b3", "b4", "b5", "c"} {
			r := engine.RunRecord{ID: id, Pipeline: "P", Factory: "F", Start: epoch.AddDate(0, 0, i), Active: id > "b",
				Summary: []byte("summary"), Updated: epoch}
			if !r.Active {
				r.Bytes = engine.SizeOf(2, 10, r.Summary)
			}
			if id == "b1" || id == "b2" {
				r.Definition = engine.Hash{7}
			}
			if id == "c" {
				r.Factory = "Other"
			}
			records[id] = r
			s.PutRun(u, r)
			s.AppendEvents(u, id, 1, [][]byte{[]byte("12345"), []byte("67890")})
			s.PutCancelRequest(u, id, epoch)
		}
		s.PutDefinition(u, engine.Hash{7}, []byte("d"))
	})
	for _, id := range []string{"a1", "b1", "b3"} {
		flip(t, s, listedRunKey("F", records[id].Start, id))
	}
	for _, id := range []string{"b2", "b3"} {
		flip(t, s, runKey(id, runStart))
	}
	if err := s.db.Delete(listedRunKey("F", records["b4"].Start, "b4"), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	return records
}

// wantUnread compares a record with what can be known of it.
func wantUnread(t *testing.T, what string, got, whole engine.RunRecord) {
	t.Helper()
	want := whole
	switch whole.ID {
	case "a1", "b1", "b3", "b4":
		want = engine.RunRecord{ID: whole.ID, Factory: "f", Start: whole.Start, Active: whole.Active}
		if !want.Active {
			want.Bytes = engine.SizeOf(2, 10, nil)
		}
		fallthrough
	case "b2":
		if !errors.Is(got.Damage, ErrCorrupt) || !strings.Contains(got.Damage.Error(), "run "+whole.ID+": ") {
			t.Errorf("%s of run %s: damage %v, want ErrCorrupt that names the run", what, whole.ID, got.Damage)
		}
		want.Damage = got.Damage
	}
	if what == "active" {
		want.Definition = whole.Definition
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

// TestUnreadRuns: runs whose records can't be read are listed with what their keys tell,
// and keep no other from being read.
func TestUnreadRuns(t *testing.T) {
	s := memory(t)
	records := damagedRuns(t, s)
	active, err := s.ActiveRuns()
	if err != nil || len(active) != 6 {
		t.Fatalf("ActiveRuns: %d runs, %v, want 6", len(active), err)
	}
	for i, id := range []string{"b1", "b2", "b3", "b4", "b5", "c"} {
		wantUnread(t, "active", active[i], records[id])
	}
	listed := 0
	if err := s.Runs(engine.Listing{Factory: "F"}, func(r engine.RunRecord) (bool, error) {
		if r.Summary = slices.Clone(r.Summary); r.ID == "b2" { // what leads to it is not looked at
			r.Damage = damaged(runKey("b2", runStart), errChecksum)
		}
		wantUnread(t, "listed", r, records[r.ID])
		listed++
		return true, nil
	}); err != nil || listed != 6 {
		t.Errorf("Runs: %d runs, %v, want all but the missing record", listed, err)
	}
	for id, whole := range records {
		r, err := s.Run(id)
		if err != nil {
			t.Errorf("Run %s: %v", id, err)
		}
		wantUnread(t, "Run", r, whole)
	}
	if _, err := s.Run("unknown"); !errors.Is(err, engine.ErrNotInHistory) {
		t.Errorf("Run of an unknown run: %v", err)
	}
}

// TestDamageIsTold: what was met is told once for each run, with its name, until it is
// deleted or written anew.
func TestDamageIsTold(t *testing.T) {
	s := memory(t)
	records := damagedRuns(t, s)
	putMeta(s, "arm/group", "1")
	putMeta(s, "arm/other", "1")
	flip(t, s, metaKey("arm/group"))
	flip(t, s, runItemKey("b5", runEvent, 2))
	if got := s.Damage(); len(got) > 0 {
		t.Errorf("damage is known before it was met: %q", got)
	}
	for range 2 {
		if _, err := s.ActiveRuns(); err != nil {
			t.Error(err)
		}
		if _, err := s.Run("a1"); err != nil {
			t.Error(err)
		}
		if err := s.Events("b5", 0, func(uint64, []byte) error { return nil }); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Events: %v, want ErrCorrupt", err)
		}
		if _, err := s.Meta("arm/group"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Meta: %v, want ErrCorrupt", err)
		}
	}
	want := []string{`event 2 of run b5: data is damaged: checksum does not match`,
		`meta record "arm/group": data is damaged: checksum does not match`,
		`run a1: data is damaged: checksum does not match`,
		`run b1: data is damaged: checksum does not match`,
		`run b4: data is damaged: record is missing`,
		`start of run b2: data is damaged: checksum does not match`,
		`run b3: data is damaged: checksum does not match`}
	slices.Sort(want)
	got := s.Damage()
	if !slices.Equal(got, want) {
		t.Errorf("Damage: got %q, want %q", got, want)
	}
	do(s, func(u *commit.Unit) {
		for id := range records {
			s.DeleteRun(u, id)
		}
		s.PutMeta(u, "arm/group", []byte("2"))
	})
	if got := s.Damage(); len(got) > 0 {
		t.Errorf("damage of what is gone: %q", got)
	}
}

// TestDeleteUnreadRuns: nothing is left of a deleted run, whatever could not be read.
func TestDeleteUnreadRuns(t *testing.T) {
	s := memory(t)
	for id := range damagedRuns(t, s) {
		do(s, func(u *commit.Unit) { s.DeleteRun(u, id) })
	}
	for _, table := range []byte{tableRun, tableRunList, tableActiveRun, tableFollower} {
		if err := s.keys([]byte{table}, func(key, _ []byte) error {
			t.Errorf("%s is left (%x)", describe(key), key)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	if unused, err := s.UnusedDefinitions(); err != nil || len(unused) != 1 {
		t.Errorf("unused definitions: %v, %v, want the one", unused, err)
	}
}

// TestUnreadTallies: a tally that can't be read is known by its name.
func TestUnreadTallies(t *testing.T) {
	s := memory(t)
	do(s, func(u *commit.Unit) {
		s.PutTally(u, engine.Tally{Factory: "F", Runs: 2, Bytes: 3})
		s.PutTally(u, engine.Tally{Factory: "Other", Runs: 4, Bytes: 5})
	})
	flip(t, s, tallyKey("F"))
	all, err := s.Tallies()
	if err != nil || len(all) != 2 || all[0].Factory != "f" || !errors.Is(all[0].Damage, ErrCorrupt) ||
		!reflect.DeepEqual(all[1], engine.Tally{Factory: "Other", Runs: 4, Bytes: 5}) {
		t.Errorf("Tallies: got %+v, %v", all, err)
	}
	do(s, func(u *commit.Unit) { s.PutTally(u, engine.Tally{Factory: "F", Runs: 1}) })
	if got := s.Damage(); len(got) > 0 {
		t.Errorf("damage of what was written anew: %q", got)
	}
}

// TestDamagedBlocks: a block of a table that says which runs are active, or has the
// tallies, can't be read. Both are found in the list of all runs.
func TestDamagedBlocks(t *testing.T) {
	for name, first := range map[string]byte{"active runs": tableActiveRun, "tallies": tableTally} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := openTest(t, "data", Options{FS: fs})
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
			others := files(t, fs)
			// What is written alone has a table of its own.
			for _, key := range [][]byte{activeRunKey(epoch, "run90"), tallyKey("F1")} {
				if key[0] == first {
					if err := errors.Join(s.db.Set(key, nil, pebble.NoSync), s.db.Flush()); err != nil {
						t.Fatal(err)
					}
				}
			}
			tables := files(t, fs)
			want := ""
			do(s, func(u *commit.Unit) {
				for i := range 40 {
					r := engine.RunRecord{ID: fmt.Sprint("run", 9-i%10, i/10), Factory: fmt.Sprint("F", i%4), Active: i%2 == 0,
						Start: epoch.AddDate(0, 0, i), Updated: epoch, Summary: []byte("s")}
					if s.PutRun(u, r); r.Active {
						want += r.ID + " "
					}
				}
				s.PutTally(u, engine.Tally{Factory: "F1", Runs: 1})
			})
			closeTest(t, s)
			changed := 0
			for _, name := range files(t, fs) {
				if strings.HasSuffix(name, ".sst") && slices.Contains(tables, name) && !slices.Contains(others, name) {
					b := readFile(t, fs, name)
					for i := range 20 {
						b[i] ^= 0x55
					}
					writeFile(t, fs, name, b)
					changed++
				}
			}
			if changed != 1 {
				t.Fatalf("%d tables were changed of %q", changed, tables)
			}
			s = openTest(t, "data", Options{FS: fs})
			defer closeTest(t, s)
			active, err := s.ActiveRuns()
			got := ""
			for _, r := range active {
				if got += r.ID + " "; r.Damage != nil {
					t.Errorf("run %s: %v", r.ID, r.Damage)
				}
			}
			if err != nil || got != want {
				t.Errorf("active runs %s, %v, want %s", got, err, want)
			}
			tallies, err := s.Tallies()
			if first == tableTally {
				names := ""
				for _, x := range tallies {
					if names += x.Factory + " "; !errors.Is(x.Damage, ErrCorrupt) {
						t.Errorf("tally %+v has no damage", x)
					}
				}
				if err != nil || names != "f0 f1 f2 f3 " {
					t.Errorf("tallies of %s, %v, want those of all factories with runs", names, err)
				}
			} else if err != nil || len(tallies) != 1 || tallies[0].Damage != nil {
				t.Errorf("tallies %+v, %v", tallies, err)
			}
			if found := s.Damage(); len(found) != 1 || !strings.Contains(found[0], "data is damaged") {
				t.Errorf("told: %q, want the damaged table once", found)
			}
		})
	}
}

// TestUnreadCatalogue: a record that can't be read has its number and what its bytes seem
// to say, and is told until it is put again.
func TestUnreadCatalogue(t *testing.T) {
	s := memory(t)
	namespace := broker.NamespaceRecord{ID: 1, Name: "ns", Definition: []byte(`{"some":"definition","of":"a namespace"}`)}
	first := broker.EntityRecord{ID: 1, Namespace: 1, Path: "first", Definition: []byte(`{"some":"definition","of":"a queue"}`)}
	second := first
	second.ID, second.Path = 2, "second"
	do(s, func(u *commit.Unit) {
		s.PutNamespace(u, namespace)
		s.PutEntity(u, first)
		s.PutEntity(u, second)
	})
	flip(t, s, namespaceKey(tableNamespace, 1))
	flip(t, s, append(entityKey(tableEntity, 1), entityRecord))
	c, err := s.Catalogue()
	if err != nil || len(c.Namespaces) != 1 || len(c.Entities) != 2 {
		t.Fatalf("Catalogue: %+v, %v", c, err)
	}
	if n := c.Namespaces[0]; n.ID != 1 || n.Name != "ns" || !errors.Is(n.Damage, ErrCorrupt) {
		t.Errorf("the namespace is %+v", n)
	}
	if e := c.Entities[0]; e.ID != 1 || e.Path != "first" || e.Namespace != 1 || !errors.Is(e.Damage, ErrCorrupt) {
		t.Errorf("the damaged entity is %+v", e)
	}
	if !reflect.DeepEqual(c.Entities[1], second) {
		t.Errorf("the other entity is %+v", c.Entities[1])
	}
	if got := s.Damage(); len(got) != 2 || !strings.Contains(got[0], "entity 1: ") || !strings.Contains(got[1], "namespace 1: ") {
		t.Errorf("told: %q", got)
	}
	do(s, func(u *commit.Unit) {
		s.PutNamespace(u, namespace)
		s.DeleteEntity(u, 1)
	})
	if got := s.Damage(); len(got) > 0 {
		t.Errorf("told of what is gone: %q", got)
	}
}
