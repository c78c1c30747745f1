package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a [Diagnostic] stops a definition from being used.
type Severity uint8

// The severities.
const (
	SeverityError Severity = iota
	SeverityWarning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// MarshalText makes the word of it in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "warning"; anything else is an error.
func (s *Severity) UnmarshalText(text []byte) error {
	*s = SeverityError
	if string(text) == SeverityWarning.String() {
		*s = SeverityWarning
	}
	return nil
}

// A Diagnostic is one thing wrong with a definition. As JSON it is what commands print.
type Diagnostic struct {
	File string `json:"file"`
	// Line and Column, in bytes, count from 1; 0: not known.
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Path     string   `json:"path"` // JSON path in the file: $.properties.activities[Call].typeProperties.items
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	// Excerpt is, for a mistake in an expression, the line with it and below that a line
	// with a caret at its place; it is for people to see.
	Excerpt string `json:"-"`
	// Beyond: Data Factory refuses it and it can run here, see [Diagnostics.Relaxed].
	Beyond bool `json:"-"`
}

// Runes of a line that an excerpt has on each side of the place: indented, it fits into 80
// columns.
const (
	excerptBefore = 44
	excerptAfter  = 28
)

// Excerpt makes a [Diagnostic.Excerpt] of a text and an offset in it.
func Excerpt(text string, offset int) string {
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	before, after := []rune(line[:offset-start]), []rune(strings.TrimRight(line[offset-start:], "\r"))
	if cut := len(before) - excerptBefore; cut > 0 {
		before = append([]rune{'…'}, before[cut:]...)
	}
	if len(after) > excerptAfter {
		after = append(after[:excerptAfter:excerptAfter], '…')
	}
	blank := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(before))
	return string(before) + string(after) + "\n" + blank + "^"
}

// String returns file, place, severity, path and message on one line, in the form that
// editors and other tools understand.
func (d Diagnostic) String() string {
	place := d.File
	if d.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", d.File, d.Line, d.Column)
	}
	return fmt.Sprintf("%s: %s: %s: %s", place, d.Severity, d.Path, d.Message)
}

// Diagnostics is all that was found, in the order of the files. As an error it
// reads as one line for each; [Diagnostics.Err] tells whether it is one.
type Diagnostics []Diagnostic

// Error returns one line for each diagnostic.
func (ds Diagnostics) Error() string {
	var b strings.Builder
	for i, d := range ds {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(d.String())
	}
	return b.String()
}

// Errors returns the diagnostics that are not mere warnings.
func (ds Diagnostics) Errors() Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		if d.Severity == SeverityError {
			out = append(out, d)
		}
	}
	return out
}

// Relaxed returns the diagnostics with a warning in place of each error about what Data
// Factory refuses and can run here: more than its limits, and containers inside containers.
func (ds Diagnostics) Relaxed() Diagnostics {
	out := slices.Clone(ds)
	for i := range out {
		if out[i].Beyond {
			out[i].Severity = SeverityWarning
		}
	}
	return out
}

// Err returns the errors among the diagnostics as an error, nil if there are
// none.
func (ds Diagnostics) Err() error {
	if e := ds.Errors(); len(e) > 0 {
		return e
	}
	return nil
}
