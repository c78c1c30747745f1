package system

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/deploy"
	"switchyard/deploy/provision"
	"switchyard/listen"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/store"
)

// folder reads definitions that stand in a test.
func folder(t *testing.T, files map[string]string) *deploy.Deployment {
	t.Helper()
	d, err := readFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func readFiles(files map[string]string) (*deploy.Deployment, error) {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	d, diags := deploy.Read(fsys, "test", deploy.Mode{Relaxed: true})
	return d, diags.Err()
}

const busJSON = `{"name":"Bus","properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"test-ns.servicebus.windows.net"}}}`

// triggered is a factory whose pipeline gets the messages of queue in, with the
// given activities.
func triggered(queue, activities string) map[string]string {
	return map[string]string{
		"Config.json":            `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[{"Name":"in","Properties":` + queue + `},{"Name":"out"}]}]}}`,
		"linkedService/Bus.json": busJSON,
		"trigger/OnIn.json":      `{"name":"OnIn","properties":{"type":"ServiceBusTrigger","runtimeState":"Started","typeProperties":{"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"queueName":"in","maxMessages":10,"retry":{"firstDelay":"00:00:00.2000000","maxDelay":"00:00:01"}},"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"},"parameters":{"messages":"@triggerBody().messages"}}]}}`,
		"pipeline/P.json":        `{"name":"P","properties":{"parameters":{"messages":{"type":"Array"}},"activities":[` + activities + `]}}`,
	}
}

func startSystem(t *testing.T, o Options) *System {
	t.Helper()
	o.Strict = true
	if !o.Ephemeral && o.DataDir == "" {
		o.DataDir = filepath.Join(t.TempDir(), "data")
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

func sdk(t *testing.T, s *System) *azservicebus.Client {
	t.Helper()
	c, err := azservicebus.NewClientFromConnectionString(s.Endpoints().ConnectionString, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func sendTo(t *testing.T, c *azservicebus.Client, queue string, ids ...string) {
	t.Helper()
	s, err := c.NewSender(queue, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	for _, id := range ids {
		if err := s.SendMessage(t.Context(), &azservicebus.Message{MessageID: &id, Body: []byte(`{"id":"` + id + `"}`)}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// take receives n messages and completes them.
func take(t *testing.T, c *azservicebus.Client, queue string, sub azservicebus.SubQueue, n int) []*azservicebus.ReceivedMessage {
	t.Helper()
	r, err := c.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{SubQueue: sub})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(context.Background())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []*azservicebus.ReceivedMessage
	for len(out) < n {
		msgs, err := r.ReceiveMessages(ctx, n-len(out), nil)
		if err != nil {
			t.Fatalf("receive from %s: got %d of %d: %v", queue, len(out), n, err)
		}
		for _, m := range msgs {
			if err := r.CompleteMessage(ctx, m, nil); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, msgs...)
	}
	return out
}

// left returns what is in a queue, locked or not.
func left(t *testing.T, c *azservicebus.Client, queue string) (ids []string) {
	t.Helper()
	r, err := c.NewReceiverForQueue(queue, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(context.Background())
	msgs, err := r.PeekMessages(t.Context(), 100, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range msgs {
		ids = append(ids, m.MessageID)
	}
	return ids
}

// TestFailedRunEndsInTheDeadLetterQueue: a run that fails gives its messages back
// with a delay, and at MaxDeliveryCount they are dead-lettered with what happened.
func TestFailedRunEndsInTheDeadLetterQueue(t *testing.T) {
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, triggered(`{"MaxDeliveryCount":3}`,
		`{"name":"Stop","type":"Fail","typeProperties":{"message":"no model for @{string(length(pipeline().parameters.messages))}","errorCode":"NoModel"}}`))}})
	c := sdk(t, s)
	sendTo(t, c, "in", "a")
	m := take(t, c, "in", azservicebus.SubQueueDeadLetter, 1)[0]
	if m.MessageID != "a" || m.DeadLetterReason == nil || m.DeadLetterErrorDescription == nil {
		t.Fatalf("dead letter = %q, reason %v, description %v", m.MessageID, m.DeadLetterReason, m.DeadLetterErrorDescription)
	}
	if !strings.Contains(*m.DeadLetterErrorDescription, "no model for 1") {
		t.Errorf("description = %q, want the activity's message in it", *m.DeadLetterErrorDescription)
	}
	var text strings.Builder
	for k, v := range m.ApplicationProperties {
		text.WriteString(k + "=")
		if s, ok := v.(string); ok {
			text.WriteString(s)
		}
		text.WriteString("\n")
	}
	for _, want := range []string{"Stop", "NoModel"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("application properties = %q, want %q among them", text.String(), want)
		}
	}
	runs := allRuns(t, s)
	if len(runs) != 3 {
		t.Errorf("%d runs, want 3: one for each delivery", len(runs))
	}
	for _, r := range runs {
		if r.RunID == "" {
			t.Error("a run without id")
		}
	}
}

// TestSettledMessageKeepsItsOutcome: what the pipeline settles stays settled
// although the run fails afterwards; the others come back.
func TestSettledMessageKeepsItsOutcome(t *testing.T) {
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, triggered(`{"MaxDeliveryCount":2}`, `
		{"name":"Each","type":"ForEach","typeProperties":{"isSequential":true,"items":{"value":"@pipeline().parameters.messages","type":"Expression"},"activities":[
			{"name":"Which","type":"Switch","typeProperties":{"on":{"value":"@item().messageId","type":"Expression"},"cases":[
				{"value":"done","activities":[{"name":"Done","type":"ServiceBusSettle","typeProperties":{"sequenceNumber":"@item().sequenceNumber","outcome":"Complete"}}]},
				{"value":"bad","activities":[{"name":"Bad","type":"ServiceBusSettle","typeProperties":{"lockToken":"@item().lockToken","outcome":"DeadLetter","reason":"Bad","description":"because"}}]},
				{"value":"later","activities":[{"name":"Later","type":"ServiceBusSettle","typeProperties":{"sequenceNumber":"@item().sequenceNumber","outcome":"Defer"}}]},
				{"value":"sent","activities":[{"name":"Sent","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"typeProperties":{"queueName":"out","body":"x","correlationId":"@item().messageId","settle":{"sequenceNumber":"@item().sequenceNumber","outcome":"Complete"}}}]}
			]}}]}},
		{"name":"Stop","type":"Fail","dependsOn":[{"activity":"Each","dependencyConditions":["Succeeded"]}],"typeProperties":{"message":"after all","errorCode":"1"}}`))}})
	c := sdk(t, s)
	sendTo(t, c, "in", "done", "bad", "later", "sent", "open")
	dead := map[string]string{}
	for _, m := range take(t, c, "in", azservicebus.SubQueueDeadLetter, 2) {
		dead[m.MessageID] = *m.DeadLetterReason
	}
	if dead["bad"] != "Bad" || dead["open"] == "" {
		t.Errorf("dead letters = %v, want bad with the pipeline's reason, and open", dead)
	}
	if got := take(t, c, "out", 0, 1)[0]; got.CorrelationID == nil || *got.CorrelationID != "sent" {
		t.Errorf("result = %v, want one for the message sent", got.CorrelationID)
	}
	if ids := left(t, c, "in"); len(ids) != 1 || ids[0] != "later" {
		t.Errorf("left in the queue: %v, want only the deferred one", ids)
	}
	if ids := left(t, c, "out"); len(ids) != 0 {
		t.Errorf("left in out: %v, want nothing: one result a message", ids)
	}
}

// TestSentAddresses: a message is sent with the addresses that the activity names.
func TestSentAddresses(t *testing.T) {
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, triggered(`{}`, `
		{"name":"Answer","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},
		 "typeProperties":{"queueName":"out","body":"x","to":"@{pipeline().parameters.messages[0].messageId}/answer","replyTo":"in"}}`))}})
	c := sdk(t, s)
	sendTo(t, c, "in", "a")
	m := take(t, c, "out", 0, 1)[0]
	if m.To == nil || *m.To != "a/answer" || m.ReplyTo == nil || *m.ReplyTo != "in" {
		t.Errorf("to %v, reply to %v; want a/answer and in", m.To, m.ReplyTo)
	}
}

// TestCancelledRunReleases: a cancelled run gives its messages back without
// counting a delivery.
func TestCancelledRunReleases(t *testing.T) {
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, triggered(`{"MaxDeliveryCount":1}`,
		`{"name":"Long","type":"Wait","typeProperties":{"waitTimeInSeconds":3600}}`))}})
	c := sdk(t, s)
	sendTo(t, c, "in", "a")
	running := func() (ids []string) {
		for _, r := range allRuns(t, s) {
			if r.Status == run.InProgress {
				ids = append(ids, r.RunID)
			}
		}
		return ids
	}
	first := eventually(t, func() string {
		if ids := running(); len(ids) == 1 {
			return ids[0]
		}
		return ""
	})
	if err := s.engine.Cancel(first, false); err != nil {
		t.Fatal(err)
	}
	// With MaxDeliveryCount 1 a counted delivery would be its last; released, it
	// starts another run.
	eventually(t, func() string {
		if ids := running(); len(ids) == 1 && ids[0] != first {
			return ids[0]
		}
		return ""
	})
	if ids := left(t, c, "in"); len(ids) != 1 {
		t.Errorf("in the queue: %v, want the message, held by the second run", ids)
	}
}

func eventually(t *testing.T, f func() string) string {
	t.Helper()
	return eventuallyWithin(t, 10*time.Second, f)
}

// eventuallyWithin is eventually for what takes longer where the machine is slow.
func eventuallyWithin(t *testing.T, patience time.Duration, f func() string) string {
	t.Helper()
	const pause = 10 * time.Millisecond
	for range patience / pause {
		if s := f(); s != "" {
			return s
		}
		time.Sleep(pause)
	}
	t.Fatalf("it did not happen within %v", patience)
	return ""
}

// TestParameterError: messages whose parameters can't be evaluated end in the
// dead-letter queue, and start no run.
func TestParameterError(t *testing.T) {
	files := triggered(`{"MaxDeliveryCount":2}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`)
	files["trigger/OnIn.json"] = strings.Replace(files["trigger/OnIn.json"], "@triggerBody().messages", "@triggerBody().nope", 1)
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, files)}})
	c := sdk(t, s)
	sendTo(t, c, "in", "a")
	m := take(t, c, "in", azservicebus.SubQueueDeadLetter, 1)[0]
	if m.DeadLetterReason == nil || *m.DeadLetterReason != "TriggerParameterError" || !strings.Contains(*m.DeadLetterErrorDescription, "nope") {
		t.Errorf("reason %v, description %v; want TriggerParameterError that names the property", m.DeadLetterReason, m.DeadLetterErrorDescription)
	}
	if runs, _ := s.RunCounts(); runs != 0 {
		t.Errorf("%d runs, want none", runs)
	}
}

// TestRestartKeepsQueuesAndWaitingRuns: a run in a Wait goes on after a restart,
// and the message it holds is nobody else's meanwhile.
func TestRestartKeepsQueuesAndWaitingRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d := folder(t, triggered(`{"LockDuration":"PT5S"}`, `
		{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":2}},
		{"name":"Say","type":"ServiceBusSend","dependsOn":[{"activity":"W","dependencyConditions":["Succeeded"]}],"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"typeProperties":{"queueName":"out","body":"@pipeline().parameters.messages[0].messageId"}}`))
	s := startSystem(t, Options{DataDir: dir, Deployments: []*deploy.Deployment{d}, Grace: time.Millisecond})
	c := sdk(t, s)
	sendTo(t, c, "in", "a")
	runID := eventually(t, func() string {
		id := ""
		for _, r := range allRuns(t, s) {
			id = r.RunID
		}
		return id
	})
	c.Close(context.Background())
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = startSystem(t, Options{DataDir: dir, Deployments: []*deploy.Deployment{d}})
	c = sdk(t, s)
	if m := take(t, c, "out", 0, 1)[0]; string(m.Body) != "a" {
		t.Errorf("result = %q, want a", m.Body)
	}
	if status, err := s.engine.Wait(t.Context(), runID); err != nil || status != run.Succeeded {
		t.Errorf("run %s: %s, %v; want it Succeeded after the restart", runID, status, err)
	}
	if ids := left(t, c, "in"); len(ids) != 0 {
		t.Errorf("left in the queue: %v", ids)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Run("port in use", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = Start(t.Context(), Options{Ephemeral: true, AMQPAddress: l.Addr().String()})
		if in, ok := errors.AsType[*listen.AddressInUseError](err); !ok || in.Address != l.Addr().String() {
			t.Errorf("error = %v, want one that names the address", err)
		}
	})
	t.Run("beyond loopback", func(t *testing.T) {
		_, err := Start(t.Context(), Options{Ephemeral: true, AMQPAddress: "0.0.0.0:0"})
		if err == nil || !strings.Contains(err.Error(), "other machines") {
			t.Errorf("error = %v, want a refusal to listen beyond this machine", err)
		}
	})
	t.Run("locked", func(t *testing.T) {
		s := startSystem(t, Options{})
		_, err := Start(t.Context(), Options{DataDir: s.o.DataDir})
		if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), s.o.DataDir) {
			t.Errorf("error = %v, want ErrLocked that names the directory", err)
		}
	})
	t.Run("damaged", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		s := startSystem(t, Options{DataDir: dir, Deployments: []*deploy.Deployment{folder(t, triggered(`{}`, `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`))}})
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		damaged := 0
		filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && strings.HasPrefix(e.Name(), "MANIFEST-") {
				if b, err := os.ReadFile(path); err == nil && len(b) > 20 {
					for i := 10; i < 20; i++ {
						b[i] ^= 0xFF
					}
					os.WriteFile(path, b, 0o600)
					damaged++
				}
			}
			return nil
		})
		if damaged == 0 {
			t.Fatal("there is no manifest to damage")
		}
		_, err := Start(t.Context(), Options{DataDir: dir})
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("error = %v, want ErrCorrupt", err)
		}
	})
}

// TestTwoNamespaces: each namespace has an address of its own, which survives a
// restart, and a queue of the same name in each is another queue.
func TestTwoNamespaces(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d := folder(t, map[string]string{"Config.json": `{"UserConfig":{"Namespaces":[{"Name":"namespace-one","Queues":[{"Name":"q"}]},{"Name":"namespace-two","Queues":[{"Name":"q"}]}]}}`})
	s := startSystem(t, Options{DataDir: dir, Deployments: []*deploy.Deployment{d}})
	port := ""
	for _, ns := range []string{"namespace-one", "namespace-two"} {
		c, err := azservicebus.NewClientFromConnectionString(s.ConnectionString(ns), nil)
		if err != nil {
			t.Fatal(err)
		}
		sendTo(t, c, "q", "for-"+ns)
		if ids := left(t, c, "q"); len(ids) != 1 || ids[0] != "for-"+ns {
			t.Errorf("in q of %s: %v, want its own message only", ns, ids)
		}
		c.Close(context.Background())
		port = s.ConnectionString(ns)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = startSystem(t, Options{DataDir: dir})
	if got := s.ConnectionString("namespace-two"); got != port {
		t.Errorf("connection string after a restart = %q, before %q", got, port)
	}
}

// TestTriggerFindsQueueAgain: a trigger takes the messages of a queue that was
// deleted and made again, as often as that happens.
func TestTriggerFindsQueueAgain(t *testing.T) {
	d := folder(t, triggered(`{}`, `{"name":"S","type":"ServiceBusSend","linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"typeProperties":{"queueName":"out","messageId":"@first(pipeline().parameters.messages).messageId","body":"x"}}`))
	s := startSystem(t, Options{Ephemeral: true, Deployments: []*deploy.Deployment{d}})
	c := sdk(t, s)
	queue := s.testNamespace(provision.ResourceGroup, "test-ns") + "/queues/in"
	for _, id := range []string{"first", "second", "third", "fourth"} {
		sendTo(t, c, "in", id)
		if m := take(t, c, "out", 0, 1); len(m) != 1 || m[0].MessageID != id {
			t.Fatalf("results after message %s: %v, want one", id, m)
		}
		must(t, s, "DELETE", queue, "")
		must(t, s, "PUT", queue, `{"properties":{}}`)
	}
}

// allRuns returns the runs of every factory.
func allRuns(t *testing.T, s *System) (all []*engine.PipelineRun) {
	t.Helper()
	for _, f := range s.factories.List("", "") {
		runs, _, err := s.engine.Query(engine.Query{Factory: f.ID.Factory})
		if err != nil {
			t.Error(err)
		}
		all = append(all, runs...)
	}
	return all
}
