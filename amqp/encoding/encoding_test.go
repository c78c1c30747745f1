package encoding

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// [SB-AMQP 2.2], constructor by constructor.
var constructors = []struct {
	name  string
	bytes string
	value any
	// written is what Append makes of value, if not the same bytes.
	written string
}{
	{"null", "40", nil, ""},
	{"true", "41", true, ""},
	{"false", "42", false, ""},
	{"boolean 1", "56 01", true, "41"},
	{"boolean 0", "56 00", false, "42"},
	{"ubyte", "50 fe", uint8(254), ""},
	{"ushort", "60 fffe", uint16(65534), ""},
	{"uint", "70 fffffffe", uint32(math.MaxUint32 - 1), ""},
	{"smalluint", "52 ff", uint32(255), ""},
	{"uint0", "43", uint32(0), ""},
	{"uint wide", "70 00000001", uint32(1), "52 01"},
	{"ulong", "80 00000013 7000000c", uint64(0x137000000C), ""},
	{"smallulong", "53 ff", uint64(255), ""},
	{"ulong0", "44", uint64(0), ""},
	{"byte", "51 80", int8(-128), ""},
	{"short", "61 8000", int16(-32768), ""},
	{"int", "71 80000000", int32(math.MinInt32), ""},
	{"smallint", "54 80", int32(-128), ""},
	{"int above smallint", "71 00000080", int32(128), ""},
	{"long", "81 08DE48C8 4F264000", int64(0x08DE48C84F264000), ""},
	{"smalllong", "55 ff", int64(-1), ""},
	{"long above smalllong", "81 00000000 00000080", int64(128), ""},
	{"float", "72 3fc00000", float32(1.5), ""},
	{"double", "82 3ff80000 00000000", float64(1.5), ""},
	{"decimal32", "74 01020304", Decimal32{1, 2, 3, 4}, ""},
	{"decimal64", "84 01020304 05060708", Decimal64{1, 2, 3, 4, 5, 6, 7, 8}, ""},
	{"decimal128", "94 0102030405060708 090a0b0c0d0e0f10", Decimal128{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, ""},
	{"char", "73 0001f600", Char(0x1F600), ""},
	{"timestamp", "83 0000019b 76da8c00", time.UnixMilli(0x0000019b76da8c00).UTC(), ""},
	{"timestamp before 1970", "83 ffffffff ffffffff", time.UnixMilli(-1).UTC(), ""},
	{"uuid of [SB-AMQP 12]", "98 0a1b2c3d4e5f60718293a4b5c6d7e8f9", UUID{0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93, 0xa4, 0xb5, 0xc6, 0xd7, 0xe8, 0xf9}, ""},
	{"binary8", "a0 02 00ff", []byte{0, 255}, ""},
	{"binary8 empty", "a0 00", []byte{}, ""},
	{"binary32", "b0 00000001 07", []byte{7}, "a0 01 07"},
	{"string8", "a1 03 c3a962", "éb", ""},
	{"string32", "b1 00000001 61", "a", "a1 01 61"},
	{"symbol8", "a3 01 61", Symbol("a"), ""},
	{"symbol32", "b3 00000001 61", Symbol("a"), "a3 01 61"},
	{"list0", "45", List{}, ""},
	{"list8", "c0 04 02 41 52 07", List{true, uint32(7)}, ""},
	{"list8 empty", "c0 01 00", List{}, "45"},
	{"list32", "d0 00000005 00000001 40", List{nil}, "c0 02 01 40"},
	{"map8", "c1 06 02 a3 01 61 54 01", &Map{Pairs: []Pair{{Symbol("a"), int32(1)}}}, ""},
	{"map8 empty", "c1 01 00", &Map{}, ""},
	{"map32", "d1 00000009 00000002 a1 01 61 54 01", &Map{Pairs: []Pair{{"a", int32(1)}}}, "c1 06 02 a1 01 61 54 01"},
	{"array8 of symbols [SB-AMQP 12]", "e0 23 04 a3 07 4d535342434253 05 504c41494e 09 414e4f4e594d4f5553 08 45585445524e414c",
		[]Symbol{"MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"}, ""},
	{"array32 of longs", "f0 00000015 00000002 81 0000000000000001 ffffffffffffffff", []int64{1, -1}, "e0 12 02 81 0000000000000001 ffffffffffffffff"},
	{"array of small longs", "e0 04 02 55 01 ff", []int64{1, -1}, "e0 12 02 81 0000000000000001 ffffffffffffffff"},
	{"array of booleans", "e0 04 02 56 01 00", []bool{true, false}, ""},
	{"array of trues without bytes", "e0 02 03 41", []bool{true, true, true}, "e0 05 03 56 010101"},
	{"array of ushorts", "e0 04 01 60 0102", []uint16{0x102}, ""},
	{"array of uints", "e0 06 01 70 01020304", []uint32{0x1020304}, ""},
	{"array of ulongs", "e0 0a 01 80 0000000000000007", []uint64{7}, ""},
	{"array of bytes", "e0 03 01 51 ff", []int8{-1}, ""},
	{"array of shorts", "e0 04 01 61 ffff", []int16{-1}, ""},
	{"array of ints", "e0 06 01 71 ffffffff", []int32{-1}, ""},
	{"array of floats", "e0 06 01 72 3fc00000", []float32{1.5}, ""},
	{"array of doubles", "e0 0a 01 82 3ff8000000000000", []float64{1.5}, ""},
	{"array of chars", "e0 06 01 73 00000041", []Char{'A'}, ""},
	{"array of timestamps", "e0 0a 01 83 0000000000000001", []time.Time{time.UnixMilli(1).UTC()}, ""},
	{"array of uuids", "e0 12 01 98 000102030405060708090a0b0c0d0e0f", []UUID{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, ""},
	{"array of binaries", "e0 05 02 a0 01 07 00", [][]byte{{7}, {}}, ""},
	{"array of strings", "e0 04 01 a1 01 61", []string{"a"}, ""},
	{"array of strings32", "e0 07 01 b1 00000001 61", []string{"a"}, "e0 04 01 a1 01 61"},
	{"empty array of strings", "e0 02 00 a1", []string{}, ""},
	{"array of ubytes", "e0 04 02 50 01 02", &Array{Items: []any{uint8(1), uint8(2)}}, ""},
	{"array of lists", "e0 05 01 c0 02 01 41", &Array{Items: []any{List{true}}}, "e0 0b 01 d0 00000005 00000001 41"},
	{"array of arrays", "e0 06 01 e0 03 01 51 05", &Array{Items: []any{[]int8{5}}}, "e0 0c 01 f0 00000006 00000001 51 05"},
	{"array of described", "e0 06 01 00 53 07 51 05", &Array{Descriptor: uint64(7), Items: []any{int8(5)}}, ""},
	{"described by ulong", "00 53 77 a1 01 61", Described{uint64(0x77), "a"}, ""},
	{"described by symbol", "00 a3 03 612e62 55 01", Described{Symbol("a.b"), int64(1)}, ""},
}

func TestConstructors(t *testing.T) {
	for _, c := range constructors {
		t.Run(c.name, func(t *testing.T) {
			in := unhex(t, c.bytes)
			v, rest, err := Read(append(bytes.Clone(in), 0xAB))
			if err != nil || !reflect.DeepEqual(v, c.value) || !bytes.Equal(rest, []byte{0xAB}) {
				t.Errorf("Read(%x ab) = %#v, rest %x, %v; want %#v, rest ab", in, v, rest, err, c.value)
			}
			rest, err = Skip(append(bytes.Clone(in), 0xAB))
			if err != nil || !bytes.Equal(rest, []byte{0xAB}) {
				t.Errorf("Skip(%x ab) = %x, %v; want ab", in, rest, err)
			}
			want := in
			if c.written != "" {
				want = unhex(t, c.written)
			}
			got, err := Append([]byte{0xCD}, c.value)
			if err != nil || !bytes.Equal(got, append([]byte{0xCD}, want...)) {
				t.Errorf("Append(cd, %#v) = %x, %v; want cd%x", c.value, got, err, want)
			}
			for i := range in {
				if v, _, err := Read(in[:i]); err == nil {
					t.Errorf("Read(%x), cut off, = %#v; want an error", in[:i], v)
				}
				if _, err := Skip(in[:i]); err == nil {
					t.Errorf("Skip(%x), cut off, succeeded", in[:i])
				}
			}
		})
	}
}

func TestWideForms(t *testing.T) {
	long := strings.Repeat("x", 256)
	values := []any{
		long, Symbol(long), []byte(long), List{long}, &Map{Pairs: []Pair{{"k", long}}},
		[]string{"a", long}, []Symbol{Symbol(long)}, make([]int64, 100), make([]bool, 256),
		make(List, 256), &Array{Items: []any{Decimal32{}, Decimal32{1}}},
		&Array{Descriptor: Symbol("d"), Items: []any{[]byte("a")}},
		&Array{Items: []any{&Map{Pairs: []Pair{{"k", nil}}}, &Map{}}},
		&Array{Items: []any{List{}, List{List{}}}}, &Array{Items: []any{}},
	}
	for _, v := range values {
		b, err := Append(nil, v)
		if err != nil {
			t.Errorf("Append(%T of %d bytes): %v", v, len(b), err)
			continue
		}
		got, rest, err := Read(b)
		if err != nil || len(rest) != 0 || !reflect.DeepEqual(got, v) {
			t.Errorf("Read(Append(%#v)) = %#v, %x, %v", v, got, rest, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		want        error
	}{
		{"empty", "", ErrTruncated},
		{"unknown constructor", "4f", ErrMalformed},
		{"constructor of one byte unknown", "57 00", ErrMalformed},
		{"boolean 2", "56 02", ErrMalformed},
		{"char beyond Unicode", "73 00110000", ErrMalformed},
		{"string not UTF-8", "a1 01 ff", ErrMalformed},
		{"string longer than input", "b1 ffffffff 61", ErrTruncated},
		{"list without count", "c0 00", ErrTruncated},
		{"list of size 0", "c0 00 00", ErrMalformed},
		{"list with more items than bytes", "c0 02 05 40", ErrMalformed},
		{"list with a huge count", "d0 00000005 ffffffff 40", ErrLimit},
		{"list32 of size 3", "d0 00000003 000000 00", ErrMalformed},
		{"list with bytes left over", "c0 03 01 40 40", ErrMalformed},
		{"item longer than its list", "c0 03 01 a1 05", ErrMalformed},
		{"map with odd count", "c1 02 01 40", ErrMalformed},
		{"array with a huge count of nothing", "f0 00000005 7fffffff 40", ErrLimit},
		{"array with a huge count of bytes", "f0 00000006 7fffffff 50 01", ErrMalformed},
		{"array without constructor", "e0 01 00", ErrMalformed},
		{"array of described described", "e0 07 01 00 53 01 00 53 02", ErrMalformed},
		{"descriptor alone", "00 53 07", ErrTruncated},
		{"list longer than the list around it", strings.Repeat("d0 000000ff 00000001", 30) + strings.Repeat("40", 300), ErrMalformed},
		{"nesting by descriptors", strings.Repeat("00", 40) + "40", ErrLimit},
	} {
		in := unhex(t, c.bytes)
		if v, _, err := Read(in); !errors.Is(err, c.want) {
			t.Errorf("%s: Read(%x) = %#v, %v; want %v", c.name, in, v, err, c.want)
		}
		if c.name == "array with a huge count of nothing" {
			continue // harmless to step over
		}
		if _, err := Skip(in); !errors.Is(err, c.want) {
			t.Errorf("%s: Skip(%x) = %v; want %v", c.name, in, err, c.want)
		}
	}
}

func TestNestingLimit(t *testing.T) {
	nested := func(n int) (v any) {
		for range n {
			v = List{v}
		}
		return v
	}
	b, err := Append(nil, nested(MaxDepth))
	if err != nil {
		t.Fatalf("Append of %d lists: %v", MaxDepth, err)
	}
	if _, _, err := Read(b); err != nil {
		t.Errorf("Read of %d lists: %v", MaxDepth, err)
	}
	if _, err := Skip(b); err != nil {
		t.Errorf("Skip of %d lists: %v", MaxDepth, err)
	}
	if _, err := Append(nil, nested(MaxDepth+1)); !errors.Is(err, ErrLimit) {
		t.Errorf("Append of %d lists: %v, want %v", MaxDepth+1, err, ErrLimit)
	}
	b = append([]byte{codeList8, byte(len(b) + 1), 1}, b...)
	if _, _, err := Read(b); !errors.Is(err, ErrLimit) {
		t.Errorf("Read of %d lists: %v, want %v", MaxDepth+1, err, ErrLimit)
	}
	if _, err := Skip(b); !errors.Is(err, ErrLimit) {
		t.Errorf("Skip of %d lists: %v, want %v", MaxDepth+1, err, ErrLimit)
	}
}

func TestAppendUnsupported(t *testing.T) {
	for _, v := range []any{
		1, uint(1), struct{}{}, map[string]any{}, List{1}, &Map{Pairs: []Pair{{"a", 1}}},
		&Array{Items: []any{"a", int8(1)}}, &Array{Items: []any{Described{}}}, &Array{Items: []any{1}},
		Described{uint64(1), 1}, []any{complex(1, 1)},
	} {
		got, err := Append([]byte{1}, v)
		if !errors.Is(err, ErrUnsupported) || !bytes.Equal(got, []byte{1}) {
			t.Errorf("Append(01, %#v) = %x, %v; want 01, %v", v, got, err, ErrUnsupported)
		}
	}
}

func TestMapAccess(t *testing.T) {
	var none *Map
	if none.Len() != 0 || none.Has("a") {
		t.Error("a nil map is not empty")
	}
	m := &Map{Pairs: []Pair{{Symbol("a"), 1}, {uint64(1), 2}, {"b", 3}}}
	m.Set("a", 4)
	m.Set(Symbol("c"), 5)
	m.Delete("b")
	m.Delete("absent")
	want := []Pair{{Symbol("a"), 4}, {uint64(1), 2}, {Symbol("c"), 5}}
	if !reflect.DeepEqual(m.Pairs, want) {
		t.Errorf("after Set and Delete: %v, want %v", m.Pairs, want)
	}
	if v, ok := m.Get("c"); v != 5 || !ok {
		t.Errorf("Get(c) = %v, %v", v, ok)
	}
}

func TestFields(t *testing.T) {
	in := unhex(t, "c0 2b 0c 41 50 07 60 0102 52 09 44 83 0000000000000001 a0 01 ff a1 01 61 a3 01 62"+
		"c1 05 02 a1 01 6b 41 a3 01 73 40")
	in[1] = byte(len(in) - 2)
	f, rest, err := ReadFields(in)
	if err != nil || len(rest) != 0 {
		t.Fatalf("ReadFields(%x): rest %x, %v", in, rest, err)
	}
	check := func(name string, got, want any, set bool) {
		t.Helper()
		if !reflect.DeepEqual(got, want) || !set {
			t.Errorf("%s = %#v, %v; want %#v, true", name, got, set, want)
		}
	}
	b, ok := f.Bool()
	check("Bool", b, true, ok)
	u8, ok := f.Ubyte()
	check("Ubyte", u8, uint8(7), ok)
	u16, ok := f.Ushort()
	check("Ushort", u16, uint16(0x102), ok)
	u32, ok := f.Uint()
	check("Uint", u32, uint32(9), ok)
	u64, ok := f.Ulong()
	check("Ulong", u64, uint64(0), ok)
	ts, ok := f.Timestamp()
	check("Timestamp", ts, time.UnixMilli(1).UTC(), ok)
	bin, ok := f.Binary()
	check("Binary", bin, []byte{255}, ok)
	s, ok := f.String()
	check("String", s, "a", ok)
	sym, ok := f.Symbol()
	check("Symbol", sym, Symbol("b"), ok)
	raw := f
	rb, ok := raw.Raw()
	check("Raw", rb, unhex(t, "c1 05 02 a1 01 6b 41"), ok)
	m, ok := f.Map()
	check("Map", m, &Map{Pairs: []Pair{{"k", true}}}, ok)
	syms, ok := f.Symbols()
	check("Symbols", syms, []Symbol{"s"}, ok)
	if v, set := f.Uint(); v != 0 || set {
		t.Errorf("null field = %d, %v", v, set)
	}
	if v, set := f.String(); v != "" || set {
		t.Errorf("field after the last = %q, %v", v, set)
	}
	if f.Err() != nil {
		t.Errorf("Err() = %v", f.Err())
	}
}

func TestFieldsFaults(t *testing.T) {
	for name, read := range map[string]func(*Fields){
		"Bool": func(f *Fields) { f.Bool() }, "Ubyte": func(f *Fields) { f.Ubyte() }, "Ushort": func(f *Fields) { f.Ushort() },
		"Uint": func(f *Fields) { f.Uint() }, "Ulong": func(f *Fields) { f.Ulong() }, "Timestamp": func(f *Fields) { f.Timestamp() },
		"Binary": func(f *Fields) { f.Binary() }, "String": func(f *Fields) { f.String() }, "Symbol": func(f *Fields) { f.Symbol() },
		"Map": func(f *Fields) { f.Map() }, "Symbols": func(f *Fields) { f.Symbols() },
	} {
		f, _, err := ReadFields(unhex(t, "c0 02 01 72")) // a float without its data
		if err != nil {
			t.Fatal(err)
		}
		read(&f)
		if !errors.Is(f.Err(), ErrMalformed) {
			t.Errorf("%s of a float: Err() = %v, want %v", name, f.Err(), ErrMalformed)
		}
	}
	f, _, _ := ReadFields(unhex(t, "c0 03 02 41 41"))
	f.Bool()
	if !errors.Is(f.Err(), ErrMalformed) {
		t.Errorf("a field too many: Err() = %v", f.Err())
	}
	for _, in := range []string{"", "40", "c0", "c1 01 00"} {
		if _, _, err := ReadFields(unhex(t, in)); err == nil {
			t.Errorf("ReadFields(%s) succeeded", in)
		}
	}
}

func TestDescriptor(t *testing.T) {
	for _, c := range []struct {
		in, name, rest string
		code           uint64
		ok             bool
	}{
		{"00 53 14 c0", "", "c0", 0x14, true},
		{"00 80 0000000000000014 c0", "", "c0", 0x14, true},
		{"00 44 c0", "", "c0", 0, true},
		{"00 a3 01 61 c0", "a", "c0", 0, true},
		{"00 b3 00000001 61 c0", "a", "c0", 0, true},
		{"00", "", "", 0, false},
		{"00 53", "", "", 0, false},
		{"00 80 00", "", "", 0, false},
		{"00 a3 02 61", "", "", 0, false},
		{"00 52 14 c0", "", "", 0, false},
		{"c0 01 00", "", "", 0, false},
	} {
		code, name, rest, err := Descriptor(unhex(t, c.in))
		if (err == nil) != c.ok || code != c.code || string(name) != c.name || c.ok && !bytes.Equal(rest, unhex(t, c.rest)) {
			t.Errorf("Descriptor(%s) = %#x, %q, %x, %v; want %#x, %q, %s, ok %v", c.in, code, name, rest, err, c.code, c.name, c.rest, c.ok)
		}
	}
}

// FuzzRead feeds arbitrary bytes: Read never panics, Skip agrees with it, and
// what was read is written in a form that reads the same.
func FuzzRead(f *testing.F) {
	for _, c := range constructors {
		f.Add(unhex(f, c.bytes))
	}
	f.Add(unhex(f, "f0 00000005 7fffffff 40"))
	f.Fuzz(func(t *testing.T, in []byte) {
		v, rest, err := Read(in)
		skipped, skipErr := Skip(in)
		if err == nil && (skipErr != nil || len(skipped) != len(rest)) {
			t.Fatalf("Read leaves %x, Skip %x, %v", rest, skipped, skipErr)
		}
		if skipErr == nil && err != nil && !errors.Is(err, ErrLimit) {
			t.Fatalf("Skip accepts what Read does not: %v", err)
		}
		if err != nil {
			return
		}
		b1, err := Append(nil, v)
		if err != nil {
			t.Fatalf("Append(%#v): %v", v, err)
		}
		v2, rest, err := Read(b1)
		if err != nil || len(rest) != 0 {
			t.Fatalf("Read(%x) = %#v, rest %x, %v; written from %#v", b1, v2, rest, err, v)
		}
		b2, err := Append(nil, v2)
		if err != nil || !bytes.Equal(b1, b2) { // bytes, because NaN differs from itself
			t.Fatalf("written %x, read and written again %x, %v", b1, b2, err)
		}
	})
}
