package expr

import (
	"fmt"
	"strings"
)

// CodeInvalidTemplate is the error code an activity fails with when one of its
// expressions cannot be parsed or evaluated [EXPR 4].
const CodeInvalidTemplate = "InvalidTemplate"

// An Error says why an expression could not be parsed or evaluated. It is the
// only type of error that [Parse] and the methods of [Context] return. Message
// is a full sentence in the wording of the service, because it is shown as the
// message of the failed activity; tests and callers should rely on Code.
type Error struct {
	Code       string // always CodeInvalidTemplate
	Message    string
	Expression string // the text of the expression, without its "@" or "@{ }"
	Offset     int    // bytes from the start of the JSON string to the part that failed
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// errorf makes an error that does not know its place yet; the evaluator fills
// in the expression and the offset.
func errorf(format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	if len(message) > maxMessage { // a value in it can be of any length
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return &Error{Code: CodeInvalidTemplate, Message: message, Offset: -1}
}

const maxMessage = 4096
