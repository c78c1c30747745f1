package value

import "fmt"

// A SyntaxError says where and why a text is not JSON. Line and Column count
// from 1; Column and Offset are in bytes.
type SyntaxError struct {
	Offset int
	Line   int
	Column int
	Msg    string
}

// Error returns the position and the reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}
