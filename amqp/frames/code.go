package frames

import (
	"fmt"

	"switchyard/amqp/encoding"
)

// Code is the numeric descriptor of a described type of the specification.
// All fit in a byte and are written as 00 53 nn.
type Code uint64

// The descriptors of [SB-AMQP 2.3].
const (
	CodeOpen        Code = 0x10
	CodeBegin       Code = 0x11
	CodeAttach      Code = 0x12
	CodeFlow        Code = 0x13
	CodeTransfer    Code = 0x14
	CodeDisposition Code = 0x15
	CodeDetach      Code = 0x16
	CodeEnd         Code = 0x17
	CodeClose       Code = 0x18

	CodeError              Code = 0x1D
	CodeReceived           Code = 0x23
	CodeAccepted           Code = 0x24
	CodeRejected           Code = 0x25
	CodeReleased           Code = 0x26
	CodeModified           Code = 0x27
	CodeSource             Code = 0x28
	CodeTarget             Code = 0x29
	CodeCoordinator        Code = 0x30
	CodeDeclare            Code = 0x31
	CodeDischarge          Code = 0x32
	CodeDeclared           Code = 0x33
	CodeTransactionalState Code = 0x34

	CodeSASLMechanisms Code = 0x40
	CodeSASLInit       Code = 0x41
	CodeSASLChallenge  Code = 0x42
	CodeSASLResponse   Code = 0x43
	CodeSASLOutcome    Code = 0x44

	CodeHeader                Code = 0x70
	CodeDeliveryAnnotations   Code = 0x71
	CodeMessageAnnotations    Code = 0x72
	CodeProperties            Code = 0x73
	CodeApplicationProperties Code = 0x74
	CodeData                  Code = 0x75
	CodeSequence              Code = 0x76
	CodeValue                 Code = 0x77
	CodeFooter                Code = 0x78
)

// names are the symbolic descriptors, which peers may use instead.
var names = map[string]Code{
	"amqp:open:list":                  CodeOpen,
	"amqp:begin:list":                 CodeBegin,
	"amqp:attach:list":                CodeAttach,
	"amqp:flow:list":                  CodeFlow,
	"amqp:transfer:list":              CodeTransfer,
	"amqp:disposition:list":           CodeDisposition,
	"amqp:detach:list":                CodeDetach,
	"amqp:end:list":                   CodeEnd,
	"amqp:close:list":                 CodeClose,
	"amqp:error:list":                 CodeError,
	"amqp:received:list":              CodeReceived,
	"amqp:accepted:list":              CodeAccepted,
	"amqp:rejected:list":              CodeRejected,
	"amqp:released:list":              CodeReleased,
	"amqp:modified:list":              CodeModified,
	"amqp:source:list":                CodeSource,
	"amqp:target:list":                CodeTarget,
	"amqp:coordinator:list":           CodeCoordinator,
	"amqp:declare:list":               CodeDeclare,
	"amqp:discharge:list":             CodeDischarge,
	"amqp:declared:list":              CodeDeclared,
	"amqp:transactional-state:list":   CodeTransactionalState,
	"amqp:sasl-mechanisms:list":       CodeSASLMechanisms,
	"amqp:sasl-init:list":             CodeSASLInit,
	"amqp:sasl-challenge:list":        CodeSASLChallenge,
	"amqp:sasl-response:list":         CodeSASLResponse,
	"amqp:sasl-outcome:list":          CodeSASLOutcome,
	"amqp:header:list":                CodeHeader,
	"amqp:delivery-annotations:map":   CodeDeliveryAnnotations,
	"amqp:message-annotations:map":    CodeMessageAnnotations,
	"amqp:properties:list":            CodeProperties,
	"amqp:application-properties:map": CodeApplicationProperties,
	"amqp:data:binary":                CodeData,
	"amqp:amqp-sequence:list":         CodeSequence,
	"amqp:amqp-value:*":               CodeValue,
	"amqp:footer:map":                 CodeFooter,
}

// descriptor reads a numeric or symbolic descriptor.
func descriptor(b []byte) (Code, []byte, error) {
	code, name, rest, err := encoding.Descriptor(b)
	if err != nil {
		return 0, nil, err
	}
	if name != nil {
		c, ok := names[string(name)]
		if !ok {
			return 0, nil, fmt.Errorf("%w: unknown descriptor %q", encoding.ErrMalformed, name)
		}
		return c, rest, nil
	}
	return Code(code), rest, nil
}

// ReadList starts to read a described list: its descriptor and its fields. What
// follows the list is rest.
func ReadList(b []byte) (code Code, f encoding.Fields, rest []byte, err error) {
	code, b, err = descriptor(b)
	if err != nil {
		return 0, f, nil, err
	}
	f, rest, err = encoding.ReadFields(b)
	return code, f, rest, err
}
