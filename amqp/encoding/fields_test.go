package encoding

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// accessors are the readers of one field, with the constructors that they take
// besides null, and a sample of the data for each.
var accessors = []struct {
	name   string
	read   func(*Fields) (any, bool)
	takes  map[byte]string
	values map[byte]any
}{
	{"Bool", func(f *Fields) (any, bool) { return two(f.Bool()) }, map[byte]string{0x41: "", 0x42: "", 0x56: "01"}, map[byte]any{0x41: true, 0x42: false, 0x56: true}},
	{"Ubyte", func(f *Fields) (any, bool) { return two(f.Ubyte()) }, map[byte]string{0x50: "ff"}, map[byte]any{0x50: uint8(255)}},
	{"Ushort", func(f *Fields) (any, bool) { return two(f.Ushort()) }, map[byte]string{0x60: "ff01"}, map[byte]any{0x60: uint16(0xFF01)}},
	{"Uint", func(f *Fields) (any, bool) { return two(f.Uint()) }, map[byte]string{0x43: "", 0x52: "ff", 0x70: "ff000001"}, map[byte]any{0x43: uint32(0), 0x52: uint32(255), 0x70: uint32(0xFF000001)}},
	{"Ulong", func(f *Fields) (any, bool) { return two(f.Ulong()) }, map[byte]string{0x44: "", 0x53: "ff", 0x80: "ff00000000000001"}, map[byte]any{0x44: uint64(0), 0x53: uint64(255), 0x80: uint64(0xFF00000000000001)}},
	{"Timestamp", func(f *Fields) (any, bool) { return two(f.Timestamp()) }, map[byte]string{0x83: "fffffffffffffffe"}, map[byte]any{0x83: time.UnixMilli(-2).UTC()}},
	{"Binary", func(f *Fields) (any, bool) { return two(f.Binary()) }, map[byte]string{0xA0: "01ff", 0xB0: "0000000107"}, map[byte]any{0xA0: []byte{255}, 0xB0: []byte{7}}},
	{"String", func(f *Fields) (any, bool) { return two(f.String()) }, map[byte]string{0xA1: "02c3a9", 0xB1: "0000000161"}, map[byte]any{0xA1: "é", 0xB1: "a"}},
	{"Symbol", func(f *Fields) (any, bool) { return two(f.Symbol()) }, map[byte]string{0xA3: "0161", 0xB3: "0000000162"}, map[byte]any{0xA3: Symbol("a"), 0xB3: Symbol("b")}},
	{"Map", func(f *Fields) (any, bool) { return two(f.Map()) }, map[byte]string{0xC1: "03024041", 0xD1: "00000006000000024041"},
		map[byte]any{0xC1: &Map{Pairs: []Pair{{nil, true}}}, 0xD1: &Map{Pairs: []Pair{{nil, true}}}}},
	{"Symbols", func(f *Fields) (any, bool) { return two(f.Symbols()) }, map[byte]string{0xA3: "0161", 0xB3: "0000000162", 0xE0: "0401a30161", 0xF0: "0000000700000001a30161"},
		map[byte]any{0xA3: []Symbol{"a"}, 0xB3: []Symbol{"b"}, 0xE0: []Symbol{"a"}, 0xF0: []Symbol{"a"}}},
}

func two[T any](v T, set bool) (any, bool) { return v, set }

// field makes a list of one field with the given constructor and data.
func field(t *testing.T, code byte, data string) Fields {
	t.Helper()
	b := append([]byte{code}, unhex(t, data)...)
	f, rest, err := ReadFields(append([]byte{codeList8, byte(len(b) + 1), 1}, b...))
	if err != nil || len(rest) != 0 {
		t.Fatalf("ReadFields: rest %x, %v", rest, err)
	}
	return f
}

// TestFieldTypes: each accessor takes every constructor of its type and none of
// another; what it refuses is absent and a fault of the list.
func TestFieldTypes(t *testing.T) {
	for _, a := range accessors {
		for code := range 256 {
			code := byte(code)
			data, taken := a.takes[code]
			if !taken {
				data = strings.Repeat("00", 20)
			}
			f := field(t, code, data)
			v, set := a.read(&f)
			switch {
			case taken && (!set || !reflect.DeepEqual(v, a.values[code]) || f.Err() != nil):
				t.Errorf("%s of constructor %#02x = %#v, %t, %v; want %#v", a.name, code, v, set, f.Err(), a.values[code])
			case !taken && (set || f.Err() == nil):
				t.Errorf("%s of constructor %#02x = %#v, %t, %v; want it refused", a.name, code, v, set, f.Err())
			}
		}
		f := field(t, codeNull, "")
		if v, set := a.read(&f); set || f.Err() != nil || !reflect.ValueOf(v).IsZero() {
			t.Errorf("%s of null = %#v, %t, %v; want it absent and no fault", a.name, v, set, f.Err())
		}
		f = Fields{}
		if v, set := a.read(&f); set || f.Err() != nil || !reflect.ValueOf(v).IsZero() {
			t.Errorf("%s beyond the list = %#v, %t, %v; want it absent and no fault", a.name, v, set, f.Err())
		}
	}
}

// TestFieldsCutOff: a field whose data ends early is a fault that no later field
// hides: a reader may ask once, at the end.
func TestFieldsCutOff(t *testing.T) {
	for _, a := range accessors {
		for _, code := range slices.Sorted(func(yield func(byte) bool) {
			for c := range a.takes {
				if !yield(c) {
					return
				}
			}
		}) {
			data := a.takes[code]
			for n := 0; n < len(data); n += 2 {
				f := field(t, code, data[:n])
				v, set := a.read(&f)
				first := f.Err()
				if set || !errors.Is(first, ErrMalformed) {
					t.Errorf("%s of %#02x %s = %#v, %t, %v; want a fault: the list holds less than it says", a.name, code, data[:n], v, set, first)
				}
				f.Fail(errors.New("another"))
				for _, later := range accessors {
					if _, set := later.read(&f); set {
						t.Errorf("%s of %#02x %s: a later %s is set", a.name, code, data[:n], later.name)
					}
				}
				if f.Err() != first {
					t.Errorf("%s of %#02x %s: Err() = %v after %v", a.name, code, data[:n], f.Err(), first)
				}
			}
		}
	}
}

// TestFieldContents: what a constructor allows and its type does not.
func TestFieldContents(t *testing.T) {
	for _, c := range []struct {
		name string
		code byte
		data string
		read func(*Fields)
	}{
		{"boolean 2", 0x56, "02", func(f *Fields) { f.Bool() }},
		{"string not UTF-8", 0xA1, "01ff", func(f *Fields) { f.String() }},
		{"symbols with a string", 0xA1, "0161", func(f *Fields) { f.Symbols() }},
		{"symbols of strings", 0xE0, "0401a10161", func(f *Fields) { f.Symbols() }},
		{"symbols described", 0xE0, "0400530140", func(f *Fields) { f.Symbols() }},
		{"value cut off", 0x00, "5377", func(f *Fields) { f.Value() }},
		{"value of no constructor", 0x4F, "", func(f *Fields) { f.Value() }},
		{"raw of no constructor", 0x4F, "", func(f *Fields) { f.Raw() }},
		{"raw cut off", 0xC0, "0301", func(f *Fields) { f.Raw() }},
		{"value nested too deep", 0x00, strings.Repeat("00", 40) + "40", func(f *Fields) { f.Value() }},
	} {
		f := field(t, c.code, c.data)
		c.read(&f)
		if err := f.Err(); err == nil {
			t.Errorf("%s: no fault", c.name)
		} else if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v is no error of this package", c.name, err)
		}
	}
	// An empty array is of no type yet: no symbols.
	f := field(t, 0xE0, "020040")
	if v, set := f.Symbols(); v != nil || set || f.Err() != nil {
		t.Errorf("empty array as symbols = %v, %t, %v; want absent", v, set, f.Err())
	}
	f = field(t, 0x00, "5377a10161")
	if v, set := f.Value(); !set || !reflect.DeepEqual(v, Described{uint64(0x77), "a"}) || f.Err() != nil {
		t.Errorf("described value = %#v, %t, %v", v, set, f.Err())
	}
	f = field(t, 0xA0, "00")
	if v, set := f.Binary(); v == nil || len(v) != 0 || !set {
		t.Errorf("empty binary = %#v, %t; want set and not nil", v, set)
	}
}

// TestFieldsLeftOver: a list with more than its reader knows is refused, and so
// are bytes that belong to no field.
func TestFieldsLeftOver(t *testing.T) {
	for in, want := range map[string]string{
		"c0 04 03 40 41 42":       "amqp encoding: malformed value: list has 2 fields too many",
		"c0 03 01 40 40":          "amqp encoding: malformed value",
		"c0 02 01 40":             "<nil>",
		"d0 00000005 00000001 40": "<nil>",
	} {
		f, _, err := ReadFields(unhex(t, in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		f.Bool()
		if got := fmt.Sprint(f.Err()); !strings.HasPrefix(got, want) {
			t.Errorf("%s: Err() = %s, want %s", in, got, want)
		}
	}
	f, rest, err := ReadFields(unhex(t, "45 41"))
	if err != nil || len(rest) != 1 || f.Err() != nil {
		t.Errorf("list0: rest %x, %v, %v", rest, err, f.Err())
	}
}

// TestDescriptorFaults: a whole value that is not described is no described one
// that is cut off, though it may be of one byte.
func TestDescriptorFaults(t *testing.T) {
	for in, want := range map[string]error{
		"": ErrTruncated, "00": ErrTruncated, "00 53": ErrTruncated, "00 80 00": ErrTruncated, "00 a3 02 61": ErrTruncated, "00 b3 000000": ErrTruncated,
		"45": ErrMalformed, "40": ErrMalformed, "c0 01 00": ErrMalformed, "00 52 14 45": ErrMalformed, "00 a1 01 61": ErrMalformed, "00 00 53 14": ErrMalformed,
	} {
		if _, _, _, err := Descriptor(unhex(t, in)); !errors.Is(err, want) {
			t.Errorf("Descriptor(%s): %v, want %v", in, err, want)
		}
	}
}
