package servicebus

import (
	"bytes"
	"errors"
	"fmt"

	"switchyard/amqp"
	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
)

const (
	// maxPeek is how many messages one peek returns at most [SB-AMQP 9.3].
	maxPeek = 250
	// maxPeekBytes ends a peek early; one message is always returned.
	maxPeekBytes = 256 << 10
)

// attachManagement answers an attach to an entity's $management node.
func (c *conn) attachManagement(l *amqp.Link, a address) *fault {
	const rights = auth.Send | auth.Listen
	if f := c.authorize(a, rights); f != nil {
		return f
	}
	queue, err := c.h.broker.Queue(c.ns, a.queue())
	if err != nil && !errors.Is(err, broker.ErrNotReceivable) {
		return c.addressFault(a, err)
	}
	to, _ := c.h.broker.Sender(c.ns, a.queue())
	if l.Role() == amqp.RoleSender {
		c.addReplyLink(l, a, rights)
		return nil
	}
	q := &requestLink{link: link{c: c, l: l, addr: a, rights: rights}, encode: managementResponse}
	q.serve = func(req *request, respond func(response)) {
		m := &managementRequest{requestLink: q, queue: queue, to: to, request: req, respond: respond}
		if err := m.serve(); err != nil {
			if m.transactional && operations[m.operation].in != aside {
				m.c.doom(m.transaction, err)
			}
			m.refuse(err)
		}
	}
	c.addRequestLink(l, q)
	return nil
}

// A managementRequest is one operation on an entity under way.
type managementRequest struct {
	*requestLink
	*request
	queue   *broker.Queue    // nil: a topic
	to      broker.Scheduler // nil: nothing can be sent there
	session *string          // that the request is about; nil: none
	args    arguments
	respond func(response)
}

// A participation says what an operation is to a transaction in whose name it is asked for
// [SB-SEM 10]: .NET asks for everything in that of the transaction around it.
type participation uint8

const (
	refused participation = iota // it can't be rolled back
	aside                        // it is done at once, as receiving is
	joins                        // it is part of it
)

// operations are those that are supported, with the right that each needs and what it
// works on. An operation answers by itself, or returns an error and has done nothing.
var operations = map[string]struct {
	right auth.Rights
	on    operand
	run   func(m *managementRequest) error
	in    participation
}{
	"com.microsoft:renew-lock":                 {auth.Listen, onQueue, (*managementRequest).renewLock, aside},
	"com.microsoft:peek-message":               {auth.Listen, onAny, (*managementRequest).peekMessage, aside},
	"com.microsoft:receive-by-sequence-number": {auth.Listen, onQueue, (*managementRequest).receiveBySequenceNumber, aside},
	"com.microsoft:update-disposition":         {auth.Listen, onQueue, (*managementRequest).updateDisposition, joins},
	"com.microsoft:batch-delete-messages":      {auth.Listen, onQueue, (*managementRequest).batchDelete, refused},
	"com.microsoft:schedule-message":           {auth.Send, onSender, (*managementRequest).scheduleMessage, joins},
	"com.microsoft:cancel-scheduled-message":   {auth.Send, onSender, (*managementRequest).cancelScheduled, joins},
	"com.microsoft:renew-session-lock":         {auth.Listen, onQueue, (*managementRequest).renewSessionLock, aside},
	"com.microsoft:get-session-state":          {auth.Listen, onQueue, (*managementRequest).getSessionState, aside},
	"com.microsoft:set-session-state":          {auth.Listen, onQueue, (*managementRequest).setSessionState, refused},
	"com.microsoft:get-message-sessions":       {auth.Listen, onQueue, (*managementRequest).getMessageSessions, aside},
	resubmitMessages:                           {auth.Listen, onQueue, (*managementRequest).resubmit, refused},
	deleteMessages:                             {auth.Listen, onQueue, (*managementRequest).delete, refused},
	"com.microsoft:enumerate-rules":            {auth.Listen, onQueue, (*managementRequest).enumerateRules, aside},
	"com.microsoft:add-rule":                   {auth.Listen, onQueue, (*managementRequest).addRule, refused},
	"com.microsoft:remove-rule":                {auth.Listen, onQueue, (*managementRequest).removeRule, refused},
}

// An operand is what an operation works on.
type operand uint8

const (
	onQueue  operand = iota // what messages are received from: no topic
	onSender                // what messages are sent to: no subscription, no dead-letter queue
	onAny
)

// works fails if what the request is about is not what an operation works on.
func (m *managementRequest) works(on operand) error {
	switch {
	case on == onQueue && m.queue == nil:
		return fmt.Errorf("%w: %s", broker.ErrNotReceivable, m.operation)
	case on == onSender && m.to == nil:
		_, err := m.c.h.broker.Sender(m.c.ns, m.addr.queue())
		return err
	}
	return nil
}

func (m *managementRequest) serve() error {
	if name := m.text("associated-link-name"); name != "" {
		m.c.touch(name)
	}
	op, ok := operations[m.operation]
	if !ok {
		return notSupported(frames.ErrNotImplemented, fmt.Sprintf("The operation '%.80s' is", m.operation))
	}
	if f := m.c.authorize(m.addr, op.right); f != nil {
		return f
	}
	if m.transactional && op.in == refused {
		return notSupported(frames.ErrNotImplemented, fmt.Sprintf("The operation '%.80s' in a transaction is", m.operation))
	}
	body, ok := m.body.(*encoding.Map)
	if !ok {
		return &fault{condArgumentError, 400, "The body of the request must be a map."}
	}
	m.args = arguments{body}
	switch id, _ := body.Get("session-id"); id := id.(type) {
	case nil:
	case string:
		m.session = &id
	default:
		return badArgument("The argument 'session-id' must be a string.")
	}
	if m.session == nil {
		m.session = m.c.sessionOf(m.text("associated-link-name"))
	}
	if err := m.works(op.on); err != nil {
		return err
	}
	return op.run(m)
}

// touch notes activity of the named link of the connection [SB-AMQP 3.6].
func (c *conn) touch(name string) {
	if c.h.idle.Link == 0 {
		return
	}
	for l, p := range c.links {
		if l.Name() == name {
			p.base().used()
		}
	}
}

func (m *managementRequest) refuse(err error) { m.respond(m.failure(faultOf(err), m.request)) }

func (m *managementRequest) succeed(body *encoding.Map) {
	m.respond(response{status: 200, description: "OK", body: body})
}

// renewLock prolongs locks: all of them or none.
func (m *managementRequest) renewLock() error {
	tokens, err := m.args.tokens("lock-tokens")
	if err != nil {
		return err
	}
	until, unit, err := m.queue.Renew(tokens)
	if err != nil {
		return err
	}
	m.c.submitted(unit)
	m.c.whenDurable(func() {
		m.succeed(&encoding.Map{Pairs: []encoding.Pair{{Key: "expirations", Value: until}}})
	})
	return nil
}

// peekMessage shows messages in the order of their numbers, whatever their
// state, and changes nothing.
func (m *managementRequest) peekMessage() error {
	from, err := m.args.number("from-sequence-number")
	if err != nil {
		return err
	}
	count, err := m.args.number("message-count")
	if err != nil {
		return err
	}
	if count < 1 {
		return &fault{condArgumentOutOfRange, 400, fmt.Sprintf("message-count must be positive, not %d.", count)}
	}
	v := viewPeek
	if omit, _ := m.args.Get("omit-message-body"); omit == true {
		v.body = false
	}
	peek := m.peekTopic
	switch {
	case m.queue != nil && m.session != nil:
		peek = func(from int64, limit int) ([]*broker.Message, error) {
			return m.queue.PeekSession(*m.session, from, limit)
		}
	case m.queue != nil:
		peek = m.queue.Peek
	}
	msgs, err := peek(from, int(min(count, maxPeek)))
	if err != nil {
		return err
	}
	list, size := encoding.List{}, 0
	for _, msg := range msgs {
		b, err := encodeMessage(m.c.h.broker.Shown(msg), v)
		if err != nil {
			return err
		}
		if size += len(b); size > maxPeekBytes && len(list) > 0 {
			break
		}
		list = append(list, &encoding.Map{Pairs: []encoding.Pair{{Key: "message", Value: b}}})
	}
	m.messages(list)
	return nil
}

// messages responds with a list of messages, or with "no content".
func (m *managementRequest) messages(list encoding.List) {
	if len(list) == 0 {
		m.respond(response{status: 204, description: "NoContent"})
		return
	}
	m.succeed(&encoding.Map{Pairs: []encoding.Pair{{Key: "messages", Value: list}}})
}

func encodeMessage(msg *broker.Message, v view) ([]byte, error) {
	sections, err := encodeDelivery(msg, v)
	if err != nil {
		return nil, err
	}
	return bytes.Join(sections, nil), nil
}

// receiveBySequenceNumber hands out deferred messages: all of them or none.
func (m *managementRequest) receiveBySequenceNumber() error {
	seqs, err := m.args.numbers("sequence-numbers")
	if err != nil {
		return err
	}
	settleMode, err := m.args.number("receiver-settle-mode")
	if err != nil {
		return err
	}
	mode, v := broker.PeekLock, viewDeferred
	switch settleMode {
	case 0:
		mode, v = broker.ReceiveAndDelete, viewDeferredDelete
	case 1:
	default:
		return &fault{condArgumentOutOfRange, 400,
			fmt.Sprintf("receiver-settle-mode must be 0 or 1, not %d.", settleMode)}
	}
	if m.session != nil && m.queue.SubQueue() == broker.MainQueue {
		if err := m.holds(); err != nil {
			return err
		}
	}
	unit, err := m.queue.ReceiveDeferred(m.session, seqs, mode, func(msgs []*broker.Message, err error) {
		m.c.post(func() { m.received(msgs, v, err) })
	})
	m.c.submitted(unit)
	return err
}

func (m *managementRequest) received(msgs []*broker.Message, v view, err error) {
	list := encoding.List{}
	for _, msg := range msgs {
		var b []byte
		if b, err = encodeMessage(m.c.h.broker.Shown(msg), v); err != nil {
			break
		}
		list = append(list, &encoding.Map{Pairs: []encoding.Pair{
			{Key: "lock-token", Value: encoding.UUID(msg.LockToken)}, {Key: "message", Value: b},
		}})
	}
	if err != nil {
		m.refuse(err)
		return
	}
	m.messages(list)
}

// updateDisposition settles messages by their lock tokens.
func (m *managementRequest) updateDisposition() error {
	tokens, err := m.args.tokens("lock-tokens")
	if err != nil {
		return err
	}
	out, err := m.args.outcome()
	if err != nil {
		return err
	}
	if m.session != nil && m.queue.SubQueue() == broker.MainQueue {
		if err := m.holds(); err != nil {
			return err
		}
	}
	if m.transactional {
		m.updated(m.c.settle(m.transaction, m.queue, tokens, out))
		return nil
	}
	m.c.submitted(m.queue.Settle(tokens, out, func(errs []error) {
		m.c.post(func() { m.updated(errs) })
	}))
	return nil
}

// updated answers with what became of settlements.
func (m *managementRequest) updated(errs []error) {
	for _, err := range errs {
		if err != nil {
			m.refuse(err)
			return
		}
	}
	m.succeed(nil)
}
