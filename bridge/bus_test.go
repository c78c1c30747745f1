package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/auth"
	"switchyard/broker"
	"switchyard/pipeline/activity"
	"switchyard/pipeline/trigger"
	"switchyard/value"
)

const keyed = "Endpoint=sb://127.0.0.1:5672/;SharedAccessKeyName="

// TestEndpoints: who may send and who may take messages, by linked service.
func TestEndpoints(t *testing.T) {
	w := newWorld(t)
	const yes = "" // no error
	for _, c := range []struct {
		name       string
		endpoint   activity.Endpoint
		send, take string // part of the error
	}{
		{"identity", home, yes, yes},
		{"another namespace", activity.Endpoint{FullyQualifiedNamespace: "ns-two.servicebus.windows.net"},
			"ns-two.servicebus.windows.net is not served", "ns-two.servicebus.windows.net is not served"},
		{"key that sends", activity.Endpoint{ConnectionString: keyed + "sends;SharedAccessKey=secret"}, yes, "key sends of namespace ns-one has no Listen right"},
		{"key that listens", activity.Endpoint{ConnectionString: keyed + "listens;SharedAccessKey=secret"}, "key listens of namespace ns-one has no Send right", yes},
		{"wrong key", activity.Endpoint{ConnectionString: keyed + "sends;SharedAccessKey=guess"}, `the key is not one of rule "sends"`, `the key is not one of rule "sends"`},
		{"unknown rule", activity.Endpoint{ConnectionString: keyed + "nobody;SharedAccessKey=secret"}, `"nobody"`, `"nobody"`},
		{"signature", activity.Endpoint{ConnectionString: "Endpoint=sb://127.0.0.1:5672/;SharedAccessSignature=SharedAccessSignature sr=x&sig=y&se=1&skn=z"},
			"ready-made signature", "ready-made signature"},
		{"no connection string", activity.Endpoint{ConnectionString: "nonsense"}, "nonsense", "nonsense"},
	} {
		_, err := w.Effect("", activity.Send{Endpoint: c.endpoint, Queue: "out"})
		wantError(t, c.name+": send", err, c.send)
		_, err = (&source{bus: w.Bus, endpoint: c.endpoint, queue: "in"}).Reserve(1, 1<<30)
		wantError(t, c.name+": take", err, c.take)
	}
}

// TestRolesOfFactories: what a factory's identity may do by its roles, where they
// decide. A trigger's queue is looked at for each batch: a role that is taken away
// ends it.
func TestRolesOfFactories(t *testing.T) {
	w := newWorld(t)
	none := "assign the role Azure Service Bus Data "
	for _, c := range []struct {
		rights     auth.Rights
		send, take string
	}{
		{auth.Manage | auth.Send | auth.Listen, "", ""},
		{auth.Send, "", none + "Receiver to the identity of data factory df, object id p-df: az role assignment create --role \"Azure Service Bus Data Receiver\" --assignee-object-id p-df --assignee-principal-type ServicePrincipal --scope /ns"},
		{auth.Listen, none + "Sender to the identity of data factory df, object id p-df", ""},
		{0, none + "Sender", none + "Receiver"},
	} {
		var asked []string
		bus := w.Bus.o
		bus.Roles = func(factory, ns, path string) (Assigned, error) {
			asked = append(asked, factory+" "+ns+" "+path)
			return Assigned{c.rights, "p-" + factory, "/ns"}, nil
		}
		e := home
		e.Factory = "df"
		_, err := New(bus).Effect("", activity.Send{Endpoint: e, Queue: "Out"})
		wantError(t, fmt.Sprintf("%v: send", c.rights), err, c.send)
		src := &source{bus: New(bus), endpoint: e, queue: "in"}
		_, err = src.Reserve(1, 1<<30)
		wantError(t, fmt.Sprintf("%v: take", c.rights), err, c.take)
		if _, err := src.exists(); err != nil {
			t.Errorf("%v: the queue is there: %v", c.rights, err)
		}
		if want := "[df ns-one out df ns-one in]"; fmt.Sprint(asked) != want {
			t.Errorf("asked for %v, want %s", asked, want)
		}
	}
	bus := w.Bus.o
	bus.Roles = func(string, string, string) (Assigned, error) {
		return Assigned{Rights: auth.Send}, errors.New("data factory df has no managed identity")
	}
	_, err := New(bus).Effect("", activity.Send{Endpoint: home, Queue: "out"})
	wantError(t, "without identity", err, "no managed identity")
}

// wantError checks that an error has a text in it; "" is for none.
func wantError(t *testing.T, what string, err error, part string) {
	t.Helper()
	switch {
	case part == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case part != "" && (err == nil || !strings.Contains(err.Error(), part)):
		t.Errorf("%s: error %v, want one with %q", what, err, part)
	}
}

// TestSend: every member of a message arrives, and is seen again by the run that
// the message starts.
func TestSend(t *testing.T) {
	w := newWorld(t)
	out := activity.OutMessage{
		MessageID: "id", CorrelationID: "correlation", Subject: "subject", To: "to",
		ReplyTo: "reply-to", ContentType: "application/json", TimeToLive: time.Hour, Body: []byte(`{"a":1}`),
		ApplicationProperties: value.NewObject(value.Member{Name: "n", Value: int64(7)}, value.Member{Name: "s", Value: "x"}),
	}
	e, err := w.Effect("", activity.Send{Endpoint: home, Queue: "in", Message: out}, activity.Send{Endpoint: home, Queue: "all", Message: out})
	w.must(err)
	w.wantStored("in") // nothing before the effect is staged
	w.must(w.do(e))
	b := w.take("in")
	if b.Len() != 1 {
		t.Fatalf("%d messages, want 1", b.Len())
	}
	m := b.Messages()[0]
	if m.MessageID != "id" || m.CorrelationID != "correlation" || m.Subject != "subject" || m.To != "to" || m.ReplyTo != "reply-to" ||
		m.ContentType != "application/json" || !bytes.Equal(m.Body, out.Body) || m.SequenceNumber != 1 || m.DeliveryCount != 0 || m.EnqueuedTimeUTC.IsZero() {
		t.Errorf("taken: %+v, want what was sent: %+v", m, out)
	}
	if got := string(value.Append(nil, m.ApplicationProperties)); got != `{"n":7,"s":"x"}` {
		t.Errorf("application properties: %s", got)
	}
	w.wantStored("all/Subscriptions/copy", "id")
	if parts, _ := w.stored("all/Subscriptions/copy"); parts[0].TimeToLive != time.Hour {
		t.Errorf("time to live %v, want an hour", parts[0].TimeToLive)
	}
}

// TestMessagesNameTheirRun: what a run sends, and what it dead-letters by its own
// doing or by the last delivery, names the run, whatever the message said before.
func TestMessagesNameTheirRun(t *testing.T) {
	w := newWorld(t)
	other := value.NewObject(value.Member{Name: trigger.PropertyRunID, Value: "other"}, value.Member{Name: "n", Value: int64(7)})
	e, err := w.Effect("run", activity.Send{Endpoint: home, Queue: "out", Message: activity.OutMessage{MessageID: "a", ApplicationProperties: other}},
		activity.Send{Endpoint: home, Queue: "out", Message: activity.OutMessage{MessageID: "b"}})
	w.must(err)
	w.must(w.do(e))
	w.put("twice", broker.QueueOptions{MaxDeliveryCount: 1})
	var settles []activity.Op
	for i, outcome := range []activity.Outcome{activity.DeadLetter, activity.Abandon, activity.Defer} {
		w.send("twice", string(outcome))
		bound, _ := w.lock("twice", "run")
		op := activity.Settle{Binding: bound, SequenceNumber: int64(i + 1), Outcome: outcome}
		if outcome == activity.DeadLetter {
			op.Reason = "Bad"
		}
		settles = append(settles, op)
	}
	e, err = w.Effect("run", settles...)
	w.must(err)
	w.must(w.do(e))
	for path, n := range map[string]int{"out": 2, "twice/$DeadLetterQueue": 3} {
		parts, _ := w.stored(path)
		if len(parts) != n {
			t.Fatalf("%d messages in %s, want %d", len(parts), path, n)
		}
		for _, p := range parts {
			got := map[string]any{}
			for _, x := range p.Properties {
				got[x.Name] = x.Value
			}
			reason := map[string]any{"DeadLetter": "Bad", "Abandon": "MaxDeliveryCountExceeded", "Defer": "MaxDeliveryCountExceeded"}[p.MessageID]
			if got[trigger.PropertyRunID] != "run" || got["DeadLetterReason"] != reason || p.MessageID == "a" && got["n"] != int64(7) {
				t.Errorf("message %s in %s has the properties %v, want the run and the reason %v", p.MessageID, path, got, reason)
			}
		}
	}
}

// TestSendRefused: an effect of which one part can't be is none at all.
func TestSendRefused(t *testing.T) {
	w := newWorld(t)
	e, err := w.Effect("", activity.Send{Endpoint: home, Queue: "out"}, activity.Send{Endpoint: home, Queue: "nowhere"})
	if e != nil || !errors.Is(err, broker.ErrEntityNotFound) || !strings.Contains(err.Error(), "queue or topic nowhere of namespace ns-one") {
		t.Errorf("effect %v, error %v, want none and one that names the queue", e, err)
	}
	e, err = w.Effect("", activity.Send{Endpoint: home, Queue: "out"}, activity.Settle{SequenceNumber: 1})
	wantError(t, "a run without messages", err, "not started by messages")
	if e != nil {
		t.Errorf("effect %v, want none", e)
	}
	w.wantStored("out")
}
