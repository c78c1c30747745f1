package servicebus

import (
	"fmt"
	"strings"

	"switchyard/amqp"
	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
)

// transferDestination is the property by which the client of a sender asks for send-via: the
// link's target is the entity by way of which its messages go to the destination
// [SB-AMQP 11].
const transferDestination = "com.microsoft:transfer-destination-address"

// A group is an AMQP session that has begun with a coordinator: that is how clients ask for
// transactions that span entities [SB-AMQP 11]. The first entity to which a link of it goes
// is the one that all its transactions are about. What is sent to others goes by way of
// that one, in a transaction or not, and nothing is received from others.
type group struct {
	entity string // the path of the queue or topic; "": there was no link yet
}

// groupOf returns the group of a link, nil if its session is none.
func (c *conn) groupOf(l *amqp.Link) *group { return c.groups[l.Session()] }

// beginGroup notes that the coordinator is the first link of its session.
func (c *conn) beginGroup(l *amqp.Link) {
	for other, p := range c.links {
		if other.Session() == l.Session() && p.base().addr.node != tokenNode {
			return
		}
	}
	if c.groups == nil {
		c.groups = map[*amqp.Session]*group{}
	}
	if c.groupOf(l) == nil {
		c.groups[l.Session()] = &group{}
	}
}

// leaveGroup forgets the group of a link if it was the last of the session, but for those
// to $cbs.
func (c *conn) leaveGroup(l *amqp.Link) {
	if c.groupOf(l) == nil {
		return
	}
	for other, p := range c.links {
		if other.Session() == l.Session() && p.base().addr.node != tokenNode {
			return
		}
	}
	delete(c.groups, l.Session())
}

// join notes to which entity the first link of the group goes that is attached.
func (g *group) join(p peer) {
	if g == nil || g.entity != "" {
		return
	}
	switch p := p.(type) {
	case *sender:
		g.entity = p.to.Path()
	case *receiver:
		g.entity = p.queue.TopLevel()
	}
}

// has reports whether a link to the entity is one to the group's.
func (g *group) has(entity string) bool {
	return g == nil || g.entity == "" || strings.EqualFold(g.entity, entity)
}

// mayReceive refuses a receiver of another entity than the group's. Clients then end the
// session and begin again.
func (c *conn) mayReceive(l *amqp.Link, a address, q *broker.Queue) *fault {
	g := c.groupOf(l)
	if g.has(q.TopLevel()) {
		return nil
	}
	return &fault{frames.ErrNotAllowed, 400, fmt.Sprintf("Messages of '%s' cannot be received here: the AMQP session began with "+
		"a coordinator, so its transactions span entities, and all that it receives from must be of '%s', the first of them.",
		c.uri(a.queue()), g.entity)}
}

// A route is where what a client sends on a link goes.
type route struct {
	to  broker.Sender
	via address // beside the link's own: by way of which, or where to; the zero value: neither
}

// route finds where messages go that are sent on a link whose target is an address.
func (c *conn) route(l *amqp.Link, a address) (route, *fault) {
	if v, ok := l.Properties().Get(transferDestination); ok {
		return c.explicitRoute(a, v)
	}
	to, err := c.h.broker.Sender(c.ns, a.queue())
	if err != nil {
		return route{}, c.addressFault(a, err)
	}
	g := c.groupOf(l)
	if g.has(to.Path()) {
		return route{to: to}, nil
	}
	via := address{entity: g.entity}
	if f := c.authorize(via, auth.Send); f != nil {
		return route{}, f
	}
	return c.viaRoute(via, a, via)
}

// explicitRoute is the route of a link that names the destination itself.
func (c *conn) explicitRoute(via address, destination any) (route, *fault) {
	if c.basic() {
		return route{}, notSupported(frames.ErrNotAllowed,
			"The namespace is of the tier Basic, which has no transactions: send-via ("+transferDestination+") is")
	}
	text, ok := destination.(string)
	if !ok {
		return route{}, badArgument("The link property '" + transferDestination + "' must be a string.")
	}
	to, err := parseAddress(text)
	if err != nil {
		return route{}, faultOf(err)
	}
	if to.node != entityNode || to.sub != broker.MainQueue {
		return route{}, &fault{frames.ErrNotAllowed, 400,
			fmt.Sprintf("Messages cannot be sent to '%s' (%s).", c.uri(to.path()), transferDestination)}
	}
	if f := c.authorize(to, auth.Send); f != nil {
		return route{}, f
	}
	return c.viaRoute(via, to, to)
}

// viaRoute is the route by way of an entity to another one; beside is which of them is not
// the link's own address.
func (c *conn) viaRoute(via, to, beside address) (route, *fault) {
	for _, a := range [...]address{via, to} {
		if f := c.exists(a); f != nil {
			return route{}, f
		}
	}
	sender, err := c.h.broker.Via(c.ns, via.queue(), to.queue())
	if err != nil {
		return route{}, faultOf(err)
	}
	return route{sender, beside}, nil
}

// attached adds to the properties of an attach's answer that messages go on [SB-AMQP 11].
func (r route) attached(l *amqp.Link, properties *encoding.Map) {
	if v, ok := l.Properties().Get(transferDestination); ok {
		properties.Set(encoding.Symbol(transferDestination), v)
	}
}

// basic reports whether the namespace is of the tier that has no transactions [SB-SEM 1.4].
func (c *conn) basic() bool {
	o, err := c.h.broker.Namespace(c.ns)
	return err == nil && strings.EqualFold(o.SKU, broker.SKUBasic)
}
