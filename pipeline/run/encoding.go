package run

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"switchyard/expr"
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
// A later version may only add fields at the end of a kind; a reader of version n
// therefore reads every version up to n.
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
func EncodeEvent(dst []byte, e Event) []byte {
	w := &encoder{b: append(dst, encodingVersion, byte(e.kind()))}
	e.fields(w)
	return w.b
}

// DecodeEvent reads what [EncodeEvent] wrote. The event does not keep b.
func DecodeEvent(b []byte) (Event, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformedEvent, len(b))
	}
	if b[0] > encodingVersion {
		return nil, fmt.Errorf("%w: encoding %d, this one reads up to %d", ErrNewerEvent, b[0], encodingVersion)
	}
	e := newEvent(Kind(b[1]))
	if e == nil || b[0] == 0 {
		return nil, fmt.Errorf("%w: version %d, kind %d", ErrMalformedEvent, b[0], b[1])
	}
	r := &decoder{b: b[2:]}
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
	value(*expr.Value)
	object(**expr.Object)
	array(*expr.Array)
	texts(*[]string)
	// optional calls f if there is a part to write or to read; f makes it when
	// reading.
	optional(present bool, f func())
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

// encoder is the codec that writes.
type encoder struct{ b []byte }

func (w *encoder) text(p *string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*p)))
	w.b = append(w.b, *p...)
}

func (w *encoder) bytes(p *[]byte) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*p)))
	w.b = append(w.b, *p...)
}

func (w *encoder) int(p *int)                { w.b = binary.AppendVarint(w.b, int64(*p)) }
func (w *encoder) duration(p *time.Duration) { w.b = binary.AppendVarint(w.b, int64(*p)) }
func (w *encoder) small(p *uint8)            { w.b = append(w.b, *p) }

func (w *encoder) bool(p *bool) {
	if *p {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *encoder) time(p *time.Time) {
	w.b = binary.AppendVarint(w.b, p.Unix())
	w.b = binary.AppendUvarint(w.b, uint64(p.Nanosecond()))
}

func (w *encoder) optional(present bool, f func()) {
	w.bool(&present)
	if present {
		f()
	}
}

func (w *encoder) object(p **expr.Object) {
	w.optional(*p != nil, func() { w.members(*p) })
}

func (w *encoder) array(p *expr.Array) {
	w.optional(*p != nil, func() { w.elements(*p) })
}

func (w *encoder) texts(p *[]string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*p)))
	for i := range *p {
		w.text(&(*p)[i])
	}
}

func (w *encoder) elements(a expr.Array) {
	w.b = binary.AppendUvarint(w.b, uint64(len(a)))
	for i := range a {
		w.value(&a[i])
	}
}

func (w *encoder) members(o *expr.Object) {
	w.b = binary.AppendUvarint(w.b, uint64(o.Len()))
	for _, m := range o.Members() {
		w.text(&m.Name)
		w.value(&m.Value)
	}
}

// Tags of encoded values.
const (
	tagNull = iota
	tagFalse
	tagTrue
	tagInteger
	tagFloat
	tagText
	tagArray
	tagObject
)

func (w *encoder) value(p *expr.Value) {
	switch v := (*p).(type) {
	case nil:
		w.b = append(w.b, tagNull)
	case bool:
		if v {
			w.b = append(w.b, tagTrue)
		} else {
			w.b = append(w.b, tagFalse)
		}
	case int64:
		w.b = binary.AppendVarint(append(w.b, tagInteger), v)
	case float64:
		w.b = binary.BigEndian.AppendUint64(append(w.b, tagFloat), math.Float64bits(v))
	case string:
		w.b = append(w.b, tagText)
		w.text(&v)
	case expr.Array:
		w.b = append(w.b, tagArray)
		w.elements(v)
	case *expr.Object:
		if v == nil {
			w.b = append(w.b, tagNull)
			return
		}
		w.b = append(w.b, tagObject)
		w.members(v)
	default:
		panic(fmt.Sprintf("run: %T is no JSON value", v)) // expr.Value is a closed set
	}
}

// decoder is the codec that reads. After an error every read is a no-op.
type decoder struct {
	b     []byte
	depth int
	err   error
}

func (r *decoder) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformedEvent, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

func (r *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *decoder) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *decoder) byte() byte {
	if len(r.b) == 0 {
		r.fail("ends early")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// take returns the next n bytes, still part of the input.
func (r *decoder) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail("length %d, %d bytes left", n, len(r.b))
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// count reads a number of elements that are at least one byte each.
func (r *decoder) count() int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail("count %d, %d bytes left", n, len(r.b))
		return 0
	}
	return int(n)
}

func (r *decoder) text(p *string) { *p = string(r.take(r.uvarint())) }

func (r *decoder) bytes(p *[]byte) {
	if b := r.take(r.uvarint()); len(b) > 0 {
		*p = append(json.RawMessage(nil), b...)
	}
}

func (r *decoder) int(p *int)                { *p = int(r.varint()) }
func (r *decoder) duration(p *time.Duration) { *p = time.Duration(r.varint()) }
func (r *decoder) small(p *uint8)            { *p = r.byte() }

func (r *decoder) bool(p *bool) {
	switch r.byte() {
	case 0:
		*p = false
	case 1:
		*p = true
	default:
		r.fail("bad boolean")
	}
}

func (r *decoder) time(p *time.Time) {
	sec, nsec := r.varint(), r.uvarint()
	if nsec >= 1e9 {
		r.fail("bad time")
		return
	}
	*p = time.Unix(sec, int64(nsec)).UTC()
}

func (r *decoder) optional(_ bool, f func()) {
	var present bool
	if r.bool(&present); present && r.err == nil {
		f()
	}
}

func (r *decoder) object(p **expr.Object) { r.optional(false, func() { *p = r.members() }) }
func (r *decoder) array(p *expr.Array)    { r.optional(false, func() { *p = r.elements() }) }

func (r *decoder) texts(p *[]string) {
	for range r.count() {
		var s string
		r.text(&s)
		*p = append(*p, s)
	}
}

func (r *decoder) elements() expr.Array {
	n := r.count()
	a := make(expr.Array, 0, min(n, 1024))
	for range n {
		if r.err != nil {
			break
		}
		var v expr.Value
		r.value(&v)
		a = append(a, v)
	}
	return a
}

func (r *decoder) members() *expr.Object {
	o := &expr.Object{}
	for range r.count() {
		if r.err != nil {
			break
		}
		var name string
		var v expr.Value
		r.text(&name)
		r.value(&v)
		o.Set(name, v)
	}
	return o
}

func (r *decoder) value(p *expr.Value) {
	if r.depth++; r.depth > maxValueDepth {
		r.fail("values nested deeper than %d", maxValueDepth)
		return
	}
	defer func() { r.depth-- }()
	switch tag := r.byte(); tag {
	case tagNull:
		*p = nil
	case tagFalse:
		*p = false
	case tagTrue:
		*p = true
	case tagInteger:
		*p = r.varint()
	case tagFloat:
		if b := r.take(8); b != nil {
			*p = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case tagText:
		var s string
		r.text(&s)
		*p = s
	case tagArray:
		*p = r.elements()
	case tagObject:
		*p = r.members()
	default:
		r.fail("unknown value tag %d", tag)
	}
}
