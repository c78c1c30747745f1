package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// keyVault is a key vault of Azure as a process: behind a proxy, which sends all names to
// it, with the certificate of mine.vault.azure.net, and with the endpoint of App Service's
// managed identities. It writes vault.env, which leads a process there.
func keyVault() {
	certificate, authority := vaultCertificate("mine.vault.azure.net")
	vault := listenLocal()
	go http.Serve(tls.NewListener(vault, &tls.Config{Certificates: []tls.Certificate{certificate}}), http.HandlerFunc(serveVault))
	proxy := listenLocal()
	go http.Serve(proxy, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := net.Dial("tcp", vault.Addr().String())
		if r.Method != http.MethodConnect || r.Host != "mine.vault.azure.net:443" || err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(from, "HTTP/1.1 200 Connection established\r\n\r\n")
		go io.Copy(to, from)
		io.Copy(from, to)
	}))
	identity := listenLocal()
	go http.Serve(identity, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-IDENTITY-HEADER") != "proof" || r.URL.Query().Get("resource") != "https://vault.azure.net" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `{"access_token":"good","expires_on":"%d","token_type":"Bearer"}`, time.Now().Add(time.Hour).Unix())
	}))
	must(os.WriteFile("vault.pem", authority, 0o600))
	must(os.WriteFile("vault.tmp", fmt.Appendf(nil, "export HTTPS_PROXY=http://%s SSL_CERT_FILE=vault.pem IDENTITY_ENDPOINT=http://%s/msi IDENTITY_HEADER=proof\n",
		proxy.Addr(), identity.Addr()), 0o600))
	must(os.Rename("vault.tmp", "vault.env")) // whole when it is there
	time.Sleep(time.Minute)                   // the script ends it before
}

func serveVault(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	switch {
	case r.Header.Get("Authorization") != "Bearer good":
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47", resource="https://vault.azure.net"`)
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.RequestURI() == "/secrets/api-key?api-version=7.4":
		fmt.Fprint(w, `{"value":"azure-secret","id":"https://mine.vault.azure.net/secrets/api-key/1","attributes":{"enabled":true}}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"code":"SecretNotFound","message":"A secret with (name/id) gone was not found in this key vault."}}`)
	}
}

func listenLocal() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	return l
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// vaultCertificate makes a certificate that signs itself, and its PEM.
func vaultCertificate(host string) (tls.Certificate, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
