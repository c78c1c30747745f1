package auth

import "errors"

// refusals are the errors of what is presented to an [Authority].
var refusals = []error{ErrExpired, ErrNotYetValid, ErrSignature, ErrUnknownKey, ErrScope, ErrIssuer, ErrNoBearer,
	ErrMalformed}

// Reason says why something was refused in words that are good for a log: an error's
// own text may quote what was presented.
func Reason(err error) string {
	for _, r := range refusals {
		if errors.Is(err, r) {
			return r.Error()
		}
	}
	return "it can't be verified"
}

// SignerOf returns the name of the rule that a token says it was signed with, "" if it
// is no shared access signature. Nothing of it is verified.
func SignerOf(token string) string {
	s, err := ParseSAS(token)
	if err != nil {
		return ""
	}
	return s.KeyName
}
