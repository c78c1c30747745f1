package run

import (
	"errors"
	"fmt"
	"time"

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
// integers as zigzag varints; booleans and small enumerations as one byte; times
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
const encodingVersion = 1

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
func EncodeEvent(dst []byte, e Event) []byte { return encodeEvent(dst, e, encodingVersion) }

func encodeEvent(dst []byte, e Event, version uint8) []byte {
	w := &encoder{b: append(dst, version, byte(e.kind()))}
	e.fields(w)
	return w.b
}

// DecodeEvent reads what [EncodeEvent] of this or an earlier version of the program
// wrote. The event does not keep b.
func DecodeEvent(b []byte) (Event, error) { return decodeEvent(b, encodingVersion, newEvent) }

// decodeEvent reads events up to the version newest, of the kinds that make knows.
func decodeEvent(b []byte, newest uint8, make func(Kind) Event) (Event, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformedEvent, len(b))
	}
	if b[0] > newest {
		return nil, fmt.Errorf("%w: encoding %d, this one reads up to %d", ErrNewerEvent, b[0], newest)
	}
	e := make(Kind(b[1]))
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

func newEvent(k Kind) Event {
	switch k {
	case KindCreated:
		return new(Created)
	case KindActivityStarted:
		return new(ActivityStarted)
	case KindContainerStarted:
		return new(ContainerStarted)
	case KindIterationStarted:
		return new(IterationStarted)
	case KindActivityFinished:
		return new(ActivityFinished)
	case KindActivitySkipped:
		return new(ActivitySkipped)
	case KindRetryScheduled:
		return new(RetryScheduled)
	case KindTimerStarted:
		return new(TimerStarted)
	case KindTimerFired:
		return new(TimerFired)
	case KindVariableSet:
		return new(VariableSet)
	case KindVariableAppended:
		return new(VariableAppended)
	case KindCancelRequested:
		return new(CancelRequested)
	case KindFinished:
		return new(Finished)
	}
	return nil
}

// A codec visits the fields of an event, to write or to read them: one list of
// fields serves both, so the two can't disagree.
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
	array(*value.Array)
	texts(*[]string)
	// optional calls f if there is a part to write or to read; f makes it when
	// reading.
	optional(present bool, f func())
	// since reports whether the fields that version added are there: always when
	// writing.
	since(version uint8) bool
}

func (e *Created) fields(c codec) {
	c.int(&e.Version)
	c.text(&e.ID)
	c.text(&e.GroupID)
	c.text(&e.Factory)
	c.text(&e.PipelineName)
	c.bytes(&e.Definition)
	c.object(&e.Parameters)
	c.object(&e.GlobalParameters)
	c.text(&e.Trigger.ID)
	c.text(&e.Trigger.Name)
	c.text(&e.Trigger.Type)
	c.time(&e.Trigger.Time)
	c.value(&e.Trigger.Outputs)
	c.text(&e.InvokedBy.ID)
	c.text(&e.InvokedBy.Name)
	c.text(&e.InvokedBy.Type)
	c.text(&e.InvokedBy.PipelineName)
	c.text(&e.InvokedBy.PipelineRunID)
	c.time(&e.At)
	c.texts(&e.Secure)
	c.bytes((*[]byte)(&e.Binding))
	c.object(&e.RunDimensions)
}

func (e *ActivityStarted) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.text(&e.Activity)
	c.text(&e.Type)
	c.time(&e.At)
	c.object(&e.Input)
	c.text(&e.LinkedService)
	c.object(&e.LinkedServiceParameters)
	c.array(&e.Inputs)
	c.array(&e.Outputs)
	c.duration(&e.Timeout)
	c.int(&e.Retry)
	c.duration(&e.RetryInterval)
	c.bool(&e.SecureInput)
	c.bool(&e.SecureOutput)
	c.object(&e.UserProperties)
}

func (e *ContainerStarted) fields(c codec) {
	c.text(&e.Path)
	c.time(&e.At)
	c.object(&e.Input)
	c.text(&e.Branch)
	c.array(&e.Items)
	c.int(&e.Queues)
	c.time(&e.Deadline)
	c.object(&e.UserProperties)
}

func (e *IterationStarted) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Iteration)
	c.time(&e.At)
}

func (e *ActivityFinished) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.small((*uint8)(&e.Status))
	c.value(&e.Output)
	c.optional(e.Error != nil, func() {
		if e.Error == nil {
			e.Error = new(ActivityError)
		}
		c.text(&e.Error.Code)
		c.text(&e.Error.Message)
		c.text(&e.Error.FailureType)
		c.value(&e.Error.Details)
	})
	c.time(&e.At)
	c.object(&e.Input)
	c.bool(&e.SecureInput)
	c.bool(&e.SecureOutput)
	c.object(&e.UserProperties)
}

func (e *ActivitySkipped) fields(c codec) {
	c.text(&e.Path)
	c.time(&e.At)
}

func (e *RetryScheduled) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.time(&e.FireAt)
	c.time(&e.At)
}

func (e *TimerStarted) fields(c codec) {
	c.text(&e.Path)
	c.time(&e.FireAt)
	c.time(&e.At)
	c.object(&e.Input)
	c.object(&e.UserProperties)
}

func (e *TimerFired) fields(c codec) {
	c.text(&e.Path)
	c.int(&e.Attempt)
	c.small((*uint8)(&e.Timer))
	c.time(&e.At)
}

func (e *VariableSet) fields(c codec) {
	c.text(&e.Path)
	c.text(&e.Name)
	c.value(&e.Value)
	c.bool(&e.System)
	c.time(&e.At)
	c.bool(&e.SecureInput)
	c.bool(&e.SecureOutput)
	c.object(&e.UserProperties)
}

func (e *VariableAppended) fields(c codec) {
	c.text(&e.Path)
	c.text(&e.Name)
	c.value(&e.Value)
	c.time(&e.At)
	c.object(&e.UserProperties)
}

func (e *CancelRequested) fields(c codec) { c.time(&e.At) }

func (e *Finished) fields(c codec) {
	c.small((*uint8)(&e.Status))
	c.text(&e.Message)
	c.time(&e.At)
}
