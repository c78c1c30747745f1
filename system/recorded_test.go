package system

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker"
	"switchyard/store"
	"switchyard/value"
)

// TestRecordedDirectories opens the data directories that earlier versions left
// when they were killed, and lets them finish what they had begun.
func TestRecordedDirectories(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "datadir", "*.tar.gz"))
	if err != nil || len(names) == 0 {
		t.Fatalf("recorded directories: %v, %v", names, err)
	}
	for _, name := range names {
		base := strings.TrimSuffix(name, ".tar.gz")
		t.Run(filepath.Base(base), func(t *testing.T) {
			r := readRecording(t, base+".jsonl")
			dir := unpack(t, name)
			// All that was due later, timers, retries and locks, is due at once.
			o := Options{DataDir: dir, Clock: pastClock{back: time.Since(r.RecordedAt.Add(10 * time.Minute))}}
			answer := work.hold()
			s, err := Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { s.Stop() }()
			defer answer()
			work.await(t, "/hang/held", "/fail", "/hang/secret", "/ok", "/item/2", "/item/2", "/item/3", "/until",
				"/retry",
				"/hang/one", "/hang/if", "/hang/switch")
			r.checkAnswers(t, s, true)
			checkRecordedMessages(t, s)
			r.checkHeld(t, s)
			answer()
			r.checkEnds(t, s)
			r.checkDone(t, s)
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}

			if s, err = Start(t.Context(), o); err != nil {
				t.Fatalf("the second time: %v", err)
			}
			r.checkAnswers(t, s, false)
			r.checkEnds(t, s)
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}

			newer := []byte("switchyard store 1000\n")
			if err := os.WriteFile(filepath.Join(dir, "format"), newer, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Start(t.Context(), o)
			if !errors.Is(err, store.ErrNewerVersion) || strings.Contains(err.Error(), "\n") {
				t.Errorf("a directory of a newer version: got %v, want ErrNewerVersion in one line", err)
			}
		})
	}
}

// checkAnswers asks the resource manager what was asked when it was recorded. The
// numbers of messages are the same before any of them has been received.
func (r recording) checkAnswers(t *testing.T, s *System, messages bool) {
	t.Helper()
	for _, a := range r.answers {
		status, got := request(t, s, a.Method, a.URL, a.Body)
		if status != http.StatusOK {
			t.Errorf("%s %s: got %d %s", a.Method, a.URL, status, got)
			continue
		}
		c := comparison{definitions: strings.Contains(a.URL, "Microsoft.DataFactory/factories"),
			messages: messages}
		if at := c.differs("", a.Answer, []byte(got)); at != "" {
			t.Errorf("%s %s: %s\ngot  %s\nwant %s", a.Method, a.URL, at, got, a.Answer)
		}
	}
}

type comparison struct {
	definitions bool // properties are compared byte by byte
	messages    bool // numbers and sizes of messages are compared
}

// differs finds a member that was recorded and is gone or different, "" if there
// is none: more members than there were are right.
func (c comparison) differs(at string, want, got json.RawMessage) string {
	var w, g map[string]json.RawMessage
	var ws, gs []json.RawMessage
	switch {
	case json.Unmarshal(want, &w) == nil && w != nil && json.Unmarshal(got, &g) == nil:
		for name, v := range w {
			switch name {
			case "accessedAt", "primaryConnectionString",
				"secondaryConnectionString": // not kept; name a port
				continue
			case "messageCount", "countDetails", "sizeInBytes":
				if !c.messages {
					continue
				}
			case "properties":
				if c.definitions && !bytes.Equal(v, g[name]) {
					return at + "." + name + " is spelled in another way"
				}
			}
			if d := c.differs(at+"."+name, v, g[name]); d != "" {
				return d
			}
		}
	case json.Unmarshal(want, &ws) == nil && ws != nil && json.Unmarshal(got, &gs) == nil:
		if len(ws) != len(gs) {
			return fmt.Sprintf("%s: %d elements, want %d", at, len(gs), len(ws))
		}
		for i := range ws {
			if d := c.differs(fmt.Sprint(at, "[", i, "]"), ws[i], gs[i]); d != "" {
				return d
			}
		}
	case !bytes.Equal(want, got):
		return fmt.Sprintf("%s: got %s, want %s", at, got, want)
	}
	return ""
}

// checkRecordedMessages receives what was left in queues and subscriptions.
func checkRecordedMessages(t *testing.T, s *System) {
	t.Helper()
	c, err := azservicebus.NewClientFromConnectionString(s.ConnectionString("recorded-bus"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	dead := azservicebus.SubQueueDeadLetter
	for _, x := range []struct {
		topic, name string
		sub         azservicebus.SubQueue
		want        string
	}{
		{"", "jobs", 0, "locked/2 active/1 large/1 mortal/1"},
		{"", "jobs", dead, "dead/1"},
		{"events", "all", 0, "e1/1 e2/1 e3/1"},
		{"events", "red", 0, "e1/1 e3/1"},
		{"events", "large", 0, "e2/1 e3/1"},
	} {
		o := &azservicebus.ReceiverOptions{SubQueue: x.sub,
			ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete}
		receive := func() (*azservicebus.Receiver, error) { return c.NewReceiverForQueue(x.name, o) }
		if x.topic != "" {
			receive = func() (*azservicebus.Receiver, error) {
				return c.NewReceiverForSubscription(x.topic, x.name,
					o)
			}
		}
		q, err := receive()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range strings.Fields(x.want) {
			ms, err := q.ReceiveMessages(t.Context(), 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(ms[0].MessageID, "/", ms[0].DeliveryCount))
			checkRecordedMessage(t, x.name, ms[0])
		}
		if got := strings.Join(got, " "); got != x.want {
			t.Errorf("%s %s: got %s, want %s", x.topic, x.name, got, x.want)
		}
		if x.name == "jobs" && x.sub == 0 {
			checkDeferred(t, q)
		}
		q.Close(context.Background())
	}
}

func checkRecordedMessage(t *testing.T, from string, m *azservicebus.ReceivedMessage) {
	t.Helper()
	p := m.ApplicationProperties
	want := map[string]any{"colour": "red", "amount": int64(5), "ratio": 0.5, "yes": true, "none": nil,
		"at": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	body := `{"id":"` + m.MessageID + `"}`
	switch {
	case m.MessageID == "large":
		body = `{"text":"` + strings.Repeat("large ", 3000) + `"}`
	case m.MessageID == "dead":
		why, more := m.DeadLetterReason, m.DeadLetterErrorDescription
		if why == nil || *why != "because" || more == nil || *more != "it was said" {
			t.Errorf("%s: dead-lettered for %v, %v", m.MessageID, why, more)
		}
		delete(p, "DeadLetterReason")
		delete(p, "DeadLetterErrorDescription")
		want["tries"] = int64(1)
	case m.MessageID == "abandoned":
		want["tries"] = int64(2)
	case m.MessageID == "e2":
		want = map[string]any{"colour": "blue", "amount": int64(50)}
	case m.MessageID == "e3":
		want = map[string]any{"colour": "red", "amount": int64(51)}
	}
	if n, ok := strings.CutPrefix(m.MessageID, "e"); ok {
		body = `{"n":` + n + `}`
	}
	if from == "large" {
		want["size"], want["RuleName"] = "large", "BySize" // by the rule's action
	}
	if fmt.Sprint(p) != fmt.Sprint(want) {
		t.Errorf("%s in %s: properties %v, want %v", m.MessageID, from, p, want)
	}
	if string(m.Body) != body || *m.Subject != "event" || *m.ContentType != "application/json" {
		t.Errorf("%s in %s: subject %s, content type %s, body %.100q", m.MessageID, from, *m.Subject,
			*m.ContentType, m.Body)
	}
}

// checkDeferred finds deferred messages by looking at all that are there.
func checkDeferred(t *testing.T, q *azservicebus.Receiver) {
	t.Helper()
	left, err := q.PeekMessages(t.Context(), 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int64
	for _, m := range left {
		numbers = append(numbers, *m.SequenceNumber)
	}
	ms, err := q.ReceiveDeferredMessages(t.Context(), numbers, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range ms {
		got = append(got, fmt.Sprint(m.MessageID, "/", m.DeliveryCount))
		checkRecordedMessage(t, "jobs", m)
	}
	if got := strings.Join(got, " "); got != "abandoned/3 deferred/2" {
		t.Errorf("deferred: got %s", got)
	}
}

// checkHeld looks at what runs hold while none of them can go on.
func (r recording) checkHeld(t *testing.T, s *System) {
	t.Helper()
	for _, name := range []string{"Hold", "hang", "waiting", "each", "parallel", "polling", "retrying", "one",
		"branches"} {
		if p, err := s.engine.PipelineRun(r.Runs[name]); err != nil || p.Status.String() != "InProgress" {
			t.Errorf("run %s is %+v, %v, want InProgress", name, p, err)
		}
	}
	if p, err := s.engine.PipelineRun(r.Runs["queued"]); err != nil || p.Status.String() != "Queued" {
		t.Errorf("run queued is %+v, %v, want Queued", p, err)
	}
	if n := counts(t, s, "recorded-bus", "in"); n.Locked != 2 || n.Total != 2 {
		t.Errorf("queue in: %d messages, %d locked, want 2", n.Total, n.Locked)
	}
	held := false
	for run := range s.broker.RunLocks() {
		held = held || string(run) == r.Runs["Hold"]
	}
	if !held {
		t.Errorf("run Hold holds no messages")
	}
}

func counts(t *testing.T, s *System, ns, queue string) broker.Counts {
	t.Helper()
	infos, err := s.broker.Queues(ns)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range infos {
		if q.Path == queue {
			return q.Counts
		}
	}
	t.Fatalf("namespace %s has no queue %s", ns, queue)
	return broker.Counts{}
}

// checkEnds waits for every run and looks at how it ended.
func (r recording) checkEnds(t *testing.T, s *System) {
	t.Helper()
	const late = ` {"answer":"late","done":true,"item":`
	for name, want := range map[string]string{
		"failing":   `Failed: No#1 Failed {}`,
		"cancelled": `Cancelled: Pause#1 Cancelled {}`,
		"Reject":    `Failed: Ask#1 Failed {}`,
		"Hold": `Succeeded: Ask#1 Succeeded` + late + `"held"} ` +
			`Answer#1 Succeeded {"messageId":"answer","queueName":"out"}`,
		"hang": `Succeeded: Ask#1 Succeeded` + late + `"secret"} ` +
			`Send#1 Succeeded {"messageId":"from-hang","queueName":"results"}`,
		"waiting": `Succeeded: Pause#1 Succeeded {} Ask#1 Succeeded` + late + `"ok"}`,
		"each": `Succeeded: Loop#1 Succeeded {} ` +
			`Ask#1 Succeeded {"item":"0"} Add#1 Succeeded {"name":"seen","value":"0"} ` +
			`Ask#1 Succeeded {"item":"1"} Add#1 Succeeded {"name":"seen","value":"1"} ` +
			`Ask#1 Succeeded` + late + `"2"} Add#1 Succeeded {"name":"seen","value":"2"} ` +
			`Ask#1 Succeeded` + late + `"3"} Add#1 Succeeded {"name":"seen","value":"3"} ` +
			`Return#1 Succeeded {"name":"pipelineReturnValue","value":{"seen":"0-1-2-3"}}`,
		"parallel": `Succeeded: Loop#1 Succeeded {} ` +
			`Ask#1 Succeeded {"item":"0"} Ask#1 Succeeded {"item":"1"} Ask#1 Succeeded` + late + `"2"} ` +
			`Ask#1 Succeeded` + late + `"3"} Ask#1 Succeeded {"item":"4"} Ask#1 Succeeded` + late + `"5"}`,
		"polling": `Succeeded: Loop#1 Succeeded {} Poll#1 Succeeded {"done":false} ` +
			`Poll#1 Succeeded` + late + `"until"}`,
		"retrying": `Succeeded: Ask#1 Failed {} Ask#2 Succeeded` + late + `"retry"}`,
		"one":      `Succeeded: Ask#1 Succeeded` + late + `"one"}`,
		"queued":   `Succeeded: Ask#1 Succeeded` + late + `"one"}`,
		// The output of X is secure.
		"branches": `Succeeded: If#1 Succeeded {} Choose#1 Succeeded {} ` +
			`Yes#1 Succeeded` + late + `"if"} X#1 Succeeded {}`,
	} {
		if got := ended(t, s, r.Runs[name]); got != want {
			t.Errorf("run %s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}

// ended waits for a run and describes its end, with the attempts of activities in
// the order in which they started.
func ended(t *testing.T, s *System, run string) string {
	t.Helper()
	status, err := s.engine.Wait(t.Context(), run)
	if err != nil {
		t.Fatalf("run %s: %v", run, err)
	}
	attempts, err := s.engine.ActivityRuns(run)
	if err != nil {
		t.Fatalf("activities of run %s: %v", run, err)
	}
	out := status.String() + ":"
	for _, a := range attempts {
		a, err := a.Whole()
		if err != nil {
			t.Fatal(err)
		}
		output, _ := a.JSON().Get("output")
		out += fmt.Sprintf(" %s#%d %s %s", a.Name, a.Attempt, a.Status, value.Append(nil, told(output)))
	}
	return out
}

// told returns the members of an output that do not change from day to day.
func told(output value.Value) *value.Object {
	out := &value.Object{}
	o, ok := output.(*value.Object)
	if !ok {
		return out
	}
	for _, m := range o.Members() {
		if slices.Contains([]string{"answer", "done", "item", "name", "value", "messageId", "queueName"},
			m.Name) {
			out.Set(m.Name, m.Value)
		}
	}
	return out
}

// checkDone looks at what runs did to queues and told others.
func (r recording) checkDone(t *testing.T, s *System) {
	t.Helper()
	// The message that came back after a failed run started another one.
	for _, again := range runsOf(t, s, "Reject") {
		if again != r.Runs["Reject"] {
			if got, want := ended(t, s, again),
				`Succeeded: Ask#1 Succeeded {"answer":"late","done":true,"item":"fail"}`; got != want {
				t.Errorf("run for the message that came back:\ngot  %s\nwant %s", got, want)
			}
		}
	}
	if n := len(runsOf(t, s, "Reject")); n != 2 {
		t.Errorf("the message of the failed run has had %d runs, want 2", n)
	}
	for _, x := range []struct {
		ns, queue string
		total     int64
	}{{"recorded-bus", "in", 0}, {"recorded-bus", "failing", 0}, {"recorded-bus", "out", 1}, {"second-bus",
		"results", 1}} {
		if n := counts(t, s, x.ns, x.queue); n.Total != x.total || n.Locked != 0 {
			t.Errorf("queue %s of %s: %d messages, %d locked; want %d, none locked", x.queue, x.ns, n.Total,
				n.Locked, x.total)
		}
	}
	r.checkResult(t, s)
	work.mu.Lock()
	defer work.mu.Unlock()
	want := asked{"parameter secret", "u", "sealed password", `{"large":"` + strings.Repeat("0123456789",
		900) + `"}`}
	if got := work.got["/hang/secret"]; len(got) != 1 || got[0] != want {
		t.Errorf("with secrets: got %.300v, want %.300v once", got, want)
	}
	want.body = `[{"messageId":"held-1",`
	if got := work.got["/hang/held"]; len(got) != 1 || !strings.HasPrefix(got[0].body, want.body) ||
		!strings.Contains(got[0].body, `"messageId":"held-2"`) {
		t.Errorf("with the messages that the run holds: got %v", got)
	}
}

// checkResult receives, with a key that had been regenerated, what a run has sent
// with the same key.
func (r recording) checkResult(t *testing.T, s *System) {
	t.Helper()
	i := slices.IndexFunc(r.answers, func(a recordedAnswer) bool {
		return strings.Contains(a.URL, "/AuthorizationRules/app/listKeys")
	})
	_, answer := request(t, s, "POST", r.answers[i].URL, "")
	var keys struct{ PrimaryConnectionString string }
	if err := json.Unmarshal([]byte(answer), &keys); err != nil {
		t.Fatal(err)
	}
	c, err := azservicebus.NewClientFromConnectionString(keys.PrimaryConnectionString, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, m := range take(t, c, "results", 0, 1) {
		if m.MessageID != "from-hang" || string(m.Body) != "late" {
			t.Errorf("got message %s, %q; want from-hang, \"late\"", m.MessageID, m.Body)
		}
	}
}

func runsOf(t *testing.T, s *System, pipeline string) (ids []string) {
	t.Helper()
	for _, p := range allRuns(t, s) {
		if p.Pipeline == pipeline {
			ids = append(ids, p.RunID)
		}
	}
	return ids
}
