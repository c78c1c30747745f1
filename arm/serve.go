package arm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"switchyard/commit"
	"switchyard/value"
)

// ServeHTTP implements [http.Handler].
func (k *Kernel) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	id := k.NewGUID()
	k.writeHeaders(w.Header(), hr, id)
	resp, err := k.answered(func() (*Response, error) {
		return k.contain(hr, id, func() (*Response, error) { return k.serve(w, hr, id) })
	})
	if err != nil {
		resp = k.errorResponse(hr, id, err)
	}
	for _, text := range resp.Warnings {
		k.logger.Warn("resource manager request: "+text, "method", hr.Method, "path", hr.URL.Path)
	}
	write(w, hr, resp)
}

// answered is f, unless the disk is full and f waits for a commit: then the client is
// told, and f goes on.
func (k *Kernel) answered(f func() (*Response, error)) (*Response, error) {
	type answer struct {
		resp  *Response
		err   error
		panic any
	}
	done := make(chan answer, 1)
	go func() {
		a := answer{panic: http.ErrAbortHandler} // of a goroutine that the log ends
		defer func() {
			if p := recover(); p != nil {
				a.panic = p
			}
			done <- a
		}()
		a.resp, a.err = f()
		a.panic = nil
	}()
	stalled, err := k.log.Stalled()
	select {
	case a := <-done:
		if a.panic != nil {
			panic(a.panic)
		}
		return a.resp, a.err
	case <-stalled:
		return nil, err
	}
}

// contain turns a panic of a provider into an error: it ends this request only.
func (k *Kernel) contain(hr *http.Request, id string, f func() (*Response, error)) (
	resp *Response, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		k.logger.Error("resource manager request panicked", "method", hr.Method, "path", hr.URL.Path, "request", id,
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		resp, err = nil, internalError(id)
	}()
	return f()
}

func internalError(id string) *Error {
	return Errorf(http.StatusInternalServerError, "InternalServerError",
		"Encountered internal server error. Diagnostic information: request id '%s'.", id)
}

func (k *Kernel) serve(w http.ResponseWriter, hr *http.Request, requestID string) (*Response, error) {
	if !knownMethod(hr.Method) {
		return nil, Errorf(http.StatusMethodNotAllowed, "MethodNotAllowed",
			"The HTTP method '%s' is not supported.", clip(hr.Method))
	}
	method := hr.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	escaped := hr.URL.EscapedPath()
	id, action, collection, err := parsePath(method, escaped)
	if err != nil {
		return nil, err
	}
	r := &Request{Method: method, ID: id, Action: action, Collection: collection, Query: hr.URL.Query(),
		Header: hr.Header, BaseURL: k.baseURL(hr), Path: escaped, RequestID: requestID}
	if r.APIVersion, err = checkVersion(r.Query); err != nil {
		return nil, err
	}
	shown := accessAll
	if !r.anonymous() {
		if r.Caller, err = k.authenticate(hr, r.BaseURL); err != nil {
			return nil, err
		}
		if shown, err = k.authorize(r); err != nil {
			return nil, err
		}
	}
	// Before the body: az sends templates that are not JSON to a type that is not there.
	p, info, err := k.find(&r.ID)
	if err != nil {
		return nil, err
	}
	if method != http.MethodGet {
		release, err := k.readBody(w, hr, r)
		defer release()
		if err != nil {
			return nil, err
		}
	}
	resp, err := k.dispatch(hr.Context(), r, p, info)
	if err == nil && shown == accessReadable {
		resp = k.readable(r.Caller, resp)
	}
	if err == nil && hr.Method == http.MethodHead && resp.Status == http.StatusOK {
		resp = &Response{Status: http.StatusNoContent, Header: resp.Header} // [ARM 5.2]
	}
	return resp, err
}

// anonymous says that a request needs no token: the list of what a provider can
// do [ARM 1.12].
func (r *Request) anonymous() bool {
	return r.Method == http.MethodGet && r.ID.Subscription == "" && r.ID.Scope == nil && r.ID.Provider != "" &&
		len(r.ID.Types) == 1 && len(r.ID.Names) == 0 && strings.EqualFold(r.ID.Types[0], "operations")
}

// authenticate applies [ARM 1.12].
func (k *Kernel) authenticate(hr *http.Request, base string) (Caller, error) {
	var fail *Error
	if hr.Header.Get("Authorization") == "" {
		fail = Errorf(http.StatusUnauthorized, "AuthenticationFailed",
			"Authentication failed. The 'Authorization' header is missing.")
	} else {
		c, err := k.o.Authenticate(hr)
		if err == nil {
			return c, nil
		}
		if !errors.As(err, &fail) {
			fail = Errorf(http.StatusUnauthorized, "InvalidAuthenticationToken",
				"The access token is invalid: %v.", err)
		}
	}
	if fail.Status == http.StatusUnauthorized && fail.Header.Get("WWW-Authenticate") == "" {
		e := *fail
		e.Header = e.Header.Clone()
		if e.Header == nil {
			e.Header = http.Header{}
		}
		e.Header.Set("WWW-Authenticate",
			fmt.Sprintf(`Bearer authorization_uri="%s/%s", error="invalid_token", error_description="%s"`,
				base, k.o.TenantID, strings.NewReplacer(`"`, `'`, "\r", " ", "\n", " ").Replace(e.Message)))
		fail = &e
	}
	return Caller{}, fail
}

// freeValue is how much a body may take as a value without waiting for room.
const freeValue = 1 << 20

// readBody reads a request's body, text and value. The function that it returns gives
// back the room that the value takes.
func (k *Kernel) readBody(w http.ResponseWriter, hr *http.Request, r *Request) (release func(), err error) {
	release = func() {}
	tooLarge := Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		"The request entity is too large: the limit is %d bytes.", k.o.MaxBody)
	if hr.ContentLength > k.o.MaxBody {
		return release, tooLarge
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, k.o.MaxBody))
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return release, tooLarge
	case err != nil:
		return release, InvalidContent("The request content could not be read: %v.", err)
	}
	r.RawBody = b
	text := bytes.TrimPrefix(b, []byte("\ufeff"))
	if len(bytes.TrimSpace(text)) == 0 {
		return release, nil
	}
	if size := value.ParsedSize(text); size > freeValue {
		give, err := k.o.Values.Take(hr.Context(), size)
		if err != nil {
			return release, err // the client is gone
		}
		release = give
	}
	v, err := value.Parse(text)
	if err != nil {
		return release, InvalidContent("The request content was invalid and could not be deserialized: '%v'.", err)
	}
	if v == nil {
		return release, nil
	}
	o, ok := v.(*value.Object)
	if !ok {
		return release, InvalidContent(
			"The request content was invalid and could not be deserialized: it must be a JSON object.")
	}
	r.Body = o
	return release, nil
}

// Dispatch finds the provider of a request and lets it answer. Providers may use
// it to reach each other's resources as their caller would.
func (k *Kernel) Dispatch(ctx context.Context, r *Request) (*Response, error) {
	p, info, err := k.find(&r.ID)
	if err != nil {
		return nil, err
	}
	return k.dispatch(ctx, r, p, info)
}

// find is canonical for the ID of a request, which may be of the kernel itself: then
// the provider is nil.
func (k *Kernel) find(id *ResourceID) (*provider, TypeInfo, error) {
	if id.Provider == "" {
		return nil, TypeInfo{}, nil
	}
	return k.canonical(id)
}

// dispatch is Dispatch for an ID whose provider and type were found.
func (k *Kernel) dispatch(ctx context.Context, r *Request, p *provider, info TypeInfo) (*Response, error) {
	if p == nil {
		return k.dispatchCore(ctx, r)
	}
	if r.ID.ResourceGroup != "" {
		g, err := k.canonicalGroup(&r.ID)
		if err != nil {
			return nil, err
		}
		if g.Deleting && (r.Method == http.MethodPut || r.Method == http.MethodPatch) {
			return nil, GroupBeingDeleted(g.Name)
		}
	}
	if r.Collection && r.Method != http.MethodGet ||
		r.Method == http.MethodPost && r.Action == "" && len(r.ID.Types) == 0 {
		return nil, MethodNotAllowed(r)
	}
	if r.Method == http.MethodPut && info.Tracked {
		if _, err := ReadLocation(r.Body, r.ID.Type()); err != nil {
			return nil, err
		}
	}
	return answer(p.Handle(ctx, r))
}

func (k *Kernel) dispatchCore(ctx context.Context, r *Request) (*Response, error) {
	if r.ID.ResourceGroup != "" && (len(r.ID.Types) > 0 || r.Action != "") {
		if _, err := k.canonicalGroup(&r.ID); err != nil {
			return nil, err
		}
	}
	if len(r.ID.Types) == 1 && len(r.ID.Names) == 1 && r.Method == http.MethodGet && r.ID.Subscription != "" {
		switch strings.ToLower(r.ID.Types[0]) {
		case "operationresults":
			return k.operationResult(r)
		case "operationstatuses":
			return k.operationStatus(r)
		}
	}
	return answer(k.resources.Handle(ctx, r))
}

func answer(resp *Response, err error) (*Response, error) {
	if err == nil && resp == nil {
		err = errors.New("the provider gave no answer")
	}
	return resp, err
}

// known returns what a client is told of an error, nil of one that is internal. 507 is
// a status that the management libraries of Go, Python and .NET do not try again, as
// they would 500 and 503; those of JavaScript and Java do for some seconds.
func known(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, commit.ErrFull):
		return Errorf(http.StatusInsufficientStorage, "InsufficientStorage", "%v.", err)
	case errors.Is(err, commit.ErrDamaged):
		// Trying again, as clients do after 500, for minutes, does not help.
		return Errorf(http.StatusConflict, "DamagedRecord",
			"%v. To replace what can't be read, create it again.", err)
	}
	return nil
}

func (k *Kernel) errorResponse(hr *http.Request, id string, err error) *Response {
	e := known(err)
	if e == nil {
		if hr.Context().Err() == nil {
			k.logger.Error("resource manager request failed",
				"method", hr.Method, "path", hr.URL.Path, "request", id, "err", err)
		}
		e = internalError(id)
	}
	h := e.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("x-ms-error-code", e.Code)
	return &Response{Status: e.Status, Body: e.Envelope(), Header: h}
}

// Envelope returns {"error":{…}} [ARM 3].
func (e *Error) Envelope() *value.Object {
	return value.NewObject(value.Member{Name: "error", Value: e.Object()})
}

// maxWarnings bounds the headers of an answer: Python reads no answer with more than
// 100, Node none with more than 16 KiB.
const maxWarnings = 10

func write(w http.ResponseWriter, hr *http.Request, resp *Response) {
	h := w.Header()
	for name, values := range resp.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	for i, text := range resp.Warnings {
		if more := len(resp.Warnings) - i; i == maxWarnings-1 && more > 1 {
			text = fmt.Sprintf("%d more warnings are in the log.", more)
		}
		if i < maxWarnings {
			h.Add("Warning", "199 Switchyard "+strconv.QuoteToASCII(text))
		}
	}
	if resp.Body == nil && resp.Raw == nil {
		if resp.Status != http.StatusNoContent && resp.Status != http.StatusNotModified {
			h.Set("Content-Length", "0")
		}
		w.WriteHeader(resp.Status)
		return
	}
	body := resp.Raw
	if body == nil {
		body = value.Append(nil, resp.Body)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(resp.Status)
	if hr.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone is no news
	}
}
