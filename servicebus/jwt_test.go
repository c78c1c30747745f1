package servicebus_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/amqp/amqpnet"
	"switchyard/auth"
	"switchyard/auth/identityhttp"
	"switchyard/auth/issuer"
	"switchyard/broker"
	"switchyard/clock"
	"switchyard/listen"
)

const directory = "0b5f3c5e-1d2f-4b0a-9c53-7f6b4a1d2e3f"

// newIssuer makes an issuer with a key of its own.
func newIssuer(t *testing.T) *issuer.Issuer {
	t.Helper()
	key, err := issuer.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	is, err := issuer.New(issuer.Options{Key: key, TenantID: directory, URL: "https://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// roles are assignments by object id and path.
type roles map[string]map[string]string

func (r roles) DataRoles(objectID, ns, path string) []string {
	if ns != namespace {
		return nil
	}
	return []string{r[objectID][path]}
}

func TestPutTokenJWT(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	is, other := newIssuer(t), newIssuer(t)
	s.authority.AcceptBearer(is, nil)
	conn, err := s.dial(amqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	cbs := newRPC(t, s.newSession(conn), "$cbs")
	const host = "sb://testns.servicebus.windows.net/"
	token := func(is *issuer.Issuer, audience string, at time.Time) string {
		t.Helper()
		text, err := is.Issue("", issuer.Claims{Audience: audience, AppID: "app", ObjectID: issuer.ObjectID("app")}, at)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const bus = "https://servicebus.azure.net/"
	now := time.Now()
	for _, c := range []struct {
		name, kind, aud, token string
		want                   int32
		text                   string
	}{
		{"signed by somebody else", "jwt", host + "q", token(other, bus, now), 401, "InvalidSignature"},
		{"noise", "jwt", host + "q", "eyJ.eyJ.x", 401, "MalformedToken"},
		{"for the control plane", "jwt", host + "q", token(is, "https://management.azure.com/", now), 401, "InvalidAudience"},
		{"for another namespace", "jwt", host + "q", token(is, "https://otherns.servicebus.windows.net", now), 401, "InvalidAudience"},
		{"expired", "jwt", host + "q", token(is, bus, now.Add(-48*time.Hour)), 401, "ExpiredToken: The token is expired. Expiration time:"},
		{"not valid yet", "jwt", host + "q", token(is, bus, now.Add(time.Hour)), 401, "not valid yet"},
		{"simple web token", "amqp:swt", host + "q", token(is, bus, now), 401, "'amqp:swt' are not supported"},
		{"called a signature", "servicebus.windows.net:sastoken", host + "q", token(is, bus, now), 401, "MalformedToken"},
		{"missing queue", "jwt", host + "nowhere", token(is, bus, now), 404, "could not be found"},
		{"for Service Bus", "jwt", host + "q", token(is, bus, now), 202, "Accepted"},
		{"without slash", "amqp:jwt", host + "q", token(is, "https://servicebus.azure.net", now), 202, "Accepted"},
		{"for the namespace", "jwt", host + "q", token(is, "https://testns.servicebus.windows.net", now), 202, "Accepted"},
	} {
		answer := cbs.call(map[string]any{"operation": "put-token", "type": c.kind, "name": c.aud}, c.token)
		code, text := answer.ApplicationProperties["status-code"], fmt.Sprint(answer.ApplicationProperties["status-description"])
		if code != c.want || !strings.Contains(text, c.text) {
			t.Errorf("%s: status %v %q, want %d with %q", c.name, code, text, c.want, c.text)
		}
		sender, err := s.newSession(conn).NewSender(testContext(t), "q", nil)
		if (err == nil) != (c.want == 202) {
			t.Errorf("%s: attach: %v, want success %v", c.name, err, c.want == 202)
		}
		if err == nil {
			if err := sender.Close(testContext(t)); err != nil {
				t.Error(err)
			}
		}
	}
}

// The Go client logs in as it does in Azure: a client secret, a token for
// https://servicebus.azure.net//.default, TLS, and put-token.
func TestClientWithCredential(t *testing.T) {
	sender, receiver := issuer.ObjectID("sender"), issuer.ObjectID("receiver")
	for name, source := range map[string]auth.RoleSource{
		"development": nil,
		"strict":      roles{sender: {"q": auth.RoleDataSender}, receiver: {"q": auth.RoleDataReceiver}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.queue("q", broker.QueueOptions{})
			is := newIssuer(t)
			s.authority.AcceptBearer(is, source)
			client := s.withIdentity(is)
			ctx := testContext(t)

			out, err := client("sender").NewSender("q", nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := out.SendMessage(ctx, &azservicebus.Message{Body: []byte("hello")}, nil); err != nil {
				t.Fatal(err)
			}
			in, err := client("receiver").NewReceiverForQueue("q", nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := in.ReceiveMessages(ctx, 1, nil)
			if err != nil || len(got) != 1 || string(got[0].Body) != "hello" {
				t.Fatalf("received %v, %v", got, err)
			}
			if err := in.CompleteMessage(ctx, got[0], nil); err != nil {
				t.Fatal(err)
			}

			wrong, err := client("receiver").NewSender("q", nil)
			if err != nil {
				t.Fatal(err)
			}
			err = wrong.SendMessage(ctx, &azservicebus.Message{Body: []byte("x")}, nil)
			if source == nil && err != nil {
				t.Errorf("in development everybody may send: %v", err)
			}
			if failed, ok := errors.AsType[*azservicebus.Error](err); source != nil && (!ok || failed.Code != azservicebus.CodeUnauthorizedAccess) {
				t.Errorf("a receiver sends: %v, want %s", err, azservicebus.CodeUnauthorizedAccess)
			}
		})
	}
}

// withIdentity serves AMQP and the identity endpoints with TLS on one port. The
// clients made by the result log in there by a client id.
func (s *server) withIdentity(is *issuer.Issuer) (client func(id string) *azservicebus.Client) {
	s.t.Helper()
	certs, err := listen.OpenCertificates(listen.CertificateOptions{Now: time.Now, SystemRoots: []string{}})
	if err != nil {
		s.t.Fatal(err)
	}
	login, err := identityhttp.New(identityhttp.Options{Issuer: is, Now: time.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	ln, err := listen.Open("127.0.0.1:0", false)
	if err != nil {
		s.t.Fatal(err)
	}
	mux := listen.NewMux(ln, time.Minute, time.Now)
	mux.TerminateTLS(certs.Config(), nil)
	am, ht := mux.Listener(listen.AMQP), mux.Listener(listen.HTTP)
	web := &http.Server{Handler: listen.WithTLS(login), ConnContext: listen.ConnContext}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = mux.Serve(ctx) })
	running.Go(func() { _ = web.Serve(ht) })
	running.Go(func() {
		for {
			nc, err := am.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				_ = s.handler.Serve(ctx, nc, amqpnet.Options{Clock: clock.Wall{}, CloseTimeout: time.Second})
			})
		}
	})
	s.t.Cleanup(func() {
		cancel()
		web.Close()
		running.Wait()
	})

	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	transport := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusting(certs)}}}
	s.t.Cleanup(transport.CloseIdleConnections)
	return func(id string) *azservicebus.Client {
		s.t.Helper()
		cred, err := azidentity.NewClientSecretCredential(directory, id, "any", &azidentity.ClientSecretCredentialOptions{
			ClientOptions: azcore.ClientOptions{
				Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: "https://localhost:" + port},
				Transport: transport,
			},
			DisableInstanceDiscovery: true,
		})
		if err != nil {
			s.t.Fatal(err)
		}
		c, err := azservicebus.NewClient(namespace+".servicebus.windows.net", cred, &azservicebus.ClientOptions{
			CustomEndpoint: "localhost:" + port,
			TLSConfig:      &tls.Config{RootCAs: trusting(certs), ServerName: "localhost"},
			RetryOptions:   azservicebus.RetryOptions{MaxRetries: -1},
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { c.Close(context.Background()) })
		return c
	}
}

// trusting is what a client trusts that knows the authority alone.
func trusting(c *listen.Certificates) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.AuthorityPEM())
	return pool
}
