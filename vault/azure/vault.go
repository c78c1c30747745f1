package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"switchyard/clock"
	"switchyard/pipeline"
	"switchyard/pipeline/fence"
	"switchyard/value"
)

// Vaults is the setting key-vault by which the vaults of this package are asked.
const Vaults = "azure"

const (
	apiVersion = "7.4"
	// keep is how long a secret is kept in memory: what is rotated is seen after that.
	keep = time.Minute
	// remember is how long a vault that could not be reached is not asked again.
	remember = 10 * time.Second
	// requestLimit bounds one request, resolveLimit a secret with all that it takes.
	requestLimit = 20 * time.Second
	resolveLimit = time.Minute
	// atOnce is how many requests are made at the same time: a vault answers 4,000 in ten
	// seconds, and those that wait mostly find what they want when it is their turn.
	atOnce = 8
	// maxTries bounds the requests for one secret while the vault is busy, maxWait the
	// time between two of them.
	maxTries = 4
	maxWait  = 20 * time.Second
	// maxAnswer bounds an answer: a secret has at most 25 KiB, and JSON may escape it.
	maxAnswer = 256 << 10
)

// A Vault reads secrets of key vaults in Azure. It is safe for concurrent use.
type Vault struct {
	client *http.Client
	clock  clock.Clock
	tokens *tokens
	turn   chan struct{}

	mu      sync.Mutex
	secrets map[string]kept   // by address and version; guarded by mu
	tenants map[string]string // by host; guarded by mu
	trouble map[string]failed // by host; guarded by mu
}

type (
	kept struct {
		text  string
		until time.Time
	}
	failed struct {
		err   error
		until time.Time
	}
)

// New returns a vault that connects through a fence.
func New(f *fence.Fence, c clock.Clock) *Vault {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return f.Dial(ctx, net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}, network, address)
		},
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: atOnce, MaxConnsPerHost: atOnce, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	return &Vault{client: newClient(transport), clock: c, tokens: newTokens(c), turn: make(chan struct{}, atOnce),
		secrets: map[string]kept{}, tenants: map[string]string{}, trouble: map[string]failed{}}
}

func newClient(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, Timeout: requestLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// A secret is what is asked for.
type secret struct {
	vault         *url.URL
	domain        domain
	name, version string
}

var (
	secretName    = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)
	secretVersion = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)
)

// Resolve is a [pipeline.SecretFunc]: it asks the vault that a linked service names. Its
// errors begin as Data Factory's do, and say what mends them. They hold no secret.
func (v *Vault) Resolve(ctx context.Context, service *pipeline.ResolvedLinkedService, name, version string) (string, error) {
	base, _ := service.TypeProperties.Lookup("baseUrl")
	address := value.Text(base)
	s, err := parse(address, name, version)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, resolveLimit)
		defer cancel()
		var text string
		if text, err = v.read(ctx, s); err == nil {
			return text, nil
		}
	}
	//lint:ignore ST1005 these are Data Factory's words
	return "", fmt.Errorf("Failed to get the secret from key vault, secretName: %s, secretVersion: %s, vaultBaseUrl: %s. "+
		"The error message is: %w (linked service %s)", name, version, address, err, service.Name)
}

func parse(address, name, version string) (s secret, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" || u.Port() != "" && u.Port() != "443" {
		return s, errors.New("the baseUrl is not the address of a key vault, such as https://NAME.vault.azure.net/")
	}
	d, ok := domainOf(u.Hostname())
	switch {
	case !ok:
		return s, fmt.Errorf("%s is not a key vault in Azure: tokens are sent to hosts such as NAME.vault.azure.net only",
			u.Hostname())
	case !secretName.MatchString(name):
		return s, errors.New("a secret's name has 1 to 127 letters, digits and hyphens")
	case version != "" && !secretVersion.MatchString(version):
		return s, errors.New("a version of a secret has letters and digits only")
	}
	return secret{&url.URL{Scheme: "https", Host: strings.ToLower(u.Hostname())}, d, name, version}, nil
}

func (s secret) url() string {
	path := "/secrets/" + s.name
	if s.version != "" {
		path += "/" + s.version
	}
	return s.vault.String() + path + "?api-version=" + apiVersion
}

// read returns what is kept, or asks the vault when it is its turn.
func (v *Vault) read(ctx context.Context, s secret) (string, error) {
	if text, err, ok := v.recall(s); ok {
		return text, err
	}
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return "", fmt.Errorf("it was not asked in time, as others were: %w", ctx.Err())
	}
	defer func() { <-v.turn }()
	if text, err, ok := v.recall(s); ok { // somebody else has asked meanwhile
		return text, err
	}
	text, err := v.ask(ctx, s)
	v.note(s, text, err)
	return text, err
}

// recall returns what is known already.
func (v *Vault) recall(s secret) (text string, err error, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock.Now()
	if k, there := v.secrets[strings.ToLower(s.url())]; there && now.Before(k.until) {
		return k.text, nil, true
	}
	if f, there := v.trouble[s.vault.Host]; there && now.Before(f.until) {
		return "", fmt.Errorf("%w; it is asked again after %v", f.err, remember), true
	}
	return "", nil, false
}

// note keeps what has come of a request.
func (v *Vault) note(s secret, text string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock.Now()
	for at, k := range v.secrets {
		if !now.Before(k.until) {
			delete(v.secrets, at)
		}
	}
	var down *unreachable
	switch {
	case err == nil:
		v.secrets[strings.ToLower(s.url())] = kept{text, now.Add(keep)}
		delete(v.trouble, s.vault.Host)
	case errors.As(err, &down):
		v.trouble[s.vault.Host] = failed{err, now.Add(remember)}
	}
}

// ask gets a secret from its vault.
func (v *Vault) ask(ctx context.Context, s secret) (string, error) {
	for try, challenged := 1, false; ; {
		token, err := v.token(ctx, s)
		if err != nil {
			return "", err
		}
		r, body, err := v.get(ctx, s, token)
		if err != nil {
			return "", err
		}
		switch {
		case r.StatusCode == http.StatusOK:
			return valueOf(body)
		case r.StatusCode == http.StatusUnauthorized && !challenged:
			challenged = true // the tenant was not known, or is another one now
			tenant, err := tenantOf(r, s.domain)
			if err != nil {
				return "", err
			}
			v.mu.Lock()
			v.tenants[s.vault.Host] = tenant
			v.mu.Unlock()
		case busy(r.StatusCode) && try < maxTries:
			if err := v.wait(ctx, r, body, s, try); err != nil {
				return "", err
			}
			try++
		default:
			return "", answered(r, body, s)
		}
	}
}

func busy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable ||
		status == http.StatusInternalServerError || status == http.StatusBadGateway || status == http.StatusGatewayTimeout
}

// token returns one for the vault, "" as long as its tenant is not known: its answer then
// tells it.
func (v *Vault) token(ctx context.Context, s secret) (string, error) {
	v.mu.Lock()
	tenant, ok := v.tenants[s.vault.Host]
	v.mu.Unlock()
	if !ok {
		return "", nil
	}
	return v.tokens.get(ctx, s.domain, tenant)
}

// get makes one request.
func (v *Vault) get(ctx context.Context, s secret, token string) (*http.Response, []byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(), nil)
	if err != nil {
		return nil, nil, err
	}
	q.Header.Set("Accept", "application/json")
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	r, err := v.client.Do(q)
	if err != nil {
		return nil, nil, unreached(s, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, unreached(s, err)
	case len(body) > maxAnswer:
		return nil, nil, fmt.Errorf("the answer has more than %d bytes, which no secret has", maxAnswer)
	}
	return r, body, nil
}

func valueOf(body []byte) (string, error) {
	var answer struct {
		Value *string `json:"value"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Value == nil {
		return "", errors.New("the answer is not a secret of a key vault") // and is not shown: it may be one
	}
	return *answer.Value, nil
}

// wait waits before a busy vault is asked again, as long as it says.
func (v *Vault) wait(ctx context.Context, r *http.Response, body []byte, s secret, try int) error {
	d := time.Second << (try - 1)
	if after, ok := retryAfter(r, v.clock.Now()); ok {
		d = after
	}
	if d > maxWait {
		return fmt.Errorf("%w It wants to be asked again in %v", answered(r, body, s), d.Round(time.Second))
	}
	t := v.clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w It was not asked again: %w", answered(r, body, s), ctx.Err())
	}
}
