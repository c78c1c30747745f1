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
)

// eval answers each line of standard input with one line, in order, whatever the
// line holds: a line that is not JSON gets an error object like any other.
func eval(_ context.Context, e *env, _ *config.Values, _ []string) int {
	in := bufio.NewReaderSize(e.stdin, 64<<10)
	out := bufio.NewWriter(e.stdout)
	defer out.Flush()
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 && len(trimLine(line)) > 0 {
			out.Write(expr.AppendJSON(nil, evaluateLine(trimLine(line), time.Now(), rand.Uint64())))
			out.WriteByte('\n')
			if in.Buffered() == 0 {
				out.Flush() // somebody may be waiting for this answer
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

func trimLine(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// evaluateLine answers one line. A line that is not understood has the code
// BadRequest, an expression that can't be evaluated the language's own.
func evaluateLine(line []byte, now time.Time, seed uint64) *expr.Object {
	bad := func(format string, a ...any) *expr.Object {
		return evalError("BadRequest", fmt.Sprintf(format, a...))
	}
	v, err := expr.ParseJSON(line)
	if err != nil {
		return bad("the line is not JSON: %v", err)
	}
	o, ok := v.(*expr.Object)
	if !ok {
		return bad("the line should be an object with the members expr and context")
	}
	var text expr.Value
	var context *expr.Object
	found := false
	for _, m := range o.Members() {
		switch m.Name {
		case "expr":
			text, found = m.Value, true
		case "context":
			if context, ok = m.Value.(*expr.Object); !ok && m.Value != nil {
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
	value, err := c.Evaluate(text)
	if err != nil {
		code := expr.CodeInvalidTemplate
		if e, ok := errors.AsType[*expr.Error](err); ok {
			code = e.Code
		}
		return evalError(code, err.Error())
	}
	return expr.NewObject(expr.Member{Name: "value", Value: value})
}

func evalError(code, message string) *expr.Object {
	return expr.NewObject(expr.Member{Name: "error", Value: expr.NewObject(
		expr.Member{Name: "code", Value: code}, expr.Member{Name: "message", Value: message})})
}
