package pipeline

import "switchyard/value"

// An ActivityError is why an activity failed: the error member of its record.
type ActivityError struct {
	Code        string // errorCode
	Message     string
	FailureType string // UserError or SystemError
	// Details is an array for activities that are executed and text for those that
	// are decided; nil stands for the kind's empty value.
	Details value.Value
}

// Values of [ActivityError.FailureType].
const (
	UserError   = "UserError"
	SystemError = "SystemError"
)

func (e *ActivityError) Error() string { return e.Code + ": " + e.Message }
