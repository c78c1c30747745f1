package amqp

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
)

// [SB-AMQP 3.2]: the answer names the client's channel; end frees it at once.
func TestSessions(t *testing.T) {
	p := openPeer(t, Options{HandleMax: 9, Window: 77})
	for _, channel := range []uint16{7, 4999} {
		p.send(channel, &frames.Begin{NextOutgoingID: 5, IncomingWindow: 1, OutgoingWindow: 1})
		p.expect(fmt.Sprintf(`< %d begin remote=%[1]d next-out=1 in=77 out=77 handle-max=9`, channel))
	}
	p.attach(7, clientSender("a", 1), &AcceptOptions{})
	p.attach(4999, clientReceiver("b", 1), &AcceptOptions{})
	p.send(7, &frames.End{Error: failure("x:y")})
	p.expect(`
		! detached a x:y
		< 7 end without error
	`)
	p.send(7, &frames.Begin{IncomingWindow: 1, OutgoingWindow: 1})
	p.expect(`< 7 begin remote=7 next-out=1 in=77 out=77 handle-max=9`)
	if !p.links[1].Attached() {
		t.Error("the link of the other session is gone")
	}
}

// [SB-AMQP 3.3, 3.4]: what an accepted attach answers.
func TestAccept(t *testing.T) {
	p := openPeer(t, Options{})
	props := &encoding.Map{Pairs: []encoding.Pair{{Key: encoding.Symbol("p"), Value: "v"}}}
	l := p.attach(0, &frames.Attach{Name: "s", Handle: 5, Role: frames.RoleSender, SndSettleMode: frames.SenderMixed, Source: &frames.Source{Address: frames.Some("src")},
		Target: &frames.Target{Address: frames.Some("/q")}, InitialDeliveryCount: frames.Some(uint32(3)), Properties: props}, nil)
	p.expect(`! attached s as receiver`)
	if l.Name() != "s" || l.Role() != RoleReceiver || l.Source().Address.Value != "src" || l.Target().(*frames.Target).Address.Value != "/q" ||
		!l.Properties().Has("p") || !l.Pending() || l.Attached() || l.Conn() != p.c || l.SndSettleMode() != frames.SenderMixed || l.RcvSettleMode() != frames.ReceiverFirst {
		t.Errorf("link = %+v", l)
	}
	l.Accept(AcceptOptions{MaxMessageSize: 1 << 18, Credit: 1000})
	p.expect(`
		< 0 attach s handle=0 receiver snd=2 rcv=0 source=src target=/q max=262144
		< 0 flow next-in=0 in=5000 next-out=1 out=5000 handle=0 dc=3 credit=1000
	`)
	l.Accept(AcceptOptions{})
	l.Refuse(nil)
	p.expect("")

	l = p.attach(0, clientReceiver("r", 2), nil)
	p.expect(`! attached r as sender`)
	l.Accept(AcceptOptions{Source: &frames.Source{Address: frames.Some("q2")}, MaxMessageSize: 5})
	p.expect(`< 0 attach r handle=1 sender snd=0 rcv=1 source=q2 target=here idc=0 max=0`)

	// A terminus that the client left out is not null in the answer.
	p.attach(0, &frames.Attach{Name: "n", Handle: 3, Role: frames.RoleReceiver, SndSettleMode: frames.SenderSettled}, nil).Accept(AcceptOptions{})
	p.expect(`
		! attached n as sender
		< 0 attach n handle=2 sender snd=1 rcv=0 source=- target=- idc=0 max=0
	`)
	p.attach(0, &frames.Attach{Name: "c", Handle: 4, Role: frames.RoleSender, Target: &frames.Coordinator{}, InitialDeliveryCount: frames.Some(uint32(0))}, nil).Accept(AcceptOptions{Credit: 1})
	p.expect(`
		! attached c as receiver
		< 0 attach c handle=3 receiver snd=0 rcv=0 source=- target=coordinator max=1114112
		< 0 flow next-in=0 in=5000 next-out=1 out=5000 handle=3 dc=0 credit=1
	`)
}

// [SB-AMQP 3.5]: attach with null termini, then detach.
func TestRefuse(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), nil)
	p.trace = nil
	l.Refuse(failure(frames.ErrNotFound))
	p.expect(`
		< 0 attach r handle=0 sender snd=0 rcv=1 source=null target=null idc=0 max=0
		< 0 detach handle=0 closed amqp:not-found
	`)
	l.Accept(AcceptOptions{})
	l.Detach(nil)
	p.expect("")
	p.send(0, credit(0, 0, 10)) // on its way when we refused
	p.expect("")
	p.send(0, &frames.Detach{Handle: 0, Closed: true})
	p.expect("")

	l = p.attach(0, clientSender("s", 0), nil)
	p.trace = nil
	l.Refuse(nil)
	p.expect(`
		< 0 attach s handle=0 receiver snd=2 rcv=0 source=null target=null max=0
		< 0 detach handle=0 closed amqp:internal-error
	`)
	p.send(0, transfer(0, 0), 'x')
	p.expect("")
}

func TestDetachByClient(t *testing.T) {
	p := openPeer(t, Options{})
	for i, closed := range []bool{true, false} {
		p.attach(0, clientSender("s", 7), &AcceptOptions{Credit: 5})
		p.send(0, &frames.Detach{Handle: 7, Closed: closed, Error: failure("x:y")})
		p.expect("! detached s x:y\n< 0 detach handle=0" + flag("closed", closed) + " without error")
		if l := p.links[i]; l.Attached() {
			t.Error("Attached() after the client's detach")
		} else {
			l.AddCredit(1)
			l.Detach(nil)
			p.expect("")
		}
	}
	// The client gives up before the attach is answered: the answer must come
	// before the detach, or the client can't tell what the handle is.
	l := p.attach(0, clientReceiver("r", 1), nil)
	p.trace = nil
	p.send(0, &frames.Detach{Handle: 1, Closed: true})
	p.expect(`
		! detached r without error
		< 0 attach r handle=0 sender snd=0 rcv=1 source=null target=null idc=0 max=0
		< 0 detach handle=0 closed without error
	`)
	l.Accept(AcceptOptions{})
	p.expect("")
	p.send(0, &frames.Detach{Handle: 99})
	p.expect("")
}

func TestDetachByServer(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientSender("s", 7), &AcceptOptions{Credit: 5})
	l.Detach(failure(frames.ErrDetachForced))
	p.expect(`
		! detached s amqp:link:detach-forced
		< 0 detach handle=0 closed amqp:link:detach-forced
	`)
	p.send(0, transfer(7, 0), 'x') // on its way
	p.send(0, &frames.Flow{Handle: frames.Some(uint32(7)), Echo: true})
	p.expect("")
	// Our handle is free only after the client's detach.
	p.attach(0, clientSender("t", 8), nil).Accept(AcceptOptions{})
	p.expect(`
		! attached t as receiver
		< 0 attach t handle=1 receiver snd=2 rcv=0 source=here target=q max=1114112
	`)
	p.send(0, &frames.Detach{Handle: 7, Closed: true})
	p.attach(0, clientSender("u", 7), nil).Accept(AcceptOptions{})
	p.expect(`
		! attached u as receiver
		< 0 attach u handle=0 receiver snd=2 rcv=0 source=here target=q max=1114112
	`)
	// A pending link can be detached, too.
	p.attach(0, clientReceiver("v", 9), nil).Detach(failure(frames.ErrDetachForced))
	p.expect(`
		! attached v as sender
		! detached v amqp:link:detach-forced
		< 0 attach v handle=2 sender snd=0 rcv=1 source=null target=null idc=0 max=0
		< 0 detach handle=2 closed amqp:link:detach-forced
	`)
}

// [SB-AMQP 3.6]: the newest link of a name wins; sender and receiver of one
// name are two links.
func TestLinkStealing(t *testing.T) {
	p := openPeer(t, Options{})
	p.send(1, &frames.Begin{IncomingWindow: 1, OutgoingWindow: 1, HandleMax: 9})
	p.trace = nil
	p.attach(0, clientSender("x", 0), &AcceptOptions{})
	p.attach(0, clientReceiver("x", 1), &AcceptOptions{})
	p.attach(1, clientSender("x", 0), nil)
	p.expect(`
		! detached x amqp:link:stolen
		! attached x as receiver
		< 0 detach handle=0 closed amqp:link:stolen
	`)
	if p.links[0].Attached() || !p.links[1].Attached() || !p.links[2].Pending() {
		t.Error("the wrong link was detached")
	}
	p.attach(1, clientSender("x", 5), nil).Accept(AcceptOptions{}) // steals from a pending one
	p.expect(`
		! detached x amqp:link:stolen
		! attached x as receiver
		< 1 attach x handle=0 receiver snd=2 rcv=0 source=null target=null max=0
		< 1 detach handle=0 closed amqp:link:stolen
		< 1 attach x handle=1 receiver snd=2 rcv=0 source=here target=q max=1114112
	`)
}

// Links to coordinators have their names in their session: Java has one of the same name
// in each [SB-AMQP 11]. In one session the newest wins.
func TestCoordinatorNames(t *testing.T) {
	p := openPeer(t, Options{})
	p.send(1, &frames.Begin{IncomingWindow: 1, OutgoingWindow: 1, HandleMax: 9})
	coordinator := func(channel uint16, handle uint32) {
		a := clientSender("coordinator", handle)
		a.Target = &frames.Coordinator{}
		p.attach(channel, a, &AcceptOptions{})
	}
	coordinator(0, 0)
	coordinator(1, 0)
	p.attach(1, clientSender("coordinator", 1), &AcceptOptions{}) // to a queue
	if !p.links[0].Attached() || !p.links[1].Attached() || !p.links[2].Attached() {
		t.Error("a link was detached for one of another session")
	}
	coordinator(0, 5)
	if p.links[0].Attached() || !p.links[1].Attached() || !p.links[3].Attached() {
		t.Error("the older coordinator of a session is not the one that was detached")
	}
	p.send(1, &frames.Detach{Handle: 0, Closed: true})
	coordinator(1, 0)
	if !p.links[3].Attached() || !p.links[4].Attached() {
		t.Error("a link was detached for one of another session")
	}
}

// What ends a session, and with which condition [SB-AMQP 2.5].
func TestSessionErrors(t *testing.T) {
	for _, c := range []struct {
		name, condition string
		body            frames.Body
	}{
		{"handle in use", "amqp:session:handle-in-use", clientSender("other", 0)},
		{"flow on no handle", "amqp:session:unattached-handle", credit(9, 0, 1)},
		{"transfer on no handle", "amqp:session:unattached-handle", transfer(9, 0)},
		{"transfer on a link that we send on", "amqp:not-allowed", transfer(1, 0)},
		{"transfer without id", "amqp:invalid-field", &frames.Transfer{Handle: 0, DeliveryTag: []byte("t")}},
		{"transfer without tag", "amqp:invalid-field", &frames.Transfer{Handle: 0, DeliveryID: frames.Some(uint32(0))}},
		{"disposition backwards", "amqp:invalid-field", &frames.Disposition{Role: frames.RoleReceiver, First: 2, Last: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openPeer(t, Options{})
			p.attach(0, clientSender("s", 0), &AcceptOptions{Credit: 10})
			p.attach(0, clientReceiver("r", 1), &AcceptOptions{})
			p.send(0, c.body)
			p.expect(strings.ReplaceAll(`
				! detached s C
				! detached r C
				< 0 end C
			`, "C", c.condition))
			p.send(0, transfer(0, 1))
			p.send(0, clientSender("t", 3))
			p.expect("") // until the client's end
			p.send(0, &frames.End{})
			p.expect("")
			p.send(0, &frames.Begin{})
			p.expect(`< 0 begin remote=0 next-out=1 in=5000 out=5000 handle-max=4999`)
		})
	}
}

func TestHandlesExhausted(t *testing.T) {
	p := newPeer(t, Options{})
	p.raw([]byte(headerAMQP))
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512})
	p.send(0, &frames.Begin{HandleMax: 0})
	p.attach(0, clientSender("a", 0), &AcceptOptions{})
	p.send(0, clientSender("b", 1))
	p.expect(`
		! detached a amqp:resource-limit-exceeded
		< 0 end amqp:resource-limit-exceeded
	`)
}

func TestTooManyLinks(t *testing.T) {
	p := openPeer(t, Options{MaxLinks: 1})
	p.attach(0, clientSender("a", 0), &AcceptOptions{})
	p.send(0, clientSender("b", 1))
	p.expect(`
		< 0 attach b handle=1 receiver snd=2 rcv=0 source=null target=null max=0
		< 0 detach handle=1 closed amqp:resource-limit-exceeded
	`)
	p.send(0, &frames.Detach{Handle: 1, Closed: true})
	p.send(0, &frames.Detach{Handle: 0, Closed: true})
	p.trace = nil
	p.send(0, clientSender("b", 1))
	p.expect(`! attached b as receiver`)
}

func TestAttachesTakeTooMuch(t *testing.T) {
	p := openPeer(t, Options{MaxBuffered: 40000})
	long := clientSender(strings.Repeat("a", 2000), 0)
	p.attach(0, long, &AcceptOptions{})
	p.send(0, &frames.Detach{Handle: 0, Closed: true})
	p.attach(0, long, &AcceptOptions{}) // what is gone does not count
	more := *long
	more.Name, more.Handle = strings.Repeat("b", 3000), 1
	p.trace = nil
	p.send(0, &more)
	p.expect("! detached " + long.Name + " amqp:resource-limit-exceeded\n! closed amqp:resource-limit-exceeded\n< 0 close amqp:resource-limit-exceeded")
}

// A frame that does not fit what the client takes can't be split.
func TestAnswerTooLargeForClient(t *testing.T) {
	p := newPeer(t, Options{})
	p.raw([]byte(headerAMQP))
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512})
	p.send(0, &frames.Begin{HandleMax: 9})
	l := p.attach(0, clientReceiver("r", 0), nil)
	p.trace = nil
	l.Accept(AcceptOptions{Source: &frames.Source{Address: frames.Some(strings.Repeat("q", 600))}})
	p.expect(`
		! detached r amqp:frame-size-too-small
		! closed amqp:frame-size-too-small
		< 0 close amqp:frame-size-too-small
	`)
}

func TestDetachErrorTooLargeForClient(t *testing.T) {
	p := newPeer(t, Options{})
	p.raw([]byte(headerAMQP))
	p.send(0, &frames.Open{ContainerID: "client", MaxFrameSize: 512})
	p.send(0, &frames.Begin{HandleMax: 9})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	l.Detach(&frames.Error{Condition: frames.ErrDetachForced, Description: strings.Repeat("long ", 200)})
	p.expect(`
		! detached r amqp:frame-size-too-small
		! closed amqp:frame-size-too-small
		< 0 close amqp:frame-size-too-small
	`)
}

func TestOwnerMistake(t *testing.T) {
	p := openPeer(t, Options{})
	l := p.attach(0, clientReceiver("r", 0), nil)
	p.trace = nil
	l.Accept(AcceptOptions{Properties: &encoding.Map{Pairs: []encoding.Pair{{Key: encoding.Symbol("k"), Value: 1}}}})
	p.expect(`
		! detached r amqp:internal-error
		! closed amqp:internal-error
		< 0 close amqp:internal-error
	`)
}
