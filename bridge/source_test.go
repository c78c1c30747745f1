package bridge

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"switchyard/broker"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/pipeline"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

// TestBinding: the binding and the tokens in it are durable: an older run reads
// them after an update.
func TestBinding(t *testing.T) {
	w := newWorld(t)
	w.send("in", "a", "b")
	b := w.take("in")
	token := "00000000-0000-0001-0000-000000000002"
	if got := b.Messages()[1].LockToken; got != token {
		t.Errorf("lock token of the second message = %s, want %s", got, token)
	}
	want := `{"namespace":"ns-one","queue":"in","messages":{"00000000-0000-0001-0000-000000000001":1,"` + token + `":2}}`
	if got := string(b.Binding()); got != want {
		t.Errorf("binding\n%s, want\n%s", got, want)
	}
}

// TestBatch: a batch ends by being released, or abandoned with a reason.
func TestBatch(t *testing.T) {
	w := newWorld(t)
	w.send("in", "a")
	b := w.take("in")
	if w.take("in") != nil {
		t.Error("a reserved message was taken again")
	}
	b.Release()
	for range 2 {
		if b = w.take("in"); b == nil {
			t.Fatal("what was given back can't be taken")
		}
		w.must(w.do(b.Abandon("Parameters", "no such property", trigger.Backoff{})))
	}
	w.wantStored("in")
	w.wantStored(deadLetters, "a")
	parts, _ := w.stored(deadLetters)
	text := map[string]any{}
	for _, p := range parts[0].Properties {
		text[p.Name] = p.Value
	}
	if text["DeadLetterReason"] != "Parameters" || text["DeadLetterErrorDescription"] != "no such property" {
		t.Errorf("properties of the dead letter: %v", text)
	}
}

// TestUnreadableMessage: a message that can't be taken apart is shown without
// body, so that a pipeline can settle it.
func TestUnreadableMessage(t *testing.T) {
	w := newWorld(t)
	q, err := w.broker.Queue("ns-one", "in")
	w.must(err)
	m := &broker.Message{}
	m.MessageID, m.Sections = "broken", []byte{0xFF, 0x00, 0x01}
	u, err := q.Send([]*broker.Message{m}, nil)
	w.must(err)
	w.broker.Sync(u)
	b := w.take("in")
	if b == nil || b.Len() != 1 || b.Messages()[0].MessageID != "broken" || b.Messages()[0].Body != nil {
		t.Fatalf("batch %+v, want the message without its body", b)
	}
	w.must(w.do(b.LockFor("run")))
	e, err := w.Effect("run", activity.Settle{Binding: bindingOf(b.Binding()), SequenceNumber: 1, Outcome: activity.DeadLetter})
	w.must(err)
	w.must(w.do(e))
	q, err = w.broker.Queue("ns-one", deadLetters)
	w.must(err)
	if messages, err := q.Peek(1, 2); err != nil || len(messages) != 1 || messages[0].MessageID != "broken" {
		t.Errorf("dead letters: %v, %v, want the message", messages, err)
	}
}

// TestSourceFollowsItsQueue: a trigger hears of messages in a queue that was
// deleted and made again, and of nothing once it has stopped.
func TestSourceFollowsItsQueue(t *testing.T) {
	w := newWorld(t)
	s := &source{bus: w.Bus, endpoint: home, queue: "in"}
	heard := make(chan struct{}, 100)
	cancel := s.OnReady(func() { heard <- struct{}{} })
	for i := range 3 {
		w.send("in", "x")
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			t.Fatalf("round %d: nobody told of the message", i)
		}
		w.must(commit.Do(t.Context(), w.store, 0, w.broker.DeleteQueueEffect("ns-one", "in", true)))
		if _, err := s.Reserve(1, 1<<30); !errors.Is(err, broker.ErrEntityNotFound) {
			t.Errorf("reserve from a deleted queue: error %v", err)
		}
		w.put("in", broker.QueueOptions{})
		if b, err := s.Reserve(1, 1<<30); b != nil || err != nil {
			t.Errorf("reserve from an empty queue: %v, %v", b, err)
		}
		for len(heard) > 0 {
			<-heard
		}
	}
	cancel()
	w.send("in", "y")
	if b := w.take("in"); b == nil || len(heard) > 0 {
		t.Errorf("batch %v, told %d times after the cancellation", b, len(heard))
	}
}

// TestStarterCheck: every started trigger of a folder that would find no queue is
// told, with its file, and no other.
func TestStarterCheck(t *testing.T) {
	w := newWorld(t)
	x := Starter{
		Bus: w.Bus, Logger: slog.New(slog.DiscardHandler), Context: context.Background(), Clock: clock.Wall{},
	}
	def := func(name, queue string, started bool) *pipeline.Trigger {
		service := "Bus"
		if name == "Unlinked" {
			service = "Nowhere"
		}
		return &pipeline.Trigger{Name: name, File: "trigger/" + name + ".json", Started: started,
			ServiceBus: &pipeline.ServiceBusTrigger{QueueName: queue, LinkedService: &pipeline.Reference{Name: service}}}
	}
	f := &pipeline.Factory{Triggers: []*pipeline.Trigger{
		def("Good", "in", true), def("Stopped", "nowhere", false), def("Lost", "nowhere", true), def("Unlinked", "in", true),
		{Name: "Clock", Started: true},
	}}
	f.PutLinkedService(linkedService(t, `{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"ns-one.servicebus.windows.net"}}`))
	err := x.Check(f)
	wantError(t, "lost queue", err, "trigger/Lost.json: error: $.properties.typeProperties: trigger Lost: queue nowhere of namespace ns-one")
	wantError(t, "lost linked service", err, "trigger/Unlinked.json: error: $.properties.typeProperties: trigger Unlinked: linked service \"Nowhere\" is not found")
	if n := strings.Count(err.Error(), "\n"); n != 1 {
		t.Errorf("%d lines, want 2:\n%v", n+1, err)
	}
	if _, err := x.Start(f, f.Triggers[2]); !errors.Is(err, broker.ErrEntityNotFound) {
		t.Errorf("start of a trigger without its queue: error %v", err)
	}
	f.Triggers = f.Triggers[:1]
	if err := x.Check(f); err != nil {
		t.Errorf("a folder in order: %v", err)
	}
}

func linkedService(t *testing.T, properties string) *pipeline.LinkedService {
	t.Helper()
	l, ds := pipeline.ParseLinkedService("linkedService/Bus.json", []byte(`{"name":"Bus","properties":`+properties+`}`))
	if ds != nil {
		t.Fatal(ds)
	}
	return l
}

// TestTriggerLinkedService: the linked service of a trigger is resolved as that of
// an activity is, parameters and secrets included.
func TestTriggerLinkedService(t *testing.T) {
	w := newWorld(t)
	x := Starter{Bus: w.Bus, Logger: slog.New(slog.DiscardHandler), Context: context.Background(), Clock: clock.Wall{}}
	for _, c := range []struct{ name, properties, arguments, want string }{
		{"default", `{"type":"AzureServiceBus","parameters":{"n":{"type":"String","defaultValue":"ns-one"}},
			"typeProperties":{"fullyQualifiedNamespace":"@{linkedService().n}.servicebus.windows.net"}}`, `{}`, ""},
		{"argument", `{"type":"AzureServiceBus","parameters":{"n":{"type":"String"}},
			"typeProperties":{"fullyQualifiedNamespace":"@{linkedService().n}.servicebus.windows.net"}}`, `{"n":"ns-one"}`, ""},
		{"argument of another type", `{"type":"azureservicebus","parameters":{"one":{"type":"Int"}},
			"typeProperties":{"fullyQualifiedNamespace":"@if(equals(linkedService().one,1),'ns-one.servicebus.windows.net','x')"}}`, `{"one":"1"}`, ""},
		{"secret", `{"type":"AzureServiceBus","parameters":{"key":{"type":"SecureString"}},"typeProperties":{"connectionString":{"type":"SecureString",
			"value":"Endpoint=sb://127.0.0.1:5672/;SharedAccessKeyName=listens;SharedAccessKey=@{linkedService().key}"}}}`,
			`{"key":{"type":"SecureString","value":"secret"}}`, ""},
		{"no argument", `{"type":"AzureServiceBus","parameters":{"n":{"type":"String"}},
			"typeProperties":{"fullyQualifiedNamespace":"@{linkedService().n}"}}`, `{}`, `linked service "Bus": parameter "n" has no value and no default`},
		{"argument that does not convert", `{"type":"AzureServiceBus","parameters":{"one":{"type":"Int"}},
			"typeProperties":{"fullyQualifiedNamespace":"x"}}`, `{"one":"two"}`, `parameter "one" of type Int does not take a value of type String`},
		{"argument of nothing", `{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"x"}}`, `{"m":1}`, `parameter "m" is not declared`},
		{"expression", `{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"@pipeline().RunId"}}`, `{}`, "pipeline"},
		{"another type", `{"type":"HttpServer","typeProperties":{}}`, `{}`, "linked service Bus is of type HttpServer, not AzureServiceBus"},
		{"elsewhere", `{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"elsewhere"}}`, `{}`, "elsewhere is not served here"},
	} {
		f := &pipeline.Factory{}
		f.PutLinkedService(linkedService(t, c.properties))
		args, err := value.Parse([]byte(c.arguments))
		w.must(err)
		src, err := x.source(f, &pipeline.Trigger{Name: "T", ServiceBus: &pipeline.ServiceBusTrigger{
			QueueName: "in", LinkedService: &pipeline.Reference{Name: "Bus", Parameters: args.(*value.Object)}}}, time.Second)
		if err == nil {
			_, err = src.open()
		}
		wantError(t, c.name, err, c.want)
	}
}
