package listen

import "crypto/x509"

// Pool returns what a client within this process trusts: the authority alone.
func (c *Certificates) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.authority)
	return p
}
