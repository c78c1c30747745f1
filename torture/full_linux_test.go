package torture

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// fill writes a file until that many bytes are free on its file system.
func fill(t *testing.T, name string, free uint64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := make([]byte, 1<<20)
	for len(chunk) > 0 {
		var st syscall.Statfs_t
		if err := syscall.Statfs(filepath.Dir(name), &st); err != nil {
			t.Fatal(err)
		}
		if left := st.Bavail * uint64(st.Bsize); left <= free {
			return
		} else if left-free < uint64(len(chunk)) {
			chunk = chunk[:left-free]
		}
		if _, err := f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			chunk = chunk[:len(chunk)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestAttackDiskFull lets another program fill the disk, to below the limit and to the
// last byte: what frees space goes on, everything else is refused with the words and
// quickly, nothing hangs or floods the log, health tells, and all goes on when there is
// room again, with every message accounted for.
func TestAttackDiskFull(t *testing.T) {
	torture(t)
	disk := tmpfs(t, 420<<20)
	dir, other := filepath.Join(disk, "data"), filepath.Join(disk, "other")
	s := box{}.serve(t, dir, "--grace", "2s", "--min-free", "256MiB")
	s.prepare()
	gone := s.id(attackNamespace) + "/queues/gone" + busVersion
	more := s.id(attackNamespace) + "/queues/more" + busVersion
	s.must("PUT", gone, `{"properties":{}}`)
	const messages = 300
	s.send("beside", messages, make([]byte, 40<<10))
	c, err := azservicebus.NewClientFromConnectionString(s.connection("attack-namespace"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	receiver, err := c.NewReceiverForQueue("beside", nil)
	if err != nil {
		t.Fatal(err)
	}
	completed, unknown := 0, 0
	complete := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		got, err := receiver.ReceiveMessages(ctx, 1, nil)
		if err != nil {
			return err
		}
		if err := receiver.CompleteMessage(ctx, got[0], nil); err != nil {
			unknown++
			return err
		}
		completed++
		return nil
	}
	abandon := func(limit time.Duration) error { // with much to write, which fills what the log has reserved
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		got, err := receiver.ReceiveMessages(ctx, 1, nil)
		if err != nil {
			return err
		}
		return receiver.AbandonMessage(ctx, got[0], &azservicebus.AbandonMessageOptions{
			PropertiesToModify: map[string]any{"note": strings.Repeat("x", 30<<10)}})
	}
	health := func(want int, words string) {
		t.Helper()
		for _, path := range []string{"/health", "/ready"} {
			if code, body := s.call(5*time.Second, "GET", path, ""); code != want || !strings.Contains(body, words) {
				t.Errorf("%s: %d %s, want %d with %q", path, code, body, want, words)
			}
		}
	}
	refused := func(what string) {
		t.Helper()
		began := time.Now()
		code, body := s.call(20*time.Second, "PUT", more, `{"properties":{}}`)
		if code != 507 || !strings.Contains(body, "InsufficientStorage") || time.Since(began) > 10*time.Second {
			t.Errorf("%s: PUT: %d %s after %s, want 507", what, code, body, time.Since(began))
		}
	}

	fill(t, other, 100<<20)
	health(503, "min-free")
	refused("nearly full")
	sender, err := c.NewSender("beside", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.SendMessage(t.Context(), &azservicebus.Message{Body: []byte("x")}, nil); err == nil || !strings.Contains(err.Error(), "resource-limit-exceeded") {
		t.Errorf("nearly full: send: %v", err)
	}
	if code, body := s.call(10*time.Second, "DELETE", gone, ""); code/100 != 2 {
		t.Errorf("nearly full: DELETE: %d %s", code, body)
	}
	if err := complete(10 * time.Second); err != nil {
		t.Errorf("nearly full: complete: %v", err)
	}

	fill(t, other, 0)
	lines := strings.Count(s.logs.String(), "\n")
	began, failed := time.Now(), 0
	for n := 0; n < 3000 && failed < 3; n++ {
		if n%50 == 0 {
			fill(t, other, 0) // and what the ballast gives
		}
		tried := time.Now()
		if err := abandon(15 * time.Second); err != nil {
			failed++
			t.Logf("full: settlement %d: %v after %s", n, err, time.Since(tried).Round(time.Millisecond))
		}
		if took := time.Since(tried); took > 16*time.Second {
			t.Errorf("full: a settlement took %s", took)
		}
	}
	if failed == 0 {
		t.Error("full: the log has found room for everything")
	}
	health(503, "disk")
	refused("full")
	if n := strings.Count(s.logs.String(), "\n") - lines; n > 20 {
		t.Errorf("%d lines in the log in %s: %s", n, time.Since(began), s.tail())
	}

	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for code := 0; code != 200; code, _ = s.call(5*time.Second, "GET", "/health", "") {
		if time.Now().After(deadline) {
			t.Fatalf("not healthy 20 s after there was room; log: %s", s.tail())
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.must("PUT", more, `{"properties":{}}`)
	if receiver, err = c.NewReceiverForQueue("beside", nil); err != nil {
		t.Fatal(err)
	}
	if err := complete(40 * time.Second); err != nil {
		t.Errorf("with room again: complete: %v", err)
	}

	fill(t, other, 0)
	for range 3 {
		fill(t, other, 0)
		_ = abandon(8 * time.Second)
	}
	t.Logf("SIGTERM on the full disk took %s", s.terminate(15*time.Second).Round(time.Millisecond))
	os.Remove(other)
	s = box{}.serve(t, dir)
	left := s.count("beside")
	t.Logf("%d sent, %d completed, %d unknown, %d left", messages, completed, unknown, left)
	if left > messages-completed || left < messages-completed-unknown {
		t.Errorf("%d messages are left of %d: %d were completed and %d perhaps", left, messages, completed, unknown)
	}
}

// count is the queue's own count of its messages.
func (s *server) count(queue string) int {
	s.t.Helper()
	var q struct {
		Properties struct{ MessageCount int }
	}
	answer := s.must("GET", s.id(attackNamespace)+"/queues/"+queue+busVersion, "")
	if err := json.Unmarshal([]byte(answer), &q); err != nil {
		s.t.Fatal(err)
	}
	return q.Properties.MessageCount
}
