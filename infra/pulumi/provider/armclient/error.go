package armclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Error is an answer that is not 2xx.
type Error struct {
	Method  string
	Path    string
	Status  int
	Code    string // the service's, as in ResourceNotFound
	Message string
	Details []string // "Code: message" of each
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %d %s: %s", e.Method, e.Path, e.Status, e.Code, e.Message)
	if len(e.Details) > 0 {
		s += " (" + strings.Join(e.Details, "; ") + ")"
	}
	return s
}

// IsNotFound says that the resource, or something above it, does not exist.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

type envelope struct {
	Code    string     `json:"code"`
	Target  string     `json:"target"` // what in the body is wrong
	Message string     `json:"message"`
	Details []envelope `json:"details"`
	Error   *envelope  `json:"error"` // Service Bus wraps details once more
}

func errorOf(method string, u *url.URL, r *http.Response, raw []byte) *Error {
	e := &Error{Method: method, Path: u.Path, Status: r.StatusCode}
	e.fill(raw)
	if c := r.Header.Get("x-ms-error-code"); c != "" {
		e.Code = c
	}
	if e.Code == "" {
		e.Code = http.StatusText(r.StatusCode)
	}
	return e
}

func (e *Error) fill(raw []byte) {
	var body envelope
	if json.Unmarshal(raw, &body) != nil {
		e.Message = strings.ToValidUTF8(string(raw[:min(len(raw), 500)]), "?")
		return
	}
	if body.Error != nil {
		body = *body.Error
	}
	e.Code, e.Message = body.Code, body.text()
	for _, d := range body.Details {
		if d.Error != nil {
			d = *d.Error
		}
		if d.Code == e.Code && d.Target != "" { // one of several mistakes of the same kind
			e.Details = append(e.Details, d.text())
		} else {
			e.Details = append(e.Details, d.Code+": "+d.text())
		}
	}
}

// text is the message in one line, with the path of what is wrong if it does not say it.
func (e *envelope) text() string {
	s := strings.Join(strings.Fields(e.Message), " ")
	if e.Target != "" && !strings.Contains(s, e.Target) {
		s = e.Target + ": " + s
	}
	return s
}
