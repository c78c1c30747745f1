package frames

import (
	"fmt"

	"switchyard/amqp/encoding"
)

// Control is what a client asks of a coordinator: [Declare] or [Discharge] (4.5). The
// set is closed. Both are values, not pointers.
type Control interface{ isControl() }

// Declare asks for a new transaction (4.5.2).
type Declare struct {
	// Global is set if it is to be a part of a distributed one.
	Global bool
}

// Discharge ends a transaction (4.5.3).
type Discharge struct {
	TxnID []byte
	Fail  bool // roll back
}

func (Declare) isControl()   {}
func (Discharge) isControl() {}

// Control reads the body of a message to a coordinator: one value, which is a control.
func (m *Message) Control() (Control, error) {
	if len(m.RawBody) == 0 || Code(m.RawBody[2]) != CodeValue {
		return nil, fmt.Errorf("%w: the body is not one value", encoding.ErrMalformed)
	}
	code, in, _, err := ReadList(m.RawBody[3:])
	if err != nil {
		return nil, sectionError(CodeValue, err)
	}
	var c Control
	switch code {
	case CodeDeclare:
		_, global := in.Value()
		c = Declare{Global: global}
	case CodeDischarge:
		d := Discharge{TxnID: readTxnID(&in)}
		d.Fail, _ = in.Bool()
		c = d
	default:
		unexpected(&in, code, "declare or discharge")
	}
	if err := in.Err(); err != nil {
		return nil, sectionError(CodeValue, err)
	}
	return c, nil
}
