package activity_test

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/commit"
	"switchyard/pipeline/activity"
	"switchyard/value"
)

// bus records what it is asked for.
type bus struct {
	run string
	ops []activity.Op
	err error
}

func (b *bus) Effect(run string, ops ...activity.Op) (commit.Effect, error) {
	b.run, b.ops = run, ops
	return b, b.err
}

func (b *bus) Stage(*commit.Unit) (func(), error) { return func() {}, nil }

func busCall(t *testing.T, typ, input string) *activity.Call {
	return &activity.Call{
		RunID: "run", ActivityName: "A", ActivityType: typ, ActivityRunID: "aid", Input: parse(t, input),
		Binding:       stdjson.RawMessage(`{"b":1}`),
		LinkedService: &activity.LinkedService{Name: "bus", Type: "AzureServiceBus", TypeProperties: parse(t, `{"fullyQualifiedNamespace":"ns.example"}`)},
	}
}

func TestServiceBusSend(t *testing.T) {
	b := &bus{}
	res := activity.ServiceBusSend{Bus: b}.Execute(context.Background(), busCall(t, "ServiceBusSend", `{"queueName":"q","body":{"a":1},"subject":"s",
		"applicationProperties":{"p":1,"z":null},"timeToLive":"1.00:00:01","settle":[{"sequenceNumber":7,"outcome":"complete"},{"sequenceNumber":"8","outcome":"DeadLetter","reason":"r","description":"d"}]}`))
	if res.Err != nil || res.Effect == nil {
		t.Fatalf("got effect %v, error %v", res.Effect, res.Err)
	}
	if got, want := json(res.Output), `{"messageId":"aid","queueName":"q"}`; got != want {
		t.Errorf("output: got %s, want %s", got, want)
	}
	send, ok := b.ops[0].(activity.Send)
	m := send.Message
	if !ok || b.run != "run" || send.Queue != "q" || send.Endpoint.FullyQualifiedNamespace != "ns.example" || m.MessageID != "aid" ||
		m.Subject != "s" || string(m.Body) != `{"a":1}` || m.ContentType != "application/json" || m.TimeToLive != 24*time.Hour+time.Second || m.ApplicationProperties.Len() != 2 {
		t.Errorf("send: got %+v for run %q", send, b.run)
	}
	var settles []string
	for _, op := range b.ops[1:] {
		s := op.(activity.Settle)
		settles = append(settles, fmt.Sprintf("%d %s %q %q %s", s.SequenceNumber, s.Outcome, s.Reason, s.Description, s.Binding))
	}
	if got, want := fmt.Sprint(settles), `[7 Complete "" "" {"b":1} 8 DeadLetter "r" "d" {"b":1}]`; got != want {
		t.Errorf("settlements: got %s, want %s", got, want)
	}

	activity.ServiceBusSend{Bus: b}.Execute(context.Background(), busCall(t, "ServiceBusSend",
		`{"queueName":"q","body":1,"settle":{"lockToken":"t","outcome":"Abandon","propertiesToModify":{"tries":2}}}`))
	if s, _ := b.ops[1].(activity.Settle); s.LockToken != "t" || s.Outcome != activity.Abandon || json(s.PropertiesToModify) != `{"tries":2}` {
		t.Errorf("settlement by lock token: got %+v", s)
	}

	activity.ServiceBusSend{Bus: b}.Execute(context.Background(), busCall(t, "ServiceBusSend", `{"queueName":"q","body":"{}","messageId":"mine"}`))
	if m := b.ops[0].(activity.Send).Message; string(m.Body) != "{}" || m.ContentType != "text/plain" || m.MessageID != "mine" {
		t.Errorf("text body: got %+v", m)
	}
}

func TestServiceBusRefusals(t *testing.T) {
	send, settle := activity.ServiceBusSend{Bus: &bus{}}.Execute, activity.ServiceBusSettle{Bus: &bus{}}.Execute
	for _, c := range []struct {
		name   string
		x      activity.Executor
		input  string
		change func(*activity.Call)
		want   string
	}{
		{"no queue", send, `{"body":"x"}`, nil, "'queueName'"},
		{"unknown property", send, `{"queueName":"q","partitionKey":"k"}`, nil, "'partitionKey'"},
		{"nested application property", send, `{"queueName":"q","applicationProperties":{"a":{}}}`, nil, "'a'"},
		{"negative time to live", send, `{"queueName":"q","timeToLive":"00:00:00"}`, nil, "positive"},
		{"no linked service", send, `{"queueName":"q"}`, func(c *activity.Call) { c.LinkedService = nil }, "linked service"},
		{"other linked service", send, `{"queueName":"q"}`, func(c *activity.Call) { c.LinkedService.Type = "AzureBlobStorage" }, "AzureBlobStorage"},
		{"settle without messages", settle, `{"sequenceNumber":1,"outcome":"Complete"}`, func(c *activity.Call) { c.Binding = nil }, "not started by messages"},
		{"settle without a name", settle, `{"outcome":"Complete"}`, nil, "'lockToken'"},
		{"settle with a bad number", settle, `{"sequenceNumber":"x","outcome":"Complete"}`, nil, "'x'"},
		{"unknown outcome", settle, `{"sequenceNumber":1,"outcome":"Drop"}`, nil, "'Drop'"},
		{"reason without dead-letter", settle, `{"sequenceNumber":1,"outcome":"Abandon","reason":"r"}`, nil, "DeadLetter"},
		{"properties of a completed message", settle, `{"sequenceNumber":1,"outcome":"Complete","propertiesToModify":{"a":1}}`, nil, "propertiesToModify"},
		{"no bus", activity.ServiceBusSend{}.Execute, `{"queueName":"q"}`, nil, "no Service Bus"},
		{"bus refuses", activity.ServiceBusSend{Bus: &bus{err: errors.New("queue q not found")}}.Execute, `{"queueName":"q"}`, nil, "queue q not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := busCall(t, "ServiceBusX", c.input)
			if c.change != nil {
				c.change(call)
			}
			res := c.x(context.Background(), call)
			if res.Err == nil || !strings.Contains(res.Err.Message, c.want) || res.Effect != nil {
				t.Errorf("got effect %v, error %v, want an error with %q", res.Effect, res.Err, c.want)
			}
		})
	}
}

func TestServiceBusSettle(t *testing.T) {
	b := &bus{}
	x := activity.ServiceBusSettle{Bus: b}
	res := x.Execute(context.Background(), busCall(t, "ServiceBusSettle", `{"sequenceNumber":3,"outcome":"Defer","propertiesToModify":{"k":"v"}}`))
	s := b.ops[0].(activity.Settle)
	if got, want := json(res.Output), `{"sequenceNumber":3,"outcome":"Defer"}`; res.Err != nil || got != want {
		t.Errorf("output: got %s, %v, want %s", got, res.Err, want)
	}
	if v, _ := s.PropertiesToModify.Get("k"); s.SequenceNumber != 3 || s.Outcome != activity.Defer || v != "v" {
		t.Errorf("settle: got %+v", s)
	}
	res = x.Execute(context.Background(), busCall(t, "ServiceBusSettle", `{"lockToken":"T","outcome":"Abandon"}`))
	if s := b.ops[0].(activity.Settle); res.Err != nil || s.LockToken != "T" || s.SequenceNumber != 0 {
		t.Errorf("by lock token: got %+v, %v", s, res.Err)
	}
}

func TestEndpointOf(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"fullyQualifiedNamespace":"h"}`, "{f h }"},
		{`{"connectionString":"Endpoint=sb://h/"}`, "{f  Endpoint=sb://h/}"},
		{`{"connectionString":{"type":"SecureString","value":"Endpoint=sb://h/"}}`, "{f  Endpoint=sb://h/}"},
	} {
		e, err := activity.EndpointOf("f", "l", parse(t, c.in))
		if got := fmt.Sprint(e); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.in, got, err, c.want)
		}
	}
	if _, err := activity.EndpointOf("f", "l", &value.Object{}); err == nil || !strings.Contains(err.Message, "'l'") {
		t.Errorf("empty: got %v, want an error that names it", err)
	}
}
