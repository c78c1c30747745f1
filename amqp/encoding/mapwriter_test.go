package encoding

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestMapWriter: what is added entry by entry is the map that AppendMap writes, small and large.
func TestMapWriter(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	id := UUID{1, 2, 3, 15: 16}
	own := &Map{Pairs: []Pair{{"a", List{int32(7)}}, {Symbol("drop"), true}, {"drop too", nil}, {uint64(3), "n"}}}
	for _, text := range []string{"", "text", strings.Repeat("x", 300)} {
		want, err := AppendMap([]byte("before"), &Map{Pairs: []Pair{own.Pairs[0], own.Pairs[3], {Symbol("at"), at},
			{Symbol("small"), int64(-128)}, {Symbol("long"), int64(1 << 40)}, {Symbol("int"), int32(128)},
			{Symbol("id"), id}, {Symbol("text"), text}}})
		if err != nil {
			t.Fatal(err)
		}
		w := BeginMap([]byte("before"))
		if err := w.Pairs(own, "drop", "drop too"); err != nil {
			t.Fatal(err)
		}
		w.Timestamp("at", at)
		w.Long("small", -128)
		w.Long("long", 1<<40)
		w.Int("int", 128)
		w.UUID("id", id)
		w.String("text", text)
		if got := w.End(); !bytes.Equal(got, want) || w.Len() != 8 {
			t.Errorf("%d entries are %x, want %x", w.Len(), got, want)
		}
	}
	none := BeginMap(nil)
	if err := none.Pairs(nil, "a"); err != nil || none.Len() != 0 {
		t.Errorf("a nil map: %d entries, error %v", none.Len(), err)
	}
	if err := none.Pairs(&Map{Pairs: []Pair{{"a", struct{}{}}}}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a value without a type of AMQP: error %v, want %v", err, ErrUnsupported)
	}
}
