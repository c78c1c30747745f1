package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// echoed is a pipeline whose runs keep their parameter in the history.
const echoed = `{"parameters":{"p":{"type":"string"}},"variables":{"v":{"type":"String"}},"activities":[
	{"name":"v","type":"SetVariable","typeProperties":{"variableName":"v","value":{"type":"Expression","value":"@pipeline().parameters.p"}}}]}`

// TestAttackHistory: under a load of runs without end the disk stays below a bound,
// whether what they keep is small or goes to the value log, also after a kill -9.
func TestAttackHistory(t *testing.T) {
	torture(t)
	const size = 4 << 20
	for _, c := range []struct {
		name      string
		parameter int           // bytes
		pause     time.Duration // between two runs of one of four clients
		least     int64         // bytes of parameters that have to be written
		bound     int64         // bytes on the disk
	}{
		// About 36 runs a second. Four write-ahead logs of 16 MiB may be there.
		{"small", 800, 110 * time.Millisecond, 1 << 20, 100 << 20},
		// What has ended in the last ten seconds stays, 90 MiB of it, in segments of 64
		// MiB, of which one is written and one is looked at only when the next begins.
		{"large", 256 << 10, 110 * time.Millisecond, 420 << 20, 360 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir() + "/data"
			// The ballast is a file of its own, which does not grow.
			args := []string{"--history-size", fmt.Sprint(size, "B"), "--ballast", "0"}
			s := box{}.serve(t, dir, args...)
			s.prepare()
			s.pipeline("echo", echoed)
			body, err := json.Marshal(map[string]string{"p": strings.Repeat("x", c.parameter)})
			if err != nil {
				t.Fatal(err)
			}
			var runs atomic.Int64
			most := int64(0)
			for round := range 2 {
				ctx, stop := context.WithTimeout(t.Context(), 40*time.Second)
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						for sleep(ctx, c.pause) == nil {
							if id, answer := s.createRun(30*time.Second, "echo", string(body)); id == "" {
								t.Error(answer)
								return
							}
							runs.Add(1)
						}
					})
				}
				for sleep(ctx, time.Second) == nil {
					most = max(most, diskUse(dir))
				}
				wg.Wait()
				stop()
				t.Logf("round %d: %d runs, disk %d MiB, at most %d MiB", round, runs.Load(), diskUse(dir)>>20, most>>20)
				s.kill()
				s = box{}.serve(t, dir, args...)
			}
			time.Sleep(15 * time.Second) // what has just ended stays for a moment
			written := runs.Load() * int64(c.parameter)
			if written < c.least {
				t.Errorf("%d MiB were written, too few to tell", written>>20)
			}
			if most > c.bound {
				t.Errorf("%d MiB on the disk, want at most %d", most>>20, c.bound>>20)
			}
			left := s.countRuns()
			if most := int64(size)/int64(c.parameter) + 1; int64(left) > most || left == 0 {
				t.Errorf("%d of %d runs are left, want %d at most", left, runs.Load(), most)
			}
			t.Logf("%d of %d runs are left, %d MiB were written, disk %d MiB", left, runs.Load(), written>>20, diskUse(dir)>>20)
		})
	}
}

// countRuns counts the runs of the attacked factory.
func (s *server) countRuns() (n int) {
	s.t.Helper()
	for token := ""; ; {
		var page struct {
			Value             []json.RawMessage
			ContinuationToken string
		}
		body := `{"lastUpdatedAfter":"2000-01-01T00:00:00Z","lastUpdatedBefore":"2999-01-01T00:00:00Z"`
		if token != "" {
			quoted, err := json.Marshal(token)
			if err != nil {
				s.t.Fatal(err)
			}
			body += `,"continuationToken":` + string(quoted)
		}
		answer := s.must("POST", s.id(attackFactory)+"/queryPipelineRuns"+factoryVersion, body+"}")
		if err := json.Unmarshal([]byte(answer), &page); err != nil {
			s.t.Fatal(err)
		}
		n += len(page.Value)
		if token = page.ContinuationToken; token == "" {
			return n
		}
	}
}

// TestAttackPoison: messages whose runs fail, each 50 times, take about the room of one
// run for each message.
func TestAttackPoison(t *testing.T) {
	torture(t)
	const messages, size, deliveries = 20, 180 << 10, 50
	dir := t.TempDir() + "/data"
	s := box{}.serve(t, dir, "--ballast", "0")
	s.prepare()
	s.must("PUT", s.id(attackNamespace)+"/queues/poison"+busVersion, fmt.Sprintf(`{"properties":{"maxDeliveryCount":%d}}`, deliveries))
	s.pipeline("fails", `{"parameters":{"p":{"type":"string"}},"activities":[{"name":"f","type":"Fail","typeProperties":{"message":"bad","errorCode":"1"}}]}`)
	s.must("PUT", s.id(attackFactory)+"/linkedservices/bus"+factoryVersion,
		`{"properties":{"type":"AzureServiceBus","typeProperties":{"connectionString":"`+s.connection("attack-namespace")+`"}}}`)
	s.must("PUT", s.id(attackFactory)+"/triggers/poison"+factoryVersion, `{"properties":{"type":"ServiceBusTrigger","runtimeState":"Started",
		"typeProperties":{"linkedServiceName":{"referenceName":"bus","type":"LinkedServiceReference"},"queueName":"poison","maxMessages":1,
		"maxConcurrentRuns":20,"retry":{"firstDelay":"00:00:01","maxDelay":"00:00:01"}},
		"pipelines":[{"pipelineReference":{"referenceName":"fails","type":"PipelineReference"},"parameters":{"p":"@string(trigger().outputs.body.messages[0].bodyText)"}}]}}`)
	client, err := open(s.connection("attack-namespace"))
	if err != nil {
		t.Fatal(err)
	}
	sender, err := client.NewSender("poison", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range messages {
		m := &azservicebus.Message{Body: []byte(strings.Repeat("x", size))}
		if err := sender.SendMessage(t.Context(), m, nil); err != nil {
			t.Fatal(err)
		}
	}
	most := int64(0)
	for began := time.Now(); s.countRuns() < messages*deliveries; time.Sleep(time.Second) {
		if most = max(most, diskUse(dir)); time.Since(began) > 3*time.Minute {
			t.Fatalf("%d runs after %s", s.countRuns(), time.Since(began))
		}
	}
	written := int64(messages * deliveries * size)
	t.Logf("%d runs with %d MiB, disk at most %d MiB, now %d MiB", s.countRuns(), written>>20, most>>20, diskUse(dir)>>20)
	// The segment of the value log that is written, one before it, and the database's logs.
	if bound := int64(160 << 20); most > bound || written < bound {
		t.Errorf("%d MiB on the disk for %d MiB of failed runs, want at most %d", most>>20, written>>20, bound>>20)
	}
}
