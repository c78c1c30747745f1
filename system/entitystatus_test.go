package system

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker"
	"switchyard/deploy"
)

// TestStatusOfATriggersQueues: while its queue gives nothing out a trigger starts no run, and
// it goes on when it does; a run whose queue takes nothing fails with the reason, and the
// message comes again.
func TestStatusOfATriggersQueues(t *testing.T) {
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, triggered(`{}`,
		`{"name":"Sent","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"typeProperties":{"queueName":"out","body":"x"}}`))}})
	put := func(path string, status broker.EntityStatus) {
		t.Helper()
		if _, err := s.broker.PutQueue(context.Background(), "test-ns", path, broker.QueueOptions{Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	c := sdk(t, s)
	put("in", broker.StatusReceiveDisabled)
	sendTo(t, c, "in", "a")
	time.Sleep(time.Second) // five times the first delay of the trigger
	if runs := allRuns(t, s); len(runs) != 0 {
		t.Errorf("%d runs with messages of a queue that gives none out", len(runs))
	}
	put("out", broker.StatusSendDisabled)
	put("in", broker.StatusActive)
	failed := func() (text string) {
		for _, r := range allRuns(t, s) {
			if r.Message != "" {
				text += r.Message + "\n"
			}
		}
		return text
	}
	for limit := time.Now().Add(30 * time.Second); failed() == "" && time.Now().Before(limit); {
		time.Sleep(20 * time.Millisecond)
	}
	if text := failed(); !strings.Contains(text, "entity disabled: status is SendDisabled") {
		t.Errorf("runs that send to a queue that takes nothing: %s", text)
	}
	put("out", broker.StatusActive)
	take(t, c, "out", azservicebus.SubQueue(0), 1)
}
