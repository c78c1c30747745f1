package encoding

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestNarrowest covers [SB-AMQP 2.2]: the narrowest form is written, and each
// side of the bounds between the forms reads as what it was.
func TestNarrowest(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n) }
	nulls := func(n int) List { return make(List, n) }
	for _, c := range []struct {
		value any
		bytes string // how it begins
	}{
		{uint32(0), "43"}, {uint32(1), "52 01"}, {uint32(255), "52 ff"}, {uint32(256), "70 00000100"}, {uint32(math.MaxUint32), "70 ffffffff"},
		{uint64(0), "44"}, {uint64(1), "53 01"}, {uint64(255), "53 ff"}, {uint64(256), "80 0000000000000100"}, {uint64(math.MaxUint64), "80 ffffffffffffffff"},
		{int32(127), "54 7f"}, {int32(128), "71 00000080"}, {int32(-128), "54 80"}, {int32(-129), "71 ffffff7f"}, {int32(math.MaxInt32), "71 7fffffff"}, {int32(0), "54 00"},
		{int64(127), "55 7f"}, {int64(128), "81 0000000000000080"}, {int64(-128), "55 80"}, {int64(-129), "81 ffffffffffffff7f"}, {int64(math.MinInt64), "81 8000000000000000"},
		// Types without a narrow form have one width.
		{uint8(0), "50 00"}, {uint8(255), "50 ff"}, {int8(127), "51 7f"}, {uint16(0), "60 0000"}, {uint16(math.MaxUint16), "60 ffff"}, {int16(math.MaxInt16), "61 7fff"},
		{float32(0), "72 00000000"}, {float32(math.Inf(-1)), "72 ff800000"}, {math.Copysign(0, -1), "82 8000000000000000"}, {math.Inf(1), "82 7ff0000000000000"},
		{math.SmallestNonzeroFloat64, "82 0000000000000001"}, {Char(0), "73 00000000"}, {Char(0x10FFFF), "73 0010ffff"},
		{time.UnixMilli(math.MaxInt32).UTC(), "83 000000007fffffff"}, {time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "83 ffffc77cedd32800"},
		{text(255), "a1 ff"}, {text(256), "b1 00000100"}, {Symbol(text(255)), "a3 ff"}, {Symbol(text(256)), "b3 00000100"},
		{bytes.Repeat([]byte{1}, 255), "a0 ff"}, {bytes.Repeat([]byte{1}, 256), "b0 00000100"},
		// A list's size counts its count: 254 bytes of items are the most.
		{nulls(254), "c0 ff fe"}, {nulls(255), "d0 00000103 000000ff"}, {List{text(252)}, "c0 ff 01"}, {List{text(253)}, "d0 00000103 00000001"},
		{&Map{Pairs: []Pair{{"", text(250)}}}, "c1 ff 02"}, {&Map{Pairs: []Pair{{"", text(251)}}}, "d1 00000103 00000002"},
		{make([]bool, 253), "e0 ff fd 56"}, {make([]bool, 254), "f0 00000103 000000fe 56"},
		{[]string{text(255)}, "f0 00000105 00000001 a1 ff"}, {[]string{"a", text(256)}, "f0 0000010e 00000002 b1 00000001 61"},
	} {
		name := fmt.Sprintf("%T %.20v", c.value, c.value)
		b, err := Append(nil, c.value)
		if want := unhex(t, c.bytes); err != nil || !bytes.HasPrefix(b, want) {
			t.Errorf("%s: Append = %.20x, %v; want %x", name, b, err, want)
			continue
		}
		got, rest, err := Read(b)
		if err != nil || len(rest) != 0 || !reflect.DeepEqual(got, c.value) {
			t.Errorf("%s: read again %.60v, rest %d bytes, %v", name, got, len(rest), err)
		}
	}
}

// TestNaN: the bits of a float that is no number survive.
func TestNaN(t *testing.T) {
	for _, in := range []string{"72 7fc00001", "72 ff800001", "82 7ff8000000000001", "82 fff0000000000001"} {
		b := unhex(t, in)
		v, _, err := Read(b)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if again, err := Append(nil, v); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: written again %x, %v", in, again, err)
		}
	}
}

// TestConstructorBytes: of all 256 constructors those of [SB-AMQP 2.2] are known,
// no others, and both ways through the bytes agree on which.
func TestConstructorBytes(t *testing.T) {
	known := map[byte]bool{}
	for _, c := range constructors {
		known[unhex(t, c.bytes)[0]] = true
	}
	for code := range 256 {
		in := append([]byte{byte(code)}, make([]byte, 40)...)
		_, _, err := Read(in)
		_, skipErr := Skip(in)
		if got := !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "constructor"); got != known[byte(code)] {
			t.Errorf("constructor %#02x: Read: %v; want it known: %t", code, err, known[byte(code)])
		}
		if (err == nil) != (skipErr == nil) {
			t.Errorf("constructor %#02x: Read: %v, Skip: %v", code, err, skipErr)
		}
	}
}

// TestTypedAppends: the functions for one type write what [Append] does.
func TestTypedAppends(t *testing.T) {
	at := time.UnixMilli(1234567890123).UTC()
	for _, c := range []struct {
		name  string
		got   []byte
		value any
	}{
		{"null", AppendNull(nil), nil},
		{"true", AppendBool(nil, true), true},
		{"false", AppendBool(nil, false), false},
		{"ubyte", AppendUbyte(nil, 200), uint8(200)},
		{"ushort", AppendUshort(nil, 0xABCD), uint16(0xABCD)},
		{"uint", AppendUint(nil, 256), uint32(256)},
		{"ulong", AppendUlong(nil, 256), uint64(256)},
		{"timestamp", AppendTimestamp(nil, at), at},
		{"binary", AppendBinary(nil, []byte{1, 2}), []byte{1, 2}},
		{"nil binary", AppendBinary(nil, nil), []byte{}},
		{"string", AppendString(nil, "é"), "é"},
		{"symbol", AppendSymbol(nil, "s"), Symbol("s")},
		{"symbols", AppendSymbols(nil, []Symbol{"a", "b"}), []Symbol{"a", "b"}},
		{"no symbols", AppendSymbols(nil, nil), nil},
		{"list", func() []byte { b, mark := BeginList(nil); return EndList(AppendNull(b), mark, 1) }(), List{nil}},
		{"long list", func() []byte {
			b, mark := BeginList(nil)
			return EndList(AppendString(b, strings.Repeat("x", 300)), mark, 1)
		}(), List{strings.Repeat("x", 300)}},
	} {
		want, err := Append(nil, c.value)
		if err != nil || !bytes.Equal(c.got, want) {
			t.Errorf("%s: %x, want %x, %v", c.name, c.got, want, err)
		}
	}
	if got, err := AppendMap([]byte{9}, nil); err != nil || !bytes.Equal(got, unhex(t, "09 c1 01 00")) {
		t.Errorf("AppendMap(nil) = %x, %v; want an empty map", got, err)
	}
	if got, err := AppendMap([]byte{9}, &Map{Pairs: []Pair{{"k", 1}}}); !errors.Is(err, ErrUnsupported) || !bytes.Equal(got, []byte{9}) {
		t.Errorf("AppendMap of an int = %x, %v; want 09, %v", got, err, ErrUnsupported)
	}
	var none *Array
	if got, err := Append(nil, none); err != nil || !bytes.Equal(got, unhex(t, "e0 02 00 40")) {
		t.Errorf("Append of a nil array = %x, %v; want an empty array of nulls", got, err)
	}
}

// TestSparseArrays: elements without bytes cost the sender nothing, so they are
// bounded by the length of the value; a value a little longer may hold more.
func TestSparseArrays(t *testing.T) {
	array := func(n int, code string) []byte { return unhex(t, fmt.Sprintf("f0 00000005 %08x %s", n, code)) }
	for _, code := range []string{"40", "41", "42", "43", "44", "45"} {
		most := spareEmpty + len(array(0, code))
		if _, _, err := Read(array(most, code)); err != nil {
			t.Errorf("%d elements of constructor %s: %v", most, code, err)
		}
		if _, _, err := Read(array(most+1, code)); !errors.Is(err, ErrLimit) {
			t.Errorf("%d elements of constructor %s: %v, want %v", most+1, code, err, ErrLimit)
		}
	}
	// The bound is of the whole value: two arrays share it.
	one := array(spareEmpty/2+50, "40")
	two := append(unhex(t, fmt.Sprintf("d0 %08x 00000002", 4+2*len(one))), append(bytes.Clone(one), one...)...)
	if _, _, err := Read(two); !errors.Is(err, ErrLimit) {
		t.Errorf("two arrays that are too much together: %v, want %v", err, ErrLimit)
	}
}

// TestReadCopies: what was read does not change with the buffer that it was read
// from, which is used again.
func TestReadCopies(t *testing.T) {
	in := unhex(t, "c0 17 06 a0 02 0102 a1 02 6162 a3 02 6364 e0 04 01 a0 01 09 94")
	in = append(in, bytes.Repeat([]byte{5}, 16)...)
	in = append(in, unhex(t, "98")...)
	in = append(in, bytes.Repeat([]byte{6}, 16)...)
	in[1] = byte(len(in) - 2)
	v, _, err := Read(in)
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprintf("%#v", v)
	clear(in)
	if after := fmt.Sprintf("%#v", v); after != before {
		t.Errorf("after the buffer changed: %s, want %s", after, before)
	}
}
