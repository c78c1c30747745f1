package frames

import (
	"fmt"

	"switchyard/amqp/encoding"
)

// State is the state of a delivery (3.4): [Received], or one of the outcomes
// [Accepted], [Rejected], [Released], [Modified], [Declared], or a
// [TransactionalState]. The set is closed. All are values, not pointers.
type State interface{ isState() }

// Accepted is the outcome of a message that was processed (3.4.2).
type Accepted struct{}

// Rejected is the outcome of a message that is invalid (3.4.3).
type Rejected struct {
	Error *Error
}

// Released is the outcome of a message that was not processed (3.4.4).
type Released struct{}

// Modified is the outcome of a message that was not processed and is to be
// changed (3.4.5).
type Modified struct {
	DeliveryFailed     bool
	UndeliverableHere  bool
	MessageAnnotations *encoding.Map
}

// Received says how far a delivery has come (3.4.1). It is not an outcome.
type Received struct {
	SectionNumber uint32
	SectionOffset uint64
}

// Declared is the outcome of the declaration of a transaction (4.5.5).
type Declared struct {
	TxnID []byte
}

// TransactionalState is the state of a delivery inside a transaction (4.5.8).
type TransactionalState struct {
	TxnID   []byte
	Outcome State // nil: none yet
}

func (Accepted) isState()           {}
func (Rejected) isState()           {}
func (Released) isState()           {}
func (Modified) isState()           {}
func (Received) isState()           {}
func (Declared) isState()           {}
func (TransactionalState) isState() {}

// AppendState adds a delivery state, which must not be nil, to dst.
func AppendState(dst []byte, s State) ([]byte, error) {
	switch s := s.(type) {
	case Accepted:
		return append(dst, 0x00, 0x53, byte(CodeAccepted), 0x45), nil
	case Released:
		return append(dst, 0x00, 0x53, byte(CodeReleased), 0x45), nil
	case Rejected:
		l := newList(dst, CodeRejected)
		l.error(s.Error)
		return l.end()
	case Modified:
		l := newList(dst, CodeModified)
		l.bool(s.DeliveryFailed)
		l.bool(s.UndeliverableHere)
		l.mapping(s.MessageAnnotations)
		return l.end()
	case Received:
		l := newList(dst, CodeReceived)
		l.uint(s.SectionNumber)
		l.ulong(s.SectionOffset)
		return l.end()
	case Declared:
		l := newList(dst, CodeDeclared)
		l.binary(s.TxnID)
		return l.end()
	case TransactionalState:
		l := newList(dst, CodeTransactionalState)
		l.binary(s.TxnID)
		l.state(s.Outcome)
		return l.end()
	}
	return dst, fmt.Errorf("%w: delivery state %T", encoding.ErrUnsupported, s)
}

func readState(f *encoding.Fields) State {
	code, in, ok := readDescribed(f)
	if !ok {
		return nil
	}
	s := readStateFields(code, &in)
	if err := in.Err(); err != nil {
		f.Fail(err)
		return nil
	}
	return s
}

// readStateFields reads the fields of the state with a descriptor. Binaries in
// it are copies: states outlive the input.
func readStateFields(code Code, in *encoding.Fields) State {
	switch code {
	case CodeAccepted:
		return Accepted{}
	case CodeReleased:
		return Released{}
	case CodeRejected:
		return Rejected{Error: readError(in)}
	case CodeModified:
		var m Modified
		m.DeliveryFailed, _ = in.Bool()
		m.UndeliverableHere, _ = in.Bool()
		m.MessageAnnotations, _ = in.Map()
		return m
	case CodeReceived:
		var r Received
		var ok bool
		r.SectionNumber, ok = in.Uint()
		missing(in, "section-number", ok)
		r.SectionOffset, ok = in.Ulong()
		missing(in, "section-offset", ok)
		return r
	case CodeDeclared:
		return Declared{TxnID: readTxnID(in)}
	case CodeTransactionalState:
		t := TransactionalState{TxnID: readTxnID(in)}
		t.Outcome = readState(in)
		if _, nested := t.Outcome.(TransactionalState); nested {
			unexpected(in, code, "an outcome")
		}
		return t
	}
	unexpected(in, code, "a delivery state")
	return nil
}

func readTxnID(in *encoding.Fields) []byte {
	id, ok := in.Binary()
	missing(in, "txn-id", ok)
	return append([]byte{}, id...)
}
