// Package armclient is the smallest Resource Manager client that a provider
// needs: it finds the endpoint by ARM_METADATA_HOSTNAME's cloud document, logs in
// with a client secret, sends JSON and waits for long-running operations.
//
// It is written against [ARM 2, 3, 4] and has no goroutines of its own.
package armclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// maxBody bounds what is read of any answer.
const maxBody = 32 << 20

// Options says where the control plane is and who logs in.
type Options struct {
	MetadataHost   string // host[:port] or https URL of the cloud's metadata
	TenantID       string
	ClientID       string
	ClientSecret   string
	SubscriptionID string
	UserAgent      string
	CertFile       string        // PEM with certificates to trust besides the system's; "" is SSL_CERT_FILE
	PollInterval   time.Duration // between polls when the service names none; 0 is one second
}

// Client talks to one control plane as one client. It may be used concurrently.
type Client struct {
	o    Options
	http *http.Client

	mu    sync.Mutex // guards what follows
	cloud *Cloud
	token string
	until time.Time
}

// Cloud is what the metadata document says (api-version 2022-09-01).
type Cloud struct {
	Name            string `json:"name"`
	ResourceManager string `json:"resourceManager"`
	Authentication  struct {
		LoginEndpoint string   `json:"loginEndpoint"`
		Audiences     []string `json:"audiences"`
	} `json:"authentication"`
}

// ErrIncomplete says which setting is missing.
var ErrIncomplete = errors.New("incomplete configuration")

// New checks o and makes a client. It sends nothing.
func New(o Options) (*Client, error) {
	for _, s := range []struct{ value, name string }{
		{o.MetadataHost, "metadataHost (ARM_METADATA_HOSTNAME)"},
		{o.SubscriptionID, "subscriptionId (ARM_SUBSCRIPTION_ID)"},
		{o.TenantID, "tenantId (ARM_TENANT_ID)"},
		{o.ClientID, "clientId (ARM_CLIENT_ID)"},
		{o.ClientSecret, "clientSecret (ARM_CLIENT_SECRET)"},
	} {
		if s.value == "" {
			return nil, fmt.Errorf("%w: %s is not set", ErrIncomplete, s.name)
		}
	}
	if !strings.Contains(o.MetadataHost, "://") {
		o.MetadataHost = "https://" + o.MetadataHost
	}
	o.MetadataHost = strings.TrimRight(o.MetadataHost, "/")
	if !strings.HasPrefix(o.MetadataHost, "https://") {
		return nil, fmt.Errorf("metadata host %q is not https", o.MetadataHost)
	}
	if o.CertFile == "" {
		o.CertFile = os.Getenv("SSL_CERT_FILE")
	}
	if o.PollInterval == 0 {
		o.PollInterval = time.Second
	}
	client, err := Trusting(o.CertFile)
	if err != nil {
		return nil, err
	}
	return &Client{o: o, http: client}, nil
}

// Trusting makes an HTTP client that trusts the system's certificates and those of
// file, if it is not "". Go reads SSL_CERT_FILE itself only on some systems, once,
// and instead of the system's own.
func Trusting(file string) (*http.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("certificates to trust: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates to trust: no certificate in %s", file)
		}
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: t}, nil
}

// SubscriptionID is the subscription of the resources.
func (c *Client) SubscriptionID() string { return c.o.SubscriptionID }

// TenantID is the tenant of the login.
func (c *Client) TenantID() string { return c.o.TenantID }

// ClientID is the application that logs in.
func (c *Client) ClientID() string { return c.o.ClientID }

// Response is an answer of status 2xx.
type Response struct {
	Status int
	Header http.Header
	Body   map[string]any // nil when the answer has none
}

// Do sends one request to a resource path and returns the answer; a status that
// is not 2xx is an *Error. It asks again after 429 and 503, a few times.
func (c *Client) Do(ctx context.Context, method, path, apiVersion string, body any) (*Response, error) {
	cloud, err := c.Cloud(ctx)
	if err != nil {
		return nil, err
	}
	u := strings.TrimRight(cloud.ResourceManager, "/") + EscapePath(path) + "?api-version=" +
		url.QueryEscape(apiVersion)
	return c.send(ctx, method, u, body)
}

// EscapePath percent-encodes each segment of a resource path.
func EscapePath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

func (c *Client) send(ctx context.Context, method, u string, body any) (*Response, error) {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("body of %s %s: %w", method, u, err)
		}
	}
	refreshed := false
	for try := 0; ; try++ {
		token, err := c.bearer(ctx)
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(payload))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept", "application/json")
		req.Header.Set("User-Agent", c.o.UserAgent)
		if body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		r, raw, err := c.roundTrip(req)
		if err != nil {
			return nil, err
		}
		switch {
		case r.StatusCode == http.StatusUnauthorized && !refreshed:
			// The server forgot its key, or the clock jumped: log in once more.
			refreshed = true
			c.forget(token)
			continue
		case (r.StatusCode == http.StatusTooManyRequests ||
			r.StatusCode == http.StatusServiceUnavailable) && try < 4:
			if err := c.pause(ctx, r.Header); err != nil {
				return nil, err
			}
			continue
		case r.StatusCode < 200 || r.StatusCode > 299:
			return nil, errorOf(method, req.URL, r, raw)
		}
		out := &Response{Status: r.StatusCode, Header: r.Header}
		if len(bytes.TrimSpace(raw)) > 0 {
			if err := json.Unmarshal(raw, &out.Body); err != nil {
				return nil, fmt.Errorf("%s %s: the answer is not a JSON object: %w", method, req.URL.Path, err)
			}
		}
		return out, nil
	}
}

func (c *Client) roundTrip(req *http.Request) (*http.Response, []byte, error) {
	r, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	if len(raw) > maxBody {
		return nil, nil, fmt.Errorf("%s %s: the answer is larger than %d bytes", req.Method, req.URL.Path, maxBody)
	}
	return r, raw, nil
}
