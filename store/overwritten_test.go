package store

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

// TestOverwrite: what a group leaves out makes no difference to who reads, also when a
// key is removed between two of its values, and when a group is written in several
// batches.
func TestOverwrite(t *testing.T) {
	key := func(name string) []byte { return metaKey(name) }
	for _, c := range []struct {
		name     string
		units    func(n int) *commit.Unit // one of ten
		want     int
		needless int
	}{
		{"a count", func(n int) *commit.Unit {
			u := new(commit.Unit)
			u.Overwrite(key("k"), metaValue(key("k"), n))
			return u
		}, 9, 9},
		{"removed", func(n int) *commit.Unit {
			u := new(commit.Unit)
			u.Overwrite(key("k"), metaValue(key("k"), n))
			if n == 9 {
				u.Delete(key("k"))
			}
			return u
		}, -1, 9},
		{"removed between", func(n int) *commit.Unit {
			u := new(commit.Unit)
			u.Overwrite(key("k"), metaValue(key("k"), n))
			if n < 9 {
				u.Delete(key("k"))
			}
			return u
		}, 9, 9},
		{"several keys", func(n int) *commit.Unit {
			u := new(commit.Unit)
			u.Overwrite(key("other"), metaValue(key("other"), n))
			u.Set(key("third"), metaValue(key("third"), n))
			u.Overwrite(key("k"), metaValue(key("k"), n))
			return u
		}, 9, 18},
		{"several batches", func(n int) *commit.Unit {
			u := new(commit.Unit)
			u.Overwrite(key("k"), metaValue(key("k"), n))
			for i := range 9 { // below the size of the value log
				name := key("large" + string(rune('0'+i)))
				u.Set(name, finish(name, append(newRecord(1<<15), make([]byte, 1<<14)...)))
			}
			return u
		}, 9, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openTest(t, "data", Options{FS: vfs.NewMem()})
			defer closeTest(t, s)
			var all []*commit.Unit
			for n := range 10 {
				all = append(all, c.units(n))
			}
			needless := 0
			for _, x := range findOverwritten(all) {
				if x {
					needless++
				}
			}
			if needless != c.needless {
				t.Errorf("%d are left out, want %d", needless, c.needless)
			}
			for _, u := range all {
				s.Submit(u)
			}
			s.Sync(all[9])
			b, err := s.Meta("k")
			if c.want < 0 {
				if err == nil {
					t.Errorf("the key that was removed has %x", b)
				}
				return
			}
			if err != nil || !bytes.Equal(b, binary.AppendUvarint(nil, uint64(c.want))) {
				t.Errorf("got %x, %v, want %d", b, err, c.want)
			}
		})
	}
}

func metaValue(key []byte, n int) []byte {
	return finish(key, binary.AppendUvarint(newRecord(binary.MaxVarintLen64), uint64(n)))
}
