package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// formatVersion is the version of the layout that doc.go draws.
const formatVersion = 5

// Names in the system table.
const (
	formatKeyName   = "format"
	keyCheckKeyName = "key"
)

// An upgrade turns a database of one version into the next one by adding to b,
// which is synced together with the new version. What the old version has no place
// for it may commit before.
type upgrade func(v *view, b *pebble.Batch) error

// A format is a version and the way to it.
type format struct {
	version int
	// upgrades[i] leads from version i+1 to version i+2.
	upgrades []upgrade
}

var currentFormat = format{version: formatVersion, upgrades: []upgrade{
	// 1 to 2: there may be a value log, and references to it. Nothing moves.
	func(*view, *pebble.Batch) error { return nil },
	// 2 to 3: there may be definitions of pipelines, and runs that follow them.
	func(*view, *pebble.Batch) error { return nil },
	// 3 to 4: the records of runs are listed by factory.
	listRunsByFactory,
	// 4 to 5: the sizes of ended runs are counted, and runs of one cause known; there
	// may be requests to cancel runs.
	countRuns,
}}

// listRunsByFactory moves the records of runs from one list of all, the newest
// first, to a list for each factory, and lets their start records name it. The new
// list, which format 3 doesn't look at, is committed in parts: all of it may be more
// than a batch holds.
func listRunsByFactory(v *view, b *pebble.Batch) error {
	list := v.s.db.NewBatch()
	defer list.Close()
	// An earlier try may have left some of it.
	if err := list.DeleteRange([]byte{tableRunList}, []byte{tableRunList + 1}, nil); err != nil {
		return err
	}
	from, to := []byte{tableRunByStart}, []byte{tableRunByStart + 1}
	err := v.scan(from, to, func(key, value []byte) error {
		run, err := readRun(key, value)
		if err != nil {
			return err
		}
		listed, start := listedRunKey(run.Factory, run.Start, run.ID), runKey(run.ID, runStart)
		if err := list.Set(listed, finish(listed, appendRunRecord(newRecord(len(value)), run)), nil); err != nil {
			return err
		}
		if list.Len() >= maxBatch {
			if err := list.Commit(pebble.NoSync); err != nil {
				return err
			}
			list.Reset()
		}
		started := appendRunStart(newRecord(timeSize+8+len(run.Factory)), runStarted{run.Factory, run.Start})
		return b.Set(start, finish(start, started), nil)
	})
	if err != nil {
		return err
	}
	return errors.Join(list.Commit(pebble.NoSync), b.DeleteRange(from, to, nil))
}

// initialise writes the first records of an empty database.
func (f format) initialise(db *pebble.DB, s *sealer, sync *pebble.WriteOptions) error {
	b := db.NewBatch()
	defer b.Close()
	if err := setSystem(b, keyCheckKeyName, s.seal(keyCheck)); err != nil {
		return err
	}
	if err := setSystem(b, formatKeyName, binary.AppendUvarint(nil, uint64(f.version))); err != nil {
		return err
	}
	return b.Commit(sync)
}

func setSystem(b *pebble.Batch, name string, value []byte) error {
	key := systemKey(name)
	return b.Set(key, record(key, value), nil)
}

// upgrade brings a database of version from to the format's own.
func (f format) upgrade(s *Store, from int, sync *pebble.WriteOptions) error {
	for v := from; v < f.version; v++ {
		if err := f.step(s, v, sync); err != nil {
			return fmt.Errorf("upgrade from format %d to %d: %w", v, v+1, err)
		}
	}
	return nil
}

// step is the upgrade from a version to the next one.
func (f format) step(s *Store, from int, sync *pebble.WriteOptions) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer v.close()
	b := s.db.NewBatch()
	defer b.Close()
	if err := f.upgrades[from-1](v, b); err != nil {
		return err
	}
	if err := setSystem(b, formatKeyName, binary.AppendUvarint(nil, uint64(from+1))); err != nil {
		return err
	}
	return b.Commit(sync)
}

// systemRecord reads a record of the system table; nil if it is absent.
func systemRecord(db *pebble.DB, name string) ([]byte, error) {
	key := systemKey(name)
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	b, err := payload(key, value)
	return append([]byte{}, b...), err
}

// recordedVersion reads the version record; 0 if there is none.
func recordedVersion(db *pebble.DB) (int, error) {
	b, err := systemRecord(db, formatKeyName)
	if b == nil || err != nil {
		return 0, err
	}
	d := decoder{b: b}
	n := d.uint32()
	if err := d.done(); err != nil || n == 0 {
		return 0, damaged(systemKey(formatKeyName), errNumber)
	}
	return int(n), nil
}
