package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"switchyard/config"
	"switchyard/expr"
	"switchyard/expr/exprtest"
	"switchyard/value"
)

// maxLine is how many bytes of a line eval reads. What is longer gets an error as
// its answer and is not held in memory.
const maxLine = 64 << 20

// eval evaluates its operand or, without one, what stands in the lines of standard input.
func eval(_ context.Context, e *env, v *config.Values, operands []string) int {
	tell := tellAnswer
	switch {
	case v.Bool("trace") && e.json:
		tell = tellTraceJSON
	case v.Bool("trace"):
		tell = func(out io.Writer, q question, bad *value.Object) { tellTrace(out, q, bad, e.width()) }
	}
	switch {
	case len(operands) > 0:
		return evalOperand(e, v, operands[0], tell)
	case v.String("context") != "":
		return e.fail(&config.UsageError{Msg: "--context is for an EXPRESSION; a line of standard input has its own, in the member context"})
	}
	return evalLines(e, tell)
}

// evalLines answers each line of standard input with one line, or with one trace, in order,
// whatever the line holds: a line that is not JSON gets an error like any other. What
// follows the last line end is a line if it holds anything.
func evalLines(e *env, tell func(io.Writer, question, *value.Object)) int {
	in := bufio.NewReaderSize(e.stdin, 64<<10)
	out := bufio.NewWriter(e.stdout)
	for {
		line, long, err := readLine(in)
		if err == nil || len(line) > 0 {
			var q question
			bad := evalError("BadRequest", fmt.Sprintf("the line is longer than the limit of %d bytes", maxLine))
			if !long {
				q, bad = readQuestion(trimLine(line), time.Now(), rand.Uint64())
			}
			tell(out, q, bad)
		}
		if in.Buffered() == 0 || err != nil {
			// Somebody may be waiting for this answer.
			if err := out.Flush(); err != nil {
				return exitFailed // reported by Main
			}
		}
		if errors.Is(err, io.EOF) {
			return exitOK
		}
		if err != nil {
			return e.fail(fmt.Errorf("standard input: %w", err))
		}
	}
}

// readLine reads up to and with a line end. Of a line that is too long it returns
// the beginning.
func readLine(in *bufio.Reader) (line []byte, long bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > maxLine+2 { // with its line end
			long = true
		}
		if !long || line == nil {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, long, err
		}
	}
}

func trimLine(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// tellAnswer answers a line with a line: what is wrong with it, or what its expression
// comes to.
func tellAnswer(out io.Writer, q question, bad *value.Object) { tellLine(out, evaluated(q, bad)) }

// tellLine writes an answer. The writer remembers an error until it is flushed.
func tellLine(out io.Writer, answer *value.Object) {
	_, _ = out.Write(append(value.Append(nil, answer), '\n'))
}

func evaluated(q question, bad *value.Object) *value.Object {
	if bad != nil {
		return bad
	}
	return answerOf(q.context.Evaluate(q.expr))
}

// A question is a line that is understood.
type question struct {
	expr    value.Value
	context *expr.Context
	given   *value.Object // what context was made of
}

// readQuestion reads a line, or returns the answer that says what is wrong with it. A
// line that is not understood has the code BadRequest, an expression that can't be
// evaluated the language's own.
func readQuestion(line []byte, now time.Time, seed uint64) (question, *value.Object) {
	bad := func(format string, a ...any) (question, *value.Object) {
		return question{}, evalError("BadRequest", fmt.Sprintf(format, a...))
	}
	if len(line) == 0 {
		return bad("the line is empty")
	}
	v, err := value.Parse(line)
	if err != nil {
		return bad("the line is not JSON: %v", err)
	}
	o, ok := v.(*value.Object)
	if !ok {
		return bad("the line should be an object with the members expr and context")
	}
	var text value.Value
	var context *value.Object
	found := false
	for _, m := range o.Members() {
		switch m.Name {
		case "expr":
			text, found = m.Value, true
		case "context":
			if context, ok = m.Value.(*value.Object); !ok && m.Value != nil {
				return bad("context should be an object")
			}
		default:
			return bad("unknown member %q; known are expr and context", m.Name)
		}
	}
	if !found {
		return bad("the member expr is missing")
	}
	c, err := exprtest.NewContext(context, now, seed)
	if err != nil {
		return bad("%v", err)
	}
	return question{expr: text, context: c, given: context}, nil
}

func answerOf(val value.Value, err error) *value.Object {
	if err != nil {
		return evalErrorAt(err, err.Error())
	}
	return value.NewObject(value.Member{Name: "value", Value: val})
}

// evalErrorAt is evalError with the place in the text of the expression, if it is known.
func evalErrorAt(err error, message string) *value.Object {
	answer := evalError(codeOf(err), message)
	if e, ok := errors.AsType[*expr.Error](err); ok && e.Offset >= 0 {
		member(answer, "error").Set("offset", int64(e.Offset))
	}
	return answer
}

func codeOf(err error) string {
	if e, ok := errors.AsType[*expr.Error](err); ok {
		return e.Code
	}
	return expr.CodeInvalidTemplate
}

func evalError(code, message string) *value.Object {
	return value.NewObject(value.Member{Name: "error", Value: value.NewObject(
		value.Member{Name: "code", Value: code}, value.Member{Name: "message", Value: message})})
}
