package listen

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a directory of certificates.
const (
	// AuthorityFile is the authority's certificate in PEM, for clients that add to
	// what they trust (NODE_EXTRA_CA_CERTS).
	AuthorityFile = "ca.pem"
	// BundleFile holds the authority and the system's roots, for clients whose
	// setting replaces what they trust (SSL_CERT_FILE, REQUESTS_CA_BUNDLE).
	BundleFile = "bundle.pem"

	authorityKeyFile = "ca-key.pem"
	serverFile       = "server.pem" // key and certificate in one file, so that they belong together
)

// systemRoots are where operating systems keep the certificates that they
// trust, as one file.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Arch, Alpine
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",                            // openSUSE
	"/etc/pki/tls/cacert.pem",                           // OpenELEC
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS
	"/etc/ssl/cert.pem",                                 // macOS, BSD
}

// AuthorityPEM returns what [AuthorityFile] holds.
func (c *Certificates) AuthorityPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.authority.Raw})
}

// BundlePEM returns what [BundleFile] holds: the authority first, then the
// certificates of the first file of system roots that can be read. Where the
// system keeps its roots elsewhere, as Windows does, the authority is alone.
func (c *Certificates) BundlePEM() []byte {
	bundle := c.AuthorityPEM()
	for _, name := range c.o.SystemRoots {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// Only certificates, and not our own again: the file may be a bundle that
		// was written here.
		for {
			var block *pem.Block
			if block, b = pem.Decode(b); block == nil {
				break
			}
			if block.Type == "CERTIFICATE" && !bytes.Equal(block.Bytes, c.authority.Raw) {
				bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
			}
		}
		break
	}
	return bundle
}

func (c *Certificates) writeBundle() error {
	if c.o.Dir == "" {
		return nil
	}
	return c.write(BundleFile, c.BundlePEM(), 0o644)
}

// read returns a file's contents, nil if there is no such file.
func (c *Certificates) read(name string) ([]byte, error) {
	if c.o.Dir == "" {
		return nil, nil
	}
	b, err := os.ReadFile(filepath.Join(c.o.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// write replaces a file as a whole: it is written aside, synced and renamed, so
// that a crash leaves the old or the new one.
func (c *Certificates) write(name string, b []byte, mode fs.FileMode) (err error) {
	if c.o.Dir == "" {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("certificates: %w", err)
		}
	}()
	if err := os.MkdirAll(c.o.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.o.Dir, name+".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), mode); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(c.o.Dir, name))
}
