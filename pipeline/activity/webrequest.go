package activity

import (
	"net/http"
	"net/url"
	"strings"

	"switchyard/value"
)

// parseWebRequest reads the typeProperties of a Web activity.
func parseWebRequest(c *Call) (*webRequest, *Error) {
	in := c.Input
	if fail := only(in, "a Web activity", "method", "url", "headers", "body", "authentication",
		"httpRequestTimeout", "turnOffAsync", "disableCertValidation", "datasets", "linkedServices", "connectVia"); fail != nil {
		return nil, fail
	}
	for _, name := range []string{"datasets", "linkedServices"} {
		if v, _ := in.Lookup(name); v != nil {
			if a, ok := v.(value.Array); !ok || len(a) > 0 {
				return nil, failf(codeNotSupported, "The property '%s' of a Web activity is not supported.", name)
			}
		}
	}
	if v, _ := in.Lookup("connectVia"); v != nil {
		o, _ := v.(*value.Object)
		if name, _ := o.Lookup("referenceName"); name != nil && !strings.EqualFold(value.Text(name), "AutoResolveIntegrationRuntime") {
			return nil, failf(codeNotSupported, "The integration runtime '%s' is not supported.", value.Text(name))
		}
	}
	r := &webRequest{timeout: defaultWebTimeout}
	var fail *Error
	if r.method, fail = webMethod(in); fail != nil {
		return nil, fail
	}
	if r.url, fail = webURL(in); fail != nil {
		return nil, fail
	}
	if fail = r.setHeaders(in, c.ActivityRunID); fail != nil {
		return nil, fail
	}
	if fail = r.setBody(in); fail != nil {
		return nil, fail
	}
	if s, ok, fail := text(in, "httpRequestTimeout"); fail != nil {
		return nil, fail
	} else if ok {
		if r.timeout, fail = timespan("httpRequestTimeout", s); fail != nil {
			return nil, fail
		}
		// Azure's minimum is a minute; a shorter one is honoured here.
		if r.timeout <= 0 || r.timeout > maxWebTimeout {
			return nil, failf(codeInvalid, "The value '%s' of 'httpRequestTimeout' must be at most 00:10:00.", s)
		}
	}
	off, fail := boolean(in, "turnOffAsync")
	if fail != nil {
		return nil, fail
	}
	r.async = !off
	r.lax, fail = boolean(in, "disableCertValidation")
	return r, fail
}

func webMethod(in *value.Object) (string, *Error) {
	s, ok, fail := text(in, "method")
	if fail != nil {
		return "", fail
	}
	if !ok {
		return "", failf(codeInvalid, "The property 'method' of a Web activity is required.")
	}
	switch m := strings.ToUpper(s); m {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return m, nil
	}
	return "", failf(codeNotSupported, "The method '%s' of a Web activity is not supported.", s)
}

func webURL(in *value.Object) (*url.URL, *Error) {
	s, _, fail := text(in, "url")
	if fail != nil {
		return nil, fail
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, failf(codeInvalid, "Invalid URI: the value of 'url' must be an absolute http or https address.")
	}
	u.Fragment = ""
	return u, nil
}

func (r *webRequest) setHeaders(in *value.Object, activityRunID string) *Error {
	headers, fail := object(in, "headers")
	if fail != nil {
		return fail
	}
	r.header = http.Header{}
	for _, m := range headers.Members() {
		switch m.Value.(type) {
		case nil:
			continue
		case value.Array, *value.Object:
			return failf(codeInvalid, "The value of the header '%s' must be a string.", m.Name)
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
	return nil
}

func (r *webRequest) setBody(in *value.Object) *Error {
	v, ok := in.Lookup("body")
	switch {
	case !ok || v == nil:
		if r.method == http.MethodPost || r.method == http.MethodPut || r.method == http.MethodPatch {
			return failf(codeInvalid, "The property 'body' of a Web activity is required for the method %s.", r.method)
		}
		return nil
	default:
		if s, ok := v.(string); ok {
			r.body = []byte(s)
		} else {
			r.body = value.Append(nil, v)
		}
	}
	if len(r.body) > 0 && r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", "application/json")
	}
	return nil
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
// its shape: an authentication member or a header that carries a credential. Its
// record is sealed and shown with [MaskInput].
func Sensitive(in *value.Object) bool {
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

// MaskInput returns the input with the secrets that [Sensitive] finds replaced.
func MaskInput(in *value.Object) *value.Object {
	if !Sensitive(in) {
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
