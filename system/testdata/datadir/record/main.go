// Record makes a data directory with the program of some commit, kills that
// program while it works, and packs what is left with what is to be found in it.
//
//	git worktree add /tmp/old COMMIT && (cd /tmp/old && go build -o /tmp/switchyard ./cmd/switchyard)
//	cd system/testdata/datadir && go run ./record /tmp/switchyard COMMIT
//
// It uses the program's ports only, with Azure's SDK for messages. Web activities
// call http://work.example through the proxy that this program is.
package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// Expected is what is known of the recorded directory.
type Expected struct {
	Commit     string            `json:"commit"`
	RecordedAt time.Time         `json:"recordedAt"` // the kill
	Runs       map[string]string `json:"runs"`       // run IDs
}

// An Answer of the resource manager.
type Answer struct {
	Method string          `json:"method"`
	URL    string          `json:"url"` // path and query
	Body   string          `json:"body,omitempty"`
	Answer json.RawMessage `json:"answer"`
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) { must(0, err) }

type recorder struct {
	dir, base, token, connection string
	vars                         []string
	http                         *http.Client
	expected                     Expected
	answers                      []any
}

func main() {
	binary, commit := os.Args[1], os.Args[2]
	work := must(os.MkdirTemp("", "record"))
	defer os.RemoveAll(work)
	proxy := must(net.Listen("tcp", "127.0.0.1:0"))
	go http.Serve(proxy, http.HandlerFunc(answer))
	r := &recorder{dir: filepath.Join(work, "data"), expected: Expected{Commit: commit,
		Runs: map[string]string{}}}
	r.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	p := exec.Command(binary, "up", "record/folder", "--data", r.dir, "--amqp-address", "127.0.0.1:0",
		"--http-address", "127.0.0.1:0", "--strict=false", "--log-level", "warn")
	p.Env = append(os.Environ(), "HTTP_PROXY=http://"+proxy.Addr().String(), "NO_PROXY=")
	p.Stderr = os.Stderr
	check(p.Start())
	r.connect()
	r.send()
	for _, line := range lines("record/requests.txt") {
		r.request(line)
	}
	r.start()
	time.Sleep(15 * time.Second) // everything has come to where it stays
	r.runs()
	for _, line := range lines("record/queries.txt") {
		r.query(line, "")
	}
	r.expected.RecordedAt = time.Now().UTC()
	check(p.Process.Kill())
	p.Wait()
	check(pack(r.dir, commit+".tar.gz"))
	check(r.write(commit + ".jsonl"))
}

// write puts what is expected in lines: the facts, then an answer in each.
func (r *recorder) write(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	e := json.NewEncoder(f)
	e.SetEscapeHTML(false)
	for _, v := range append([]any{r.expected}, r.answers...) {
		if err := e.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

func lines(name string) []string {
	return strings.Split(strings.TrimSpace(string(must(os.ReadFile(name)))), "\n")
}

var polls atomic.Int64

// answer is what Web activities get: some of it never comes.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/hang/"), path == "/item/2", path == "/item/3",
		path == "/until" && polls.Add(1) > 1:
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	case strings.HasPrefix(path, "/item/"):
		fmt.Fprintf(w, `{"item":%q}`, strings.TrimPrefix(path, "/item/"))
	case path == "/until":
		fmt.Fprint(w, `{"done":false}`)
	case path == "/large":
		fmt.Fprintf(w, `{"text":%q}`, strings.Repeat("large ", 1500))
	case path == "/ok":
		fmt.Fprint(w, `{"answer":"ok"}`)
	default: // /fail, /retry
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error":"on purpose"}`)
	}
}

// connect waits for the endpoints file.
func (r *recorder) connect() {
	var e struct{ HTTPS, Token, ConnectionString, SubscriptionID string }
	for {
		b, err := os.ReadFile(filepath.Join(r.dir, "endpoints.json"))
		if err == nil && json.Unmarshal(b, &e) == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.base, r.token, r.connection = e.HTTPS, e.Token, e.ConnectionString
	sub := "/subscriptions/" + e.SubscriptionID
	r.vars = []string{"$SUB", sub, "$RG", sub + "/resourceGroups/old", "$NS",
		sub + "/resourceGroups/old/providers/Microsoft.ServiceBus/namespaces",
		"$DF", sub + "/resourceGroups/old/providers/Microsoft.DataFactory/factories/by-arm", "$FOLDER",
		sub + "/resourceGroups/switchyard", "$V", "api-version=2018-06-01"}
}

func (r *recorder) expand(s string) string { return strings.NewReplacer(r.vars...).Replace(s) }

func (r *recorder) call(method, url, body string) []byte {
	q := must(http.NewRequest(method, r.base+url, strings.NewReader(body)))
	q.Header.Set("Authorization", "Bearer "+r.token)
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	resp := must(r.http.Do(q))
	defer resp.Body.Close()
	b := must(io.ReadAll(resp.Body))
	if resp.StatusCode >= 300 {
		panic(fmt.Sprintf("%s %s: %s %s", method, url, resp.Status, b))
	}
	return b
}

func (r *recorder) request(line string) {
	line = r.expand(line)
	parts := strings.SplitN(line, " ", 3)
	b := r.call(parts[0], parts[1], parts[2])
	if strings.Contains(parts[1], "AuthorizationRules/app/regenerateKeys") {
		var keys struct{ PrimaryKey string }
		check(json.Unmarshal(b, &keys))
		r.vars = append(r.vars, "$APPKEY", keys.PrimaryKey)
	}
}

func (r *recorder) query(line, body string) {
	method, url, _ := strings.Cut(r.expand(line), " ")
	b := r.call(method, url, body)
	r.answers = append(r.answers, Answer{method, url, body, json.RawMessage(b)})
}

// start begins the runs, by names of their own.
func (r *recorder) start() {
	for _, x := range []struct{ name, pipeline, parameters string }{
		{"history", "History", "{}"}, {"failing", "Failing", ""}, {"cancelled", "Waiting", ""},
		{"hang", "Hang", `{"secret":"parameter secret","large":"` + strings.Repeat("0123456789", 900) + `"}`},
		{"waiting", "Waiting", ""}, {"each", "Each", ""}, {"parallel", "Parallel", ""}, {"polling", "Polling",
			""},
		{"retrying", "Retrying", ""}, {"one", "One", ""}, {"queued", "One", ""}, {"branches", "Branches", ""},
	} {
		b := r.call("POST", r.expand("$DF/pipelines/"+x.pipeline+"/createRun?$V"), x.parameters)
		var run struct{ RunID string }
		check(json.Unmarshal(b, &run))
		r.expected.Runs[x.name] = run.RunID
	}
	time.Sleep(time.Second)
	r.call("POST", r.expand("$DF/pipelineruns/"+r.expected.Runs["cancelled"]+"/cancel?$V"), "")
}

const everything = `{"lastUpdatedAfter":"0001-01-01T00:00:00Z","lastUpdatedBefore":"9999-12-31T00:00:00Z"}`

// runs keeps the records of runs that have ended, and finds those of triggers.
func (r *recorder) runs() {
	for _, name := range []string{"history", "failing", "cancelled"} {
		r.query("GET $DF/pipelineruns/"+r.expected.Runs[name]+"?$V", "")
		r.query("POST $DF/pipelineruns/"+r.expected.Runs[name]+"/queryActivityruns?$V", everything)
	}
	b := r.call("POST",
		r.expand("$FOLDER/providers/Microsoft.DataFactory/factories/recorded/queryPipelineRuns?$V"),
		everything)
	var runs struct {
		Value []struct{ RunID, PipelineName, Status string }
	}
	check(json.Unmarshal(b, &runs))
	for _, x := range runs.Value {
		fmt.Println(x.PipelineName, x.Status)
		r.expected.Runs[x.PipelineName] = x.RunID
	}
	b = r.call("POST", r.expand("$DF/queryPipelineRuns?$V"), everything)
	check(json.Unmarshal(b, &runs))
	for _, x := range runs.Value {
		fmt.Println(x.PipelineName, x.Status)
	}
}

func ptr[T any](v T) *T { return &v }

// send fills queues and topics, and leaves messages in every state.
func (r *recorder) send() {
	ctx := context.Background()
	c := must(azservicebus.NewClientFromConnectionString(r.connection, nil))
	sender := func(to string, ms ...*azservicebus.Message) {
		s := must(c.NewSender(to, nil))
		for _, m := range ms {
			check(s.SendMessage(ctx, m, nil))
		}
		check(s.Close(ctx))
	}
	message := func(id, body string, properties map[string]any) *azservicebus.Message {
		return &azservicebus.Message{MessageID: &id, Subject: ptr("event"), Body: []byte(body),
			ContentType: ptr("application/json"), ApplicationProperties: properties}
	}
	all := map[string]any{"colour": "red", "amount": int64(5), "ratio": 0.5, "yes": true, "none": nil,
		"at": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, id := range []string{"abandoned", "deferred", "dead", "locked", "active", "large", "mortal"} {
		m := message(id, `{"id":"`+id+`"}`, all)
		switch id {
		case "large":
			m.Body = []byte(`{"text":"` + strings.Repeat("large ", 3000) + `"}`)
		case "mortal":
			m.TimeToLive = ptr(time.Hour)
		}
		sender("jobs", m)
		if id == "active" || id == "large" || id == "mortal" {
			continue
		}
		q := must(c.NewReceiverForQueue("jobs", nil))
		got := must(q.ReceiveMessages(ctx, 1, nil))[0]
		switch id {
		case "abandoned":
			check(q.AbandonMessage(ctx, got,
				&azservicebus.AbandonMessageOptions{PropertiesToModify: map[string]any{"tries": int64(1)}}))
			// Deferred at once, so that it is out of the way of the others.
			got = must(q.ReceiveMessages(ctx, 1, nil))[0]
			check(q.DeferMessage(ctx, got,
				&azservicebus.DeferMessageOptions{PropertiesToModify: map[string]any{"tries": int64(2)}}))
		case "deferred":
			check(q.DeferMessage(ctx, got, nil))
		case "dead":
			check(q.DeadLetterMessage(ctx, got, &azservicebus.DeadLetterOptions{Reason: ptr("because"),
				ErrorDescription:   ptr("it was said"),
				PropertiesToModify: map[string]any{"tries": int64(1)}}))
		}
		if id != "locked" { // that one keeps its lock
			check(q.Close(ctx))
		}
	}
	sender("events", message("e1", `{"n":1}`, all), message("e2", `{"n":2}`, map[string]any{"colour": "blue",
		"amount": int64(50)}),
		message("e3", `{"n":3}`, map[string]any{"colour": "red", "amount": int64(51)}))
	sender("in", message("held-1", `{"n":1}`, nil), message("held-2", `{"n":2}`, nil))
	sender("failing", message("failing", `{"n":1}`, nil))
}

func pack(dir, name string) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	z, _ := gzip.NewWriterLevel(out, gzip.BestCompression)
	w := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		// The bundle is the authorities of the machine and made anew.
		if err != nil || d.IsDir() || d.Name() == "bundle.pem" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if err := w.WriteHeader(&tar.Header{Name: filepath.ToSlash(rel), Mode: 0o600,
			Size: int64(len(b))}); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = z.Close()
	}
	return err
}
