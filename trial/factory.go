package trial

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/factory"
)

// Factory finds a factory by name, or the only one if name is empty.
func Factory(m *factory.Manager, name string) (*pipeline.Factory, error) {
	names := m.Names()
	switch {
	case name != "":
	case len(names) == 1:
		name = names[0]
	case len(names) == 0:
		return nil, &NotFoundError{Msg: "no data factory is deployed"}
	default:
		return nil, &NotFoundError{Msg: "there are several data factories; name one of " + strings.Join(names, ", ")}
	}
	f, err := m.Factory(name)
	if err != nil {
		return nil, &NotFoundError{Msg: fmt.Sprintf("data factory %q is not deployed; deployed are: %s", name, strings.Join(names, ", "))}
	}
	return f, nil
}

// NotFoundError says what is not there.
type NotFoundError struct{ Msg string }

func (e *NotFoundError) Error() string { return e.Msg }

// IsBadRequest reports whether a run was refused for what it was asked with, not
// for what happened.
func IsBadRequest(err error) bool {
	for _, x := range []error{
		engine.ErrPipelineNotFound, engine.ErrMissingParameter, engine.ErrUnknownParameter,
		engine.ErrInvalidParameter, engine.ErrTooManyQueuedRuns,
	} {
		if errors.Is(err, x) {
			return true
		}
	}
	_, ok := errors.AsType[*NotFoundError](err)
	return ok
}
