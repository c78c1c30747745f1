package servicebus

import (
	"errors"
	"fmt"
	"time"

	"switchyard/amqp/frames"
	"switchyard/auth"
)

// The types of tokens that are JSON web tokens, or are called so.
const (
	typeJWT     = "jwt"
	typeAMQPJWT = "amqp:jwt"
	typeSWT     = "amqp:swt" // a simple web token; clients use it for signatures only
)

// verifyToken verifies the token of a put-token by its type [SB-AMQP 4.2].
func (c *conn) verifyToken(kind, token, audience string, now time.Time) (auth.Grant, *fault) {
	verify := c.h.auth.VerifySAS
	switch kind {
	case typeSAS:
	case typeJWT, typeAMQPJWT, typeSWT:
		// The token's own text counts, not only its type: Python's library calls its
		// shared access signatures "jwt".
		if auth.IsSAS(token) {
			break
		}
		if kind == typeSWT {
			return auth.Grant{}, unsupportedToken(kind)
		}
		verify = c.h.auth.VerifyJWT
	default:
		return auth.Grant{}, &fault{condArgumentError, 400,
			fmt.Sprintf("The token type '%.80s' is not known.", kind)}
	}
	grant, err := verify(c.ns, token, audience, now)
	if err == nil {
		return grant, nil
	}
	c.tellRefused(auth.SignerOf(token), err)
	if errors.Is(err, auth.ErrNoBearer) {
		return auth.Grant{}, unsupportedToken(kind)
	}
	return auth.Grant{}, tokenFault(err)
}

func unsupportedToken(kind string) *fault {
	return &fault{frames.ErrUnauthorizedAccess, 401, fmt.Sprintf(
		"InvalidToken: Tokens of type '%s' are not supported by this server; use a shared access signature ('%s').",
		kind, typeSAS)}
}
