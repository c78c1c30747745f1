package identityhttp

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"switchyard/auth/issuer"
)

// An oauthError is the answer to a request that is refused (RFC 6749, section
// 5.2), with Entra's own number if it has one.
type oauthError struct {
	status int
	code   string // invalid_client …
	number int    // of AADSTS
	text   string
	reason string // for a log, where text may quote what the client has shown
}

func (e *oauthError) Error() string { return e.code + ": " + e.description() }

func (e *oauthError) description() string {
	if e.number == 0 {
		return e.text
	}
	return fmt.Sprintf("AADSTS%d: %s", e.number, e.text)
}

// refuses reports whether the client is not who it says it is, or can't prove it.
func (e *oauthError) refuses() bool {
	return e.status == http.StatusUnauthorized || e.code == "invalid_grant"
}

func badRequest(code string, number int, format string, args ...any) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: code, number: number, text: fmt.Sprintf(format, args...)}
}

// fail answers an error.
func (c *call) fail(err error) {
	e, ok := errors.AsType[*oauthError](err)
	switch {
	case ok:
	case errors.Is(err, issuer.ErrInvalidScope):
		e = badRequest("invalid_scope", 70011,
			"The provided request must include a valid 'scope' or 'resource': %s.", err)
	default:
		c.h.o.Logger.Error("identity endpoint failed", "path", c.URL.Path, "trace", c.trace, "err", err)
		e = &oauthError{http.StatusInternalServerError, "server_error", 0,
			"The server could not answer; its log says why, under the trace ID.", ""}
	}
	if f := c.h.o.Refused; f != nil && e.refuses() {
		f(c.RemoteAddr, c.PostForm.Get("client_id"), cmp.Or(e.reason, e.description()))
	}
	correlation := c.Header.Get("Client-Request-Id")
	if correlation == "" || len(correlation) > 64 {
		correlation = c.trace
	}
	now := c.h.o.Now().UTC().Format("2006-01-02 15:04:05Z")
	body := map[string]any{
		"error": e.code,
		"error_description": fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s",
			e.description(), c.trace, correlation, now),
		"timestamp": now, "trace_id": c.trace, "correlation_id": correlation,
	}
	if e.number != 0 {
		body["error_codes"] = []int{e.number}
	}
	if err := c.write(e.status, body); err != nil {
		c.h.o.Logger.Error("identity endpoint failed", "path", c.URL.Path, "trace", c.trace, "err", err)
	}
}

// printable shortens what came from a client and drops what does not belong in
// a text.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
