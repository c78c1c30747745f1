package servicebus_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/servicebus"
)

// TestLargeMessageOfPremium: the entity's own limit decides, not one of the
// connection's; what exceeds it is refused by name and the link lives on.
func TestLargeMessageOfPremium(t *testing.T) {
	const big = "big"
	s := newServer(t, func(o *servicebus.Options) {
		ctx := context.Background()
		if err := o.Broker.PutNamespace(ctx, big, broker.NamespaceOptions{SKU: "Premium"}); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Broker.PutQueue(ctx, big, "q", broker.QueueOptions{MaxMessageSize: 4096 << 10}); err != nil {
			t.Fatal(err)
		}
		o.Namespace = func(string) (string, bool) { return big, true }
	})
	if _, err := s.authority.PutRule(big, "", auth.AuthorizationRule{Name: auth.DefaultRuleName,
		PrimaryKey: auth.DevelopmentKey, Rights: auth.Send | auth.Listen | auth.Manage}); err != nil {
		t.Fatal(err)
	}
	c := s.client()
	sender := s.sender(c, "q")
	body := bytes.Repeat([]byte("large "), 3900<<10/6)
	if err := sender.SendMessage(testContext(t), &azservicebus.Message{Body: body}, nil); err != nil {
		t.Fatalf("3,900 KiB: %v", err)
	}
	err := sender.SendMessage(testContext(t), &azservicebus.Message{Body: make([]byte, 5000<<10)}, nil)
	if err == nil || !strings.Contains(err.Error(), "4194304") && !strings.Contains(err.Error(), "too large") {
		t.Errorf("5,000 KiB: %v, want a refusal that names the limit", err)
	}
	if err := sender.SendMessage(testContext(t), &azservicebus.Message{Body: []byte("small")}, nil); err != nil {
		t.Errorf("after the refusal: %v", err)
	}
	got := receive(t, s.receiver(c, "q", nil), 2)
	if !bytes.Equal(got[0].Body, body) || string(got[1].Body) != "small" {
		t.Errorf("received %d and %d bytes", len(got[0].Body), len(got[1].Body))
	}
}
