package servicebus

import (
	"net"
	"strings"
	"time"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
)

// maxGrants bounds how many audiences one connection may hold tokens for: as
// many as a namespace may have entities.
const maxGrants = 10000

// A conn is the state of one connection. All of it is owned by the connection's
// loop.
type conn struct {
	h    *Handler
	nc   *amqpnet.Conn
	ns   string // "" until the open
	host string // the client's name for us, without port

	grants auth.Grants
	tokens tokenLinks
	links  map[*amqp.Link]peer
	faults int // errors reported, part of their tracking ids

	durable  durable
	gathered gathered

	transactions transactions
	groups       map[*amqp.Session]*group
	containerID  string // "": not made yet

	held map[*receiver]struct{} // with credit that waits for the client to read

	alarm   alarm
	empty   time.Time // since when there is no link
	had     bool      // there has been one
	tally   tally
	shown   bool      // a valid token or key has been shown
	counted bool      // among the namespace's connections
	began   time.Time // the connection
}

// A peer is what stands behind a link.
type peer interface {
	base() *link
	// gone is called once when the link has ended, on either side.
	gone()
}

// An incoming peer is sent messages by the client.
type incoming interface {
	peer
	used()
	delivered(d *amqp.Incoming)
}

// An outgoing peer sends messages to the client.
type outgoing interface {
	peer
	used()
	flowed(credit uint32, drain bool)
}

// A link is what the peers of all kinds have in common.
type link struct {
	c      *conn
	l      *amqp.Link
	addr   address
	beside address     // another entity that the link is about, of the same rights; see [route]
	rights auth.Rights // any of these must be granted; none: no token is needed
	active time.Time   // of the last activity, while idle links are looked for
}

func (k *link) base() *link { return k }

// used notes activity.
func (k *link) used() {
	if k.c.h.idle.Link > 0 {
		k.active = k.c.h.clock.Now()
	}
}

// fail detaches the link with a fault.
func (k *link) fail(f *fault) { k.l.Detach(k.c.amqpError(f, k.addr, trackingID(k.l.Properties()))) }

func newConn(h *Handler, nc *amqpnet.Conn) *conn {
	return &conn{h: h, nc: nc, links: map[*amqp.Link]peer{}, held: map[*receiver]struct{}{},
		empty: h.clock.Now(), began: h.clock.Now()}
}

func (c *conn) opened(open *frames.Open) {
	host := open.Hostname.Or("")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	c.host = strings.ToLower(host)
	ns, ok := c.h.namespace(c.host)
	if !ok {
		f := &fault{frames.ErrNotFound, 404, "The namespace of host '" + c.host + "' could not be found."}
		c.nc.AMQP().Close(c.amqpError(f, address{}, ""))
		return
	}
	c.ns = ns
	if c.host == "" {
		c.host = ns
	}
	c.schedule()
}

// plain grants what a key gives that was presented by SASL PLAIN.
func (c *conn) plain(name, key string) {
	if c.ns == "" {
		return // the open was refused
	}
	grant, err := c.h.auth.VerifyKey(c.ns, name, key)
	if err != nil {
		c.tellRefused(name, err)
	} else {
		if f := c.proven(); f != nil {
			err = f
		}
	}
	if err != nil {
		c.nc.AMQP().Close(c.amqpError(faultOf(err), address{}, ""))
		return
	}
	c.grants.Put(grant, maxGrants)
}

// proven notes that the client has shown a token or a key that is good. From then on
// the connection is one of those that the namespace may have: clients that prove
// nothing take no place of others.
func (c *conn) proven() *fault {
	if !c.counted {
		if f := c.h.shared.enter(c.ns); f != nil {
			return f
		}
		c.counted = true
	}
	c.shown = true
	c.nc.Proven()
	return nil
}

// post runs f on the connection's loop. It reports false if the connection is
// over, and then f never runs.
func (c *conn) post(f func()) bool { return c.nc.Post(f) }

func (c *conn) entityChanged(ns, path string) {
	if !strings.EqualFold(ns, c.ns) {
		return
	}
	for _, p := range c.links {
		k := p.base()
		for _, a := range [...]address{k.addr, k.beside} {
			topic, _, _ := broker.SplitSubscription(a.entity)
			if strings.EqualFold(a.entity, path) || strings.EqualFold(topic, path) {
				k.entityChanged(a)
				break
			}
		}
	}
}

// entityChanged detaches the link because its entity was updated or deleted.
func (k *link) entityChanged(a address) {
	if f := k.c.exists(a); f != nil {
		k.fail(f)
		return
	}
	k.fail(&fault{frames.ErrDetachForced, 400, "The link '" + k.l.Name() +
		"' is force detached by the broker because the entity '" + k.c.uri(a.queue()) + "' was updated."})
}

func (c *conn) add(l *amqp.Link, p peer) {
	l.Data = p
	c.links[l] = p
	c.groupOf(l).join(p)
	c.h.shared.links.Add(1)
	c.had = true
	p.base().active = c.h.clock.Now()
	c.schedule()
	c.tellLink(LinkAttached, p.base().addr, l)
}

func (c *conn) detached(l *amqp.Link) {
	p, ok := c.links[l]
	if !ok {
		return
	}
	delete(c.links, l)
	c.h.shared.links.Add(-1)
	c.leaveGroup(l)
	c.tellLink(LinkDetached, p.base().addr, l)
	if len(c.links) == 0 {
		c.empty = c.h.clock.Now()
		c.schedule()
	}
	p.gone()
}

func (c *conn) gone() {
	for l, p := range c.links {
		delete(c.links, l)
		c.h.shared.links.Add(-1)
		c.tellLink(LinkDetached, p.base().addr, l)
		p.gone()
	}
	c.settleDown()
	c.tell()
	c.alarm.stop()
	if c.counted {
		c.h.shared.leave(c.ns)
	}
}

// allowed reports whether the connection holds any of the rights on a path.
func (c *conn) allowed(a address, rights auth.Rights) bool {
	return c.grants.Allows(a.path(), rights, c.h.clock.Now())
}
