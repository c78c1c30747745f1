package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchyard/auth"
)

func publicPEM(t *testing.T, k *rsa.PrivateKey) string {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}))
}

func certificatePEM(t *testing.T, k *rsa.PrivateKey) string {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotAfter: noon.Add(time.Hour)}
	b, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b}))
}

func TestSecrets(t *testing.T) {
	hash, err := HashSecret("s3cret", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := HashSecret("rotated", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(map[string]any{"applications": []any{map[string]any{"id": "App", "secretHashes": []string{hash, second}}}})
	if err != nil {
		t.Fatal(err)
	}
	apps, err := ParseApplications(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id, secret string
		want       bool
	}{
		{"App", "s3cret", true}, {"aPP", "rotated", true},
		{"App", "S3cret", false}, {"App", "", false}, {"App", hash, false}, {"other", "s3cret", false}, {"other", "", false}, {"", "", false},
	} {
		if got := apps.VerifySecret(c.id, c.secret); got != c.want {
			t.Errorf("VerifySecret(%q, %q) = %v, want %v", c.id, c.secret, got, c.want)
		}
	}
}

func TestApplicationsRefused(t *testing.T) {
	hash, err := HashSecret("x", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: testKey().Marshal()}))
	for name, list := range map[string][]Application{
		"no id":                  {{SecretHashes: []string{hash}}},
		"neither secret nor key": {{ID: "a"}},
		"twice":                  {{ID: "a", SecretHashes: []string{hash}}, {ID: "A", SecretHashes: []string{hash}}},
		"secret in clear":        {{ID: "a", SecretHashes: []string{"s3cret"}}},
		"hash too cheap":         {{ID: "a", SecretHashes: []string{strings.Replace(hash, "$100000$", "$1$", 1)}}},
		"hash too dear":          {{ID: "a", SecretHashes: []string{strings.Replace(hash, "$100000$", "$99999999999$", 1)}}},
		"cut hash":               {{ID: "a", SecretHashes: []string{hash[:len(hash)-8]}}},
		"key without PEM":        {{ID: "a", Keys: []string{"MIIB"}}},
		"private key":            {{ID: "a", Keys: []string{private}}},
		"two keys in one":        {{ID: "a", Keys: []string{publicPEM(t, testKey().private) + publicPEM(t, testKey().private)}}},
		"damaged key":            {{ID: "a", Keys: []string{"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}}},
	} {
		if _, err := NewApplications(list...); !errors.Is(err, ErrApplication) {
			t.Errorf("%s: %v, want ErrApplication", name, err)
		}
	}
	for _, text := range []string{"", "[]", `{"applications":[{"id":"a","secret":"clear"}]}`} {
		if _, err := ParseApplications([]byte(text)); !errors.Is(err, ErrApplication) {
			t.Errorf("ParseApplications(%s): %v, want ErrApplication", text, err)
		}
	}
}

func TestAssertions(t *testing.T) {
	mine, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const endpoint = "https://localhost:5300/t/oauth2/v2.0/token"
	apps, err := NewApplications(
		Application{ID: "app", Keys: []string{publicPEM(t, testKey().private), certificatePEM(t, mine)}},
		Application{ID: "secretive", SecretHashes: []string{formatHash(1000, make([]byte, 16), make([]byte, 32))}},
	)
	if err != nil {
		t.Fatal(err)
	}
	claims := func(change ...string) jwt.MapClaims {
		c := jwt.MapClaims{"iss": "app", "sub": "app", "aud": endpoint, "jti": "1", "nbf": noon.Unix(), "exp": noon.Add(10 * time.Minute).Unix()}
		for i := 0; i < len(change); i += 2 {
			c[change[i]] = change[i+1]
		}
		return c
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, id, assertion string
		after               time.Duration
		want                error
	}{
		{"RS256", "app", sign(t, jwt.SigningMethodRS256, mine, nil, claims()), 0, nil},
		{"PS256", "APP", sign(t, jwt.SigningMethodPS256, mine, nil, claims()), 0, nil},
		{"the other key", "app", sign(t, jwt.SigningMethodPS256, testKey().private, nil, claims()), 0, nil},
		{"a stranger's", "app", sign(t, jwt.SigningMethodRS256, stranger, nil, claims()), 0, auth.ErrSignature},
		{"alg none", "app", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, claims()), 0, auth.ErrSignature},
		{"expired", "app", sign(t, jwt.SigningMethodRS256, mine, nil, claims()), 16 * time.Minute, auth.ErrExpired},
		{"early", "app", sign(t, jwt.SigningMethodRS256, mine, nil, claims()), -6 * time.Minute, auth.ErrNotYetValid},
		{"other subject", "app", sign(t, jwt.SigningMethodRS256, mine, nil, claims("sub", "admin")), 0, auth.ErrIssuer},
		{"other issuer", "app", sign(t, jwt.SigningMethodRS256, mine, nil, claims("iss", "admin")), 0, auth.ErrIssuer},
		{"other audience", "app", sign(t, jwt.SigningMethodRS256, mine, nil, claims("aud", "https://login.microsoftonline.com/t/oauth2/v2.0/token")), 0, auth.ErrScope},
		{"no key registered", "secretive", sign(t, jwt.SigningMethodRS256, mine, nil, claims("iss", "secretive", "sub", "secretive")), 0, auth.ErrUnknownKey},
		{"not registered", "who", sign(t, jwt.SigningMethodRS256, mine, nil, claims("iss", "who", "sub", "who")), 0, auth.ErrUnknownKey},
		{"noise", "app", "x", 0, auth.ErrMalformed},
		{"huge", "app", strings.Repeat("x", maxToken+1), 0, auth.ErrMalformed},
	} {
		if err := apps.VerifyAssertion(c.id, c.assertion, []string{endpoint}, noon.Add(c.after)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
