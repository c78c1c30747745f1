package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"
)

// ErrStoppedAnswering is the error of a request under which the connection was lost.
var ErrStoppedAnswering = errors.New("the server stopped answering")

// A ServiceError is what became of a request to a Service Bus namespace or to the
// Resource Manager, in words for people: what was tried, where, why not, and what to do.
type ServiceError struct {
	What, Where, Why, Do string
	err                  error
}

func (e *ServiceError) Error() string {
	s := e.What
	if e.Where != "" {
		s += " at " + e.Where
	}
	s += ": " + e.Why
	if e.Do != "" {
		s += "; " + e.Do
	}
	return s
}

// Unwrap returns what the error was made of.
func (e *ServiceError) Unwrap() error { return e.err }

// Explain makes a [*ServiceError] of what an SDK, a connection or a time-out said about
// a request. Nothing of an SDK's own notation is left.
func Explain(what, where string, err error) error {
	if err == nil {
		return nil
	}
	if done := (*ServiceError)(nil); errors.As(err, &done) {
		return err
	}
	if done := (*NotRunningError)(nil); errors.As(err, &done) {
		return err
	}
	e := &ServiceError{What: what, Where: where, err: err}
	for _, explain := range []func(*ServiceError) bool{explainTimeout, explainNet, explainLost, explainAMQP, explainText} {
		if explain(e) {
			break
		}
	}
	return e
}

func explainTimeout(e *ServiceError) bool {
	var late net.Error
	switch {
	case errors.Is(e.err, context.DeadlineExceeded):
	case errors.As(e.err, &late) && late.Timeout():
		e.err = errors.Join(context.DeadlineExceeded, e.err) // one kind for all who ask
	default:
		return false
	}
	e.Why = "no answer in time"
	e.Do = "is it stopped or overloaded? its log tells; --timeout waits longer"
	return true
}

func explainNet(e *ServiceError) bool {
	text := e.err.Error()
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(e.err, syscall.ECONNREFUSED) || strings.Contains(text, "connection refused"):
		e.Why, e.Do = "nobody listens there", "start a Switchyard with switchyard up, or name another one"
		e.err = &NotRunningError{}
	case errors.As(e.err, &dns):
		e.Why, e.Do = "the name "+dns.Name+" is not known", "is the connection string right?"
	case errors.As(e.err, &certificate) || strings.Contains(text, "x509:"):
		e.Why = "its certificate is not trusted"
		e.Do = "SSL_CERT_FILE names the authorities to trust, as switchyard env prints it"
	case errors.As(e.err, &record) || strings.Contains(text, "first record does not look like a TLS"):
		e.Why, e.Do = "it does not speak TLS there", "is the port right, or UseDevelopmentEmulator=true missing?"
	case errors.Is(e.err, syscall.ECONNRESET) || errors.Is(e.err, syscall.EPIPE) || strings.HasSuffix(text, ": EOF") ||
		text == "EOF" || strings.Contains(text, "connection reset by peer"):
		e.lost("the connection was closed")
	default:
		return false
	}
	return true
}

// lost says that the connection ended under the request.
func (e *ServiceError) lost(how string) {
	e.Why, e.Do = "the server stopped answering: "+how, "is it being stopped? its log tells"
	e.err = errors.Join(ErrStoppedAnswering, e.err)
}

// explainLost tells of a connection that ended without a word, or with the words that the
// server is being stopped.
func explainLost(e *ServiceError) bool {
	var conn *amqp.ConnError
	var session *amqp.SessionError
	var link *amqp.LinkError
	var sdk *azservicebus.Error
	switch {
	case errors.Is(e.err, ErrStoppedAnswering):
		e.lost("the link was lost")
	case errors.As(e.err, &conn) && (conn.RemoteErr == nil || conn.RemoteErr.Condition == amqp.ErrCondConnectionForced),
		errors.As(e.err, &session) && session.RemoteErr == nil, errors.As(e.err, &link) && link.RemoteErr == nil:
		e.lost("the connection was closed")
	case errors.As(e.err, &sdk) && sdk.Code == azservicebus.CodeConnectionLost && !otherWords(e.err.Error()):
		e.lost("the connection was lost")
	default:
		return false
	}
	return true
}

// otherWords reports whether an error of the SDK has words of the server that say more
// than that it is being stopped.
func otherWords(text string) bool {
	m := sdkError.FindStringSubmatch(text)
	return m != nil && m[1] != string(amqp.ErrCondConnectionForced)
}

// remedies say what to do by the condition of an AMQP error.
var remedies = map[string]string{
	"amqp:unauthorized-access":               "the key of the connection string needs that right: Send to send, Listen to receive",
	"amqp:not-found":                         "switchyard status lists what is there",
	"amqp:resource-deleted":                  "switchyard status lists what is there",
	"amqp:resource-limit-exceeded":           "receive or purge messages, or make the entity larger",
	"amqp:link:message-size-exceeded":        "send it smaller, or make the limit of the entity larger",
	"com.microsoft:message-lock-lost":        "it comes again; what works longer on it renews its lock",
	"com.microsoft:session-lock-lost":        "what was not completed of it comes again",
	"com.microsoft:session-cannot-be-locked": "it is free when that gives it back, or when its lock ends",
	"com.microsoft:entity-disabled":          "set its status to Active",
	"com.microsoft:server-busy":              "try again in a moment",
	"com.microsoft:timeout":                  "try again, or wait longer with --wait",
	"com.microsoft:message-not-found":        "switchyard peek shows what is there",
	"com.microsoft:argument-error":           "",
	"amqp:not-allowed":                       "",
	"amqp:not-implemented":                   "",
	"com.microsoft:operation-cancelled":      "try again",
}

// sdkError is how the SDK for Go prints an AMQP error that it does not give away; its
// replies from $management are the second.
var (
	sdkError = regexp.MustCompile(`(?s)\*Error\{Condition: ([^,]*), Description: (.*?), Info: `)
	rpcError = regexp.MustCompile(`(?s)rpc: failed, status code \d+ and description: (.*)$`)
	tail     = regexp.MustCompile(`(?s)\s*(To know more visit|For more information|TrackingId:|Reference:|SystemTracker:).*$`)
	sdkCode  = regexp.MustCompile(`^\((\w+)\): `)
)

func explainAMQP(e *ServiceError) bool {
	condition, description := "", ""
	var remote *amqp.Error
	if errors.As(e.err, &remote) && remote != nil {
		condition, description = string(remote.Condition), remote.Description
	} else if m := sdkError.FindStringSubmatch(e.err.Error()); m != nil {
		condition, description = m[1], m[2]
	} else if m := rpcError.FindStringSubmatch(e.err.Error()); m != nil {
		description = m[1]
	} else {
		return false
	}
	e.Why = strings.TrimRight(sentence(tail.ReplaceAllString(description, "")), ". ")
	if e.Why == "" {
		e.Why = "it answered " + condition
	}
	var code *azservicebus.Error
	if e.Do = remedies[condition]; e.Do == "" && errors.As(e.err, &code) {
		e.Do = sdkCodes[code.Code][1]
	}
	switch {
	case strings.HasPrefix(e.Why, "The SessionId was not set"):
		e.Do = "--session ID sets it"
	case strings.Contains(e.Why, "an entity with auto-forwarding enabled"):
		e.Why = "its messages go on to another queue or topic, so nobody can receive or peek at them here"
		e.Do = "look there, or take ForwardTo or ForwardDeadLetteredMessagesTo away"
	}
	return true
}

// sdkCodes say in words what the codes of the SDK mean.
var sdkCodes = map[azservicebus.Code][2]string{
	azservicebus.CodeUnauthorizedAccess: {"access is refused", "is the key of the connection string right?"},
	azservicebus.CodeLockLost:           {"the lock of the message has ended", "it comes again"},
	azservicebus.CodeTimeout:            {"there was nothing in time", "wait longer with --wait"},
	azservicebus.CodeNotFound:           {"it is not there", "switchyard status lists what is there"},
	azservicebus.CodeClosed:             {"the link was closed", "try again"},
}

func explainText(e *ServiceError) bool {
	text := e.err.Error()
	var code *azservicebus.Error
	if errors.As(e.err, &code) {
		if words, ok := sdkCodes[code.Code]; ok {
			e.Why, e.Do = words[0], words[1]
			return true
		}
	}
	if strings.Contains(text, "SASL") {
		e.Why, e.Do = sdkCodes[azservicebus.CodeUnauthorizedAccess][0], sdkCodes[azservicebus.CodeUnauthorizedAccess][1]
		return true
	}
	e.Why = sentence(sdkCode.ReplaceAllString(text, ""))
	return true
}

// sentence makes one line of a text.
func sentence(s string) string { return strings.Join(strings.Fields(s), " ") }
