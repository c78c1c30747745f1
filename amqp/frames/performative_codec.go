package frames

import (
	"fmt"
	"math"

	"switchyard/amqp/encoding"
)

// Every Append adds the struct with its descriptor and all its fields. It fails
// only if a map or a message-id holds a Go value that has no encoding. Every Read
// replaces the struct by the fields of a list whose descriptor [ReadList] gave.

// Append adds the performative to dst.
func (o *Open) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeOpen)
	l.string(o.ContainerID)
	l.optString(o.Hostname)
	l.uint(o.MaxFrameSize)
	l.ushort(o.ChannelMax)
	if o.IdleTimeout == 0 {
		l.null()
	} else {
		l.uint(o.IdleTimeout)
	}
	l.symbols(o.OutgoingLocales)
	l.symbols(o.IncomingLocales)
	l.symbols(o.OfferedCapabilities)
	l.symbols(o.DesiredCapabilities)
	l.mapping(o.Properties)
	return l.end()
}

// Read replaces o by the fields of an open.
func (o *Open) Read(f *encoding.Fields) error {
	*o = Open{}
	var ok bool
	o.ContainerID, ok = f.String()
	missing(f, "container-id", ok)
	o.Hostname = some(f.String())
	v, ok := f.Uint()
	o.MaxFrameSize = orDefault(v, ok, math.MaxUint32)
	c, ok := f.Ushort()
	o.ChannelMax = orDefault(c, ok, math.MaxUint16)
	o.IdleTimeout, _ = f.Uint()
	o.OutgoingLocales, _ = f.Symbols()
	o.IncomingLocales, _ = f.Symbols()
	o.OfferedCapabilities, _ = f.Symbols()
	o.DesiredCapabilities, _ = f.Symbols()
	o.Properties, _ = f.Map()
	return f.Err()
}

// Append adds the performative to dst.
func (b *Begin) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeBegin)
	opt(&l, b.RemoteChannel, (*list).ushort)
	l.uint(b.NextOutgoingID)
	l.uint(b.IncomingWindow)
	l.uint(b.OutgoingWindow)
	l.uint(b.HandleMax)
	l.symbols(b.OfferedCapabilities)
	l.symbols(b.DesiredCapabilities)
	l.mapping(b.Properties)
	return l.end()
}

// Read replaces b by the fields of a begin.
func (b *Begin) Read(f *encoding.Fields) error {
	*b = Begin{}
	var ok bool
	b.RemoteChannel = some(f.Ushort())
	b.NextOutgoingID, ok = f.Uint()
	missing(f, "next-outgoing-id", ok)
	b.IncomingWindow, ok = f.Uint()
	missing(f, "incoming-window", ok)
	b.OutgoingWindow, ok = f.Uint()
	missing(f, "outgoing-window", ok)
	v, ok := f.Uint()
	b.HandleMax = orDefault(v, ok, math.MaxUint32)
	b.OfferedCapabilities, _ = f.Symbols()
	b.DesiredCapabilities, _ = f.Symbols()
	b.Properties, _ = f.Map()
	return f.Err()
}

// Append adds the performative to dst.
func (a *Attach) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeAttach)
	l.string(a.Name)
	l.uint(a.Handle)
	l.bool(bool(a.Role))
	l.ubyte(uint8(a.SndSettleMode))
	l.ubyte(uint8(a.RcvSettleMode))
	if a.Source == nil {
		l.null()
	} else {
		l.nested(a.Source.Append)
	}
	if a.Target == nil {
		l.null()
	} else {
		l.nested(a.Target.Append)
	}
	l.mapping(a.Unsettled)
	l.bool(a.IncompleteUnsettled)
	l.optUint(a.InitialDeliveryCount)
	if a.MaxMessageSize == 0 {
		l.null()
	} else {
		l.ulong(a.MaxMessageSize)
	}
	l.symbols(a.OfferedCapabilities)
	l.symbols(a.DesiredCapabilities)
	l.mapping(a.Properties)
	return l.end()
}

// Read replaces a by the fields of an attach.
func (a *Attach) Read(f *encoding.Fields) error {
	*a = Attach{}
	var ok bool
	a.Name, ok = f.String()
	missing(f, "name", ok)
	a.Handle, ok = f.Uint()
	missing(f, "handle", ok)
	role, ok := f.Bool()
	missing(f, "role", ok)
	a.Role = Role(role)
	snd, ok := f.Ubyte()
	a.SndSettleMode = SenderSettleMode(orDefault(snd, ok, uint8(SenderMixed)))
	rcv, _ := f.Ubyte()
	a.RcvSettleMode = ReceiverSettleMode(rcv)
	if a.SndSettleMode > SenderMixed || a.RcvSettleMode > ReceiverSecond {
		f.Fail(fmt.Errorf("%w: settle modes %d, %d", encoding.ErrMalformed, a.SndSettleMode, a.RcvSettleMode))
	}
	a.Source = readSource(f)
	a.Target = readTarget(f)
	a.Unsettled, _ = f.Map()
	a.IncompleteUnsettled, _ = f.Bool()
	a.InitialDeliveryCount = some(f.Uint())
	if a.Role == RoleSender {
		missing(f, "initial-delivery-count", a.InitialDeliveryCount.Set)
	}
	a.MaxMessageSize, _ = f.Ulong()
	a.OfferedCapabilities, _ = f.Symbols()
	a.DesiredCapabilities, _ = f.Symbols()
	a.Properties, _ = f.Map()
	return f.Err()
}

// Append adds the performative to dst.
func (w *Flow) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeFlow)
	l.optUint(w.NextIncomingID)
	l.uint(w.IncomingWindow)
	l.uint(w.NextOutgoingID)
	l.uint(w.OutgoingWindow)
	l.optUint(w.Handle)
	l.optUint(w.DeliveryCount)
	l.optUint(w.LinkCredit)
	l.optUint(w.Available)
	l.bool(w.Drain)
	l.bool(w.Echo)
	l.mapping(w.Properties)
	return l.end()
}

// Read replaces w by the fields of a flow.
func (w *Flow) Read(f *encoding.Fields) error {
	*w = Flow{}
	var ok bool
	w.NextIncomingID = some(f.Uint())
	w.IncomingWindow, ok = f.Uint()
	missing(f, "incoming-window", ok)
	w.NextOutgoingID, ok = f.Uint()
	missing(f, "next-outgoing-id", ok)
	w.OutgoingWindow, ok = f.Uint()
	missing(f, "outgoing-window", ok)
	w.Handle = some(f.Uint())
	w.DeliveryCount = some(f.Uint())
	w.LinkCredit = some(f.Uint())
	w.Available = some(f.Uint())
	w.Drain, _ = f.Bool()
	w.Echo, _ = f.Bool()
	w.Properties, _ = f.Map()
	return f.Err()
}

// Append adds the performative, without a payload, to dst.
func (t *Transfer) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeTransfer)
	l.uint(t.Handle)
	l.optUint(t.DeliveryID)
	l.binary(t.DeliveryTag)
	l.optUint(t.MessageFormat)
	l.bool(t.Settled)
	l.bool(t.More)
	if t.RcvSettleMode.Set {
		l.ubyte(uint8(t.RcvSettleMode.Value))
	} else {
		l.null()
	}
	l.state(t.State)
	l.bool(t.Resume)
	l.bool(t.Aborted)
	l.bool(t.Batchable)
	return l.end()
}

// maxTag is the longest delivery-tag (2.8.7).
const maxTag = 32

// Read replaces t by the fields of a transfer. The tag is a part of the input.
func (t *Transfer) Read(f *encoding.Fields) error {
	*t = Transfer{}
	var ok bool
	t.Handle, ok = f.Uint()
	missing(f, "handle", ok)
	t.DeliveryID = some(f.Uint())
	t.DeliveryTag, _ = f.Binary()
	if len(t.DeliveryTag) > maxTag {
		f.Fail(fmt.Errorf("%w: delivery-tag of %d bytes", encoding.ErrMalformed, len(t.DeliveryTag)))
	}
	t.MessageFormat = some(f.Uint())
	t.Settled, _ = f.Bool()
	t.More, _ = f.Bool()
	mode, ok := f.Ubyte()
	t.RcvSettleMode = some(ReceiverSettleMode(mode), ok)
	t.State = readState(f)
	t.Resume, _ = f.Bool()
	t.Aborted, _ = f.Bool()
	t.Batchable, _ = f.Bool()
	return f.Err()
}

// Append adds the performative to dst.
func (d *Disposition) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeDisposition)
	l.bool(bool(d.Role))
	l.uint(d.First)
	l.uint(d.Last)
	l.bool(d.Settled)
	l.state(d.State)
	l.bool(d.Batchable)
	return l.end()
}

// Read replaces d by the fields of a disposition.
func (d *Disposition) Read(f *encoding.Fields) error {
	*d = Disposition{}
	role, ok := f.Bool()
	missing(f, "role", ok)
	d.Role = Role(role)
	d.First, ok = f.Uint()
	missing(f, "first", ok)
	last, ok := f.Uint()
	d.Last = orDefault(last, ok, d.First)
	d.Settled, _ = f.Bool()
	d.State = readState(f)
	d.Batchable, _ = f.Bool()
	return f.Err()
}

// Append adds the performative to dst.
func (d *Detach) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeDetach)
	l.uint(d.Handle)
	l.bool(d.Closed)
	l.error(d.Error)
	return l.end()
}

// Read replaces d by the fields of a detach.
func (d *Detach) Read(f *encoding.Fields) error {
	*d = Detach{}
	var ok bool
	d.Handle, ok = f.Uint()
	missing(f, "handle", ok)
	d.Closed, _ = f.Bool()
	d.Error = readError(f)
	return f.Err()
}

// Append adds the performative to dst.
func (e *End) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeEnd)
	l.error(e.Error)
	return l.end()
}

// Read replaces e by the fields of an end.
func (e *End) Read(f *encoding.Fields) error {
	e.Error = readError(f)
	return f.Err()
}

// Append adds the performative to dst.
func (c *Close) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeClose)
	l.error(c.Error)
	return l.end()
}

// Read replaces c by the fields of a close.
func (c *Close) Read(f *encoding.Fields) error {
	c.Error = readError(f)
	return f.Err()
}

// Body is what a frame can carry: the nine performatives and the five SASL
// frames, all as pointers.
type Body interface {
	Append(dst []byte) ([]byte, error)
	Read(f *encoding.Fields) error
}

// NewBody returns the empty struct for a descriptor, nil if no frame carries
// such a thing.
func NewBody(code Code) Body {
	switch code {
	case CodeOpen:
		return new(Open)
	case CodeBegin:
		return new(Begin)
	case CodeAttach:
		return new(Attach)
	case CodeFlow:
		return new(Flow)
	case CodeTransfer:
		return new(Transfer)
	case CodeDisposition:
		return new(Disposition)
	case CodeDetach:
		return new(Detach)
	case CodeEnd:
		return new(End)
	case CodeClose:
		return new(Close)
	case CodeSASLMechanisms:
		return new(SASLMechanisms)
	case CodeSASLInit:
		return new(SASLInit)
	case CodeSASLChallenge:
		return new(SASLChallenge)
	case CodeSASLResponse:
		return new(SASLResponse)
	case CodeSASLOutcome:
		return new(SASLOutcome)
	}
	return nil
}

// ParseBody reads what a frame carries; payload is what follows it. A tag in it
// and the payload are parts of b.
func ParseBody(b []byte) (body Body, payload []byte, err error) {
	code, f, payload, err := ReadList(b)
	if err != nil {
		return nil, nil, err
	}
	if body = NewBody(code); body == nil {
		return nil, nil, fmt.Errorf("%w: descriptor %#x in a frame", encoding.ErrMalformed, uint64(code))
	}
	return body, payload, body.Read(&f)
}
