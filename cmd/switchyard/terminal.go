package main

import (
	"io"
	"math"
	"os"
	"strconv"

	"switchyard/eventlog"
)

// unknownWidth is how many columns a text may take when nothing says how many there
// are: in a file, in a pipe, in a test.
const unknownWidth = 80

// unknownHeight is how many rows a terminal has that does not tell.
const unknownHeight = 24

// columns is the width of a terminal, 0 if the file is none or does not tell.
func columns(f *os.File) int {
	n, _ := terminalSize(f)
	return n
}

// width is how many columns the answers of a command may take: what COLUMNS says, or
// else what the terminal has.
func (e *env) width() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n := columns(file(e.stdout)); n > 0 {
		return n
	}
	return unknownWidth
}

// size is how many columns and rows of the terminal a command may take.
func (e *env) size() (columns, rows int) {
	if _, rows = terminalSize(file(e.stdout)); rows == 0 {
		rows = unknownHeight
	}
	return e.width(), rows
}

// tableWidth is how many columns a table may take: in a file or a pipe as many as it
// needs, since a program that reads it wants names whole.
func (e *env) tableWidth() int {
	if os.Getenv("COLUMNS") != "" || isTerminal(e.stdout) {
		return e.width()
	}
	return math.MaxInt
}

// isTerminal reports whether somebody looks at what is written, so that a line may be
// written over.
func isTerminal(w io.Writer) bool { return columns(file(w)) > 0 }

// file returns the file behind a writer, or nil.
func file(w io.Writer) *os.File {
	if o, ok := w.(*output); ok {
		w = o.w
	}
	if l, ok := w.(*eventlog.Writer); ok {
		w = l.Unwrap()
	}
	f, _ := w.(*os.File)
	return f
}
