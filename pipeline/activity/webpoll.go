package activity

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A polling asks for the answer to a call that was accepted: with status 202 and the
// Location to ask at.
type polling struct {
	w             *Web
	c             *Call
	r             *webRequest
	h             *holding
	authorization string
	wait          time.Duration // before the next request, unless the endpoint says
	noted         string        // where a restart goes on asking
	notedAt       time.Time
}

const (
	// minPollInterval is the shortest time between two requests, whatever the endpoint says.
	minPollInterval = 100 * time.Millisecond
	// noteInterval is the shortest time between two notes of where it asks: each is a record
	// on the disk, and an endpoint may give another address with each answer.
	noteInterval = time.Second
)

// until asks until the answer is not that the call was accepted.
func (p *polling) until(ctx context.Context, resp *webResponse) (*webResponse, *Error) {
	p.noted = p.c.Poll
	for p.r.async && resp.status == http.StatusAccepted && resp.header.Get("Location") != "" {
		next, err := parseURL(resp.url, resp.header.Get("Location"))
		if err != nil || (next.Scheme != "http" && next.Scheme != "https") {
			return nil, failf(codeEndpoint, "The endpoint '%s' answered with a Location that is no URL.",
				safeURL(p.r.url))
		}
		p.note(next.String())
		header := resp.header
		resp = nil
		p.h.let() // the endpoint may take hours
		if fail := p.w.sleep(ctx, retryAfter(header, &p.wait)); fail != nil {
			return nil, fail
		}
		var fail *Error
		if resp, fail = p.ask(ctx, next); fail != nil {
			return nil, fail
		}
	}
	return resp, nil
}

// note has the run's history keep where it asks from now on.
func (p *polling) note(at string) {
	now := p.w.o.Clock.Now()
	if at == p.noted || p.c.Accepted == nil || !p.notedAt.IsZero() && now.Sub(p.notedAt) < noteInterval {
		return
	}
	p.noted, p.notedAt = at, now
	p.c.Accepted(at)
}

// resume goes on where the process has ended.
func (p *polling) resume(ctx context.Context) (*webResponse, *Error) {
	at, err := url.Parse(p.c.Poll)
	if err != nil {
		return nil, failf(codeEndpoint, "The endpoint '%s' answered with a Location that is no URL.", safeURL(p.r.url))
	}
	resp, fail := p.ask(ctx, at)
	if fail != nil {
		return nil, fail
	}
	return p.until(ctx, resp)
}

func (p *polling) ask(ctx context.Context, at *url.URL) (*webResponse, *Error) {
	// Credentials go only to the host they were meant for.
	auth := p.authorization
	if at.Scheme != p.r.url.Scheme || at.Host != p.r.url.Host {
		auth = ""
	}
	return p.w.send(ctx, p.r, p.h, http.MethodGet, at, nil, auth)
}

// retryAfter is how long to wait before the next poll: what the endpoint asks
// for in whole seconds, otherwise wait, which doubles up to a bound. It is never nothing.
func retryAfter(h http.Header, wait *time.Duration) time.Duration {
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s >= 0 && s <= 3600 {
		return max(time.Duration(s)*time.Second, minPollInterval)
	}
	d := *wait
	*wait = min(2*d, maxPollInterval)
	return d
}

func (w *Web) sleep(ctx context.Context, d time.Duration) *Error {
	t := w.o.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return noAnswer(ctx.Err())
	}
}
