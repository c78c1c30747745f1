package activity

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"

	"software.sslmate.com/src/go-pkcs12"

	"switchyard/value"
)

// clientCertificate has a request sent with the certificate that the activity's
// authentication holds: pfx, in base64, with its password.
func (w *Web) clientCertificate(a *value.Object, r *webRequest) *Error {
	in := readInput(a, "ClientCertificate authentication")
	in.Only("type", "pfx", "password")
	pfx := in.secret("pfx")
	password := ""
	if _, given := in.Value("password"); given {
		password = in.secret("password")
	}
	if in.fail.err != nil {
		return in.fail.err
	}
	if r.url.Scheme != "https" {
		return failf(codeInvalid, "ClientCertificate authentication needs an https address.")
	}
	t, fail := w.certified.transport(w, pfx, password, r.lax)
	if fail != nil {
		return fail
	}
	r.certified = &ofOneHost{host: r.url.Host, certified: t, plain: w.client(r).Transport}
	return nil
}

// An ofOneHost sends requests with a certificate to one host, and to others, where a redirect
// or a Location may lead, without.
type ofOneHost struct {
	host             string
	certified, plain http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (x *ofOneHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" && r.URL.Host == x.host {
		return x.certified.RoundTrip(r)
	}
	return x.plain.RoundTrip(r)
}

// maxCertified is how many certificates have connections of their own at a time.
const maxCertified = 64

// certifiedTransports keep connections that were made with a certificate apart from others.
type certifiedTransports struct {
	mu sync.Mutex
	m  map[[sha256.Size]byte]*outbound // guarded by mu
}

func (c *certifiedTransports) transport(w *Web, pfx, password string, lax bool) (http.RoundTripper, *Error) {
	if w.o.Transport != nil {
		return w.o.Transport, nil
	}
	kind := "checked"
	if lax {
		kind = "lax"
	}
	key := sha256.Sum256([]byte(kind + "\x00" + password + "\x00" + pfx))
	c.mu.Lock()
	t := c.m[key]
	c.mu.Unlock()
	if t != nil {
		return t, nil
	}
	cert, fail := readCertificate(pfx, password)
	if fail != nil {
		return nil, fail
	}
	t = newOutbound(w, &tls.Config{InsecureSkipVerify: lax, Certificates: []tls.Certificate{*cert}}) //nolint:gosec // disableCertValidation
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.m[key]; known != nil { // another attempt was faster
		return known, nil
	}
	if len(c.m) >= maxCertified {
		for _, old := range c.m {
			old.CloseIdleConnections()
		}
		c.m = nil
	}
	if c.m == nil {
		c.m = map[[sha256.Size]byte]*outbound{}
	}
	c.m[key] = t
	return t, nil
}

// CloseIdleConnections closes those of all certificates.
func (c *certifiedTransports) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.m {
		t.CloseIdleConnections()
	}
}

// readCertificate reads a key with its certificates. Why it can't be read is told without
// what was read.
func readCertificate(pfx, password string) (*tls.Certificate, *Error) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(pfx), ""))
	if err != nil {
		return nil, failf(codeInvalid, "The 'pfx' of ClientCertificate authentication is no base64.")
	}
	key, leaf, others, err := pkcs12.DecodeChain(b, password)
	if err != nil {
		return nil, failf(codeInvalid, "The 'pfx' of ClientCertificate authentication can't be read with its password: %s.", err)
	}
	cert := &tls.Certificate{PrivateKey: key, Leaf: leaf, Certificate: [][]byte{leaf.Raw}}
	for _, c := range others {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, nil
}
