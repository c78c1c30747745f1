package servicebus

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/amqp"
	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
)

const (
	sessionFilter = "com.microsoft:session-filter"
	maxBatchSize  = "com.microsoft:max-message-batch-size"
)

// attach answers an attach [SB-AMQP 3.3, 3.4, 3.5].
func (c *conn) attach(l *amqp.Link) {
	a, f := c.target(l)
	if f == nil {
		switch {
		case a.node == tokenNode:
			f = c.attachToken(l)
		case a.node == managementNode:
			f = c.attachManagement(l, a)
		case a.node == coordinatorNode:
			f = c.attachCoordinator(l)
		case l.Role() == amqp.RoleReceiver:
			f = c.attachSender(l, a)
		default:
			f = c.attachReceiver(l, a)
		}
	}
	if f != nil {
		c.tellLink(LinkRefused, a, l)
		l.Refuse(c.amqpError(f, a, trackingID(l.Properties())))
	}
}

// target reads where a link goes and refuses what no link may ask for.
func (c *conn) target(l *amqp.Link) (address, *fault) {
	if c.ns == "" {
		return address{}, &fault{frames.ErrNotFound, 404, "The connection has no namespace."}
	}
	if _, ok := l.Target().(*frames.Coordinator); ok {
		return address{node: coordinatorNode}, nil
	}
	source, target := l.Source(), asTarget(l.Target())
	var text string
	if l.Role() == amqp.RoleReceiver {
		if target == nil || target.Dynamic {
			return address{}, notSupported(frames.ErrNotAllowed, "Links without a target, and dynamic targets, are")
		}
		text = target.Address.Or("")
	} else {
		if source == nil || source.Dynamic {
			return address{}, notSupported(frames.ErrNotAllowed, "Links without a source, and dynamic sources, are")
		}
		text = source.Address.Or("")
		if source.DistributionMode == "copy" {
			return address{}, notSupported(frames.ErrNotAllowed, "The distribution mode 'copy' is")
		}
		for _, p := range pairs(source.Filter) {
			if name := fmt.Sprint(p.Key); name != sessionFilter {
				return address{}, notSupported(frames.ErrNotAllowed, "The source filter '"+name+"' is")
			}
		}
	}
	a, err := parseAddress(text)
	if err != nil {
		return address{}, faultOf(err)
	}
	return a, nil
}

// authorize checks that any of the rights is granted on the address.
func (c *conn) authorize(a address, rights auth.Rights) *fault {
	if c.allowed(a, rights) {
		return nil
	}
	claims := strings.ReplaceAll(rights.String(), ",", "' or '")
	return &fault{frames.ErrUnauthorizedAccess, 401, fmt.Sprintf(
		"Unauthorized access. '%s' claim(s) are required to perform this operation. Resource: '%s'.",
		claims, c.uri(a.path()))}
}

// queue finds the queue or subscription of an address.
func (c *conn) queue(a address) (*broker.Queue, *fault) {
	q, err := c.h.broker.Queue(c.ns, a.queue())
	if err != nil {
		return nil, c.addressFault(a, err)
	}
	return q, nil
}

// exists finds out whether there is an entity at an address, a topic included.
func (c *conn) exists(a address) *fault {
	_, err := c.h.broker.Queue(c.ns, a.queue())
	if err == nil || errors.Is(err, broker.ErrNotReceivable) {
		return nil
	}
	return c.addressFault(a, err)
}

// addressFault translates the error of looking an entity up, or of one that is no longer
// what it was. What is there and refused for good has the same status, so that Go does not
// try again; the condition tells.
func (c *conn) addressFault(a address, err error) *fault {
	f := faultOf(err)
	if f.condition == frames.ErrNotFound {
		f = c.entityNotFound(a)
	}
	return f
}

// entityNotFound has the text by which clients tell a missing entity from other
// reasons [SB-AMQP 10].
func (c *conn) entityNotFound(a address) *fault {
	return &fault{frames.ErrNotFound, 404, fmt.Sprintf(
		"The messaging entity '%s' could not be found. To know more visit https://aka.ms/sbResourceMgrExceptions. ",
		c.uri(a.queue()))}
}

func (c *conn) attachSender(l *amqp.Link, a address) *fault {
	if f := c.authorize(a, auth.Send); f != nil {
		return f
	}
	if a.sub != broker.MainQueue {
		return &fault{frames.ErrNotAllowed, 400,
			"Messages cannot be sent to the dead-letter queue '" + c.uri(a.queue()) + "'."}
	}
	r, f := c.route(l, a)
	if f != nil {
		return f
	}
	limits, err := r.to.Limits()
	if err != nil {
		return c.addressFault(a, err)
	}
	if !limits.Status.CanSend() {
		return faultOf(&broker.DisabledError{Status: limits.Status, Sends: true})
	}
	properties := answered(l)
	properties.Set(encoding.Symbol(maxBatchSize), c.maxBatchSize())
	r.attached(l, properties)
	s := &sender{link: link{c: c, l: l, addr: a, beside: r.via, rights: auth.Send}, to: r.to, limits: limits}
	c.add(l, s)
	l.Accept(amqp.AcceptOptions{
		Source: sourceOf(l), MaxMessageSize: uint64(limits.MaxMessageSize), Properties: properties,
		Credit: senderCredit,
	})
	return nil
}

// maxBatchSize is what the service reports for the namespace's tier, whatever
// the entity's own limit [SB-AMQP 3.3].
func (c *conn) maxBatchSize() uint64 {
	if c.premium() {
		return 1 << 20
	}
	return 256 << 10
}

// premium reports whether the namespace is of the tier Premium.
func (c *conn) premium() bool {
	o, err := c.h.broker.Namespace(c.ns)
	return err == nil && strings.EqualFold(o.SKU, "Premium")
}

func (c *conn) attachReceiver(l *amqp.Link, a address) *fault {
	if f := c.authorize(a, auth.Listen); f != nil {
		return f
	}
	q, f := c.queue(a)
	if f != nil {
		return f
	}
	if f := c.mayReceive(l, a, q); f != nil {
		return f
	}
	r := &receiver{link: link{c: c, l: l, addr: a, rights: auth.Listen}, queue: q}
	if l.SndSettleMode() == frames.SenderSettled {
		r.mode = broker.ReceiveAndDelete
	}
	if v, ok := l.Source().Filter.Get(sessionFilter); ok {
		w, f := readSessionFilter(v)
		if f == nil {
			f = c.attachSession(r, w)
		}
		return f
	}
	consumer, err := q.NewConsumer(broker.ConsumerOptions{Mode: r.mode, Deliver: r.deliver,
		Closed: r.entityClosed})
	if err != nil {
		return faultOf(err)
	}
	r.consumer = consumer
	c.add(l, r)
	l.Accept(amqp.AcceptOptions{Target: targetOf(l), Properties: answered(l)})
	return nil
}

// answered returns the properties with which every attach is answered: the client's tracking
// id, if it sent one [SB-AMQP 6.1].
func answered(l *amqp.Link) *encoding.Map {
	p := new(encoding.Map)
	if id := trackingID(l.Properties()); id != "" {
		p.Set(encoding.Symbol(trackingProperty), id)
	}
	return p
}

func asTarget(t frames.TargetLike) *frames.Target {
	target, _ := t.(*frames.Target)
	return target
}

// sourceOf and targetOf return what the answer echoes. The answer must have
// both even if the client sent none: an absent one means refusal.
func sourceOf(l *amqp.Link) *frames.Source {
	if s := l.Source(); s != nil {
		return s
	}
	return &frames.Source{Address: frames.Some(l.Name())}
}

func targetOf(l *amqp.Link) frames.TargetLike {
	if t := asTarget(l.Target()); t != nil {
		return t
	}
	return &frames.Target{Address: frames.Some(l.Name())}
}

func pairs(m *encoding.Map) []encoding.Pair {
	if m == nil {
		return nil
	}
	return m.Pairs
}

func trackingID(properties *encoding.Map) string {
	v, _ := properties.Get(trackingProperty)
	id, _ := v.(string)
	if len(id) > 128 {
		return ""
	}
	return id
}
