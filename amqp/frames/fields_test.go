package frames

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"switchyard/amqp/encoding"
)

// fullBodies are the frame bodies with a value in every field, and which of the
// fields [OASIS 2.7] and [OASIS 5.3.3] make mandatory, by their place.
var fullBodies = []struct {
	body      Body
	fields    int
	mandatory map[int]string
}{
	{&Open{"c", Some("h"), 65536, 4999, 240000, someSymbols, someSymbols, someSymbols, someSymbols, someMap}, 10, map[int]string{0: "container-id"}},
	{&Begin{Some(uint16(3)), 1, 5000, 5000, 255, someSymbols, someSymbols, someMap}, 8, map[int]string{1: "next-outgoing-id", 2: "incoming-window", 3: "outgoing-window"}},
	{&Attach{"l", 7, RoleSender, SenderSettled, ReceiverSecond, someSource, someTarget, someMap, true, Some(uint32(9)), 1 << 20, someSymbols, someSymbols, someMap}, 14,
		map[int]string{0: "name", 1: "handle", 2: "role", 9: "initial-delivery-count"}},
	{&Flow{Some(uint32(1)), 5000, 2, 5000, Some(uint32(1)), Some(uint32(math.MaxUint32)), Some(uint32(10)), Some(uint32(3)), true, true, someMap}, 11,
		map[int]string{1: "incoming-window", 2: "next-outgoing-id", 3: "outgoing-window"}},
	{&Transfer{1, Some(uint32(2)), []byte("tag"), Some(uint32(0x80013700)), true, true, Some(ReceiverSecond), Modified{true, true, someMap}, true, true, true}, 11, map[int]string{0: "handle"}},
	{&Disposition{RoleReceiver, 1, 2, true, Rejected{someError}, true}, 6, map[int]string{0: "role", 1: "first"}},
	{&Detach{9, true, someError}, 3, map[int]string{0: "handle"}},
	{&End{someError}, 1, nil},
	{&Close{someError}, 1, nil},
	{&SASLInit{"PLAIN", []byte("x"), Some("h")}, 3, map[int]string{0: "mechanism"}},
	{&SASLOutcome{SASLAuth, []byte("x")}, 2, map[int]string{0: "code"}},
}

// fieldsOf takes the encoding of a body apart into its code and its fields.
func fieldsOf(t *testing.T, body Body) (Code, encoding.List) {
	t.Helper()
	b, err := body.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	v, rest, err := encoding.Read(b)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%x: rest %x, %v", b, rest, err)
	}
	d := v.(encoding.Described)
	return Code(d.Descriptor.(uint64)), d.Value.(encoding.List)
}

func bodyOf(t *testing.T, code Code, fields encoding.List) []byte {
	t.Helper()
	b, err := encoding.Append(nil, encoding.Described{Descriptor: uint64(code), Value: fields})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMandatoryFields: a body without a mandatory field is refused with the
// field's name; one without another is read as if the field had its default.
func TestMandatoryFields(t *testing.T) {
	for _, c := range fullBodies {
		code, fields := fieldsOf(t, c.body)
		if len(fields) != c.fields {
			t.Errorf("%T is written with %d fields, want %d", c.body, len(fields), c.fields)
			continue
		}
		for i := range fields {
			without := slices.Clone(fields)
			without[i] = nil
			got, _, err := ParseBody(bodyOf(t, code, without))
			name, mandatory := c.mandatory[i]
			switch {
			case mandatory && (!errors.Is(err, encoding.ErrMalformed) || !strings.Contains(err.Error(), name)):
				t.Errorf("%T without field %d: %v, want a fault that names %s", c.body, i, err, name)
			case !mandatory && err != nil:
				t.Errorf("%T without field %d: %v, want its default", c.body, i, err)
			case !mandatory:
				before, after := reflect.ValueOf(c.body).Elem(), reflect.ValueOf(got).Elem()
				for j := range before.NumField() {
					if same := reflect.DeepEqual(before.Field(j).Interface(), after.Field(j).Interface()); same == (i == j) {
						t.Errorf("%T without field %d: %s is %v, was %v", c.body, i, before.Type().Field(j).Name, after.Field(j), before.Field(j))
					}
				}
			}
		}
	}
}

// TestFieldsOfWrongType: no field is passed over because it is of another type.
func TestFieldsOfWrongType(t *testing.T) {
	for _, c := range fullBodies {
		code, fields := fieldsOf(t, c.body)
		for i := range fields {
			for _, wrong := range []any{float32(1), encoding.List{}, encoding.Described{Descriptor: uint64(0x99), Value: encoding.List{}}, []int64{1}} {
				with := slices.Clone(fields)
				with[i] = wrong
				if got, _, err := ParseBody(bodyOf(t, code, with)); !errors.Is(err, encoding.ErrMalformed) {
					t.Errorf("%T with %T in field %d = %+v, %v; want a fault", c.body, wrong, i, got, err)
				}
			}
		}
	}
}

// TestTrailingFields covers [OASIS 1.4]: fields left out at the end are null, and
// there is no field beyond the last.
func TestTrailingFields(t *testing.T) {
	for _, c := range fullBodies {
		code, fields := fieldsOf(t, c.body)
		for n := range fields {
			nulls := append(slices.Clone(fields[:n]), make(encoding.List, len(fields)-n)...)
			long, _, longErr := ParseBody(bodyOf(t, code, nulls))
			short, _, shortErr := ParseBody(bodyOf(t, code, fields[:n]))
			if (longErr == nil) != (shortErr == nil) || longErr == nil && !reflect.DeepEqual(long, short) {
				t.Errorf("%T of %d fields = %+v, %v; with nulls %+v, %v", c.body, n, short, shortErr, long, longErr)
			}
		}
		if got, _, err := ParseBody(bodyOf(t, code, append(slices.Clone(fields), nil))); !errors.Is(err, encoding.ErrMalformed) {
			t.Errorf("%T with a field too many = %+v, %v; want a fault", c.body, got, err)
		}
	}
}

// TestReadReplaces: a struct that is used again holds nothing of what it was.
func TestReadReplaces(t *testing.T) {
	for _, c := range fullBodies {
		code, fields := fieldsOf(t, c.body)
		for i := range fields {
			if _, mandatory := c.mandatory[i]; !mandatory {
				fields[i] = nil
			}
		}
		b := bodyOf(t, code, fields)
		fresh, _, err := ParseBody(b)
		if err != nil {
			t.Fatal(err)
		}
		full, err := c.body.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		used, _, err := ParseBody(full)
		if err != nil {
			t.Fatal(err)
		}
		_, f, _, err := ReadList(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := used.Read(&f); err != nil || !reflect.DeepEqual(used, fresh) {
			t.Errorf("%T read into one that was used = %+v, %v; want %+v", c.body, used, err, fresh)
		}
	}
}

// TestPayload: what follows a transfer is the payload, to the byte, also if it
// looks like another performative.
func TestPayload(t *testing.T) {
	b, err := (&Transfer{Handle: 1}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range [][]byte{{}, {0}, b, bytes.Repeat([]byte{0x40}, 1000)} {
		got, rest, err := ParseBody(append(bytes.Clone(b), payload...))
		if err != nil || !bytes.Equal(rest, payload) || !reflect.DeepEqual(got, &Transfer{Handle: 1}) {
			t.Errorf("payload of %d bytes: %+v, payload of %d, %v", len(payload), got, len(rest), err)
		}
	}
}

// TestSymbolicDescriptors covers [OASIS 1.2]: peers may name every type in place
// of its number.
func TestSymbolicDescriptors(t *testing.T) {
	numbers := map[Code]bool{}
	for name, code := range names {
		if numbers[code] {
			t.Errorf("descriptor %#x has two names", uint64(code))
		}
		numbers[code] = true
		v := any(encoding.List{})
		b, err := encoding.Append(nil, encoding.Described{Descriptor: encoding.Symbol(name), Value: v})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, rest, err := ReadList(append(b, 0x40)); err != nil || got != code || len(rest) != 1 {
			t.Errorf("%s = %#x, rest %x, %v; want %#x", name, uint64(got), rest, err, uint64(code))
		}
		switch {
		case code < CodeError || code >= CodeSASLMechanisms && code <= CodeSASLOutcome:
			if NewBody(code) == nil {
				t.Errorf("%s is no body of a frame", name)
			}
		default:
			if NewBody(code) != nil {
				t.Errorf("%s is a body of a frame", name)
			}
		}
	}
	for _, name := range []string{"", "amqp:open", "AMQP:OPEN:LIST", "amqp:open:list ", "amqp:open:map"} {
		b, err := encoding.Append(nil, encoding.Described{Descriptor: encoding.Symbol(name), Value: encoding.List{}})
		if err != nil {
			t.Fatal(err)
		}
		if code, _, _, err := ReadList(b); !errors.Is(err, encoding.ErrMalformed) {
			t.Errorf("descriptor %q = %#x, %v; want a fault", name, uint64(code), err)
		}
	}
}

// TestTags covers [OASIS 2.8.7]: up to 32 bytes; an empty tag is one, and an
// absent one is none.
func TestTags(t *testing.T) {
	for n, good := range map[int]bool{0: true, 1: true, 32: true, 33: false, 300: false} {
		b := bodyOf(t, CodeTransfer, encoding.List{uint32(0), nil, make([]byte, n)})
		got, _, err := ParseBody(b)
		if good != (err == nil) {
			t.Errorf("tag of %d bytes: %v, want it good: %t", n, err, good)
		} else if tag := got.(*Transfer).DeliveryTag; good && (tag == nil || len(tag) != n) {
			t.Errorf("tag of %d bytes = %#v", n, tag)
		}
	}
	got, _, err := ParseBody(bodyOf(t, CodeTransfer, encoding.List{uint32(0)}))
	if err != nil || got.(*Transfer).DeliveryTag != nil {
		t.Errorf("no tag = %+v, %v", got, err)
	}
}

// TestSettleModes covers [OASIS 2.8.2] and [OASIS 2.8.3].
func TestSettleModes(t *testing.T) {
	for _, c := range []struct {
		snd, rcv any
		want     *Attach // nil: refused
	}{
		{nil, nil, &Attach{SndSettleMode: SenderMixed, RcvSettleMode: ReceiverFirst}},
		{uint8(0), uint8(0), &Attach{SndSettleMode: SenderUnsettled}},
		{uint8(1), uint8(1), &Attach{SndSettleMode: SenderSettled, RcvSettleMode: ReceiverSecond}},
		{uint8(2), nil, &Attach{SndSettleMode: SenderMixed}},
		{uint8(3), nil, nil},
		{nil, uint8(2), nil},
		{uint8(255), uint8(255), nil},
	} {
		got, _, err := ParseBody(bodyOf(t, CodeAttach, encoding.List{"l", uint32(1), true, c.snd, c.rcv}))
		if c.want == nil {
			if !errors.Is(err, encoding.ErrMalformed) {
				t.Errorf("modes %v, %v: %+v, %v; want a fault", c.snd, c.rcv, got, err)
			}
			continue
		}
		c.want.Name, c.want.Handle, c.want.Role = "l", 1, RoleReceiver
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("modes %v, %v: %+v, %v; want %+v", c.snd, c.rcv, got, err, c.want)
		}
	}
}

// TestHeaderOfFrames covers [OASIS 2.3.1]: an extended header is stepped over, and
// what a header can't say is refused.
func TestHeaderOfFrames(t *testing.T) {
	for _, c := range []struct {
		size uint32
		doff byte
		ok   bool
	}{
		{8, 2, true}, {12, 3, true}, {math.MaxUint32, 2, true}, {1020, 255, true}, {1021, 255, true},
		{8, 0, false}, {8, 1, false}, {0, 2, false}, {7, 2, false}, {11, 3, false}, {1019, 255, false},
	} {
		b := []byte{byte(c.size >> 24), byte(c.size >> 16), byte(c.size >> 8), byte(c.size), c.doff, 0, 0xAB, 0xCD}
		h, err := ParseFrameHeader(append(b, 0xFF))
		want := FrameHeader{Size: c.size, Body: uint32(c.doff) * 4, Channel: 0xABCD}
		if c.ok && (err != nil || h != want) || !c.ok && !errors.Is(err, ErrFrame) {
			t.Errorf("size %d, doff %d: %+v, %v; want ok: %t", c.size, c.doff, h, err, c.ok)
		}
	}
	b, mark := BeginFrame([]byte("before"), TypeSASL, 0x0102)
	b = EndFrame(append(b, 7, 8, 9), mark)
	if want := append([]byte("before"), 0, 0, 0, 11, 2, 1, 1, 2, 7, 8, 9); !bytes.Equal(b, want) {
		t.Errorf("a frame behind others = %x, want %x", b, want)
	}
}

func TestTexts(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{RoleSender.String(), "sender"},
		{RoleReceiver.String(), "receiver"},
		{(&Error{Condition: "c"}).Error(), "c"},
		{(&Error{Condition: "c", Description: "d"}).Error(), "c: d"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if got := Some(0).Or(5); got != 0 {
		t.Errorf("a zero that is there = %d", got)
	}
	if got := (Opt[int]{Value: 7}).Or(5); got != 5 {
		t.Errorf("an absent field = %d, want the default", got)
	}
}
