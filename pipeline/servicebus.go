package pipeline

import (
	"switchyard/value"
)

// This file reads our extensions. Their properties are a closed set: what is not
// listed here is refused, because nobody else gives it a meaning.

// textOrExpression reports a member that is neither text nor an expression.
func (r *reader) textOrExpression(n node, names ...string) {
	for _, name := range names {
		v, ok := r.get(n, name, false)
		if _, isText := v.(string); ok && !isText && !isExpression(v) {
			r.errorf(n.path(name), "is %s, want text or an expression", kindOf(v))
		}
	}
}

// scalars reports a member that is not an object of scalars and expressions.
func (r *reader) scalars(n node, name string) {
	v, ok := r.get(n, name, false)
	if !ok || isExpression(v) {
		return
	}
	o := r.object(n, name, false)
	for _, m := range o.Members() {
		switch m.Value.(type) {
		case nil, value.Array:
			r.errorf(o.path(m.Name), "is %s, want text, a number, a boolean or an expression", kindOf(m.Value))
		case *value.Object:
			if !isExpression(m.Value) {
				r.errorf(o.path(m.Name), "is an object, want text, a number, a boolean or an expression")
			}
		}
	}
}

func (r *reader) serviceBusSend(a *Activity, tp node) {
	r.known(tp, "queueName", "body", "contentType", "subject", "correlationId", "messageId", "sessionId",
		"applicationProperties", "timeToLive", "settle")
	r.busService(a)
	r.textOrExpression(tp, "queueName", "contentType", "subject", "correlationId", "messageId", "sessionId", "timeToLive")
	r.scalars(tp, "applicationProperties")
	if v, ok := r.get(tp, "timeToLive", false); ok && !isExpression(v) {
		if s, isText := v.(string); isText {
			if d, err := ParseTimespan(s); err != nil {
				r.errorf(tp.path("timeToLive"), "%v", err)
			} else if d <= 0 {
				r.errorf(tp.path("timeToLive"), "is %s, want more than 0", s)
			}
		}
	}
	v, ok := r.get(tp, "settle", false)
	switch {
	case !ok || isExpression(v):
	default:
		if _, many := v.(value.Array); many {
			for _, s := range r.objects(tp, "settle", false) {
				r.settlement(s, "sequenceNumber")
			}
		} else if s := r.object(tp, "settle", false); s.Object != nil {
			r.settlement(s, "sequenceNumber")
		}
	}
}

func (r *reader) serviceBusSettle(a *Activity, tp node) {
	r.busService(a)
	_, number := r.get(tp, "sequenceNumber", false)
	_, token := r.get(tp, "lockToken", false)
	if number && token {
		r.errorf(tp.path("lockToken"), "stands beside sequenceNumber; give one of the two")
	}
	r.settlement(tp, "sequenceNumber", "lockToken", "propertiesToModify")
}

// busService checks that an activity that talks to the bus says to which. A
// settlement may leave it out: its messages come from the trigger's own queue.
func (r *reader) busService(a *Activity) {
	if a.LinkedService == nil && a.Is(ServiceBusSend) {
		r.errorf(a.Path+".linkedServiceName", "is missing")
	}
}

var settleOutcomes = [...]string{"Complete", "Abandon", "Defer", "DeadLetter"}

// settlement checks the properties with which a message is settled. extra are
// the properties allowed beside outcome, reason and description.
func (r *reader) settlement(n node, extra ...string) {
	r.known(n, append([]string{"outcome", "reason", "description"}, extra...)...)
	if extra[0] == "sequenceNumber" && len(extra) == 1 {
		r.get(n, "sequenceNumber", true)
		r.get(n, "outcome", true)
	}
	if v, ok := r.get(n, "sequenceNumber", false); ok && !isExpression(v) {
		if i, isInteger := v.(int64); !isInteger {
			r.errorf(n.path("sequenceNumber"), "is %s, want an integer or an expression", kindOf(v))
		} else if i < 1 {
			r.errorf(n.path("sequenceNumber"), "is %d, want at least 1", i)
		}
	}
	r.textOrExpression(n, "outcome", "reason", "description", "lockToken")
	r.scalars(n, "propertiesToModify")
	v, _ := r.get(n, "outcome", false)
	outcome, isText := v.(string)
	if !isText || isExpression(outcome) {
		return
	}
	ok := false
	for _, o := range settleOutcomes {
		ok = ok || o == outcome
	}
	if !ok {
		r.errorf(n.path("outcome"), "%q is none of Complete, Abandon, Defer, DeadLetter", outcome)
		return
	}
	if outcome != "DeadLetter" {
		for _, name := range []string{"reason", "description"} {
			if _, there := r.get(n, name, false); there {
				r.errorf(n.path(name), "belongs to the outcome DeadLetter, the outcome is %s", outcome)
			}
		}
	}
	if _, there := r.get(n, "propertiesToModify", false); there && outcome == "Complete" {
		r.errorf(n.path("propertiesToModify"), "has no meaning for the outcome Complete")
	}
}

func (r *reader) serviceBusConnection(tp node) *ServiceBusConnection {
	r.known(tp, "fullyQualifiedNamespace", "connectionString")
	c := &ServiceBusConnection{}
	var byName, byString bool
	c.FullyQualifiedNamespace, byName = r.get(tp, "fullyQualifiedNamespace", false)
	c.ConnectionString, byString = r.get(tp, "connectionString", false)
	r.textOrExpression(tp, "fullyQualifiedNamespace")
	if _, isText := c.ConnectionString.(string); byString && !isText && !isExpression(c.ConnectionString) {
		if _, secure := SecureString(c.ConnectionString); !secure {
			r.errorf(tp.path("connectionString"), "is neither text nor a SecureString object; other kinds of secrets are not supported")
		}
	}
	if byName == byString {
		r.errorf(tp.at, "needs fullyQualifiedNamespace or connectionString, one of the two")
	}
	return c
}

func (r *reader) serviceBusTrigger(tp node) *ServiceBusTrigger {
	r.known(tp, "linkedServiceName", "queueName", "maxMessages", "maxWaitTime", "maxConcurrentRuns", "retry")
	retry := r.object(tp, "retry", false)
	r.known(retry, "firstDelay", "maxDelay")
	t := &ServiceBusTrigger{
		LinkedService:     r.reference(tp, "linkedServiceName", "LinkedServiceReference", true),
		QueueName:         r.text(tp, "queueName", true),
		MaxMessages:       r.integer(tp, "maxMessages", 1, 1, MaxTriggerMessages),
		MaxWaitTime:       r.timespan(tp, "maxWaitTime", 0, maxTriggerBatchWait),
		MaxConcurrentRuns: r.integer(tp, "maxConcurrentRuns", 1, 1, MaxConcurrentRuns),
		FirstDelay:        r.timespan(retry, "firstDelay", DefaultFirstDelay, maxTriggerRetryWait),
		MaxDelay:          r.timespan(retry, "maxDelay", DefaultMaxDelay, maxTriggerRetryWait),
	}
	if isExpression(t.QueueName) {
		r.errorf(tp.path("queueName"), "is an expression, want a name")
	}
	if t.FirstDelay > t.MaxDelay {
		r.errorf(retry.path("firstDelay"), "is %s, more than maxDelay %s", FormatTimespan(t.FirstDelay), FormatTimespan(t.MaxDelay))
	}
	return t
}
