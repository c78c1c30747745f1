package system

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/admin"
)

// overHTTP sends the requests of a client to a server that has no TLS, as the samples of
// Microsoft's emulator do.
type overHTTP struct {
	host string
	sent []string
}

func (o *overHTTP) Do(r *http.Request) (*http.Response, error) {
	o.sent = append(o.sent, r.Method+" "+r.URL.Path)
	r.URL.Scheme, r.URL.Host, r.Host = "http", o.host, o.host
	return http.DefaultClient.Do(r)
}

// TestAdministrationClient: the vendor's administration client is told by name that its
// interface is not there, also of a queue that exists: 404 it would take for none, without an
// error, and 401 for a wrong key.
func TestAdministrationClient(t *testing.T) {
	s := startSystem(t, Options{})
	makeNamespace(t, s, "g", "asked-ns")
	at, err := url.Parse(s.Endpoints().HTTP)
	if err != nil {
		t.Fatal(err)
	}
	transport := &overHTTP{host: at.Host}
	c, err := admin.NewClientFromConnectionString(s.ConnectionString("asked-ns"), &admin.ClientOptions{
		ClientOptions: azcore.ClientOptions{Transport: transport, Retry: policy.RetryOptions{MaxRetries: -1}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for what, call := range map[string]func() error{
		"get a queue":            func() error { _, err := c.GetQueue(ctx, "q", nil); return err },
		"counts of a queue":      func() error { _, err := c.GetQueueRuntimeProperties(ctx, "q", nil); return err },
		"get one that is absent": func() error { _, err := c.GetQueue(ctx, "absent", nil); return err },
		"create a queue":         func() error { _, err := c.CreateQueue(ctx, "new", nil); return err },
		"delete a queue":         func() error { _, err := c.DeleteQueue(ctx, "q", nil); return err },
		"list queues":            func() error { _, err := c.NewListQueuesPager(nil).NextPage(ctx); return err },
		"get a topic":            func() error { _, err := c.GetTopic(ctx, "t", nil); return err },
		"create a topic":         func() error { _, err := c.CreateTopic(ctx, "t", nil); return err },
		"create a subscription":  func() error { _, err := c.CreateSubscription(ctx, "t", "s", nil); return err },
		"list rules":             func() error { _, err := c.NewListRulesPager("t", "s", nil).NextPage(ctx); return err },
		"the namespace":          func() error { _, err := c.GetNamespaceProperties(ctx, nil); return err },
	} {
		transport.sent = nil
		err := call()
		answer, ok := errors.AsType[*azcore.ResponseError](err)
		if !ok || answer.StatusCode != http.StatusNotImplemented || len(transport.sent) != 1 {
			t.Errorf("%s, by %q: %v, want 501", what, transport.sent, err)
			continue
		}
		body, err := io.ReadAll(answer.RawResponse.Body)
		if err != nil || !strings.HasPrefix(string(body), "<Error><Code>501</Code><Detail>the administration API") {
			t.Errorf("%s: %s, %v, want the name of the API", what, body, err)
		}
	}
	queues, err := s.broker.Queues("asked-ns")
	if err != nil || len(queues) != 1 || queues[0].Path != "q" {
		t.Errorf("the queues are %v, %v afterwards, want q", queues, err)
	}
}
