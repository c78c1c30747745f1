package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/broker"
	"switchyard/commit"
)

// populate makes a directory with records in tables, in the write-ahead log, and
// in both, and returns what it reads as.
func populate(t *testing.T, fs vfs.FS, clean bool) []any {
	t.Helper()
	s := openTest(t, "data", Options{FS: fs})
	rng := rand.New(rand.NewPCG(1, 1))
	q := broker.QueueID{Entity: 2}
	message := func(u *commit.Unit, seq int64) {
		m := fullMessage()
		m.SequenceNumber, m.Sections = seq, make([]byte, 300)
		for i := range m.Sections {
			m.Sections[i] = byte(rng.Uint32())
		}
		s.PutMessage(u, q, m)
	}
	do(s, func(u *commit.Unit) { fillAll(s, u) })
	do(s, func(u *commit.Unit) {
		large := fullMessage() // in the value log
		large.SequenceNumber, large.Sections = 1500, make([]byte, separateFrom)
		s.PutMessage(u, q, large)
	})
	for part := range int64(3) {
		for n := range int64(40) {
			do(s, func(u *commit.Unit) { message(u, part*1000+n) })
		}
		if part < 2 {
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := readAll(t, s)
	if clean {
		closeTest(t, s)
	} else {
		t.Cleanup(func() { closeTest(t, s) })
	}
	return want
}

func readFile(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// copyFS copies a directory tree, to which nobody writes, into a new file system.
func copyFS(t *testing.T, from vfs.FS) *vfs.MemFS {
	t.Helper()
	to := vfs.NewCrashableMem()
	if ok, err := vfs.Clone(from, to, "data", "data"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	return to
}

// files lists the files of the data directory and its database.
func files(t *testing.T, fs vfs.FS) (names []string) {
	t.Helper()
	for _, dir := range []string{"data", "data/db", "data/values"} {
		list, err := fs.List(dir)
		if err != nil && !isNotExist(err) {
			t.Fatal(err)
		}
		for _, name := range list {
			if name != "db" && name != valuesDir && name != "LOCK" {
				names = append(names, dir+"/"+name)
			}
		}
	}
	return names
}

// damages are changes of a file's content; nil content removes the file.
func damages(b []byte) map[string][]byte {
	out := map[string][]byte{"lost": nil}
	if len(b) == 0 {
		return out
	}
	out["emptied"] = []byte{}
	out["halved"] = b[:len(b)/2]
	out["one byte short"] = b[:len(b)-1]
	rng := rand.New(rand.NewPCG(uint64(len(b)), 7))
	for _, at := range []int{0, len(b) / 3, len(b) - 1, rng.IntN(len(b)), rng.IntN(len(b)), rng.IntN(len(b))} {
		c := bytes.Clone(b)
		c[at] ^= 1 << rng.IntN(8)
		out[fmt.Sprintf("bit flipped at %d of %d", at, len(b))] = c
	}
	return out
}

// inValue reports whether a changed bit of the only segment is in its value, and
// not in what is around it, which only a rewrite reads.
func inValue(what string, content []byte) bool {
	at := 0
	if _, err := fmt.Sscanf(what, "bit flipped at %d", &at); err != nil {
		return true
	}
	end := len(content) - endLen
	return at >= end-separateFrom-recordOverhead && at < end
}

// After a clean stop every damage of every file is an error when the store
// opens, or when a damaged block is read. Nothing is ever read differently.
func TestDamageAfterCleanStop(t *testing.T) {
	fs := vfs.NewMem()
	want := fmt.Sprint(populate(t, fs, true))
	for _, name := range files(t, fs) {
		for what, content := range damages(readFile(t, fs, name)) {
			t.Run(strings.ReplaceAll(name, "/", "-")+" "+what, func(t *testing.T) {
				fs := copyFS(t, fs)
				if content == nil {
					fs.Remove(name)
				} else {
					writeFile(t, fs, name, content)
				}
				s, err := Open("data", testOptions(t, Options{FS: fs}))
				switch {
				case err == nil:
					got, err := tryReadAll(s)
					if err == nil && fmt.Sprint(got) != want {
						t.Error("the store opens and reads as something else")
					}
					if err != nil && !errors.Is(err, ErrCorrupt) {
						t.Errorf("reading: %v, want ErrCorrupt", err)
					}
					// Without the list nothing is compared, without the format
					// file the record in the database counts; a table may be
					// damaged where nobody reads.
					table := strings.HasSuffix(name, ".sst") && strings.HasPrefix(what, "bit")
					newline := what == "one byte short" && (strings.HasSuffix(name, keyFile) || strings.HasSuffix(name, "/format"))
					frame := strings.HasSuffix(name, segmentSuffix) && !inValue(what, content)
					// It is evidence for what a stop that is not clean has lost.
					synced := strings.HasSuffix(name, "/"+syncedFile)
					if err == nil && !synced && !table && !frame && !newline && !(what == "lost" && (strings.HasSuffix(name, "/clean") || strings.HasSuffix(name, "/format"))) {
						t.Error("the damage was not noticed")
					}
					s.Close()
				case strings.HasSuffix(name, keyFile):
					if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), keyFile) {
						t.Errorf("Open = %v, want ErrKey that names the file", err)
					}
				case errors.Is(err, ErrNewerVersion) && strings.HasSuffix(name, "/format"):
					// A digit became another one.
				case !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "data"):
					t.Errorf("Open = %v, want ErrCorrupt that says where", err)
				}
				if err != nil && strings.Contains(err.Error(), "\n") {
					t.Errorf("the error has several lines: %v", err)
				}
			})
		}
	}
}

// After a crash, damage before the last record of a log is noticed; damage of
// the last one may look like a write cut short, and then what is there is still
// a prefix.
func TestDamageAfterCrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	want := populate(t, fs, false)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	for _, name := range files(t, crashed) {
		b := readFile(t, crashed, name)
		log := strings.HasSuffix(name, ".log")
		manifest := strings.Contains(name, "MANIFEST")
		for what, content := range damages(b) {
			if strings.Contains(name, "marker.format") || strings.Contains(name, "OPTIONS") || strings.HasSuffix(name, "/format") {
				continue // nothing of the data is in there
			}
			t.Run(strings.ReplaceAll(name, "/", "-")+" "+what, func(t *testing.T) {
				fs := copyFS(t, crashed)
				if content == nil {
					fs.Remove(name)
				} else {
					writeFile(t, fs, name, content)
				}
				s, err := Open("data", testOptions(t, Options{FS: fs}))
				if err != nil {
					if !errors.Is(err, ErrCorrupt) && !(errors.Is(err, ErrKey) && strings.HasSuffix(name, keyFile)) {
						t.Errorf("Open = %v, want ErrCorrupt", err)
					}
					return
				}
				defer s.Close()
				got, err := tryReadAll(s)
				switch {
				case err != nil:
					if !errors.Is(err, ErrCorrupt) {
						t.Errorf("reading: %v, want ErrCorrupt", err)
					}
				case reflect.DeepEqual(got, want):
				case log:
					// The tail of a write-ahead log: the messages that are there
					// are the first ones.
					wantPrefix(t, s)
				default:
					t.Errorf("%s %s: the store opens and reads as something else", name, what)
				}
				if manifest && content == nil {
					t.Error("the loss of the manifest was not noticed")
				}
			})
		}
	}
}

// wantPrefix checks that the numbered messages of populate have no gap.
func wantPrefix(t *testing.T, s *Store) {
	t.Helper()
	ms, err := s.Scan(broker.QueueID{Entity: 2}, 2000, 1000, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range ms {
		if m.SequenceNumber != 2000+int64(i) {
			t.Fatalf("message %d is at place %d of those in the log", m.SequenceNumber-2000, i)
		}
	}
}

// A bad record in the middle of the write-ahead log, with synced ones behind it,
// is damage and not an end, unless all of the log is in tables already.
func TestDamageInsideLog(t *testing.T) {
	fs := vfs.NewCrashableMem()
	want := populate(t, fs, false)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	tried := 0
	for _, name := range files(t, crashed) {
		b := readFile(t, crashed, name)
		if !strings.HasSuffix(name, ".log") || len(b) == 0 {
			continue
		}
		number, err := strconv.ParseUint(strings.TrimSuffix(fs.PathBase(name), ".log"), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		_, used := goodChunks(b, uint32(number)) // an earlier log's rest may be behind
		for at := 0; at < used*9/10; at += used / 16 {
			fs := copyFS(t, crashed)
			c := bytes.Clone(b)
			c[at] ^= 0x20
			writeFile(t, fs, name, c)
			s, err := Open("data", testOptions(t, Options{FS: fs}))
			if err == nil {
				if got, err := tryReadAll(s); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("with byte %d of %d of %s changed the store opens and reads as something else (%v)", at, used, name, err)
				}
				s.Close()
				continue
			}
			tried++
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
				t.Errorf("Open with byte %d of %d of %s changed = %v, want ErrCorrupt that names it", at, used, name, err)
			}
		}
	}
	if tried == 0 {
		t.Error("no damage of a log was told")
	}
}

func TestCheckManifest(t *testing.T) {
	fs := vfs.NewMem()
	populate(t, fs, true)
	for _, name := range files(t, fs) {
		if !strings.Contains(name, "MANIFEST-") || strings.Contains(name, "marker") {
			continue
		}
		b := readFile(t, fs, name)
		if err := checkManifestChunks(b); err != nil {
			t.Errorf("checkManifestChunks(%s) = %v", name, err)
		}
		first, ok := parseChunk(b, 0)
		if !ok || first.size == len(b) {
			t.Fatalf("%s starts with %+v (%v), want a chunk shorter than the file's %d", name, first, ok, len(b))
		}
		for at := range first.size {
			c := bytes.Clone(b)
			c[at] ^= 4
			if err := checkManifestChunks(c); err == nil {
				t.Errorf("checkManifestChunks with byte %d of the first chunk changed finds nothing", at)
			}
		}
		if err := checkManifestChunks(b[:len(b)-3]); err != nil {
			t.Errorf("checkManifestChunks of a log cut short = %v", err)
		}
		if err := checkManifestChunks(append(bytes.Clone(b), make([]byte, 50)...)); err != nil {
			t.Errorf("checkManifestChunks of a log with zeros behind it = %v", err)
		}
		if err := checkManifestChunks(b[:5]); err == nil {
			t.Error("checkManifestChunks of a log without a record finds nothing")
		}
	}
}

// What is wrong with damaged data is told in lines, not in stack traces.
func TestDamageIsToldInLines(t *testing.T) {
	fs := vfs.NewCrashableMem()
	var log bytes.Buffer
	s := openTest(t, "data", Options{FS: fs})
	putMeta(s, "x", "1")
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	crashed := killed9(fs) // without the inventory of a clean stop
	closeTest(t, s)
	for _, name := range files(t, crashed) {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		whole := readFile(t, crashed, name)
		for from := 0; from < len(whole); from += 50 {
			b := bytes.Clone(whole)
			for i := from; i < min(len(b), from+50); i++ {
				b[i] ^= 0x5a
			}
			writeFile(t, crashed, name, b)
			s, err := Open("data", testOptions(t, Options{FS: copyFS(t, crashed), Logger: slog.New(slog.NewJSONHandler(&log, nil))}))
			if err == nil {
				s.Close() // nothing in that place is needed to open
			} else if !errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Open with damage at %d = %v, want one line that is ErrCorrupt", from, err)
			}
		}
	}
	if log.Len() == 0 {
		t.Fatal("nothing was logged: the test shows nothing")
	}
	for _, trace := range []string{"stack trace", ".go:", `\n`} {
		if strings.Contains(log.String(), trace) {
			t.Errorf("the log has %q, want lines without it: %s", trace, log.String())
		}
	}
}

// A directory with data whose format file is gone is not taken for one whose
// making was interrupted: nobody knows which program may write to it.
func TestFormatFileLost(t *testing.T) {
	for _, c := range []struct {
		name  string
		clean bool
	}{{"after a clean stop", true}, {"after a crash", false}} {
		fs := vfs.NewCrashableMem()
		s := openTest(t, "data", Options{FS: fs})
		putMeta(s, "x", "1")
		var lost *vfs.MemFS
		if c.clean {
			closeTest(t, s)
			lost = copyFS(t, fs)
		} else {
			lost = killed9(fs)
			closeTest(t, s)
		}
		if err := lost.Remove("data/format"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s, err := Open("data", testOptions(t, Options{FS: lost}))
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "data/format") {
				t.Errorf("Open without format file %s = %v, want ErrCorrupt, naming the file", c.name, err)
			}
		}
		writeFile(t, lost, "data/format", readFile(t, fs, "data/format"))
		s = openTest(t, "data", Options{FS: lost})
		wantMeta(t, s, "x", "1")
		closeTest(t, s)
	}
}
