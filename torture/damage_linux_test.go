package torture

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// switchyard runs the command on a server's data directory and returns what it printed
// and its exit code.
func (s *server) switchyard(args ...string) (out string, code int) {
	s.t.Helper()
	name, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(name, append(args, "--connection-string", s.connection("attack-namespace"))...)
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// send sends n messages of one body to a queue.
func (s *server) send(queue string, n int, body []byte) {
	s.t.Helper()
	c, err := azservicebus.NewClientFromConnectionString(s.connection("attack-namespace"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close(context.Background())
	sender, err := c.NewSender(queue, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for range n {
		if err := sender.SendMessage(context.Background(), &azservicebus.Message{Body: body}, nil); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestAttackDamagedTable flips a bit of every kind of place in the tables of a stopped
// directory: what can be read is delivered, the rest is told, to the receiver, by the
// health and in few lines of the log; another queue goes on, and the queue can be deleted.
func TestAttackDamagedTable(t *testing.T) {
	torture(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := box{}.serve(t, dir)
	s.prepare()
	orders := s.id(attackNamespace) + "/queues/orders" + busVersion
	s.must("PUT", orders, `{"properties":{}}`)
	s.send("orders", 600, bytes.Repeat([]byte("p"), 3000))
	s.send("beside", 2, []byte("o"))
	s.terminate(20 * time.Second)
	s = box{}.serve(t, dir) // the tables are written now
	s.terminate(20 * time.Second)
	table := largestTable(t, dir)
	b, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/10] ^= 4
	if err := os.WriteFile(table, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = box{}.serve(t, dir)
	got, code := 0, 0
	var out string
	for range 20 {
		if out, code = s.switchyard("receive", "orders", "--count", "100", "--output", "json", "--wait", "3s"); code != 0 {
			got += strings.Count(out, `"messageId"`)
			break
		}
		got += strings.Count(out, `"messageId"`)
	}
	t.Logf("received %d of 600, then exit %d:\n%s", got, code, out[strings.LastIndex(out[:max(0, len(out)-1)], "\n")+1:])
	if code != 1 || got == 0 || got >= 600 || !strings.Contains(out, "data is damaged") || !strings.Contains(out, "orders") {
		t.Errorf("received %d, exit %d, want some and exit 1 with the queue and the damage: %s", got, code, out[max(0, len(out)-500):])
	}
	if out, code := s.switchyard("receive", "beside", "--count", "2", "--wait", "3s", "--output", "json"); code != 0 || strings.Count(out, "\n") != 2 {
		t.Errorf("the other queue: exit %d: %s", code, out)
	}
	code, text := s.call(10*time.Second, "GET", "/health", "")
	t.Logf("health: %d %s", code, text)
	if code != http.StatusServiceUnavailable || !strings.Contains(text, `"unhealthy"`) || !strings.Contains(text, "orders") {
		t.Errorf("health %d %s, want 503 that names the queue", code, text)
	}
	if n := strings.Count(s.logs.String(), "level=ERROR"); n > 3 {
		t.Errorf("%d lines of damage in the log, want few: %s", n, s.tail())
	}
	if out, code := s.switchyard("peek", "orders", "--count", "200"); code != 1 || !strings.Contains(out, "data is damaged") {
		t.Errorf("peek: exit %d: %s", code, out[max(0, len(out)-300):])
	}
	s.must("DELETE", orders, "")
	if code, text := s.call(10*time.Second, "GET", "/health", ""); code != http.StatusOK {
		t.Errorf("health after the deletion: %d %s", code, text)
	}
	t.Logf("log:\n%s", s.tail())
}

// largestTable is the table with the messages.
func largestTable(t *testing.T, dir string) (name string) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "db", "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, table := range tables {
		if info, err := os.Stat(table); err == nil && info.Size() > size {
			name, size = table, info.Size()
		}
	}
	if name == "" {
		t.Fatal("there is no table to damage")
	}
	return name
}

// TestAttackDamagedLog flips bits in the write-ahead log of a first start that ended with
// kill -9: every start has all that was acknowledged or says what is lost. Who accepts
// the loss gets what was written before it.
func TestAttackDamagedLog(t *testing.T) {
	torture(t)
	dir := filepath.Join(t.TempDir(), "data")
	s := box{}.serve(t, dir)
	s.prepare()
	s.send("beside", 40, bytes.Repeat([]byte("p"), 2000))
	s.kill()
	var log string
	var b []byte
	logs, err := filepath.Glob(filepath.Join(dir, "db", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimRight(content, "\x00")) > len(bytes.TrimRight(b, "\x00")) {
			log, b = name, content
		}
	}
	used := len(bytes.TrimRight(b, "\x00"))
	if used < 80_000 {
		t.Fatalf("%d bytes of write-ahead log: the messages are elsewhere", used)
	}
	for i, share := range []int{20, 50, 80, 97} {
		c := bytes.Clone(b)
		c[used*share/100] ^= 8
		if err := os.WriteFile(log, c, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := box{}.try(t, dir)
		if err == nil {
			t.Fatalf("bit flipped at %d %% of the log: it serves, and says %q", share, s.tail())
		}
		if i == 0 {
			t.Log(err)
		}
		if !strings.Contains(err.Error(), "acknowledged writes") || !strings.Contains(err.Error(), "--accept-data-loss") {
			t.Errorf("bit flipped at %d %%: %v, want what is lost and what to do", share, err)
		}
	}
	if err := os.WriteFile(log, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = box{}.serve(t, dir)
	if out, code := s.switchyard("peek", "beside", "--count", "50", "--output", "json"); code != 0 || strings.Count(out, `"messageId"`) != 40 {
		t.Errorf("without damage: exit %d, %d messages, want 40", code, strings.Count(out, `"messageId"`))
	}
	s.send("beside", 20, bytes.Repeat([]byte("p"), 2000))
	s.kill()
	logs, _ = filepath.Glob(filepath.Join(dir, "db", "*.log"))
	last := logs[len(logs)-1]
	if b, err = os.ReadFile(last); err != nil {
		t.Fatal(err)
	}
	b[len(bytes.TrimRight(b, "\x00"))*7/10] ^= 8
	if err := os.WriteFile(last, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (box{}).try(t, dir); err == nil {
		t.Fatal("a damaged log of the second start is not told")
	}
	s = box{}.serve(t, dir, "--accept-data-loss")
	out, code := s.switchyard("peek", "beside", "--count", "100", "--output", "json")
	n := strings.Count(out, `"messageId"`)
	if code != 0 || n < 40 || n >= 60 {
		t.Errorf("accepted: exit %d, %d messages, want those before the damage", code, n)
	}
	t.Logf("%d of 60 messages; log: %s", n, s.tail())
	s.terminate(20 * time.Second)
	box{}.serve(t, dir)
}
