package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/clock"
	"switchyard/commit"
)

// written is what a group waits for when it has been written.
type written struct {
	relaxed []*pebble.Batch // those of earlier groups
	batch   *pebble.Batch   // nil: nothing
	number  uint64          // of batch
	collect bool            // the value log is to be looked through then
}

// write writes the units in their order. If all are relaxed there is nothing to wait for.
func (l *log) write(units []*commit.Unit) (w written, err error) {
	large, err := l.separate(units)
	if err != nil {
		return w, err
	}
	b, relaxed, err := l.fill(units, large)
	if err != nil {
		return w, err
	}
	switch {
	case l.s.opts.InMemory:
		return w, closeBatch(b, b.Commit(pebble.NoSync))
	case b.Empty():
		b.Close()
	case relaxed && large == nil:
		return w, l.writeRelaxed(b)
	default:
		if err := l.s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
			return w, err
		}
		w.batch, w.number = b, l.batches.last
	}
	if !relaxed {
		w.relaxed, l.unsynced = l.unsynced, nil
		w.collect = l.look
	}
	return w, nil
}

// complete waits until what was written is durable. Syncs are done in order.
func (l *log) complete(w written) error {
	for _, b := range w.relaxed {
		if err := closeBatch(b, b.SyncWait()); err != nil {
			return err
		}
	}
	if w.batch != nil {
		if err := closeBatch(w.batch, w.batch.SyncWait()); err != nil {
			return err
		}
		l.wasSynced(w.number)
	}
	l.alive()
	if !w.collect {
		return nil
	}
	return l.collect()
}

// fill makes the batch of a group, or the last one of several, of which the others are
// then committed. It reports whether all units are relaxed.
func (l *log) fill(units []*commit.Unit, large references) (b *pebble.Batch, relaxed bool, err error) {
	b = l.s.db.NewBatch()
	if v := l.s.values; v != nil && len(v.began) > 0 {
		l.look = true
		if err := v.nameBegan(b); err != nil {
			return nil, false, err
		}
	}
	relaxed = len(units) > 0
	counts := findOverwritten(units)
	for _, u := range units {
		relaxed = relaxed && u.Relaxed()
		if b.Len() >= maxBatch && len(u.Ops()) > 0 {
			if err := l.batches.end(b); err != nil {
				return nil, false, err
			}
			if err := closeBatch(b, b.Commit(pebble.NoSync)); err != nil {
				return nil, false, err
			}
			b = l.s.db.NewBatch()
		}
		if err := apply(b, u.Ops(), &large, &counts); err != nil {
			return nil, false, err
		}
	}
	if b.Empty() {
		return b, relaxed, nil
	}
	if err := l.mark.stamp(l.s, b, clock.MarkEvery); err != nil {
		return nil, false, err
	}
	return b, relaxed, l.batches.end(b)
}

// writeRelaxed has Pebble write and sync a batch, and waits for neither: the goroutine of
// its log writer does both, at once. Without a sync Pebble would keep the batch in a buffer
// of the process until that is full, and a killed process would lose all that is in it.
func (l *log) writeRelaxed(b *pebble.Batch) error {
	if err := l.s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		return err
	}
	l.unsynced = append(l.unsynced, b)
	return l.await(maxUnsynced)
}

// await waits until at most keep relaxed batches are on their way to the disk.
func (l *log) await(keep int) error {
	for len(l.unsynced) > keep {
		b := l.unsynced[0]
		l.unsynced = append(l.unsynced[:0], l.unsynced[1:]...)
		if err := closeBatch(b, b.SyncWait()); err != nil {
			return err
		}
	}
	return nil
}

// separate writes large values to the value log. A store in memory has none.
func (l *log) separate(units []*commit.Unit) (references, error) {
	v := l.s.values
	if v == nil {
		return nil, nil
	}
	l.removeDropped()
	return v.writeLarge(units)
}

func apply(b *pebble.Batch, ops []commit.Op, large *references, o *overwritten) (err error) {
	for _, op := range ops {
		switch op.Kind {
		case commit.OpOverwrite:
			if !o.take() {
				err = b.Set(op.Key, op.Value, nil)
			}
		case commit.OpSet:
			if isLarge(&op) && len(*large) > 0 {
				err = b.Set(op.Key, large.take(), nil)
			} else {
				err = set(b, &op)
			}
		case commit.OpDelete:
			err = b.Delete(op.Key, nil)
		case commit.OpDeleteRange:
			err = b.DeleteRange(op.Key, op.To, nil)
		default:
			err = fmt.Errorf("unknown operation %d", op.Kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// set adds a value, which may be in parts.
func set(b *pebble.Batch, op *commit.Op) error {
	if len(op.Value) == op.Len() {
		return b.Set(op.Key, op.Value, nil)
	}
	d := b.SetDeferred(len(op.Key), op.Len())
	copy(d.Key, op.Key)
	n := copy(d.Value, op.Value)
	n += copy(d.Value[n:], op.Body)
	copy(d.Value[n:], op.Tail)
	return d.Finish()
}

func closeBatch(b *pebble.Batch, err error) error {
	if err == nil {
		err = b.Close()
	}
	return err
}
