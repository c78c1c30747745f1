package held

import (
	"slices"
	"testing"
)

// TestLargestIsShed: who keeps most goes first, then who came first; who was shed or
// closed no longer counts.
func TestLargestIsShed(t *testing.T) {
	b := New(100)
	var shed []string
	open := func(name string) *Holder { return b.Open(func() { shed = append(shed, name) }) }
	first, second, large, small := open("first"), open("second"), open("large"), open("small")
	want := func(step string, total int64, names ...string) {
		t.Helper()
		if !slices.Equal(shed, names) || b.total != total {
			t.Errorf("%s: shed %v, total %d, want %v, %d", step, shed, b.total, names, total)
		}
	}
	large.Set(60)
	first.Set(20)
	second.Set(20)
	want("up to the limit", 100)
	small.Set(1)
	want("one byte more", 41, "large")
	large.Set(1000)
	large.Close()
	want("what is shed no longer counts", 41, "large")
	small.Set(70)
	want("the newcomer is the largest", 40, "large", "small")
	open("third").Set(60)
	second.Set(60)
	want("of equal ones the older", 80, "large", "small", "second")
	first.Set(0)
	first.Close()
	want("given back", 60, "large", "small", "second")
}

// TestOneLargerThanAll: a holder that is larger than the budget is shed itself.
func TestOneLargerThanAll(t *testing.T) {
	b := New(100)
	var shed bool
	b.Open(func() { shed = true }).Set(101)
	if !shed || b.total != 0 {
		t.Errorf("shed %t, total %d", shed, b.total)
	}
}

func TestOfMemory(t *testing.T) {
	if got := OfMemory(8).Limit(); got < 1<<20 || got > 1<<50 {
		t.Errorf("an eighth of the memory is %d bytes", got)
	}
}
