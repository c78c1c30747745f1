package fence

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// TestCheck: hosts in all their spellings.
func TestCheck(t *testing.T) {
	f := &Fence{Own: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() && a.Port() == 5300 }}
	for _, c := range []struct{ url, want string }{
		{"http://127.0.0.1:8080/v1/chat", ""},
		{"http://localhost:11434/", ""},
		{"http://[::1]:8080/", ""},
		{"http://10.1.2.3/", ""},
		{"http://192.168.0.1/", ""},
		{"https://example.com/", ""},
		{"http://1.1/", ""},
		{"http://169.255.0.1/", ""},
		{"http://169.254.169.254/metadata/identity/oauth2/token", "link-local"},
		{"http://169.254.169.254.:80/", "link-local"},
		{"http://169.254.0.1/", "link-local"},
		{"http://2852039166/", "169.254.169.254, a link-local"},
		{"http://0xA9FEA9FE/", "169.254.169.254, a link-local"},
		{"http://0xa9.0xfe.0xa9.0xfe/", "169.254.169.254, a link-local"},
		{"http://0251.0376.0251.0376/", "169.254.169.254, a link-local"},
		{"http://169.254.43518/", "169.254.169.254, a link-local"},
		{"http://169.16689662/", "169.254.169.254, a link-local"},
		{"http://[::ffff:169.254.169.254]/", "169.254.169.254, a link-local"},
		{"http://[::ffff:a9fe:a9fe]/", "169.254.169.254, a link-local"},
		{"http://[64:ff9b::a9fe:a9fe]/", "169.254.169.254, a link-local"},
		{"http://[64:ff9b:1::a9fe:a9fe]/", "169.254.169.254, a link-local"},
		{"http://[::ffff:0:a9fe:a9fe]/", "169.254.169.254, a link-local"},
		{"http://[2002:a9fe:a9fe::1]/", "169.254.169.254, a link-local"},
		{"http://[::169.254.169.254]/", "169.254.169.254, a link-local"},
		{"http://[fe80::1]/", "link-local"},
		{"http://[fe80::1%25eth0]/", "link-local"},
		{"http://[febf::1]/", "link-local"},
		{"http://168.63.129.16/", "Azure's host agent"},
		{"http://[fd00:ec2::254]/", "metadata service"},
		{"http://100.100.100.200/", "metadata service"},
		{"http://metadata.google.internal/", "metadata service"},
		{"http://METADATA.google.internal./", "metadata service"},
		{"http://0.0.0.0:8080/", "means this machine"},
		{"http://0:8080/", "means this machine"},
		{"http://0.1.2.3/", "means this machine"},
		{"http://[::]:8080/", "means this machine"},
		{"http://224.0.0.1/", "many hosts"},
		{"http://255.255.255.255/", "many hosts"},
		{"http://127.0.0.1:5300/subscriptions", "a port of this Switchyard itself"},
		{"http://127.1:5300/", "a port of this Switchyard itself"},
		{"http://2130706433:5300/", "a port of this Switchyard itself"},
		{"http://[::1]:5300/", "a port of this Switchyard itself"},
		{"http://[::ffff:127.0.0.1]:5300/", "a port of this Switchyard itself"},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		err = f.Check(u)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.url, err, c.want)
		}
	}
}

func TestAllow(t *testing.T) {
	for _, c := range []struct {
		allow, url string
		want       bool
	}{
		{"169.254.169.254", "http://169.254.169.254/", true},
		{"169.254.169.254", "http://2852039166/", true},
		{"169.254.169.254:80", "http://169.254.169.254/", true},
		{"169.254.169.254:80", "http://169.254.169.254:8080/", false},
		{"169.254.1.1, metadata.google.internal", "http://Metadata.google.internal/", true},
		{"metadata.google.internal", "http://169.254.169.254/", false},
		{"[fe80::1]:80", "http://[fe80::1]/", true},
		{"fe80::1", "http://[fe80::1]:99/", true},
		{"127.0.0.1:5300", "http://127.0.0.1:5300/", true},
		{"127.0.0.1:5300", "http://127.0.0.1:5301/", false},
	} {
		list, err := Parse(c.allow)
		if err != nil {
			t.Fatal(err)
		}
		f := &Fence{Allow: list, Own: func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }}
		u, _ := url.Parse(c.url)
		if err := f.Check(u); (err == nil) != c.want {
			t.Errorf("allow-host %s: %s: %v, want allowed: %t", c.allow, c.url, err, c.want)
		}
	}
	for _, bad := range []string{"http://h/", "a/b", "*", "*.example.com", "u@h", ":80"} {
		if list, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %q", bad, list)
		}
	}
}

// TestDial: what counts is the address after a name was resolved.
func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	own := netip.MustParseAddrPort(l.Addr().String())
	closed := &Fence{Own: func(a netip.AddrPort) bool { return a == own }}
	for _, c := range []struct {
		f      *Fence
		target string
		want   string
	}{
		{&Fence{}, "localhost:" + port, ""},
		{closed, "localhost:" + port, "host localhost:" + port + " is refused: it is a port of this Switchyard itself"},
		{&Fence{Own: closed.Own, Allow: []string{"localhost"}}, "localhost:" + port, ""},
		{&Fence{Own: closed.Own, Allow: []string{"127.0.0.1:" + port}}, "localhost:" + port, ""},
		{&Fence{}, "0.0.0.0:" + port, "means this machine"},
		{&Fence{}, "[fe80::1]:80", "--allow-host fe80::1"},
	} {
		conn, err := c.f.Dial(t.Context(), net.Dialer{}, "tcp4", c.target)
		if strings.HasPrefix(c.target, "[") {
			conn, err = c.f.Dial(t.Context(), net.Dialer{}, "tcp6", c.target)
		}
		if conn != nil {
			conn.Close()
		}
		_, refused := errors.AsType[*Refused](err)
		if c.want == "" && err != nil || c.want != "" && (!refused || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.target, err, c.want)
		}
	}
	u, _ := url.Parse("http://localhost:" + port)
	if err := closed.CheckProxied(context.Background(), u); err == nil {
		t.Error("a proxy may connect to our own port by its name")
	}
}
