package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// nothing is the smallest pipeline.
const nothing = `{"name":"P","properties":{"activities":[]}}`

// calls is an HTTP server whose paths are numbers. A call of /N is told to the
// channel N.
func calls(b *testing.B, n int) (url string, called []chan time.Time) {
	b.Helper()
	called = make([]chan time.Time, n)
	for i := range called {
		called[i] = make(chan time.Time, 1)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		i, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil || i >= len(called) {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "{}")
		called[i] <- now
	}))
	b.Cleanup(server.Close)
	return server.URL + "/", called
}

// rest is a client of the Resource Manager and of the only factory in it.
type rest struct {
	p       *process
	client  http.Client
	factory string // resource id
}

func newREST(p *process) *rest {
	p.b.Helper()
	c := &rest{p: p, client: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	p.b.Cleanup(c.client.CloseIdleConnections)
	var list struct{ Value []struct{ ID string } }
	check(p.b, c.do(p.b.Context(), "GET", "/subscriptions/"+p.SubscriptionID+"/providers/Microsoft.DataFactory/factories", "", &list))
	if len(list.Value) != 1 {
		p.b.Fatalf("%d factories, want 1", len(list.Value))
	}
	c.factory = list.Value[0].ID
	return c
}

func (c *rest) do(ctx context.Context, method, path, body string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, c.p.HTTP+path+"?api-version=2018-06-01", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.p.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %.300s", method, path, resp.Status, text)
	}
	return json.Unmarshal(text, answer)
}

// createRun starts a run of the pipeline P.
func (c *rest) createRun(ctx context.Context, parameters string) error {
	var answer struct{ RunID string }
	return c.do(ctx, "POST", c.factory+"/pipelines/P/createRun", parameters, &answer)
}

// BenchmarkRuns64 starts runs of one Web activity through REST, 64 at once: each
// of 64 clients starts its next run when its last one has made its call.
func BenchmarkRuns64(b *testing.B) {
	const at, each = 64, 100
	url, called := calls(b, at)
	p := serve(b, binary(b), filepath.Join(b.TempDir(), "data"), folder(b, map[string]string{
		"pipeline/P.json": `{"name":"P","properties":{"parameters":{"url":{"type":"String"}},"activities":[
			{"name":"Call","type":"WebActivity","typeProperties":{"url":"@pipeline().parameters.url","method":"GET"}}]}}`,
	}))
	c := newREST(p)
	run := func(n int) {
		together(b, at, func(ctx context.Context, i int) error {
			for range n {
				if err := c.createRun(ctx, fmt.Sprintf(`{"url":"%s%d"}`, url, i)); err != nil {
					return err
				}
				select {
				case <-called[i]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	run(2) // opens the connections
	for b.Loop() {
		run(each)
	}
	b.ReportMetric(float64(b.N*at*each)/b.Elapsed().Seconds(), "runs/s")
	p.stop()
}

// BenchmarkSendToActivity is the time from a call of the SDK's SendMessage to the
// arrival of the call that the first activity of the run makes, one message after
// the other; the median.
func BenchmarkSendToActivity(b *testing.B) {
	const messages = 1000
	url, called := calls(b, 1)
	p := serve(b, binary(b), filepath.Join(b.TempDir(), "data"), folder(b, map[string]string{
		"Config.json":            queueConfig,
		"linkedService/Bus.json": `{"name":"Bus","properties":{"type":"AzureServiceBus","typeProperties":{"fullyQualifiedNamespace":"bench-ns.servicebus.windows.net"}}}`,
		"trigger/OnQ.json": `{"name":"OnQ","properties":{"type":"ServiceBusTrigger","runtimeState":"Started",
			"typeProperties":{"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"queueName":"q","maxMessages":10},
			"pipelines":[{"pipelineReference":{"referenceName":"P","type":"PipelineReference"},"parameters":{"messages":"@triggerBody().messages"}}]}}`,
		"pipeline/P.json": `{"name":"P","properties":{"parameters":{"messages":{"type":"Array"}},"activities":[
			{"name":"Call","type":"WebActivity","typeProperties":{"url":"` + url + `0","method":"GET"}}]}}`,
	}))
	s := senders(p, 1)[0]
	took := make([]time.Duration, 0, messages)
	one := func() time.Duration {
		began := time.Now()
		check(b, s.SendMessage(b.Context(), &azservicebus.Message{Body: []byte("x")}, nil))
		return (<-called[0]).Sub(began)
	}
	for range 20 {
		one()
	}
	for b.Loop() {
		for range messages {
			took = append(took, one())
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms")
	p.stop()
}

// BenchmarkRunsPage asks for the newest 100 of 100,000 runs through REST, as
// switchyard runs does; the median of the answers in a second, at
// least one.
func BenchmarkRunsPage(b *testing.B) {
	const total = 100_000
	data := filepath.Join(b.TempDir(), "data")
	program := binary(b)
	haveRuns(b, program, data, total)
	p := serve(b, program, data, "")
	c := newREST(p)
	var took []time.Duration
	for b.Loop() {
		for began := time.Now(); len(took) == 0 || time.Since(began) < time.Second; {
			var page struct{ Value []struct{ RunID string } }
			asked := time.Now()
			check(b, c.do(b.Context(), "POST", c.factory+"/queryPipelineRuns",
				`{"lastUpdatedAfter":"0001-01-01T00:00:00Z","lastUpdatedBefore":"9999-12-31T00:00:00Z","orderBy":[{"orderBy":"RunStart","order":"DESC"}]}`, &page))
			took = append(took, time.Since(asked))
			if len(page.Value) != 100 {
				b.Fatalf("a page of %d runs, want 100", len(page.Value))
			}
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/page")
	p.stop()
}

// haveRuns makes a data directory with runs that have ended. Making it takes
// longer than any benchmark, so SWITCHYARD_BENCH_CACHE names a directory in which
// the first one made is kept for the others, and for later builds.
func haveRuns(b *testing.B, program, data string, total int) {
	b.Helper()
	cache := os.Getenv("SWITCHYARD_BENCH_CACHE")
	kept := filepath.Join(cache, fmt.Sprint("runs-", total))
	if cache != "" {
		if _, err := os.Stat(kept); err == nil {
			check(b, os.CopyFS(data, os.DirFS(kept)))
			return
		}
	}
	const at = 64
	p := serve(b, program, data, folder(b, map[string]string{"pipeline/P.json": nothing}))
	c := newREST(p)
	together(b, at, func(ctx context.Context, i int) error {
		for n := i; n < total; n += at {
			if err := c.createRun(ctx, ""); err != nil {
				return err
			}
		}
		return nil
	})
	p.stop()
	if cache != "" {
		check(b, os.CopyFS(kept, os.DirFS(data)))
	}
}
