package system

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"switchyard/pipeline/run"
	"switchyard/value"
)

// TestWebHook: a service is called and calls back, over HTTP, with a kill between. The
// address's token is in no file, no line of the log and nothing that is shown.
func TestWebHook(t *testing.T) {
	called := make(chan string, 9)
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct{ CallBackURI, Order string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Order != "7" {
			t.Errorf("the service is called with order %q, %v", body.Order, err)
		}
		called <- body.CallBackURI
	}))
	defer service.Close()
	var log bytes.Buffer
	o := Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	s := startSystem(t, o)
	df := makeFactory(t, s)
	must(t, s, "PUT", s.testGroup("g")+"/providers/Microsoft.ServiceBus/namespaces/hooks-1", `{"location":"westeurope"}`)
	must(t, s, "PUT", df+"/pipelines/approve", `{"properties":{"activities":[{"name":"Ask","type":"WebHook",
		"typeProperties":{"method":"POST","url":"`+service.URL+`/","body":{"order":"7"},"reportStatusOnCallBack":true,"timeout":"1.00:00:00"}},
		{"name":"Answer","type":"Fail","dependsOn":[{"activity":"Ask","dependencyConditions":["Succeeded"]}],"typeProperties":{"message":"@{activity('Ask').output.by} approves","errorCode":"ok"}}]}}`)
	code, answer := request(t, s, "POST", df+"/pipelines/approve/createRun?api-version=2018-06-01", `{}`)
	var created struct{ RunID string }
	if err := json.Unmarshal([]byte(answer), &created); err != nil || code != 200 {
		t.Fatalf("createRun: %d %s", code, answer)
	}
	uri := <-called
	at, err := url.Parse(uri)
	if err != nil || at.Scheme != "http" || at.Host != s.http.Addr().String() || len(at.Query().Get("token")) != 43 {
		t.Fatalf("callBackUri %s, %v", uri, err)
	}

	for accepted := false; !accepted; {
		all, err := s.engine.ActivityRuns(created.RunID)
		if err != nil || len(all) != 1 || all[0].Status != run.InProgress {
			t.Fatalf("%d activity runs, %v", len(all), err)
		}
		accepted = !all[0].Accepted.IsZero()
	}
	dir := killed(t, s, "hooks-1")
	s.Stop()
	s = startSystem(t, Options{DataDir: dir, Logger: o.Logger})
	at.Host = s.http.Addr().String()
	post := func(uri, body string) (int, string) {
		t.Helper()
		answer, err := http.Post(uri, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, strings.TrimSpace(string(b))
	}
	if code, answer := post(at.String()+"x", `{}`); code != 404 || !strings.Contains(answer, "CallbackNotFound") {
		t.Errorf("a wrong token: %d %s", code, answer)
	}
	if code, answer := post(at.String(), `{"StatusCode":"many"}`); code != 400 || !strings.Contains(answer, "InvalidCallback") {
		t.Errorf("a wrong body: %d %s", code, answer)
	}
	echo, _ := json.Marshal(map[string]any{"Output": map[string]string{"by": "Ada", "at": at.String()}, "StatusCode": "200"})
	if code, answer := post(at.String(), string(echo)); code != 200 || answer != `{"status":"Accepted"}` {
		t.Errorf("the callback: %d %s", code, answer)
	}
	if code, answer := post(at.String(), `{}`); code != 200 || answer != `{"status":"AlreadyCalledBack"}` {
		t.Errorf("the second callback: %d %s", code, answer)
	}
	if len(called) > 0 {
		t.Error("the service is called again")
	}
	if status, err := s.engine.Wait(t.Context(), created.RunID); err != nil || status != run.Failed {
		t.Fatalf("%s, %v", status, err)
	}
	p, err := s.engine.PipelineRun(created.RunID)
	if err != nil || !strings.Contains(p.Message, "Ada approves") {
		t.Errorf("%q, %v", p.Message, err)
	}

	token := at.Query().Get("token")
	all, err := s.engine.ActivityRuns(created.RunID)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d activity runs, %v", len(all), err)
	}
	for _, a := range all {
		whole, err := a.Whole()
		if err != nil || bytes.Contains(value.Append(nil, whole.JSON()), []byte(token)) {
			t.Errorf("%s shows the token: %v", a.Name, err)
		}
	}
	s.Stop()
	for name, content := range readTree(t, s.o.DataDir) {
		if bytes.Contains(content, []byte(token)) {
			t.Errorf("%s holds the token", name)
		}
	}
	if strings.Contains(log.String(), token) {
		t.Error("the log holds the token")
	}
}
