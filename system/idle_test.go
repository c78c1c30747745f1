package system

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/clock"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestDeletedOnIdle: what nobody uses goes as if somebody had deleted it: its keys and its
// roles go with it, its links are told, the Resource Manager does not have it any more, and
// one of the same name that is made later has nothing of it. The log says so.
func TestDeletedOnIdle(t *testing.T) {
	v, log := clock.NewVirtual(), &lockedBuffer{}
	s := startSystem(t, Options{Ephemeral: true, Clock: v, Logger: slog.New(slog.NewTextHandler(log, nil))})
	makeNamespace(t, s, "g", "contoso")
	ns := s.testNamespace("g", "contoso")
	entities := []string{ns + "/queues/idle", ns + "/topics/t", ns + "/topics/t/subscriptions/s", ns + "/topics/u", ns + "/topics/u/subscriptions/s"}
	const idle, stays = `{"properties":{"autoDeleteOnIdle":"PT5M"}}`, `{"properties":{}}`
	for i, body := range []string{idle, idle, stays, stays, idle} {
		must(t, s, "PUT", entities[i], body)
		must(t, s, "PUT", entities[i]+anAssignment,
			`{"properties":{"roleDefinitionId":"69a216fc-b8fb-44d8-bc22-1f3c2cd27a39","principalId":"0e11d5e2-0000-4000-8000-000000000002"}}`)
	}
	must(t, s, "PUT", entities[0]+"/authorizationRules/r", `{"properties":{"rights":["Listen"]}}`)

	c, err := azservicebus.NewClientFromConnectionString(s.ConnectionString("contoso"), &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	sender, err := c.NewSender("idle", nil)
	if err != nil {
		t.Fatal(err)
	}
	sent := v.Now()
	if err := sender.SendMessage(t.Context(), &azservicebus.Message{Body: []byte("x")}, nil); err != nil {
		t.Fatal(err)
	}
	there := func(path string) bool {
		code, _ := request(t, s, "GET", path+"?api-version=2021-11-01", "")
		return code == 200
	}
	gone := []string{entities[0], entities[1], entities[4]}
	for _, path := range gone {
		for there(path) { // with the namespace's other queue there are timers enough
			if v.Now().Sub(sent) > time.Hour {
				t.Fatalf("%s is there an hour after the last use", path)
			}
			v.Skip(func() bool { return true })
		}
	}
	if passed := v.Now().Sub(sent); passed < 5*time.Minute {
		t.Errorf("deleted %v after the last use, want five minutes", passed)
	}
	if !there(ns+"/queues/q") || !there(entities[3]) || there(entities[2]) {
		t.Error("another queue, or the topic of an idle subscription, is gone, or a subscription of an idle topic is not")
	}
	if code, _ := request(t, s, "GET", entities[3]+anAssignment+"?api-version=2022-04-01", ""); code != 200 {
		t.Errorf("the role on the topic of an idle subscription: status %d", code)
	}
	err = sender.SendMessage(t.Context(), &azservicebus.Message{}, nil)
	if err == nil || !strings.Contains(err.Error(), "amqp:not-found") {
		t.Errorf("a send to what is gone: %v, want that it does not exist", err)
	}
	for _, path := range entities {
		must(t, s, "PUT", path, stays)
		if code, _ := request(t, s, "GET", path+anAssignment+"?api-version=2022-04-01", ""); path != entities[3] && code != 404 {
			t.Errorf("%s has a role that was given on what it replaces: status %d", path, code)
		}
	}
	if _, err := s.auth.Rule("contoso", "idle", "r"); err == nil {
		t.Error("the queue has a key of what it replaces")
	}
	for _, want := range []string{
		`msg="deleted, because nobody used it" kind=queue namespace=contoso entity=idle autoDeleteOnIdle=5m0s messages=1`,
		"kind=topic namespace=contoso entity=t ", "kind=subscription namespace=contoso entity=u/Subscriptions/s ",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}
