package system

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"switchyard/broker"
)

// killed returns a data directory as a kill -9 of the process now would leave it, with
// everything that was acknowledged, and every receiver's lock, until the call. s goes on.
// Locks are written behind the answer (commit.Unit.Relax); what is written after them and
// waited for brings them along. The namespace takes one more queue for that.
func killed(t *testing.T, s *System, namespace string) string {
	t.Helper()
	if _, err := s.broker.PutQueue(t.Context(), namespace, "before-the-kill", broker.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "killed")
	writeTree(t, to, oneMoment(t, s.o.DataDir))
	return to
}

// A tree is the files of a directory by path; nil stands for a directory.
type tree map[string][]byte

// oneMoment reads a directory in which a process writes, as it was at one moment. Files
// are read one after the other, so what is read may never have been there together: a file
// that says what was synced, and a log from before that. But if they are read twice and
// are the same both times, they were all there between the two: no file of a data
// directory becomes again what it was before.
func oneMoment(t *testing.T, dir string) tree {
	t.Helper()
	before := readTree(t, dir)
	for began := time.Now(); ; {
		after := readTree(t, dir)
		if maps.EqualFunc(before, after, bytes.Equal) {
			return after
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%s is written to without a pause", dir)
		}
		before = after
	}
}

// readTree reads what a directory holds. What is gone when its turn comes is left out.
func readTree(t *testing.T, dir string) tree {
	t.Helper()
	read := tree{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var b []byte
		if err == nil && !d.IsDir() {
			b, err = os.ReadFile(path)
		}
		if err == nil {
			name, _ := filepath.Rel(dir, path)
			read[name] = b
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func writeTree(t *testing.T, dir string, files tree) {
	t.Helper()
	for name, b := range files {
		path, err := filepath.Join(dir, name), error(nil)
		if b == nil {
			err = os.MkdirAll(path, 0o700)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOneMoment: a directory whose files are written in turn is read as it was at one
// moment: no file is ahead of one that is always written before it.
func TestOneMoment(t *testing.T) {
	dir := t.TempDir()
	const size = 16
	files := map[string]*os.File{}
	write := func(name string, n byte) {
		if _, err := files[name].WriteAt(bytes.Repeat([]byte{n}, size), 0); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"log", "synced"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[name] = f
		write(name, 0)
	}
	done := make(chan struct{})
	defer func() { <-done }()
	go func() {
		defer close(done)
		for n := byte(1); n <= 200; n++ {
			write("log", n)
			write("synced", n)
			if n%20 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got := oneMoment(t, dir)
		if log, synced := got["log"], got["synced"]; len(log) != size || len(synced) != size || synced[0] > log[0] {
			t.Fatalf("log is %x, synced %x", log, synced)
		}
	}
}
