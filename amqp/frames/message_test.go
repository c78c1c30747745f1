package frames

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"switchyard/amqp/encoding"
)

var (
	fullHeader     = &Header{true, Some(uint8(7)), Some(uint32(60000)), true, 3}
	fullProperties = &Properties{"id", []byte("user"), Some("to"), Some("subject"), Some("reply"), encoding.UUID{1, 2},
		Some(encoding.Symbol("application/json")), Some(encoding.Symbol("gzip")), time.UnixMilli(2).UTC(), time.UnixMilli(1).UTC(),
		Some(""), Some(uint32(4)), Some("group")}
)

func must(t testing.TB) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestMessageRoundTrip(t *testing.T) {
	ok := must(t)
	props := ok(AppendProperties(nil, fullProperties))
	apps := ok(AppendApplicationProperties(nil, &encoding.Map{Pairs: []encoding.Pair{{Key: "a", Value: int32(1)}}}))
	body := AppendData(AppendData(nil, []byte("one")), nil)
	footer := ok(AppendFooter(nil, someMap))
	b := AppendHeader(nil, fullHeader)
	b = ok(AppendDeliveryAnnotations(b, someMap))
	b = ok(AppendMessageAnnotations(b, nil))
	b = append(b, props...)
	b = append(b, apps...)
	b = append(b, body...)
	b = append(b, footer...)
	got, err := ParseMessage(b)
	want := &Message{Header: fullHeader, DeliveryAnnotations: someMap, MessageAnnotations: &encoding.Map{}, Properties: fullProperties,
		RawProperties: props, RawApplicationProperties: apps, RawBody: body, RawFooter: footer, header: *fullHeader}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("ParseMessage(%x) = %+v, %v; want %+v", b, got, err, want)
	}
	m, err := got.ApplicationProperties()
	if v, _ := m.Get("a"); err != nil || v != int32(1) {
		t.Errorf("ApplicationProperties() = %+v, %v", m, err)
	}
	if data := got.Data(); !reflect.DeepEqual(data, [][]byte{[]byte("one"), {}}) {
		t.Errorf("Data() = %q", data)
	}
	if _, has, err := got.Value(); has || err != nil {
		t.Errorf("Value() of data: %v, %v", has, err)
	}
}

func TestMessageBodies(t *testing.T) {
	ok := must(t)
	value := ok(AppendValue(nil, nil))
	m, err := ParseMessage(value)
	if err != nil || !bytes.Equal(m.RawBody, value) || m.Properties != nil || m.RawProperties != nil {
		t.Errorf("ParseMessage(%x) = %+v, %v", value, m, err)
	}
	if v, has, err := m.Value(); v != nil || !has || err != nil {
		t.Errorf("Value() = %v, %v, %v; want nil, true", v, has, err)
	}
	if m.Data() != nil {
		t.Errorf("Data() of a value = %q", m.Data())
	}
	seq := ok(AppendSequence(ok(AppendSequence(nil, encoding.List{int32(1)})), encoding.List{}))
	if m, err = ParseMessage(seq); err != nil || !bytes.Equal(m.RawBody, seq) {
		t.Errorf("ParseMessage(%x) = %+v, %v", seq, m, err)
	}
	if m, err = ParseMessage(nil); err != nil || m.RawBody != nil {
		t.Errorf("ParseMessage of nothing = %+v, %v", m, err)
	}
	if props, err := m.ApplicationProperties(); props != nil || err != nil {
		t.Errorf("ApplicationProperties() of nothing = %v, %v", props, err)
	}
}

// [SB-AMQP 2.2]: clients skip two bytes of a descriptor blindly, so kept
// sections must start with 00 53 nn whatever form they came in.
func TestMessageDescriptorsNormalised(t *testing.T) {
	long := func(code string) string { return "00 80 00000000000000" + code }
	for _, c := range []struct {
		name, in                      string
		props, apps, rawBody, rawFoot string
	}{
		{"properties", long("73") + "45", "005373 45", "", "", ""},
		{"application properties and footer", long("74") + "c1 01 00" + long("78") + "c1 01 00", "", "005374 c1 01 00", "", "005378 c1 01 00"},
		{"second data of three", "005375 a0 01 61" + long("75") + "a0 01 62" + "005375 a0 01 63", "", "", "005375 a0 01 61 005375 a0 01 62 005375 a0 01 63", ""},
		{"symbolic data", "00 a3 10 616d71703a646174613a62696e617279 a0 00", "", "", "005375 a0 00", ""},
	} {
		in := unhex(t, c.in)
		m, err := ParseMessage(in)
		if err != nil {
			t.Errorf("%s: ParseMessage(%x): %v", c.name, in, err)
			continue
		}
		for _, s := range []struct {
			name string
			got  []byte
			want string
		}{{"properties", m.RawProperties, c.props}, {"application properties", m.RawApplicationProperties, c.apps}, {"body", m.RawBody, c.rawBody}, {"footer", m.RawFooter, c.rawFoot}} {
			if want := unhex(t, s.want); !bytes.Equal(s.got, want) {
				t.Errorf("%s: raw %s of %x = %x, want %x", c.name, s.name, in, s.got, want)
			}
		}
	}
}

func TestMessageFaults(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"not a section", "005324 45"},
		{"text", strings.Repeat("61", 20)},
		{"header twice", "005370 45 005370 45"},
		{"body before properties", "005375 a0 00 005373 45"},
		{"value twice", "005377 40 005377 40"},
		{"value after data", "005375 a0 00 005377 40"},
		{"sequence after data", "005375 a0 00 005376 45"},
		{"data after the footer", "005378 c1 01 00 005375 a0 00"},
		{"data that is a string", "005375 a1 00"},
		{"sequence that is a string", "005376 a1 00"},
		{"annotations that are a list", "005372 45"},
		{"application properties that are a list", "005374 45"},
		{"header with a string", "005370 c0 03 01 a1 00"},
		{"message id that is an int", "005373 c0 03 01 54 01"},
		{"cut off", "005375 a0 05 00"},
		{"broken inside a value", "005377 c0 03 01 a1 05"},
	} {
		in := unhex(t, c.in)
		if m, err := ParseMessage(in); err == nil {
			t.Errorf("%s: ParseMessage(%x) = %+v, want an error", c.name, in, m)
		}
	}
	m, err := ParseMessage(unhex(t, "005374 c1 03 02 43 40"))
	if err != nil {
		t.Fatal(err)
	}
	if props, err := m.ApplicationProperties(); err == nil {
		t.Errorf("application properties with a number as key = %+v, want an error", props)
	}
}

// [SB-AMQP 8.1]: the body of a batch is data sections, the envelope is ignored.
func TestParseBatch(t *testing.T) {
	ok := must(t)
	b := AppendData(nil, []byte("first"))
	b = AppendData(b, bytes.Repeat([]byte{7}, 300))
	batch := append(ok(AppendProperties(nil, fullProperties)), b...)
	got, err := ParseBatch(batch)
	if err != nil || !reflect.DeepEqual(got, [][]byte{[]byte("first"), bytes.Repeat([]byte{7}, 300)}) {
		t.Errorf("ParseBatch = %q, %v", got, err)
	}
	if got, err = ParseBatch(ok(AppendProperties(nil, fullProperties))); err != nil || len(got) != 0 {
		t.Errorf("ParseBatch of an envelope alone = %q, %v; want none", got, err)
	}
	if got, err = ParseBatch(ok(AppendValue(nil, "x"))); err == nil {
		t.Errorf("ParseBatch of a value = %q, want an error", got)
	}
}

// FuzzMessage feeds arbitrary bytes: never a panic, and what was kept parses to
// the same again.
func FuzzMessage(f *testing.F) {
	ok := must(f)
	b := AppendHeader(nil, fullHeader)
	b = ok(AppendMessageAnnotations(b, someMap))
	b = ok(AppendProperties(b, fullProperties))
	b = ok(AppendApplicationProperties(b, someMap))
	f.Add(AppendData(b, []byte("x")))
	f.Add(ok(AppendValue(nil, "x")))
	f.Add(unhex(f, "00 53 77 00 53 32 c0 05 02 a0 01 07 41"))
	f.Add(unhex(f, "00 80 0000000000000075 a0 01 62 005375 a0 01 63"))
	f.Fuzz(func(t *testing.T, in []byte) {
		_, _ = ParseBatch(in)
		m, err := ParseMessage(in)
		if err != nil {
			return
		}
		_, _ = m.ApplicationProperties()
		_, _, _ = m.Value()
		_, _ = m.Control()
		_ = m.Data()
		var kept []byte
		for _, raw := range [][]byte{m.RawProperties, m.RawApplicationProperties, m.RawBody, m.RawFooter} {
			kept = append(kept, raw...)
		}
		again, err := ParseMessage(kept)
		if err != nil {
			t.Fatalf("ParseMessage(%x), kept of %x: %v", kept, in, err)
		}
		if !bytes.Equal(again.RawProperties, m.RawProperties) || !bytes.Equal(again.RawApplicationProperties, m.RawApplicationProperties) ||
			!bytes.Equal(again.RawBody, m.RawBody) || !bytes.Equal(again.RawFooter, m.RawFooter) {
			t.Fatalf("kept %x reads as %+v, want %+v", kept, again, m)
		}
	})
}

func BenchmarkParseMessage(b *testing.B) {
	ok := must(b)
	in := ok(AppendProperties(nil, &Properties{MessageID: "8d2c4a31f0be4c6aa4a4c9d2a2f4a6f1", ContentType: Some(encoding.Symbol("application/json"))}))
	in = ok(AppendApplicationProperties(in, someMap))
	in = AppendData(in, make([]byte, 1024))
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := ParseMessage(in); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSplitMessage: what is left undecoded is decoded later to the same, and whether there
// is a message-id can be told before.
func TestSplitMessage(t *testing.T) {
	section := func(p *Properties) []byte {
		b, err := AppendProperties(AppendHeader(nil, &Header{}), p)
		if err != nil {
			t.Fatal(err)
		}
		return AppendData(b, []byte("body"))
	}
	for name, c := range map[string]struct {
		b          []byte
		identified bool
	}{
		"no properties":         {AppendData(nil, []byte("body")), false},
		"an id":                 {section(&Properties{MessageID: "id", Subject: Some("s")}), true},
		"no id":                 {section(&Properties{Subject: Some("s")}), false},
		"an empty list":         {[]byte{0x00, 0x53, 0x73, 0x45}, false},
		"a wide descriptor, id": {[]byte{0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x73, 0xC0, 4, 1, 0xA1, 1, 'x'}, true},
	} {
		m, err := SplitMessage(c.b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Properties != nil || m.Identified() != c.identified {
			t.Errorf("%s: identified %v, properties %+v before they are read; want %v, none", name, m.Identified(), m.Properties, c.identified)
		}
		if err := m.ReadProperties(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want, err := ParseMessage(c.b); err != nil || !reflect.DeepEqual(m, want) {
			t.Errorf("%s: in two steps %+v, at once %+v, %v", name, m, want, err)
		}
	}
	bad := []byte{0x00, 0x53, 0x73, 0xC0, 4, 1, 0x70, 0, 0, 0, 1} // a uint as a message-id, too short
	if _, err := SplitMessage(bad); err == nil {
		t.Error("a list that ends early is taken")
	}
}
