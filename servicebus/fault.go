package servicebus

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
	"switchyard/broker"
	"switchyard/commit"
)

// The conditions of Service Bus beside those of AMQP [SB-AMQP 10].
const (
	condDeadLetter         encoding.Symbol = "com.microsoft:dead-letter" // an outcome, not a fault
	condMessageLockLost    encoding.Symbol = "com.microsoft:message-lock-lost"
	condMessageNotFound    encoding.Symbol = "com.microsoft:message-not-found"
	condEntityDisabled     encoding.Symbol = "com.microsoft:entity-disabled"
	condArgumentError      encoding.Symbol = "com.microsoft:argument-error"
	condArgumentOutOfRange encoding.Symbol = "com.microsoft:argument-out-of-range"
	condEntityExists       encoding.Symbol = "com.microsoft:entity-already-exists"
	condSessionLockLost    encoding.Symbol = "com.microsoft:session-lock-lost"
	condSessionHeld        encoding.Symbol = "com.microsoft:session-cannot-be-locked"
	condSessionNotFound    encoding.Symbol = "com.microsoft:session-not-found"
	condTimeout            encoding.Symbol = "com.microsoft:timeout"
	condServerBusy         encoding.Symbol = "com.microsoft:server-busy"
)

// A fault is an error as a client sees it: a condition on links, dispositions
// and responses, a status code in responses [SB-AMQP 9.2], and a text.
type fault struct {
	condition encoding.Symbol
	status    int32
	text      string // in which [conn.words] replaces the marks
}

func (f *fault) Error() string { return string(f.condition) + ": " + f.text }

// statusFinal is the status of refusals that are this server's own and stay as they
// are however often they are asked for. A response's condition says what it is: for
// Python, JavaScript, Java and .NET amqp:not-implemented and amqp:not-allowed are final.
// Go's library looks at the number alone, and at others than 401, 404 and 410 it makes a
// new connection and tries again for the best part of a minute [SB-AMQP 9.2].
const statusFinal = 404

// The texts that client libraries and log parsers know.
const (
	textLockLost = "The lock supplied is invalid. Either the lock expired, or the message has already been " +
		"removed from the queue, or was received by a different receiver instance."
	textNotFound    = "Failed to lock one or more specified messages. The message does not exist."
	textDisabled    = "The messaging entity is disabled for this operation."
	textSessionLost = "The session lock has expired on the MessageSession. Accept a new MessageSession."
	textNoSessions  = "A sessionful message receiver cannot be created on an entity that does not require sessions. " +
		"Ensure RequiresSession is set to true when creating a Queue or Subscription to enable sessionful behavior."
	textNeedsSession = "It is not possible for an entity that requires sessions to create a non-sessionful message receiver."
	textFull         = "The maximum entity size has been reached or exceeded."
	textMore         = "For more information please see https://aka.ms/ServiceBusExceptions ."
	textForwarded    = "Cannot create a message receiver on an entity with auto-forwarding enabled."
)

// faults is the one table from the errors of other packages to what clients see.
// An empty text means the error's own.
var faults = []struct {
	err       error
	condition encoding.Symbol
	status    int32
	text      string
}{
	{broker.ErrNamespaceNotFound, frames.ErrNotFound, 404, ""},
	{broker.ErrEntityNotFound, frames.ErrNotFound, 404, ""},
	{broker.ErrEntityDeleted, frames.ErrNotFound, 404, ""},
	{broker.ErrRuleNotFound, frames.ErrNotFound, 404, ""},
	{broker.ErrEntityExists, condEntityExists, 409, ""},
	{broker.ErrNotReceivable, frames.ErrNotAllowed, 400, ""},
	{broker.ErrTooManyConsumers, frames.ErrResourceLimitExceeded, 403, ""},
	{broker.ErrEntityDisabled, condEntityDisabled, 400, textDisabled},
	{broker.ErrEntityInUse, frames.ErrNotAllowed, 400, ""},
	{broker.ErrMessageNotFound, condMessageNotFound, 404, textNotFound},
	{broker.ErrMessageLockLost, condMessageLockLost, 410, textLockLost},
	{broker.ErrSessionLockLost, condSessionLockLost, 410, textSessionLost},
	{broker.ErrSessionHeld, condSessionHeld, 410, ""},
	{broker.ErrNoSessions, frames.ErrNotAllowed, 400, textNoSessions},
	{broker.ErrSessionRequired, frames.ErrNotAllowed, 400, textNeedsSession},
	{broker.ErrForwarded, frames.ErrNotAllowed, 400, textForwarded},
	{broker.ErrNoDestination, frames.ErrNotFound, 404, ""},
	{broker.ErrNoSessionID, frames.ErrNotAllowed, 400, broker.TextNoSessionID},
	{broker.ErrQuotaExceeded, frames.ErrResourceLimitExceeded, 403, textFull},
	{broker.ErrMessageTooLarge, frames.ErrMessageSizeExceeded, 403, ""},
	{broker.ErrInvalidArgument, condArgumentError, 400, ""},
	{broker.ErrNotAllowed, frames.ErrNotAllowed, 400, ""},
	{broker.ErrTransactionScope, frames.ErrNotAllowed, 400, "Local transactions cannot span multiple entities or partitions."},
	{broker.ErrPartitionKey, frames.ErrNotAllowed, 400, ""},
	{broker.ErrTransactionFull, frames.ErrResourceLimitExceeded, 403, "Cannot send more than 100 messages in a single transaction."},
	{broker.ErrTransactionSettlements, frames.ErrResourceLimitExceeded, 403, ""},
	{broker.ErrNotSupported, frames.ErrNotAllowed, statusFinal, ""},
	// A condition that every client takes as final: trying again reads the same.
	{broker.ErrDamaged, frames.ErrNotAllowed, statusFinal, ""},
	{commit.ErrFull, frames.ErrResourceLimitExceeded, 403, ""}, // as a full entity: final for every library
	{broker.ErrClosed, condServerBusy, 503, "The service is shutting down."},

	{auth.ErrExpired, frames.ErrUnauthorizedAccess, 401, ""},
	{auth.ErrSignature, frames.ErrUnauthorizedAccess, 401, textSignature},
	{auth.ErrUnknownKey, frames.ErrUnauthorizedAccess, 401, textSignature},
	{auth.ErrScope, frames.ErrUnauthorizedAccess, 401, ""},
	{auth.ErrMalformed, frames.ErrUnauthorizedAccess, 401, ""},
	{auth.ErrNotYetValid, frames.ErrUnauthorizedAccess, 401, ""},
	{auth.ErrIssuer, frames.ErrUnauthorizedAccess, 401, ""},
	{auth.ErrNoBearer, frames.ErrUnauthorizedAccess, 401, ""},
	{auth.ErrRuleNotFound, frames.ErrNotFound, 404, ""},
	{auth.ErrInvalidRule, condArgumentError, 400, ""},
	{auth.ErrTooManyRules, frames.ErrResourceLimitExceeded, 403, ""},
	{auth.ErrConnectionString, condArgumentError, 400, ""},

	{errAddress, frames.ErrNotFound, 404, ""},
	{errMessage, condArgumentError, 400, ""},
}

// faultOf translates an error. An error that no row names is an internal one.
func faultOf(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if missing, ok := errors.AsType[*broker.MissingError](err); ok {
		return &fault{condMessageNotFound, 404, missingText(missing)}
	}
	if disabled, ok := errors.AsType[*broker.DisabledError](err); ok {
		return &fault{condEntityDisabled, 400, disabledText(disabled)}
	}
	if full, ok := errors.AsType[*broker.FullError](err); ok {
		return &fault{frames.ErrResourceLimitExceeded, 403, fullText(full)}
	}
	for _, row := range faults {
		if errors.Is(err, row.err) {
			text := row.text
			if text == "" {
				text = err.Error()
			}
			return &fault{row.condition, row.status, text}
		}
	}
	return &fault{frames.ErrInternalError, 500, "The service was unable to process the request: " + err.Error()}
}

// Marks in texts, for what is known only where a text is written to a client.
const (
	markURI  = "\x00uri\x00"  // the entity's URI
	markName = "\x00name\x00" // of the form ns:Queue:q
	markFull = "\x00full\x00" // as Queue: 'NS:QUEUE:q'
)

// disabledText says that an entity is disabled, as the service does [SB-AMQP 3.5].
func disabledText(e *broker.DisabledError) string {
	if e.Sends && e.Status == broker.StatusSendDisabled {
		return "Messaging entity '" + markName + "' is currently disabled for Send operations."
	}
	return "Messaging entity '" + markURI + "' is currently disabled. " + textMore
}

// fullText says how full an entity is, as the service does [SB-SEM 11].
func fullText(e *broker.FullError) string {
	return fmt.Sprintf("The maximum entity size has been reached or exceeded for %s. Size of entity in bytes:%d, "+
		"Max entity size in bytes: %d. %s QuotaType: EntitySize", markFull, e.Bytes, e.Max, textMore)
}

// words returns the text of a fault for an address.
func (c *conn) words(f *fault, a address) string {
	if !strings.Contains(f.text, "\x00") {
		return f.text
	}
	kind := "Queue"
	if _, err := c.h.broker.Topic(c.ns, a.entity); err == nil {
		kind = "Topic"
	}
	return strings.NewReplacer(markURI, c.uri(a.queue()), markName, c.ns+":"+kind+":"+a.queue(),
		markFull, c.full(kind, a)).Replace(f.text)
}

// full names what is full: what a subscription holds is its topic's.
func (c *conn) full(kind string, a address) string {
	path := a.queue()
	if topic, _, ok := broker.SplitSubscription(path); ok {
		kind, path = "Topic", topic
	}
	return kind + ": '" + strings.ToUpper(c.ns+":"+kind) + ":" + path + "'"
}

// missingText names scheduled messages that are not there, as the service does.
func missingText(e *broker.MissingError) string {
	var b strings.Builder
	for i, n := range e.SequenceNumbers {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, n)
	}
	return "Messages not found. Missing sequence numbers: " + b.String()
}

// notSupported is the fault for what this server does not have. What names it:
// "Transactions are". The condition is amqp:not-implemented in the answer to a request;
// for what is asked of a link or with a message it is amqp:not-allowed, which every
// client takes as final: the other is tried again for the best part of a minute.
func notSupported(condition encoding.Symbol, what string) *fault {
	return &fault{condition, statusFinal, what + " not supported by this server."}
}
