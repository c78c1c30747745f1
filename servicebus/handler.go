package servicebus

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/clock"
)

// Authority verifies what clients present. [*auth.Authority] is one.
type Authority interface {
	// VerifySAS verifies a token for an audience.
	VerifySAS(ns, token, audience string, now time.Time) (auth.Grant, error)
	// VerifyJWT verifies a bearer token for an audience.
	VerifyJWT(ns, token, audience string, now time.Time) (auth.Grant, error)
	// VerifyKey verifies the name and the key of a rule of the namespace.
	VerifyKey(ns, keyName, key string) (auth.Grant, error)
}

// Options are what [NewHandler] needs. Broker, Auth, Clock and Namespace are
// required.
type Options struct {
	Broker *broker.Broker
	Auth   Authority
	Clock  clock.Clock
	Logger *slog.Logger // default: discards
	Rand   io.Reader    // source of tracking ids; default crypto/rand
	// Namespace tells which namespace a client means by the hostname of its
	// open, in lower case and without port.
	Namespace func(hostname string) (ns string, ok bool)
	Idle      Idle
	Events    EventListener
	// Shared is what several handlers share. Nil: the handler's own.
	Shared *Shared
}

// Idle are the rules of [SB-AMQP 3.6] for connections and links that do
// nothing. Zero turns a rule off, as emulators do.
type Idle struct {
	// Connection closes a connection that has had no link since it was opened;
	// the service's value is 60 s.
	Connection time.Duration
	// LastLink closes a connection that long after its last link is gone; the
	// service's value is 300 s.
	LastLink time.Duration
	// Token closes a connection that has shown no valid token so long after it was
	// opened; the service's value is 20 s.
	Token time.Duration
	// Link detaches a link without activity; the service's value is 10 min.
	Link time.Duration
}

// ServiceIdle are the service's rules for connections. Links may be idle: emulators
// leave them alone as well.
var ServiceIdle = Idle{Connection: time.Minute, LastLink: 5 * time.Minute, Token: 20 * time.Second}

// A Handler answers AMQP connections as Service Bus does. It implements
// [amqpnet.Handler] and serves any number of connections.
type Handler struct {
	broker    *broker.Broker
	auth      Authority
	clock     clock.Clock
	log       *slog.Logger
	rand      io.Reader
	namespace func(hostname string) (string, bool)
	idle      Idle
	shared    *Shared
	events    EventListener

	mu    sync.Mutex
	conns map[*conn]struct{} // guarded by mu
}

// NewHandler returns a handler.
func NewHandler(o Options) *Handler {
	h := &Handler{broker: o.Broker, auth: o.Auth, clock: o.Clock, log: o.Logger, rand: o.Rand,
		namespace: o.Namespace, idle: o.Idle, events: o.Events, conns: map[*conn]struct{}{}}
	if h.shared = o.Shared; h.shared == nil {
		h.shared = NewShared(Limits{})
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.rand == nil {
		h.rand = rand.Reader
	}
	return h
}

// Serve drives one connection until it is over, as [amqpnet.Serve] does, with
// SASL PLAIN against the namespaces' authorization rules. Used directly as an
// [amqpnet.Handler], a Handler has no PLAIN.
func (h *Handler) Serve(ctx context.Context, nc net.Conn, o amqpnet.Options) error {
	s := &plainHandler{h: h, remote: nc.RemoteAddr().String()}
	o.AMQP.Authenticate = s.authenticate
	o.AMQP.MaxLinks, o.AMQP.MaxUnsettled = h.shared.limits.Links, h.shared.limits.Unsettled
	o.AMQP.Unproven = amqp.Unproven{MaxSessions: 16, MaxLinks: min(32, o.AMQP.MaxLinks), MaxBuffered: 128 << 10}
	o.Held, o.Unproven, o.Storing = h.shared.proven, h.shared.unproven, h.shared.storing
	return amqpnet.Serve(ctx, nc, s, o)
}

// A plainHandler is the handler of one connection that may use SASL PLAIN. The
// key arrives before the open tells the namespace, so it is kept until then.
type plainHandler struct {
	h        *Handler
	remote   string
	used     bool
	name     string
	password string
}

// authenticate accepts a key that is good for any namespace. Whether it is good
// for the one that the client opens is decided there.
func (s *plainHandler) authenticate(_, _, user, password string) error {
	err := error(auth.ErrUnknownKey)
	for _, ns := range s.h.broker.Namespaces() {
		if _, err = s.h.auth.VerifyKey(ns, user, password); err == nil {
			s.used, s.name, s.password = true, user, password
			return nil
		}
	}
	if f := s.h.events.Refused; f != nil {
		f(s.remote, user, auth.Reason(err))
	}
	return err
}

func (s *plainHandler) Handle(nc *amqpnet.Conn, ev amqp.Event) {
	s.h.Handle(nc, ev)
	if _, ok := ev.(amqp.Opened); ok && s.used {
		s.h.conn(nc).plain(s.name, s.password)
		s.password = ""
	}
}

func (s *plainHandler) Flush(nc *amqpnet.Conn) { s.h.Flush(nc) }
func (s *plainHandler) Stop(nc *amqpnet.Conn)  { s.h.Stop(nc) }
func (s *plainHandler) Gone(nc *amqpnet.Conn)  { s.h.Gone(nc) }

// conn returns the state of a connection, made when it is first asked for.
func (h *Handler) conn(nc *amqpnet.Conn) *conn {
	if c, ok := nc.Data.(*conn); ok {
		return c
	}
	c := newConn(h, nc)
	nc.Data = c
	h.mu.Lock()
	h.conns[c] = struct{}{}
	h.mu.Unlock()
	return c
}

// EntityChanged detaches all links of a queue or subscription, its dead-letter
// queue and their $management nodes, or of a topic and all its subscriptions,
// as the service does whenever an entity is updated or deleted [SB-AMQP 3.6].
// The code that changes entities calls it when the change is durable. It does not
// wait: links end on the loops of their connections. Clients attach again by
// themselves.
func (h *Handler) EntityChanged(ns, path string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		c.post(func() { c.entityChanged(ns, path) })
	}
}

// Handle answers one event of a connection.
func (h *Handler) Handle(nc *amqpnet.Conn, ev amqp.Event) {
	c := h.conn(nc)
	if d, ok := ev.(amqp.Delivered); !ok || d.Link.Data != any(c.gathered.from) {
		c.handOver()
	}
	switch ev := ev.(type) {
	case amqp.Opened:
		c.opened(ev.Open)
	case amqp.Attached:
		c.attach(ev.Link)
	case amqp.Delivered:
		if n, ok := ev.Link.Data.(incoming); ok {
			n.used()
			n.delivered(ev.Delivery)
		}
	case amqp.Oversized:
		if id, ok := inTransaction(ev.State); ok {
			c.doom(id, broker.ErrMessageTooLarge)
		}
	case amqp.Flowed:
		if n, ok := ev.Link.Data.(outgoing); ok {
			if err := c.h.broker.Writable(); err != nil {
				n.base().fail(faultOf(err)) // a delivery can't be recorded
				return
			}
			n.used()
			n.flowed(ev.Credit, ev.Drain)
		}
	case amqp.Settled:
		if n, ok := ev.Link.Data.(*receiver); ok {
			n.used()
			n.settled(ev)
		}
	case amqp.Detached:
		c.detached(ev.Link)
	case amqp.Closed:
	}
}

// Flush makes durable what has been submitted since the last call, and so
// causes the answers.
func (h *Handler) Flush(nc *amqpnet.Conn) {
	c := h.conn(nc)
	c.flush()
	c.tell()
}

// Stop waits until what has been submitted is durable, and so causes the answers.
func (h *Handler) Stop(nc *amqpnet.Conn) { h.conn(nc).settleDown() }

// Gone ends what belongs to a connection.
func (h *Handler) Gone(nc *amqpnet.Conn) {
	c := h.conn(nc)
	h.mu.Lock()
	delete(h.conns, c)
	h.mu.Unlock()
	c.gone()
}
