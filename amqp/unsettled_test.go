package amqp

import (
	"errors"
	"fmt"
	"testing"

	"switchyard/amqp/frames"
)

// TestUnsettledAreSmall: a delivery that has left keeps nothing of its payload, counts as
// little as it takes, and no longer when it is settled by either side or its link, session
// or connection ends.
func TestUnsettledAreSmall(t *testing.T) {
	const count, size = 100, 200 << 10
	settle := func(settled bool) *frames.Disposition {
		return &frames.Disposition{Role: frames.RoleReceiver, First: 0, Last: count - 1, State: frames.Accepted{}, Settled: settled}
	}
	for name, end := range map[string]func(p *peer, l *Link, sent []*Outgoing){
		"settled by the client": func(p *peer, l *Link, sent []*Outgoing) { p.send(0, settle(true)) },
		"settled by us": func(p *peer, l *Link, sent []*Outgoing) {
			p.send(0, settle(false))
			for _, d := range sent {
				d.Settle(frames.Accepted{})
			}
		},
		"detached":         func(p *peer, l *Link, sent []*Outgoing) { p.send(0, &frames.Detach{Handle: 0, Closed: true}) },
		"session ended":    func(p *peer, l *Link, sent []*Outgoing) { p.send(0, &frames.End{}) },
		"connection ended": func(p *peer, l *Link, sent []*Outgoing) { p.c.Lost(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			p := openPeer(t, Options{})
			l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
			p.send(0, credit(0, 0, count))
			var sent []*Outgoing
			for i := range count {
				d := &Outgoing{Tag: fmt.Append(nil, i), Payload: [][]byte{make([]byte, size/2), make([]byte, size/2)}}
				p.sendOut(l, d)
				p.read()
				sent = append(sent, d)
			}
			for _, d := range sent {
				if d.Payload != nil {
					t.Fatalf("delivery %d has left and keeps its payload", d.ID())
				}
			}
			if n, held := p.c.Unsettled(), p.c.Held(); n != count || held < count*unsettledCost || held > count*2*unsettledCost+attachCost*1000 {
				t.Errorf("%d are unsettled and %d bytes held, want %d and little", n, held, count)
			}
			p.trace = nil
			end(p, l, sent)
			if n := p.c.Unsettled(); n != 0 {
				t.Errorf("%d are unsettled, want none", n)
			}
		})
	}
}

// TestUnsettledLimit: beyond the bound nothing is sent that has to be settled.
func TestUnsettledLimit(t *testing.T) {
	p := openPeer(t, Options{MaxUnsettled: 2})
	l := p.attach(0, clientReceiver("r", 0), &AcceptOptions{})
	p.send(0, credit(0, 0, 10))
	p.sendOut(l, out("a", "1"), out("b", "2"))
	if err := l.Send(out("c", "3")); !errors.Is(err, ErrUnsettled) || l.Credit() != 8 {
		t.Errorf("the third: %v, credit %d, want ErrUnsettled and 8", err, l.Credit())
	}
	settled := out("d", "4")
	settled.Settled = true
	p.sendOut(l, settled)
	p.send(0, &frames.Disposition{Role: frames.RoleReceiver, First: 1, Last: 1, State: frames.Accepted{}, Settled: true})
	p.sendOut(l, out("e", "5"))
}
