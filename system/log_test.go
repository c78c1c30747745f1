package system

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/auth"
	"switchyard/deploy"
	"switchyard/identity"
)

// A recorder is a log that a test reads.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// find returns the first line with a text, and members, written name=value.
func (r *recorder) find(text string, members ...string) string {
	for line := range strings.SplitSeq(r.String(), "\n") {
		var o map[string]any
		if json.Unmarshal([]byte(line), &o) != nil || o["msg"] != text {
			continue
		}
		if !slices.ContainsFunc(members, func(m string) bool {
			name, value, _ := strings.Cut(m, "=")
			got, _ := json.Marshal(o[name])
			return strings.Trim(string(got), `"`) != value
		}) {
			return line
		}
	}
	return ""
}

// TestLog: what somebody who runs a server wants to know is in the log, and nothing of
// what messages say, nor anything secret, at whatever level.
func TestLog(t *testing.T) {
	const body, secret = "BODY-of-a-message", "SECRET-of-somebody"
	var log recorder
	files := triggered(`{"MaxDeliveryCount":1}`, `{"name":"Stop","type":"Fail","typeProperties":{"message":"@{pipeline().parameters.messages[0].body}","errorCode":"NoModel"}}`)
	files["linkedService/Other.json"] = `{"name":"Other","properties":{"type":"HttpServer","typeProperties":{"url":"http://x.example","password":{"type":"SecureString","value":"` + secret + `"}}}}`
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := startSystem(t, Options{Deployments: []*deploy.Deployment{folder(t, files)}, Version: "1.2.3", Logger: logger})
	c := sdk(t, s)
	send := func(queue, id string) {
		sender, err := c.NewSender(queue, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer sender.Close(context.Background())
		if err := sender.SendMessage(t.Context(), &azservicebus.Message{MessageID: &id, Body: []byte(body), Subject: to.Ptr(body),
			ApplicationProperties: map[string]any{"p": body}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := func(text string, members ...string) {
		t.Helper()
		defer func() {
			if t.Failed() {
				t.Log(log.String())
			}
		}()
		eventually(t, func() string { return log.find(text, members...) })
	}

	// A run that fails takes its message to the dead-letter queue; so does a client.
	send("in", "first")
	want("run finished", "pipeline=P", "factory=test", "status=Failed", "trigger=OnIn", "messages=1", "failedActivity=Stop", "errorCode=NoModel")
	want("dead-lettered", "queue=in", "namespace=test-ns", "id=first", "reason=PipelineRunFailed", "messages=1")
	want("activity finished", "activity=Stop", "status=Failed", "attempt=1")
	send("out", "second")
	r, err := c.NewReceiverForQueue("out", nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.ReceiveMessages(t.Context(), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DeadLetterMessage(t.Context(), m[0], &azservicebus.DeadLetterOptions{Reason: to.Ptr("unreadable"), ErrorDescription: to.Ptr(body)}); err != nil {
		t.Fatal(err)
	}
	r.Close(context.Background())
	want("dead-lettered", "queue=out", "id=second", "reason=unreadable")
	want("link attached", "address=out", "role=receiver")
	want("link detached", "address=out", "role=receiver")

	// Logins and tokens that are not good.
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"owner"}, "client_secret": {secret}, "scope": {"https://management.azure.com/.default"}}
	strict := startSystem(t, Options{Ephemeral: true, Auth: identity.Strict, Logger: logger,
		Applications: strictApplications(t, "owner", `[{"role":"Owner"}]`)})
	login, err := http.PostForm("http://"+strict.http.Addr().String()+"/"+strict.identities.TenantID()+"/oauth2/v2.0/token", form)
	if err != nil {
		t.Fatal(err)
	}
	login.Body.Close()
	want("login refused", "client=owner", "times=1")
	ask := httptest.NewRequestWithContext(t.Context(), "GET", "https://127.0.0.1/subscriptions?api-version=2022-04-01", nil)
	ask.Header.Set("Authorization", "Bearer "+secret)
	s.control.kernel.ServeHTTP(httptest.NewRecorder(), ask)
	want("token refused", "remote="+ask.RemoteAddr)
	cs, err := auth.ParseConnectionString(s.Endpoints().ConnectionString)
	if err != nil {
		t.Fatal(err)
	}
	cs.Key = secret
	stranger, err := azservicebus.NewClientFromConnectionString(cs.Format(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close(context.Background())
	if sender, err := stranger.NewSender("out", nil); err != nil {
		t.Fatal(err)
	} else if err := sender.SendMessage(t.Context(), &azservicebus.Message{Body: []byte(body)}, nil); err == nil {
		t.Error("a wrong key sends")
	}
	want("Service Bus token refused", "client=RootManageSharedAccessKey", "why=token has an invalid signature")

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	want("started", "version=1.2.3", "serviceBus="+s.amqp.Addr().String(), "http="+s.http.Addr().String(), "auth=development", "namespaces=1", "factories=1", "data="+s.o.DataDir)
	want("deployed", "what=1 namespace, 2 queues, 1 factory, 1 pipeline, 1 trigger", "factory=test")
	want("trigger started", "factory=test", "trigger=OnIn")
	want("stopped")
	for _, text := range []string{body, secret, cs.Key, s.token} {
		if strings.Contains(log.String(), text) {
			t.Errorf("%q is in the log:\n%s", text, log.String())
		}
	}
	rule, err := s.auth.Rule("test-ns", "", auth.DefaultRuleName)
	if err != nil || strings.Contains(log.String(), rule.PrimaryKey) || strings.Contains(log.String(), rule.SecondaryKey) {
		t.Errorf("a key is in the log (%v):\n%s", err, log.String())
	}
	if log.find("trigger stopped") != "" {
		t.Error("the end of the process stops no trigger")
	}
}
