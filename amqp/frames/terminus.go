package frames

import (
	"fmt"

	"switchyard/amqp/encoding"
)

// Source is where the messages of a link come from (3.5.3).
type Source struct {
	Address               Opt[string]
	Durable               uint32
	ExpiryPolicy          encoding.Symbol // "": absent
	Timeout               uint32
	Dynamic               bool
	DynamicNodeProperties *encoding.Map
	DistributionMode      encoding.Symbol // "": absent
	Filter                *encoding.Map
	DefaultOutcome        State
	Outcomes              []encoding.Symbol
	Capabilities          []encoding.Symbol
}

// TargetLike is a [*Target] or a [*Coordinator].
type TargetLike interface {
	isTarget()
	Append(dst []byte) ([]byte, error)
}

// Target is where the messages of a link go (3.5.4).
type Target struct {
	Address               Opt[string]
	Durable               uint32
	ExpiryPolicy          encoding.Symbol // "": absent
	Timeout               uint32
	Dynamic               bool
	DynamicNodeProperties *encoding.Map
	Capabilities          []encoding.Symbol
}

// Coordinator is the target of a link that controls transactions (4.5.1).
type Coordinator struct {
	Capabilities []encoding.Symbol
}

func (*Target) isTarget()      {}
func (*Coordinator) isTarget() {}

// Append adds the source with all its fields to dst.
func (s *Source) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeSource)
	l.optString(s.Address)
	l.uint(s.Durable)
	l.name(s.ExpiryPolicy)
	l.uint(s.Timeout)
	l.bool(s.Dynamic)
	l.mapping(s.DynamicNodeProperties)
	l.name(s.DistributionMode)
	l.mapping(s.Filter)
	l.state(s.DefaultOutcome)
	l.symbols(s.Outcomes)
	l.symbols(s.Capabilities)
	return l.end()
}

// Append adds the target with all its fields to dst.
func (t *Target) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeTarget)
	l.optString(t.Address)
	l.uint(t.Durable)
	l.name(t.ExpiryPolicy)
	l.uint(t.Timeout)
	l.bool(t.Dynamic)
	l.mapping(t.DynamicNodeProperties)
	l.symbols(t.Capabilities)
	return l.end()
}

// Append adds the coordinator to dst.
func (c *Coordinator) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeCoordinator)
	l.symbols(c.Capabilities)
	return l.end()
}

// readDescribed reads a field that is a described list; set is false if it is
// absent or at fault.
func readDescribed(f *encoding.Fields) (code Code, in encoding.Fields, set bool) {
	raw, ok := f.Raw()
	if !ok {
		return 0, in, false
	}
	code, in, _, err := ReadList(raw)
	if err != nil {
		f.Fail(err)
		return 0, in, false
	}
	return code, in, true
}

func unexpected(f *encoding.Fields, code Code, want string) {
	f.Fail(fmt.Errorf("%w: descriptor %#x instead of %s", encoding.ErrMalformed, uint64(code), want))
}

func readSource(f *encoding.Fields) *Source {
	code, in, ok := readDescribed(f)
	if !ok {
		return nil
	}
	if code != CodeSource {
		unexpected(f, code, "a source")
		return nil
	}
	s := &Source{}
	s.Address = some(in.String())
	s.Durable, _ = in.Uint()
	s.ExpiryPolicy, _ = in.Symbol()
	s.Timeout, _ = in.Uint()
	s.Dynamic, _ = in.Bool()
	s.DynamicNodeProperties, _ = in.Map()
	s.DistributionMode, _ = in.Symbol()
	s.Filter, _ = in.Map()
	s.DefaultOutcome = readState(&in)
	s.Outcomes, _ = in.Symbols()
	s.Capabilities, _ = in.Symbols()
	if err := in.Err(); err != nil {
		f.Fail(err)
	}
	return s
}

func readTarget(f *encoding.Fields) TargetLike {
	code, in, ok := readDescribed(f)
	if !ok {
		return nil
	}
	var target TargetLike
	switch code {
	case CodeTarget:
		t := &Target{}
		t.Address = some(in.String())
		t.Durable, _ = in.Uint()
		t.ExpiryPolicy, _ = in.Symbol()
		t.Timeout, _ = in.Uint()
		t.Dynamic, _ = in.Bool()
		t.DynamicNodeProperties, _ = in.Map()
		t.Capabilities, _ = in.Symbols()
		target = t
	case CodeCoordinator:
		c := &Coordinator{}
		c.Capabilities, _ = in.Symbols()
		target = c
	default:
		unexpected(f, code, "a target or a coordinator")
		return nil
	}
	if err := in.Err(); err != nil {
		f.Fail(err)
	}
	return target
}
