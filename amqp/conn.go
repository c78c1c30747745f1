package amqp

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"switchyard/amqp/frames"
	"switchyard/amqp/sasl"
)

// A phase is how far a connection has come.
type phase uint8

const (
	expectHeader     phase = iota // any protocol header
	expectSASL                    // SASL frames
	expectAMQPHeader              // SASL has succeeded: silent until the client's AMQP header
	expectOpen
	running
	closing // our close is out, the peer's is awaited
	over    // nothing more is read or written
)

// outputGoal is how much encoded output may wait before transfers stay in their
// queues unencoded. Everything else is encoded at once.
const outputGoal = 256 << 10

// Conn is the server end of one AMQP connection.
type Conn struct {
	o     Options
	phase phase
	sasl  *sasl.Server

	in     []byte // the start of an incomplete frame
	out    []byte // encoded output
	outAt  int    // how much of out is written
	flying int    // bytes that Take gave away and Written has not reported

	events   []Event
	eventAt  int
	settling Settled // the event that comes after those; no deliveries: none

	sessions  map[uint16]*Session // by channel: ours and the peer's are the same
	names     map[linkName]*Link  // links that are pending or attached
	links     int                 // including those whose detach is awaited
	crowded   int                 // links that were refused because there were too many
	unsettled int                 // deliveries in the sent of all sessions
	owners    int                 // bytes that the owner keeps, see Keeps
	buffered  uint64              // bytes that sessions, links and unfinished deliveries take
	queued    uint64              // bytes of deliveries that wait in the queues of sessions
	largest   uint64              // max-message-size that was announced
	spare     partial             // for the next delivery of several frames
	proven    bool                // the client has proved who it is

	frameSize uint32 // of the frame being handled

	peerMaxFrame uint32
	heartbeat    time.Duration // longest silence we may keep; 0: any

	started, lastRead, lastWrite time.Time

	ack     ack        // a disposition that may still grow
	flows   []*Link    // links that owe the peer a flow
	windows []*Session // sessions that owe the peer a flow
	blocked []*Session // sessions with transfers held back by outputGoal

	// Reused for every frame, so that the frequent ones take no memory.
	transferRead, transferSent       frames.Transfer
	flowRead, flowSent               frames.Flow
	dispositionRead, dispositionSent frames.Disposition
	found                            []settlement
}

// linkName identifies a link within a connection [SB-AMQP 3.6]. A link to a coordinator is
// one of its session: Java gives all of them the same name [SB-AMQP 11].
type linkName struct {
	name    string
	role    Role
	session *Session // coordinators only
}

// NewConn returns an endpoint that awaits the client's first byte.
func NewConn(o Options, now time.Time) *Conn {
	return &Conn{
		o: o.withDefaults(), sessions: map[uint16]*Session{}, names: map[linkName]*Link{},
		peerMaxFrame: frames.MinMaxFrameSize, started: now, lastRead: now, lastWrite: now,
	}
}

// Identity returns the SASL mechanism and, for PLAIN, the user. A client that
// skipped SASL is ANONYMOUS. Both are empty before that is known.
func (c *Conn) Identity() (mechanism, user string) {
	if c.sasl != nil {
		return c.sasl.Identity()
	}
	if c.phase >= expectOpen {
		return string(sasl.Anonymous), ""
	}
	return "", ""
}

// NextEvent returns the next event; ok is false if there is none now.
func (c *Conn) NextEvent() (ev Event, ok bool) {
	c.endSettled()
	if c.eventAt == len(c.events) {
		return nil, false
	}
	ev = c.events[c.eventAt]
	c.events[c.eventAt] = nil
	if c.eventAt++; c.eventAt == len(c.events) {
		c.events, c.eventAt = c.events[:0], 0
	}
	return ev, true
}

func (c *Conn) emit(ev Event) {
	c.endSettled()
	c.events = append(c.events, ev)
}

// beginSettled begins the event of a disposition, or goes on with that of the one before if
// both accept: many clients accept each message with a frame of its own.
func (c *Conn) beginSettled(state frames.State, settled bool) {
	e := &c.settling
	_, accepted := state.(frames.Accepted)
	if _, before := e.State.(frames.Accepted); !accepted || !before || e.Settled != settled {
		c.endSettled()
	}
	e.State, e.Settled = state, settled
}

// emitSettled adds a delivery to the event. Each link has events of its own.
func (c *Conn) emitSettled(d *Outgoing) {
	if e := c.settling; e.Link != d.link {
		c.endSettled()
		c.settling = Settled{Link: d.link, State: e.State, Settled: e.Settled}
	}
	c.settling.Deliveries = append(c.settling.Deliveries, d)
}

// endSettled emits the settlements that were put together.
func (c *Conn) endSettled() {
	if len(c.settling.Deliveries) > 0 {
		c.events = append(c.events, c.settling)
	}
	c.settling = Settled{}
}

// Close closes the connection: all links are detached, a close with err (nil:
// none) is sent, and [Conn.Done] becomes true with the peer's close. The owner
// of the socket bounds the wait.
func (c *Conn) Close(err *frames.Error) {
	switch c.phase {
	case expectHeader, expectSASL, expectAMQPHeader:
		c.finish(err)
	case expectOpen:
		c.sendOpen()
		fallthrough
	case running:
		c.sendClose(err)
		c.release(err)
		c.phase = closing
	}
}

// Done reports whether the connection is over: the socket can go as soon as the
// output is written.
func (c *Conn) Done() bool { return c.phase == over }

// Closing reports whether our close is sent and the peer's is awaited: the owner
// of the socket bounds that wait.
func (c *Conn) Closing() bool { return c.phase == closing }

// Lost says that the socket is gone: err, or nil if the peer ended it in order.
func (c *Conn) Lost(err error) {
	reason := &frames.Error{Condition: frames.ErrConnectionForced, Description: "connection lost"}
	if err != nil {
		reason.Description = fmt.Sprintf("connection lost: %v", err)
	}
	c.finish(reason)
	c.out, c.outAt, c.flying = nil, 0, 0
}

// finish ends the connection without a word.
func (c *Conn) finish(err *frames.Error) {
	if c.phase == over {
		return
	}
	wasClosing := c.phase == closing
	if !wasClosing {
		c.release(err)
	}
	c.phase = over
	c.in, c.spare = nil, partial{}
}

// release detaches all links and tells the owner that the connection is over.
func (c *Conn) release(err *frames.Error) {
	for _, channel := range slices.Sorted(maps.Keys(c.sessions)) {
		c.sessions[channel].release(err)
	}
	c.buffered -= sessionCost * uint64(len(c.sessions))
	clear(c.sessions)
	c.flows, c.windows, c.blocked = nil, nil, nil
	c.emit(Closed{Err: err})
}

// fail closes the connection because the peer broke the protocol.
func (c *Conn) fail(err *frames.Error) { c.Close(err) }

// messageRoom is what a connection may make us keep beside one message of the largest
// size that one of its links takes.
const messageRoom = 8 << 20

// Proven lifts the bounds of [Options.Unproven].
func (c *Conn) Proven() { c.proven = true }

func (c *Conn) maxBuffered() uint64 {
	if c.proven {
		return max(c.o.MaxBuffered, c.largest+messageRoom)
	}
	return c.o.Unproven.MaxBuffered
}

func (c *Conn) maxLinks() int {
	if c.proven {
		return c.o.MaxLinks
	}
	return c.o.Unproven.MaxLinks
}

// keep counts bytes that the peer makes us keep, and closes the connection, and
// returns false, if they are too many.
func (c *Conn) keep(bytes uint64) bool {
	if c.buffered += bytes; c.buffered > c.maxBuffered() {
		c.fail(&frames.Error{Condition: frames.ErrResourceLimitExceeded,
			Description: fmt.Sprintf("sessions, links and unfinished deliveries take more than %d bytes", c.maxBuffered())})
		return false
	}
	return true
}

// Unsent returns how many bytes of deliveries and other output wait for the peer.
func (c *Conn) Unsent() int { return int(c.queued) + c.Backlog() }

// Keeps says that the owner keeps so many bytes more that the peer does not take.
func (c *Conn) Keeps(more int) { c.owners += more }

// Held returns about how many bytes the peer makes the connection keep: what it has
// begun and not finished, and what it does not take.
func (c *Conn) Held() int {
	return len(c.in) + int(c.buffered+c.spare.bytes()) + c.owners + c.Unsent() + c.unsettled*unsettledCost
}

// unsettledCost is how much memory, about, a delivery takes that has left and is not settled.
const unsettledCost = 256

// Crowded returns how many links were refused because the connection has too many.
func (c *Conn) Crowded() int { return c.crowded }

// Unsettled returns how many deliveries have left and are not settled by either side.
func (c *Conn) Unsettled() int { return c.unsettled }

// Begun returns how many bytes of them are of messages and the like that the peer has
// begun and not finished.
func (c *Conn) Begun() int { return int(c.buffered) }

// Shed closes the connection because all connections keep more than limit bytes, and
// this one more than the others.
func (c *Conn) Shed(limit int64) {
	var name string
	var most uint64
	for _, s := range c.sessions {
		for _, l := range s.links {
			if n := l.partial.bytes(); n > most {
				name, most = l.name, n
			}
		}
	}
	what := fmt.Sprintf("%d bytes wait for the client", c.Unsent())
	switch unsettled := c.unsettled * unsettledCost; {
	case unsettled > max(c.Unsent(), c.owners) && uint64(unsettled) > most:
		what = fmt.Sprintf("it has %d unsettled deliveries", c.unsettled)
	case c.owners > c.Unsent() && uint64(c.owners) > most:
		what = fmt.Sprintf("its transactions and the answers to its requests keep %d bytes", c.owners)
	case most > 0:
		what = fmt.Sprintf("the unfinished message of %d bytes on link %q is one of them", most, name)
	}
	c.fail(&frames.Error{Condition: frames.ErrResourceLimitExceeded, Description: fmt.Sprintf(
		"what clients have begun and not taken is more than %d bytes, and most of it on this connection: %s", limit, what)})
}

// failFraming closes the connection when the start of the next frame can't be
// known: the peer's close could not be recognised.
func (c *Conn) failFraming(format string, args ...any) {
	c.fail(&frames.Error{Condition: frames.ErrFramingError, Description: fmt.Sprintf(format, args...)})
	c.finish(nil)
}
