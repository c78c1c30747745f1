package activity

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// parseWebRequest reads the typeProperties of a Web activity.
func parseWebRequest(c *Call) (*webRequest, *Error) {
	in := open(c, "WebActivity")
	refuseReferences(in)
	r := newWebRequest(in, c)
	r.setBody(in)
	if d, s, ok := in.timespan("httpRequestTimeout"); ok {
		// Azure's minimum is a minute; a shorter one is honoured here.
		if r.timeout = d; d <= 0 || d > pipeline.MaxRequestTimeout {
			in.invalid("The value '%s' of 'httpRequestTimeout' must be at most 00:10:00.", s)
		}
	}
	r.async = !in.boolean("turnOffAsync")
	r.lax = in.boolean("disableCertValidation")
	return r, in.end()
}

// newWebRequest reads what all requests have.
func newWebRequest(in *input, c *Call) *webRequest {
	r := &webRequest{timeout: pipeline.DefaultRequestTimeout, header: http.Header{}}
	r.method = webMethod(in)
	r.url = webURL(in)
	r.setHeaders(in, c.ActivityRunID)
	in.Ignore("authentication") // read when the credentials are needed
	return r
}

// refuseReferences refuses what a Web activity can pass on in Azure, and another
// integration runtime than the one that every factory has.
func refuseReferences(in *input) {
	for _, name := range []string{"datasets", "linkedServices"} {
		if v, ok := in.Value(name); ok {
			if a, isArray := v.(value.Array); !isArray || len(a) > 0 {
				in.refuse("The property '%s' of a Web activity is not supported.", name)
			}
		}
	}
	v, _ := in.Value("connectVia")
	o, _ := v.(*value.Object)
	name, _ := o.Lookup("referenceName")
	if name != nil && !strings.EqualFold(value.Text(name), "AutoResolveIntegrationRuntime") {
		in.refuse("The integration runtime '%s' is not supported.", value.Text(name))
	}
}

func webMethod(in *input) string {
	s := in.requiredText("method")
	m := oneOf(in.row.Property("method"), s)
	if m == "" {
		in.refuse("The method '%s' of %s is not supported.", s, in.what)
	}
	return m
}

func webURL(in *input) *url.URL {
	s, _ := in.text("url")
	u, err := parseURL(nil, s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		in.invalid("Invalid URI: the value of 'url' must be an absolute http or https address.")
		return nil
	}
	u.Fragment = ""
	return u
}

func (r *webRequest) setHeaders(in *input, activityRunID string) {
	for _, m := range in.object("headers").Members() {
		switch m.Value.(type) {
		case nil:
			continue
		case value.Array, *value.Object:
			in.invalid("The value of the header '%s' must be a string.", m.Name)
			continue
		}
		if strings.EqualFold(m.Name, "Host") {
			r.host = value.Text(m.Value)
			continue
		}
		r.header.Set(m.Name, value.Text(m.Value))
	}
	// The same attempt, made again after a crash, has the same id.
	for _, name := range []string{"x-ms-client-request-id", "Idempotency-Key"} {
		if r.header.Get(name) == "" {
			r.header.Set(name, activityRunID)
		}
	}
}

func (r *webRequest) setBody(in *input) {
	v, ok := in.Value("body")
	if !ok {
		switch r.method {
		case http.MethodPost, http.MethodPut, http.MethodPatch:
			in.invalid("The property 'body' of a Web activity is required for the method %s.", r.method)
		}
		return
	}
	size := 0
	if s, isText := v.(string); isText {
		size, r.body = len(s), func() io.Reader { return strings.NewReader(s) }
	} else {
		b := value.Append(nil, v)
		size, r.body = len(b), func() io.Reader { return bytes.NewReader(b) }
	}
	if size > 0 && r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", "application/json")
	}
}

// credentialHeaders are the request headers that carry a secret.
var credentialHeaders = []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Functions-Key",
	"Api-Key", "X-Api-Key", "Ocp-Apim-Subscription-Key"}

func dropCredentials(h http.Header) {
	for _, name := range credentialHeaders {
		h.Del(name)
	}
}

// Sensitive reports whether the resolved input of an activity holds a secret by
// its shape: an authentication member, a header that carries a credential, or a
// SecureString anywhere. Its record is sealed and shown with [MaskInput].
func Sensitive(in *value.Object) bool { return hasCredentials(in) || holdsSecureString(in) }

func holdsSecureString(v value.Value) bool {
	switch v := v.(type) {
	case value.Array:
		return slices.ContainsFunc(v, holdsSecureString)
	case *value.Object:
		if _, ok := pipeline.SecureString(v); ok {
			return true
		}
		return slices.ContainsFunc(v.Members(), func(m value.Member) bool { return holdsSecureString(m.Value) })
	}
	return false
}

func hasCredentials(in *value.Object) bool {
	for _, m := range in.Members() {
		if strings.EqualFold(m.Name, "authentication") && m.Value != nil {
			return true
		}
		if h, ok := m.Value.(*value.Object); ok && strings.EqualFold(m.Name, "headers") {
			for _, m := range h.Members() {
				if isCredential(m.Name) {
					return true
				}
			}
		}
	}
	return false
}

func isCredential(header string) bool {
	for _, name := range credentialHeaders {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	return false
}

// Mask is what is shown in place of a secret.
const Mask = "**********"

// MaskInput returns the input with its credentials replaced: the authentication's, and
// those in headers. SecureStrings are for the run to mask.
func MaskInput(in *value.Object) *value.Object {
	if !hasCredentials(in) {
		return in
	}
	out := in.Clone()
	for _, m := range in.Members() {
		o, ok := m.Value.(*value.Object)
		if !ok {
			continue
		}
		switch {
		case strings.EqualFold(m.Name, "authentication"):
			masked := o.Clone()
			for _, a := range o.Members() {
				switch strings.ToLower(a.Name) {
				case "password", "pfx", "serviceprincipalkey":
					masked.Set(a.Name, Mask)
				}
			}
			out.Set(m.Name, masked)
		case strings.EqualFold(m.Name, "headers"):
			masked := o.Clone()
			for _, h := range o.Members() {
				if isCredential(h.Name) {
					masked.Set(h.Name, Mask)
				}
			}
			out.Set(m.Name, masked)
		}
	}
	return out
}
