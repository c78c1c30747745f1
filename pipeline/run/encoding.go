package run

import (
	"errors"
	"fmt"
	"time"

	"switchyard/pipeline"
	"switchyard/value"
)

// An encoded event is
//
//	+---------+------+----------------------+
//	| version | kind | fields, in order ... |
//	+---------+------+----------------------+
//	   1 byte  1 byte
//
// with these fields: text and bytes as a uvarint length and that many bytes;
// integers as zigzag varints; hashes as 32 bytes; booleans and small enumerations as one byte; times
// as zigzag seconds since 1970 and uvarint nanoseconds; optional parts as a
// boolean and, if true, the part; values as one tag byte and
//
//	0 null   1 false   2 true   3 integer (zigzag)   4 float (8 bytes, big endian)
//	5 text   6 array (count, values)   7 object (count, text and value pairs)
//
// A later version may only add kinds, and fields at the end of a kind's list, which
// say since which version they are there:
//
//	if c.since(2) {
//		c.text(&e.Added)
//	}
//
// A reader of version n therefore reads every version up to n: what an older one
// did not write stays zero. What is written has version encodingVersion.
const encodingVersion = 5

// Limits of the decoder. Depth is more than any JSON document accepted anywhere,
// because events wrap such documents.
const maxValueDepth = 1024

var (
	// ErrMalformedEvent reports bytes that are no encoded event.
	ErrMalformedEvent = errors.New("malformed event")
	// ErrNewerEvent reports an event that a newer version of the program wrote.
	ErrNewerEvent = errors.New("event written by a newer version")
)

// EncodeEvent appends the encoding of e to dst.
func EncodeEvent(dst []byte, e Event) []byte {
	return encodeEvent(dst, e, numberOf(e), encodingVersion)
}

func encodeEvent(dst []byte, e Event, number, version uint8) []byte {
	w := &encoder{b: append(dst, version, number)}
	e.fields(w)
	return w.b
}

// DecodeEvent reads what [EncodeEvent] of this or an earlier version of the program
// wrote. The event does not keep b.
func DecodeEvent(b []byte) (Event, error) { return decodeEvent(b, encodingVersion, newEvent) }

// decodeEvent reads events up to the version newest, of the kinds that make knows.
func decodeEvent(b []byte, newest uint8, make func(number uint8) Event) (Event, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformedEvent, len(b))
	}
	if b[0] > newest {
		return nil, fmt.Errorf("%w: encoding %d, this one reads up to %d", ErrNewerEvent, b[0], newest)
	}
	e := make(b[1])
	if e == nil || b[0] == 0 {
		return nil, fmt.Errorf("%w: version %d, kind %d", ErrMalformedEvent, b[0], b[1])
	}
	r := &decoder{b: b[2:], version: b[0]}
	e.fields(r)
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes left over", len(r.b))
	}
	if r.err != nil {
		return nil, r.err
	}
	return e, nil
}

// A codec visits the fields of an event, to write them, to read them, or to look
// at its values: one list of fields serves all, so they can't disagree.
type codec interface {
	text(*string)
	bytes(*[]byte)
	int(*int)
	duration(*time.Duration)
	bool(*bool)
	small(*uint8)
	time(*time.Time)
	value(*value.Value)
	object(**value.Object)
	// input is object for the resolved input of an activity. An event has at most
	// one.
	input(**value.Object)
	array(*value.Array)
	texts(*[]string)
	hash(*Hash)
	// optional calls f if there is a part to write or to read; f makes it when
	// reading.
	optional(present bool, f func())
	// since reports whether the fields that version added are there: always when
	// writing.
	since(version uint8) bool
	// sealed says that events of this kind may hold secrets anywhere. It is no field.
	sealed()
}

// visitError visits an error that may be absent.
func visitError(c codec, p **pipeline.ActivityError) {
	c.optional(*p != nil, func() {
		if *p == nil {
			*p = new(pipeline.ActivityError)
		}
		e := *p
		c.text(&e.Code)
		c.text(&e.Message)
		c.text(&e.FailureType)
		c.value(&e.Details)
	})
}
