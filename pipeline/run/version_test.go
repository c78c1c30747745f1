package run

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"switchyard/value"
)

// note is an event as the first version of a program wrote it, grown the same as
// the second and third ones know it.
type note struct{ Text string }

func (*note) When() time.Time    { return time.Time{} }
func (*note) apply(*State) error { return nil }
func (e *note) fields(c codec)   { c.text(&e.Text) }

type grown struct {
	Text   string
	Count  int
	Value  value.Value
	Secure bool
}

func (*grown) When() time.Time    { return time.Time{} }
func (*grown) apply(*State) error { return nil }

func (e *grown) fields(c codec) {
	c.text(&e.Text)
	if c.since(2) {
		c.int(&e.Count)
		c.value(&e.Value)
	}
	if c.since(3) {
		c.bool(&e.Secure)
	}
}

func TestFieldsOfLaterVersions(t *testing.T) {
	newNote := func(uint8) Event { return new(note) }
	newGrown := func(uint8) Event { return new(grown) }
	first := encodeEvent(nil, &note{"t"}, 200, 1)
	full := &grown{Text: "t", Count: 7, Value: "v", Secure: true}
	third := encodeEvent(nil, full, 200, 3)
	second := append([]byte{2}, third[1:len(third)-1]...) // without its last field, one byte
	for _, test := range []struct {
		name   string
		event  []byte
		newest uint8
		kinds  func(uint8) Event
		want   Event
		err    error
	}{
		{"first by the first", first, 1, newNote, &note{"t"}, nil},
		{"first by the third", first, 3, newGrown, &grown{Text: "t"}, nil},
		{"second by the third", second, 3, newGrown, &grown{Text: "t", Count: 7, Value: "v"}, nil},
		{"third by the third", third, 3, newGrown, full, nil},
		{"third by the first", third, 1, newNote, nil, ErrNewerEvent},
		{"third by the second", third, 2, newGrown, nil, ErrNewerEvent},
		{"third without its last field", third[:len(third)-1], 3, newGrown, nil, ErrMalformedEvent},
		{"first with a field of the second", append([]byte{1}, second[1:]...), 3, newGrown, nil, ErrMalformedEvent},
	} {
		got, err := decodeEvent(test.event, test.newest, test.kinds)
		if !errors.Is(err, test.err) || test.want != nil && !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, %v; want %+v, %v", test.name, got, err, test.want, test.err)
		}
	}
}
