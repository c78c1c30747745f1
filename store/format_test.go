package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// nextFormat is a version after the current one whose upgrade adds a mark to
// every meta record.
func nextFormat(steps int) format {
	f := format{version: formatVersion + steps}
	for v := 1; v < formatVersion; v++ {
		f.upgrades = append(f.upgrades, currentFormat.upgrades[v-1])
	}
	for step := range steps {
		f.upgrades = append(f.upgrades, func(v *view, b *pebble.Batch) error {
			it, err := v.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{tableMeta}, UpperBound: []byte{tableMeta + 1}})
			if err != nil {
				return err
			}
			defer it.Close()
			for ok := it.First(); ok; ok = it.Next() {
				old, err := payload(it.Key(), it.Value())
				if err != nil {
					return err
				}
				value := append(append([]byte{}, old...), fmt.Sprint("+", step+1)...)
				if err := b.Set(it.Key(), record(it.Key(), value), nil); err != nil {
					return err
				}
			}
			return it.Error()
		})
	}
	return f
}

func TestUpgrade(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	putMeta(s, "x", "1")
	sealed := s.Seal([]byte("secret"))
	closeTest(t, s)
	for range 2 { // the second time there is nothing left to do
		s, err := open("data", testOptions(t, Options{FS: fs}), nextFormat(2))
		if err != nil {
			t.Fatal(err)
		}
		wantMeta(t, s, "x", "1+1+2")
		if got, err := s.Open(sealed); err != nil || string(got) != "secret" {
			t.Errorf("what was sealed before the upgrade opens as %q, %v", got, err)
		}
		closeTest(t, s)
	}
	_, err := Open("data", testOptions(t, Options{FS: fs}))
	if !errors.Is(err, ErrNewerVersion) || !strings.Contains(err.Error(), "data") || !strings.Contains(err.Error(), fmt.Sprint("format ", formatVersion+2)) {
		t.Errorf("Open of a newer directory = %v, want ErrNewerVersion that names directory and format", err)
	}
	// The refusal has changed nothing.
	s, err = open("data", testOptions(t, Options{FS: fs}), nextFormat(2))
	if err != nil {
		t.Fatal(err)
	}
	wantMeta(t, s, "x", "1+1+2")
	closeTest(t, s)
}

// The version in the database counts if the file does not say it: a crash came
// between the two, or the file was lost.
func TestNewerVersionInDatabase(t *testing.T) {
	fs := vfs.NewMem()
	s, err := open("data", testOptions(t, Options{FS: fs}), nextFormat(1))
	if err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	for _, content := range []string{"", formatPrefix + "1\n"} {
		if content == "" {
			fs.Remove("data/format")
		} else {
			writeFile(t, fs, "data/format", []byte(content))
		}
		if _, err := Open("data", testOptions(t, Options{FS: fs})); !errors.Is(err, ErrNewerVersion) {
			t.Errorf("Open with the file format %q = %v, want ErrNewerVersion", content, err)
		}
	}
}

// An upgrade that is interrupted anywhere is done once, by the next Open.
func TestUpgradeInterrupted(t *testing.T) {
	base := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: base})
	putMeta(s, "x", "1")
	closeTest(t, s)
	var crashes []*vfs.MemFS
	fs := base.CrashClone(vfs.CrashCloneCfg{})
	watched := &syncWatch{FS: fs, onSync: func() { crashes = append(crashes, fs.CrashClone(vfs.CrashCloneCfg{})) }}
	s, err := open("data", testOptions(t, Options{FS: watched}), nextFormat(2))
	if err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	for i, fs := range crashes {
		s, err := open("data", testOptions(t, Options{FS: fs}), nextFormat(2))
		if err != nil {
			t.Errorf("crash %d of %d: %v", i, len(crashes), err)
			continue
		}
		wantMeta(t, s, "x", "1+1+2")
		closeTest(t, s)
	}
}

// asFormat3 turns the records of runs in a store into those of format 3, and closes it.
func asFormat3(t *testing.T, s *Store, records []engine.RunRecord) {
	t.Helper()
	do(s, func(u *commit.Unit) {
		for _, r := range records {
			listed, start := append(appendKeyTime([]byte{tableRunByStart}, r.Start), r.ID...), runKey(r.ID, runStart)
			u.Set(listed, finish(listed, appendRunRecord(newRecord(0), r)))
			u.Set(start, finish(start, appendRunStart(newRecord(0), runStarted{At: r.Start})))
		}
	})
	b := s.db.NewBatch()
	if err := errors.Join(setSystem(b, formatKeyName, []byte{3}), closeBatch(b, b.Commit(pebble.Sync)),
		s.files.writeFormat(3)); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
}

// wantRuns compares the runs of a store with those of before an upgrade, which adds
// their sizes.
func wantRuns(t *testing.T, what string, s *Store, before []engine.RunRecord) {
	t.Helper()
	want, tally := slices.Clone(before), engine.Tally{Factory: "F"}
	for i := range want {
		r := &want[i]
		r.Bytes = engine.SizeOf(0, 0, r.Summary)
		tally.Runs, tally.Bytes, tally.Reached = tally.Runs+1, tally.Bytes+r.Bytes, r.Start
	}
	if got, err := s.Tallies(); err != nil || !reflect.DeepEqual(got, []engine.Tally{tally}) {
		t.Errorf("%s: the tallies are %+v, %v; want %+v", what, got, err, tally)
	}
	var got []engine.RunRecord
	if err := s.Runs(engine.Listing{Factory: "f"}, func(r engine.RunRecord) (bool, error) {
		r.Summary = bytes.Clone(r.Summary)
		got = append(got, r)
		return true, nil
	}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %d runs are listed, %v; want the %d of before", what, len(got), err, len(want))
	}
	for _, r := range want[max(0, len(want)-10):] {
		if got, err := s.Run(r.ID); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: Run(%s) = %.300v, %v", what, r.ID, got, err)
		}
	}
}

// The record of a run may be in the value log, for example if its message is long.
func TestUpgradeOfLargeRecord(t *testing.T) {
	fs := vfs.NewMem()
	records := []engine.RunRecord{{ID: "large", Factory: "F", Start: epoch, Summary: largeValue},
		{ID: "small", Factory: "F", Start: epoch.Add(1), Summary: []byte("s")}}
	asFormat3(t, openTest(t, "data", Options{FS: fs}), records)
	for range 2 {
		s := openTest(t, "data", Options{FS: fs})
		wantRuns(t, "after the upgrade", s, records)
		closeTest(t, s)
	}
}

// Runs of more than a batch are listed by factory, and a crash loses none.
func TestUpgradeOfManyRuns(t *testing.T) {
	fs := vfs.NewCrashableMem()
	records := make([]engine.RunRecord, 4000)
	for i := range records {
		records[i] = engine.RunRecord{ID: fmt.Sprintf("run%05d", i), Factory: "F", Pipeline: "p",
			Start: epoch.Add(time.Duration(i)), Summary: bytes.Repeat([]byte{'s'}, 300)}
	}
	s := openTest(t, "data", Options{FS: fs})
	// An earlier try got this far, and the run was deleted after it.
	do(s, func(u *commit.Unit) {
		key := listedRunKey("F", epoch.Add(1), "deleted")
		u.Set(key, finish(key, appendRunRecord(newRecord(0), engine.RunRecord{ID: "deleted", Factory: "F", Start: epoch.Add(1)})))
	})
	asFormat3(t, s, records)
	var crashes []*vfs.MemFS
	watched := &syncWatch{FS: fs, onSync: func() { crashes = append(crashes, fs.CrashClone(vfs.CrashCloneCfg{})) }}
	s = openTest(t, "data", Options{FS: watched})
	wantRuns(t, "after the upgrade", s, records)
	closeTest(t, s)
	for i, fs := range crashes {
		s := openTest(t, "data", Options{FS: fs})
		wantRuns(t, fmt.Sprintf("crash %d of %d", i, len(crashes)), s, records)
		closeTest(t, s)
	}
}

// A record that can't be read costs what it says, and does not keep the others from
// being upgraded: the process starts as it did before.
func TestUpgradeOfDamagedRecord(t *testing.T) {
	fs := vfs.NewMem()
	records := []engine.RunRecord{{ID: "a", Factory: "F", Start: epoch, Summary: []byte("s")},
		{ID: "b", Factory: "F", Start: epoch.Add(1), Summary: []byte("s")},
		{ID: "c", Factory: "F", Start: epoch.Add(2), Summary: []byte("s")}}
	s := openTest(t, "data", Options{FS: fs})
	do(s, func(u *commit.Unit) {
		for _, r := range records {
			s.PutRun(u, r)
		}
		key := listedRunKey("F", records[1].Start, "b")
		u.Set(key, append(finish(key, appendRunRecord(newRecord(0), records[1])), 'x'))
	})
	b := s.db.NewBatch()
	if err := errors.Join(setSystem(b, formatKeyName, []byte{4}), closeBatch(b, b.Commit(pebble.Sync)),
		s.files.writeFormat(4)); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)
	s, err := open("data", testOptions(t, Options{FS: fs}), currentFormat)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer closeTest(t, s)
	if got, err := s.Tallies(); err != nil || len(got) != 1 || got[0].Runs != 3 {
		t.Errorf("tallies %+v, %v; want three runs", got, err)
	}
	for id, damaged := range map[string]bool{"a": false, "b": true, "c": false} {
		if r, err := s.Run(id); err != nil || errors.Is(r.Damage, ErrCorrupt) != damaged || r.Bytes == 0 {
			t.Errorf("run %s: %+v, %v", id, r, err)
		}
	}
}

func TestUpgradeFails(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	putMeta(s, "x", "1")
	closeTest(t, s)
	f := nextFormat(1)
	f.upgrades[len(f.upgrades)-1] = func(*view, *pebble.Batch) error { return errors.New("too hard") }
	if _, err := open("data", testOptions(t, Options{FS: fs}), f); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("format %d to %d: too hard", formatVersion, formatVersion+1)) {
		t.Errorf("open = %v, want the upgrade's error", err)
	}
	s = openTest(t, "data", Options{FS: fs})
	defer closeTest(t, s)
	wantMeta(t, s, "x", "1")
}

// Directories that programs of each format wrote, file by file.
func TestOpenFormats(t *testing.T) {
	for version := 1; version <= formatVersion; version++ {
		name := fmt.Sprintf("format%d", version)
		text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		want := loadFormat(t, version, string(text))
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, dir, Options{})
		defer closeTest(t, s)
		if version > 1 {
			do(want, func(u *commit.Unit) { want.PutMeta(u, "large", largeValue) })
		}
		if got, want := fmt.Sprint(readAll(t, s)), fmt.Sprint(readAll(t, want)); got != want {
			t.Errorf("testdata/%s reads as\n%.9000s\nwant\n%.9000s", name, got, want)
		}
		if got, err := s.files.format(); err != nil || got != formatVersion {
			t.Errorf("after opening %s the format is %d, %v, want %d", name, got, err, formatVersion)
		}
	}
}

// largeValue is what the value log has in a recorded directory.
var largeValue = bytes.Repeat([]byte("large "), separateFrom/6+1)

// With -rewrite the current format's directory is made anew.
func TestWriteFormat(t *testing.T) {
	if !*rewrite {
		t.Skip("only with -rewrite")
	}
	dir := filepath.Join("testdata", fmt.Sprintf("format%d", formatVersion))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, dir, Options{})
	do(s, func(u *commit.Unit) { fillAll(s, u); fillSince3(s, u); fillSince4(s, u); fillSince5(s, u) })
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	do(s, func(u *commit.Unit) { s.PutMeta(u, "clock", []byte("mark")) }) // some of it in the log
	do(s, func(u *commit.Unit) { s.PutMeta(u, "large", largeValue) })
	closeTest(t, s)
}

// A write that fails while a directory is made is that error, not damage.
func TestOpenWriteFails(t *testing.T) {
	for n := range 12 {
		count := 0
		noSpace := errors.New("no space left")
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if strings.HasSuffix(op.Path, ".new") {
				if count++; count > n {
					return noSpace
				}
			}
			return nil
		}))
		s, err := Open("data", testOptions(t, Options{FS: fs}))
		if err == nil {
			s.Close()
			if n < 3 {
				t.Errorf("Open succeeded though write %d failed", n)
			}
			continue
		}
		if !errors.Is(err, noSpace) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "data") {
			t.Errorf("Open with write %d failing = %v, want the cause, naming the directory", n, err)
		}
	}
}
