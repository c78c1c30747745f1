package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/Azure/go-amqp"
)

// TestExplain: what went wrong, where and what to do, and nothing of an SDK's notation.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{context.DeadlineExceeded, "send to q at h:1: no answer in time; is it stopped or overloaded?"},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "no answer in time"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "nobody listens there; start a Switchyard with switchyard up"},
		{&net.DNSError{Name: "nowhere.example", Err: "no such host"}, "the name nowhere.example is not known"},
		{errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority"), "its certificate is not trusted; SSL_CERT_FILE"},
		{errors.New("tls: first record does not look like a TLS handshake"), "it does not speak TLS there"},
		{errors.New("amqp: EOF"), "the connection was closed"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "the connection was closed"},
		{&amqp.LinkError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondNotFound,
			Description: "The messaging entity 'sb://ns/q' could not be found. To know more visit https://aka.ms/sbResourceMgrExceptions.  TrackingId:1, SystemTracker:x"}},
			"The messaging entity 'sb://ns/q' could not be found; switchyard status lists what is there"},
		{&amqp.Error{Condition: amqp.ErrCondUnauthorizedAccess, Description: "Unauthorized access. 'Send' claim(s) are required to perform this operation."},
			"'Send' claim(s) are required to perform this operation; the key of the connection string needs that right"},
		{&amqp.Error{Condition: "amqp:internal-error"}, "it answered amqp:internal-error"},
		{errors.New("(connlost): *Error{Condition: amqp:not-allowed, Description: Message sessions are not supported by this version. TrackingId:2, Info: map[]}"),
			"send to q at h:1: Message sessions are not supported by this version"},
		{&amqp.LinkError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondNotAllowed,
			Description: "Cannot create a message receiver on an entity with auto-forwarding enabled. TrackingId:3"}},
			"its messages go on to another queue or topic, so nobody can receive or peek at them here; look there, or take ForwardTo"},
		{errors.New("(notfound): rpc: failed, status code 404 and description: The entity is gone. Reference:x"), "The entity is gone"},
		{&amqp.ConnError{}, "the server stopped answering: the connection was closed"},
		{&amqp.ConnError{RemoteErr: &amqp.Error{Condition: amqp.ErrCondConnectionForced, Description: "bye"}}, "the server stopped answering"},
		{ErrStoppedAnswering, "the server stopped answering: the link was lost; is it being stopped?"},
		{errors.New("SASL PLAIN auth failed with code 0x1: "), "access is refused; is the key of the connection string right?"},
		{fmt.Errorf("wrapped: %w", errors.New("several\nlines of\ttext")), "wrapped: several lines of text"},
	} {
		err := Explain("send to q", "h:1", c.err)
		text := err.Error()
		if !strings.HasPrefix(text, "send to q at h:1: ") || !strings.Contains(text, c.want) || strings.ContainsAny(text, "\n{}") || strings.Contains(text, "TrackingId") {
			t.Errorf("%v:\n got %s\nwant %s", c.err, text, c.want)
		}
		if again := Explain("more", "x", fmt.Errorf("after 3: %w", err)); !strings.Contains(again.Error(), "after 3: send to q at h:1: ") || strings.Contains(again.Error(), "more") {
			t.Errorf("explained twice: %v", again)
		}
	}
	if Explain("x", "y", nil) != nil {
		t.Error("no error is explained as one")
	}
	if err := Explain("x", "y", context.DeadlineExceeded); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a time-out is none any more")
	}
	if _, ok := errors.AsType[*NotRunningError](Explain("x", "y", syscall.ECONNREFUSED)); !ok {
		t.Error("a refused connection is not one of a Switchyard that does not run")
	}
}

// TestParseEntity: queues, and subscriptions in any spelling of the word.
func TestParseEntity(t *testing.T) {
	for path, want := range map[string]string{
		"q": "q", "a/b": "a/b", "t/subscriptions/s": "t/Subscriptions/s", "a/b/Subscriptions/s": "a/b/Subscriptions/s", "subscriptions": "subscriptions",
		"q/$deadletterqueue": "q/$DeadLetterQueue", "t/subscriptions/s/$DeadLetterQueue": "t/Subscriptions/s/$DeadLetterQueue",
		"q/$transfer/$deadletterqueue": "q/$Transfer/$DeadLetterQueue", "t/subscriptions/s/$Transfer/$DeadLetterQueue": "t/Subscriptions/s/$Transfer/$DeadLetterQueue",
		"$Transfer/$DeadLetterQueue": "error", "/$Transfer/$DeadLetterQueue": "error",
		"a b": "error", "a%20": "error", "it's": "error", "q/$Transfer": "error", "$DeadLetterQueue": "error", "t/subscriptions/a b": "error",
		"": "error", "t/subscriptions/": "error", "t/subscriptions": "error", "t/subscriptions/a/b": "error",
	} {
		e, err := ParseEntity(path)
		got := e.Path()
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, %v, want %s", path, got, err, want)
		}
	}
}
