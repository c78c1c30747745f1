package store

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// Opening a directory of format 4 counts what each ended run has, also in the value
// log, and a deletion takes just that away.
func TestUpgradeCountsRuns(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	large := bytes.Repeat([]byte("x"), separateFrom)
	do(s, func(u *commit.Unit) {
		for _, r := range []engine.RunRecord{
			{ID: "a", Factory: "F", Start: epoch, Updated: epoch.Add(5), Summary: []byte("sum")},
			{ID: "b", Factory: "f", Start: epoch.Add(1), Updated: epoch.Add(2)},
			{ID: "active", Factory: "f", Start: epoch.Add(9), Active: true},
			{ID: "c", Factory: "g", Start: epoch},
		} {
			s.PutRun(u, r)
			s.AppendEvents(u, r.ID, 1, [][]byte{[]byte("12345"), []byte("6")})
		}
		s.PutPayload(u, "b", 0, large)
	})
	b := s.db.NewBatch()
	if err := setSystem(b, formatKeyName, []byte{4}); err != nil {
		t.Fatal(err)
	}
	if err := closeBatch(b, b.Commit(pebble.Sync)); err != nil {
		t.Fatal(err)
	}
	if err := s.files.writeFormat(4); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)

	s = openTest(t, "data", Options{FS: fs})
	defer closeTest(t, s)
	sizes := map[string]int64{"a": engine.SizeOf(2, 6, []byte("sum")), "b": engine.SizeOf(3, 6+int64(len(large)), nil),
		"c": engine.SizeOf(2, 6, nil), "active": 0}
	for id, want := range sizes {
		if r, err := s.Run(id); err != nil || r.Bytes != want {
			t.Errorf("run %s has %d bytes, %v; want %d", id, r.Bytes, err, want)
		}
	}
	if items, size, err := s.RunSize("b", 0, 0); err != nil || items != 3 || size != 6+int64(len(large)) {
		t.Errorf("RunSize = %d, %d, %v", items, size, err)
	}
	want := []engine.Tally{{Factory: "F", Runs: 2, Bytes: sizes["a"] + sizes["b"], Reached: epoch.Add(5)},
		{Factory: "g", Runs: 1, Bytes: sizes["c"], Reached: epoch}}
	if got, err := s.Tallies(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Tallies = %+v, %v, want %+v", got, err, want)
	}
}

// Runs with few keys leave no ranges behind that every read has to look past, and runs
// with many are no long unit.
func TestDeleteRunUnits(t *testing.T) {
	s := memory(t)
	many := make([][]byte, fewKeys+1)
	do(s, func(u *commit.Unit) {
		for _, id := range []string{"few", "many"} {
			s.PutRun(u, engine.RunRecord{ID: id, Factory: "f", Start: epoch})
			s.PutPayload(u, id, 3, []byte("p"))
		}
		s.AppendEvents(u, "few", 1, many[:5])
		s.AppendEvents(u, "many", 1, many)
	})
	ranges := func(id string) (n, ops int) {
		u := new(commit.Unit)
		s.DeleteRun(u, id)
		for _, op := range u.Ops() {
			if op.Kind == commit.OpDeleteRange {
				n++
			}
		}
		return n, len(u.Ops())
	}
	if n, _ := ranges("few"); n != 0 {
		t.Errorf("a run of 5 events leaves %d ranges", n)
	}
	if n, ops := ranges("many"); n != 1 || ops > 10 {
		t.Errorf("a run of %d events is deleted by %d ranges in %d operations", len(many), n, ops)
	}
	for _, id := range []string{"few", "many"} {
		do(s, func(u *commit.Unit) { s.DeleteRun(u, id) })
		if items, size, err := s.RunSize(id, 0, 0); err != nil || items != 0 || size != 0 {
			t.Errorf("run %s is deleted and has %d items, %d bytes, %v", id, items, size, err)
		}
	}
	for k := range dump(t, s) {
		if k[0] >= tableRun {
			t.Errorf("%s is left", describe([]byte(k)))
		}
	}
}
