package entity

import (
	"errors"
	"fmt"

	"switchyard/broker/description"
)

// Errors by meaning [SB-SEM 11]. The dialects map each to a condition or a
// status once.
var (
	ErrMessageNotFound = errors.New("message not found")
	ErrMessageLockLost = errors.New("message lock lost")
	ErrEntityDisabled  = errors.New("entity disabled")
	ErrEntityDeleted   = errors.New("entity deleted")
	ErrEntityInUse     = errors.New("pipeline runs hold messages of the entity")
	ErrQuotaExceeded   = errors.New("entity size quota exceeded")
	ErrMessageTooLarge = errors.New("message too large")
	ErrInvalidArgument = errors.New("invalid argument")
	ErrNotAllowed      = errors.New("not allowed")
	ErrSessionLockLost = errors.New("session lock lost")
	ErrSessionHeld     = errors.New("the session is held by another receiver")
	ErrNoSessions      = errors.New("the entity does not require sessions")
	ErrSessionRequired = errors.New("the entity requires sessions")
	ErrNoSessionID     = errors.New("the message has no session id")
	// ErrForwarded is what receiving messages gives that are forwarded.
	ErrForwarded = errors.New("messages are forwarded to another entity, so they can't be received here")
	// ErrNotSupported is what a [NotSupportedError] unwraps to.
	ErrNotSupported = errors.New("not supported")
)

// A MissingError names scheduled messages that are not there (any more).
type MissingError struct{ SequenceNumbers []int64 }

func (e *MissingError) Error() string {
	return fmt.Sprintf("%v: %v", ErrMessageNotFound, e.SequenceNumbers)
}

// Unwrap makes errors.Is(err, ErrMessageNotFound) true.
func (e *MissingError) Unwrap() error { return ErrMessageNotFound }

// A DisabledError says which status of an entity forbids what was asked for.
type DisabledError struct {
	Status description.Status
	Sends  bool // a send was asked for
}

func (e *DisabledError) Error() string {
	return fmt.Sprintf("%v: status is %s", ErrEntityDisabled, e.Status)
}

// Unwrap makes errors.Is(err, ErrEntityDisabled) true.
func (e *DisabledError) Unwrap() error { return ErrEntityDisabled }

// A FullError says how large an entity is that takes no more.
type FullError struct{ Bytes, Max int64 }

func (e *FullError) Error() string {
	return fmt.Sprintf("%v: it has %d bytes, the limit is %d", ErrQuotaExceeded, e.Bytes, e.Max)
}

// Unwrap makes errors.Is(err, ErrQuotaExceeded) true.
func (e *FullError) Unwrap() error { return ErrQuotaExceeded }

// A NotSupportedError names the feature of Service Bus that this broker does
// not have.
type NotSupportedError struct{ What string }

func (e *NotSupportedError) Error() string { return e.What + " is not supported" }

// Unwrap makes errors.Is(err, ErrNotSupported) true.
func (e *NotSupportedError) Unwrap() error { return ErrNotSupported }
