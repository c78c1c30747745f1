package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/client"
	"switchyard/clock"
	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/servicebus"
)

// lines is a buffer that a log writes to.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// take returns the lines so far, without their times.
func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSuffix(l.b.String(), "\n")
	l.b.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func newLog(out *lines, level slog.Level) *Log {
	h := slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return New(slog.New(h), clock.Wall{})
}

// TestBurst: 10,000 dead letters of a queue within three seconds are four lines, which
// count them all; other queues have their own.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := newLog(&out, slog.LevelInfo)
		for i := range 10_000 {
			l.DeadLettered("ns", "q", fmt.Sprint("id", i), "why", 1)
			if i == 4_999 {
				l.DeadLettered("ns", "other", "x", "why", 7)
			}
			time.Sleep(300 * time.Microsecond)
		}
		time.Sleep(5 * time.Second)
		all := out.take()
		counted, of := 0, 0
		for _, line := range all {
			var n int
			if !strings.Contains(line, "queue=q ") {
				continue
			}
			if _, err := fmt.Sscanf(line[strings.Index(line, "messages="):], "messages=%d", &n); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			counted, of = counted+n, of+1
		}
		if counted != 10_000 || of != 4 || len(all) != 5 {
			t.Errorf("%d lines, %d of the queue, which count %d:\n%s", len(all), of, counted, strings.Join(all, "\n"))
		}
		if want := "level=INFO msg=dead-lettered namespace=ns queue=q messages=1 id=id0 reason=why"; all[0] != want {
			t.Errorf("first line\n%s\nwant\n%s", all[0], want)
		}
		// What comes after a pause is told at once, and what is counted when it ends is told.
		l.DeadLettered("ns", "q", "again", "why", 1)
		l.DeadLettered("ns", "q", "last", "why", 2)
		l.Close()
		if got := out.take(); len(got) != 2 || !strings.Contains(got[1], "messages=2 id=last") {
			t.Errorf("after a pause: %q", got)
		}
	})
}

// TestManyBursts: names that clients make up do not fill the log.
func TestManyBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := newLog(&out, slog.LevelInfo)
		for i := range 10_000 {
			l.Refused("login", fmt.Sprintf("192.0.2.7:%d", i), fmt.Sprint("client", i), "wrong secret")
		}
		time.Sleep(2 * time.Second)
		l.Close()
		got := out.take()
		if len(got) != maxBursts+2 || !strings.Contains(got[len(got)-1], "times=9967") {
			t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
		}
	})
}

// TestLines: the words of each event.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := newLog(&out, slog.LevelDebug)
		defer l.Close()
		began := time.Now()
		for _, c := range []struct {
			tell func()
			want string
		}{
			{func() {
				l.Started("1.2.3", "strict", &net.TCPAddr{IP: net.IPv4zero, Port: 2}, nil,
					client.Endpoints{DataDir: "d", Namespaces: make([]client.Namespace, 1), Factories: make([]client.Factory, 2)})
			}, `level=INFO msg=started version=1.2.3 data=d serviceBus="" http=0.0.0.0:2 auth=strict namespaces=1 factories=2`},
			{func() { l.Stopped(90 * time.Second) }, `level=INFO msg=stopped version=1.2.3 data=d serviceBus="" http=0.0.0.0:2 served=1m30s`},
			{func() { l.Deployed(&deploy.Deployment{Factory: &pipeline.Factory{Name: "f"}}) }, `level=INFO msg=deployed what="1 factory" factory=f`},
			{func() { l.Deployed(&deploy.Deployment{}) }, `level=INFO msg=deployed what=nothing`},
			{func() {
				l.RunFinished(engine.FinishedRun{ID: "r", Factory: "f", Pipeline: "p", Trigger: "Manual", Outcome: engine.Outcome{Status: run.Succeeded},
					Started: began, Ended: began.Add(1234567 * time.Microsecond)})
			}, `level=INFO msg="run finished" run=r factory=f pipeline=p status=Succeeded duration=1.235s`},
			{func() {
				l.RunFinished(engine.FinishedRun{ID: "r", Factory: "f", Pipeline: "p", Trigger: "t",
					Binding: json.RawMessage(`{"version":1,"source":{"messages":{"a":1,"b":2}}}`),
					Outcome: engine.Outcome{Status: run.Failed, Message: "secret", FailedActivity: "Each",
						Error: &pipeline.ActivityError{Code: "2\n1", Message: "secret"}}})
			}, `level=INFO msg="run finished" run=r factory=f pipeline=p status=Failed duration=0s trigger=t messages=2 failedActivity=Each errorCode=21`},
			{func() { l.Triggers().TriggerStarted("f", "t") }, `level=INFO msg="trigger started" factory=f trigger=t`},
			{func() { l.Triggers().TriggerStopped("f", "t") }, `level=INFO msg="trigger stopped" factory=f trigger=t`},
			{func() { l.Refused("login", "192.0.2.1:7", "app\x1b[2J", "wrong secret") },
				`level=WARN msg="login refused" client=app[2J remote=192.0.2.1:7 times=1 why="wrong secret"`},
			{func() { l.Connections().Link(servicebus.LinkAttached, "ns", "q", "receiver", "192.0.2.1:7") },
				`level=DEBUG msg="link attached" namespace=ns address=q role=receiver remote=192.0.2.1:7`},
			{func() { l.Connections().Refused("192.0.2.1:7", "rule", "token is expired") },
				`level=WARN msg="Service Bus token refused" client=rule remote=192.0.2.1:7 times=1 why="token is expired"`},
			{func() {
				l.Activities()(engine.FinishedActivity{Run: "r", Path: "Each[0]/Ask", Attempt: 1, Status: run.Failed, Error: &pipeline.ActivityError{Code: "2108", Message: "secret"}})
			}, `level=DEBUG msg="activity finished" run=r activity=Each[0]/Ask attempt=1 status=Failed errorCode=2108`},
			{func() { l.DeadLettered("ns", "q", strings.Repeat("x", 500), "why", 1) },
				`level=INFO msg=dead-lettered namespace=ns queue=q messages=1 id=` + strings.Repeat("x", maxShown) + `… reason=why`},
		} {
			c.tell()
			if got := strings.Join(out.take(), "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		}
		if quiet := newLog(&out, slog.LevelInfo); quiet.Activities() != nil || quiet.Connections().Link != nil {
			t.Error("links and activities are told at info")
		}
	})
}

// slow is a reader of the log who stops reading.
type slow struct {
	lines
	gate chan struct{}
}

func (s *slow) Write(b []byte) (int, error) {
	<-s.gate
	return s.lines.Write(b)
}

// TestNobodyReads: who logs never waits for who reads, what is kept is bounded, and what
// was dropped is told.
func TestNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &slow{gate: make(chan struct{})}
		w := NewWriter(out)
		log := w.Logger(slog.NewTextHandler(w, nil))
		began := time.Now()
		for range 100_000 {
			log.Info("a line", "with", strings.Repeat("x", 100))
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("lines at info took %v", waited)
		}
		log.Error("an error")
		log.Error("another")
		if waited := time.Since(began); waited != urgent {
			t.Errorf("lines at error took %v, want %v once", waited, urgent)
		}
		if got := cap(w.lines); got > 2*maxBuffered {
			t.Errorf("%d bytes are kept", got)
		}
		close(out.gate)
		synctest.Wait()
		out.take()
		log.Error("read again")
		if got := out.take(); len(got) != 2 || !strings.Contains(got[0], "lines of the log were dropped") || !strings.Contains(got[1], "read again") {
			t.Errorf("after a pause: %q", got)
		}
		w.Close()
		log.Info("too late")
		synctest.Wait()
		if got := out.take(); got != nil {
			t.Errorf("after Close: %q", got)
		}
	})
}

// gone is a terminal that was closed.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("input/output error") }

// TestGone: a log that can't be written is no trouble.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWriter(gone{})
		log := w.Logger(slog.NewTextHandler(w, nil)).With("a", 1).WithGroup("g")
		began := time.Now()
		for range 10 {
			log.Error("an error")
		}
		w.Close()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}
