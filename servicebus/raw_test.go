package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/auth/authtest"
	"switchyard/broker"
	"switchyard/servicebus"
)

// dial connects a plain AMQP client.
func (s *server) dial(sasl amqp.SASLType) (*amqp.Conn, error) {
	conn, err := amqp.Dial(testContext(s.t), "amqp://"+s.addr, &amqp.ConnOptions{SASLType: sasl, HostName: "testns.servicebus.windows.net"})
	if err == nil {
		s.t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// session opens a session of a connection that has the root rule's rights.
func (s *server) session() *amqp.Session {
	s.t.Helper()
	conn, err := s.dial(amqp.SASLTypePlain(auth.DefaultRuleName, auth.DevelopmentKey))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.newSession(conn)
}

func (s *server) newSession(conn *amqp.Conn) *amqp.Session {
	s.t.Helper()
	session, err := conn.NewSession(testContext(s.t), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return session
}

// An rpc is a pair of links for requests and responses.
type rpc struct {
	t        *testing.T
	sender   *amqp.Sender
	receiver *amqp.Receiver
}

func newRPC(t *testing.T, session *amqp.Session, address string) *rpc {
	t.Helper()
	sender, err := session.NewSender(testContext(t), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := session.NewReceiver(testContext(t), address, &amqp.ReceiverOptions{TargetAddress: "reply", Credit: 10})
	if err != nil {
		t.Fatal(err)
	}
	return &rpc{t, sender, receiver}
}

func (r *rpc) call(properties map[string]any, body any) *amqp.Message {
	r.t.Helper()
	m := &amqp.Message{Properties: &amqp.MessageProperties{MessageID: uint64(7), ReplyTo: ptr("reply")}, ApplicationProperties: properties, Value: body}
	if err := r.sender.Send(testContext(r.t), m, nil); err != nil {
		r.t.Fatal(err)
	}
	answer, err := r.receiver.Receive(testContext(r.t), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if answer.Properties.CorrelationID != uint64(7) || *answer.Properties.To != "reply" {
		r.t.Errorf("response properties = %+v, want correlation id 7 and to \"reply\"", answer.Properties)
	}
	return answer
}

func wantCondition(t *testing.T, err error, condition, text string) {
	t.Helper()
	remote := new(amqp.Error)
	var link *amqp.LinkError
	var conn *amqp.ConnError
	switch {
	case errors.As(err, &link) && link.RemoteErr != nil:
		remote = link.RemoteErr
	case errors.As(err, &conn) && conn.RemoteErr != nil:
		remote = conn.RemoteErr
	case errors.As(err, &remote):
	}
	if string(remote.Condition) != condition || !strings.Contains(remote.Description, text) {
		t.Errorf("error = %v, want condition %q with %q", err, condition, text)
	}
}

func TestPlain(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.rule("", "send-only", "k", auth.Send)
	sender, err := s.session().NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(testContext(t), amqp.NewMessage([]byte("m")), nil); err != nil {
		t.Fatal(err)
	}
	s.counts("q", 1, 0)

	conn, err := s.dial(amqp.SASLTypePlain("send-only", "k"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.newSession(conn).NewReceiver(testContext(t), "q", nil)
	wantCondition(t, err, "amqp:unauthorized-access", "'Listen' claim(s) are required")

	if _, err := s.dial(amqp.SASLTypePlain("send-only", "wrong")); err == nil {
		t.Error("a wrong key is accepted")
	}
}

// The key of another namespace's rule of the same name gives nothing here.
func TestPlainOfAnotherNamespace(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	if err := s.broker.PutNamespace(context.Background(), "otherns", broker.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.authority.PutRule("otherns", "", auth.AuthorizationRule{Name: auth.DefaultRuleName, PrimaryKey: "other", Rights: auth.Send | auth.Listen | auth.Manage}); err != nil {
		t.Fatal(err)
	}
	conn, err := s.dial(amqp.SASLTypePlain(auth.DefaultRuleName, "other"))
	if err == nil {
		var session *amqp.Session
		if session, err = conn.NewSession(testContext(t), nil); err == nil {
			_, err = session.NewSender(testContext(t), "q", nil)
		}
	}
	if err == nil {
		t.Error("the key of another namespace is accepted")
	}
}

func TestAttachWithoutToken(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	conn, err := s.dial(amqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.newSession(conn).NewSender(testContext(t), "q", nil)
	wantCondition(t, err, "amqp:unauthorized-access", "Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: 'sb://testns.servicebus.windows.net/q'.")
	_, err = s.newSession(conn).NewSender(testContext(t), "q/$management", nil)
	wantCondition(t, err, "amqp:unauthorized-access", "claim(s) are required")
}

func TestOneTokenPair(t *testing.T) {
	s := newServer(t)
	conn, err := s.dial(amqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	first := newRPC(t, s.newSession(conn), "$cbs")
	other := s.newSession(conn)
	_, err = other.NewSender(testContext(t), "$cbs", nil)
	wantCondition(t, err, "amqp:not-allowed", "")
	_, err = other.NewReceiver(testContext(t), "$cbs", nil)
	wantCondition(t, err, "amqp:not-allowed", "")
	if err := first.sender.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := first.receiver.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	newRPC(t, other, "$cbs")
}

func TestPutToken(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	conn, err := s.dial(amqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	cbs := newRPC(t, s.newSession(conn), "$cbs")
	const host = "sb://testns.servicebus.windows.net/"
	sas := func(resource, key string, expires time.Time) string {
		return authtest.FormatSAS(resource, auth.DefaultRuleName, key, expires)
	}
	soon := time.Now().Add(time.Hour)
	const kind = "servicebus.windows.net:sastoken"
	tests := []struct {
		name                  string
		operation, kind, aud  string
		token                 any
		want                  int32
		text                  string
		wantSenderAfterwardOK bool
	}{
		{"unknown operation", "get-token", kind, host + "q", "x", 400, "get-token", false},
		{"no audience", "put-token", kind, "", "x", 400, "'name'", false},
		{"no token", "put-token", kind, host + "q", int32(1), 400, "token", false},
		{"unknown type", "put-token", "basic", host + "q", "x", 400, "basic", false},
		{"jwt", "put-token", "jwt", host + "q", "eyJ.eyJ.x", 401, "'jwt' are not supported", false},
		{"malformed", "put-token", kind, host + "q", "SharedAccessSignature sr=x", 401, "MalformedToken", false},
		{"wrong key", "put-token", kind, host + "q", sas(host+"q", "wrong", soon), 401, "InvalidSignature", false},
		{"other audience", "put-token", kind, host + "q", sas(host+"other", auth.DevelopmentKey, soon), 401, "InvalidAudience", false},
		{"expired", "put-token", kind, host + "q", sas(host+"q", auth.DevelopmentKey, time.Now().Add(-time.Second)), 401, "ExpiredToken: The token is expired. Expiration time:", false},
		{"missing queue", "put-token", kind, host + "nowhere", sas(host+"nowhere", auth.DevelopmentKey, soon), 404, "The messaging entity 'sb://testns.servicebus.windows.net/nowhere' could not be found.", false},
		{"missing queue, wrong key", "put-token", kind, host + "nowhere", sas(host+"nowhere", "wrong", soon), 401, "InvalidSignature", false},
		{"called a jwt, wrong key", "put-token", "jwt", host + "q", sas(host+"q", "wrong", soon), 401, "InvalidSignature", false},
		{"called a jwt, as Python does", "put-token", "jwt", host + "q", sas(host+"q", auth.DevelopmentKey, soon), 202, "Accepted", true},
		{"accepted", "put-token", kind, host + "q", sas(host+"q", auth.DevelopmentKey, soon), 202, "Accepted", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := cbs.call(map[string]any{"operation": tt.operation, "type": tt.kind, "name": tt.aud}, tt.token)
			code, text := answer.ApplicationProperties["status-code"], fmt.Sprint(answer.ApplicationProperties["status-description"])
			if code != tt.want || !strings.HasPrefix(text, tt.text) && !strings.Contains(text, tt.text) {
				t.Errorf("status %v (%T) %q, want %d with %q", code, code, text, tt.want, tt.text)
			}
			sender, err := s.newSession(conn).NewSender(testContext(t), "q", nil)
			if (err == nil) != tt.wantSenderAfterwardOK {
				t.Errorf("attach afterwards = %v, want success: %v", err, tt.wantSenderAfterwardOK)
			}
			if sender != nil {
				sender.Close(testContext(t))
			}
		})
	}
}

func TestManagementRefuses(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	m := newRPC(t, s.session(), "/Q/$Management")
	tests := []struct {
		name, operation string
		body            any
		want            int32
		condition, text string
	}{
		{"schedule nothing", "com.microsoft:schedule-message", map[string]any{"messages": []any{}}, 400, "com.microsoft:argument-error", "messages"},
		{"schedule what is no map", "com.microsoft:schedule-message", map[string]any{"messages": []any{"x"}}, 400, "com.microsoft:argument-error", "list of maps"},
		{"schedule without bytes", "com.microsoft:schedule-message", map[string]any{"messages": []any{map[string]any{"message-id": "a"}}}, 400, "com.microsoft:argument-error", "'message'"},
		{"schedule what is no message", "com.microsoft:schedule-message", map[string]any{"messages": []any{map[string]any{"message": []byte{1}}}}, 400, "com.microsoft:argument-error", "invalid message"},
		{"cancel what is not scheduled", "com.microsoft:cancel-scheduled-message", map[string]any{"sequence-numbers": []int64{7, 9}}, 404, "com.microsoft:message-not-found", "Messages not found. Missing sequence numbers: 7, 9"},
		{"sessions without a page", "com.microsoft:get-message-sessions", map[string]any{}, 400, "com.microsoft:argument-error", "skip"},
		{"sessions without a time", "com.microsoft:get-message-sessions", map[string]any{"skip": int32(0), "top": int32(1)}, 400, "com.microsoft:argument-error", "last-updated-time"},
		{"session lock", "com.microsoft:renew-session-lock", map[string]any{"session-id": "s"}, 410, "com.microsoft:session-lock-lost", "The session lock has expired on the MessageSession. Accept a new MessageSession."},
		{"session state of none", "com.microsoft:set-session-state", map[string]any{}, 400, "com.microsoft:argument-error", "session-id"},
		{"session that is a number", "com.microsoft:get-session-state", map[string]any{"session-id": int32(1)}, 400, "com.microsoft:argument-error", "session-id"},
		{"rules of a queue", "com.microsoft:add-rule", map[string]any{}, 400, "amqp:not-allowed", "it is not a subscription"},
		{"unknown", "com.microsoft:fly", map[string]any{}, 404, "amqp:not-implemented", "com.microsoft:fly"},
		{"none", "", map[string]any{}, 404, "amqp:not-implemented", "''"},
		{"peek without a map", "com.microsoft:peek-message", "x", 400, "com.microsoft:argument-error", "map"},
		{"peek none", "com.microsoft:peek-message", map[string]any{"from-sequence-number": int64(1), "message-count": int32(0)}, 400, "com.microsoft:argument-out-of-range", "message-count"},
		{"renew without tokens", "com.microsoft:renew-lock", map[string]any{}, 400, "com.microsoft:argument-error", "lock-tokens"},
		{"renew unknown token", "com.microsoft:renew-lock", map[string]any{"lock-tokens": []amqp.UUID{{1}}}, 410, "com.microsoft:message-lock-lost", "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue"},
		{"settle unknown token", "com.microsoft:update-disposition", map[string]any{"lock-tokens": []amqp.UUID{{1}}, "disposition-status": "completed"}, 410, "com.microsoft:message-lock-lost", "The lock supplied is invalid."},
		{"unknown outcome", "com.microsoft:update-disposition", map[string]any{"lock-tokens": []amqp.UUID{{1}}, "disposition-status": "forgotten"}, 400, "com.microsoft:argument-error", "forgotten"},
		{"no such deferred message", "com.microsoft:receive-by-sequence-number", map[string]any{"sequence-numbers": []int64{1}, "receiver-settle-mode": uint32(1)}, 404, "com.microsoft:message-not-found", "Failed to lock one or more specified messages. The message does not exist."},
		{"unknown mode", "com.microsoft:receive-by-sequence-number", map[string]any{"sequence-numbers": []int64{1}, "receiver-settle-mode": uint32(2)}, 400, "com.microsoft:argument-out-of-range", "receiver-settle-mode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := m.call(map[string]any{"operation": tt.operation, "com.microsoft:tracking-id": "track-me"}, tt.body)
			p := answer.ApplicationProperties
			if p["statusCode"] != tt.want || p["status-code"] != tt.want || p["errorCondition"] != tt.condition && fmt.Sprint(p["errorCondition"]) != tt.condition {
				t.Errorf("response = %v, want status %d, condition %q", p, tt.want, tt.condition)
			}
			text := fmt.Sprint(p["statusDescription"])
			if !strings.Contains(text, tt.text) || !strings.Contains(text, " TrackingId:track-me_G") || !strings.Contains(text, "SystemTracker:testns:Queue:Q") || p["status-description"] != p["statusDescription"] || p["com.microsoft:tracking-id"] != "track-me" {
				t.Errorf("response = %v, want %q with the request's tracking id", p, tt.text)
			}
		})
	}
	answer := m.call(map[string]any{"operation": "com.microsoft:peek-message"}, map[string]any{"from-sequence-number": uint32(1), "message-count": int64(5)})
	if p := answer.ApplicationProperties; p["statusCode"] != int32(204) {
		t.Errorf("peek of an empty queue = %v, want status 204", p)
	}
}

func TestAttachRefuses(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("off", broker.QueueOptions{Status: broker.StatusDisabled})
	s.topic("topic", broker.TopicOptions{}, "s")
	s.topic("offtopic", broker.TopicOptions{Status: broker.StatusSendDisabled})
	session := s.session()
	receiver := func(address string, o *amqp.ReceiverOptions) error {
		_, err := session.NewReceiver(testContext(t), address, o)
		return err
	}
	sender := func(address string, o *amqp.SenderOptions) error {
		_, err := session.NewSender(testContext(t), address, o)
		return err
	}
	tests := []struct {
		name            string
		err             error
		condition, text string
	}{
		{"missing queue", receiver("nowhere", nil), "amqp:not-found", "The messaging entity 'sb://testns.servicebus.windows.net/nowhere' could not be found. To know more visit https://aka.ms/sbResourceMgrExceptions. "},
		{"missing queue, sender", sender("amqps://ns/nowhere", nil), "amqp:not-found", "could not be found"},
		{"subscription", receiver("t/Subscriptions/s", nil), "amqp:not-found", "could not be found"},
		{"receiver on a topic", receiver("topic", nil), "amqp:not-allowed", "a topic can't be received from"},
		{"sender to a subscription", sender("topic/Subscriptions/s", nil), "amqp:not-allowed", "messages are sent to its topic"},
		{"sender to a subscription's dead-letter queue", sender("topic/Subscriptions/s/$DeadLetterQueue", nil), "amqp:not-allowed", "dead-letter"},
		{"missing subscription", receiver("topic/Subscriptions/x", nil), "amqp:not-found", "could not be found"},
		{"dead-letter queue of a topic", receiver("topic/$DeadLetterQueue", nil), "amqp:not-found", "could not be found"},
		{"disabled topic", sender("offtopic", nil), "com.microsoft:entity-disabled", "disabled"},
		{"disabled, receiver", receiver("off", nil), "com.microsoft:entity-disabled", "disabled"},
		{"disabled, sender", sender("off", nil), "com.microsoft:entity-disabled", "disabled"},
		{"session filter", receiver("q", &amqp.ReceiverOptions{Filters: []amqp.LinkFilter{amqp.NewLinkFilter("com.microsoft:session-filter", 0x137000000C, "s")}}), "amqp:not-allowed", "A sessionful message receiver cannot be created on an entity that does not require sessions."},
		{"selector", receiver("q", &amqp.ReceiverOptions{Filters: []amqp.LinkFilter{amqp.NewSelectorFilter("a = 1")}}), "amqp:not-allowed", "apache.org:selector-filter:string"},
		{"send to the dead-letter queue", sender("q/$DeadLetterQueue", nil), "amqp:not-allowed", "dead-letter"},
		{"send to the transfer dead-letter queue", sender("q/$Transfer/$DeadLetterQueue", nil), "amqp:not-allowed", "dead-letter"},
		{"dynamic source", receiver("", &amqp.ReceiverOptions{DynamicAddress: true}), "amqp:not-allowed", "dynamic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantCondition(t, tt.err, tt.condition, tt.text) })
	}
}

func TestAddressForms(t *testing.T) {
	s := newServer(t)
	s.queue("Dir/Queue-1", broker.QueueOptions{})
	session := s.session()
	for _, address := range []string{"dir/queue-1", "/DIR/QUEUE-1", "dir%2Fqueue-1", "amqps://testns.servicebus.windows.net/Dir/Queue-1", "sb://anything:5671/dir/queue-1"} {
		sender, err := session.NewSender(testContext(t), address, nil)
		if err != nil {
			t.Errorf("attach to %q: %v", address, err)
			continue
		}
		if sender.Address() != address || sender.MaxMessageSize() != 256<<10 || sender.Properties()["com.microsoft:max-message-batch-size"] != uint64(256<<10) {
			t.Errorf("attach to %q is answered with address %q, max-message-size %d, properties %v", address, sender.Address(), sender.MaxMessageSize(), sender.Properties())
		}
		if err := sender.Send(testContext(t), amqp.NewMessage([]byte("m")), nil); err != nil {
			t.Errorf("send to %q: %v", address, err)
		}
	}
	s.counts("Dir/Queue-1", 5, 0)
}

// An empty batch detaches the link; the condition is ours, the text the
// service's [SB-AMQP 3.3].
func TestEmptyBatchDetaches(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	sender, err := s.session().NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = sender.Send(testContext(t), &amqp.Message{Format: 0x80013700, Properties: &amqp.MessageProperties{MessageID: "m"}}, nil)
	wantCondition(t, err, "com.microsoft:argument-error", "received a batch message with no data in it")
	s.counts("q", 0, 0)
}

func TestMessageFormatRefused(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	sender, err := s.session().NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = sender.Send(testContext(t), &amqp.Message{Format: 7, Data: [][]byte{{1}}}, nil)
	wantCondition(t, err, "amqp:not-allowed", "0x00000007")
	err = sender.Send(testContext(t), &amqp.Message{Format: 0x80013700, Data: [][]byte{{1}}}, nil)
	wantCondition(t, err, "com.microsoft:argument-error", "")
	if err := sender.Send(testContext(t), amqp.NewMessage([]byte("m")), nil); err != nil {
		t.Errorf("the link is gone after a rejection: %v", err)
	}
	s.counts("q", 1, 0)
}

func TestReleaseAndSettledByClient(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "m")
	session := s.session()
	r, err := session.NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{SettlementMode: amqp.ReceiverSettleModeFirst.Ptr(), Credit: 1})
	if err != nil {
		t.Fatal(err)
	}
	get := func() *amqp.Message {
		t.Helper()
		m, err := r.Receive(testContext(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if m.Header == nil || len(m.DeliveryTag) != 16 {
			t.Fatalf("message = %+v, want a header and a tag of 16 bytes", m)
		}
		return m
	}
	// Mode first: the client settles by itself and waits for nothing.
	for range 3 {
		m := get()
		if m.Header.DeliveryCount != 0 {
			t.Errorf("delivery count = %d, want 0: release does not count", m.Header.DeliveryCount)
		}
		if err := r.ReleaseMessage(testContext(t), m); err != nil {
			t.Fatal(err)
		}
	}
	m := get()
	if err := r.ModifyMessage(testContext(t), m, &amqp.ModifyMessageOptions{DeliveryFailed: true}); err != nil {
		t.Fatal(err)
	}
	m = get()
	if m.Header.DeliveryCount != 1 {
		t.Errorf("delivery count = %d, want 1 after abandon", m.Header.DeliveryCount)
	}
	if err := r.RejectMessage(testContext(t), m, &amqp.Error{Condition: "app:bad", Description: "why"}); err != nil {
		t.Fatal(err)
	}
	d, err := session.NewReceiver(testContext(t), "q/$DeadLetterQueue", nil)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := d.Receive(testContext(t), nil)
	if err != nil || dead.ApplicationProperties["DeadLetterReason"] != "app:bad" || dead.ApplicationProperties["DeadLetterErrorDescription"] != "why" {
		t.Errorf("dead-lettered message = %v, %v, want the condition as reason", dead, err)
	}
}

func TestDrain(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	r, err := s.session().NewReceiver(testContext(t), "q", &amqp.ReceiverOptions{Credit: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.IssueCredit(10); err != nil {
		t.Fatal(err)
	}
	if err := r.DrainCredit(testContext(t), nil); err != nil {
		t.Fatalf("drain: %v", err)
	}
	s.send("q", names(3)...) // must not be delivered: the credit is gone
	if m := r.Prefetched(); m != nil {
		t.Errorf("received %v without credit", m)
	}
	if err := r.IssueCredit(2); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if m, err := r.Receive(testContext(t), nil); err != nil || m.Properties.MessageID != names(3)[i] {
			t.Fatalf("message %d = %v, %v", i, m, err)
		}
	}
	if err := r.DrainCredit(testContext(t), nil); err != nil {
		t.Fatalf("drain without credit: %v", err)
	}
	if m := r.Prefetched(); m != nil {
		t.Errorf("received %v without credit", m)
	}
}

// TestDrainNeedsNoDisk: a drain has nothing to write, so it is answered while the disk syncs
// nothing, and a message that the credit has taken comes before the answer. It has its turn
// after what was submitted before it.
func TestDrainNeedsNoDisk(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.send("q", "m")
	w := s.wire(5000)
	w.attach(frames.RoleReceiver, "q")
	s.log.holdDisk()
	defer s.log.open()
	for _, x := range []struct{ count, credit uint32 }{{0, 10}, {10, 5}} { // with a message, and without
		w.send(frames.TypeAMQP, &frames.Flow{
			NextIncomingID: frames.Some(uint32(1)), IncomingWindow: 5000, NextOutgoingID: 1, OutgoingWindow: 100,
			Handle: frames.Some(uint32(1)), DeliveryCount: frames.Some(x.count), LinkCredit: frames.Some(x.credit), Drain: true,
		}, nil)
		if x.count == 0 {
			wantFrame[*frames.Transfer](w)
		}
		w.nc.SetReadDeadline(time.Now().Add(20 * time.Second))
		body, err := w.next()
		if f, ok := body.(*frames.Flow); !ok || !f.Drain || f.LinkCredit.Value != 0 || f.DeliveryCount.Value != x.count+x.credit {
			t.Errorf("the drain is answered with %T %+v, %v, want a flow with count %d and no credit", body, body, err, x.count+x.credit)
		}
	}
}

func TestIdleRules(t *testing.T) {
	s := newServer(t, func(o *servicebus.Options) {
		o.Idle = servicebus.Idle{Connection: time.Minute, LastLink: 5 * time.Minute, Link: 10 * time.Minute}
	})
	s.queue("q", broker.QueueOptions{})
	unused, err := s.dial(amqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	used, err := s.dial(amqp.SASLTypePlain(auth.DefaultRuleName, auth.DevelopmentKey))
	if err != nil {
		t.Fatal(err)
	}
	sender, err := s.newSession(used).NewSender(testContext(t), "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.advance(61 * time.Second)
	<-unused.Done()
	wantCondition(t, unused.Err(), "amqp:connection:forced", "The connection was inactive for more than the allowed 60000 milliseconds and is closed by container 'LinkTracker'.")

	if err := sender.Send(testContext(t), amqp.NewMessage([]byte("m")), nil); err != nil {
		t.Fatalf("a connection with a link was closed: %v", err)
	}
	s.clock.advance(9 * time.Minute)
	if err := sender.Send(testContext(t), amqp.NewMessage([]byte("m")), nil); err != nil {
		t.Fatalf("a link was detached 9 minutes after it was used: %v", err)
	}
	r, err := s.newSession(used).NewReceiver(testContext(t), "q/$DeadLetterQueue", nil)
	if err != nil {
		t.Fatal(err)
	}
	limit := testContext(t)
	for err = context.DeadlineExceeded; errors.Is(err, context.DeadlineExceeded) && limit.Err() == nil; {
		s.clock.advance(11 * time.Minute)
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_, err = r.Receive(ctx, nil)
		cancel()
	}
	wantCondition(t, err, "amqp:link:detach-forced", "AmqpMessageConsumer.IdleTimerExpired: Idle timeout: 00:10:00.")
	for used.Err() == nil && limit.Err() == nil { // the links' end may be noticed after the time has moved
		s.clock.advance(6 * time.Minute)
		select {
		case <-used.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	wantCondition(t, used.Err(), "amqp:connection:forced", "300000 milliseconds")
}

// TestTokenInTime: a connection that shows no valid token in time is closed, also with
// links to $cbs.
func TestTokenInTime(t *testing.T) {
	s := newServer(t, func(o *servicebus.Options) { o.Idle = servicebus.ServiceIdle })
	s.queue("q", broker.QueueOptions{})
	silent, err := s.dial(amqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	newRPC(t, s.newSession(silent), "$cbs")
	proven, err := s.dial(amqp.SASLTypePlain(auth.DefaultRuleName, auth.DevelopmentKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.newSession(proven).NewSender(testContext(t), "q", nil); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(21 * time.Second)
	<-silent.Done()
	wantCondition(t, silent.Err(), "amqp:connection:forced", "The connection has shown no valid token within 20000 milliseconds.")
	s.clock.advance(10 * time.Minute)
	select {
	case <-proven.Done():
		t.Errorf("a connection with a key and a link was closed: %v", proven.Err())
	default:
	}
}

// TestTokensAreSmall: before a token a client can begin no large message.
func TestTokensAreSmall(t *testing.T) {
	s := newServer(t)
	conn, err := s.dial(amqp.SASLTypeAnonymous())
	if err != nil {
		t.Fatal(err)
	}
	sender, err := s.newSession(conn).NewSender(testContext(t), "$cbs", nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := sender.MaxMessageSize(); n != 64<<10 {
		t.Errorf("max-message-size of $cbs: %d, want 65536", n)
	}
}
