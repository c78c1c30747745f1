package activity

import (
	"context"
	"strconv"
	"strings"

	"switchyard/value"
)

// ServiceBusSend executes the extension ServiceBusSend: it sends one message
// and, with settle, settles messages of the batch that started the run, all in
// the unit that records the activity's success.
type ServiceBusSend struct{ Bus Bus }

// Execute builds the message. The message's id defaults to the activity run id,
// which the same attempt keeps over a crash.
func (x ServiceBusSend) Execute(_ context.Context, c *Call) Result {
	if x.Bus == nil {
		return Result{Err: failf(codeNotSupported, "The activity type '%s' is not supported: there is no Service Bus.", c.ActivityType)}
	}
	send, fail := parseSend(c)
	if fail != nil {
		return Result{Err: fail}
	}
	ops := []Op{send}
	settles, fail := parseSettles(c)
	if fail != nil {
		return Result{Err: fail}
	}
	for _, s := range settles {
		ops = append(ops, s)
	}
	effect, err := x.Bus.Effect(c.RunID, ops...)
	if err != nil {
		return Result{Err: ErrorFrom(CodeBusRefused, err)}
	}
	return Result{
		Output: value.NewObject(
			value.Member{Name: "messageId", Value: send.Message.MessageID},
			value.Member{Name: "queueName", Value: send.Queue}),
		Effect: effect,
	}
}

// ServiceBusSettle executes the extension ServiceBusSettle: it settles one
// message of the batch that started the run.
type ServiceBusSettle struct{ Bus Bus }

// Execute builds the settlement.
func (x ServiceBusSettle) Execute(_ context.Context, c *Call) Result {
	if x.Bus == nil {
		return Result{Err: failf(codeNotSupported, "The activity type '%s' is not supported: there is no Service Bus.", c.ActivityType)}
	}
	s, fail := parseSettle(c, c.Input, "a ServiceBusSettle activity")
	if fail != nil {
		return Result{Err: fail}
	}
	effect, err := x.Bus.Effect(c.RunID, s)
	if err != nil {
		return Result{Err: ErrorFrom(CodeBusRefused, err)}
	}
	out := &value.Object{}
	if s.SequenceNumber != 0 {
		out.Set("sequenceNumber", s.SequenceNumber)
	} else {
		out.Set("lockToken", s.LockToken)
	}
	out.Set("outcome", string(s.Outcome))
	return Result{Output: out, Effect: effect}
}

// CodeBusRefused is the error code of an operation that the bus refuses: the
// queue isn't there, is full, or the run doesn't hold the message any more.
const CodeBusRefused = "ServiceBusOperationFailed"

func parseSend(c *Call) (Send, *Error) {
	in := c.Input
	if fail := only(in, "a ServiceBusSend activity", "queueName", "body", "contentType", "subject", "correlationId",
		"messageId", "sessionId", "applicationProperties", "timeToLive", "settle"); fail != nil {
		return Send{}, fail
	}
	endpoint, fail := endpoint(c)
	if fail != nil {
		return Send{}, fail
	}
	s := Send{Endpoint: endpoint}
	m := &s.Message
	for _, t := range []struct {
		name string
		to   *string
	}{
		{"queueName", &s.Queue}, {"contentType", &m.ContentType}, {"subject", &m.Subject},
		{"correlationId", &m.CorrelationID}, {"messageId", &m.MessageID}, {"sessionId", &m.SessionID},
	} {
		if *t.to, _, fail = text(in, t.name); fail != nil {
			return Send{}, fail
		}
	}
	if s.Queue == "" {
		return Send{}, failf(codeInvalid, "The property 'queueName' of a ServiceBusSend activity is required.")
	}
	if m.MessageID == "" {
		m.MessageID = c.ActivityRunID
	}
	if ttl, ok, fail := text(in, "timeToLive"); fail != nil {
		return Send{}, fail
	} else if ok {
		if m.TimeToLive, fail = timespan("timeToLive", ttl); fail != nil {
			return Send{}, fail
		}
		if m.TimeToLive <= 0 {
			return Send{}, failf(codeInvalid, "The value '%s' of 'timeToLive' must be positive.", ttl)
		}
	}
	if m.ApplicationProperties, fail = properties(in, "applicationProperties"); fail != nil {
		return Send{}, fail
	}
	body, _ := in.Lookup("body")
	switch b := body.(type) {
	case nil:
	case string:
		m.Body = []byte(b)
		if m.ContentType == "" {
			m.ContentType = "text/plain"
		}
	default:
		m.Body = value.Append(nil, b)
		if m.ContentType == "" {
			m.ContentType = "application/json"
		}
	}
	return s, nil
}

// properties returns an object of scalars, as AMQP application properties are.
func properties(in *value.Object, name string) (*value.Object, *Error) {
	o, fail := object(in, name)
	if fail != nil {
		return nil, fail
	}
	for _, m := range o.Members() {
		switch m.Value.(type) {
		case value.Array, *value.Object:
			return nil, failf(codeInvalid, "The value of '%s' in '%s' must be a string, a number, a boolean or null.", m.Name, name)
		}
	}
	return o, nil
}

// endpoint reads the activity's linked service of type AzureServiceBus.
func endpoint(c *Call) (Endpoint, *Error) {
	l := c.LinkedService
	if l == nil {
		return Endpoint{}, failf(codeInvalid, "The activity '%s' needs a linked service of type AzureServiceBus.", c.ActivityName)
	}
	if !strings.EqualFold(l.Type, "AzureServiceBus") {
		return Endpoint{}, failf(codeInvalid, "The linked service '%s' has the type '%s'; the activity '%s' needs AzureServiceBus.", l.Name, l.Type, c.ActivityName)
	}
	return EndpointOf(l.Name, l.TypeProperties)
}

// EndpointOf reads the resolved typeProperties of a linked service of type
// AzureServiceBus.
func EndpointOf(name string, typeProperties *value.Object) (Endpoint, *Error) {
	host, _, fail := text(typeProperties, "fullyQualifiedNamespace")
	if fail != nil {
		return Endpoint{}, fail
	}
	if host != "" {
		return Endpoint{FullyQualifiedNamespace: host}, nil
	}
	if v, ok := typeProperties.Lookup("connectionString"); ok && v != nil {
		s, fail := secret(typeProperties, "connectionString")
		return Endpoint{ConnectionString: s}, fail
	}
	return Endpoint{}, failf(codeInvalid, "The linked service '%s' has neither 'fullyQualifiedNamespace' nor 'connectionString'.", name)
}

// parseSettles reads the settle member of a send: one settlement or a list.
func parseSettles(c *Call) ([]Settle, *Error) {
	v, ok := c.Input.Lookup("settle")
	if !ok || v == nil {
		return nil, nil
	}
	list, ok := v.(value.Array)
	if !ok {
		list = value.Array{v}
	}
	settles := make([]Settle, 0, len(list))
	for _, v := range list {
		o, ok := v.(*value.Object)
		if !ok {
			return nil, failf(codeInvalid, "The value of 'settle' must be an object or an array of objects.")
		}
		s, fail := parseSettle(c, o, "'settle'")
		if fail != nil {
			return nil, fail
		}
		settles = append(settles, s)
	}
	return settles, nil
}

func parseSettle(c *Call, in *value.Object, what string) (Settle, *Error) {
	if fail := only(in, what, "sequenceNumber", "lockToken", "outcome", "reason", "description", "propertiesToModify"); fail != nil {
		return Settle{}, fail
	}
	if len(c.Binding) == 0 {
		return Settle{}, failf(codeInvalid, "The run was not started by messages: there is nothing to settle.")
	}
	s := Settle{Binding: c.Binding}
	var fail *Error
	for _, t := range []struct {
		name string
		to   *string
	}{{"lockToken", &s.LockToken}, {"reason", &s.Reason}, {"description", &s.Description}} {
		if *t.to, _, fail = text(in, t.name); fail != nil {
			return Settle{}, fail
		}
	}
	number, ok, fail := text(in, "sequenceNumber")
	if fail != nil {
		return Settle{}, fail
	}
	if ok {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n <= 0 {
			return Settle{}, failf(codeInvalid, "The value '%s' of 'sequenceNumber' must be a positive integer.", number)
		}
		s.SequenceNumber, s.LockToken = n, ""
	} else if s.LockToken == "" {
		return Settle{}, failf(codeInvalid, "The property 'sequenceNumber' or 'lockToken' of %s is required.", what)
	}
	outcome, _, fail := text(in, "outcome")
	if fail != nil {
		return Settle{}, fail
	}
	for _, o := range []Outcome{Complete, Abandon, Defer, DeadLetter} {
		if strings.EqualFold(outcome, string(o)) {
			s.Outcome = o
		}
	}
	if s.Outcome == "" {
		return Settle{}, failf(codeInvalid, "The value '%s' of 'outcome' must be Complete, Abandon, Defer or DeadLetter.", outcome)
	}
	if s.Outcome != DeadLetter && (s.Reason != "" || s.Description != "") {
		return Settle{}, failf(codeInvalid, "The properties 'reason' and 'description' are for the outcome DeadLetter only.")
	}
	if s.PropertiesToModify, fail = properties(in, "propertiesToModify"); fail != nil {
		return Settle{}, fail
	}
	if s.Outcome == Complete && s.PropertiesToModify.Len() > 0 {
		return Settle{}, failf(codeInvalid, "The property 'propertiesToModify' is not for the outcome Complete.")
	}
	return s, nil
}
