package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// An Exposure says how other machines reach a server. The zero value says that they
// don't.
type Exposure struct {
	// Address is where to listen; the zero Addr stands for 127.0.0.1.
	Address netip.Addr
	// Names are what clients call the server, host names in lower case and addresses,
	// the first being the one that they are told.
	Names []string
	// Own is a certificate from elsewhere for these names; nil: ours has them.
	Own *tls.Certificate
}

// ParseExposure reads an address to listen on, names with commas between them, and the
// files of a certificate with its key; all may be "". An address beyond the loopback
// interface needs names or a certificate, which has its own.
func ParseExposure(address, names, certFile, keyFile string) (x Exposure, err error) {
	if address == "" {
		if names != "" || certFile != "" || keyFile != "" {
			return x, errors.New("names and certificates are for other machines: listen is missing")
		}
		return x, nil
	}
	if x.Address, err = netip.ParseAddr(strings.Trim(address, "[]")); err != nil {
		return x, fmt.Errorf("listen: %.80q is not an IP address such as 0.0.0.0", address)
	}
	if (certFile == "") != (keyFile == "") {
		return x, errors.New("tls-cert and tls-key need each other")
	}
	for name := range strings.SplitSeq(names, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
			continue
		}
		if _, err := netip.ParseAddr(name); err != nil && !hostName(name) {
			return x, fmt.Errorf("tls-names: %.80q is neither the name of a host nor an IP address", name)
		}
		x.Names = append(x.Names, name)
	}
	if certFile != "" {
		if err := x.own(certFile, keyFile); err != nil {
			return x, err
		}
	}
	if x.Beyond() && len(x.Names) == 0 {
		return x, errors.New("listen: other machines need a name to call this one: give tls-names, for a certificate of " +
			"our own authority, or tls-cert and tls-key")
	}
	return x, nil
}

// own loads a certificate, whose names are added.
func (x *Exposure) own(certFile, keyFile string) error {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fmt.Errorf("tls-cert and tls-key: %w", err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return fmt.Errorf("tls-cert: %w", err)
		}
	}
	if len(pair.Leaf.DNSNames)+len(pair.Leaf.IPAddresses) == 0 {
		return fmt.Errorf("tls-cert: %s names no host: it needs subject alternative names", certFile)
	}
	for _, n := range x.Names {
		if pair.Leaf.VerifyHostname(n) != nil {
			return fmt.Errorf("tls-names: the certificate in %s is not for %s", certFile, n)
		}
	}
	for _, n := range pair.Leaf.DNSNames {
		if n = strings.ToLower(n); !strings.HasPrefix(n, "*.") && !slices.Contains(x.Names, n) {
			x.Names = append(x.Names, n)
		}
	}
	for _, ip := range pair.Leaf.IPAddresses {
		if n := ip.String(); !slices.Contains(x.Names, n) {
			x.Names = append(x.Names, n)
		}
	}
	if len(x.Names) == 0 {
		return fmt.Errorf("tls-cert: %s is for every name below some only: give the one to use by tls-names", certFile)
	}
	x.Own = &pair
	return nil
}

// Beyond reports whether other machines can connect.
func (x Exposure) Beyond() bool { return x.Address.IsValid() && !x.Address.Unmap().IsLoopback() }

// Name is what clients are told to call the server, "" if nothing but an address.
func (x Exposure) Name() string {
	if len(x.Names) == 0 {
		return ""
	}
	return x.Names[0]
}

// Public is what clients of other machines call a port that is open at an address, with
// its number unless they dial that one anyway.
func (x Exposure) Public(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == AMQPSPort {
		return x.Name()
	}
	return net.JoinHostPort(x.Name(), port)
}

// Web is the beginning of addresses by which others reach the port of HTTP that is open at
// an address: programs on this machine, and where other machines are served those, too, by
// name and with TLS.
func (x Exposure) Web(address string) string {
	if _, port, err := net.SplitHostPort(address); err == nil && x.Beyond() && x.Name() != "" {
		return "https://" + net.JoinHostPort(x.Name(), port)
	}
	return "http://" + Local(address)
}

// AMQPSPort is the port of AMQP over TLS, which clients of Service Bus dial.
const AMQPSPort = "5671"

// Served are the names that certificates and requests may have: see
// [CertificateOptions].Names. A namespace may be called by a name below ours.
func (x Exposure) Served() []string {
	var all []string
	for _, n := range x.Names {
		all = append(all, n)
		if _, err := netip.ParseAddr(n); err != nil {
			all = append(all, "."+n)
		}
	}
	return all
}

// Ours reports whether a host, without port and in lower case, is one of the names or
// below one.
func (x Exposure) Ours(host string) bool {
	return slices.ContainsFunc(x.Served(), func(n string) bool {
		return n == host || strings.HasPrefix(n, ".") && strings.HasSuffix(host, n)
	})
}

// Local is how programs on this machine dial a port that is open at an address.
func Local(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}

// fromHere reports whether a connection is of a program on this machine, which needs no
// TLS: to the loopback interface, or from the address that it goes to.
func fromHere(c net.Conn) bool {
	remote, local := ipOf(c.RemoteAddr()), ipOf(c.LocalAddr())
	return remote.IsLoopback() || remote.IsValid() && remote == local
}

// FromHere is the same of a request.
func FromHere(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := remote.Addr().Unmap().WithZone("")
	return ip.IsLoopback() || local != nil && ip == ipOf(local)
}

// OnlyHere answers requests of other machines with 403 AuthorizationFailed.
func OnlyHere(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !FromHere(r) {
			http.Error(w, `{"error":{"code":"AuthorizationFailed","message":"This is served to the machine's own programs only."}}`,
				http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func ipOf(a net.Addr) netip.Addr {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap().WithZone("")
}

// Owns reports whether an address is that of the port of HTTP, which is open at web, or of
// another port of this process: at the loopback interface and, where other machines are
// served, at every address of this one.
func (x Exposure) Owns(a netip.AddrPort, web string, other bool) bool {
	at, err := netip.ParseAddrPort(web)
	if err != nil || a == at {
		return err == nil
	}
	ip := a.Addr().Unmap()
	switch {
	case !other && a.Port() != at.Port():
		return false
	case ip.IsLoopback():
		return other || at.Addr().IsUnspecified()
	}
	return x.Beyond() && (ip.IsUnspecified() || ofThisMachine(ip))
}

// ofThisMachine reports whether an address is one of this machine's. One that can't be
// told counts as one.
func ofThisMachine(ip netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == ip.WithZone("")
	})
}
