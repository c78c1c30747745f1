package activity

import (
	"context"
	"strconv"
	"strings"

	"switchyard/pipeline"
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
		return Result{Err: failf(codeNotSupported, "The activity type '%s' is not supported: there is no "+
			"Service Bus.", c.ActivityType)}
	}
	send, settles, fail := parseSend(c)
	if fail != nil {
		return Result{Err: fail}
	}
	if c.Rerun { // which sends all the same, if nothing is left to settle
		for _, s := range settles {
			if r := settledBefore(c, s); r.Err != nil {
				return r
			}
		}
		settles = nil
	}
	ops := []Op{send}
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
		return Result{Err: failf(codeNotSupported, "The activity type '%s' is not supported: there is no "+
			"Service Bus.", c.ActivityType)}
	}
	s, fail := parseSettlement(c)
	if fail != nil {
		return Result{Err: fail}
	}
	if c.Rerun {
		return settledBefore(c, s)
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

func parseSend(c *Call) (Send, []Settle, *Error) {
	in := open(c, pipeline.ServiceBusSend)
	s := Send{Endpoint: endpoint(c, in.fail)}
	m := &s.Message
	for _, t := range []struct {
		name string
		to   *string
	}{
		{"queueName", &s.Queue}, {"contentType", &m.ContentType}, {"subject", &m.Subject},
		{"correlationId", &m.CorrelationID}, {"messageId", &m.MessageID}, {"sessionId", &m.SessionID},
		{"to", &m.To}, {"replyTo", &m.ReplyTo},
	} {
		*t.to, _ = in.text(t.name)
	}
	if s.Queue == "" {
		in.invalid("The property 'queueName' of a ServiceBusSend activity is required.")
	}
	if m.MessageID == "" {
		m.MessageID = c.ActivityRunID
	}
	if d, ttl, ok := in.timespan("timeToLive"); ok {
		if m.TimeToLive = d; d <= 0 {
			in.invalid("The value '%s' of 'timeToLive' must be positive.", ttl)
		}
	}
	m.ApplicationProperties = in.scalars("applicationProperties")
	m.setBody(in)
	settles := parseSettles(c, in)
	return s, settles, in.end()
}

func (m *OutMessage) setBody(in *input) {
	usual := "application/json"
	switch body, _ := in.Value("body"); b := body.(type) {
	case nil:
		return
	case string:
		m.Body, usual = []byte(b), "text/plain"
	default:
		m.Body = value.Append(nil, b)
	}
	if m.ContentType == "" {
		m.ContentType = usual
	}
}

// endpoint reads the activity's linked service of type AzureServiceBus.
func endpoint(c *Call, fail *failure) Endpoint {
	l := c.LinkedService
	if l == nil {
		fail.set(failf(codeInvalid, "The activity '%s' needs a linked service of type AzureServiceBus.",
			c.ActivityName))
		return Endpoint{}
	}
	if !strings.EqualFold(l.Type, pipeline.TypeAzureServiceBus) {
		fail.set(failf(codeInvalid, "The linked service '%s' has the type '%s'; "+
			"the activity '%s' needs AzureServiceBus.",
			l.Name, l.Type, c.ActivityName))
		return Endpoint{}
	}
	ep, err := EndpointOf(c.Factory, l.Name, l.TypeProperties)
	if err != nil {
		fail.set(err)
	}
	return ep
}

// EndpointOf reads the resolved typeProperties of a factory's linked service of type
// AzureServiceBus.
func EndpointOf(factory, name string, typeProperties *value.Object) (Endpoint, *Error) {
	in := readInput(typeProperties, "a linked service")
	if host, _ := in.text("fullyQualifiedNamespace"); host != "" || in.fail.err != nil {
		return Endpoint{Factory: factory, FullyQualifiedNamespace: host}, in.fail.err
	}
	if _, ok := in.Value("connectionString"); ok {
		return Endpoint{Factory: factory, ConnectionString: in.secret("connectionString")}, in.fail.err
	}
	return Endpoint{}, failf(codeInvalid,
		"The linked service '%s' has neither 'fullyQualifiedNamespace' nor 'connectionString'.", name)
}

// parseSettles reads the settle member of a send: one settlement or a list.
func parseSettles(c *Call, in *input) []Settle {
	v, ok := in.Value("settle")
	if !ok {
		return nil
	}
	list, ok := v.(value.Array)
	if !ok {
		list = value.Array{v}
	}
	settles := make([]Settle, 0, len(list))
	for _, v := range list {
		o, ok := v.(*value.Object)
		if !ok {
			in.invalid("The value of 'settle' must be an object or an array of objects.")
			return nil
		}
		one := in.inside(o, "'settle'")
		one.Only(in.row.Property("settle").MemberNames()...)
		settles = append(settles, parseSettle(c, one))
	}
	return settles
}

var settleOutcome = pipeline.LookupActivityType(pipeline.ServiceBusSettle).Property("outcome")

// parseSettlement reads the input of a ServiceBusSettle activity.
func parseSettlement(c *Call) (Settle, *Error) {
	in := open(c, pipeline.ServiceBusSettle)
	s := parseSettle(c, in)
	return s, in.end()
}

func parseSettle(c *Call, in *input) Settle {
	if len(c.Binding) == 0 && !c.Rerun {
		in.invalid("The run was not started by messages: there is nothing to settle.")
	}
	s := Settle{Binding: c.Binding}
	s.LockToken, _ = in.text("lockToken")
	s.Reason, _ = in.text("reason")
	s.Description, _ = in.text("description")
	if s.Shown = s.Reason; s.Reason != "" && c.Mask != nil {
		s.Shown = c.Mask(s.Reason)
	}
	if number, ok := in.text("sequenceNumber"); ok {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n <= 0 {
			in.invalid("The value '%s' of 'sequenceNumber' must be a positive integer.", number)
		}
		s.SequenceNumber, s.LockToken = n, ""
	} else if s.LockToken == "" {
		in.invalid("The property 'sequenceNumber' or 'lockToken' of %s is required.", in.what)
	}
	outcome, _ := in.text("outcome")
	if s.Outcome = Outcome(oneOf(settleOutcome, outcome)); s.Outcome == "" {
		in.invalid("The value '%s' of 'outcome' must be Complete, Abandon, Defer or DeadLetter.", outcome)
	}
	if s.Outcome != DeadLetter && (s.Reason != "" || s.Description != "") {
		in.invalid("The properties 'reason' and 'description' are for the outcome DeadLetter only.")
	}
	s.PropertiesToModify = in.scalars("propertiesToModify")
	if s.Outcome == Complete && s.PropertiesToModify.Len() > 0 {
		in.invalid("The property 'propertiesToModify' is not for the outcome Complete.")
	}
	return s
}
