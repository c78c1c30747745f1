// Package issuer issues and verifies access tokens: JSON web tokens signed with
// RS256 by a key that this installation made for itself. It stands in for
// Microsoft Entra ID [ARM 4].
//
// Only tokens of the own issuer count: signed by the own key, naming it, naming
// a host of this machine and the own tenant as issuer, for an audience that the
// verifier accepts, within their time. Nothing here opens a socket or reads a
// clock; auth/identityhttp serves it.
package issuer

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"switchyard/auth"
)

// DefaultLifetime is how long a token is valid, unless told otherwise.
const DefaultLifetime = 24*time.Hour - time.Second

// backdate is how long before its issue a token is valid already, as Entra's
// are: a clock that is put back a little must not refuse what it issued.
const backdate = 5 * time.Minute

// Options are what [New] needs.
type Options struct {
	Key *Key // required
	// TenantID is the directory that all tokens are of: a GUID. Required.
	TenantID string
	// URL is scheme://host[:port] for tokens that nobody asked for over HTTP:
	// those of a factory's identity. Required.
	URL string
	// OurHost reports whether a host, without port, is a name of this
	// installation; tokens that name another are refused. Default: the loopback
	// addresses, localhost and the names below it.
	OurHost func(host string) bool
	// Lifetime of a token, default [DefaultLifetime].
	Lifetime time.Duration
}

// An Issuer issues and verifies tokens. It is safe for concurrent use.
type Issuer struct {
	key      *Key
	tenant   string
	url      string
	ourHost  func(host string) bool
	lifetime time.Duration
}

// New returns an issuer.
func New(o Options) (*Issuer, error) {
	if o.Key == nil {
		return nil, errors.New("issuer: no key")
	}
	tenant, err := uuid.Parse(o.TenantID)
	if err != nil || len(o.TenantID) != 36 {
		return nil, fmt.Errorf("issuer: tenant %.80q is not a GUID", o.TenantID)
	}
	i := &Issuer{key: o.Key, tenant: tenant.String(), url: strings.TrimSuffix(o.URL, "/"), ourHost: o.OurHost,
		lifetime: o.Lifetime}
	if i.ourHost == nil {
		i.ourHost = LoopbackHost
	}
	if i.lifetime == 0 {
		i.lifetime = DefaultLifetime
	}
	if i.lifetime < time.Minute {
		return nil, fmt.Errorf("issuer: a lifetime of %v is too short", i.lifetime)
	}
	if !i.ours(i.issuer(i.url)) {
		return nil, fmt.Errorf("issuer: %q is not a URL of this installation", o.URL)
	}
	return i, nil
}

// TenantID returns the directory, a GUID in lower case.
func (i *Issuer) TenantID() string { return i.tenant }

// URL returns the base that tokens name which were not asked for over HTTP.
func (i *Issuer) URL() string { return i.url }

// Key returns the public part of the key that signs.
func (i *Issuer) Key() PublicKey { return i.key.public }

// Lifetime returns how long a token is valid.
func (i *Issuer) Lifetime() time.Duration { return i.lifetime }

// OurHost reports whether a host, with or without port, is a name of this
// installation.
func (i *Issuer) OurHost(hostport string) bool {
	u, err := url.Parse("https://" + hostport)
	return err == nil && u.Host == hostport && u.Hostname() != "" && i.ourHost(strings.ToLower(u.Hostname()))
}

// LoopbackHost reports whether a host is an address of the loopback interface,
// localhost, or a name below localhost.
func LoopbackHost(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost")
}

// issuer is the value of iss for clients that use base.
func (i *Issuer) issuer(base string) string { return base + "/" + i.tenant + "/" }

// ours reports whether iss is one that Issue writes. The host in it is the one
// by which the client knew us, so there are several.
func (i *Issuer) ours(iss string) bool {
	base, ok := strings.CutSuffix(iss, "/"+i.tenant+"/")
	if !ok {
		return false
	}
	host, ok := strings.CutPrefix(base, "https://")
	if !ok {
		host, ok = strings.CutPrefix(base, "http://")
	}
	return ok && i.OurHost(host)
}

var _ auth.BearerVerifier = (*Issuer)(nil)
