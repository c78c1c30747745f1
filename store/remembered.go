package store

import (
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/broker"
	"switchyard/commit"
)

// PutID implements [broker.Store].
func (s *Store) PutID(u *commit.Unit, id broker.EntityID, r broker.RememberedID) {
	key := idKey(id, r.Bucket, r.ID)
	u.Set(key, finish(key, appendTime(newRecord(timeSize), r.Until)))
}

// ForgetIDs implements [broker.Store].
func (s *Store) ForgetIDs(u *commit.Unit, id broker.EntityID, bucket time.Time) {
	from := append(entityKey(tableEntity, id), entityID)
	u.DeleteRange(from, end(idBucketKey(id, bucket)))
}

// IDBuckets implements [broker.Store]. It seeks from one bucket to the next, over the
// ids.
func (s *Store) IDBuckets(id broker.EntityID) ([]time.Time, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	prefix := append(entityKey(tableEntity, id), entityID)
	it, err := v.iterator(prefix, end(prefix))
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var buckets []time.Time
	for ok := it.First(); ok; {
		key := it.Key()
		if len(key) < idBucketLen {
			return nil, damaged(key, errShort)
		}
		at := keyTime(key[len(prefix):])
		buckets = append(buckets, at)
		ok = it.SeekGE(end(idBucketKey(id, at)))
	}
	return buckets, v.s.readErrorAt(prefix, it.Error())
}

// RememberedUntil implements [broker.Store]. Most ids are in no bucket, which the bloom
// filters tell without a read of the disk.
func (s *Store) RememberedUntil(id broker.EntityID, buckets []time.Time, ids []string) ([]time.Time, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	defer v.close()
	until := make([]time.Time, len(ids))
	for i, message := range ids {
		for _, bucket := range buckets {
			err := v.read(idKey(id, bucket, message), func(key, value []byte) error {
				at, err := readID(key, value)
				if at.After(until[i]) {
					until[i] = at
				}
				return err
			})
			if err != nil && !errors.Is(err, pebble.ErrNotFound) {
				return nil, err
			}
		}
	}
	return until, nil
}

// readID decodes one record of a message id.
func readID(key, value []byte) (until time.Time, err error) {
	b, err := payload(key, value)
	if err != nil {
		return time.Time{}, err
	}
	if until, err = decodeID(b); err != nil {
		return time.Time{}, damaged(key, err)
	}
	return until, nil
}

func decodeID(b []byte) (time.Time, error) {
	d := decoder{b: b}
	until := d.time()
	return until, d.done()
}
