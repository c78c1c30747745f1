package servicebus_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"switchyard/auth"
	"switchyard/broker"
)

// TestClientCommand runs a program that uses another client library (see the
// directory clienttest) against a server of its own:
//
//	SWITCHYARD_CLIENT_COMMAND='node smoke.mjs' go test -run TestClientCommand ./servicebus
//
// The program is run by sh and finds the connection string in its environment.
func TestClientCommand(t *testing.T) {
	command := os.Getenv("SWITCHYARD_CLIENT_COMMAND")
	if command == "" {
		t.Skip("SWITCHYARD_CLIENT_COMMAND is not set")
	}
	s := newServer(t)
	s.queue("clienttest", broker.QueueOptions{})
	s.queue("clienttest-other", broker.QueueOptions{LockDuration: 5 * time.Second})
	s.queue("clienttest-sessions", broker.QueueOptions{RequiresSession: true, LockDuration: 10 * time.Second})
	s.queue("clienttest-duplicates", broker.QueueOptions{RequiresDuplicateDetection: true, DuplicateDetectionHistoryTimeWindow: 20 * time.Second})
	s.topic("clienttest-topic", broker.TopicOptions{}, "clienttest")
	s.topic("clienttest-session-topic", broker.TopicOptions{})
	s.subscription("clienttest-session-topic", "clienttest", broker.SubscriptionOptions{RequiresSession: true, LockDuration: 10 * time.Second})
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Env = append(os.Environ(), "SERVICEBUS_CONNECTION_STRING="+s.connectionString(auth.DefaultRuleName, auth.DevelopmentKey), "SERVICEBUS_QUEUE=clienttest")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("%s: %v", command, err)
	}
}
