package servicebus_test

import (
	"testing"

	"github.com/Azure/go-amqp"

	"switchyard/auth"
	"switchyard/servicebus"
)

// TestConnectionQuota: a namespace has so many connections of clients that have proved
// who they are. Others take no place, and those that end give theirs back.
func TestConnectionQuota(t *testing.T) {
	shared := servicebus.NewShared()
	s := newServer(t, func(o *servicebus.Options) { o.Shared = shared })
	shared.Fill(namespace, 1)
	for range 3 {
		if _, err := s.dial(amqp.SASLTypeAnonymous()); err != nil {
			t.Fatal(err)
		}
	}
	plain := amqp.SASLTypePlain(auth.DefaultRuleName, auth.DevelopmentKey)
	conn, err := s.dial(plain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.NewSession(testContext(t), nil); err != nil {
		t.Fatalf("the last place is taken by who has proved nothing: %v", err)
	}
	full, err := s.dial(plain)
	if err == nil {
		_, err = full.NewSession(testContext(t), nil)
	}
	wantCondition(t, err, "amqp:resource-limit-exceeded", "ConnectionsQuotaExceeded for namespace: testns.")
}
