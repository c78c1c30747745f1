package factory

import (
	"errors"
	"fmt"

	"switchyard/pipeline"
)

// What an [*Error] can be about.
var (
	// ErrFactoryNotFound: the factory is not there, or is being deleted.
	ErrFactoryNotFound = errors.New("data factory not found")
	// ErrNotFound: the definition is not in the factory.
	ErrNotFound = errors.New("not found")
	// ErrInvalid: the definition is malformed; Diagnostics say where.
	ErrInvalid = errors.New("invalid definition")
	// ErrMissingReference: the definition refers to something that is not there.
	ErrMissingReference = errors.New("reference to what does not exist")
	// ErrReferenced: what is to be deleted is referred to.
	ErrReferenced = errors.New("referenced")
	// ErrTriggerStarted: the trigger must be stopped first.
	ErrTriggerStarted = errors.New("trigger is started")
	// ErrTriggerNotStarted: the trigger could not be started.
	ErrTriggerNotStarted = errors.New("trigger can't be started")
	// ErrWindowStart and ErrWindowFrequency: a tumbling-window trigger would have other windows.
	ErrWindowStart     = errors.New("windows begin at another time")
	ErrWindowFrequency = errors.New("windows have another length")
	// ErrNameInUse: another group has a factory of that name.
	ErrNameInUse = errors.New("name is in use")
	// ErrLocation: a factory can't move.
	ErrLocation = errors.New("factory is in another location")
	// ErrDeleting: the factory is being deleted.
	ErrDeleting = errors.New("factory is being deleted")
	// ErrNotSupported: Azure has it and this version has not.
	ErrNotSupported = errors.New("not supported")
)

// An Error is why a change was refused, or a look-up failed.
type Error struct {
	Kind    error // one of the above
	Message string
	// Diagnostics are what is wrong with a definition, errors only.
	Diagnostics pipeline.Diagnostics
	// Target is what it is about, if that is not the place of the first of Diagnostics.
	Target string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

func errorf(kind error, format string, a ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, a...)}
}

// invalid is the error of a definition's mistakes; nil if there are none.
func invalid(ds pipeline.Diagnostics) error {
	ds = ds.Errors()
	if len(ds) == 0 {
		return nil
	}
	e := errorf(ErrInvalid, "%s %s", ds[0].Path, ds[0].Message)
	if n := len(ds) - 1; n > 0 {
		e.Message += fmt.Sprintf(" (and %d more)", n)
	}
	e.Diagnostics = ds
	return e
}

func invalidAt(path, format string, a ...any) error {
	return invalid(pipeline.Diagnostics{{Path: path, Message: fmt.Sprintf(format, a...)}})
}
