package encoding

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// scalars makes values of every type that has no parts.
var scalars = rapid.OneOf(
	rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Uint8().AsAny(), rapid.Uint16().AsAny(), rapid.Uint32().AsAny(), rapid.Uint64().AsAny(),
	rapid.Int8().AsAny(), rapid.Int16().AsAny(), rapid.Int32().AsAny(), rapid.Int64().AsAny(), rapid.Float32().AsAny(), rapid.Float64().AsAny(),
	rapid.Map(rapid.Rune(), func(r rune) any { return Char(r) }),
	rapid.Map(rapid.Int64Range(-1<<45, 1<<45), func(ms int64) any { return time.UnixMilli(ms).UTC() }),
	rapid.Custom(func(t *rapid.T) any { return UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid")) }),
	rapid.Custom(func(t *rapid.T) any { return Decimal128(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "decimal128")) }),
	rapid.SliceOfN(rapid.Byte(), 0, 300).AsAny(), rapid.StringN(0, 300, -1).AsAny(),
	rapid.Map(rapid.StringMatching(`[ -~]{0,40}`), func(s string) any { return Symbol(s) }),
)

// values makes values of every type, nested up to a depth.
func values(depth int) *rapid.Generator[any] {
	if depth == 0 {
		return scalars
	}
	inner := values(depth - 1)
	return rapid.OneOf(scalars,
		rapid.Map(rapid.SliceOfN(inner, 0, 6), func(l []any) any { return List(l) }),
		rapid.Custom(func(t *rapid.T) any {
			m := &Map{}
			for range rapid.IntRange(0, 4).Draw(t, "pairs") {
				m.Pairs = append(m.Pairs, Pair{scalars.Draw(t, "key"), inner.Draw(t, "value")})
			}
			return m
		}),
		rapid.Custom(func(t *rapid.T) any { return Described{scalars.Draw(t, "descriptor"), inner.Draw(t, "described")} }),
		rapid.SliceOfN(rapid.Int64(), 0, 40).AsAny(), rapid.SliceOfN(rapid.StringN(0, 300, -1), 0, 4).AsAny(), rapid.SliceOfN(rapid.Bool(), 0, 300).AsAny(),
		rapid.Custom(func(t *rapid.T) any {
			a := &Array{Descriptor: uint64(rapid.Uint8().Draw(t, "descriptor"))}
			for range rapid.IntRange(1, 4).Draw(t, "elements") {
				a.Items = append(a.Items, rapid.Int16().Draw(t, "element"))
			}
			return a
		}),
	)
}

// TestRoundTrip: what is written is read as the same value, takes exactly its
// bytes, can't be read from fewer, and is stepped over as a whole.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(3).Draw(t, "value")
		b, err := Append(nil, v)
		if err != nil {
			t.Fatalf("Append(%#v): %v", v, err)
		}
		tail := []byte{0x41}
		got, rest, err := Read(append(bytes.Clone(b), tail...))
		if err != nil || !bytes.Equal(rest, tail) || !reflect.DeepEqual(got, v) {
			t.Fatalf("Read(%x) = %#v, rest %x, %v; want %#v", b, got, rest, err, v)
		}
		if rest, err = Skip(append(bytes.Clone(b), tail...)); err != nil || !bytes.Equal(rest, tail) {
			t.Fatalf("Skip(%x) leaves %x, %v", b, rest, err)
		}
		cut := b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]
		if got, _, err := Read(cut); !errors.Is(err, ErrTruncated) {
			t.Fatalf("Read of %d of %d bytes = %#v, %v; want %v", len(cut), len(b), got, err, ErrTruncated)
		}
		if _, err := Skip(cut); !errors.Is(err, ErrTruncated) {
			t.Fatalf("Skip of %d of %d bytes: %v; want %v", len(cut), len(b), err, ErrTruncated)
		}
	})
}

// TestFieldsRoundTrip: a list's fields, read one by one as values or as bytes, are
// what the whole list is.
func TestFieldsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(values(2), 0, 6).Draw(t, "list")
		b, err := Append(nil, list)
		if err != nil {
			t.Fatal(err)
		}
		f, rest, err := ReadFields(b)
		if err != nil || len(rest) != 0 {
			t.Fatalf("ReadFields(%x): rest %x, %v", b, rest, err)
		}
		for i, want := range list {
			bytesOf := f
			v, set := f.Value()
			raw, rawSet := bytesOf.Raw()
			if set != (want != nil) || rawSet != set || set && !reflect.DeepEqual(v, want) {
				t.Fatalf("field %d = %#v, %t; want %#v", i, v, set, want)
			}
			if encoded, _ := Append(nil, want); set && !bytes.Equal(raw, encoded) {
				t.Fatalf("field %d as bytes = %x, want %x", i, raw, encoded)
			}
		}
		if err := f.Err(); err != nil {
			t.Fatalf("Err() = %v", err)
		}
	})
}
