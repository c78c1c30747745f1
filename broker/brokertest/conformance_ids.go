package brokertest

import (
	"fmt"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/commit"
)

// testRememberedIDs: ids are found in the buckets that are asked, by their bytes alone;
// buckets are deleted up to one of them, and with the entity.
func testRememberedIDs(t *testing.T, h *Harness) {
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes)*time.Minute + time.Nanosecond) }
	put := func(u *commit.Unit, entity broker.EntityID, id string, until, bucket int) {
		h.Store.PutID(u, entity, broker.RememberedID{ID: id, Until: at(until), Bucket: at(bucket)})
	}
	h.commit(func(u *commit.Unit) {
		put(u, 7, "a", 1, 2)
		put(u, 7, "a", 5, 6)
		put(u, 7, "A\x00\xff", 1, 2)
		put(u, 7, "täxt", 3, 4)
		put(u, 7, "b", 1, 2)
		put(u, 7, "b", 2, 2) // the same id in the same bucket
		put(u, 8, "other", 1, 2)
		h.Store.PutMessage(u, main, plainMessage(1))
		h.Store.PutEntity(u, broker.EntityRecord{ID: 7, Path: "q"})
		h.Store.PutEntity(u, broker.EntityRecord{ID: 8, Path: "r"})
	})
	ids := []string{"a", "A\x00\xff", "A", "A\x00", "täxt", "b", "other", ""}
	wantIDs := func(t *testing.T, entity broker.EntityID, buckets []time.Time, want ...time.Time) {
		t.Helper()
		got, err := h.Store.RememberedUntil(entity, buckets, ids)
		check(t, err)
		for i := range got {
			got[i] = got[i].UTC()
		}
		equal(t, fmt.Sprintf("ids of entity %d in the buckets %v", entity, buckets), got, want)
	}
	wantBuckets := func(t *testing.T, entity broker.EntityID, want ...int) {
		t.Helper()
		got, err := h.Store.IDBuckets(entity)
		check(t, err)
		var minutes []int
		for _, b := range got {
			minutes = append(minutes, int(b.Sub(at(0))/time.Minute))
		}
		equal(t, fmt.Sprintf("buckets of entity %d", entity), minutes, want)
	}
	var none time.Time
	h.eachLife(t, func(t *testing.T) {
		wantBuckets(t, 7, 2, 4, 6)
		wantBuckets(t, 8, 2)
		wantBuckets(t, 9)
		all := []time.Time{at(2), at(4), at(6)}
		wantIDs(t, 7, all, at(5), at(1), none, none, at(3), at(2), none, none)
		wantIDs(t, 7, all[:1], at(1), at(1), none, none, none, at(2), none, none)
		wantIDs(t, 7, nil, none, none, none, none, none, none, none, none)
		wantIDs(t, 8, all, none, none, none, none, none, none, at(1), none)
		c, err := h.Store.Catalogue()
		check(t, err)
		if len(c.Entities) != 2 {
			t.Errorf("%d entities beside their ids, want 2", len(c.Entities))
		}
	})
	h.commit(func(u *commit.Unit) {
		h.Store.ForgetIDs(u, 7, at(4))
		put(u, 7, "b", 7, 8)
	})
	h.eachLife(t, func(t *testing.T) {
		wantBuckets(t, 7, 6, 8)
		wantIDs(t, 7, []time.Time{at(2), at(4), at(6), at(8)}, at(5), none, none, none, none, at(7), none, none)
		wantIDs(t, 8, []time.Time{at(2)}, none, none, none, none, none, none, at(1), none)
		if _, err := h.Store.Message(main, 1); err != nil {
			t.Errorf("a message of the entity: %v", err)
		}
	})
	h.commit(func(u *commit.Unit) { h.Store.DeleteEntity(u, 7) })
	h.eachLife(t, func(t *testing.T) {
		wantBuckets(t, 7)
		wantBuckets(t, 8, 2)
	})
}
