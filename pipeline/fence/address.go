package fence

import (
	"net/netip"
	"strconv"
	"strings"
)

// metadata are the addresses beside the link-local ones at which clouds serve
// metadata and credentials to their machines.
var metadata = map[netip.Addr]string{
	netip.MustParseAddr("168.63.129.16"):   "Azure's host agent",
	netip.MustParseAddr("100.100.100.200"): "the metadata service of a cloud",
	netip.MustParseAddr("fd00:ec2::254"):   "the metadata service of a cloud",
	netip.MustParseAddr("fd20:ce::254"):    "the metadata service of a cloud",
}

// refused says what is refused about an address, "" if it is open. Loopback and
// private networks are open: models and services that run there are what pipelines
// are for.
func refused(a netip.Addr) string {
	switch {
	case a.IsUnspecified() || a.Is4() && a.As4()[0] == 0:
		return "no address of a host: it means this machine"
	case a.IsLinkLocalUnicast():
		return "a link-local address, where machines get their metadata and credentials"
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "an address of many hosts"
	}
	return metadata[a]
}

// Prefixes of IPv6 addresses that carry an IPv4 address, and where it begins.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12}, // of local translators (RFC 8215), in its usual length of 96
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

// carried is the address that is meant: without zone, and the IPv4 address that an
// IPv6 address carries.
func carried(a netip.Addr) netip.Addr {
	a = a.WithZone("").Unmap()
	if !a.Is6() || a.IsUnspecified() || a.IsLoopback() {
		return a
	}
	b := a.As16()
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			return netip.AddrFrom4([4]byte(b[c.at : c.at+4]))
		}
	}
	return a
}

// address reads an address as resolvers do: in the usual form, or IPv4 in one to four
// numbers that are decimal, octal or hexadecimal.
func address(host string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return carried(a), true
	}
	parts := strings.Split(plain(host), ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var ip uint64
	for i, p := range parts {
		n, err := strconv.ParseUint(octal(p), 0, 32)
		if err != nil || p[0] == '+' || strings.Contains(p, "_") {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			if n > 255 {
				return netip.Addr{}, false
			}
			ip |= n << (24 - 8*i)
			continue
		}
		if n >= 1<<(32-8*i) { // the last number fills what is left
			return netip.Addr{}, false
		}
		ip |= n
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true
}

// octal writes a number in the way of Go, where 0o and 0b are known to nobody else.
func octal(s string) string {
	if len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		return "0o" + s[1:]
	}
	if len(s) > 1 && s[0] == '0' && s[1] != 'x' {
		return "none"
	}
	return s
}
