package servicebus_test

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"switchyard/broker"
)

// TestClientsGoOn: the vendor's sender, receiver and clients of sessions go on by
// themselves when the server was away. What was locked before is completed, what waited
// comes, with nothing counted, and the schedule and the state of a session are as they were.
func TestClientsGoOn(t *testing.T) {
	s := newServer(t)
	s.queue("q", broker.QueueOptions{})
	s.queue("sessions", broker.QueueOptions{RequiresSession: true})
	c, ctx := s.client(), testContext(t)
	sender, r := s.sender(c, "q"), s.receiver(c, "q", nil)
	send := func(id string) {
		t.Helper()
		if err := sender.SendMessage(ctx, &azservicebus.Message{MessageID: &id}, nil); err != nil {
			t.Fatal(err)
		}
	}
	send("locked")
	send("waiting")
	locked := receive(t, r, 1)[0]
	numbers, err := sender.ScheduleMessages(ctx, []*azservicebus.Message{{MessageID: ptr("scheduled")}}, s.clock.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.sendInSession("sessions", "s", "1")
	session, err := c.AcceptSessionForQueue(ctx, "sessions", "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.SetSessionState(ctx, []byte("half"), nil); err != nil {
		t.Fatal(err)
	}

	s.restart()

	send("after")
	if err := r.RenewMessageLock(ctx, locked, nil); err != nil {
		t.Errorf("renew what was locked before: %v", err)
	}
	// The library would try to complete it on the link that is gone, four times; by its
	// token it can be, as Java, JavaScript and Python do.
	p := newRPC(t, s.session(), "q/$management").call(map[string]any{"operation": "com.microsoft:update-disposition"},
		map[string]any{"disposition-status": "completed", "lock-tokens": []amqp.UUID{locked.LockToken}}).ApplicationProperties
	if p["statusCode"] != int32(200) {
		t.Errorf("complete what was locked before: %v", p)
	}
	for i, m := range receive(t, r, 2) {
		if want := []string{"waiting", "after"}[i]; m.MessageID != want || m.DeliveryCount != 1 {
			t.Errorf("got %s, delivery %d, want %s and 1", m.MessageID, m.DeliveryCount, want)
		}
		if err := r.CompleteMessage(ctx, m, nil); err != nil {
			t.Error(err)
		}
	}
	if err := sender.CancelScheduledMessages(ctx, numbers, nil); err != nil {
		t.Errorf("cancel what was scheduled before: %v", err)
	}
	s.counts("q", 0, 0)
	session, err = c.AcceptSessionForQueue(ctx, "sessions", "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := session.GetSessionState(ctx, nil); err != nil || string(state) != "half" {
		t.Errorf("the state is %q, %v", state, err)
	}
	if ids, _ := got(t, session, 1); ids != "1 " {
		t.Errorf("got %s", ids)
	}
}
