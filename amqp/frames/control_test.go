package frames

import (
	"errors"
	"reflect"
	"testing"

	"switchyard/amqp/encoding"
)

// TestControl covers [OASIS 4.5.2] and [OASIS 4.5.3]: what clients ask of a coordinator,
// as they write it.
func TestControl(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want Control
	}{
		"declare":                       {"00 53 31 45", Declare{}},
		"declare, list8":                {"00 53 31 c0 02 01 40", Declare{}},
		"declare, of a symbol":          {"00 a3 11 616d71703a6465636c6172653a6c697374 45", Declare{}},
		"declare, distributed":          {"00 53 31 c0 04 01 a0 01 07", Declare{Global: true}},
		"discharge":                     {"00 53 32 c0 05 02 a0 01 07 41", Discharge{[]byte{7}, true}},
		"discharge, not failed":         {"00 53 32 c0 05 02 a0 01 07 42", Discharge{[]byte{7}, false}},
		"discharge, fail is null":       {"00 53 32 c0 05 02 a0 01 07 40", Discharge{[]byte{7}, false}},
		"discharge, fail is absent":     {"00 53 32 c0 04 01 a0 01 07", Discharge{[]byte{7}, false}},
		"discharge, long descriptor":    {"00 80 0000000000000032 c0 06 02 a0 01 07 56 00", Discharge{[]byte{7}, false}},
		"discharge, without id":         {"00 53 32 45", nil},
		"discharge, the id is a string": {"00 53 32 c0 04 01 a1 01 61", nil},
		"discharge, fail is a number":   {"00 53 32 c0 06 02 a0 01 07 50 01", nil},
		"a state":                       {"00 53 24 45", nil},
		"a string":                      {"a1 01 61", nil},
		"null":                          {"40", nil},
	} {
		m, err := ParseMessage(unhex(t, "00 53 77"+c.body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := m.Control()
		if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.want != nil) || err != nil && !errors.Is(err, encoding.ErrMalformed) {
			t.Errorf("%s: %#v, %v; want %#v", name, got, err, c.want)
		}
	}
	for name, body := range map[string]string{"data": "00 53 75 a0 01 61", "nothing": ""} {
		m, err := ParseMessage(unhex(t, body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Control(); err == nil {
			t.Errorf("%s: %#v, want an error", name, got)
		}
	}
}
