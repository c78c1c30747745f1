package servicebus_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/broker"
	"switchyard/broker/filter"
	"switchyard/commit"
)

func (s *server) subscriptionReceiver(c *azservicebus.Client, topic, name string, o *azservicebus.ReceiverOptions) *azservicebus.Receiver {
	s.t.Helper()
	r, err := c.NewReceiverForSubscription(topic, name, o)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func sql(expression string) broker.DefaultRule {
	return broker.DefaultRule{RuleOptions: broker.RuleOptions{Filter: filter.Filter{Expression: expression}}}
}

// TestTopic: a topic with filters, end to end [SB-AMQP 3.3, 3.4, 3.5],
// [SB-SEM 7].
func TestTopic(t *testing.T) {
	s := newServer(t)
	s.topic("Events", broker.TopicOptions{})
	s.subscription("events", "red", broker.SubscriptionOptions{}, sql("color = 'red' AND sys.Label LIKE 'order%' AND size > 10 AND weight < 2.5"))
	priority := sql("priority IN ('high', 'urgent') OR EXISTS(user.alarm)")
	priority.Name = "mark"
	priority.Action.Expression = "SET sys.Label = 'P:' + sys.Label; SET size = size + 1; REMOVE color; SET sys.CorrelationId = 'c-1'"
	s.subscription("events", "high", broker.SubscriptionOptions{}, priority)

	c := s.client()
	sender := s.sender(c, "Events")
	send := func(id string, properties map[string]any) {
		t.Helper()
		m := &azservicebus.Message{Body: []byte("body of " + id), MessageID: &id, Subject: ptr("order " + id), ContentType: ptr("text/plain"), TimeToLive: ptr(time.Hour), ApplicationProperties: properties}
		if err := sender.SendMessage(testContext(t), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	send("a", map[string]any{"color": "red", "size": int32(20), "weight": float32(2)})
	send("b", map[string]any{"color": "red", "size": int64(5), "weight": 2.0, "priority": "high"})
	send("c", map[string]any{"color": "blue", "size": int32(7), "priority": "urgent", "when": time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)})
	send("d", nil)
	batch, err := sender.NewMessageBatch(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"e", "f"} {
		m := &azservicebus.Message{Body: []byte(id), MessageID: &id, Subject: ptr("order " + id), ApplicationProperties: map[string]any{"color": "red", "size": int8(11), "weight": 1, "alarm": nil}}
		if err := batch.AddMessage(m, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := sender.SendMessageBatch(testContext(t), batch, nil); err != nil {
		t.Fatal(err)
	}

	red := s.subscriptionReceiver(c, "events", "RED", nil)
	var ids []string
	for _, m := range receive(t, red, 3) {
		ids = append(ids, fmt.Sprintf("%d%s", *m.SequenceNumber, m.MessageID))
		if err := red.CompleteMessage(testContext(t), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Sort(ids); !slices.Equal(ids, []string{"1a", "2e", "3f"}) {
		t.Errorf("red got %v, want a, e and f with numbers of their own", ids)
	}
	receiveNone(t, red)

	high := s.subscriptionReceiver(c, "events", "high", nil)
	got := map[string]*azservicebus.ReceivedMessage{}
	for _, m := range receive(t, high, 4) {
		got[m.MessageID] = m
	}
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, []string{"b", "c", "e", "f"}) {
		t.Fatalf("high got %v, want b, c, e, f", keys)
	}
	m := got["c"]
	if *m.Subject != "P:order c" || *m.CorrelationID != "c-1" || *m.ContentType != "text/plain" || string(m.Body) != "body of c" || *m.TimeToLive != time.Hour {
		t.Errorf("changed message = %+v", m)
	}
	want := map[string]any{"size": int32(8), "priority": "urgent", "when": time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC), "RuleName": "mark"}
	if !maps.EqualFunc(m.ApplicationProperties, want, func(a, b any) bool { return fmt.Sprintf("%T %v", a, a) == fmt.Sprintf("%T %v", b, b) }) {
		t.Errorf("changed properties = %v, want %v", m.ApplicationProperties, want)
	}

	if err := high.DeadLetterMessage(testContext(t), m, &azservicebus.DeadLetterOptions{Reason: ptr("why")}); err != nil {
		t.Fatal(err)
	}
	dead := s.subscriptionReceiver(c, "events", "high", &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
	if d := receive(t, dead, 1)[0]; d.MessageID != "c" || *d.DeadLetterReason != "why" {
		t.Errorf("dead letter = %+v", d)
	}
	// What $management does for queues it does for subscriptions.
	if err := high.RenewMessageLock(testContext(t), got["b"], nil); err != nil {
		t.Error(err)
	}
	if err := high.DeferMessage(testContext(t), got["b"], nil); err != nil {
		t.Fatal(err)
	}
	peeked, err := high.PeekMessages(testContext(t), 10, nil)
	if err != nil || len(peeked) != 3 {
		t.Errorf("peek: %d messages, error %v; want 3", len(peeked), err)
	}
	deferred, err := high.ReceiveDeferredMessages(testContext(t), []int64{*got["b"].SequenceNumber}, nil)
	if err != nil || len(deferred) != 1 || deferred[0].MessageID != "b" {
		t.Errorf("deferred: %v, error %v", deferred, err)
	}
}

// TestFilterException: what a rule can't be evaluated for is a dead letter of the
// subscription, and the sender does not notice.
func TestFilterException(t *testing.T) {
	s := newServer(t)
	s.topic("t", broker.TopicOptions{}, "all")
	s.subscription("t", "strict", broker.SubscriptionOptions{}, sql("1 / sys.DeliveryCount = 1"))
	s.send("t", "m")
	c := s.client()
	if m := receive(t, s.subscriptionReceiver(c, "t", "all", nil), 1)[0]; m.MessageID != "m" {
		t.Errorf("got %q, want m", m.MessageID)
	}
	d := receive(t, s.subscriptionReceiver(c, "t", "strict", &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}), 1)[0]
	if *d.DeadLetterReason != "FilterException" || *d.DeadLetterErrorDescription != "Rule '$Default': evaluation failed: division by zero" {
		t.Errorf("dead-lettered because of %q, %q", *d.DeadLetterReason, *d.DeadLetterErrorDescription)
	}
}

// TestTopicDeletedAndChanged: links end with their entity [SB-AMQP 3.6].
func TestTopicDeletedAndChanged(t *testing.T) {
	s := newServer(t)
	s.topic("t", broker.TopicOptions{}, "s")
	session := s.session()
	open := func() (*amqp.Sender, *amqp.Receiver) {
		t.Helper()
		sender, err := session.NewSender(testContext(t), "t", nil)
		if err != nil {
			t.Fatal(err)
		}
		receiver, err := session.NewReceiver(testContext(t), "t/Subscriptions/s", &amqp.ReceiverOptions{Credit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return sender, receiver
	}
	sender, receiver := open()
	s.handler.EntityChanged(namespace, "T")
	_, err := receiver.Receive(testContext(t), nil)
	wantCondition(t, err, "amqp:link:detach-forced", "was updated")
	wantCondition(t, sender.Send(testContext(t), amqp.NewMessage([]byte("x")), nil), "amqp:link:detach-forced", "was updated")

	sender, receiver = open()
	if err := commit.Do(context.Background(), s.log, 0, s.broker.DeleteTopicEffect(namespace, "t", false)); err != nil {
		t.Fatal(err)
	}
	_, err = receiver.Receive(testContext(t), nil)
	wantCondition(t, err, "amqp:not-found", "The messaging entity 'sb://testns.servicebus.windows.net/t/Subscriptions/s' could not be found.")
	wantCondition(t, sender.Send(testContext(t), amqp.NewMessage([]byte("x")), nil), "amqp:not-found", "/t' could not be found")
}

// described takes a described value apart. Its type has no name outside of the
// AMQP library.
func described(v any) (descriptor, value any) {
	s := reflect.Indirect(reflect.ValueOf(v))
	return s.FieldByName("Descriptor").Interface(), s.FieldByName("Value").Interface()
}

// TestFilterOnAbsentProperties: a system property that a message does not have is unknown, so
// nothing of it matches, OR is decided by its other side, and nothing becomes a dead letter.
func TestFilterOnAbsentProperties(t *testing.T) {
	s := newServer(t)
	s.topic("t", broker.TopicOptions{})
	o := broker.SubscriptionOptions{DeadLetteringOnFilterEvaluationExceptions: ptr(true)}
	s.subscription("t", "label", o, sql("sys.Label = 'order'"))
	s.subscription("t", "either", o, sql("sys.To IN ('x') OR color = 'red'"))
	c := s.client()
	for id, m := range map[string]*azservicebus.Message{
		"order": {Subject: ptr("order")}, "Order": {Subject: ptr("Order")}, "none": {}, "x": {To: ptr("x")}, "y": {To: ptr("y")},
		"red": {ApplicationProperties: map[string]any{"color": "red"}}, "blue": {ApplicationProperties: map[string]any{"color": "blue"}},
	} {
		m.MessageID = &id
		if err := s.sender(c, "t").SendMessage(testContext(t), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{"label": {"order"}, "either": {"red", "x"}} {
		var ids []string
		for _, sub := range []azservicebus.SubQueue{0, azservicebus.SubQueueDeadLetter} {
			r := s.subscriptionReceiver(c, "t", name, &azservicebus.ReceiverOptions{SubQueue: sub})
			msgs, err := r.PeekMessages(testContext(t), 10, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range msgs {
				id := m.MessageID
				if sub != 0 {
					id = fmt.Sprintf("dead %s: %s", id, *m.DeadLetterErrorDescription)
				}
				ids = append(ids, id)
			}
		}
		if slices.Sort(ids); !slices.Equal(ids, want) {
			t.Errorf("%s has %q, want %q", name, ids, want)
		}
	}
}

// TestRuleOperations: add-rule, enumerate-rules and remove-rule of
// [SB-AMQP 9.3, 9.4].
func TestRuleOperations(t *testing.T) {
	s := newServer(t)
	s.topic("t", broker.TopicOptions{}, "s")
	session := s.session()
	m := newRPC(t, session, "t/Subscriptions/s/$management")
	call := func(operation string, body map[string]any) *amqp.Message {
		t.Helper()
		return m.call(map[string]any{"operation": "com.microsoft:" + operation}, body)
	}
	want := func(what string, answer *amqp.Message, status int32, condition string) {
		t.Helper()
		p := answer.ApplicationProperties
		if got := fmt.Sprint(p["errorCondition"]); p["statusCode"] != status || condition != "" && got != condition {
			t.Errorf("%s: %v, want status %d, condition %q", what, p, status, condition)
		}
	}
	add := func(name string, description any) *amqp.Message {
		return call("add-rule", map[string]any{"rule-name": name, "rule-description": description})
	}
	type kv = map[string]any
	want("sql", add("sql", kv{"sql-filter": kv{"expression": "a = 1"}, "correlation-filter": nil, "sql-rule-action": kv{"expression": "SET b = 2"}}), 200, "")
	want("correlation", add("corr", kv{"correlation-filter": kv{"correlation-id": "c", "label": "l", "to": nil, "properties": kv{"n": int32(5), "s": "x"}}, "sql-rule-action": nil}), 200, "")
	want("true", add("true", kv{"sql-filter": kv{"expression": "1=1"}}), 200, "")
	want("empty", add("empty", kv{}), 400, "com.microsoft:argument-error")
	// Java and .NET put the name into the description too.
	want("name inside, false", add("false", kv{"rule-name": "false", "false-filter": kv{}}), 200, "")
	want("name inside, true", add("named", kv{"rule-name": "named", "true-filter": kv{}, "sql-rule-action": kv{"expression": "SET b = 2"}}), 200, "")
	want("twice", add("SQL", kv{"sql-filter": kv{"expression": "a = 1"}}), 409, "com.microsoft:entity-already-exists")
	want("bad SQL", add("bad", kv{"sql-filter": kv{"expression": "a ="}}), 400, "com.microsoft:argument-error")
	want("no expression", add("bad", kv{"sql-filter": kv{}}), 400, "com.microsoft:argument-error")
	want("unknown", add("bad", kv{"xpath-filter": kv{"expression": "a"}}), 400, "com.microsoft:argument-error")
	want("no map", add("bad", "1=1"), 400, "com.microsoft:argument-error")
	want("no description", add("bad", nil), 400, "com.microsoft:argument-error")
	want("no name", add("", kv{}), 400, "com.microsoft:argument-error")
	want("no condition", add("bad", kv{"correlation-filter": kv{"properties": kv{}}}), 400, "com.microsoft:argument-error")
	want("condition of another type", add("bad", kv{"correlation-filter": kv{"label": int32(1)}}), 400, "com.microsoft:argument-error")
	want("remove", call("remove-rule", kv{"rule-name": "true"}), 200, "")
	want("remove again", call("remove-rule", kv{"rule-name": "true"}), 404, "amqp:not-found")

	answer := call("enumerate-rules", kv{"top": int32(100), "skip": int32(0)})
	want("enumerate", answer, 200, "")
	var got []string
	for _, r := range answer.Value.(map[string]any)["rules"].([]any) {
		code, value := described(r.(map[string]any)["rule-description"])
		fields := value.([]any)
		if _, ok := fields[3].(time.Time); !ok || code != uint64(0x13700000004) {
			t.Errorf("rule %v: descriptor %x, created at %v", fields[2], code, fields[3])
		}
		filterCode, filter := described(fields[0])
		actionCode, action := described(fields[1])
		got = append(got, fmt.Sprintf("%v: %x %v, %x %v", fields[2], filterCode, filter, actionCode, action))
	}
	wantRules := []string{
		"$Default: 1370000007 [], 13700000005 []",
		"sql: 1370000006 [a = 1 20], 13700000006 [SET b = 2 20]",
		"corr: 1370000009 [c <nil> <nil> <nil> l <nil> <nil> <nil> map[n:5 s:x]], 13700000005 []",
		"false: 1370000008 [], 13700000005 []",
		"named: 1370000007 [], 13700000006 [SET b = 2 20]",
	}
	if !slices.Equal(got, wantRules) {
		t.Errorf("rules are\n%v, want\n%v", got, wantRules)
	}
	page := call("enumerate-rules", kv{"top": int32(2), "skip": int64(1)})
	if n := len(page.Value.(map[string]any)["rules"].([]any)); n != 2 {
		t.Errorf("a page has %d rules, want 2", n)
	}
	want("beyond", call("enumerate-rules", kv{"top": int32(10), "skip": int32(5)}), 204, "")
	want("negative", call("enumerate-rules", kv{"top": int32(-1), "skip": int32(0)}), 400, "com.microsoft:argument-out-of-range")
	want("without top", call("enumerate-rules", kv{}), 400, "com.microsoft:argument-error")

	want("schedule on a subscription", call("schedule-message", kv{}), 400, "amqp:not-allowed")

	m = newRPC(t, session, "t/Subscriptions/s/$DeadLetterQueue/$management")
	want("rules of a dead-letter queue", call("enumerate-rules", kv{"top": int32(1), "skip": int32(0)}), 400, "amqp:not-allowed")
	m = newRPC(t, session, "t/$management")
	want("peek a topic", call("peek-message", kv{"from-sequence-number": int64(0), "message-count": int32(1)}), 204, "")
	want("renew on a topic", call("renew-lock", kv{}), 400, "amqp:not-allowed")
}
