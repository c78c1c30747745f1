// Package fence decides where the activities of pipelines may connect to. Everything
// is open, this machine's own services included, but for addresses that give a
// machine's credentials to every program on it, and for the ports of the process
// itself. It owns no goroutine.
//
// What counts is the address that is dialled, after names were resolved: neither
// another spelling nor a name that resolves differently each time leads around it.
package fence

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A Fence refuses connections. It is safe for concurrent use.
type Fence struct {
	// Own reports whether an address is a port of this process. Nil: it has none.
	Own func(netip.AddrPort) bool
	// Allow lists hosts that are open whatever they are: a name or an address, with
	// or without a port, as [Parse] returns them.
	Allow []string
}

// A Refused error says why there is no connection, and what opens it.
type Refused struct {
	Host   string // as in the URL, with the port where that matters
	Reason string
}

func (e *Refused) Error() string {
	return fmt.Sprintf("host %s is refused: %s. The setting allow-host opens it: --allow-host %s",
		e.Host, e.Reason, e.Host)
}

// Parse reads a list of hosts, HOST or HOST:PORT with commas between them.
func Parse(list string) ([]string, error) {
	var all []string
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		host, port := item, ""
		if h, p, err := net.SplitHostPort(item); err == nil {
			host, port = h, p
		}
		host = strings.Trim(host, "[]")
		if _, err := strconv.ParseUint(cmp.Or(port, "0"), 10, 16); err != nil {
			return nil, fmt.Errorf("%q is not HOST or HOST:PORT", item)
		}
		if strings.ContainsAny(host, "/@?#* ") || host == "" {
			return nil, fmt.Errorf("%q is not HOST or HOST:PORT", item)
		}
		all = append(all, entry(host, port))
	}
	return all, nil
}

// entry is a host as Allow lists it.
func entry(host, port string) string {
	host = plain(host)
	if a, ok := address(host); ok {
		host = a.String()
	}
	if port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// plain is a host name without case and without the dot of the root.
func plain(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

func (f *Fence) allows(host, port string) bool {
	return slices.Contains(f.Allow, entry(host, "")) || slices.Contains(f.Allow, entry(host, port))
}

// names are those under which clouds serve metadata.
var names = []string{"metadata", "metadata.google.internal", "metadata.goog", "metadata.azure.internal",
	"metadata.tencentyun.com", "instance-data", "instance-data.ec2.internal"}

// Check refuses a URL whose host is itself refused, by name or as an address in any
// spelling. Where a proxy resolves names, it is all that can be checked here.
func (f *Fence) Check(u *url.URL) error {
	host, port := u.Hostname(), portOf(u)
	if f.allows(host, port) {
		return nil
	}
	if slices.Contains(names, plain(host)) {
		return &Refused{host, "it is a name of a cloud's metadata service"}
	}
	if a, ok := address(host); ok {
		return f.refuse(host, addrPort(a, port))
	}
	return nil
}

// CheckProxied is [Fence.Check] for a request that a proxy sends on: it refuses also
// a name that resolves here to a refused address. A name that does not is the
// proxy's to know.
func (f *Fence) CheckProxied(ctx context.Context, u *url.URL) error {
	if err := f.Check(u); err != nil || f.allows(u.Hostname(), portOf(u)) {
		return err
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if err := f.refuse(u.Hostname(), addrPort(a, portOf(u))); err != nil {
			return err
		}
	}
	return nil
}

// Dial connects like [net.Dialer.DialContext], but not to what is refused. Of a name's
// addresses it takes one that is not.
func (f *Fence) Dial(ctx context.Context, d net.Dialer, network, target string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	if !f.allows(host, port) {
		d.ControlContext = func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			a, err := netip.ParseAddrPort(resolved)
			if err != nil {
				return err
			}
			return f.refuse(host, a)
		}
	}
	return d.DialContext(ctx, network, target)
}

// refuse returns why an address that a host has is refused.
func (f *Fence) refuse(host string, a netip.AddrPort) error {
	ip, port := carried(a.Addr()), fmt.Sprint(a.Port())
	if f.allows(ip.String(), port) {
		return nil
	}
	reason := refused(ip)
	if reason == "" && f.Own != nil && f.Own(netip.AddrPortFrom(ip, a.Port())) {
		return &Refused{net.JoinHostPort(host, port), "it is a port of this Switchyard itself"}
	}
	if reason == "" {
		return nil
	}
	if host != ip.String() {
		reason = "it is " + ip.String() + ", " + reason
	} else {
		reason = "it is " + reason
	}
	return &Refused{host, reason}
}

// IsOwn reports whether a URL leads to a port of this process and nowhere else.
func (f *Fence) IsOwn(ctx context.Context, u *url.URL) bool {
	if f.Own == nil {
		return false
	}
	addrs := []netip.Addr{}
	if a, ok := address(u.Hostname()); ok {
		addrs = append(addrs, a)
	} else if addrs, _ = net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname()); len(addrs) == 0 {
		return false
	}
	return !slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		return !f.Own(addrPort(carried(a), portOf(u)))
	})
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func addrPort(a netip.Addr, port string) netip.AddrPort {
	p, err := netip.ParseAddrPort(net.JoinHostPort(a.String(), port))
	if err != nil {
		return netip.AddrPortFrom(a, 0)
	}
	return p
}
