package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	connect "switchyard/client"
)

// A box is what a real program, built from this tree, may use at most.
type box struct {
	Memory int64  // bytes of a memory group of its own; 0: no bound
	Files  int    // descriptors; 0: no bound of its own
	Cores  string // processors, as taskset takes them; "": all
}

// A server is the real program in a box.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	dir  string
	logs *lockedBuffer
	connect.Endpoints
}

// lockedBuffer is what a process has written while it still writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// program builds the real program once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "switchyard-program")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "switchyard")
	out, err := exec.Command("go", "build", "-o", name, "../cmd/switchyard").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return name, nil
})

// try starts the program on a data directory; args follow "up". The error is that of a
// program that has ended before it served, with its log.
func (b box) try(t *testing.T, dir string, args ...string) (*server, error) {
	t.Helper()
	name, err := program()
	if err != nil {
		t.Fatal(err)
	}
	argv := append([]string{name, "up"}, args...)
	if b.Cores != "" {
		argv = append([]string{"taskset", "-c", b.Cores}, argv...)
	}
	argv = append(argv, "--data", dir, "--amqp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
	var limits strings.Builder
	if b.Memory > 0 {
		fmt.Fprintf(&limits, "echo $$ > %s/cgroup.procs; ", b.group(t))
	}
	if b.Files > 0 {
		fmt.Fprintf(&limits, "ulimit -n %d; ", b.Files)
	}
	s := &server{t: t, done: make(chan struct{}), dir: dir, logs: &lockedBuffer{}}
	s.cmd = exec.Command("sh", append([]string{"-c", limits.String() + `exec "$@"`, "sh"}, argv...)...)
	s.cmd.Stderr, s.cmd.Stdout = s.logs, io.Discard
	os.Remove(filepath.Join(dir, "endpoints.json")) // that of a process that was killed
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(s.kill)
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if s.Endpoints, err = connect.Read(dir); err == nil && s.PID == s.cmd.Process.Pid {
			return s, nil
		}
		select {
		case <-s.done:
			return nil, fmt.Errorf("%s: %s", s.cmd.ProcessState, s.logs.String())
		default:
		}
	}
	return nil, fmt.Errorf("it does not serve: %v: %s", err, s.logs.String())
}

// serve is try for a program that must start.
func (b box) serve(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	s, err := b.try(t, dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// group makes a memory group (version 2 or 1) and removes it at the end of the test.
func (b box) group(t *testing.T) string {
	t.Helper()
	parent, limit := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		parent, limit = "/sys/fs/cgroup", "memory.max"
	}
	dir, err := os.MkdirTemp(parent, "switchyard-torture-")
	if err != nil {
		t.Skipf("a memory group needs root and a writable group file system: %v", err)
	}
	t.Cleanup(func() {
		for range 50 { // a group goes once its processes have
			if os.Remove(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, limit), []byte(strconv.FormatInt(b.Memory, 10)), 0o644); err != nil {
		t.Skipf("a memory group can't be bounded: %v", err)
	}
	return dir
}

// tmpfs mounts an empty file system of a size and returns where.
func tmpfs(t *testing.T, bytes int64) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.FormatInt(bytes, 10)); err != nil {
		t.Skipf("mounting a file system needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// kill is kill -9, and waits for the end. It may be called again.
func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.done
}

// terminate sends SIGTERM and returns how long the program took to end; it fails the
// test, and kills the program, if that is longer than limit.
func (s *server) terminate(limit time.Duration) time.Duration {
	s.t.Helper()
	began := time.Now()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(limit):
		s.kill()
		s.t.Errorf("SIGTERM did not end it within %s; log: %s", limit, s.tail())
	}
	return time.Since(began)
}

// ended reports whether the program has ended by itself.
func (s *server) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// tail is the end of the log.
func (s *server) tail() string {
	l := s.logs.String()
	return l[max(0, len(l)-4000):]
}

// status returns a number of kB or a count from /proc/PID/status, for example VmRSS, VmHWM or Threads.
func (s *server) status(name string) int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatalf("the process is gone: %v; log: %s", err, s.tail())
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatalf("no %s in the status of the process", name)
	return 0
}

// descriptors counts the open files of the process.
func (s *server) descriptors() int {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatalf("the process is gone: %v", err)
	}
	return len(files)
}

// call asks the Resource Manager as the owner of the data directory. Status 0 is no answer in time.
func (s *server) call(timeout time.Duration, method, path, body string) (status int, answer string) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.HTTP+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// must is call for what has to succeed.
func (s *server) must(method, path, body string) string {
	s.t.Helper()
	status, answer := s.call(30*time.Second, method, path, body)
	if status < 200 || status > 299 {
		s.t.Fatalf("%s %s: %d %s; log: %s", method, path, status, answer, s.tail())
	}
	return answer
}

// The resources that attacks work on.
const (
	attackGroup     = "/resourceGroups/attack"
	attackFactory   = attackGroup + "/providers/Microsoft.DataFactory/factories/attack-factory"
	attackNamespace = attackGroup + "/providers/Microsoft.ServiceBus/namespaces/attack-namespace"
	factoryVersion  = "?api-version=2018-06-01"
	busVersion      = "?api-version=2021-11-01"
)

// id is a path below the subscription.
func (s *server) id(path string) string { return "/subscriptions/" + s.SubscriptionID + path }

// prepare makes the group, the factory, and the namespace with the queue "beside".
func (s *server) prepare() { s.t.Helper(); s.prepareFor("Standard") }

// prepareFor is prepare with a tier of the namespace.
func (s *server) prepareFor(tier string) {
	s.t.Helper()
	s.must("PUT", s.id(attackGroup)+"?api-version=2021-04-01", `{"location":"westeurope"}`)
	s.must("PUT", s.id(attackFactory)+factoryVersion, `{"location":"westeurope","identity":{"type":"SystemAssigned"}}`)
	s.must("PUT", s.id(attackNamespace)+busVersion, `{"location":"westeurope","sku":{"name":"`+tier+`"}}`)
	s.must("PUT", s.id(attackNamespace)+"/queues/beside"+busVersion, `{"properties":{}}`)
	var err error
	if s.Endpoints, err = connect.Read(s.dir); err != nil {
		s.t.Fatal(err)
	}
}

// messages counts those of a queue of the attacked namespace.
func (s *server) messages(queue string) int64 { return s.counts(queue).MessageCount }

// counts returns what a GET of a queue says of its messages.
func (s *server) counts(queue string) (c counts) {
	s.t.Helper()
	q := struct{ Properties *counts }{&c}
	if err := json.Unmarshal([]byte(s.must("GET", s.id(attackNamespace)+"/queues/"+queue+busVersion, "")), &q); err != nil {
		s.t.Fatal(err)
	}
	return c
}

type counts struct {
	MessageCount int64
	CountDetails struct{ ActiveMessageCount, TransferMessageCount, TransferDeadLetterMessageCount int64 }
}

// pipeline puts a pipeline of the attacked factory; properties is what stands under "properties".
func (s *server) pipeline(name, properties string) {
	s.t.Helper()
	s.must("PUT", s.id(attackFactory)+"/pipelines/"+name+factoryVersion, `{"properties":`+properties+`}`)
}

// createRun starts a run and returns its id; "" and the answer if none came in time or it was refused.
func (s *server) createRun(timeout time.Duration, pipeline, parameters string) (id, answer string) {
	s.t.Helper()
	status, answer := s.call(timeout, "POST", s.id(attackFactory)+"/pipelines/"+pipeline+"/createRun"+factoryVersion, parameters)
	if status != http.StatusOK {
		return "", fmt.Sprint(status, " ", answer)
	}
	var x struct{ RunID string }
	if err := json.Unmarshal([]byte(answer), &x); err != nil {
		s.t.Fatal(err)
	}
	return x.RunID, answer
}

// run returns the status of a run, and its message.
func (s *server) run(id string) (status, message string) {
	s.t.Helper()
	var x struct{ Status, Message string }
	if err := json.Unmarshal([]byte(s.must("GET", s.id(attackFactory)+"/pipelineruns/"+id+factoryVersion, "")), &x); err != nil {
		s.t.Fatal(err)
	}
	return x.Status, x.Message
}

// wait waits for the end of a run.
func (s *server) wait(id string, limit time.Duration) (status, message string) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < limit; time.Sleep(100 * time.Millisecond) {
		switch status, message = s.run(id); status {
		case "Succeeded", "Failed", "Cancelled":
			return status, message
		}
	}
	s.t.Errorf("run %s is still %s after %s; log: %s", id, status, limit, s.tail())
	return status, message
}
