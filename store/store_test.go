package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// openTest opens a store that fails the test instead of stopping the process.
func openTest(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, testOptions(t, o))
	if err != nil {
		t.Fatalf("Open(%s): %v", dir, err)
	}
	return s
}

func testOptions(t testing.TB, o Options) Options {
	if o.Logger == nil {
		o.Logger = quiet
	}
	if o.Fatal == nil {
		o.Fatal = func(err error) { t.Errorf("fatal: %v", err) }
	}
	return o
}

// memory is an open store in memory.
func memory(t testing.TB) *Store {
	t.Helper()
	s := openTest(t, "data", Options{InMemory: true})
	t.Cleanup(func() { closeTest(t, s) })
	return s
}

func closeTest(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// do submits and syncs a unit that f fills.
func do(s *Store, f func(u *commit.Unit)) {
	var u commit.Unit
	f(&u)
	s.Submit(&u)
	s.Sync(&u)
}

// metas is [Store.Metas] that ends with the first damage.
func metas(s *Store, prefix string, f func(name string, value []byte) error) error {
	return s.Metas(prefix, func(name string, value []byte, damage error) error {
		if damage != nil {
			return damage
		}
		return f(name, value)
	})
}

func putMeta(s *Store, name, value string) {
	do(s, func(u *commit.Unit) { s.PutMeta(u, name, []byte(value)) })
}

func wantMeta(t testing.TB, s *Store, name, want string) {
	t.Helper()
	got, err := s.Meta(name)
	if err != nil || string(got) != want {
		t.Errorf("Meta(%q) = %q, %v, want %q", name, got, err, want)
	}
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := openTest(t, dir, Options{})
	putMeta(s, "x", "1")
	sealed := s.Seal([]byte("secret"))
	derived, other := string(s.Derive("a")), string(s.Derive("b"))
	closeTest(t, s)
	closeTest(t, s)

	s = openTest(t, dir, Options{})
	defer closeTest(t, s)
	wantMeta(t, s, "x", "1")
	if got := string(s.Derive("a")); got != derived || got == other || len(got) != 32 {
		t.Errorf("Derive(a) after reopening = %x, before %x, of b %x", got, derived, other)
	}
	if got, err := s.Open(sealed); err != nil || string(got) != "secret" {
		t.Errorf("Open(Seal(secret)) after reopening = %q, %v", got, err)
	}
}

func TestKeyFileIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing there")
	}
	dir := t.TempDir()
	closeTest(t, openTest(t, dir, Options{}))
	info, err := os.Stat(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode of the key file = %o, want 600", got)
	}
}

func TestLocked(t *testing.T) {
	disk := t.TempDir()
	for name, o := range map[string]Options{"disk": {}, "memory": {FS: vfs.NewMem()}} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, disk, o)
			other, err := Open(disk, testOptions(t, o))
			if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), disk) {
				t.Errorf("second Open = %v, %v, want ErrLocked naming %s", other, err, disk)
			}
			putMeta(s, "still", "here")
			wantMeta(t, s, "still", "here")
			closeTest(t, s)
			closeTest(t, openTest(t, disk, o))
		})
	}
}

func TestOpenFileInTheWay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, testOptions(t, Options{}))
	if err == nil || errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open of a file = %v, want the file system's error naming %s", err, dir)
	}
}

func TestMeta(t *testing.T) {
	s := memory(t)
	putMeta(s, "a/1", "one")
	putMeta(s, "a/2", "two")
	putMeta(s, "b", "")
	wantMeta(t, s, "b", "")
	do(s, func(u *commit.Unit) { s.PutMeta(u, "a/1", []byte("uno")) })
	var got []string
	if err := metas(s, "a/", func(name string, value []byte) error {
		got = append(got, name+"="+string(value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := "a/1=uno a/2=two"; strings.Join(got, " ") != want {
		t.Errorf("Metas(a/) = %q, want %q", got, want)
	}
	do(s, func(u *commit.Unit) { s.DeleteMeta(u, "a/1") })
	if _, err := s.Meta("a/1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Meta of a deleted name = %v, want ErrNotFound", err)
	}
	stop := errors.New("enough")
	if err := metas(s, "", func(string, []byte) error { return stop }); err != stop {
		t.Errorf("Metas = %v, want the callback's error", err)
	}
}

func TestReadsAfterClose(t *testing.T) {
	s := openTest(t, "data", Options{InMemory: true})
	closeTest(t, s)
	if _, err := s.Meta("x"); !errors.Is(err, ErrClosed) {
		t.Errorf("Meta after Close = %v, want ErrClosed", err)
	}
	if _, err := s.Catalogue(); !errors.Is(err, ErrClosed) {
		t.Errorf("Catalogue after Close = %v, want ErrClosed", err)
	}
}

func TestSeal(t *testing.T) {
	s := memory(t)
	for _, plain := range []string{"", "x", strings.Repeat("long", 1000)} {
		a, b := s.Seal([]byte(plain)), s.Seal([]byte(plain))
		if bytes.Equal(a, b) {
			t.Errorf("Seal(%.9q) twice gave the same", plain)
		}
		if len(a) != len(plain)+29 {
			t.Errorf("Seal of %d bytes has %d, want 29 more", len(plain), len(a))
		}
		if got, err := s.Open(a); err != nil || string(got) != plain {
			t.Errorf("Open(Seal(%.9q)) = %.9q, %v", plain, got, err)
		}
		for i := range a {
			c := bytes.Clone(a)
			c[i] ^= 1
			if got, err := s.Open(c); !errors.Is(err, ErrSealed) {
				t.Fatalf("Open with byte %d of %d changed = %q, %v, want ErrSealed", i, len(a), got, err)
			}
		}
		if got, err := s.Open(a[:len(a)-1]); !errors.Is(err, ErrSealed) {
			t.Errorf("Open of a shortened value = %q, %v, want ErrSealed", got, err)
		}
	}
	if _, err := s.Open(nil); !errors.Is(err, ErrSealed) {
		t.Errorf("Open(nil) = %v, want ErrSealed", err)
	}
}

func TestGivenKey(t *testing.T) {
	fs := vfs.NewMem()
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	s := openTest(t, "data", Options{FS: fs, Key: key})
	sealed := s.Seal([]byte("x"))
	closeTest(t, s)
	if _, err := fs.Stat(fs.PathJoin("data", keyFile)); !isNotExist(err) {
		t.Errorf("a key file was written though a key was given: %v", err)
	}
	for name, k := range map[string][]byte{"another key": other, "no key": nil, "a short key": key[:5]} {
		if _, err := Open("data", testOptions(t, Options{FS: fs, Key: k})); !errors.Is(err, ErrKey) {
			t.Errorf("Open with %s = %v, want ErrKey", name, err)
		}
	}
	s = openTest(t, "data", Options{FS: fs, Key: key})
	defer closeTest(t, s)
	if got, err := s.Open(sealed); err != nil || string(got) != "x" {
		t.Errorf("Open(Seal(x)) with the given key = %q, %v", got, err)
	}
}

// TestCloseLeavesNoDeadLogs: a start after a clean stop reads the write-ahead logs, so a
// stop leaves only those with something that is not in tables, however much was written.
func TestCloseLeavesNoDeadLogs(t *testing.T) {
	value := make([]byte, 8<<10)
	for _, test := range []struct {
		name    string
		writes  int // behind 2 MiB, which are in tables
		logs    int
		without []string // files that are gone when it is opened again
	}{
		{"little in the log", 10, 1, nil},
		{"much in the log", flushAtClose/len(value) + 10, 0, nil},
		{"a start that ended early", flushAtClose/len(value) + 10, 0, []string{cleanFile}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir, Options{MemTableSize: 4 << 20})
			put := func(n int) {
				for i := range n {
					rand.Read(value)
					putMeta(s, fmt.Sprint(i%8), string(value))
				}
			}
			for range 8 {
				put(2 << 20 / 8 / len(value))
				if err := s.db.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			put(test.writes)
			last := fmt.Sprint((test.writes - 1) % 8)
			putMeta(s, "last", "1")
			closeTest(t, s)
			names, err := filepath.Glob(filepath.Join(dir, databaseDir, "*.log"))
			if err != nil || len(names) != test.logs {
				t.Errorf("the write-ahead logs %q are left, %v; want %d", names, err, test.logs)
			}
			for _, name := range test.without {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			s = openTest(t, dir, Options{})
			defer closeTest(t, s)
			wantMeta(t, s, "last", "1")
			wantMeta(t, s, last, string(value))
		})
	}
}
