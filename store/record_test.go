package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/broker"
	"switchyard/commit"
	"switchyard/pipeline/engine"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew")

// dump returns every record of a database.
func dump(t testing.TB, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := s.scan(nil, nil, func(key, value []byte) error {
		all[string(key)] = string(value)
		return nil
	}); err != nil {
		t.Fatalf("scan: %v", err)
	}
	return all
}

// A codec is a decoder and its encoder, for values of any type.
type codec struct {
	name   string
	decode func([]byte) (any, error)
	encode func(any) []byte
	full   any // a value with every field set
}

func codecs() []codec {
	run := engine.RunRecord{ID: "r", Pipeline: "p", Factory: "f", Start: epoch.Add(1), Active: true, Summary: []byte("s")}
	follows := run
	follows.Definition = engine.Hash{1, 31: 2}
	updated := follows
	updated.Updated = epoch.Add(2)
	sized := updated
	sized.Active, sized.Bytes = false, 1<<40
	caused := sized
	caused.Cause = engine.Hash{3, 31: 4}
	message := func(b []byte) (any, error) {
		m, err := decodeMessage(b)
		if err == nil && !m.apart {
			m.Sections = m.here
		} else if err == nil && m.size <= 1<<20 {
			m.Sections = make([]byte, m.size)
		} else if err == nil {
			err = errors.New("too large for a test")
		}
		return m.Message, err
	}
	putMessage := func(v any) []byte { return wholeMessage(nil, v.(*broker.Message)) }
	return []codec{
		{"message", message, putMessage,
			func() any { m := fullMessage(); m.SequenceNumber = 0; return m }()},
		{"message.scheduled", message, putMessage,
			func() any { m := fullMessage(); m.SequenceNumber, m.EnqueueSequence = 0, 300; return m }()},
		{"message.forwarded", message, putMessage,
			func() any { m := fullMessage(); m.SequenceNumber, m.EnqueueSequence, m.Hops = 0, 300, 4; return m }()},
		{"message.transfer", message, putMessage,
			func() any { m := fullMessage(); m.SequenceNumber, m.Destination = 0, "orders/new"; return m }()},
		{"status",
			func(b []byte) (any, error) { return decodeStatus(b) },
			func(v any) []byte { s := v.(broker.Status); return appendStatus(nil, &s) },
			fullStatus()},
		{"counters",
			func(b []byte) (any, error) { return decodeCounters(b) },
			func(v any) []byte { return appendCounters(nil, v.(broker.Counters)) },
			broker.Counters{NextSequence: 5, LowWater: -4, Messages: 3, Deferred: 2, Bytes: 1 << 60}},
		{"namespace",
			func(b []byte) (any, error) { return decodeNamespace(b) },
			func(v any) []byte { return appendNamespace(nil, v.(broker.NamespaceRecord)) },
			broker.NamespaceRecord{Name: "n", Definition: []byte("{}")}},
		{"entity",
			func(b []byte) (any, error) { return decodeEntity(b) },
			func(v any) []byte { return appendEntity(nil, v.(broker.EntityRecord)) },
			broker.EntityRecord{Namespace: 7, Path: "q", CreatedAt: epoch, UpdatedAt: epoch.Add(5), Definition: []byte("{}")}},
		{"run",
			func(b []byte) (any, error) { return decodeRunRecord(b) },
			func(v any) []byte { return appendRunRecord(nil, v.(engine.RunRecord)) },
			run},
		{"run-definition",
			func(b []byte) (any, error) { return decodeRunRecord(b) },
			func(v any) []byte { return appendRunRecord(nil, v.(engine.RunRecord)) },
			follows},
		{"run-updated",
			func(b []byte) (any, error) { return decodeRunRecord(b) },
			func(v any) []byte { return appendRunRecord(nil, v.(engine.RunRecord)) },
			updated},
		{"run-size",
			func(b []byte) (any, error) { return decodeRunRecord(b) },
			func(v any) []byte { return appendRunRecord(nil, v.(engine.RunRecord)) },
			sized},
		{"run-cause",
			func(b []byte) (any, error) { return decodeRunRecord(b) },
			func(v any) []byte { return appendRunRecord(nil, v.(engine.RunRecord)) },
			caused},
		{"tally",
			func(b []byte) (any, error) { return decodeTally(b) },
			func(v any) []byte { return appendTally(nil, v.(engine.Tally)) },
			engine.Tally{Factory: "F", Runs: 7, Bytes: 1 << 33, Reached: epoch}},
		{"attempt",
			func(b []byte) (any, error) { return decodeAttempt(b) },
			func(v any) []byte { return appendBytes(nil, v.(string)) },
			"r"},
		{"start",
			func(b []byte) (any, error) { return decodeRunStart(b) },
			func(v any) []byte { return appendRunStart(nil, v.(runStarted)) },
			runStarted{At: epoch}},
		{"start-factory",
			func(b []byte) (any, error) { return decodeRunStart(b) },
			func(v any) []byte { return appendRunStart(nil, v.(runStarted)) },
			runStarted{"f", epoch}},
		{"id",
			func(b []byte) (any, error) { return decodeID(b) },
			func(v any) []byte { return appendTime(nil, v.(time.Time)) },
			epoch},
		{"cancel-request",
			func(b []byte) (any, error) { return decodeCancelRequest(b) },
			func(v any) []byte { return appendCancelRequest(nil, v.(time.Time)) },
			epoch},
	}
}

func TestCodecs(t *testing.T) {
	for _, c := range codecs() {
		b := c.encode(c.full)
		got, err := c.decode(b)
		if err != nil || !reflect.DeepEqual(got, c.full) {
			t.Errorf("%s: decode(encode(%+v)) = %+v, %v", c.name, c.full, got, err)
		}
		for i := range b {
			if got, err := c.decode(b[:i]); err == nil && c.name != "message" {
				t.Errorf("%s: the first %d of %d bytes decode to %+v", c.name, i, len(b), got)
			}
		}
		if got, err := c.decode(append(bytes.Clone(b), 0)); err == nil {
			t.Errorf("%s: with a byte too many it decodes to %+v", c.name, got)
		}
	}
}

func fuzz(f *testing.F, name string) {
	codecs := codecs()
	c := codecs[slices.IndexFunc(codecs, func(c codec) bool { return c.name == name })]
	f.Add(c.encode(c.full))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := c.decode(b)
		if err != nil {
			return
		}
		again, err := c.decode(c.encode(v))
		// As text, because a NaN is not equal to itself.
		if err != nil || fmt.Sprintf("%#v", again) != fmt.Sprintf("%#v", v) && !reflect.DeepEqual(again, v) {
			t.Errorf("decode(%x) = %.2000s, and that encoded and decoded is %.2000s, %v", b, fmt.Sprintf("%+v", v), fmt.Sprintf("%+v", again), err)
		}
	})
}

func FuzzMessage(f *testing.F)   { fuzz(f, "message") }
func FuzzStatus(f *testing.F)    { fuzz(f, "status") }
func FuzzCounters(f *testing.F)  { fuzz(f, "counters") }
func FuzzNamespace(f *testing.F) { fuzz(f, "namespace") }
func FuzzEntity(f *testing.F)    { fuzz(f, "entity") }
func FuzzRun(f *testing.F)       { fuzz(f, "run") }
func FuzzRunStart(f *testing.F)  { fuzz(f, "start") }
func FuzzID(f *testing.F)        { fuzz(f, "id") }

// FuzzKey names any key without a panic, and runs in keys come back.
func FuzzKey(f *testing.F) {
	f.Add(messageKey(broker.QueueID{Entity: 1}, kindMessage, 2))
	f.Add(runItemKey(runUUID, runEvent, 2))
	f.Add(activeRunKey(epoch, "r"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if describe(b) == "" {
			t.Errorf("describe(%x) is empty", b)
		}
		if id, rest, ok := cutRun(b); ok {
			if got := append(appendRun(nil, id), rest...); !bytes.Equal(got, b) && b[0] != runIsText {
				t.Errorf("run %q of %x encodes to %x", id, b, got)
			}
		}
	})
}

func FuzzChunks(f *testing.F) {
	f.Add([]byte{}, uint32(0))
	f.Add(make([]byte, 100), uint32(7))
	f.Fuzz(func(t *testing.T, b []byte, log uint32) {
		if err := checkManifestChunks(b); err == nil && len(b) < chunkHeader[0] {
			t.Errorf("checkManifestChunks(%x) finds a record in %d bytes", b, len(b))
		}
		if err := checkWALChunks(b, log); err != nil && len(b) < chunkHeader[2] {
			t.Errorf("checkWALChunks(%x) = %v, finds a promise in %d bytes", b, err, len(b))
		}
	})
}

// A value that was changed, cut, or stands under another key is an error that
// names the key.
func TestDamagedRecord(t *testing.T) {
	q := broker.QueueID{Entity: 12}
	key, other := messageKey(q, kindMessage, 34), messageKey(q, kindMessage, 35)
	good := finish(key, wholeMessage(newRecord(0), fullMessage()))
	check := func(what string, key, value []byte) {
		t.Helper()
		s := memory(t)
		do(s, func(u *commit.Unit) { u.Set(key, value) })
		_, err := s.Scan(q, 0, 10, broker.AllContents)
		var damage *CorruptError
		if !errors.Is(err, ErrCorrupt) || !errors.As(err, &damage) || !strings.HasPrefix(damage.Where, "message 3") || !strings.Contains(damage.Where, "entity 12") {
			t.Errorf("%s: Scan = %v, want ErrCorrupt that names the message", what, err)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		check(fmt.Sprintf("byte %d changed", i), key, b)
	}
	check("cut", key, good[:len(good)-1])
	check("empty", key, nil)
	check("under another key", other, good)
	future := bytes.Clone(good[:len(good)-crcLen])
	future[0]++
	check("version 2", key, finish(key, future))
}

func TestDescribe(t *testing.T) {
	q := broker.QueueID{Entity: 3, Sub: broker.DeadLetterQueue}
	for _, c := range []struct {
		key  []byte
		want string
	}{
		{systemKey("format"), `system record "format"`},
		{metaKey("a"), `meta record "a"`},
		{namespaceKey(tableNamespace, 4), "namespace 4"},
		{entityKey(tableRetiredEntity, 4), "entity 4"},
		{append(entityKey(tableEntity, 4), entityRecord), "entity 4"},
		{queueKey(q, kindCounters), "counters of sub-queue 1 of entity 3"},
		{messageKey(q, kindMessage, -5), "message -5 in sub-queue 1 of entity 3"},
		{messageKey(q, kindStatus, 5), "status 5 in sub-queue 1 of entity 3"},
		{messageKey(q, kindSections, 5), "sections 5 in sub-queue 1 of entity 3"},
		{sessionEntryKey(q, "s", 5), `session "s" of sub-queue 1 of entity 3`},
		{sessionKey(q, kindSessionState, "s"), `session "s" of sub-queue 1 of entity 3`},
		{expiryKey(q, epoch, 5), "expiry of message 5 in sub-queue 1 of entity 3"},
		{runKey("r", runStart), "start of run r"},
		{runItemKey(runUUID, runEvent, 6), "event 6 of run " + runUUID},
		{runItemKey("r", runPayload, 6), "payload 6 of run r"},
		{runKey("r", runCancel), "cancellation of run r"},
		{runKey("r", runSnapshot), "snapshot of run r"},
		{listedRunKey("f", epoch, "r"), "run r"},
		{activeRunKey(epoch, "r"), "run r"},
		{definitionKey(engine.Hash{1, 31: 2}), "definition 01" + strings.Repeat("00", 30) + "02"},
		{followerKey(engine.Hash{1}, "r"), "run r"},
		{[]byte{0x77, 1}, "record 7701"},
	} {
		if got := describe(c.key); got != c.want {
			t.Errorf("describe(%x) = %q, want %q", c.key, got, c.want)
		}
	}
}

// fillAll writes one of every kind of record.
func fillAll(s *Store, u *commit.Unit) {
	q := broker.QueueID{Entity: 2, Sub: broker.DeadLetterQueue}
	m, st := fullMessage(), fullStatus()
	s.PutMessage(u, q, m)
	s.PutStatus(u, q, m.SequenceNumber, &st)
	large := fullMessage()
	large.SequenceNumber, large.Sections = 8, bytes.Repeat([]byte{'s'}, inlineSections+1)
	s.PutMessage(u, q, large)
	s.PutCounters(u, q, broker.Counters{NextSequence: 9, LowWater: 7, Messages: 2, Deferred: 1, Bytes: 5000})
	s.PutNamespace(u, broker.NamespaceRecord{ID: 1, Name: "sb", Definition: []byte("{}")})
	s.PutEntity(u, broker.EntityRecord{ID: 2, Namespace: 1, Path: "orders", CreatedAt: epoch, UpdatedAt: epoch.Add(1), Definition: []byte("{}")})
	s.DeleteNamespace(u, 5)
	s.DeleteEntity(u, 6)
	s.PutMeta(u, "clock", []byte("mark"))
	s.AppendEvents(u, runUUID, 1, [][]byte{[]byte("created")})
	s.AppendEvents(u, "named", 1, [][]byte{[]byte("created")})
	s.PutPayload(u, runUUID, 1, []byte("payload"))
	s.PutRun(u, engine.RunRecord{ID: runUUID, Pipeline: "p", Factory: "f", Start: epoch, Active: true, Summary: []byte("s")})
	s.PutRun(u, engine.RunRecord{ID: "named", Pipeline: "p", Factory: "f", Start: epoch})
}

// fillSince2 and those after it write what these formats have and those before have not.
func fillSince2(_ *Store, u *commit.Unit) {
	u.Set(segmentKey(7), nil) // a store in memory has no value log that could miss it
}

func fillSince3(s *Store, u *commit.Unit) {
	h := engine.Hash{1, 2, 3}
	s.PutDefinition(u, h, []byte("definition"))
	s.PutRun(u, engine.RunRecord{ID: "follows", Pipeline: "p", Factory: "f", Start: epoch, Definition: h, Summary: []byte("s")})
}

func fillSince4(s *Store, u *commit.Unit) {
	s.PutRun(u, engine.RunRecord{ID: "updated", Pipeline: "p", Factory: "F", Start: epoch, Updated: epoch.Add(1), Summary: []byte("s")})
}

func fillSince5(s *Store, u *commit.Unit) {
	cause := engine.Hash{5}
	s.PutRun(u, engine.RunRecord{ID: "sized", Pipeline: "p", Factory: "G", Start: epoch, Bytes: 1 << 33, Cause: cause})
	s.PutAttempt(u, cause, "sized")
	s.PutCancelRequest(u, "sized", epoch.Add(2))
	s.PutSnapshot(u, "sized", []byte("snapshot"))
	q := broker.QueueID{Entity: 2, Sub: broker.MainQueue}
	s.PutSessionEntry(u, q, "s", 7)
	s.PutSessionState(u, q, "s", &broker.SessionState{State: []byte("state"), Updated: epoch})
	s.PutTally(u, engine.Tally{Factory: "G", Runs: 1, Bytes: 1 << 33, Reached: epoch})
	s.PutID(u, 2, broker.RememberedID{ID: "id", Until: epoch.Add(3), Bucket: epoch.Add(4)})
}

// TestFormats compares what is written with what the current format is: a
// difference is a new format, which needs an upgrade. And what is in the files of
// all formats must be readable, after the upgrade as if it had been written now.
func TestFormats(t *testing.T) {
	fill := []func(*Store, *commit.Unit){fillAll, fillSince2, fillSince3, fillSince4, fillSince5}
	for v := range fill {
		t.Run(fmt.Sprint(v+1), func(t *testing.T) { testFormat(t, v+1, fill[:v+1]) })
	}
}

func testFormat(t *testing.T, version int, fill []func(*Store, *commit.Unit)) {
	s := memory(t)
	do(s, func(u *commit.Unit) {
		for _, f := range fill {
			f(s, u)
		}
	})
	all := dump(t, s)
	delete(all, string(systemKey(keyCheckKeyName))) // differs each time
	key := systemKey(formatKeyName)
	all[string(key)] = string(record(key, binary.AppendUvarint(nil, uint64(version))))
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%x %x\n", k, all[k])
	}
	name := filepath.Join("testdata", fmt.Sprintf("format%d.txt", version))
	if *rewrite && version == formatVersion {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if version == formatVersion && b.String() != string(want) {
		t.Errorf("the records are\n%s\nwant those of %s\n%s", b.String(), name, want)
	}

	if version < 5 { // the upgrade counts, and what was filled in did not
		if err := currentFormat.step(s, 4, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	loaded := loadFormat(t, version, string(want))
	if got, want := fmt.Sprint(readAll(t, loaded)), fmt.Sprint(readAll(t, s)); got != want {
		t.Errorf("the file reads as\n%s\nwant\n%s", got, want)
	}
}

// loadFormat returns a store in memory with the records of a format, upgraded.
func loadFormat(t testing.TB, version int, text string) *Store {
	t.Helper()
	s := memory(t)
	do(s, func(u *commit.Unit) { loadRecords(t, u, text) })
	if err := currentFormat.upgrade(s, version, pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	return s
}

func loadRecords(t testing.TB, u *commit.Unit, text string) {
	for line := range strings.Lines(text) {
		var kv [2][]byte
		for i, f := range strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 2) {
			b, err := hex.DecodeString(f)
			if err != nil {
				t.Fatal(err)
			}
			kv[i] = b
		}
		u.Set(kv[0], kv[1])
	}
}

// readAll reads everything that fillAll writes through the methods that read it.
func readAll(t testing.TB, s *Store) []any {
	t.Helper()
	out, err := tryReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryReadAll(s *Store) (out []any, err error) {
	add := func(v any, e error) { out, err = append(out, fmt.Sprintf("%+v", v)), errors.Join(err, e) }
	c, e := s.Catalogue()
	add(c, e)
	for _, entity := range c.Entities {
		for sub := broker.MainQueue; sub <= broker.DeadLetterQueue; sub++ {
			q := broker.QueueID{Entity: entity.ID, Sub: sub}
			counters, e := s.Counters(q)
			add(counters, e)
			ms, e := s.Scan(q, 0, 1<<30, broker.AllContents)
			add(len(ms), e)
			for _, m := range ms {
				add(*m.Message, nil)
			}
			expired, e := s.Expired(q, broker.Expiry{}, 1<<30)
			add(expired, e)
			add(nil, s.Statuses(q, func(seq int64, st *broker.Status) error { add(*st, nil); return nil }))
		}
		buckets, e := s.IDBuckets(entity.ID)
		add(buckets, e)
		until, e := s.RememberedUntil(entity.ID, buckets, []string{"id"})
		add(until, e)
	}
	add(nil, s.Runs(engine.Listing{Factory: "f"}, func(r engine.RunRecord) (bool, error) {
		add(r, nil)
		add(nil, s.Events(r.ID, 0, func(n uint64, e []byte) error { add(string(e), nil); return nil }))
		if b, err := s.Definition(r.Definition); err == nil || !errors.Is(err, engine.ErrNotInHistory) {
			add(string(b), err)
		}
		if b, err := s.Payload(r.ID, 1); err == nil || !errors.Is(err, engine.ErrNotInHistory) {
			add(string(b), err)
		}
		return true, nil
	}))
	add(nil, s.Runs(engine.Listing{Factory: "g"}, func(r engine.RunRecord) (bool, error) {
		last, err := s.Attempt(r.Cause)
		add(r, nil)
		add(last, err)
		at, err := s.CancelRequest(r.ID)
		add(at, err)
		return true, nil
	}))
	tallies, e := s.Tallies()
	add(tallies, e)
	active, e := s.ActiveRuns()
	add(active, e)
	add(nil, metas(s, "", func(name string, value []byte) error { add(name+"="+string(value), nil); return nil }))
	return out, err
}

// wholeMessage is a message's record with its sections, if they stand in it.
func wholeMessage(b []byte, m *broker.Message) []byte {
	if b = appendMessage(b, m); len(m.Sections) <= inlineSections {
		b = append(b, m.Sections...)
	}
	return b
}
