package commit_test

import (
	"reflect"
	"testing"

	"switchyard/commit"
)

func TestUnit(t *testing.T) {
	var u commit.Unit
	if !u.Empty() || u.Bytes() != 0 || u.Relaxed() || u.Ticket() != nil {
		t.Errorf("the zero unit is %+v, want an empty one", u)
	}
	var ran []int
	u.Set([]byte("key"), []byte("value"))
	u.Overwrite([]byte("count"), []byte("1"))
	u.Delete([]byte("gone"))
	u.Then(func() { ran = append(ran, 1) })
	u.DeleteRange([]byte("a"), []byte("bcd"))
	u.Then(func() { ran = append(ran, 2) })
	u.SetJoined([]byte("parts"), []byte("h"), []byte("body"), []byte("t"))
	want := []commit.Op{
		{Kind: commit.OpSet, Key: []byte("key"), Value: []byte("value")},
		{Kind: commit.OpOverwrite, Key: []byte("count"), Value: []byte("1")},
		{Kind: commit.OpDelete, Key: []byte("gone")},
		{Kind: commit.OpDeleteRange, Key: []byte("a"), To: []byte("bcd")},
		{Kind: commit.OpSet, Key: []byte("parts"), Value: []byte("h"), Body: []byte("body"), Tail: []byte("t")},
	}
	if got := u.Ops(); !reflect.DeepEqual(got, want) {
		t.Errorf("Ops = %v, want %v in the order in which they were added", got, want)
	}
	if got, want := u.Bytes(), 3+5+5+1+4+1+3+5+6; got != want {
		t.Errorf("Bytes = %d, want %d", got, want)
	}
	for _, f := range u.Callbacks() {
		f()
	}
	if want := []int{1, 2}; !reflect.DeepEqual(ran, want) {
		t.Errorf("callbacks ran as %v, want %v", ran, want)
	}
	u.Relax()
	u.SetTicket(7)
	if !u.Relaxed() || u.Ticket() != 7 || u.Empty() {
		t.Errorf("Relaxed %v, Ticket %v, Empty %v, want true, 7, false", u.Relaxed(), u.Ticket(), u.Empty())
	}
}

// A unit with only a callback or only a record is not empty.
func TestUnitEmpty(t *testing.T) {
	for name, fill := range map[string]func(*commit.Unit){
		"callback": func(u *commit.Unit) { u.Then(func() {}) },
		"record":   func(u *commit.Unit) { u.Set(nil, nil) },
		"removal":  func(u *commit.Unit) { u.Delete(nil) },
		"range":    func(u *commit.Unit) { u.DeleteRange(nil, nil) },
	} {
		var u commit.Unit
		fill(&u)
		if u.Empty() {
			t.Errorf("a unit with a %s is empty", name)
		}
	}
}
