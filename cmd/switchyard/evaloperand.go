package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"switchyard/config"
	"switchyard/expr"
	"switchyard/pipeline"
	"switchyard/value"
)

// An expressionError is that of an expression that can't be evaluated. It is one sentence with
// the code that an activity would fail with.
type expressionError struct{ err error }

func (e expressionError) Error() string { return codeOf(e.err) + ": " + e.err.Error() }
func (e expressionError) Unwrap() error { return e.err }

// evalOperand evaluates the expression that is the operand: it prints the value as JSON, or the
// error with the place in the text.
func evalOperand(e *env, v *config.Values, text string, tell func(io.Writer, question, *value.Object)) int {
	given, err := objectOrFile("context", v.String("context"))
	if err != nil {
		return e.fail(err)
	}
	line := value.Append(nil, value.NewObject(value.Member{Name: "expr", Value: text}, value.Member{Name: "context", Value: given}))
	q, bad := readQuestion(line, time.Now(), rand.Uint64())
	if bad != nil {
		return e.fail(&config.UsageError{Msg: str(member(bad, "error"), "message")})
	}
	if v.Bool("trace") || e.json {
		tell(e.stdout, q, nil)
		if _, err := q.context.Evaluate(q.expr); err != nil {
			return e.failed(expressionError{err})
		}
		return exitOK
	}
	val, err := q.context.Evaluate(q.expr)
	if err != nil {
		code := e.fail(expressionError{err})
		_, _ = io.WriteString(e.stderr, excerptOf(q.expr, err))
		return code
	}
	e.printf("%s\n", value.Append(nil, val))
	return exitOK
}

// excerptOf is the line of an expression in which an error is, with a caret below the place;
// "" if the place is not known.
func excerptOf(v value.Value, err error) string {
	text, ok := v.(string)
	if !ok {
		text, ok = expr.ExpressionText(v)
	}
	e, known := errors.AsType[*expr.Error](err)
	if !ok || !known || e.Offset < 0 || e.Offset > len(text) {
		return ""
	}
	line, caret, _ := strings.Cut(pipeline.Excerpt(text, e.Offset), "\n")
	return "    " + printable(line) + "\n    " + caret + "\n"
}
