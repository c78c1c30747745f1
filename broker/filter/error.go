package filter

import (
	"errors"
	"fmt"
)

// ErrInvalid is what every error of a definition wraps: a filter or an action
// that can't be compiled.
var ErrInvalid = errors.New("invalid rule")

// A SyntaxError is a mistake in an expression. It wraps [ErrInvalid].
type SyntaxError struct {
	Offset int // in bytes
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%v: %s at position %d", ErrInvalid, e.Msg, e.Offset+1)
}

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *SyntaxError) Unwrap() error { return ErrInvalid }

// ErrEvaluation is what every error of [Matcher] and [Program] wraps: a message
// that the expression can't be evaluated for.
var ErrEvaluation = errors.New("evaluation failed")

func evaluation(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrEvaluation, fmt.Sprintf(format, args...))
}
