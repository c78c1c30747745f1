package listen

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// A station is a directory of certificates at a time.
type station struct {
	t   *testing.T
	dir string
	now time.Time
}

func newStation(t *testing.T) *station {
	return &station{t: t, dir: filepath.Join(t.TempDir(), "tls"), now: time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC)}
}

func (s *station) options(names ...string) CertificateOptions {
	return CertificateOptions{Dir: s.dir, Names: names, Now: func() time.Time { return s.now }, SystemRoots: []string{}}
}

func (s *station) open(names ...string) *Certificates {
	s.t.Helper()
	c, err := OpenCertificates(s.options(names...))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// handshake connects a client that trusts the authority of trusted and returns
// the certificate it saw.
func (s *station) handshake(c, trusted *Certificates, name string) (*x509.Certificate, error) {
	s.t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	done := make(chan error, 1)
	go func() { done <- tls.Server(server, c.Config()).Handshake() }()
	conn := tls.Client(client, &tls.Config{ServerName: name, RootCAs: trusted.Pool(), Time: func() time.Time { return s.now }})
	err := conn.Handshake()
	client.Close()
	<-done
	if err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

func (s *station) file(name string) []byte {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func TestCertificatesNames(t *testing.T) {
	s := newStation(t)
	c := s.open("Switchyard.test", "192.0.2.7", ".windows.example", "fe80::1")
	for name, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "::1": true, "ns.localhost": true, "ns.servicebus.localhost": true,
		"switchyard.test": true, "192.0.2.7": true, "fe80::1": true, "ns.servicebus.windows.example": true,
		"windows.example": false, "other.test": false, "a.switchyard.test": false, "10.0.0.1": false, "127.0.0.2": false, "localhost.evil.example": false,
	} {
		_, err := s.handshake(c, c, name)
		if (err == nil) != want {
			t.Errorf("handshake as %s: %v, want success %v", name, err, want)
		}
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); err != nil && !ok {
			t.Errorf("handshake as %s: %v, want the certificate refused", name, err)
		}
	}
	other := newStation(t).open()
	if _, err := s.handshake(c, other, "localhost"); err == nil {
		t.Error("a client trusts a server of another authority")
	}
	for _, name := range []string{"", ".", "a b", "a/b", "-a", "a..b", "*.localhost", "host:1"} {
		if _, err := OpenCertificates(s.options(name)); !errors.Is(err, ErrCertificate) {
			t.Errorf("name %q: %v, want ErrCertificate", name, err)
		}
	}
}

func TestCertificatesAreKept(t *testing.T) {
	s := newStation(t)
	first := s.open()
	saw, err := s.handshake(first, first, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	authority := s.file(AuthorityFile)
	if !bytes.Equal(authority, first.AuthorityPEM()) || saw.NotAfter.Sub(s.now) != serverLifetime {
		t.Errorf("the file differs from AuthorityPEM, or the certificate lasts %v", saw.NotAfter.Sub(s.now))
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{authorityKeyFile: 0o600, serverFile: 0o600, AuthorityFile: 0o644, BundleFile: 0o644, ".": 0o700 | os.ModeDir} {
			info, err := os.Stat(filepath.Join(s.dir, name))
			if err != nil || info.Mode() != want {
				t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, want)
			}
		}
	}
	if list, err := os.ReadDir(s.dir); err != nil || len(list) != 4 {
		t.Errorf("the directory holds %v, %v; want four files", list, err)
	}

	// Opened again, nothing changes.
	s.now = s.now.Add(24 * time.Hour)
	again := s.open()
	if now, err := s.handshake(again, first, "localhost"); err != nil || !now.Equal(saw) {
		t.Errorf("after a restart the certificate is another, or %v", err)
	}
	// Another name, or a certificate that ends: a new one of the same authority.
	more := s.open("switchyard.test")
	if now, err := s.handshake(more, first, "switchyard.test"); err != nil || now.Equal(saw) {
		t.Errorf("with another name: %v", err)
	}
	if !bytes.Equal(s.file(AuthorityFile), authority) {
		t.Error("another name changed the authority")
	}
}

func TestServerIsRenewed(t *testing.T) {
	s := newStation(t)
	c := s.open()
	client := s.open()
	saw := func(name string) *x509.Certificate {
		t.Helper()
		cert, err := s.handshake(c, client, name)
		if err != nil {
			t.Fatalf("at %v: %v", s.now, err)
		}
		return cert
	}
	first, minted := saw("localhost"), saw("ns.localhost")
	s.now = s.now.Add(serverLifetime - serverRenewal - time.Second)
	if !saw("localhost").Equal(first) || !saw("ns.localhost").Equal(minted) {
		t.Error("renewed too early")
	}
	// While the server runs, and for the next that opens the directory.
	s.now = s.now.Add(time.Second)
	second := saw("localhost")
	if second.Equal(first) || saw("ns.localhost").Equal(minted) || second.NotAfter.Sub(s.now) != serverLifetime {
		t.Error("not renewed in time")
	}
	c = s.open()
	if !saw("localhost").Equal(second) {
		t.Error("the renewed certificate was not kept")
	}
	// After years without a start.
	s.now = s.now.Add(3 * serverLifetime)
	c = s.open()
	if saw("localhost").Equal(second) {
		t.Error("an old certificate is served")
	}
	// A clock that was wrong in the future when the certificate was made.
	s.now = s.now.Add(-5 * serverLifetime)
	if _, err := s.handshake(c, client, "localhost"); err == nil {
		t.Error("the authority itself is from the future: no client can accept it")
	}
}

func TestAuthorityIsRenewedWithItsKey(t *testing.T) {
	s := newStation(t)
	old := s.open()
	s.now = s.now.Add(authorityLifetime - authorityRenewal - 24*time.Hour)
	s.open()
	if !bytes.Equal(s.file(AuthorityFile), old.AuthorityPEM()) {
		t.Error("the authority was renewed too early")
	}
	s.now = s.now.Add(24 * time.Hour)
	c := s.open()
	if bytes.Equal(c.AuthorityPEM(), old.AuthorityPEM()) {
		t.Fatal("the authority was not renewed")
	}
	// Who trusts either is served.
	for name, trusted := range map[string]*Certificates{"old": old, "new": c} {
		if _, err := s.handshake(c, trusted, "localhost"); err != nil {
			t.Errorf("a client that trusts the %s authority: %v", name, err)
		}
	}
}

func TestDamagedCertificates(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(s *station) error
		bad    bool
	}{
		"server's file lost":     {func(s *station) error { return os.Remove(filepath.Join(s.dir, serverFile)) }, false},
		"server's file damaged":  {func(s *station) error { return os.WriteFile(filepath.Join(s.dir, serverFile), []byte("x"), 0o600) }, false},
		"server of another":      {func(s *station) error { return copyFrom(newStation(s.t), s, serverFile) }, false},
		"authority's file lost":  {func(s *station) error { return os.Remove(filepath.Join(s.dir, AuthorityFile)) }, false},
		"authority damaged":      {func(s *station) error { return os.WriteFile(filepath.Join(s.dir, AuthorityFile), []byte("x"), 0o600) }, true},
		"authority of another":   {func(s *station) error { return copyFrom(newStation(s.t), s, AuthorityFile) }, true},
		"authority is no such":   {func(s *station) error { return copyServer(s) }, true},
		"key lost":               {func(s *station) error { return os.Remove(filepath.Join(s.dir, authorityKeyFile)) }, true},
		"key damaged":            {func(s *station) error { return os.WriteFile(filepath.Join(s.dir, authorityKeyFile), nil, 0o600) }, true},
		"key of another":         {func(s *station) error { return copyFrom(newStation(s.t), s, authorityKeyFile) }, true},
		"file instead of folder": {func(s *station) error { return errors.Join(os.RemoveAll(s.dir), os.WriteFile(s.dir, nil, 0o600)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStation(t)
			s.open()
			if err := c.damage(s); err != nil {
				t.Fatal(err)
			}
			got, err := OpenCertificates(s.options())
			if c.bad {
				if err == nil {
					t.Error("OpenCertificates succeeded")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.handshake(got, got, "localhost"); err != nil {
				t.Error(err)
			}
		})
	}
}

func copyFrom(from, to *station, name string) error {
	from.open()
	return os.WriteFile(filepath.Join(to.dir, name), from.file(name), 0o600)
}

// copyServer puts a server's certificate where the authority's should be.
func copyServer(s *station) error {
	_, rest := pem.Decode(s.file(serverFile))
	return os.WriteFile(filepath.Join(s.dir, AuthorityFile), rest, 0o600)
}

func TestBundle(t *testing.T) {
	s := newStation(t)
	root := newStation(t).open().AuthorityPEM()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, []byte(fmt.Sprintf("# Root of somebody\n%s\n", root)), 0o600); err != nil {
		t.Fatal(err)
	}
	o := s.options()
	o.SystemRoots = []string{filepath.Join(t.TempDir(), "absent"), roots}
	c, err := OpenCertificates(o)
	if err != nil {
		t.Fatal(err)
	}
	want := append(c.AuthorityPEM(), root...)
	if got := s.file(BundleFile); !bytes.Equal(got, want) {
		t.Errorf("the bundle is\n%s\nwant the authority and the system's root\n%s", got, want)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.file(BundleFile)) {
		t.Error("the bundle can't be read")
	}
	// With the bundle itself as the system's, it does not grow.
	o.SystemRoots = []string{filepath.Join(s.dir, BundleFile)}
	for range 2 {
		if _, err := OpenCertificates(o); err != nil {
			t.Fatal(err)
		}
		if got := s.file(BundleFile); !bytes.Equal(got, want) {
			t.Errorf("the bundle is now\n%s", got)
		}
	}
	if c, err := OpenCertificates(CertificateOptions{Now: o.Now}); err != nil || len(c.BundlePEM()) == 0 {
		t.Errorf("in memory: %v", err)
	}
}

func FuzzHostName(f *testing.F) {
	f.Add("ns.localhost")
	f.Add("a..b")
	f.Fuzz(func(t *testing.T, s string) {
		if hostName(s) {
			if err := (&x509.Certificate{DNSNames: []string{s}}).VerifyHostname(s); err != nil && net.ParseIP(s) == nil {
				t.Errorf("hostName(%q), but no certificate can have it: %v", s, err)
			}
		}
	})
}
