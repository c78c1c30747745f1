package servicebus

import (
	"encoding/binary"
	"strings"

	"switchyard/amqp"
	"switchyard/amqp/frames"
	"switchyard/auth"
)

const (
	// requestCredit is how many requests a client may have under way on a link.
	requestCredit = 100
	// maxRequest is the max-message-size of links for requests.
	maxRequest = 1 << 20
	// maxToken is the max-message-size of links to $cbs, which clients have before they
	// have proved anything, and tokenCredit how many tokens may be under way: the largest
	// bearer tokens have some 16 KiB.
	maxToken    = 64 << 10
	tokenCredit = 100
	// maxWaiting bounds the responses that wait for credit.
	maxWaiting = 2 * requestCredit
	// maxWaitingBytes bounds them too, beside the first.
	maxWaitingBytes = 1 << 20
)

// A replyLink is the link on which a client receives the responses of $cbs or
// of one $management node.
type replyLink struct {
	link
	tag     uint64
	waiting [][]byte // responses for which there is no credit
	bytes   int      // of them
}

func (r *replyLink) gone() {
	r.waiting = nil
	r.keep(-r.bytes)
}

// keep notes that responses take so many bytes more.
func (r *replyLink) keep(more int) {
	r.bytes += more
	r.c.nc.AMQP().Keeps(more)
}

func (r *replyLink) send(response []byte) {
	r.used()
	if n := len(r.waiting); n >= maxWaiting || n > 0 && r.bytes+len(response) > maxWaitingBytes {
		r.fail(&fault{frames.ErrResourceLimitExceeded, 403, "Too many responses wait for link credit."})
		return
	}
	r.waiting = append(r.waiting, response)
	r.keep(len(response))
	r.deliver()
}

func (r *replyLink) flowed(_ uint32, drain bool) {
	r.deliver()
	if drain {
		r.l.Drained()
	}
}

func (r *replyLink) deliver() {
	for len(r.waiting) > 0 && r.l.Credit() > 0 {
		r.tag++
		err := r.l.Send(&amqp.Outgoing{
			Tag: binary.BigEndian.AppendUint64(nil, r.tag), Payload: [][]byte{r.waiting[0]}, Settled: true,
		})
		if err != nil {
			return // the link is gone
		}
		r.keep(-len(r.waiting[0]))
		r.waiting = r.waiting[1:]
	}
}

// replyTo finds the link for the response to a request that came on a link of
// that session [SB-AMQP 9.1]: by its target's address, else by its name, else
// the only one of the session.
func (c *conn) replyTo(a address, session *amqp.Session, to string) *replyLink {
	var byAddress, byName, only *replyLink
	count := 0
	for _, p := range c.links {
		r, ok := p.(*replyLink)
		if !ok || !strings.EqualFold(r.addr.path(), a.path()) {
			continue
		}
		same := r.l.Session() == session
		if same {
			only = r
			count++
		}
		target := asTarget(r.l.Target())
		if to != "" && target != nil && target.Address.Or("") == to && (byAddress == nil || same) {
			byAddress = r
		}
		if to != "" && r.l.Name() == to && (byName == nil || same) {
			byName = r
		}
	}
	switch {
	case byAddress != nil:
		return byAddress
	case byName != nil:
		return byName
	case count == 1:
		return only
	}
	return nil
}

// A requestLink is the link on which a client sends requests to $cbs or to one
// $management node.
type requestLink struct {
	link
	serve    func(req *request, respond func(response))
	encode   func(req *request, r response) ([]byte, error)
	answered uint32
}

func (q *requestLink) gone() {}

func (q *requestLink) delivered(d *amqp.Incoming) {
	req, err := decodeRequest(d.Payload)
	if err != nil {
		d.Settle(frames.Rejected{Error: q.c.amqpError(faultOf(err), q.addr, "")})
		q.answer()
		return
	}
	transactional, inTransaction := inTransaction(d.State)
	if inTransaction {
		d.Settle(frames.TransactionalState{TxnID: transactional, Outcome: frames.Accepted{}})
	} else {
		d.Settle(frames.Accepted{})
	}
	respond := func(r response) {
		q.answer()
		reply := q.c.replyTo(q.addr, q.l.Session(), req.replyTo)
		if reply == nil {
			return // the client has taken its receiver away
		}
		b, err := q.encode(req, r)
		if err != nil {
			q.c.h.log.Error("response can't be encoded", "operation", req.operation, "error", err)
			return
		}
		reply.send(b)
	}
	req.transaction, req.transactional = transactional, inTransaction
	q.serve(req, respond)
}

func (q *requestLink) answer() {
	if q.answered++; q.answered >= requestCredit/2 {
		q.l.AddCredit(q.answered)
		q.answered = 0
	}
}

// failure makes the response that says why.
func (q *requestLink) failure(f *fault, req *request) response {
	return response{status: f.status, condition: f.condition,
		description: q.c.tracked(q.c.words(f, q.addr), q.c.tracker(q.addr), trackingID(req.properties))}
}

func (c *conn) addReplyLink(l *amqp.Link, a address, rights auth.Rights) *replyLink {
	r := &replyLink{link: link{c: c, l: l, addr: a, rights: rights}}
	c.add(l, r)
	l.Accept(amqp.AcceptOptions{Target: targetOf(l)})
	return r
}

func (c *conn) addRequestLink(l *amqp.Link, q *requestLink) {
	c.add(l, q)
	size, credit := uint64(maxRequest), uint32(requestCredit)
	if q.addr.node == tokenNode {
		size, credit = maxToken, tokenCredit
	}
	l.Accept(amqp.AcceptOptions{Source: sourceOf(l), MaxMessageSize: size, Credit: credit})
}
