package activity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"switchyard/clock"
	"switchyard/memory"
	"switchyard/pipeline/fence"
	"switchyard/value"
)

// Tokens gives access tokens of the factory's managed identity.
type Tokens interface {
	// Token returns a bearer token for a resource (for example
	// https://management.azure.com/). Credential names a user-assigned identity,
	// empty is the factory's own.
	Token(ctx context.Context, factory, credential, resource string) (string, error)
}

// WebOptions are what a [Web] needs.
type WebOptions struct {
	Clock clock.Clock
	// Tokens is for the authentication type MSI, which fails without it.
	Tokens Tokens
	// Authority is where service principals get their tokens, default
	// https://login.microsoftonline.com.
	Authority string
	// Location is shown in the integration runtime's name, default Local.
	Location string
	// MaxConnections is how many idle connections are kept to one host, default
	// 256: a parallel ForEach of several runs re-uses its connections.
	MaxConnections int
	// MaxOpen is how many connections there may be at a time, those that are kept
	// idle included: it is for the descriptors of the process. A call waits when
	// there are as many. Default 4,000.
	MaxOpen int
	// Fence says where requests may go. Default: one that knows no port of this
	// process.
	Fence *fence.Fence
	// Own is what this process itself serves to activities. Optional.
	Own OwnEndpoint
	// Manages reports whether a token for a resource opens this process's own
	// Resource Manager: it is given to no other host. Nil: none does.
	Manages func(resource string) bool
	// Room is what the answers of all calls share that are above 64 KiB, from when they
	// are read until the run's history has them. Default: 256 MiB.
	Room *memory.Room
	// Values is the room for answers that take more as values, as lists of empty lists do.
	// Who waits for it may have some of Room, and not the other way round. Default: 256
	// MiB.
	Values *memory.Room
	// Transport replaces the one that is made, for both values of
	// disableCertValidation. It is for tests.
	Transport http.RoundTripper
}

// Web executes WebActivity: [ENGINE 5.15]. It keeps one pool of connections for
// all calls.
type Web struct {
	o       WebOptions
	checked *http.Client
	lax     *http.Client // without certificate validation
	// certified have client certificates.
	certified certifiedTransports
	tokens    tokenCache
	slots     chan struct{} // one for each open connection
}

// Limits of [ENGINE 5.15].
const (
	maxWebResponse  = 4 << 20
	maxPollInterval = 10 * time.Second
	maxRedirects    = 10
)

// The error codes of [ENGINE 5.15] and of the public troubleshooting pages.
const (
	codeEndpoint = "2108"        // the endpoint answered with an error
	codeNoAnswer = "2128"        // no answer: connection, DNS, TLS or timeout
	codeTooLarge = "2001"        // more than 4 MB
	codeNoToken  = "2403"        // no token for the factory's identity
	codeRefused  = "HostRefused" // Switchyard's own: the fence
)

// NewWeb returns an executor for WebActivity.
func NewWeb(o WebOptions) *Web {
	if o.Authority == "" {
		o.Authority = "https://login.microsoftonline.com"
	}
	if o.Fence == nil {
		o.Fence = &fence.Fence{}
	}
	if o.Location == "" {
		o.Location = "Local"
	}
	if o.Room == nil {
		o.Room = memory.NewRoom(defaultRoom)
	}
	if o.Values == nil {
		o.Values = memory.NewRoom(defaultRoom)
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 256
	}
	if o.MaxOpen == 0 {
		o.MaxOpen = 4000
	}
	w := &Web{o: o, tokens: tokenCache{clock: o.Clock}, slots: make(chan struct{}, o.MaxOpen)}
	client := func(lax bool) *http.Client {
		t := o.Transport
		if t == nil {
			t = newOutbound(w, &tls.Config{InsecureSkipVerify: lax}) //nolint:gosec // disableCertValidation
		}
		return &http.Client{Transport: t, CheckRedirect: redirect}
	}
	w.checked, w.lax = client(false), client(true)
	return w
}

// redirect follows redirects, but takes credentials to no other host.
func redirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("stopped after %d redirects", maxRedirects)
	}
	if first := via[0].URL; req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		dropCredentials(req.Header)
	}
	return nil
}

// webRequest is the resolved input of a Web activity.
type webRequest struct {
	method  string
	url     *url.URL
	header  http.Header
	host    string
	body    func() io.Reader // a new one each time, which redirects can rewind; nil: none
	timeout time.Duration
	async   bool
	lax     bool
	// certified replaces the usual transport; nil: it does not.
	certified http.RoundTripper
}

// client returns what a request is sent with, without a certificate of its own.
func (w *Web) client(r *webRequest) *http.Client {
	if r.lax {
		return w.lax
	}
	return w.checked
}

// Execute sends the request and waits for the answer.
func (w *Web) Execute(ctx context.Context, c *Call) Result {
	start := w.o.Clock.Now()
	out := &value.Object{}
	h := &holding{room: w.o.Room, values: w.o.Values, yield: c.Yield}
	held := false
	defer func() {
		if !held {
			h.let()
		}
	}()
	fail := w.execute(ctx, c, out, h)
	if fail != nil {
		// A failed call has neither status code nor body in its output.
		out = &value.Object{}
	}
	runtimeMembers(out, w.o.Location, w.o.Clock.Now().Sub(start), c.Queued)
	if held = fail == nil; held {
		return Result{Output: out, Release: h.let}
	}
	return Result{Output: out, Err: fail}
}

func (w *Web) execute(ctx context.Context, c *Call, out *value.Object, h *holding) *Error {
	r, fail := parseWebRequest(c)
	if fail != nil {
		return fail
	}
	resp, fail := w.exchange(ctx, c, r, h)
	if fail != nil {
		return fail
	}
	if err := h.parse(ctx, resp.body); err != nil {
		return noAnswer(err)
	}
	if !resp.success() {
		return endpointError(r.url, resp)
	}
	webOutput(out, resp)
	return nil
}

func (r *webResponse) success() bool { return r.status >= 200 && r.status <= 299 }

// exchange sends a request, unless that was done before the process ended, and waits for
// its answer: that of a call which was accepted is asked for until it is there.
func (w *Web) exchange(ctx context.Context, c *Call, r *webRequest, h *holding) (*webResponse, *Error) {
	authorization, fail := w.authorization(ctx, c, r)
	if fail != nil {
		return nil, fail
	}
	p := polling{w: w, c: c, r: r, h: h, authorization: authorization, wait: time.Second}
	if c.Poll != "" {
		c.sent()
		return p.resume(ctx)
	}
	resp, fail := w.send(ctx, r, h, r.method, r.url, r.body, authorization)
	r.body = nil
	c.sent()
	if fail != nil {
		return nil, fail
	}
	return p.until(ctx, resp)
}

// webResponse is an answer that has been read to its end.
type webResponse struct {
	url    *url.URL // after redirects
	status int
	header http.Header
	body   []byte
}

func (w *Web) send(
	attempt context.Context, r *webRequest, h *holding, method string, u *url.URL, body func() io.Reader, authorization string,
) (*webResponse, *Error) {
	ctx, cancel := context.WithCancelCause(attempt)
	defer cancel(nil)
	patience := r.timeout
	late := func() { cancel(context.DeadlineExceeded) }
	began, timer := w.o.Clock.Now(), time.AfterFunc(patience, late)
	defer func() { timer.Stop() }()
	pause := func() (resume func()) {
		timer.Stop()
		patience -= w.o.Clock.Now().Sub(began)
		return func() { began, timer = w.o.Clock.Now(), time.AfterFunc(patience, late) }
	}
	var content io.Reader
	if body != nil {
		content = body()
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, failf(codeInvalid, "The request can't be made: %s", err)
	}
	req.Header = r.header.Clone()
	if body == nil {
		req.Header.Del("Content-Type")
	}
	if r.host != "" && u.Host == r.url.Host {
		req.Host = r.host
	}
	if u.Host != r.url.Host || u.Scheme != r.url.Scheme {
		dropCredentials(req.Header)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	client := w.client(r)
	if r.certified != nil {
		client = &http.Client{Transport: r.certified, CheckRedirect: redirect}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, noAnswer(cause(ctx, err))
	}
	defer resp.Body.Close()
	b, err := h.readBody(attempt, resp, pause)
	if err != nil {
		return nil, noAnswer(cause(ctx, err))
	}
	if len(b) > maxWebResponse {
		return nil, failf(codeTooLarge, "The length of execution output is over limit (around 4MB currently).")
	}
	return &webResponse{url: resp.Request.URL, status: resp.StatusCode, header: resp.Header, body: b}, nil
}

// cause is the reason for which a context ended a request, if it did.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// noAnswer is the error of a request that got no answer. A URL can hold a key,
// so what net/http says of it is left out.
func noAnswer(err error) *Error {
	if refused, ok := errors.AsType[*fence.Refused](err); ok {
		return failf(codeRefused, "The request is not made: %s.", refused)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return failf(codeNoAnswer, "No response from the endpoint. Possible causes: network connectivity, DNS "+
		"failure, server certificate validation or timeout. More details: %s", err)
}
