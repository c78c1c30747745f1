package arm

import (
	"net/http"
	"strings"
)

// Precondition checks If-Match and If-None-Match against a resource's state. A
// provider calls it under the lock under which it then changes the resource. A
// provider without entity tags passes "": then only * can be asked for.
func (r *Request) Precondition(exists bool, etag string) error {
	failed := func(name, value string) error {
		return Errorf(http.StatusPreconditionFailed, "PreconditionFailed",
			"The condition specified by the header %s: %s is not met by the current state of '%s'.",
			name, clip(value), r.ID)
	}
	if v := r.Header.Get("If-Match"); v != "" && (!exists || !matchesTag(v, etag)) {
		return failed("If-Match", v)
	}
	if v := r.Header.Get("If-None-Match"); v != "" && r.Method != http.MethodGet && exists &&
		matchesTag(v, etag) {
		return failed("If-None-Match", v)
	}
	return nil
}

// NotModified reports whether a GET's If-None-Match says that the client has
// this version already; the answer is then 304.
func (r *Request) NotModified(etag string) bool {
	v := r.Header.Get("If-None-Match")
	return r.Method == http.MethodGet && v != "" && etag != "" && matchesTag(v, etag)
}

// matchesTag compares a header's list of entity tags. Weakness and quotes don't
// matter: clients send a tag as they read it, from the header or from the body.
func matchesTag(list, etag string) bool {
	for v := range strings.SplitSeq(list, ",") {
		v = strings.TrimSpace(v)
		if v == "*" || etag != "" && bareTag(v) == bareTag(etag) {
			return true
		}
	}
	return false
}

func bareTag(s string) string { return strings.Trim(strings.TrimPrefix(s, "W/"), `"`) }
