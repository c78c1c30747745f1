package activity

import (
	"bytes"
	"math"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"switchyard/compute"
	"switchyard/value"
)

// webOutput fills the output of a call that succeeded: a JSON object's members,
// or the content under Response; then status code and headers.
func webOutput(out *value.Object, r *webResponse) {
	content := r.content()
	if o, ok := content.(*value.Object); ok {
		for _, m := range o.Members() {
			out.Set(m.Name, m.Value)
		}
	} else {
		out.Set("Response", content)
	}
	out.Set("ADFHttpStatusCodeInResponse", strconv.Itoa(r.status))
	headers := &value.Object{}
	names := make([]string, 0, len(r.header))
	for name := range r.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		headers.Set(name, strings.ToValidUTF8(strings.Join(r.header[name], ","), "\uFFFD"))
	}
	out.Set("ADFWebActivityResponseHeaders", headers)
}

// content is the body as a value: JSON objects whatever the content type says, scalars if
// it says JSON, otherwise text. An array is text, for the function json to read
// [ENGINE 5.15].
func (r *webResponse) content() value.Value {
	b := bytes.TrimPrefix(r.body, []byte("\ufeff"))
	if t := bytes.TrimLeft(b, " \t\r\n"); len(t) > 0 && (t[0] == '{' || t[0] != '[' && r.isJSON()) {
		var v value.Value
		var err error
		compute.Do(len(b), func() { v, err = value.Parse(b) })
		if err == nil {
			return v
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

func (r *webResponse) isJSON() bool {
	t, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// maxErrorDetail bounds how much of a plain-text answer an error message shows.
const maxErrorDetail = 4096

// maxErrorObject is the same of a JSON object. Messages are kept with the run, and
// those of containers repeat them.
const maxErrorObject = 64 << 10

func endpointError(u *url.URL, r *webResponse) *Error {
	switch c := r.content().(type) {
	case *value.Object:
		return failf(codeEndpoint, "%s", shortened(string(value.Append(nil, c)), maxErrorObject))
	case string:
		if c != "" {
			if len(c) > maxErrorDetail {
				c = strings.ToValidUTF8(c[:maxErrorDetail], "")
			}
			return failf(codeEndpoint, "Error calling the endpoint '%s'. Response status code: '%d'."+
				" More details: %s", safeURL(u), r.status, c)
		}
	}
	return failf(codeEndpoint, "Error calling the endpoint '%s'. Response status code: '%d'", safeURL(u),
		r.status)
}

// shortened keeps the first bytes of a text, and shows that there were more.
func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// safeURL is the URL as an error may show it: without password and without the
// query values that usually are keys.
func safeURL(u *url.URL) string {
	c := *u
	if c.User != nil {
		c.User = url.User(c.User.Username())
	}
	parts := strings.Split(c.RawQuery, "&")
	for i, p := range parts {
		name, _, ok := strings.Cut(p, "=")
		switch strings.ToLower(name) {
		case "sig", "code", "key", "api-key", "apikey", "subscription-key", "token", "access_token", "password",
			"secret":
			if ok {
				parts[i] = name + "=" + Mask
			}
		}
	}
	c.RawQuery = strings.Join(parts, "&")
	return c.String()
}

// runtimeMembers adds what every activity of an integration runtime carries
// [ENGINE 4], billed as an external activity.
func runtimeMembers(out *value.Object, location string, took, queued time.Duration) {
	out.Set("effectiveIntegrationRuntime", "AutoResolveIntegrationRuntime ("+location+")")
	out.Set("executionDuration", int64(took/time.Second))
	out.Set("durationInQueue", value.NewObject(
		value.Member{Name: "integrationRuntimeQueue", Value: int64(queued / time.Second)}))
	minutes := max(1, math.Ceil(took.Minutes()))
	out.Set("billingReference", value.NewObject(
		value.Member{Name: "activityType", Value: "ExternalActivity"},
		value.Member{Name: "billableDuration", Value: value.Array{value.NewObject(
			value.Member{Name: "meterType", Value: "AzureIR"},
			value.Member{Name: "duration", Value: minutes / 60},
			value.Member{Name: "unit", Value: "Hours"},
		)}},
	))
}
