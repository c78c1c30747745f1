package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

// acknowledged writes n numbered units, each acknowledged, of all sizes: small ones, ones
// of several blocks of a write-ahead log, ones with a value in the value log, and some
// that nobody waits for. It returns the directory as a killed process leaves it.
func acknowledged(t *testing.T, n int, reopen bool) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	o := Options{FS: fs, MemTableSize: 256 << 10}
	s := openTest(t, "data", o)
	for i := range n {
		if reopen && i == n/4 {
			closeTest(t, s)
			s = openTest(t, "data", o)
		}
		do(s, func(u *commit.Unit) {
			s.PutMeta(u, fmt.Sprintf("n/%04d", i), bytes.Repeat([]byte{byte(i)}, 100*(i%7)))
			if i%9 == 0 {
				for part := range 4 {
					s.PutMeta(u, fmt.Sprintf("part/%04d/%d", i, part), bytes.Repeat([]byte{byte(i)}, 20<<10))
				}
			}
			if i%11 == 0 {
				s.PutMeta(u, fmt.Sprintf("large/%04d", i), bytes.Repeat([]byte{byte(i)}, separateFrom))
			}
		})
		if i%5 == 0 {
			do(s, func(u *commit.Unit) { s.PutMeta(u, "lock", []byte{byte(i)}); u.Relax() })
		}
	}
	killed := killed9(fs)
	closeTest(t, s)
	return killed
}

// killed9 is what a process that is killed with signal 9 now leaves: all that it has
// written. It is one moment of the file system, however much goes on in it.
func killed9(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// there counts the units that a store holds, which must be the first ones.
func there(t *testing.T, s *Store) (n int) {
	t.Helper()
	err := metas(s, "n/", func(name string, _ []byte) error {
		if want := fmt.Sprintf("n/%04d", n); name != want {
			t.Errorf("%s is at the place of %s", name, want)
		}
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// walDamages are changes of a write-ahead log; nil content removes the file.
func walDamages(b []byte, tries int) map[string][]byte {
	out := map[string][]byte{"lost": nil, "emptied": {}}
	used := len(bytes.TrimRight(b, "\x00"))
	rng := rand.New(rand.NewPCG(uint64(len(b)), 3))
	places := []int{0, 4, 6, 7, 11, used - 1, used - 10, used - 40}
	for range tries {
		places = append(places, rng.IntN(max(used, 1)))
	}
	for _, at := range places {
		if at < 0 || at >= used {
			continue
		}
		c := bytes.Clone(b)
		c[at] ^= 1 << rng.IntN(8)
		out[fmt.Sprintf("bit flipped at %d of %d", at, used)] = c
		out[fmt.Sprintf("cut at %d of %d", at, used)] = b[:at]
		c = bytes.Clone(b)
		clear(c[at:min(used, at+4096)])
		if !bytes.Equal(b, c) {
			out[fmt.Sprintf("4096 zeros at %d of %d", at, used)] = c
		}
	}
	return out
}

func sortedFiles(t *testing.T, fs vfs.FS) string {
	names := files(t, fs)
	slices.Sort(names)
	return fmt.Sprint(names)
}

// TestAcknowledgedOrTold: whatever becomes of one write-ahead log of a killed process,
// either everything that was acknowledged is there or the store does not open, says what
// is lost and has changed nothing.
func TestAcknowledgedOrTold(t *testing.T) {
	tries := 60
	if testing.Short() {
		tries = 15
	}
	const units = 60
	for name, reopen := range map[string]bool{"first start": false, "second start": true} {
		killed := acknowledged(t, units, reopen)
		s := openTest(t, "data", Options{FS: copyFS(t, killed)})
		if n := there(t, s); n != units {
			t.Fatalf("%s: %d units without damage, want %d", name, n, units)
		}
		closeTest(t, s)
		told := 0
		for _, file := range files(t, killed) {
			if !strings.HasSuffix(file, ".log") {
				continue
			}
			for what, content := range walDamages(readFile(t, killed, file), tries) {
				fs := copyFS(t, killed)
				if content == nil {
					fs.Remove(file)
				} else {
					writeFile(t, fs, file, content)
				}
				before := sortedFiles(t, fs)
				s, err := Open("data", testOptions(t, Options{FS: fs}))
				if err == nil {
					if n := there(t, s); n != units {
						t.Errorf("%s, %s %s: %d of %d units, and no error", name, file, what, n, units)
					}
					s.Close()
					continue
				}
				told++
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "acknowledged") ||
					!strings.Contains(err.Error(), "--accept-data-loss") || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s, %s %s: Open = %v, want what is lost and what to do", name, file, what, err)
				}
				if after := sortedFiles(t, fs); after != before {
					t.Errorf("%s, %s %s: refused, and changed %s to %s", name, file, what, before, after)
				}
			}
		}
		if told < tries/2 {
			t.Errorf("%s: only %d damages were told: the test shows nothing", name, told)
		}
	}
}

// TestWithoutSyncedFile: the file of the last synced batch is evidence, nothing that is
// needed; a bad record before a good one is found by the logs alone, as after a power cut.
func TestWithoutSyncedFile(t *testing.T) {
	const units = 30
	killed := acknowledged(t, units, false)
	for what, b := range map[string][]byte{"lost": nil, "emptied": {}, "zeros": make([]byte, 24), "noise": bytes.Repeat([]byte{7}, 30)} {
		fs := copyFS(t, killed)
		if b == nil {
			fs.Remove("data/" + syncedFile)
		} else {
			writeFile(t, fs, "data/"+syncedFile, b)
		}
		s := openTest(t, "data", Options{FS: fs})
		if n := there(t, s); n != units {
			t.Errorf("%s: %d units, want %d", what, n, units)
		}
		closeTest(t, s)
	}
	killed.Remove("data/" + syncedFile)
	for _, file := range files(t, killed) {
		if !strings.HasSuffix(file, ".log") {
			continue
		}
		b := readFile(t, killed, file)
		used := len(bytes.TrimRight(b, "\x00"))
		for at := 0; at < used*8/10; at += max(1, used/40) {
			fs := copyFS(t, killed)
			c := bytes.Clone(b)
			c[at] ^= 0x10
			writeFile(t, fs, file, c)
			s, err := Open("data", testOptions(t, Options{FS: fs}))
			if err == nil {
				if n := there(t, s); n != units {
					t.Errorf("byte %d of %d of %s: %d of %d units, and no error", at, used, file, n, units)
				}
				s.Close()
			}
		}
	}
}

// TestAcceptDataLoss: who asks for it goes on with what was written before the damage,
// whole, and the rest is kept; after that the directory is as any other.
func TestAcceptDataLoss(t *testing.T) {
	const units = 60
	killed := acknowledged(t, units, true)
	shorter := 0
	for _, file := range files(t, killed) {
		if !strings.HasSuffix(file, ".log") {
			continue
		}
		for what, content := range walDamages(readFile(t, killed, file), 10) {
			fs := copyFS(t, killed)
			if content == nil {
				fs.Remove(file)
			} else {
				writeFile(t, fs, file, content)
			}
			if s, err := Open("data", testOptions(t, Options{FS: fs})); err == nil {
				s.Close()
				continue
			}
			s, err := Open("data", testOptions(t, Options{FS: fs, AcceptDataLoss: true}))
			if err != nil {
				t.Errorf("%s %s: Open = %v although the loss is accepted", file, what, err)
				continue
			}
			n := there(t, s)
			if n < units {
				shorter++
			}
			putMeta(s, fmt.Sprintf("n/%04d", n), "new")
			killedAgain := killed9(fs)
			closeTest(t, s)
			for _, fs := range []*vfs.MemFS{fs, killedAgain} {
				s, err := Open("data", testOptions(t, Options{FS: fs}))
				if err != nil {
					t.Errorf("%s %s: the next Open = %v", file, what, err)
					continue
				}
				if got := there(t, s); got != n+1 {
					t.Errorf("%s %s: %d units after one more was written, want %d", file, what, got, n+1)
				}
				closeTest(t, s)
			}
		}
	}
	if shorter == 0 {
		t.Error("nothing was lost: the test shows nothing")
	}
}

// TestContentIsNoBatchNumber: who sends what looks like the end of a batch can't make a
// torn log look damaged.
func TestContentIsNoBatchNumber(t *testing.T) {
	forged := append(bytes.Clone(batchEnd), batchNumber{1 << 40, 1 << 40}.record()...)
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	for i := range 20 {
		do(s, func(u *commit.Unit) {
			s.PutMeta(u, fmt.Sprintf("n/%04d", i), bytes.Repeat(forged, 1+i%3))
			s.PutMeta(u, "z", forged)
		})
	}
	killed := killed9(fs)
	closeTest(t, s)
	s = openTest(t, "data", Options{FS: killed})
	if n := there(t, s); n != 20 {
		t.Errorf("%d units, want 20", n)
	}
	closeTest(t, s)
}
