package listen

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Guard refuses requests that a web page could have made a browser send: those
// whose Host is not a name of ours (DNS rebinding) and those with a foreign
// Origin. A host is ours if it is an IP address of this machine's loopback,
// localhost, a name below localhost, or listed in names, addresses too (compared ignoring case;
// ".x" accepts every name below x).
func Guard(next http.Handler, names ...string) http.Handler {
	ours := func(hostport string) bool {
		host := hostport
		if h, _, err := net.SplitHostPort(hostport); err == nil {
			host = h
		}
		host = strings.ToLower(strings.Trim(host, "[]"))
		if ip := net.ParseIP(host); ip != nil {
			return ip.IsLoopback() || slices.Contains(names, ip.String())
		}
		if host == "localhost" || strings.HasSuffix(host, ".localhost") {
			return true
		}
		for _, n := range names {
			if strings.EqualFold(n, host) || strings.HasPrefix(n, ".") && strings.HasSuffix(host, strings.ToLower(n)) {
				return true
			}
		}
		return false
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ours(r.Host) {
			http.Error(w, "the Host of this request is not served here", http.StatusMisdirectedRequest)
			return
		}
		if o := r.Header.Get("Origin"); o != "" {
			u, err := url.Parse(o)
			if err != nil || !ours(u.Host) {
				http.Error(w, "requests from this Origin are refused", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
