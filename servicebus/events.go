package servicebus

import (
	"switchyard/amqp"
	"switchyard/auth"
)

// EventListener is called when something happened that others may want to log. Callbacks
// are optional, are called on the loops of connections, and must not block.
type EventListener struct {
	// Refused is called for a token or a key that was not accepted. Who is the name of
	// the rule that the client gave, "" if it gave none that could be read.
	Refused func(remote, who, why string)
	// Link is called when a link was attached, detached or refused.
	Link func(what LinkEvent, namespace, address, role, remote string)
}

// A LinkEvent is what happened to a link.
type LinkEvent string

// What happens to links.
const (
	LinkAttached LinkEvent = "attached"
	LinkDetached LinkEvent = "detached"
	LinkRefused  LinkEvent = "refused"
)

// tellLink tells the listener of a link.
func (c *conn) tellLink(what LinkEvent, a address, l *amqp.Link) {
	if f := c.h.events.Link; f != nil {
		role := "sender" // as the client sees it
		if l.Role() == amqp.RoleSender {
			role = "receiver"
		}
		f(what, c.ns, a.path(), role, c.remote())
	}
}

// tellRefused tells the listener of a token or a key.
func (c *conn) tellRefused(who string, err error) {
	if f := c.h.events.Refused; f != nil {
		f(c.remote(), who, auth.Reason(err))
	}
}

func (c *conn) remote() string { return c.nc.RemoteAddr().String() }
