package amqp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

// A peer is a client made of bytes: it writes frames into a Conn and tells, line
// by line, what came out: frames as "< channel frame", events as "! event".
type peer struct {
	t     testing.TB
	c     *Conn
	now   time.Time
	trace []string

	links      []*Link     // as attached
	deliveries []*Incoming // as delivered
	settled    []*Outgoing // as settled by the client
	unread     []byte      // output that is no frame yet
	headers    bool        // output still starts with a protocol header
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newPeer(t testing.TB, o Options) *peer {
	return &peer{t: t, c: NewConn(o, start), now: start, headers: true}
}

// openPeer has opened a connection and, on channel 0, a session.
func openPeer(t testing.TB, o Options) *peer {
	p := newPeer(t, o)
	p.raw([]byte(headerAMQP))
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 65536, ChannelMax: 65535})
	p.send(0, &frames.Begin{IncomingWindow: 5000, OutgoingWindow: 5000, HandleMax: 255})
	p.trace = nil
	return p
}

func (p *peer) raw(b []byte) {
	p.t.Helper()
	p.c.Input(b, p.now)
	p.read()
}

func (p *peer) send(channel uint16, body frames.Body, payload ...byte) {
	p.t.Helper()
	p.raw(encodeFrame(p.t, frames.TypeAMQP, channel, body, payload))
}

func encodeFrame(t testing.TB, typ frames.Type, channel uint16, body frames.Body, payload []byte) []byte {
	t.Helper()
	b, mark := frames.BeginFrame(nil, typ, channel)
	if body != nil {
		var err error
		if b, err = body.Append(b); err != nil {
			t.Fatal(err)
		}
	}
	return frames.EndFrame(append(b, payload...), mark)
}

// read takes events and output until there are no more.
func (p *peer) read() {
	p.t.Helper()
	for {
		ev, ok := p.c.NextEvent()
		if !ok {
			break
		}
		p.event(ev)
	}
	out := p.c.Output()
	p.unread = append(p.unread, out...)
	p.c.Written(len(out), p.now)
	for len(p.unread) >= 8 {
		if bytes.HasPrefix(p.unread, []byte("AMQP")) {
			p.trace = append(p.trace, fmt.Sprintf("< %q", p.unread[:8]))
			p.unread = p.unread[8:]
			continue
		}
		h, err := frames.ParseFrameHeader(p.unread)
		if err != nil {
			p.t.Fatalf("output %x: %v", p.unread, err)
		}
		if uint32(len(p.unread)) < h.Size {
			p.t.Fatalf("output ends inside a frame: %x", p.unread)
		}
		p.trace = append(p.trace, "< "+describeFrame(p.t, h, p.unread[h.Body:h.Size]))
		p.unread = p.unread[h.Size:]
	}
}

func (p *peer) event(ev Event) {
	var s string
	switch ev := ev.(type) {
	case Opened:
		s = "opened " + ev.Open.ContainerID
	case Attached:
		p.links = append(p.links, ev.Link)
		s = fmt.Sprintf("attached %s as %v", ev.Link.Name(), ev.Link.Role())
	case Delivered:
		p.deliveries = append(p.deliveries, ev.Delivery)
		d := ev.Delivery
		s = fmt.Sprintf("delivered %s id=%d tag=%q format=%#x settled=%v state=%s payload=%s", ev.Link.Name(), d.ID(), d.Tag, d.Format, d.Settled, describeState(d.State), short(d.Payload))
	case Flowed:
		s = fmt.Sprintf("flowed %s credit=%d drain=%v", ev.Link.Name(), ev.Credit, ev.Drain)
	case Settled:
		var ids []string
		for _, d := range ev.Deliveries {
			p.settled = append(p.settled, d)
			ids = append(ids, fmt.Sprintf("%d:%v", d.ID(), d.Data))
		}
		s = fmt.Sprintf("settled %s [%s] state=%s settled=%v", ev.Link.Name(), strings.Join(ids, " "), describeState(ev.State), ev.Settled)
	case Detached:
		s = fmt.Sprintf("detached %s %s", ev.Link.Name(), describeError(ev.Err))
	case Closed:
		s = "closed " + describeError(ev.Err)
	}
	p.trace = append(p.trace, "! "+s)
}

// expect compares what came out since the last call with lines of text.
func (p *peer) expect(want string) {
	p.t.Helper()
	p.read()
	var lines []string
	for _, l := range strings.Split(want, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	if got := strings.Join(p.trace, "\n"); got != strings.Join(lines, "\n") {
		p.t.Errorf("got\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
	p.trace = nil
}

// attach attaches a link of the client and returns it, accepted if o is not nil.
func (p *peer) attach(channel uint16, a *frames.Attach, o *AcceptOptions) *Link {
	p.t.Helper()
	p.send(channel, a)
	l := p.links[len(p.links)-1]
	if o != nil {
		l.Accept(*o)
		p.read()
		p.trace = nil
	}
	return l
}

// clientSender and clientReceiver are attaches of the client.
func clientSender(name string, handle uint32) *frames.Attach {
	return &frames.Attach{Name: name, Handle: handle, Role: frames.RoleSender, SndSettleMode: frames.SenderMixed,
		Source: &frames.Source{Address: frames.Some("here")}, Target: &frames.Target{Address: frames.Some("q")}, InitialDeliveryCount: frames.Some(uint32(0))}
}

func clientReceiver(name string, handle uint32) *frames.Attach {
	return &frames.Attach{Name: name, Handle: handle, Role: frames.RoleReceiver, SndSettleMode: frames.SenderUnsettled, RcvSettleMode: frames.ReceiverSecond,
		Source: &frames.Source{Address: frames.Some("q")}, Target: &frames.Target{Address: frames.Some("here")}}
}

// credit is a flow of the client for a link it receives on.
func credit(handle, deliveryCount, linkCredit uint32) *frames.Flow {
	return &frames.Flow{NextIncomingID: frames.Some(uint32(1)), IncomingWindow: 5000, OutgoingWindow: 5000,
		Handle: frames.Some(handle), DeliveryCount: frames.Some(deliveryCount), LinkCredit: frames.Some(linkCredit)}
}

func transfer(handle, id uint32) *frames.Transfer {
	return &frames.Transfer{Handle: handle, DeliveryID: frames.Some(id), DeliveryTag: []byte("t"), MessageFormat: frames.Some(uint32(0))}
}

func describeFrame(t testing.TB, h frames.FrameHeader, b []byte) string {
	if len(b) == 0 {
		return "heartbeat"
	}
	body, payload, err := frames.ParseBody(b)
	if err != nil {
		t.Fatalf("output frame %x: %v", b, err)
	}
	s := fmt.Sprintf("%d %s", h.Channel, describe(body))
	if len(payload) > 0 {
		s += " payload=" + short(payload)
	}
	return s
}

func short(b []byte) string {
	if len(b) > 16 {
		return fmt.Sprintf("%d bytes", len(b))
	}
	return fmt.Sprintf("%q", b)
}

func describeError(e *frames.Error) string {
	if e == nil {
		return "without error"
	}
	return string(e.Condition)
}

func describeState(s frames.State) string {
	switch s := s.(type) {
	case nil:
		return "none"
	case frames.Rejected:
		return "rejected " + describeError(s.Error)
	default:
		return strings.TrimPrefix(fmt.Sprintf("%T", s), "frames.")
	}
}

func opt[T any](name string, o frames.Opt[T]) string {
	if !o.Set {
		return ""
	}
	return fmt.Sprintf(" %s=%v", name, o.Value)
}

func flag(name string, set bool) string {
	if set {
		return " " + name
	}
	return ""
}

func describe(body frames.Body) string {
	switch b := body.(type) {
	case *frames.Open:
		return fmt.Sprintf("open %s max-frame=%d channel-max=%d idle=%d", b.ContainerID, b.MaxFrameSize, b.ChannelMax, b.IdleTimeout)
	case *frames.Begin:
		return fmt.Sprintf("begin%s next-out=%d in=%d out=%d handle-max=%d", opt("remote", b.RemoteChannel), b.NextOutgoingID, b.IncomingWindow, b.OutgoingWindow, b.HandleMax)
	case *frames.Attach:
		source, target := "null", "null"
		if b.Source != nil {
			source = b.Source.Address.Or("-")
		}
		if t, ok := b.Target.(*frames.Target); ok {
			target = t.Address.Or("-")
		} else if b.Target != nil {
			target = "coordinator"
		}
		return fmt.Sprintf("attach %s handle=%d %v snd=%d rcv=%d source=%s target=%s%s max=%d", b.Name, b.Handle, b.Role, b.SndSettleMode, b.RcvSettleMode, source, target, opt("idc", b.InitialDeliveryCount), b.MaxMessageSize)
	case *frames.Flow:
		return fmt.Sprintf("flow%s in=%d next-out=%d out=%d%s%s%s%s%s", opt("next-in", b.NextIncomingID), b.IncomingWindow, b.NextOutgoingID, b.OutgoingWindow,
			opt("handle", b.Handle), opt("dc", b.DeliveryCount), opt("credit", b.LinkCredit), flag("drain", b.Drain), flag("echo", b.Echo))
	case *frames.Transfer:
		tag := ""
		if b.DeliveryTag != nil {
			tag = fmt.Sprintf(" tag=%q", b.DeliveryTag)
		}
		return fmt.Sprintf("transfer handle=%d%s%s%s%s%s%s", b.Handle, opt("id", b.DeliveryID), tag, opt("format", b.MessageFormat), flag("settled", b.Settled), flag("more", b.More), flag("aborted", b.Aborted))
	case *frames.Disposition:
		return fmt.Sprintf("disposition %v %d..%d%s %s", b.Role, b.First, b.Last, flag("settled", b.Settled), describeState(b.State))
	case *frames.Detach:
		return fmt.Sprintf("detach handle=%d%s %s", b.Handle, flag("closed", b.Closed), describeError(b.Error))
	case *frames.End:
		return "end " + describeError(b.Error)
	case *frames.Close:
		return "close " + describeError(b.Error)
	case *frames.SASLMechanisms:
		return fmt.Sprintf("sasl-mechanisms %v", b.Mechanisms)
	case *frames.SASLChallenge:
		return "sasl-challenge"
	case *frames.SASLOutcome:
		return fmt.Sprintf("sasl-outcome %d", b.Code)
	}
	return fmt.Sprintf("%T", body)
}

func failure(condition encoding.Symbol) *frames.Error {
	return &frames.Error{Condition: condition, Description: "because"}
}
