package listen

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"switchyard/held"
)

// The pace that clients of HTTP have to keep: a time to begin with, and a rate for
// what is more than that brings.
const (
	// bodyGrace is how long a request's body may take, beside its size at paceRate.
	bodyGrace = 30 * time.Second
	// answerGrace is how long one write of an answer may take, beside its size at
	// paceRate.
	answerGrace = 60 * time.Second
	// paceRate is in bytes a second. A body of 4 MiB, the largest that is taken, has
	// nine minutes.
	paceRate = 8 << 10
)

// maxDiscard bounds what is read of a body that is refused.
const maxDiscard = 64 << 20

// bodiesPart is which part of the memory unfinished bodies may take, as a divisor.
const bodiesPart = 16

// newBodies returns the budget of the bodies of all requests under way, in bytes; 0: a
// sixteenth of the memory limit.
func newBodies(limit int64) *held.Budget {
	if limit > 0 {
		return held.New(limit)
	}
	return held.OfMemory(bodiesPart)
}

// paced gives requests' bodies and answers the time that their size needs and no
// more, and all bodies together one budget of memory. What exceeds that is answered
// with 408 and 503. A request that is answered before its body was read has the rest
// of it read first: many clients read no answer before they have written all.
func paced(next http.Handler, bodies *held.Budget, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &pace{ResponseWriter: w, control: http.NewResponseController(w), request: r, now: now, start: now()}
		if r.Body != nil && r.Body != http.NoBody {
			p.body, p.unread = r.Body, true
			p.holder = bodies.Open(p.shed)
			defer p.holder.Close()
			p.allow()
			visitor(r.Context()).is(receiving)
			paced := *r
			paced.Body = (*pacedBody)(p)
			r = &paced
		}
		next.ServeHTTP(p, r)
		p.beforeAnswer(http.StatusOK)
		p.control.SetWriteDeadline(now().Add(answerGrace))
	})
}

// A pace is one request under way.
type pace struct {
	http.ResponseWriter
	control *http.ResponseController
	request *http.Request
	now     func() time.Time
	start   time.Time

	body     io.ReadCloser // nil: the request has none
	holder   *held.Holder
	read     int64
	unread   bool // more of the body may come
	dropping bool // what comes is not kept
	late     bool

	over     atomic.Bool // there is no memory for the body
	answered bool        // the answer's status is out
	refused  bool        // the answer is ours: the handler's is dropped
}

// Unwrap is for [http.ResponseController].
func (p *pace) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// allow moves the deadline of the body to what the bytes so far give it.
func (p *pace) allow() {
	p.control.SetReadDeadline(p.start.Add(bodyGrace + time.Duration(p.read)*time.Second/paceRate))
}

// shed ends a body because the process keeps too much of all of them.
func (p *pace) shed() {
	p.over.Store(true)
	p.control.SetReadDeadline(p.start)
}

// errBodyShed ends the reading of a body for which there is no memory.
var errBodyShed = errors.New("the bodies of requests under way take too much memory")

// A pacedBody is a pace as the body of its request.
type pacedBody pace

func (b *pacedBody) Read(buf []byte) (int, error) {
	p := (*pace)(b)
	if p.over.Load() && !p.dropping {
		return 0, errBodyShed
	}
	n, err := p.body.Read(buf)
	if n > 0 {
		p.read += int64(n)
		p.allow()
		if !p.dropping {
			p.holder.Set(p.read)
		}
		if p.over.Load() {
			p.control.SetReadDeadline(p.start)
		}
	}
	if err == nil {
		return n, nil
	}
	p.unread = false
	visitor(p.request.Context()).is(busy)
	switch {
	case p.over.Load() && !p.dropping:
		err = errBodyShed
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.late = true
	default:
		// The server goes on reading to hear of the client's end, however long the
		// handler takes.
		p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (b *pacedBody) Close() error { return b.body.Close() }

// WriteHeader implements [http.ResponseWriter].
func (p *pace) WriteHeader(status int) {
	if status >= 200 {
		p.beforeAnswer(status)
	}
	if !p.refused {
		p.ResponseWriter.WriteHeader(status)
	}
}

func (p *pace) Write(b []byte) (int, error) {
	p.beforeAnswer(http.StatusOK)
	if p.refused {
		return len(b), nil
	}
	p.control.SetWriteDeadline(p.now().Add(answerGrace + time.Duration(len(b))*time.Second/paceRate))
	return p.ResponseWriter.Write(b)
}

// beforeAnswer reads what is left of the body of a request that is refused, and
// answers itself if the body did not come as it should.
func (p *pace) beforeAnswer(status int) {
	if p.answered {
		return
	}
	p.answered = true
	p.control.SetWriteDeadline(p.now().Add(answerGrace))
	switch {
	case p.body == nil:
	case p.over.Load():
		p.Header().Set("Retry-After", "1")
		p.refuse(http.StatusServiceUnavailable, "RequestMemoryExceeded", fmt.Sprintf(
			"The bodies of requests under way take too much memory, more than the setting request-memory allows; this one, "+
				"of %d bytes so far, is among the largest.", p.read))
	case p.late:
		p.refuse(http.StatusRequestTimeout, "RequestTimeout", fmt.Sprintf("The request's body came too slowly: %d bytes in %v.",
			p.read, p.now().Sub(p.start).Round(time.Second)))
	case status >= 400 && p.unread && p.request.Header.Get("Expect") == "":
		// Who asks first (Expect: 100-continue) need not write it.
		p.dropping = true
		_, _ = io.CopyN(io.Discard, (*pacedBody)(p), maxDiscard) // the answer is the same
	}
}

// refuse answers in the place of the handler, in the form of Azure, and ends the connection.
func (p *pace) refuse(status int, code, text string) {
	h := p.Header()
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	h.Set("Content-Type", "application/json")
	h.Set("Connection", "close")
	h.Set("x-ms-error-code", code)
	p.refused = true
	p.ResponseWriter.WriteHeader(status)
	fmt.Fprintf(p.ResponseWriter, `{"error":{"code":%q,"message":%q}}`, code, text) // the client may be gone
}
