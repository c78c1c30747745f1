package servicebus

import (
	"errors"
	"fmt"

	"switchyard/amqp"
	"switchyard/amqp/frames"
	"switchyard/auth"
)

const typeSAS = "servicebus.windows.net:sastoken"

const textSignature = "InvalidSignature: The token has an invalid signature."

// tokenLinks is the pair of links to $cbs that a connection may have.
type tokenLinks struct {
	requests, replies *amqp.Link
}

// attachToken answers an attach to $cbs. A second link of the same role is
// refused, even from another session [SB-AMQP 4.1]: a client that lost track of
// its own pair learns from it that it must start again.
func (c *conn) attachToken(l *amqp.Link) *fault {
	held := &c.tokens.requests
	if l.Role() == amqp.RoleSender {
		held = &c.tokens.replies
	}
	if *held != nil && c.links[*held] != nil {
		return &fault{frames.ErrNotAllowed, 400, "Only one link of each role to $cbs is allowed per connection."}
	}
	*held = l
	a := address{node: tokenNode}
	if l.Role() == amqp.RoleSender {
		c.addReplyLink(l, a, 0)
		return nil
	}
	q := &requestLink{link: link{c: c, l: l, addr: a}, encode: tokenResponse}
	q.serve = func(req *request, respond func(response)) {
		if f := c.putToken(req); f != nil {
			respond(q.failure(f, req))
			return
		}
		respond(response{status: 202, description: "Accepted"})
	}
	c.addRequestLink(l, q)
	return nil
}

// putToken verifies a token and keeps what it grants [SB-AMQP 4.2, 4.3, 4.4].
func (c *conn) putToken(req *request) *fault {
	bad := func(text string) *fault { return &fault{condArgumentError, 400, text} }
	if req.transactional {
		return bad("A token is no part of a transaction.")
	}
	if req.operation != "put-token" {
		return bad(fmt.Sprintf("The operation '%.80s' is not known to $cbs.", req.operation))
	}
	audience := req.text("name")
	if audience == "" || len(audience) > maxAddress {
		return bad("The request needs a 'name' with the audience of the token.")
	}
	var token string
	switch body := req.body.(type) {
	case string:
		token = body
	case []byte:
		token = string(body)
	default:
		return bad("The body of the request must be the token.")
	}
	grant, f := c.verifyToken(req.text("type"), token, audience, c.h.clock.Now())
	if f != nil {
		return f
	}
	// A client learns of a missing entity here: only this failure has a status
	// (404) that its library recognises.
	if grant.Path != "" {
		a, err := splitAddress(grant.Path)
		if err != nil {
			return faultOf(err)
		}
		if f := c.exists(a); f != nil {
			return f
		}
	}
	if f := c.proven(); f != nil {
		return f
	}
	if !c.grants.Put(grant, maxGrants) {
		return &fault{frames.ErrResourceLimitExceeded, 403,
			fmt.Sprintf("The connection holds tokens for %d audiences already.", maxGrants)}
	}
	c.schedule()
	return nil
}

// tokenFault adds to the table's translation the words by which the service
// tells the reasons apart.
func tokenFault(err error) *fault {
	if expired, ok := errors.AsType[*auth.ExpiredError](err); ok {
		return expiredToken(expired.Expires)
	}
	f := faultOf(err)
	if errors.Is(err, auth.ErrScope) {
		f.text = "InvalidAudience: The token's audience does not cover the resource: " + err.Error() + "."
	} else if errors.Is(err, auth.ErrMalformed) {
		f.text = "MalformedToken: " + err.Error() + "."
	}
	return f
}
