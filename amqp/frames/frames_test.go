package frames

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"switchyard/amqp/encoding"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frame writes a whole frame.
func frame(t testing.TB, typ Type, channel uint16, body Body) []byte {
	t.Helper()
	b, mark := BeginFrame(nil, typ, channel)
	if body != nil {
		var err error
		if b, err = body.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	return EndFrame(b, mark)
}

// The worked bytes of [SB-AMQP 12].
func TestWorkedBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"heartbeat", frame(t, TypeAMQP, 0, nil), "00 00 00 08 02 00 00 00"},
		{"sasl-mechanisms", frame(t, TypeSASL, 0, &SASLMechanisms{[]encoding.Symbol{"MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"}}),
			"00 00 00 33 02 01 00 00 00 53 40 c0 26 01 e0 23 04 a3 07 4d535342434253 05 504c41494e 09 414e4f4e594d4f5553 08 45585445524e414c"},
		{"sasl-outcome ok", frame(t, TypeSASL, 0, &SASLOutcome{}), "00 00 00 10 02 01 00 00 00 53 44 c0 03 01 50 00"},
	} {
		if want := unhex(t, c.want); !bytes.Equal(c.got, want) {
			t.Errorf("%s: got %x, want %x", c.name, c.got, want)
		}
	}
	in := unhex(t, "00 53 15 c0 0b 05 42 52 05 52 05 41 00 53 24 45")
	body, payload, err := ParseBody(in)
	want := &Disposition{Role: RoleSender, First: 5, Last: 5, Settled: true, State: Accepted{}}
	if err != nil || len(payload) != 0 || !reflect.DeepEqual(body, want) {
		t.Errorf("ParseBody(%x) = %+v, payload %x, %v; want %+v", in, body, payload, err, want)
	}
}

var (
	someMap     = &encoding.Map{Pairs: []encoding.Pair{{Key: encoding.Symbol("k"), Value: "v"}}}
	someSymbols = []encoding.Symbol{"a", "b"}
	someError   = &Error{Condition: ErrNotFound, Description: "gone", Info: someMap}
	someSource  = &Source{Address: Some("q"), Durable: 1, ExpiryPolicy: "never", Timeout: 300, Dynamic: true, DynamicNodeProperties: someMap,
		DistributionMode: "move", Filter: someMap, DefaultOutcome: Modified{DeliveryFailed: true}, Outcomes: someSymbols, Capabilities: someSymbols}
	someTarget = &Target{Address: Some(""), Durable: 2, ExpiryPolicy: "link-detach", Timeout: 1, DynamicNodeProperties: someMap, Capabilities: someSymbols}
)

// bodies are frame bodies with the number of fields that [SB-AMQP 2.2] demands
// of what we write.
var bodies = []struct {
	name   string
	body   Body
	fields int
}{
	{"open, least", &Open{ContainerID: "c", MaxFrameSize: 512, ChannelMax: 1}, 10},
	{"open, all", &Open{"c", Some("h"), 65536, 4999, 240000, someSymbols, someSymbols, someSymbols, someSymbols, someMap}, 10},
	{"begin, least", &Begin{}, 8},
	{"begin, all", &Begin{Some(uint16(3)), 1, 5000, 5000, 255, someSymbols, someSymbols, someMap}, 8},
	{"attach, least", &Attach{Name: "l", Role: RoleReceiver}, 14},
	{"attach, all", &Attach{"l", 7, RoleSender, SenderSettled, ReceiverSecond, someSource, someTarget, someMap, true, Some(uint32(0)), 1 << 20, someSymbols, someSymbols, someMap}, 14},
	{"attach to coordinator", &Attach{Name: "t", Role: RoleReceiver, Target: &Coordinator{someSymbols}}, 14},
	{"attach to long name", &Attach{Name: strings.Repeat("l", 300), Role: RoleReceiver, Source: &Source{Address: Some(strings.Repeat("a", 300))}}, 14},
	{"flow, least", &Flow{}, 11},
	{"flow, all", &Flow{Some(uint32(1)), 5000, 2, 5000, Some(uint32(0)), Some(uint32(math.MaxUint32)), Some(uint32(10)), Some(uint32(3)), true, true, someMap}, 11},
	{"transfer, continuation", &Transfer{Handle: 1, More: true}, 11},
	{"transfer, all", &Transfer{1, Some(uint32(2)), []byte("0123456789abcdef0123456789abcdef"), Some(uint32(0x80013700)), true, true, Some(ReceiverSecond), Accepted{}, true, true, true}, 11},
	{"transfer, empty tag", &Transfer{DeliveryTag: []byte{}}, 11},
	{"disposition, no state", &Disposition{Role: RoleReceiver, First: 3, Last: 9}, 6},
	{"disposition, accepted", &Disposition{RoleSender, 1, 2, true, Accepted{}, true}, 6},
	{"disposition, released", &Disposition{State: Released{}}, 6},
	{"disposition, rejected", &Disposition{State: Rejected{someError}}, 6},
	{"disposition, rejected without error", &Disposition{State: Rejected{}}, 6},
	{"disposition, modified", &Disposition{State: Modified{true, true, someMap}}, 6},
	{"disposition, received", &Disposition{State: Received{1, 1 << 40}}, 6},
	{"disposition, declared", &Disposition{State: Declared{[]byte("t")}}, 6},
	{"disposition, transactional", &Disposition{State: TransactionalState{[]byte("t"), Accepted{}}}, 6},
	{"disposition, transactional without outcome", &Disposition{State: TransactionalState{TxnID: []byte("t")}}, 6},
	{"detach", &Detach{Handle: 1}, 3},
	{"detach, all", &Detach{1, true, someError}, 3},
	{"end", &End{}, 1},
	{"end, error", &End{&Error{Condition: ErrWindowViolation}}, 1},
	{"close", &Close{}, 1},
	{"close, error", &Close{someError}, 1},
	{"sasl-mechanisms", &SASLMechanisms{[]encoding.Symbol{"PLAIN"}}, 1},
	{"sasl-init", &SASLInit{"PLAIN", []byte("\x00u\x00p"), Some("h")}, 3},
	{"sasl-challenge", &SASLChallenge{[]byte{1}}, 1},
	{"sasl-response", &SASLResponse{[]byte{2}}, 1},
	{"sasl-outcome, failed", &SASLOutcome{Code: SASLAuth}, 2},
}

func TestBodiesRoundTrip(t *testing.T) {
	for _, c := range bodies {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.body.Append(nil)
			if err != nil {
				t.Fatalf("Append(%+v): %v", c.body, err)
			}
			if b[0] != 0x00 || b[1] != 0x53 {
				t.Errorf("descriptor %x, want 00 53 nn", b[:3])
			}
			got, payload, err := ParseBody(append(bytes.Clone(b), 0xEE))
			if err != nil || !reflect.DeepEqual(got, c.body) || !bytes.Equal(payload, []byte{0xEE}) {
				t.Errorf("ParseBody(%x ee) = %+v, payload %x, %v; want %+v", b, got, payload, err, c.body)
			}
			v, _, err := encoding.Read(b)
			if err != nil {
				t.Fatalf("Read(%x): %v", b, err)
			}
			if n := len(v.(encoding.Described).Value.(encoding.List)); n != c.fields {
				t.Errorf("%x has %d fields, want %d", b, n, c.fields)
			}
		})
	}
}

// Nested lists are never padded by clients that read by position.
func TestNestedFieldCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		write  func([]byte) ([]byte, error)
		fields int
	}{
		{"error", (&Error{Condition: "c"}).Append, 3},
		{"source", (&Source{}).Append, 11},
		{"target", (&Target{}).Append, 7},
		{"coordinator", (&Coordinator{}).Append, 1},
		{"rejected", func(b []byte) ([]byte, error) { return AppendState(b, Rejected{}) }, 1},
		{"modified", func(b []byte) ([]byte, error) { return AppendState(b, Modified{}) }, 3},
		{"header", func(b []byte) ([]byte, error) { return AppendHeader(b, &Header{}), nil }, 5},
		{"properties", func(b []byte) ([]byte, error) { return AppendProperties(b, &Properties{}) }, 13},
	} {
		b, err := c.write(nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		v, rest, err := encoding.Read(b)
		if err != nil || len(rest) != 0 {
			t.Errorf("%s: Read(%x): rest %x, %v", c.name, b, rest, err)
			continue
		}
		if n := len(v.(encoding.Described).Value.(encoding.List)); n != c.fields {
			t.Errorf("%s: %x has %d fields, want %d", c.name, b, n, c.fields)
		}
	}
}

func TestReadForms(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     Body
	}{
		{"trailing fields dropped", "00 53 10 c0 04 01 a1 01 63", &Open{ContainerID: "c", MaxFrameSize: math.MaxUint32, ChannelMax: math.MaxUint16}},
		{"empty list", "00 53 18 45", &Close{}},
		{"list32", "00 53 17 d0 00000005 00000001 40", &End{}},
		{"ulong descriptor of 8 bytes", "00 80 0000000000000017 45", &End{}},
		{"symbolic descriptor", "00 a3 0d 616d71703a656e643a6c697374 45", &End{}},
		{"handle-max absent", "00 53 11 c0 0a 04 40 43 70 00001388 52 05", &Begin{IncomingWindow: 5000, OutgoingWindow: 5, HandleMax: math.MaxUint32}},
		{"settle modes absent", "00 53 12 c0 0a 03 a1 01 6c 70 00000002 41", &Attach{Name: "l", Handle: 2, Role: RoleReceiver, SndSettleMode: SenderMixed}},
		{"disposition without last", "00 53 15 c0 04 02 41 52 07", &Disposition{Role: RoleReceiver, First: 7, Last: 7}},
		{"one symbol instead of an array", "00 53 40 c0 04 01 a3 01 61", &SASLMechanisms{[]encoding.Symbol{"a"}}},
		{"symbolic descriptor of a state", "00 53 15 c0 1d 05 41 43 40 41 00 a3 12 616d71703a61636365707465643a6c697374 45",
			&Disposition{Role: RoleReceiver, Settled: true, State: Accepted{}}},
	} {
		in := unhex(t, c.in)
		if c.name == "symbolic descriptor of a state" {
			in[4] = byte(len(in) - 5)
		}
		got, _, err := ParseBody(in)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: ParseBody(%x) = %+v, %v; want %+v", c.name, in, got, err, c.want)
		}
	}
}

func TestReadFaults(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"empty", ""},
		{"not described", "c0 01 00"},
		{"unknown descriptor", "00 53 19 45"},
		{"unknown symbol", "00 a3 01 61 45"},
		{"a map", "00 53 10 c1 01 00"},
		{"open without container-id", "00 53 10 45"},
		{"open with a number as container-id", "00 53 10 c0 02 01 43"},
		{"begin without windows", "00 53 11 c0 03 02 40 43"},
		{"attach without role", "00 53 12 c0 06 02 a1 01 6c 52 01"},
		{"attach of a sender without initial-delivery-count", "00 53 12 c0 06 03 a1 01 6c 43 42"},
		{"attach with settle mode 3", "00 53 12 c0 08 04 a1 01 6c 43 41 50 03"},
		{"attach with an error as source", "00 53 12 c0 0e 06 a1 01 6c 43 41 40 40 00 53 1d c0 01 00"},
		{"flow without windows", "00 53 13 45"},
		{"transfer without handle", "00 53 14 45"},
		{"transfer with a tag of 33 bytes", "00 53 14 c0 26 03 43 43 a0 21" + strings.Repeat("00", 33)},
		{"disposition with a target as state", "00 53 15 c0 0a 05 41 43 40 41 00 53 29 45"},
		{"error without condition", "00 53 18 c0 05 01 00 53 1d 45"},
		{"nested transactional state", "00 53 15 c0 1a 05 41 43 40 41 00 53 34 c0 0e 02 a0 00 00 53 34 c0 06 02 a0 00 00 53 24 45"},
		{"field too many", "00 53 18 c0 03 02 40 40"},
		{"sasl-init without mechanism", "00 53 41 45"},
		{"sasl-outcome without code", "00 53 44 45"},
	} {
		in := unhex(t, c.in)
		if body, _, err := ParseBody(in); err == nil {
			t.Errorf("%s: ParseBody(%x) = %+v, want an error", c.name, in, body)
		}
	}
}

func TestFrameHeader(t *testing.T) {
	for _, c := range []struct {
		in   string
		want FrameHeader
		err  error
	}{
		{"00000008 02 00 0000", FrameHeader{Size: 8, Body: 8}, nil},
		{"00000010 03 01 0102", FrameHeader{Size: 16, Body: 12, Type: TypeSASL, Channel: 0x102}, nil},
		{"00000008 01 00 0000", FrameHeader{Size: 8, Body: 4}, ErrFrame},
		{"00000007 02 00 0000", FrameHeader{Size: 7, Body: 8}, ErrFrame},
		{"00000008 03 00 0000", FrameHeader{Size: 8, Body: 12}, ErrFrame},
		{"00000008 02 00 00", FrameHeader{}, encoding.ErrTruncated},
	} {
		got, err := ParseFrameHeader(unhex(t, c.in))
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("ParseFrameHeader(%s) = %+v, %v; want %+v, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestAppendFails(t *testing.T) {
	bad := &encoding.Map{Pairs: []encoding.Pair{{Key: "k", Value: struct{}{}}}}
	for _, b := range []Body{
		&Open{Properties: bad}, &Attach{Source: &Source{Filter: bad}}, &Attach{Properties: bad},
		&Disposition{State: Modified{MessageAnnotations: bad}}, &Close{&Error{Info: bad}},
	} {
		if _, err := b.Append(nil); !errors.Is(err, encoding.ErrUnsupported) {
			t.Errorf("Append(%+v): %v, want %v", b, err, encoding.ErrUnsupported)
		}
	}
	if _, err := AppendProperties(nil, &Properties{MessageID: int32(1)}); !errors.Is(err, encoding.ErrUnsupported) {
		t.Errorf("AppendProperties with an int as message-id: %v", err)
	}
}

// FuzzBody feeds arbitrary bytes: what is read is written in a form that reads
// the same.
func FuzzBody(f *testing.F) {
	for _, c := range bodies {
		b, err := c.body.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body, _, err := ParseBody(in)
		if err != nil {
			return
		}
		b1, err := body.Append(nil)
		if err != nil {
			t.Fatalf("Append(%+v): %v", body, err)
		}
		again, rest, err := ParseBody(b1)
		if err != nil || len(rest) != 0 {
			t.Fatalf("ParseBody(%x): rest %x, %v; written from %+v", b1, rest, err, body)
		}
		if b2, err := again.Append(nil); err != nil || !bytes.Equal(b1, b2) {
			t.Fatalf("written %x, read and written again %x, %v", b1, b2, err)
		}
	})
}

func benchmarkTransfer() *Transfer {
	return &Transfer{Handle: 1, DeliveryID: Some(uint32(70000)), DeliveryTag: make([]byte, 16), MessageFormat: Some(uint32(0)), State: Accepted{}}
}

func BenchmarkTransferAppend(b *testing.B) {
	t := benchmarkTransfer()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		out, mark := BeginFrame(buf[:0], TypeAMQP, 1)
		out, err := t.Append(out)
		if err != nil {
			b.Fatal(err)
		}
		buf = EndFrame(out, mark)
	}
}

func BenchmarkTransferRead(b *testing.B) {
	in, err := benchmarkTransfer().Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	var t Transfer
	b.ReportAllocs()
	for b.Loop() {
		_, f, _, err := ReadList(in)
		if err != nil {
			b.Fatal(err)
		}
		if err := t.Read(&f); err != nil {
			b.Fatal(err)
		}
	}
}
