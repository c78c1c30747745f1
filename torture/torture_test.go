// Package torture kills a Switchyard with signal 9 and starts it again on the
// same data directory: after every commit in turn, at random times, with a pause
// longer than the lock duration, and with bodies and answers that go to the value
// log. Whatever was accepted must come out exactly once. It takes minutes and runs with SWITCHYARD_TORTURE=1.
package torture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker/description"
	"switchyard/deploy"
	"switchyard/examples"
	"switchyard/system"
)

// The process that is killed is this test binary, told by its environment what
// to be.
const (
	childVar  = "SWITCHYARD_TORTURE_CHILD" // the data directory
	commitVar = "SWITCHYARD_TORTURE_COMMIT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		child(dir)
	}
	os.Exit(m.Run())
}

// child serves the example until it is killed. It prints its connection string,
// and at the end of its input the number of commits it made.
func child(dir string) {
	die := func(err error) {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(3)
	}
	last, _ := strconv.ParseUint(os.Getenv(commitVar), 10, 64)
	commits := make(chan uint64, 1)
	fsys, err := fs.Sub(examples.FS, "ticket-triage")
	if err != nil {
		die(err)
	}
	d, diags := deploy.Read(fsys, "ticket-triage", deploy.Mode{Strict: true})
	if err := diags.Err(); err != nil {
		die(err)
	}
	for i := range d.Namespaces {
		for j := range d.Namespaces[i].Queues {
			// The shortest lock there is, so that one test can outlast it, and
			// deliveries enough: a killed run costs none.
			d.Namespaces[i].Queues[j].Options.LockDuration = 5 * time.Second
		}
	}
	d.Namespaces[0].Queues = append(d.Namespaces[0].Queues, deploy.Queue{Name: onceQueue,
		Options: description.Options{RequiresDuplicateDetection: true, DuplicateDetectionHistoryTimeWindow: time.Hour}},
		deploy.Queue{Name: elsewhere})
	if os.Getenv(forwardVar) != "" {
		d.Namespaces[0].Queues = append(d.Namespaces[0].Queues, forwarding()...)
	}
	sys, err := system.Start(context.Background(), system.Options{
		DataDir: dir, Deployments: []*deploy.Deployment{d}, Strict: true,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		AfterCommit: func(n uint64) {
			if n == last {
				p, _ := os.FindProcess(os.Getpid())
				p.Kill()
				select {} // nothing may leave after this commit
			}
			select {
			case <-commits:
			default:
			}
			commits <- n
		},
	})
	if err != nil {
		die(err)
	}
	fmt.Println(sys.Endpoints().ConnectionString)
	bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println(<-commits)
	sys.Stop()
	os.Exit(0)
}

type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin interface{ Close() error }
	out   *bufio.Reader
	log   bytes.Buffer
	cs    string // connection string; "" if it died before it was up
}

func start(t *testing.T, dir string, commit uint64) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childVar+"="+dir, commitVar+"="+strconv.FormatUint(commit, 10))
	p.cmd.Stderr = &p.log
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = in
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := p.out.ReadString('\n')
	p.cs = strings.TrimSpace(line)
	if p.cs == "" && commit == 0 {
		p.cmd.Wait()
		t.Fatalf("the process did not start: %s", p.log.String())
	}
	return p
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// finish stops the process in good order and returns how many commits it made.
func (p *process) finish() uint64 {
	p.t.Helper()
	p.stdin.Close()
	line, _ := p.out.ReadString('\n')
	n, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
	if err != nil {
		p.t.Fatalf("number of commits: %v; log: %s", err, p.log.String())
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("the process ended badly: %v; log: %s", err, p.log.String())
	}
	return n
}

type ticket struct {
	MessageID   string  `json:"messageId"`
	ContentType string  `json:"contentType"`
	Body        *string `json:"body"`
	BodyRepeat  *struct {
		Text  string `json:"text"`
		Times int    `json:"times"`
	} `json:"bodyRepeat"`
}

func tickets(t *testing.T) []ticket {
	t.Helper()
	b, err := fs.ReadFile(examples.FS, "ticket-triage/tickets/tickets.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all []ticket
	for line := range strings.Lines(string(b)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var x ticket
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	if len(all) < 60 {
		t.Fatalf("%d tickets, want at least 60", len(all))
	}
	return all
}

// client retries nothing: an operation whose answer was lost has an unknown
// outcome, which the test has to know.
func client(t *testing.T, cs string) *azservicebus.Client {
	t.Helper()
	c, err := azservicebus.NewClientFromConnectionString(cs, &azservicebus.ClientOptions{RetryOptions: azservicebus.RetryOptions{MaxRetries: -1}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// send sends until the process is gone and returns which messages were accepted.
func send(t *testing.T, p *process, all []ticket) map[string]bool {
	t.Helper()
	accepted := map[string]bool{}
	if p.cs == "" {
		return accepted
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := client(t, p.cs)
	defer c.Close(context.Background())
	s, err := c.NewSender("tickets", nil)
	if err != nil {
		return accepted
	}
	for _, x := range all {
		m := &azservicebus.Message{MessageID: &x.MessageID}
		if x.ContentType != "" {
			m.ContentType = &x.ContentType
		}
		switch {
		case x.BodyRepeat != nil:
			m.Body = []byte(strings.Repeat(x.BodyRepeat.Text, x.BodyRepeat.Times))
		case x.Body != nil:
			m.Body = []byte(*x.Body)
		}
		if err := s.SendMessage(ctx, m, nil); err != nil {
			return accepted
		}
		accepted[x.MessageID] = true
	}
	return accepted
}

// collect takes everything that comes out and returns how often each message
// did. It ends when every accepted message is there, the input queue is empty and
// nothing has come for a while.
func collect(t *testing.T, p *process, accepted map[string]bool, quiet time.Duration) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := client(t, p.cs)
	defer c.Close(context.Background())
	type result struct {
		id  string
		err error
	}
	results := make(chan result)
	for _, q := range []struct {
		name string
		sub  azservicebus.SubQueue
	}{{"triaged", 0}, {"tickets", azservicebus.SubQueueDeadLetter}} {
		r, err := c.NewReceiverForQueue(q.name, &azservicebus.ReceiverOptions{SubQueue: q.sub, ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				msgs, err := r.ReceiveMessages(ctx, 50, nil)
				for _, m := range msgs {
					id := m.MessageID
					if q.name == "triaged" && m.CorrelationID != nil {
						id = *m.CorrelationID
					}
					select {
					case results <- result{id: id}:
					case <-ctx.Done():
						return
					}
				}
				if err != nil {
					select {
					case results <- result{err: err}:
					case <-ctx.Done():
					}
					return
				}
			}
		}()
	}
	seen, began := map[string]int{}, time.Now()
	missing := func() (ids []string) {
		for id := range accepted {
			if seen[id] == 0 {
				ids = append(ids, id)
			}
		}
		return ids
	}
	for {
		idle := 30 * time.Second
		if len(missing()) == 0 {
			idle = quiet
		}
		select {
		case r := <-results:
			if r.err != nil {
				t.Fatalf("receive: %v; log: %s", r.err, p.log.String())
			}
			seen[r.id]++
		case <-time.After(idle):
			if ids := missing(); len(ids) > 0 {
				t.Fatalf("accepted but not out after %s: %v; log: %s", idle, ids, p.log.String())
			}
			// A message may be in the queue although its acceptance got lost.
			left := waiting(t, ctx, c)
			if len(left) == 0 {
				return seen
			}
			if time.Since(began) > time.Minute {
				t.Fatalf("still in the queue: %v; log: %s", left, p.log.String())
			}
		}
	}
}

// waiting returns the messages that are in the input queue, locked or not.
func waiting(t *testing.T, ctx context.Context, c *azservicebus.Client) (ids []string) {
	t.Helper()
	r, err := c.NewReceiverForQueue("tickets", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(context.WithoutCancel(ctx))
	msgs, err := r.PeekMessages(ctx, 100, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range msgs {
		ids = append(ids, m.MessageID)
	}
	return ids
}

func check(t *testing.T, what string, accepted map[string]bool, seen map[string]int) {
	t.Helper()
	for id := range accepted {
		if seen[id] != 1 {
			t.Errorf("%s: accepted message %s came out %d times, want once", what, id, seen[id])
		}
	}
	for id, n := range seen {
		if n > 1 && !accepted[id] {
			t.Errorf("%s: message %s, whose acceptance is unknown, came out %d times, want at most once", what, id, n)
		}
	}
}

func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "switchyard-torture")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func torture(t *testing.T) {
	t.Helper()
	if os.Getenv("SWITCHYARD_TORTURE") == "" {
		t.Skip("takes minutes: set SWITCHYARD_TORTURE=1")
	}
}

// once sends, kills, pauses, starts again and checks.
func once(t *testing.T, what string, all []ticket, commit uint64, after, pause time.Duration) {
	t.Helper()
	dir := dataDir(t)
	p := start(t, dir, commit)
	if after > 0 {
		timer := time.AfterFunc(after, func() { p.cmd.Process.Kill() })
		defer timer.Stop()
	}
	accepted := send(t, p, all)
	if commit > 0 {
		// The commit may come only now, while the pipeline works.
		waitOrKill(p, 5*time.Second)
	} else {
		waitOrKill(p, after+5*time.Second)
	}
	time.Sleep(pause)
	p = start(t, dir, 0)
	defer p.kill()
	seen := collect(t, p, accepted, 300*time.Millisecond)
	check(t, what, accepted, seen)
	p.finish()
	os.RemoveAll(dir)
}

func waitOrKill(p *process, d time.Duration) {
	timer := time.AfterFunc(d, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.cmd.Wait()
}

// TestKillAfterEveryCommit kills the process after its first commit, then after
// its second, and so on to the last that the whole work takes.
func TestKillAfterEveryCommit(t *testing.T) {
	torture(t)
	all := tickets(t)
	// A few of each kind: the first ones, and the hostile ones at the end.
	few := append(append([]ticket{}, all[:3]...), all[len(all)-3:]...)
	p := start(t, dataDir(t), 0)
	accepted := send(t, p, few)
	check(t, "without a kill", accepted, collect(t, p, accepted, time.Second))
	commits := p.finish()
	if len(accepted) != len(few) || commits < 10 {
		t.Fatalf("without a kill %d messages were accepted in %d commits", len(accepted), commits)
	}
	t.Logf("%d messages take %d commits", len(few), commits)
	for n := uint64(1); n <= commits; n++ {
		once(t, fmt.Sprintf("killed after commit %d", n), few, n, 0, 0)
		if t.Failed() {
			return
		}
	}
}

// TestKillAtRandomTimes kills the process 30 times while it handles all tickets.
func TestKillAtRandomTimes(t *testing.T) {
	torture(t)
	all := tickets(t)
	seed := rand.Uint64()
	if s := os.Getenv("SWITCHYARD_TORTURE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SWITCHYARD_TORTURE_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 30 {
		after := time.Duration(1+r.IntN(1500)) * time.Millisecond
		once(t, fmt.Sprintf("kill %d, after %s", i+1, after), all, 0, after, 0)
		if t.Failed() {
			return
		}
	}
}

// TestDownForLongerThanTheLock: a run's lock is no timer. The queue's lock
// duration is 5 s; the process stays dead for longer.
func TestDownForLongerThanTheLock(t *testing.T) {
	torture(t)
	once(t, "down for longer than the lock duration", tickets(t), 0, 300*time.Millisecond, 6*time.Second)
}
