package listen

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// certificateFiles makes a certificate of another authority.
func certificateFiles(t *testing.T, names ...string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	other, err := OpenCertificates(CertificateOptions{Now: time.Now, SystemRoots: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := other.certify(names)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: pair.Leaf.Raw}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, other.Pool()
}

// TestParseExposure: what other machines need is there, or it is said what is missing.
func TestParseExposure(t *testing.T) {
	cert, key, _ := certificateFiles(t, "bus.example.org", "192.0.2.9")
	wild, wildKey, _ := certificateFiles(t, ".example.org")
	for _, c := range []struct {
		address, names, cert, key string
		want                      []string // names
		beyond                    bool
		fails                     string
	}{
		{},
		{address: "127.0.0.1"},
		{address: "::1", names: "bus.example.com", want: []string{"bus.example.com"}},
		{address: "0.0.0.0", names: "Bus.Example.com, 192.0.2.7,", want: []string{"bus.example.com", "192.0.2.7"}, beyond: true},
		{address: "[::]", names: "b", want: []string{"b"}, beyond: true},
		{address: "::ffff:192.0.2.7", names: "b", want: []string{"b"}, beyond: true},
		{address: "0.0.0.0", cert: cert, key: key, want: []string{"bus.example.org", "192.0.2.9"}, beyond: true},
		{address: "0.0.0.0", cert: wild, key: wildKey, names: "bus.example.org", want: []string{"bus.example.org"}, beyond: true},
		{names: "b", fails: "listen is missing"},
		{cert: cert, key: key, fails: "listen is missing"},
		{address: "0.0.0.0", fails: "need a name"},
		{address: "localhost", fails: "not an IP address"},
		{address: "0.0.0.0", names: "a b", fails: "neither the name"},
		{address: "0.0.0.0", names: "*.example.com", fails: "neither the name"},
		{address: "0.0.0.0", cert: cert, fails: "need each other"},
		{address: "0.0.0.0", cert: cert, key: cert, fails: "tls-cert and tls-key"},
		{address: "0.0.0.0", cert: "/nowhere", key: key, fails: "/nowhere"},
		{address: "0.0.0.0", cert: cert, key: key, names: "other.example.com", fails: "not for other.example.com"},
		{address: "0.0.0.0", cert: wild, key: wildKey, fails: "give the one to use"},
	} {
		x, err := ParseExposure(c.address, c.names, c.cert, c.key)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%+v: error %v", c, err)
			}
			continue
		}
		if err != nil || !slices.Equal(x.Names, c.want) || x.Beyond() != c.beyond || x.Own != nil != (c.cert != "") {
			t.Errorf("%+v: %q, beyond %v, own %v, %v", c, x.Names, x.Beyond(), x.Own != nil, err)
		}
	}
}

// TestExposureNames: which hosts are ours, and what clients are told.
func TestExposureNames(t *testing.T) {
	x := Exposure{Names: []string{"bus.example.com", "192.0.2.7"}}
	for host, want := range map[string]bool{"bus.example.com": true, "ns.bus.example.com": true, "192.0.2.7": true, "1.192.0.2.7": false,
		"example.com": false, "notbus.example.com": false, "": false} {
		if x.Ours(host) != want {
			t.Errorf("%q is ours: %v", host, !want)
		}
	}
	for address, want := range map[string]string{"0.0.0.0:5671": "bus.example.com", "[::]:40001": "bus.example.com:40001"} {
		if got := x.Public(address); got != want {
			t.Errorf("%s is %s to other machines, want %s", address, got, want)
		}
	}
	x.Address = netip.MustParseAddr("0.0.0.0")
	for got, want := range map[string]string{
		x.Web("0.0.0.0:5300"): "https://bus.example.com:5300", Exposure{}.Web("127.0.0.1:5300"): "http://127.0.0.1:5300",
	} {
		if got != want {
			t.Errorf("HTTP is at %s, want %s", got, want)
		}
	}
	for address, want := range map[string]string{"0.0.0.0:1": "127.0.0.1:1", "[::]:1": "[::1]:1", "192.0.2.7:1": "192.0.2.7:1", "127.0.0.1:1": "127.0.0.1:1"} {
		if got := Local(address); got != want {
			t.Errorf("%s is %s here, want %s", address, got, want)
		}
	}
}

// TestOwns: which addresses lead to this process.
func TestOwns(t *testing.T) {
	beyond := Exposure{Address: netip.MustParseAddr("0.0.0.0"), Names: []string{"b"}}
	for _, c := range []struct {
		x     Exposure
		a     string
		web   string
		other bool // the port is one of the others
		want  bool
	}{
		{Exposure{}, "127.0.0.1:5300", "127.0.0.1:5300", false, true},
		{Exposure{}, "127.0.0.2:5300", "127.0.0.1:5300", false, false},
		{Exposure{}, "127.0.0.2:5672", "127.0.0.1:5300", true, true},
		{Exposure{}, "127.0.0.1:80", "127.0.0.1:5300", false, false},
		{Exposure{}, "192.0.2.7:5672", "127.0.0.1:5300", true, false},
		{beyond, "127.0.0.2:5300", "0.0.0.0:5300", false, true},
		{beyond, "[::1]:5300", "0.0.0.0:5300", false, true},
		{beyond, "0.0.0.0:5300", "0.0.0.0:5300", false, true},
		{beyond, "0.0.0.0:5671", "0.0.0.0:5300", true, true},
		{beyond, "192.0.2.77:5671", "0.0.0.0:5300", true, false}, // another machine
		{beyond, "127.0.0.1:80", "0.0.0.0:5300", false, false},
	} {
		if got := c.x.Owns(netip.MustParseAddrPort(c.a), c.web, c.other); got != c.want {
			t.Errorf("%s, HTTP at %s, other %v: %v", c.a, c.web, c.other, got)
		}
	}
}

// far is a connection of another machine.
type far struct {
	net.Conn
	remote, local string
}

func (f far) RemoteAddr() net.Addr { return addr(f.remote) }
func (f far) LocalAddr() net.Addr  { return addr(f.local) }

type addr string

func (a addr) Network() string { return "tcp" }
func (a addr) String() string  { return string(a) }

// once is a listener with one connection.
type once struct {
	c    chan net.Conn
	addr net.Addr
}

func (o once) Accept() (net.Conn, error) {
	if c, ok := <-o.c; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (o once) Close() error   { return nil }
func (o once) Addr() net.Addr { return o.addr }

// TestOtherMachinesEncrypt: what is not encrypted is served to this machine only, and a
// certificate of another authority is shown to who asks for its names.
func TestOtherMachinesEncrypt(t *testing.T) {
	cert, key, pool := certificateFiles(t, "bus.example.org")
	x, err := ParseExposure("0.0.0.0", "", cert, key)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := OpenCertificates(CertificateOptions{Now: time.Now, SystemRoots: []string{}, Own: x.Own, Names: x.Served()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, remote, local string
		encrypted           *tls.Config
		first, want         string
	}{
		{"plain from here", "127.0.0.1:9", "127.0.0.1:1", nil, "GET", "GET"},
		{"plain from here by another address", "192.0.2.7:9", "192.0.2.7:1", nil, "GET", "GET"},
		{"plain HTTP", "192.0.2.8:9", "192.0.2.7:1", nil, "GET", ""},
		{"plain AMQP", "192.0.2.8:9", "192.0.2.7:1", nil, "AMQ", ""},
		{"plain IPv6", "[2001:db8::1]:9", "[2001:db8::2]:1", nil, "GET", ""},
		{"TLS", "192.0.2.8:9", "192.0.2.7:1", &tls.Config{RootCAs: pool, ServerName: "bus.example.org"}, "GET", "GET"},
		{"TLS with our own", "192.0.2.8:9", "192.0.2.7:1", &tls.Config{RootCAs: certs.Pool(), ServerName: "localhost"}, "AMQ", "AMQ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, in := net.Pipe()
			l := once{make(chan net.Conn, 1), addr("192.0.2.7:1")}
			m := NewMux(l, time.Minute, time.Now)
			m.TerminateTLS(certs.Config(), func(_ net.Addr, err error) { t.Error(err) })
			m.RequireTLS()
			am, ht := m.Listener(AMQP), m.Listener(HTTP)
			l.c <- far{in, c.remote, c.local}
			close(l.c)
			got := make(chan string, 2)
			for _, q := range []net.Listener{am, ht} {
				go func() {
					conn, err := q.Accept()
					if err != nil {
						return
					}
					b := make([]byte, len(c.first))
					_, _ = io.ReadFull(conn, b)
					got <- string(b)
					conn.Close()
				}()
			}
			go m.route(t.Context(), <-l.c)
			var client net.Conn = out
			if c.encrypted != nil {
				client = tls.Client(out, c.encrypted)
			}
			if _, err := io.WriteString(client, c.first); err != nil && c.want != "" {
				t.Fatal(err)
			}
			if c.want == "" {
				b, _ := io.ReadAll(client) // until it is closed
				if c.first == "GET" && !strings.Contains(string(b), "400 Bad Request") {
					t.Errorf("answer %q", b)
				}
				if len(got) > 0 {
					t.Errorf("it was served: %q", <-got)
				}
				return
			}
			if b := <-got; b != c.want {
				t.Errorf("served %q, want %q", b, c.want)
			}
		})
	}
}
