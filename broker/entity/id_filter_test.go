package entity

import (
	"fmt"
	"testing"
)

// TestIDFilter: what was added is always said to be there; of what was not, little, until
// the filter is full, and then it takes no more memory.
func TestIDFilter(t *testing.T) {
	for _, c := range []struct {
		ids   int
		wrong float64 // at most, of what was not added
	}{{0, 0}, {1, 0}, {1000, 0.02}, {20_000, 0.08}, {100_000, 0.1}, {500_000, 0.5}} {
		var f idFilter
		for i := range c.ids {
			f.add(fmt.Sprint("id-", i))
		}
		for i := range c.ids {
			if id := fmt.Sprint("id-", i); !f.mayHave(id) {
				t.Fatalf("of %d ids, %s is said to be missing", c.ids, id)
			}
		}
		wrong := 0
		const others = 20_000
		for i := range others {
			if f.mayHave(fmt.Sprint("other-", i)) {
				wrong++
			}
		}
		if got := float64(wrong) / others; got > c.wrong {
			t.Errorf("with %d ids it has %.3f of the others, want at most %.3f", c.ids, got, c.wrong)
		}
		if f.bits > 2*maxFilterBits {
			t.Errorf("with %d ids it takes %d bits", c.ids, f.bits)
		}
		t.Logf("%d ids: %d bits in %d parts, %d of %d wrong", c.ids, f.bits, len(f.parts), wrong, others)
	}
}
