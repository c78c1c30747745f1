package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/commit"
)

// A range of a part of the metas goes both ways, ends where it is told to, and sees nothing of
// its neighbours; a value that is damaged is named by its key.
func TestMetasRange(t *testing.T) {
	s := openTest(t, "data", Options{FS: vfs.NewMem()})
	defer closeTest(t, s)
	m := Metas{Store: s, Prefix: "arm/"}
	do(s, func(u *commit.Unit) {
		for _, key := range []string{"r/a/1", "r/a/2", "r/a/3", "r/b/1"} {
			m.Put(u, key, []byte("v"+key))
		}
		s.PutMeta(u, "arm0", nil)
		s.PutMeta(u, "ar", nil)
		m.Put(u, "r/a/4", []byte("gone"))
		m.Delete(u, "r/a/4")
	})
	key := metaKey("arm/r/a/2")
	if err := s.db.Set(key, []byte{1, 'x', 0, 0, 0, 0}, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	for _, c := range []struct {
		from, to  string
		backwards bool
		most      int
		want      string
	}{
		{"r/a/", "r/a0", false, 9, "r/a/1 !r/a/2 r/a/3"},
		{"r/a/", "r/a0", true, 9, "r/a/3 !r/a/2 r/a/1"},
		{"r/a/", "r/a0", true, 1, "r/a/3"},
		{"r/a/3", "r/b/1", false, 9, "r/a/3"},
		{"r/a/3", "r/b/2", false, 9, "r/a/3 r/b/1"},
		{"r/a/3", "r/a/3", false, 9, ""},
		{"r/b", "r/a", false, 9, ""},
	} {
		var got []string
		err := m.Range(c.from, c.to, c.backwards, func(key string, value []byte, damage error) (bool, error) {
			if errors.Is(damage, commit.ErrDamaged) {
				key = "!" + key
			} else if damage != nil || string(value) != "v"+key {
				t.Errorf("%s is %q, %v", key, value, damage)
			}
			got = append(got, key)
			return len(got) < c.most, nil
		})
		if s := strings.Join(got, " "); err != nil || s != c.want {
			t.Errorf("from %s to %s, backwards %t: %q, %v; want %q", c.from, c.to, c.backwards, s, err, c.want)
		}
	}
	if err := m.Range("", "z", false, func(string, []byte, error) (bool, error) { return true, stop }); !errors.Is(err, stop) {
		t.Errorf("the error of the callback: %v", err)
	}
}
