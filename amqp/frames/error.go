package frames

import "switchyard/amqp/encoding"

// Error is why a link, a session or a connection ended, or why a message was
// rejected (2.8.14). It is always written with its three fields.
type Error struct {
	Condition   encoding.Symbol
	Description string
	Info        *encoding.Map
}

// Error returns the condition and the description.
func (e *Error) Error() string {
	if e.Description == "" {
		return string(e.Condition)
	}
	return string(e.Condition) + ": " + e.Description
}

// Append adds the error with its three fields to dst.
func (e *Error) Append(dst []byte) ([]byte, error) {
	l := newList(dst, CodeError)
	l.symbol(e.Condition)
	if e.Description == "" {
		l.null()
	} else {
		l.string(e.Description)
	}
	l.mapping(e.Info)
	return l.end()
}

func readError(f *encoding.Fields) *Error {
	code, in, ok := readDescribed(f)
	if !ok {
		return nil
	}
	if code != CodeError {
		unexpected(f, code, "an error")
		return nil
	}
	e := &Error{}
	e.Condition, ok = in.Symbol()
	missing(&in, "condition", ok)
	e.Description, _ = in.String()
	e.Info, _ = in.Map()
	if err := in.Err(); err != nil {
		f.Fail(err)
	}
	return e
}

// The error conditions of the specification (2.8.15 to 2.8.18, 4.5.9).
const (
	ErrInternalError         encoding.Symbol = "amqp:internal-error"
	ErrNotFound              encoding.Symbol = "amqp:not-found"
	ErrUnauthorizedAccess    encoding.Symbol = "amqp:unauthorized-access"
	ErrDecodeError           encoding.Symbol = "amqp:decode-error"
	ErrResourceLimitExceeded encoding.Symbol = "amqp:resource-limit-exceeded"
	ErrNotAllowed            encoding.Symbol = "amqp:not-allowed"
	ErrInvalidField          encoding.Symbol = "amqp:invalid-field"
	ErrNotImplemented        encoding.Symbol = "amqp:not-implemented"
	ErrResourceLocked        encoding.Symbol = "amqp:resource-locked"
	ErrPreconditionFailed    encoding.Symbol = "amqp:precondition-failed"
	ErrResourceDeleted       encoding.Symbol = "amqp:resource-deleted"
	ErrIllegalState          encoding.Symbol = "amqp:illegal-state"
	ErrFrameSizeTooSmall     encoding.Symbol = "amqp:frame-size-too-small"

	ErrConnectionForced   encoding.Symbol = "amqp:connection:forced"
	ErrFramingError       encoding.Symbol = "amqp:connection:framing-error"
	ErrConnectionRedirect encoding.Symbol = "amqp:connection:redirect"

	ErrWindowViolation  encoding.Symbol = "amqp:session:window-violation"
	ErrErrantLink       encoding.Symbol = "amqp:session:errant-link"
	ErrHandleInUse      encoding.Symbol = "amqp:session:handle-in-use"
	ErrUnattachedHandle encoding.Symbol = "amqp:session:unattached-handle"

	ErrDetachForced          encoding.Symbol = "amqp:link:detach-forced"
	ErrTransferLimitExceeded encoding.Symbol = "amqp:link:transfer-limit-exceeded"
	ErrMessageSizeExceeded   encoding.Symbol = "amqp:link:message-size-exceeded"
	ErrLinkRedirect          encoding.Symbol = "amqp:link:redirect"
	ErrLinkStolen            encoding.Symbol = "amqp:link:stolen"

	ErrTransactionUnknownID encoding.Symbol = "amqp:transaction:unknown-id"
	ErrTransactionRollback  encoding.Symbol = "amqp:transaction:rollback"
	ErrTransactionTimeout   encoding.Symbol = "amqp:transaction:timeout"
)
