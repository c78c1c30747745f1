package listen

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Times of certificates. A server's is short enough for clients that refuse
// long ones; the authority's is long because people install it by hand.
const (
	authorityLifetime = 10 * 365 * 24 * time.Hour
	authorityRenewal  = 180 * 24 * time.Hour // before its end
	serverLifetime    = 397 * 24 * time.Hour
	serverRenewal     = 30 * 24 * time.Hour
	clockSkew         = time.Hour // by which a client's clock may be behind
)

// maxMinted bounds the certificates that are kept for single names.
const maxMinted = 256

// ErrCertificate means that the certificate authority in the data directory
// can't be used. It is never replaced silently: people trust it.
var ErrCertificate = errors.New("certificate authority")

// CertificateOptions are what [OpenCertificates] needs. Now is required.
type CertificateOptions struct {
	// Dir holds the authority and the certificate. It is created if it does not
	// exist. Empty: all is new and in memory only.
	Dir string
	// Names are what the server is called beside localhost, the names below it,
	// 127.0.0.1 and ::1: host names or IP addresses; ".x" stands for every name
	// below x.
	Names []string
	// Own is shown to clients that ask for one of its names. Nil: ours always is.
	Own *tls.Certificate
	Now func() time.Time
	// Rand is the source of serial numbers and keys, default crypto/rand. The
	// library may draw keys from the operating system's source all the same.
	Rand io.Reader
	// SystemRoots are files with the certificates that the system trusts, of which
	// the first that is there goes into the bundle. Default: where operating
	// systems have them.
	SystemRoots []string
}

// Certificates are a certificate authority of our own and what it certifies:
// this server, by all its names. They are safe for concurrent use.
type Certificates struct {
	o         CertificateOptions
	names     []string // in lower case, with those that every server has; host names, ".x" and addresses
	authority *x509.Certificate
	key       *ecdsa.PrivateKey // of authority

	mu     sync.Mutex
	server *tls.Certificate            // guarded by mu
	minted map[string]*tls.Certificate // guarded by mu; by name
}

// OpenCertificates loads the authority and the server's certificate, or makes
// them. A server's certificate that ends soon, or lacks one of the names, is made
// anew under the same authority. Errors wrap [ErrCertificate] or are the file
// system's.
func OpenCertificates(o CertificateOptions) (*Certificates, error) {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.SystemRoots == nil {
		o.SystemRoots = systemRoots
	}
	c := &Certificates{o: o, names: []string{"localhost", ".localhost", "127.0.0.1", "::1"},
		minted: map[string]*tls.Certificate{}}
	for _, n := range o.Names {
		n = strings.ToLower(n)
		if ip := net.ParseIP(n); ip != nil {
			n = ip.String()
		} else if !hostName(strings.TrimPrefix(n, ".")) {
			return nil, fmt.Errorf("%w: %.80q is not the name of a host", ErrCertificate, n)
		}
		if !slices.Contains(c.names, n) {
			c.names = append(c.names, n)
		}
	}
	if err := c.openAuthority(); err != nil {
		return nil, err
	}
	if err := c.openServer(); err != nil {
		return nil, err
	}
	return c, c.writeBundle()
}

// Config returns the configuration with which a server uses the certificates.
// They are renewed while it runs. It offers HTTP/1.1 only, which is what
// WebSockets need; clients that offer no protocol, as those of AMQP, are fine.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{GetCertificate: c.get, Time: c.o.Now, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}}
}

// get picks the certificate for a client: the server's if it has the name that
// the client asks for, or one that is made for a name below ours, which
// wildcards do not cover for all clients.
func (c *Certificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if own := c.o.Own; own != nil {
		asked := name
		if asked == "" && hello.Conn != nil { // who asks for an address says nothing
			asked = ipOf(hello.Conn.LocalAddr()).String()
		}
		if own.Leaf.VerifyHostname(asked) == nil {
			return own, nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending(c.server.Leaf) {
		if err := c.renew(); err != nil && !c.o.Now().Before(c.server.Leaf.NotAfter) {
			return nil, err
		}
	}
	below := func(n string) bool { return strings.HasPrefix(n, ".") && strings.HasSuffix(name, n) }
	if slices.Contains(c.server.Leaf.DNSNames, name) || !slices.ContainsFunc(c.names, below) || !hostName(name) {
		return c.server, nil
	}
	if m := c.minted[name]; m != nil && !c.ending(m.Leaf) {
		return m, nil
	}
	m, err := c.certify([]string{name})
	if err != nil {
		return nil, err
	}
	if len(c.minted) >= maxMinted {
		clear(c.minted)
	}
	c.minted[name] = m
	return m, nil
}

// ending reports whether a certificate of the server is to be replaced.
func (c *Certificates) ending(leaf *x509.Certificate) bool {
	now := c.o.Now()
	return now.Before(leaf.NotBefore) || !now.Before(leaf.NotAfter.Add(-serverRenewal))
}

// openAuthority loads the authority, or makes it. One that ends soon is
// certified anew with the same key: what it has signed stays good, but clients
// must be given the new one in the time that is left.
func (c *Certificates) openAuthority() error {
	keyPEM, err := c.read(authorityKeyFile)
	if err != nil {
		return err
	}
	certPEM, err := c.read(AuthorityFile)
	if err != nil {
		return err
	}
	switch {
	case keyPEM != nil:
		if c.key, err = parseKey(keyPEM); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCertificate, authorityKeyFile, err)
		}
	case certPEM != nil:
		return fmt.Errorf(
			"%w: %s is there and %s is not: restore it, or remove both to have a new authority made, which "+
				"clients must be told to trust",
			ErrCertificate, AuthorityFile, authorityKeyFile)
	default:
		if c.key, err = ecdsa.GenerateKey(elliptic.P256(), c.o.Rand); err != nil {
			return fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		// The key is first: an authority without key is good for nothing.
		if err := c.write(authorityKeyFile, formatKey(c.key), 0o600); err != nil {
			return err
		}
	}
	if certPEM != nil {
		if c.authority, err = parseCertificate(certPEM); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCertificate, AuthorityFile, err)
		}
		if !c.authority.IsCA || !c.key.PublicKey.Equal(c.authority.PublicKey) {
			return fmt.Errorf("%w: %s is not of the key in %s", ErrCertificate, AuthorityFile, authorityKeyFile)
		}
		if now := c.o.Now(); !now.Before(c.authority.NotBefore) &&
			now.Before(c.authority.NotAfter.Add(-authorityRenewal)) {
			return nil
		}
	}
	return c.makeAuthority()
}

func (c *Certificates) makeAuthority() error {
	serial, err := c.serial()
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&c.key.PublicKey)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	id := sha256.Sum256(public)
	now := c.o.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		// Authorities of several installations end up in one bundle: each has a
		// name of its own.
		Subject: pkix.Name{Organization: []string{"Switchyard"},
			CommonName: "Switchyard local authority " + hex.EncodeToString(id[:4])},
		SubjectKeyId:          id[:20],
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	c.authority, err = c.sign(template, template, &c.key.PublicKey)
	if err != nil {
		return err
	}
	return c.write(AuthorityFile, c.AuthorityPEM(), 0o644)
}

// openServer loads the server's certificate, or makes one.
func (c *Certificates) openServer() error {
	b, err := c.read(serverFile)
	if err != nil {
		return err
	}
	if b != nil {
		if pair, err := tls.X509KeyPair(b, b); err == nil && c.serves(pair.Leaf) {
			c.server = &pair
			return nil
		}
	}
	return c.renew()
}

// serves reports whether a certificate is of this authority, has all names and
// lasts a while.
func (c *Certificates) serves(leaf *x509.Certificate) bool {
	if c.ending(leaf) || leaf.CheckSignatureFrom(c.authority) != nil {
		return false
	}
	for _, n := range c.names {
		if ip := net.ParseIP(n); ip != nil {
			if !slices.ContainsFunc(leaf.IPAddresses, ip.Equal) {
				return false
			}
		} else if !slices.Contains(leaf.DNSNames, subjectName(n)) {
			return false
		}
	}
	return true
}

// renew makes the server's certificate, with a new key. What was made for
// single names goes with the old one.
func (c *Certificates) renew() error {
	fresh, err := c.certify(c.names)
	if err != nil {
		return err
	}
	key, ok := fresh.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%w: unexpected key", ErrCertificate)
	}
	b := append(formatKey(key),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: fresh.Certificate[0]})...)
	if err := c.write(serverFile, b, 0o600); err != nil {
		return err
	}
	c.server = fresh
	clear(c.minted)
	return nil
}

// certify makes a certificate with a key of its own.
func (c *Certificates) certify(names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), c.o.Rand)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	now := c.o.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"Switchyard"}, CommonName: names[0]},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(serverLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if template.NotAfter.After(c.authority.NotAfter) {
		template.NotAfter = c.authority.NotAfter
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, subjectName(n))
		}
	}
	leaf, err := c.sign(template, c.authority, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func (c *Certificates) sign(template, parent *x509.Certificate, public crypto.PublicKey) (
	*x509.Certificate, error) {
	der, err := x509.CreateCertificate(c.o.Rand, template, parent, public, c.key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return x509.ParseCertificate(der)
}

// serial draws a serial number: positive and of 16 bytes at most.
func (c *Certificates) serial() (*big.Int, error) {
	var b [16]byte
	if _, err := io.ReadFull(c.o.Rand, b[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:]), nil
}

// subjectName is how a certificate names what we call n.
func subjectName(n string) string {
	if strings.HasPrefix(n, ".") {
		return "*" + n
	}
	return n
}

// hostName reports whether s is a host name in lower case, of letters, digits,
// hyphens and underscores.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool {
				return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
			}) {
			return false
		}
	}
	return true
}

func formatKey(k *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err) // a P-256 key always has this form
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func parseKey(b []byte) (*ecdsa.PrivateKey, error) {
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it does not hold one private key in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the key is damaged")
	}
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is not an ECDSA key")
	}
	return k, nil
}

func parseCertificate(b []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it does not hold one certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
