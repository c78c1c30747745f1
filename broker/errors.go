package broker

import (
	"errors"

	"switchyard/broker/entity"
)

// Errors by meaning [SB-SEM 11].
var (
	ErrNamespaceNotFound = errors.New("namespace not found")
	ErrEntityNotFound    = errors.New("entity not found")
	ErrEntityExists      = errors.New("entity already exists")
	ErrRuleNotFound      = errors.New("rule not found")
	ErrClosed            = errors.New("broker closed")
	// ErrNotReceivable is what asking for a topic's messages gives.
	ErrNotReceivable = errors.New("a topic can't be received from, only its subscriptions can")
	// ErrTooManyConsumers is what one more than 5,000 consumers of an entity gives.
	ErrTooManyConsumers = errors.New("the entity has 5,000 receivers already, which is as many as it may have")

	ErrMessageNotFound = entity.ErrMessageNotFound
	ErrMessageLockLost = entity.ErrMessageLockLost
	ErrEntityDisabled  = entity.ErrEntityDisabled
	ErrEntityDeleted   = entity.ErrEntityDeleted
	ErrEntityInUse     = entity.ErrEntityInUse
	ErrQuotaExceeded   = entity.ErrQuotaExceeded
	ErrMessageTooLarge = entity.ErrMessageTooLarge
	ErrInvalidArgument = entity.ErrInvalidArgument
	ErrNotAllowed      = entity.ErrNotAllowed
	ErrNotSupported    = entity.ErrNotSupported
	ErrSessionLockLost = entity.ErrSessionLockLost
	ErrSessionHeld     = entity.ErrSessionHeld
	ErrNoSessions      = entity.ErrNoSessions
	ErrSessionRequired = entity.ErrSessionRequired
	ErrNoSessionID     = entity.ErrNoSessionID
	ErrForwarded       = entity.ErrForwarded
)

// TextNoSessionID is what the service says of a message without a session id.
const TextNoSessionID = entity.DescriptionNoSessionSent

// A MissingError names scheduled messages that are not there (any more); it unwraps to
// [ErrMessageNotFound].
type MissingError = entity.MissingError

// Errors that say more of [ErrEntityDisabled] and [ErrQuotaExceeded], to which they unwrap.
type (
	DisabledError = entity.DisabledError
	FullError     = entity.FullError
)

// A NotSupportedError names the feature of Service Bus that this broker does
// not have; it unwraps to [ErrNotSupported].
type NotSupportedError = entity.NotSupportedError
