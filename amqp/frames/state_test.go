package frames

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"switchyard/amqp/encoding"
)

// TestStates covers [OASIS 3.4] and [OASIS 4.5]: every state as it is written and
// read, with what a peer may leave out.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		state       State
		written     string // if not the same
	}{
		{"accepted", "00 53 24 45", Accepted{}, ""},
		{"accepted, list8", "00 53 24 c0 01 00", Accepted{}, "00 53 24 45"},
		{"released", "00 53 26 45", Released{}, ""},
		{"rejected", "00 53 25 c0 02 01 40", Rejected{}, ""},
		{"rejected, list0", "00 53 25 45", Rejected{}, "00 53 25 c0 02 01 40"},
		{"rejected with an error", "00 53 25 c0 0c 01 00 53 1d c0 06 03 a3 01 63 40 40", Rejected{&Error{Condition: "c"}}, ""},
		{"modified", "00 53 27 c0 04 03 42 42 40", Modified{}, ""},
		{"modified, all", "00 53 27 c0 0b 03 41 41 c1 06 02 a3 01 6b 54 01", Modified{true, true, &encoding.Map{Pairs: []encoding.Pair{{Key: encoding.Symbol("k"), Value: int32(1)}}}}, ""},
		{"modified, only the first", "00 53 27 c0 02 01 41", Modified{DeliveryFailed: true}, "00 53 27 c0 04 03 41 42 40"},
		{"received", "00 53 23 c0 05 02 52 01 53 02", Received{1, 2}, ""},
		{"declared", "00 53 33 c0 04 01 a0 01 ff", Declared{[]byte{255}}, ""},
		{"declared, empty id", "00 53 33 c0 03 01 a0 00", Declared{[]byte{}}, ""},
		{"transactional", "00 53 34 c0 05 02 a0 01 07 40", TransactionalState{TxnID: []byte{7}}, ""},
		{"transactional, accepted", "00 53 34 c0 08 02 a0 01 07 00 53 24 45", TransactionalState{[]byte{7}, Accepted{}}, ""},
	} {
		in := unhex(t, c.bytes)
		got, err := ParseState(append(bytes.Clone(in), 0xEE))
		if err != nil || !reflect.DeepEqual(got, c.state) {
			t.Errorf("%s: ParseState(%x) = %#v, %v; want %#v", c.name, in, got, err, c.state)
		}
		want := in
		if c.written != "" {
			want = unhex(t, c.written)
		}
		if b, err := AppendState([]byte{9}, c.state); err != nil || !bytes.Equal(b, append([]byte{9}, want...)) {
			t.Errorf("%s: AppendState = %x, %v; want 09%x", c.name, b, err, want)
		}
	}
	for name, in := range map[string]string{
		"nothing":                      "",
		"not described":                "45",
		"a source":                     "00 53 28 45",
		"an error":                     "00 53 1d c0 04 01 a3 01 63",
		"declare, which is no state":   "00 53 31 45",
		"a map":                        "00 53 24 c1 01 00",
		"accepted with a field":        "00 53 24 c0 02 01 40",
		"received without offset":      "00 53 23 c0 03 01 52 01",
		"received without section":     "00 53 23 45",
		"declared without id":          "00 53 33 45",
		"transactional without id":     "00 53 34 c0 02 01 40",
		"transactional, id a string":   "00 53 34 c0 04 01 a1 01 61",
		"transactional inside another": "00 53 34 c0 0c 02 a0 00 00 53 34 c0 03 01 a0 00",
		"rejected with a source":       "00 53 25 c0 05 01 00 53 28 45",
		"rejected, error incomplete":   "00 53 25 c0 05 01 00 53 1d 45",
		"modified with a number":       "00 53 27 c0 03 01 52 01",
		"cut off":                      "00 53 27 c0 04 03 42 42",
	} {
		if got, err := ParseState(unhex(t, in)); err == nil {
			t.Errorf("%s: ParseState(%s) = %#v, want an error", name, in, got)
		}
	}
	if b, err := AppendState([]byte{9}, nil); !errors.Is(err, encoding.ErrUnsupported) || !bytes.Equal(b, []byte{9}) {
		t.Errorf("AppendState(nil) = %x, %v", b, err)
	}
}

// TestStatesOutliveTheInput: the id of a transaction is kept, the buffer is not.
func TestStatesOutliveTheInput(t *testing.T) {
	for _, in := range []string{"00 53 33 c0 05 01 a0 02 0102", "00 53 34 c0 06 02 a0 02 0102 40"} {
		b := unhex(t, in)
		s, err := ParseState(b)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		clear(b)
		var id []byte
		switch s := s.(type) {
		case Declared:
			id = s.TxnID
		case TransactionalState:
			id = s.TxnID
		}
		if !bytes.Equal(id, []byte{1, 2}) {
			t.Errorf("%s: the id is %x after the buffer changed", in, id)
		}
	}
}
