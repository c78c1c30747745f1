package store

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/commit"
)

// Errors by meaning. Those of [Open] name the directory.
var (
	// ErrLocked: another process has the directory open.
	ErrLocked = errors.New("in use by another process")
	// ErrForeign: the directory has files that are not of a data directory. Nothing
	// was written.
	ErrForeign = errors.New("not a data directory of Switchyard")
	// ErrNewerVersion: a newer program wrote the directory.
	ErrNewerVersion = errors.New("written by a newer version")
	// ErrCorrupt: files are missing, damaged or do not belong together. Nothing
	// was changed or repaired.
	ErrCorrupt = commit.ErrDamaged
	// ErrKey: the sealing key is lost, unreadable, or not the directory's own.
	ErrKey = errors.New("sealing key is missing or wrong")
	// ErrSealed: a sealed value was changed, or sealed with another key.
	ErrSealed = errors.New("sealed value can't be opened")
	// ErrClosed: the store was closed, or stopped after a failed commit.
	ErrClosed = errors.New("store closed")
	// ErrNotFound is wrapped by reads of [Store.Meta] that find nothing.
	ErrNotFound = errors.New("not found")
)

// A CorruptError says what is damaged. It is [ErrCorrupt] to errors.Is.
type CorruptError struct {
	Where string // the file, directory or record
	Err   error  // what is wrong with it
	key   []byte // of the record, or what the keys of the records begin with; nil if it is a file
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.Where, ErrCorrupt, firstLine(e.Err))
}

// firstLine is what is wrong; the database's errors go on with details and stack
// traces, which help nobody who has lost data.
func firstLine(err error) string {
	if err == nil {
		return ""
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// Unwrap gives errors.Is both the meaning and the cause.
func (e *CorruptError) Unwrap() []error { return []error{ErrCorrupt, e.Err} }
