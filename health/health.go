// Package health answers GET /health: 200 while nothing is known to be wrong, or
// only what keeps nothing else from working, and 503 with what is. It has no
// goroutines; the packages that know of a trouble keep it.
package health

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// A Cause says in sentences what is wrong at the moment, and nothing if all is well.
// It may be called at any time and must not wait.
type Cause func() []string

// status is the answer. The first two members are those of Microsoft's emulator.
type status struct {
	Status  string   `json:"status"`
	Message string   `json:"message"`
	Causes  []string `json:"causes,omitempty"`
}

// once leaves out what another sentence, or one of told, says too: a run that can't be
// resumed and the record of it that can't be read are told by different packages.
func once(sentences, told []string) (distinct []string) {
	for i, s := range sentences {
		says := func(other string) bool { return len(other) > len(s) && strings.Contains(other, s) }
		again := slices.ContainsFunc(sentences, says) || slices.ContainsFunc(told, says)
		if !again && !slices.Contains(sentences[:i], s) {
			distinct = append(distinct, s)
		}
	}
	return distinct
}

// Handler answers for all causes together. What degraded says is told too, but the
// rest works: a restart, or another machine, would not help. Causes have names of what is
// there, so who is not trusted gets the status alone.
func Handler(trusted func(*http.Request) bool, degraded Cause, causes ...Cause) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, code := status{Status: "healthy", Message: "Service is healthy."}, http.StatusOK
		for _, f := range causes {
			s.Causes = append(s.Causes, f()...)
		}
		if len(s.Causes) > 0 {
			s.Status, code = "unhealthy", http.StatusServiceUnavailable
			s.Message = "Service is unhealthy: " + strings.Join(s.Causes, "; ")
		}
		if parts := once(degraded(), s.Causes); len(parts) > 0 {
			s.Causes = append(s.Causes, parts...)
			if code == http.StatusOK {
				s.Status, s.Message = "degraded", "Service is degraded: "+strings.Join(parts, "; ")
			}
		}
		if len(s.Causes) > 0 && !trusted(r) {
			s.Message, s.Causes = "Service is "+s.Status+".", nil
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		_ = e.Encode(s) // the client may be gone
	})
}
