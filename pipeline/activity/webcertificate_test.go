package activity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"switchyard/pipeline/activity"
)

// pfx makes a key with a certificate, as one is exported.
func pfx(t *testing.T, name, password string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pkcs12.Modern.Encode(key, cert, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// TestClientCertificate: the host that is called sees the certificate, and no other host
// does; connections of one certificate are not used for another.
func TestClientCertificate(t *testing.T) {
	server := func(h http.HandlerFunc) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	who := func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if c := r.TLS.PeerCertificates; len(c) > 0 {
			name = c[0].Subject.CommonName
		}
		fmt.Fprintf(w, `{"who":%q}`, name)
	}
	other := server(who)
	s := server(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			http.Redirect(w, r, other.URL, http.StatusFound)
			return
		}
		who(w, r)
	})
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is called without TLS") }))
	defer plain.Close()
	ada, bob := pfx(t, "Ada", "secret-of-ada"), pfx(t, "Bob", "")
	auth := func(members string) string { return `{"type":"ClientCertificate",` + members + `}` }
	web := activity.NewWeb(activity.WebOptions{Clock: impatient{}})
	for _, c := range []struct{ url, authentication, want string }{
		{s.URL, auth(`"pfx":{"type":"SecureString","value":"` + ada + `"},"password":{"type":"SecureString","value":"secret-of-ada"}`), "Ada"},
		{s.URL, auth(`"pfx":"` + bob + `"`), "Bob"},
		{s.URL, auth(`"pfx":"` + ada + `","password":"secret-of-ada"`), "Ada"},
		{s.URL, `{"type":"Basic","username":"u","password":"p"}`, "nobody"},
		{s.URL + "/other", auth(`"pfx":"` + ada + `","password":"secret-of-ada"`), "nobody"},
		{s.URL, auth(`"pfx":"` + ada + `","password":"wrong"`), "BadRequest"},
		{s.URL, auth(`"pfx":"` + ada + `"`), "BadRequest"},
		{s.URL, auth(`"pfx":"%%%"`), "BadRequest"},
		{s.URL, auth(`"password":"x"`), "BadRequest"},
		{s.URL, auth(`"pfx":"` + bob + `","thumbprint":"x"`), "NotSupported"},
		{plain.URL, auth(`"pfx":"` + bob + `"`), "BadRequest"},
	} {
		res := web.Execute(t.Context(), &activity.Call{ActivityType: "WebActivity", ActivityRunID: "aid",
			Input: parse(t, `{"method":"GET","url":"`+c.url+`","disableCertValidation":true,"authentication":`+c.authentication+`}`)})
		got, _ := res.Output.Get("who")
		if res.Err != nil {
			got = res.Err.Code
			if strings.Contains(res.Err.Message, "secret-of") || strings.Contains(res.Err.Message, ada) {
				t.Errorf("the error shows a secret: %v", res.Err)
			}
		}
		if got != c.want {
			t.Errorf("%s %.80s: got %v, %v, want %s", c.url, c.authentication, got, res.Err, c.want)
		}
	}
}
