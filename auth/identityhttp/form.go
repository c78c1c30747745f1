package identityhttp

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
)

// maxForm bounds a token request; an assertion is its largest part.
const maxForm = 64 << 10

// A form holds the parameters of a token request, each once (RFC 6749, section
// 3.2).
type form map[string]string

// readForm reads the body. Parameters in the URL do not count: URLs end up in
// logs.
func (c *call) readForm() (form, error) {
	if media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil ||
		media != "application/x-www-form-urlencoded" {
		return nil, badRequest("invalid_request", 900144,
			"The request body must be of type application/x-www-form-urlencoded.")
	}
	c.Body = http.MaxBytesReader(c.w, c.Body, maxForm)
	if err := c.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, &oauthError{http.StatusRequestEntityTooLarge, "invalid_request", 0,
				"The request is too large.", ""}
		}
		return nil, badRequest("invalid_request", 900144, "The request body can't be read.")
	}
	f := form{}
	for name, values := range c.PostForm {
		if len(values) > 1 {
			return nil, badRequest("invalid_request", 90013,
				"The parameter '%s' is there more than once.", printable(name, 80))
		}
		// A parameter without value counts as absent.
		if values[0] != "" {
			f[name] = values[0]
		}
	}
	// A client may send its id and secret as user and password instead.
	if id, secret, ok := c.BasicAuth(); ok {
		id, err1 := url.QueryUnescape(id)
		secret, err2 := url.QueryUnescape(secret)
		if err1 != nil || err2 != nil || f["client_secret"] != "" || f["client_id"] != "" && f["client_id"] != id {
			return nil, badRequest("invalid_request", 90013,
				"The client's credentials are there twice, or can't be read.")
		}
		f["client_id"] = id
		if secret != "" {
			f["client_secret"] = secret
		}
	}
	return f, nil
}

// need returns a parameter that must be there.
func (f form) need(name string) (string, error) {
	if v := f[name]; v != "" {
		return v, nil
	}
	return "", badRequest("invalid_request", 900144,
		"The request body must contain the following parameter: '%s'.", name)
}
