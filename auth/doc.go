// Package auth decides who may do what: it verifies shared access signatures
// and shared access keys against authorization rules, and keeps what a
// connection has been granted.
//
// It implements [SB-AMQP 4.4] (SAS tokens) and the authorization rules that
// namespaces and queues carry. It opens no sockets, reads no clock and draws no
// random numbers: the time and the source of randomness are arguments. Bearer
// tokens (JWT) count if an authority was given who verifies them, which
// auth/issuer does for the tokens it issued.
package auth

import (
	"errors"
	"fmt"
	"time"
)

// The reasons for which a token or a key is refused. All of them mean 401 to a
// client; they differ in the text it is told.
var (
	// ErrMalformed means that the token is not of the form of [SB-AMQP 4.4].
	ErrMalformed = errors.New("malformed token")
	// ErrExpired means that the token's time is over. The error that wraps it is
	// an [*ExpiredError].
	ErrExpired = errors.New("token is expired")
	// ErrSignature means that the rule exists and neither of its keys made the
	// signature.
	ErrSignature = errors.New("token has an invalid signature")
	// ErrScope means that the token was made for another resource than the one
	// it is presented for.
	ErrScope = errors.New("token is for another resource")
	// ErrUnknownKey means that no rule of that name is defined for the resource.
	ErrUnknownKey = errors.New("no authorization rule of that name")
)

// The reasons for which a change of authorization rules is refused.
var (
	// ErrRuleNotFound means that the scope has no rule of that name.
	ErrRuleNotFound = errors.New("authorization rule not found")
	// ErrInvalidRule means that a rule's name, keys or rights are not allowed.
	ErrInvalidRule = errors.New("invalid authorization rule")
	// ErrTooManyRules means that the scope already has [MaxRules] rules.
	ErrTooManyRules = errors.New("too many authorization rules")
	// ErrConnectionString means that a connection string can't be read.
	ErrConnectionString = errors.New("invalid connection string")
)

// An ExpiredError is [ErrExpired] with the time at which the token expired.
type ExpiredError struct {
	Expires time.Time
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("%v since %s", ErrExpired, e.Expires.UTC().Format(time.RFC3339))
}

func (e *ExpiredError) Unwrap() error { return ErrExpired }
