package servicebus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"switchyard/auth"
	"switchyard/auth/authtest"
	"switchyard/broker"
)

const allRights = auth.Send | auth.Listen | auth.Manage

// links are what a client may attach to, with the rights of which any opens each
// [SB-AMQP 4.3].
var links = []struct {
	address string
	sends   bool
	need    auth.Rights
}{
	{"q", true, auth.Send},
	{"q", false, auth.Listen},
	{"q/$DeadLetterQueue", false, auth.Listen},
	{"q/$management", true, auth.Send | auth.Listen},
	{"q/$management", false, auth.Send | auth.Listen},
	{"q/$DeadLetterQueue/$management", true, auth.Send | auth.Listen},
	{"t", true, auth.Send},
	{"t/$management", true, auth.Send | auth.Listen},
	{"t/Subscriptions/s", false, auth.Listen},
	{"t/Subscriptions/s/$DeadLetterQueue", false, auth.Listen},
	{"t/Subscriptions/s/$management", true, auth.Send | auth.Listen},
	{"other", true, auth.Send},
	{"other", false, auth.Listen},
	{"q/below", true, auth.Send}, // another queue
}

// requests are the operations of $management, with their right, on an entity that has them.
var requests = []struct {
	operation, on string
	need          auth.Rights
}{
	{"peek-message", "q", auth.Listen},
	{"renew-lock", "q", auth.Listen},
	{"receive-by-sequence-number", "q", auth.Listen},
	{"update-disposition", "q", auth.Listen},
	{"batch-delete-messages", "q", auth.Listen},
	{"renew-session-lock", "q", auth.Listen},
	{"get-session-state", "q", auth.Listen},
	{"set-session-state", "q", auth.Listen},
	{"get-message-sessions", "q", auth.Listen},
	{"schedule-message", "q", auth.Send},
	{"cancel-scheduled-message", "q", auth.Send},
	{"schedule-message", "t", auth.Send},
	{"peek-message", "t", auth.Listen},
	{"peek-message", "t/Subscriptions/s", auth.Listen},
	{"enumerate-rules", "t/Subscriptions/s", auth.Listen},
	{"add-rule", "t/Subscriptions/s", auth.Listen},
	{"remove-rule", "t/Subscriptions/s", auth.Listen},
}

// TestRightsOfEverything: each link and each operation, with each combination of rights, of a
// rule of the namespace, the queue or the topic, shown as a token and, of the namespace, as a
// key.
func TestRightsOfEverything(t *testing.T) {
	s := newServer(t)
	for _, q := range []string{"q", "other", "q/below"} {
		s.queue(q, broker.QueueOptions{})
	}
	s.topic("t", broker.TopicOptions{}, "s")
	const host = "sb://testns.servicebus.windows.net/"
	for _, level := range []string{"", "q", "t"} {
		for _, rights := range []auth.Rights{auth.Send, auth.Listen, auth.Send | auth.Listen, allRights} {
			name := fmt.Sprintf("rule%d", rights)
			s.rule(level, name, "key"+level, rights)
			test := func(t *testing.T, conn *amqp.Conn) {
				session := s.newSession(conn)
				for _, k := range links {
					want := rights&k.need != 0 && covers(level, k.address)
					var err error
					if k.sends {
						var sender *amqp.Sender
						if sender, err = session.NewSender(testContext(t), k.address, nil); err == nil {
							err = sender.Close(testContext(t))
						}
					} else {
						var r *amqp.Receiver
						if r, err = session.NewReceiver(testContext(t), k.address, nil); err == nil {
							err = r.Close(testContext(t))
						}
					}
					if (err == nil) != want {
						t.Errorf("attach to %s, sending %t: %v, want it allowed: %t", k.address, k.sends, err, want)
					}
					if !want {
						wantCondition(t, err, "amqp:unauthorized-access", "claim(s) are required to perform this operation.")
					}
				}
				for _, on := range []string{"q", "t", "t/Subscriptions/s"} {
					if !covers(level, on) {
						continue
					}
					rpc := newRPC(t, s.newSession(conn), on+"/$management")
					for _, q := range requests {
						if q.on != on {
							continue
						}
						p := rpc.call(map[string]any{"operation": "com.microsoft:" + q.operation}, map[string]any{}).ApplicationProperties
						if refused := p["statusCode"] == int32(401) && fmt.Sprint(p["errorCondition"]) == "amqp:unauthorized-access"; refused == (rights&q.need != 0) {
							t.Errorf("%s of %s: %v %v, want it allowed: %t", q.operation, on, p["statusCode"], p["errorCondition"], rights&q.need != 0)
						}
					}
				}
			}
			t.Run(fmt.Sprintf("token of %q with %v", level, rights), func(t *testing.T) {
				conn, err := s.dial(amqp.SASLTypeAnonymous())
				if err != nil {
					t.Fatal(err)
				}
				token := authtest.FormatSAS(host+level, name, "key"+level, time.Now().Add(time.Hour))
				cbs := newRPC(t, s.newSession(conn), "$cbs")
				if p := cbs.call(putToken(host+level), token).ApplicationProperties; p["status-code"] != int32(202) {
					t.Fatalf("put-token: %v", p)
				}
				test(t, conn)
			})
			if level == "" {
				t.Run(fmt.Sprintf("key of the namespace with %v", rights), func(t *testing.T) {
					conn, err := s.dial(amqp.SASLTypePlain(name, "key"))
					if err != nil {
						t.Fatal(err)
					}
					test(t, conn)
				})
			}
		}
	}
}

// covers reports whether a rule of an entity is one for an address.
func covers(level, address string) bool {
	switch level {
	case "q":
		return address != "q/below" && address[0] == 'q'
	case "t":
		return address[0] == 't'
	}
	return true
}

func putToken(audience string) map[string]any {
	return map[string]any{"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": audience}
}

// TestTokenRenewed: links live on when a later token has come before the first is over, and
// end with the last one. A connection may go on with a new token after that.
func TestTokenRenewed(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	const audience = "sb://testns.servicebus.windows.net/q"
	conn, err := s.dial(amqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	cbs := newRPC(t, s.newSession(conn), "$cbs")
	put := func(lasts time.Duration) {
		t.Helper()
		token := authtest.FormatSAS(audience, auth.DefaultRuleName, auth.DevelopmentKey, s.clock.Now().Add(lasts))
		if p := cbs.call(putToken(audience), token).ApplicationProperties; p["status-code"] != int32(202) {
			t.Fatalf("put-token: %v", p)
		}
	}
	put(20 * time.Minute)
	session := s.newSession(conn)
	attach := func() (*amqp.Sender, *amqp.Receiver) {
		t.Helper()
		sender, err := session.NewSender(testContext(t), "q", nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := session.NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Credit: 10, RequestedSenderSettleMode: amqp.SenderSettleModeSettled.Ptr()})
		if err != nil {
			t.Fatal(err)
		}
		return sender, r
	}
	sender, r := attach()
	for range 3 {
		s.clock.advance(15 * time.Minute)
		put(20 * time.Minute)
		if err := sender.Send(testContext(t), amqp.NewMessage([]byte("m")), nil); err != nil {
			t.Fatalf("after a renewal: %v", err)
		}
		if _, err := r.Receive(testContext(t), nil); err != nil {
			t.Fatalf("after a renewal: %v", err)
		}
	}
	s.clock.advance(21 * time.Minute)
	_, err = r.Receive(testContext(t), nil)
	wantCondition(t, err, "amqp:unauthorized-access", "ExpiredToken: The token is expired. Expiration time:")
	for err = nil; err == nil; { // the detach may come later
		err = sender.Send(testContext(t), amqp.NewMessage([]byte("late")), nil)
	}
	wantCondition(t, err, "amqp:unauthorized-access", "ExpiredToken: The token is expired. Expiration time:")
	_, err = session.NewSender(testContext(t), "q", nil)
	wantCondition(t, err, "amqp:unauthorized-access", "'Send' claim(s) are required")
	put(20 * time.Minute)
	attach()
}
