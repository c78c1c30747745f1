package frames

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"switchyard/amqp/encoding"
)

// sections are one of each kind in the order of [OASIS 3.2], with the bytes of a
// sample; the parts of a body share a place.
var sections = []struct {
	name, bytes string
	place       int
}{
	{"header", "005370 c0 02 01 41", 0},
	{"delivery-annotations", "005371 c1 01 00", 1},
	{"message-annotations", "005372 c1 01 00", 2},
	{"properties", "005373 45", 3},
	{"application-properties", "005374 c1 01 00", 4},
	{"data", "005375 a0 01 61", 5},
	{"sequence", "005376 45", 5},
	{"value", "005377 40", 5},
	{"footer", "005378 c1 01 00", 6},
}

// TestSectionOrder covers [OASIS 3.2]: each section at most once and in order,
// but for several data or several sequence sections, and for delivery annotations,
// which Python's library writes last: Azure accepts them anywhere.
func TestSectionOrder(t *testing.T) {
	for _, a := range sections {
		if _, err := ParseMessage(unhex(t, a.bytes)); err != nil {
			t.Errorf("%s alone: %v", a.name, err)
		}
		for _, b := range sections {
			want := a.place < b.place || a.name == b.name && (a.name == "data" || a.name == "sequence") ||
				b.name == "delivery-annotations" && a.name != b.name
			_, err := ParseMessage(unhex(t, a.bytes+b.bytes))
			if (err == nil) != want {
				t.Errorf("%s, %s: %v; want it good: %t", a.name, b.name, err, want)
			}
			if err != nil && !errors.Is(err, encoding.ErrMalformed) {
				t.Errorf("%s, %s: %v is not %v", a.name, b.name, err, encoding.ErrMalformed)
			}
		}
	}
}

// TestSectionsCutOff: no message can be read from fewer bytes than it has, unless
// they end between sections.
func TestSectionsCutOff(t *testing.T) {
	whole, ends := []byte{}, map[int]bool{0: true}
	for _, s := range sections {
		if s.name == "sequence" || s.name == "value" {
			continue
		}
		whole = append(whole, unhex(t, s.bytes)...)
		ends[len(whole)] = true
	}
	for n := range len(whole) + 1 {
		if _, err := ParseMessage(whole[:n:n]); (err == nil) != ends[n] {
			t.Errorf("%d of %d bytes: %v; want it good: %t", n, len(whole), err, ends[n])
		}
	}
}

// TestHeaderDefaults covers [OASIS 3.2.1]: what is absent is told from zero where
// that is not the same.
func TestHeaderDefaults(t *testing.T) {
	for _, c := range []struct {
		fields encoding.List
		want   Header
	}{
		{nil, Header{}},
		{encoding.List{true}, Header{Durable: true}},
		{encoding.List{false, uint8(0), uint32(0), false, uint32(0)}, Header{Priority: Some(uint8(0)), TTL: Some(uint32(0))}},
		{encoding.List{nil, uint8(4), nil, true, uint32(10)}, Header{Priority: Some(uint8(4)), FirstAcquirer: true, DeliveryCount: 10}},
		{encoding.List{nil, nil, uint32(4294967295)}, Header{TTL: Some(uint32(4294967295))}},
	} {
		b, err := encoding.Append(nil, encoding.Described{Descriptor: uint64(CodeHeader), Value: c.fields})
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseMessage(b)
		if err != nil || *m.Header != c.want {
			t.Errorf("%v = %+v, %v; want %+v", c.fields, m, err, c.want)
			continue
		}
		again, err := ParseMessage(AppendHeader(nil, m.Header))
		if err != nil || *again.Header != c.want {
			t.Errorf("%+v written and read = %+v, %v", c.want, again.Header, err)
		}
	}
}

// TestPropertiesFields covers [OASIS 3.2.4]: each field alone, message ids of the
// four types, and no other type in any field.
func TestPropertiesFields(t *testing.T) {
	at := time.UnixMilli(1700000000123).UTC()
	allowed := [13][]any{
		{uint64(0), uint64(1 << 40), encoding.UUID{1}, []byte{}, []byte{255}, "", "id"},
		{[]byte{}, []byte("user")},
		{"", "to"}, {"subject"}, {"reply"},
		{uint64(7), encoding.UUID{2}, []byte{1}, "correlation"},
		{encoding.Symbol("application/json")}, {encoding.Symbol("gzip")},
		{at}, {at},
		{"group"}, {uint32(0), uint32(4294967295)}, {"reply group"},
	}
	for i, good := range allowed {
		for _, v := range good {
			fields := make(encoding.List, i+1)
			fields[i] = v
			b, err := encoding.Append(nil, encoding.Described{Descriptor: uint64(CodeProperties), Value: fields})
			if err != nil {
				t.Fatal(err)
			}
			m, err := ParseMessage(b)
			if err != nil {
				t.Errorf("field %d = %#v: %v", i, v, err)
				continue
			}
			p := reflect.ValueOf(*m.Properties)
			for j := range p.NumField() {
				got := p.Field(j).Interface()
				if o := p.Field(j); o.Kind() == reflect.Struct && o.Type() != reflect.TypeFor[time.Time]() {
					if got = nil; o.Field(1).Bool() {
						got = o.Field(0).Interface()
					}
				}
				if j == i && !reflect.DeepEqual(got, v) || j != i && got != nil && !reflect.ValueOf(got).IsZero() {
					t.Errorf("field %d = %#v: %s is %#v", i, v, p.Type().Field(j).Name, got)
				}
			}
			written, err := AppendProperties(nil, m.Properties)
			if err != nil {
				t.Errorf("field %d = %#v: %v", i, v, err)
				continue
			}
			if again, err := ParseMessage(written); err != nil || !reflect.DeepEqual(again.Properties, m.Properties) {
				t.Errorf("field %d = %#v written and read = %+v, %v", i, v, again, err)
			}
		}
		for _, wrong := range []any{true, int32(1), 1.5, encoding.List{}, &encoding.Map{}} {
			fields := make(encoding.List, i+1)
			fields[i] = wrong
			b, err := encoding.Append(nil, encoding.Described{Descriptor: uint64(CodeProperties), Value: fields})
			if err != nil {
				t.Fatal(err)
			}
			if m, err := ParseMessage(b); !errors.Is(err, encoding.ErrMalformed) {
				t.Errorf("field %d = %#v: %+v, %v; want a fault", i, wrong, m, err)
			}
		}
	}
}

// TestApplicationProperties covers [OASIS 3.2.5]: keys are strings.
func TestApplicationProperties(t *testing.T) {
	for _, c := range []struct {
		key  any
		good bool
	}{{"k", true}, {"", true}, {encoding.Symbol("k"), false}, {nil, false}, {uint64(1), false}, {[]byte("k"), false}} {
		b, err := AppendApplicationProperties(nil, &encoding.Map{Pairs: []encoding.Pair{{Key: "first", Value: nil}, {Key: c.key, Value: true}}})
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseMessage(b)
		if err != nil {
			t.Errorf("key %#v: %v", c.key, err)
			continue
		}
		props, err := m.ApplicationProperties()
		if c.good != (err == nil) || c.good && props.Len() != 2 {
			t.Errorf("key %#v: %+v, %v; want it good: %t", c.key, props, err, c.good)
		}
	}
}

// TestKeptParts: what the message keeps can grow without writing into what stands
// behind it in the buffer.
func TestKeptParts(t *testing.T) {
	var b []byte
	for _, s := range sections {
		if s.name != "sequence" && s.name != "value" {
			b = append(b, unhex(t, s.bytes)...)
		}
	}
	before := bytes.Clone(b)
	m, err := ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	parts := append([][]byte{m.RawProperties, m.RawApplicationProperties, m.RawBody, m.RawFooter}, m.Data()...)
	for i := range parts {
		_ = append(parts[i], 0xEE, 0xEE, 0xEE)
	}
	if !bytes.Equal(b, before) {
		t.Errorf("appending to the parts changed the message: %x, was %x", b, before)
	}
}

// TestUnwritable: a section that can't be written leaves what was there.
func TestUnwritable(t *testing.T) {
	bad := &encoding.Map{Pairs: []encoding.Pair{{Key: "k", Value: struct{}{}}}}
	for name, f := range map[string]func([]byte) ([]byte, error){
		"delivery annotations":   func(b []byte) ([]byte, error) { return AppendDeliveryAnnotations(b, bad) },
		"message annotations":    func(b []byte) ([]byte, error) { return AppendMessageAnnotations(b, bad) },
		"application properties": func(b []byte) ([]byte, error) { return AppendApplicationProperties(b, bad) },
		"footer":                 func(b []byte) ([]byte, error) { return AppendFooter(b, bad) },
		"properties":             func(b []byte) ([]byte, error) { return AppendProperties(b, &Properties{CorrelationID: true}) },
		"value":                  func(b []byte) ([]byte, error) { return AppendValue(b, make(chan int)) },
		"sequence":               func(b []byte) ([]byte, error) { return AppendSequence(b, encoding.List{1}) },
	} {
		if got, err := f([]byte("before")); !errors.Is(err, encoding.ErrUnsupported) || string(got) != "before" {
			t.Errorf("%s: %q, %v; want what was there, %v", name, got, err, encoding.ErrUnsupported)
		}
	}
}

// TestSectionErrors: an error names the section that is at fault.
func TestSectionErrors(t *testing.T) {
	for in, code := range map[string]Code{
		"005370 a0 00":             CodeHeader,
		"005370 45 005371 45":      CodeDeliveryAnnotations,
		"005373 c0 02 01 41":       CodeProperties,
		"005375 40":                CodeData,
		"005377 40 005377 40":      CodeValue,
		"005375 a0 00 005378 a000": CodeFooter,
	} {
		_, err := ParseMessage(unhex(t, in))
		if want := fmt.Sprintf("message section %#x: ", uint64(code)); err == nil || !bytes.HasPrefix([]byte(err.Error()), []byte(want)) {
			t.Errorf("%s: %v, want it to begin with %q", in, err, want)
		}
	}
}
