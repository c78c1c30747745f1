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

// eval answers each line of standard input with one line, in order, whatever the
// line holds: a line that is not JSON gets an error object like any other. What
// follows the last line end is a line if it holds anything.
func eval(_ context.Context, e *env, _ *config.Values, _ []string) int {
	in := bufio.NewReaderSize(e.stdin, 64<<10)
	out := bufio.NewWriter(e.stdout)
	for {
		line, long, err := readLine(in)
		if err == nil || len(line) > 0 {
			var answer *value.Object
			if long {
				answer = evalError("BadRequest", fmt.Sprintf("the line is longer than the limit of %d bytes", maxLine))
			} else {
				answer = evaluateLine(trimLine(line), time.Now(), rand.Uint64())
			}
			out.Write(value.Append(nil, answer))
			out.WriteByte('\n') // the writer remembers an error until Flush
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

// evaluateLine answers one line. A line that is not understood has the code
// BadRequest, an expression that can't be evaluated the language's own.
func evaluateLine(line []byte, now time.Time, seed uint64) *value.Object {
	bad := func(format string, a ...any) *value.Object {
		return evalError("BadRequest", fmt.Sprintf(format, a...))
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
	val, err := c.Evaluate(text)
	if err != nil {
		code := expr.CodeInvalidTemplate
		if e, ok := errors.AsType[*expr.Error](err); ok {
			code = e.Code
		}
		return evalError(code, err.Error())
	}
	return value.NewObject(value.Member{Name: "value", Value: val})
}

func evalError(code, message string) *value.Object {
	return value.NewObject(value.Member{Name: "error", Value: value.NewObject(
		value.Member{Name: "code", Value: code}, value.Member{Name: "message", Value: message})})
}
