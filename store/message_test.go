package store

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"switchyard/broker"
	"switchyard/commit"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fullMessage and fullStatus have every field set.
func fullMessage() *broker.Message {
	return &broker.Message{
		Content: broker.Content{
			Sections:     []byte("\x00\x53\x75\xa0\x02hi"),
			MessageID:    "m-1",
			SessionID:    "s",
			HasSession:   true,
			PartitionKey: "p",
			TimeToLive:   time.Minute + time.Nanosecond,
			ScheduledFor: epoch.Add(time.Hour),
		},
		SequenceNumber: 7,
		EnqueuedAt:     epoch,
		ExpiresAt:      epoch.Add(time.Minute + time.Nanosecond),
	}
}

func fullStatus() broker.Status {
	return broker.Status{
		State:         broker.Scheduled,
		DeliveryCount: math.MaxUint32,
		NotBefore:     epoch.Add(time.Second),
		Properties: []broker.Property{
			{Name: "nil"},
			{Name: "false", Value: false},
			{Name: "true", Value: true},
			{Name: "int", Value: int64(math.MinInt64)},
			{Name: "float", Value: math.Pi},
			{Name: "string", Value: "s"},
			{Name: "encoded", Value: broker.Encoded("\xa1\x01x")},
			{Name: "", Value: ""},
		},
		DeadLetterSource: "orders",
		Owner:            broker.RunOwner,
		LockToken:        broker.LockToken{1, 2, 3, 15: 16},
		LockedUntil:      epoch.Add(2 * time.Second),
		Run:              "0f5d5b1e-0000-4000-8000-000000000001",
	}
}

func TestMessageRoundTrip(t *testing.T) {
	s := memory(t)
	q := broker.QueueID{Entity: 3, Sub: broker.DeadLetterQueue}
	full, status := fullMessage(), fullStatus()
	bare := &broker.Message{SequenceNumber: 8, Content: broker.Content{Sections: []byte{}}}
	big := fullMessage()
	big.SequenceNumber, big.Sections = math.MaxInt64, []byte(strings.Repeat("b", inlineSections+1))
	do(s, func(u *commit.Unit) {
		for _, m := range []*broker.Message{full, bare, big} {
			s.PutMessage(u, q, m)
		}
		s.PutStatus(u, q, full.SequenceNumber, &status)
	})
	full.Status = status
	for _, want := range []*broker.Message{full, bare, big} {
		got, err := s.Message(q, want.SequenceNumber)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Message(%d) = %+v, %v, want %+v", want.SequenceNumber, got, err, want)
		}
	}
	for _, contents := range []int{broker.AllContents, 0} {
		got, err := s.Scan(q, math.MinInt64, 10, contents)
		if err != nil || len(got) != 3 {
			t.Fatalf("Scan = %v, %v, want 3 messages", got, err)
		}
		for i, want := range []*broker.Message{full, bare, big} {
			m := *want
			if contents == 0 {
				m.Sections = nil
			}
			if !reflect.DeepEqual(got[i].Message, &m) || got[i].Size != len(want.Sections) {
				t.Errorf("Scan(contents %v)[%d] = %+v size %d, want %+v size %d",
					contents, i, got[i].Message, got[i].Size, m, len(want.Sections))
			}
		}
	}
	_, err := s.Message(q, 9)
	if !errors.Is(err, broker.ErrMessageNotFound) {
		t.Errorf("Message(9) = %v, want ErrMessageNotFound", err)
	}
}

// A deleted message leaves no key behind, whatever it was made of.
func TestDeleteMessageLeavesNothing(t *testing.T) {
	s := memory(t)
	q := broker.QueueID{Entity: 1}
	before := dump(t, s)
	for _, size := range []int{0, inlineSections, inlineSections + 1} {
		m, st := fullMessage(), fullStatus()
		m.Sections = make([]byte, size)
		do(s, func(u *commit.Unit) { s.PutMessage(u, q, m); s.PutStatus(u, q, m.SequenceNumber, &st) })
		if len(dump(t, s)) == len(before) {
			t.Fatal("nothing was written")
		}
		do(s, func(u *commit.Unit) {
			s.DeleteMessage(u, q, &broker.Message{SequenceNumber: m.SequenceNumber, ExpiresAt: m.ExpiresAt}, len(m.Sections), false)
		})
		if after := dump(t, s); !reflect.DeepEqual(after, before) {
			t.Errorf("after deleting a message of %d bytes: %v", size, after)
		}
	}
}

func TestDeleteEntity(t *testing.T) {
	s := memory(t)
	fill := func(id broker.EntityID) {
		do(s, func(u *commit.Unit) {
			s.PutEntity(u, broker.EntityRecord{ID: id, Namespace: 1, Path: fmt.Sprint("q", id)})
			for _, sub := range []broker.SubQueue{broker.MainQueue, broker.DeadLetterQueue} {
				q, m, st := broker.QueueID{Entity: id, Sub: sub}, fullMessage(), fullStatus()
				m.Sections = make([]byte, inlineSections+1)
				s.PutMessage(u, q, m)
				s.PutStatus(u, q, m.SequenceNumber, &st)
				s.PutCounters(u, q, broker.Counters{NextSequence: 8, Messages: 1})
			}
		})
	}
	fill(1)
	fill(3)
	want := dump(t, s)
	fill(2)
	var u commit.Unit
	s.DeleteEntity(&u, 2)
	if n := slices.IndexFunc(u.Ops(), func(op commit.Op) bool { return op.Kind == commit.OpDeleteRange }); n != 0 || len(u.Ops()) != 2 {
		t.Errorf("DeleteEntity makes %d operations, want one range and the number", len(u.Ops()))
	}
	s.Submit(&u)
	s.Sync(&u)
	got := dump(t, s)
	delete(got, string(entityKey(tableRetiredEntity, 2)))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after deleting entity 2 there are %d records, want the %d of entities 1 and 3", len(got), len(want))
	}
}

// Numbers are not given again after what had the greatest was deleted.
func TestNumbersAreNotReused(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "data", Options{FS: fs})
	do(s, func(u *commit.Unit) {
		for id := broker.EntityID(1); id <= 5; id++ {
			s.PutEntity(u, broker.EntityRecord{ID: id, Path: "q"})
			s.PutNamespace(u, broker.NamespaceRecord{ID: broker.NamespaceID(id), Name: "n"})
		}
	})
	for _, id := range []broker.EntityID{5, 3, 4} {
		do(s, func(u *commit.Unit) {
			s.DeleteEntity(u, id)
			s.DeleteNamespace(u, broker.NamespaceID(id))
		})
	}
	for range 3 {
		c, err := s.Catalogue()
		if err != nil || c.LastEntity != 5 || c.LastNamespace != 5 || len(c.Entities) != 2 || len(c.Namespaces) != 2 {
			t.Errorf("Catalogue = %+v, %v, want 2 of each and 5 as the last numbers", c, err)
		}
		closeTest(t, s)
		s = openTest(t, "data", Options{FS: fs})
	}
	retired := 0
	for k := range dump(t, s) {
		if k[0] == tableRetiredEntity || k[0] == tableRetiredNamespace {
			retired++
		}
	}
	if retired != 2 {
		t.Errorf("%d numbers of deleted things are kept after opening, want the greatest of each", retired)
	}
	closeTest(t, s)
}

func TestExpiredIsOrdered(t *testing.T) {
	s := memory(t)
	q := broker.QueueID{Entity: 1}
	at := []time.Time{
		time.Unix(1<<40, 0), epoch, epoch.Add(time.Nanosecond), time.Unix(-5, 999), time.Unix(-5, 0), {}, epoch,
	}
	var want []broker.Expiry
	do(s, func(u *commit.Unit) {
		for i, at := range at {
			s.PutMessage(u, q, &broker.Message{SequenceNumber: int64(i), ExpiresAt: at})
			if !at.IsZero() {
				want = append(want, broker.Expiry{SequenceNumber: int64(i), ExpiresAt: at.UTC()})
			}
		}
	})
	slices.SortStableFunc(want, func(a, b broker.Expiry) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	var got []broker.Expiry
	var after broker.Expiry
	for {
		part, err := s.Expired(q, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			break
		}
		got = append(got, part...)
		after = part[len(part)-1]
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Expired in parts of 2 = %v, want %v", got, want)
	}
}

// TestModel compares the store with maps, over deletions, crashes and reopening.
func TestModel(t *testing.T) {
	type key struct {
		q   broker.QueueID
		seq int64
	}
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewCrashableMem()
		open := func() *Store {
			s, err := Open("data", Options{FS: fs, Logger: quiet, MemTableSize: 256 << 10})
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			return s
		}
		s := open()
		var (
			messages = map[key]*broker.Message{}
			statuses = map[key]broker.Status{}
			counters = map[broker.QueueID]broker.Counters{}
			entities = map[broker.EntityID]broker.EntityRecord{}
			last     broker.EntityID
			unit     = new(commit.Unit)
		)
		queue := rapid.Custom(func(t *rapid.T) broker.QueueID {
			return broker.QueueID{
				Entity: broker.EntityID(rapid.Uint64Range(1, 3).Draw(t, "entity")),
				Sub:    broker.SubQueue(rapid.IntRange(0, 1).Draw(t, "sub")),
			}
		})
		seqs := rapid.Int64Range(1, 12)
		at := rapid.Custom(func(t *rapid.T) time.Time {
			return epoch.Add(time.Duration(rapid.Int64Range(0, 20).Draw(t, "ms")) * time.Millisecond)
		})
		sync := func() {
			s.Submit(unit)
			s.Sync(unit)
			unit = new(commit.Unit)
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k := key{queue.Draw(t, "queue"), seqs.Draw(t, "seq")}
				if messages[k] != nil {
					return
				}
				m := &broker.Message{SequenceNumber: k.seq, EnqueuedAt: epoch}
				m.MessageID = rapid.StringN(0, 5, -1).Draw(t, "id")
				m.Sections = make([]byte, rapid.SampledFrom([]int{0, 10, inlineSections, inlineSections + 1, 20000}).Draw(t, "size"))
				if rapid.Bool().Draw(t, "expires") {
					m.ExpiresAt = at.Draw(t, "at")
				}
				s.PutMessage(unit, k.q, m)
				messages[k] = m
			},
			"status": func(t *rapid.T) {
				k := key{queue.Draw(t, "queue"), seqs.Draw(t, "seq")}
				if messages[k] == nil {
					return
				}
				st := broker.Status{DeliveryCount: rapid.Uint32().Draw(t, "count"), LockedUntil: at.Draw(t, "until"), Owner: broker.LinkOwner}
				s.PutStatus(unit, k.q, k.seq, &st)
				statuses[k] = st
			},
			"delete status": func(t *rapid.T) {
				k := key{queue.Draw(t, "queue"), seqs.Draw(t, "seq")}
				s.DeleteStatus(unit, k.q, k.seq)
				delete(statuses, k)
			},
			"delete": func(t *rapid.T) {
				k := key{queue.Draw(t, "queue"), seqs.Draw(t, "seq")}
				if m := messages[k]; m != nil {
					s.DeleteMessage(unit, k.q, &broker.Message{SequenceNumber: k.seq, ExpiresAt: m.ExpiresAt}, len(m.Sections), false)
					delete(messages, k)
					delete(statuses, k)
				}
			},
			"counters": func(t *rapid.T) {
				q := queue.Draw(t, "queue")
				c := broker.Counters{NextSequence: rapid.Int64().Draw(t, "next"), LowWater: rapid.Int64().Draw(t, "low"), Messages: 3, Bytes: -1}
				s.PutCounters(unit, q, c)
				counters[q] = c
			},
			"entity": func(t *rapid.T) {
				id := queue.Draw(t, "queue").Entity
				r := broker.EntityRecord{ID: id, Namespace: 1, Path: "q", CreatedAt: epoch, Definition: []byte(rapid.StringN(1, 5, -1).Draw(t, "definition"))}
				s.PutEntity(unit, r)
				entities[id] = r
				last = max(last, id)
			},
			"delete entity": func(t *rapid.T) {
				id := queue.Draw(t, "queue").Entity
				if _, ok := entities[id]; !ok {
					return
				}
				s.DeleteEntity(unit, id)
				delete(entities, id)
				maps.DeleteFunc(messages, func(k key, _ *broker.Message) bool { return k.q.Entity == id })
				maps.DeleteFunc(statuses, func(k key, _ broker.Status) bool { return k.q.Entity == id })
				maps.DeleteFunc(counters, func(q broker.QueueID, _ broker.Counters) bool { return q.Entity == id })
			},
			"sync": func(*rapid.T) { sync() },
			"flush": func(t *rapid.T) {
				if err := s.db.Flush(); err != nil {
					t.Fatal(err)
				}
			},
			"reopen": func(t *rapid.T) {
				sync()
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open()
			},
			"crash": func(t *rapid.T) {
				sync()
				crashed := fs.CrashClone(vfs.CrashCloneCfg{})
				s.Close()
				fs = crashed
				s = open()
			},
			"": func(t *rapid.T) {
				if !unit.Empty() {
					return // the store is behind the model
				}
				c, err := s.Catalogue()
				want := slices.SortedFunc(maps.Values(entities), func(a, b broker.EntityRecord) int { return cmp.Compare(a.ID, b.ID) })
				for id := broker.EntityID(1); id <= 3; id++ {
					orphan := slices.ContainsFunc(slices.Collect(maps.Keys(messages)), func(k key) bool { return k.q.Entity == id })
					_, counted := counters[broker.QueueID{Entity: id}]
					_, dead := counters[broker.QueueID{Entity: id, Sub: 1}]
					if _, ok := entities[id]; !ok && (orphan || counted || dead) {
						// The broker never does this; the store must notice.
						if !errors.Is(err, ErrCorrupt) {
							t.Fatalf("Catalogue with records without entity %d = %v, want ErrCorrupt", id, err)
						}
						want = nil
						break
					}
				}
				if want != nil && err == nil && (!reflect.DeepEqual(c.Entities, want) || c.LastEntity != last) {
					t.Fatalf("Catalogue = %+v, want %+v, last %d", c, want, last)
				}
				for e := broker.EntityID(1); e <= 3; e++ {
					for sub := broker.MainQueue; sub <= broker.DeadLetterQueue; sub++ {
						q := broker.QueueID{Entity: e, Sub: sub}
						if got, err := s.Counters(q); err != nil || got != counters[q] {
							t.Fatalf("Counters(%v) = %v, %v, want %v", q, got, err, counters[q])
						}
						from := seqs.Draw(t, "from")
						limit := rapid.IntRange(1, 12).Draw(t, "limit")
						contents := rapid.SampledFrom([]int{0, 1, 5000, broker.AllContents}).Draw(t, "contents")
						left := contents
						var want []broker.Scanned
						var expiries []broker.Expiry
						var locked []int64
						for seq := int64(0); seq <= 12; seq++ {
							k := key{q, seq}
							if _, ok := statuses[k]; ok {
								locked = append(locked, seq)
							}
							m := messages[k]
							if m == nil {
								continue
							}
							if !m.ExpiresAt.IsZero() {
								expiries = append(expiries, broker.Expiry{SequenceNumber: seq, ExpiresAt: m.ExpiresAt})
							}
							if seq < from || len(want) == limit {
								continue
							}
							c := *m
							c.Status = statuses[k]
							if got, err := s.Message(q, seq); err != nil || !reflect.DeepEqual(got, &c) {
								t.Fatalf("Message(%v, %d) = %+v, %v, want %+v", q, seq, got, err, c)
							}
							if left <= 0 {
								c.Sections = nil
							}
							left -= len(m.Sections)
							want = append(want, broker.Scanned{Message: &c, Size: len(m.Sections)})
						}
						if got, err := s.Scan(q, from, limit, contents); err != nil || !reflect.DeepEqual(got, want) {
							t.Fatalf("Scan(%v, %d, %d, %v) = %+v, %v, want %+v", q, from, limit, contents, got, err, want)
						}
						slices.SortStableFunc(expiries, func(a, b broker.Expiry) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
						if got, err := s.Expired(q, broker.Expiry{}, 100); err != nil || !reflect.DeepEqual(got, expiries) {
							t.Fatalf("Expired(%v) = %v, %v, want %v", q, got, err, expiries)
						}
						var got []int64
						err := s.Statuses(q, func(seq int64, st *broker.Status) error {
							if want := statuses[key{q, seq}]; !reflect.DeepEqual(*st, want) {
								t.Fatalf("Statuses(%v) gives %d = %+v, want %+v", q, seq, *st, want)
							}
							got = append(got, seq)
							return nil
						})
						if err != nil || !reflect.DeepEqual(got, locked) {
							t.Fatalf("Statuses(%v) = %v, %v, want %v", q, got, err, locked)
						}
					}
				}
			},
		})
		s.Close()
	})
}
