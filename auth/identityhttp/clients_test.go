package identityhttp_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
)

// options make the SDK's clients talk to the server and nobody else.
func (s *server) options() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: s.URL, Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: s.URL, Audience: s.URL},
		}},
		Transport: s.Client(),
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

func TestClientSecretCredential(t *testing.T) {
	s := newServer(t)
	// The last is what the az CLI uses: MSAL then speaks to AD FS.
	for _, name := range []string{tenant, "contoso.example", "adfs"} {
		cred, err := azidentity.NewClientSecretCredential(name, "any", "thing", &azidentity.ClientSecretCredentialOptions{ClientOptions: s.options(), DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range []string{"https://management.azure.com/", "https://servicebus.azure.net/", s.URL} {
			got, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}, EnableCAE: true})
			if err != nil {
				t.Fatalf("tenant %s, %s: %v", name, resource, err)
			}
			if c := s.claims(got.Token); c.Audience != resource || c.ObjectID != issuer.ObjectID("any") {
				t.Errorf("tenant %s: claims are %+v, want audience %s", name, c, resource)
			}
			if left := time.Until(got.ExpiresOn); left < 23*time.Hour || left > 25*time.Hour {
				t.Errorf("the client thinks that its token expires in %v", left)
			}
		}
	}
}

func TestClientSecretCredentialStrict(t *testing.T) {
	s := newServer(t, strict(t))
	get := func(id, secret string) (azcore.AccessToken, error) {
		cred, err := azidentity.NewClientSecretCredential(tenant, id, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: s.options(), DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		return cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com//.default"}})
	}
	if _, err := get("app", "right"); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"app", "other"} {
		_, err := get(id, "wrong")
		if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); !ok || failed.RawResponse.StatusCode != 401 || !strings.Contains(err.Error(), "AADSTS7000215") {
			t.Errorf("%s: %v, want AADSTS7000215", id, err)
		}
	}
}

func TestClientCertificateCredential(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	app := issuer.Application{ID: "app", Keys: []string{pemOf("CERTIFICATE", der)}}
	apps, err := issuer.NewApplications(app)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, func(o *identityhttp.Options) { o.Applications = apps })
	cred, err := azidentity.NewClientCertificateCredential(tenant, "app", []*x509.Certificate{cert}, key, &azidentity.ClientCertificateCredentialOptions{ClientOptions: s.options(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com//.default"}})
	if err != nil {
		t.Fatal(err)
	}
	if c := s.claims(got.Token); c.AppID != "app" || c.AppIDACR != "2" {
		t.Errorf("claims are %+v", c)
	}
}

func TestManagedIdentityCredential(t *testing.T) {
	s := newServer(t)
	t.Setenv("IDENTITY_ENDPOINT", s.URL+identityhttp.AppServicePath)
	t.Setenv("IDENTITY_HEADER", secret)
	for _, id := range []azidentity.ManagedIDKind{nil, azidentity.ClientID(machine.ClientID), azidentity.ObjectID(machine.PrincipalID), azidentity.ResourceID(machine.ResourceID)} {
		cred, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ClientOptions: s.options(), ID: id})
		if err != nil {
			t.Fatal(err)
		}
		got, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://servicebus.azure.net//.default"}})
		if err != nil {
			t.Fatalf("%v: %v", id, err)
		}
		if c := s.claims(got.Token); c.ObjectID != machine.PrincipalID || c.ManagedIdentity != machine.ResourceID {
			t.Errorf("%v: claims are %+v", id, c)
		}
	}
	t.Setenv("IDENTITY_HEADER", "wrong")
	cred, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ClientOptions: s.options()})
	if err != nil {
		t.Fatal(err)
	}
	// A scope of its own: MSAL keeps tokens of managed identities for the process.
	if got, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}}); err == nil {
		t.Errorf("with the wrong header: %+v", got)
	}
}

// The SDK's resource manager pipeline logs in by itself and presents what it
// got.
func TestResourceManagerClient(t *testing.T) {
	s := newServer(t)
	identity := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.handler.Serves(r) {
			identity.ServeHTTP(w, r)
			return
		}
		caller, err := s.handler.Authenticate(r)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if err := json.NewEncoder(w).Encode(caller); err != nil {
			t.Error(err)
		}
	})
	cred, err := azidentity.NewClientSecretCredential(tenant, "any", "thing", &azidentity.ClientSecretCredentialOptions{ClientOptions: s.options(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	client, err := arm.NewClient("test", "v1.0.0", cred, &arm.ClientOptions{ClientOptions: s.options()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/subscriptions?api-version=2019-11-01", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Pipeline().Do(mustRequest(t, r))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var caller identityhttp.Caller
	if err := json.NewDecoder(resp.Body).Decode(&caller); err != nil || caller.ObjectID != issuer.ObjectID("any") || caller.TenantID != tenant {
		t.Errorf("status %d, caller %+v, %v", resp.StatusCode, caller, err)
	}
}
