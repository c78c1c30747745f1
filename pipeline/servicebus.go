package pipeline

import (
	"slices"

	"switchyard/value/read"
)

// The types of our extensions.
const (
	ServiceBusSend        = "ServiceBusSend"
	ServiceBusSettle      = "ServiceBusSettle"
	TypeServiceBusTrigger = "ServiceBusTrigger"
	TypeAzureServiceBus   = "AzureServiceBus"
)

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// settlement are the properties with which a message is settled.
var settlement = []Property{
	{Name: "sequenceNumber", Kind: IntegerProperty, Min: 1, Required: true, Or: "lockToken",
		Doc: "which message of the batch that started the run"},
	{Name: "lockToken", Kind: TextProperty, Doc: "names the message in place of `sequenceNumber`"},
	{Name: "outcome", Kind: TextProperty, Required: true,
		Values: []string{"Complete", "Abandon", "Defer", "DeadLetter"},
		Doc:    "what becomes of the message, whatever becomes of the run"},
	{Name: "reason", Kind: TextProperty, Doc: "of `DeadLetter`"},
	{Name: "description", Kind: TextProperty, Doc: "of `DeadLetter`"},
	{Name: "propertiesToModify", Kind: ScalarsProperty,
		Doc: "merged into the application properties; not for `Complete`"},
}

// checkSettlement checks what the properties of a settlement say together.
func checkSettlement(n *read.Members) {
	_, number := n.Value("sequenceNumber")
	_, token := n.Value("lockToken")
	if number && token {
		n.Fail("lockToken", "stands beside sequenceNumber; give one of the two")
	}
	v, _ := n.Value("outcome")
	outcome, _ := v.(string)
	if !contains(property(settlement, "outcome").Values, outcome) {
		return // an expression, or reported
	}
	if outcome != "DeadLetter" {
		for _, name := range []string{"reason", "description"} {
			if _, there := n.Value(name); there {
				n.Fail(name, "belongs to the outcome DeadLetter, the outcome is %s", outcome)
			}
		}
	}
	if _, there := n.Value("propertiesToModify"); there && outcome == "Complete" {
		n.Fail("propertiesToModify", "has no meaning for the outcome Complete")
	}
}

// checkConnection checks what a linked service of our type points at.
func checkConnection(tp *read.Members) {
	tp.Only("fullyQualifiedNamespace", "connectionString")
	_, byName := tp.Value("fullyQualifiedNamespace")
	secret, byString := tp.Value("connectionString")
	(&Property{Name: "fullyQualifiedNamespace", Kind: TextProperty}).validate(tp)
	if _, isText := secret.(string); byString && !isText && !isExpression(secret) {
		_, secure := SecureString(secret)
		_, inVault := KeyVaultSecret(secret)
		if !secure && !inVault {
			tp.Fail("connectionString", "is neither text nor a SecureString or AzureKeyVaultSecret object;"+
				" other kinds of secrets are not supported")
		}
	}
	if byName == byString {
		tp.FailObject("needs fullyQualifiedNamespace or connectionString, one of the two")
	}
}

func serviceBusTrigger(tp *read.Members) *ServiceBusTrigger {
	tp.Only("linkedServiceName", "queueName", "maxMessages", "maxWaitTime", "maxConcurrentRuns", "retry")
	retry := object(tp, "retry")
	retry.Only("firstDelay", "maxDelay")
	t := &ServiceBusTrigger{
		LinkedService:     requiredReference(tp, "linkedServiceName", "LinkedServiceReference"),
		QueueName:         tp.RequiredString("queueName"),
		MaxMessages:       integer(tp, "maxMessages", 1, 1, MaxTriggerMessages),
		MaxWaitTime:       timespan(tp, "maxWaitTime", 0, maxTriggerBatchWait),
		MaxConcurrentRuns: integer(tp, "maxConcurrentRuns", 1, 1, MaxConcurrentRuns),
		FirstDelay:        timespan(retry, "firstDelay", DefaultFirstDelay, maxTriggerRetryWait),
		MaxDelay:          timespan(retry, "maxDelay", DefaultMaxDelay, maxTriggerRetryWait),
	}
	if isExpression(t.QueueName) {
		tp.Fail("queueName", "is an expression, want a name")
	}
	if t.FirstDelay > t.MaxDelay {
		retry.Fail("firstDelay", "is %s, more than maxDelay %s",
			FormatTimespan(t.FirstDelay), FormatTimespan(t.MaxDelay))
	}
	return t
}
