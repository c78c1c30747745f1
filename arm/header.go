package arm

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"switchyard/clock"
)

// writeHeaders sets the headers of every answer [ARM 1.8].
func (k *Kernel) writeHeaders(h http.Header, hr *http.Request, requestID string) {
	correlation := requestID
	if c := hr.Header.Get("x-ms-correlation-request-id"); IsGUID(c) {
		correlation = c
	}
	now := clock.ShownNow(k.o.Clock)
	h.Set("x-ms-request-id", requestID)
	h.Set("x-ms-correlation-request-id", correlation)
	h.Set("x-ms-routing-request-id", "LOCAL:"+now.Format("20060102T150405Z")+":"+requestID)
	h.Set("Cache-Control", "no-cache")
	h.Set("Date", now.Format(http.TimeFormat))
	h.Set("X-Content-Type-Options", "nosniff")
	if c := hr.Header.Get("x-ms-client-request-id"); len(c) <= 128 &&
		strings.EqualFold(hr.Header.Get("x-ms-return-client-request-id"), "true") && c != "" {
		h.Set("x-ms-client-request-id", c)
	}
}

// baseURL is the scheme and host that the client used [ARM 1.11].
func (k *Kernel) baseURL(hr *http.Request) string {
	scheme, host := "http", hr.Host
	if hr.TLS != nil {
		scheme = "https"
	}
	if k.o.TrustForwarded {
		if s := strings.ToLower(first(hr.Header.Get("X-Forwarded-Proto"))); s == "http" || s == "https" {
			scheme = s
		}
		if h := first(hr.Header.Get("X-Forwarded-Host")); h != "" && !strings.ContainsAny(h, "/\\@?# ") {
			host = h
		}
	}
	return scheme + "://" + host
}

func first(list string) string {
	s, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(s)
}

// NewGUID makes a random GUID.
func (k *Kernel) NewGUID() string {
	k.randMu.Lock()
	defer k.randMu.Unlock()
	g, err := NewGUID(k.o.Rand)
	if err != nil {
		panic(err) // the system's source of randomness does not fail
	}
	return g
}

// NewGUID makes a GUID, version 4, of random bytes.
func NewGUID(rand io.Reader) (string, error) {
	id, err := uuid.NewRandomFromReader(rand)
	if err != nil {
		return "", fmt.Errorf("new GUID: %w", err)
	}
	return id.String(), nil
}
