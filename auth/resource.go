package auth

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// A Resource is what a token is for: the audience of put-token, or the sr field
// of a signature.
type Resource struct {
	// Host is the host name in lower case, without port and without the
	// brackets of an IPv6 address. Empty if the text had none.
	Host string
	// Path is the entity's path, percent-decoded, in the case of the text,
	// without slashes at either end. Empty for the whole namespace.
	Path string
}

var resourceSchemes = []string{"sb", "amqp", "amqps", "http", "https"}

// ParseResource reads a resource in any of the forms that clients use
// [SB-AMQP 4.2]: an absolute URI of scheme sb, amqp, amqps, http or https, or
// the same without a scheme, down to a bare host name. Queries and fragments
// are refused.
func ParseResource(s string) (Resource, error) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		if !knownScheme(scheme) {
			return Resource{}, fmt.Errorf("%w: resource %.80q has an unknown scheme", ErrMalformed, s)
		}
		s = rest
	}
	host, path, _ := strings.Cut(s, "/")
	if strings.ContainsAny(s, "?#") || strings.ContainsAny(host, "@ \t\r\n") {
		return Resource{}, fmt.Errorf("%w: resource %.80q", ErrMalformed, s)
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return Resource{}, fmt.Errorf("%w: resource %.80q: %w", ErrMalformed, s, err)
	}
	return Resource{Host: hostOnly(host), Path: strings.Trim(path, "/")}, nil
}

func knownScheme(s string) bool {
	for _, k := range resourceSchemes {
		if strings.EqualFold(s, k) {
			return true
		}
	}
	return false
}

func hostOnly(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// sameHost reports whether a signature for host a is good for host b. The names
// of this machine are one: a client may sign for localhost and connect to
// 127.0.0.1.
func sameHost(a, b string) bool { return a == b || loopback(a) && loopback(b) }

func loopback(host string) bool {
	switch host {
	case "localhost", "::1":
		return true
	}
	return strings.HasPrefix(host, "127.")
}

// covers reports whether path is scope or lies below it, on a segment boundary
// and ignoring case. The empty scope covers everything.
func covers(scope, path string) bool {
	if scope == "" {
		return true
	}
	if len(path) < len(scope) || !strings.EqualFold(path[:len(scope)], scope) {
		return false
	}
	return len(path) == len(scope) || path[len(scope)] == '/'
}
