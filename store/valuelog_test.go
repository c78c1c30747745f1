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

	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/engine"
)

// large returns bytes that differ by seed, of which the value log takes those
// of separateFrom and more.
func large(seed uint64, n int) []byte {
	b := make([]byte, n)
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	rand.NewChaCha8(s).Read(b)
	return b
}

// segments lists the files of the value log.
func segments(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List("data/values")
	if err != nil && !isNotExist(err) {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func TestLargeValues(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	sizes := []int{0, 1, separateFrom - recordOverhead - 1, separateFrom - recordOverhead, separateFrom, writeBuffer - 1, writeBuffer, 3 * writeBuffer}
	do(s, func(u *commit.Unit) {
		for i, n := range sizes {
			s.PutMeta(u, fmt.Sprint("v", i), large(uint64(i), n))
		}
		s.PutMeta(u, "twice", large(100, separateFrom))
		s.PutMeta(u, "twice", large(101, separateFrom))
	})
	check := func(s *Store) {
		t.Helper()
		for i, n := range sizes {
			if got, err := s.Meta(fmt.Sprint("v", i)); err != nil || !bytes.Equal(got, large(uint64(i), n)) {
				t.Errorf("value of %d bytes reads as %d bytes, %v", n, len(got), err)
			}
		}
		if got, err := s.Meta("twice"); err != nil || !bytes.Equal(got, large(101, separateFrom)) {
			t.Errorf("a value set twice in one unit is not the later one (%v)", err)
		}
		n := 0
		if err := metas(s, "v", func(string, []byte) error { n++; return nil }); err != nil || n != len(sizes) {
			t.Errorf("a scan finds %d values, %v, want %d", n, err, len(sizes))
		}
	}
	check(s)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	for name, fs := range map[string]*vfs.MemFS{"a clean stop": fs, "a crash": crashed} {
		t.Run("after "+name, func(t *testing.T) {
			s := openTest(t, "data", Options{FS: fs})
			defer closeTest(t, s)
			check(s)
			putMeta(s, "later", string(large(7, separateFrom)))
			check(s)
			if got := segments(t, fs); len(got) != 2 {
				t.Errorf("segments %v, want the old one and one that began after the start", got)
			}
		})
	}
}

// Every kind of record may be large, whichever way it is read.
func TestLargeRecords(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	defer closeTest(t, s)
	q := broker.QueueID{Entity: 1}
	text := string(large(5, separateFrom))
	body := large(6, separateFrom)
	do(s, func(u *commit.Unit) {
		// Clones, because the file system of the tests changes what it was given when races are looked for.
		s.PutEntity(u, broker.EntityRecord{ID: 1, Namespace: 1, Path: "q", Definition: bytes.Clone(body)})
		s.PutNamespace(u, broker.NamespaceRecord{ID: 1, Name: "sb", Definition: bytes.Clone(body)})
		s.PutMessage(u, q, &broker.Message{SequenceNumber: 1, Content: broker.Content{Sections: bytes.Clone(body), MessageID: text}})
		s.PutStatus(u, q, 1, &broker.Status{Properties: []broker.Property{{Name: "p", Value: text}}})
		s.AppendEvents(u, "run", 1, [][]byte{bytes.Clone(body)})
		s.PutPayload(u, "run", 1, bytes.Clone(body))
		s.PutRun(u, engine.RunRecord{ID: "run", Start: epoch, Summary: bytes.Clone(body), Active: true})
	})
	if got := s.values.size; got < 8*separateFrom {
		t.Fatalf("the value log has %d bytes, want all of the large values", got)
	}
	c, err := s.Catalogue()
	if err != nil || len(c.Entities) != 1 || !bytes.Equal(c.Entities[0].Definition, body) || !bytes.Equal(c.Namespaces[0].Definition, body) {
		t.Errorf("Catalogue: %v, %d entities", err, len(c.Entities))
	}
	ms, err := s.Scan(q, 0, 10, broker.AllContents)
	if err != nil || len(ms) != 1 || !bytes.Equal(ms[0].Sections, body) || ms[0].MessageID != text || ms[0].Status.Properties[0].Value != text {
		t.Errorf("Scan: %v, %d messages", err, len(ms))
	}
	if m, err := s.Message(q, 1); err != nil || !bytes.Equal(m.Sections, body) || m.Status.Properties[0].Value != text {
		t.Errorf("Message: %v", err)
	}
	if err := s.Statuses(q, func(_ int64, st *broker.Status) error {
		if st.Properties[0].Value != text {
			t.Error("Statuses: other properties")
		}
		return nil
	}); err != nil {
		t.Errorf("Statuses: %v", err)
	}
	if err := s.Events("run", 0, func(_ uint64, e []byte) error {
		if !bytes.Equal(e, body) {
			t.Error("Events: another event")
		}
		return nil
	}); err != nil {
		t.Errorf("Events: %v", err)
	}
	if b, err := s.Payload("run", 1); err != nil || !bytes.Equal(b, body) {
		t.Errorf("Payload: %d bytes, %v", len(b), err)
	}
	if rs, err := s.ActiveRuns(); err != nil || len(rs) != 1 || !bytes.Equal(rs[0].Summary, body) {
		t.Errorf("ActiveRuns: %d, %v", len(rs), err)
	}
}

// Small values make no segment: a store without large ones has no value log.
func TestNoLargeValuesNoLog(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	putMeta(s, "x", strings.Repeat("x", separateFrom-recordOverhead-1))
	closeTest(t, s)
	if got := segments(t, fs); len(got) != 0 {
		t.Errorf("segments %v, want none", got)
	}
}

// churn puts values one after the other, of which only some names stay.
func churn(s *Store, from, n int, name func(i int) string) {
	for i := from; i < from+n; i++ {
		do(s, func(u *commit.Unit) { s.PutMeta(u, name(i), large(uint64(i), separateFrom)) })
	}
}

// Segments whose values were replaced or deleted go, those with few values left
// are moved, and nothing that is named is lost.
func TestCollect(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	s.values.segmentSize = 8 * separateFrom
	// Every 16th value stays, the others are replaced soon.
	name := func(i int) string {
		if i%16 == 0 {
			return fmt.Sprint("kept", i)
		}
		return fmt.Sprint("replaced", i%8)
	}
	const n = 400
	churn(s, 0, n, name)
	check := func(s *Store) {
		t.Helper()
		for i := 0; i < n; i += 16 {
			if got, err := s.Meta(fmt.Sprint("kept", i)); err != nil || !bytes.Equal(got, large(uint64(i), separateFrom)) {
				t.Fatalf("value %d reads as %d bytes, %v", i, len(got), err)
			}
		}
	}
	check(s)
	// 25 kept and 8 replaced values are about 5 segments when packed; without
	// collection there would be 50.
	if got := segments(t, fs); len(got) > 16 {
		t.Errorf("%d segments hold 33 values of 8 each, want at most 16: %v", len(got), got)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	for _, fs := range []*vfs.MemFS{fs, crashed} {
		s := openTest(t, "data", Options{FS: fs})
		s.values.segmentSize = 8 * separateFrom
		check(s)
		churn(s, n, 200, func(i int) string { return fmt.Sprint("replaced", i%8) })
		check(s)
		closeTest(t, s)
	}
}

// Crashes at every sync while segments are collected lose nothing that is named.
func TestCrashWhileCollecting(t *testing.T) {
	fs := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(3, 4))
	var crashes []*vfs.MemFS
	watching := false
	watched := &syncWatch{FS: fs, onSync: func() {
		if watching {
			crashes = append(crashes, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}))
		}
	}}
	s := openTest(t, "data", Options{FS: watched})
	s.values.segmentSize = 4 * separateFrom
	do(s, func(u *commit.Unit) { s.PutMeta(u, "kept", large(9999, separateFrom)) })
	watching = true
	churn(s, 0, 24, func(i int) string { return fmt.Sprint("replaced", i%2) })
	watching = false
	closeTest(t, s)
	if len(crashes) < 24 {
		t.Fatalf("%d crashes, want at least one for each commit", len(crashes))
	}
	for i, fs := range crashes {
		s := openTest(t, "data", Options{FS: fs})
		if got, err := s.Meta("kept"); err != nil || !bytes.Equal(got, large(9999, separateFrom)) {
			t.Errorf("crash %d: the kept value reads as %d bytes, %v", i, len(got), err)
		}
		if err := metas(s, "replaced", func(string, []byte) error { return nil }); err != nil {
			t.Errorf("crash %d: %v", i, err)
		}
		closeTest(t, s)
	}
}

// A view that is older than the collection still reads what it saw.
func TestCollectWaitsForViews(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	defer closeTest(t, s)
	s.values.segmentSize = 2 * separateFrom
	churn(s, 0, 2, func(i int) string { return fmt.Sprint("old", i) })
	v, err := s.view()
	if err != nil {
		t.Fatal(err)
	}
	do(s, func(u *commit.Unit) { s.DeleteMeta(u, "old0"); s.DeleteMeta(u, "old1") })
	churn(s, 10, 12, func(i int) string { return "replaced" })
	if got, err := v.get(metaKey("old1")); err != nil || !bytes.Equal(got, large(1, separateFrom)) {
		t.Errorf("the view reads %d bytes, %v, want the value it saw", len(got), err)
	}
	v.close()
	churn(s, 30, 1, func(int) string { return "replaced" })
	if got := segments(t, fs); slices.Contains(got, segmentName(1)) {
		t.Errorf("segments %v, want the first one gone once nobody reads", got)
	}
}

// A segment whose end was torn by a crash is collected like any other, and not
// before what is named in it is safe.
func TestCollectTornSegment(t *testing.T) {
	for _, tear := range []string{"garbage after", "first header"} {
		t.Run(tear, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			s := openTest(t, "data", Options{FS: fs})
			churn(s, 0, 8, func(i int) string { return fmt.Sprint("v", i) })
			do(s, func(u *commit.Unit) {
				for i := 1; i < 8; i++ {
					s.DeleteMeta(u, fmt.Sprint("v", i))
				}
			})
			crashed := fs.CrashClone(vfs.CrashCloneCfg{})
			closeTest(t, s)
			path := "data/values/" + segmentName(1)
			b := readFile(t, crashed, path)
			if tear == "garbage after" {
				b = append(b, bytes.Repeat([]byte{0x5a}, 100)...)
			} else {
				b[0] ^= 1 // the frame of v0, whose value is whole
			}
			writeFile(t, crashed, path, b)
			s = openTest(t, "data", Options{FS: crashed})
			s.values.segmentSize = 2 * separateFrom
			churn(s, 100, 8, func(i int) string { return "replaced" })
			if got, err := s.Meta("v0"); err != nil || !bytes.Equal(got, large(0, separateFrom)) {
				t.Errorf("v0 reads as %d bytes, %v", len(got), err)
			}
			if got := segments(t, crashed); slices.Contains(got, segmentName(1)) {
				t.Errorf("segments %v, want the torn one gone", got)
			}
			closeTest(t, s)
		})
	}
}

// Damage of a value is told when it is read, and its segment is never dropped.
func TestDamagedLargeValue(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	churn(s, 0, 8, func(i int) string { return fmt.Sprint("v", i) })
	do(s, func(u *commit.Unit) {
		for i := 1; i < 8; i++ {
			s.DeleteMeta(u, fmt.Sprint("v", i))
		}
	})
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	path := "data/values/" + segmentName(1)
	b := readFile(t, crashed, path)
	b[separateFrom/2] ^= 1
	writeFile(t, crashed, path, b)
	s = openTest(t, "data", Options{FS: crashed})
	s.values.segmentSize = 2 * separateFrom
	churn(s, 100, 8, func(i int) string { return "replaced" })
	if _, err := s.Meta("v0"); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "v0") {
		t.Errorf("Meta = %v, want ErrCorrupt that names the record", err)
	}
	if got := segments(t, crashed); !slices.Contains(got, segmentName(1)) {
		t.Errorf("segments %v: the damaged one was dropped", got)
	}
	closeTest(t, s)
}

// A segment that the database names and that is lost is damage, also after a
// crash; one that it does not name is of a commit that did not happen.
func TestLostAndForeignSegments(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, "data", Options{FS: fs})
	churn(s, 0, 1, func(i int) string { return "v" })
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	closeTest(t, s)
	lost := copyFS(t, crashed)
	if err := lost.Remove("data/values/" + segmentName(1)); err != nil {
		t.Fatal(err)
	}
	if s, err := Open("data", testOptions(t, Options{FS: lost})); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), segmentName(1)) {
		if err == nil {
			s.Close()
		}
		t.Errorf("Open without a segment = %v, want ErrCorrupt that names the file", err)
	}
	writeFile(t, crashed, "data/values/"+segmentName(5), []byte("began"))
	s = openTest(t, "data", Options{FS: crashed})
	defer closeTest(t, s)
	if got := segments(t, crashed); !slices.Equal(got, []string{segmentName(1)}) {
		t.Errorf("segments %v, want only the one that is named", got)
	}
	churn(s, 1, 1, func(i int) string { return "w" })
	if got := segments(t, crashed); !slices.Equal(got, []string{segmentName(1), segmentName(6)}) {
		t.Errorf("segments %v, want a number that was never used", got)
	}
}

func FuzzFrames(f *testing.F) {
	var v valueLog
	v.buf = appendFrameHeader(nil, []byte("key"), 5)
	v.buf = append(v.buf, "value"...)
	f.Add(v.buf)
	f.Add(append(bytes.Clone(v.buf), v.buf...))
	f.Add(v.buf[:9])
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := vfs.NewMem()
		writeFile(t, fs, "f", b)
		file, err := fs.Open("f")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		last := int64(0)
		end, err := eachFrame(file, int64(len(b)), func(key []byte, offset, length uint32) error {
			if int64(offset) < last+int64(frameHeaderLen+len(key)) || int64(offset)+int64(length) > int64(len(b)) {
				t.Errorf("frame at %d..%d after %d of %d bytes", offset, int64(offset)+int64(length), last, len(b))
			}
			last = int64(offset) + int64(length)
			return nil
		})
		if err != nil || end != last {
			t.Errorf("eachFrame = %d, %v, want the end of the last frame %d", end, err, last)
		}
	})
}

func FuzzReference(f *testing.F) {
	f.Add([]byte("k"), reference{1, 2, 3}.encode([]byte("k")))
	f.Add([]byte{}, []byte{referenceMark})
	f.Fuzz(func(t *testing.T, key, b []byte) {
		r, err := decodeReference(key, b)
		if err != nil {
			return
		}
		if isReference(b) && !bytes.Equal(r.encode(key), b) {
			t.Errorf("%x decodes to %+v, which encodes to %x", b, r, r.encode(key))
		}
	})
}
