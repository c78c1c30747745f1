package system

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/broker"
	"switchyard/clock"
	"switchyard/commit"
	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
	"switchyard/store"
)

// A setClock is the machine's, which somebody sets: that moves the wall reading of
// its times and leaves the monotonic one.
type setClock struct {
	clock.Wall
	by atomic.Int64 // nanoseconds
}

func (c *setClock) Now() time.Time {
	t := time.Now()
	const secondBit = 30 // of a time.Time with a monotonic reading
	*(*uint64)(unsafe.Pointer(&t)) += uint64(c.by.Load()/int64(time.Second)) << secondBit
	return t
}

// TestClockSetBackOverCrash: after a crash with the wall clock set back by a day
// everything goes on where the last commit was, to a second, and what is shown is
// the wall clock: of what was before as it was then.
func TestClockSetBackOverCrash(t *testing.T) {
	dir, wall := filepath.Join(t.TempDir(), "data"), &setClock{}
	s := startSystem(t, Options{DataDir: dir, Clock: wall})
	makeNamespace(t, s, "g", "before-1")
	before := s.broker.Now()
	dir = killed(t, s, "before-1")
	wall.by.Store(int64(-24 * time.Hour))
	s = startSystem(t, Options{DataDir: dir, Clock: wall})
	if now := s.broker.Now(); now.Before(before.Add(-time.Second)) || now.After(time.Now().Add(clock.MarkEvery)) {
		t.Errorf("the time after the crash is %v, before it was %v", now, before)
	}
	makeNamespace(t, s, "g", "after-12")
	created := func(ns string) time.Time {
		q, err := s.broker.Queues(ns)
		if err != nil || len(q) == 0 {
			t.Fatalf("queues of %s: %v, %v", ns, q, err)
		}
		return q[0].CreatedAt
	}
	now := time.Now()
	if at := created("before-1"); at.Before(now.Add(-time.Minute)) || at.After(now) {
		t.Errorf("a queue that was made before the crash was created at %v, it is %v", at, now)
	}
	if at := created("after-12").Add(24 * time.Hour); at.Before(now.Add(-time.Minute)) || at.After(now.Add(2*time.Second)) {
		t.Errorf("a queue that was made while the clock is a day behind was created, but for that day, at %v, it is %v", at, now)
	}
}

// TestClockAheadForAMoment: a wall clock that was a day, or most of a century, ahead for a
// moment and is right again changes no duration, neither in the process nor over a clean
// stop or a crash. What was under way before ends neither early nor late, and what is
// begun after it takes as long as it was given; every time that is shown is right.
func TestClockAheadForAMoment(t *testing.T) {
	const day, century = 24 * time.Hour, 74 * 365 * 24 * time.Hour
	ahead := func(by time.Duration, restart string) func(*wrongClock) {
		return func(w *wrongClock) {
			w.wrong(by)
			w.again(restart, 0)
		}
	}
	var all sync.WaitGroup // they wait nearly all the time: all at once
	defer all.Wait()
	for name, happens := range map[string]func(*wrongClock){
		"a day":                            ahead(day, "none"),
		"a day, then a stop":               ahead(day, "stop"),
		"a day, then a crash":              ahead(day, "crash"),
		"most of a century, then a crash":  ahead(century, "crash"),
		"most of a century, only at start": func(w *wrongClock) { w.startWrong(century) },
	} {
		all.Go(func() {
			t.Run(name, func(t *testing.T) {
				w := newWrongClock(t)
				w.before()
				happens(w)
				w.after()
			})
		})
	}
}

// startWrong restarts with a clock that is wrong by decades, and again when it is right.
func (w *wrongClock) startWrong(ahead time.Duration) {
	w.t.Helper()
	var log bytes.Buffer
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	w.again("stop", ahead)
	w.look()
	w.log = nil
	w.again("stop", 0)
	if !strings.Contains(log.String(), "years after this data directory was last used") {
		w.t.Errorf("the log says nothing of it: %s", log.String())
	}
}

// TestMarkOfAnotherCentury: a directory that an earlier version, which followed every
// clock, has left in another century shows the times of this one.
func TestMarkOfAnotherCentury(t *testing.T) {
	wall := &setClock{}
	s := startSystem(t, Options{DataDir: filepath.Join(t.TempDir(), "data"), Clock: wall})
	makeNamespace(t, s, "g", "century-1")
	dir := killed(t, s, "century-1")
	st, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := time.Now().AddDate(74, 0, 0).UTC().MarshalBinary() // version 1
	if err != nil {
		t.Fatal(err)
	}
	var u commit.Unit
	st.PutMeta(&u, "clock/mark", b)
	st.Submit(&u)
	st.Sync(&u)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	s = startSystem(t, Options{DataDir: dir, Clock: wall})
	if _, err := s.broker.PutQueue(t.Context(), "century-1", "new", broker.QueueOptions{}); err != nil {
		t.Fatal(err)
	}
	queues, err := s.broker.Queues("century-1")
	if err != nil || len(queues) != 3 {
		t.Fatalf("%d queues, %v", len(queues), err)
	}
	for _, q := range queues {
		if time.Since(q.CreatedAt).Abs() > time.Minute {
			t.Errorf("queue %s was created at %v", q.Path, q.CreatedAt)
		}
	}
}

// A wrongClock is a Switchyard whose machine's clock is wrong for a moment.
type wrongClock struct {
	t    *testing.T
	wall *setClock
	s    *System
	c    *azservicebus.Client

	began, failed, waits time.Time
	lock                 *azservicebus.Receiver        // of queue held; nil after a restart
	held                 *azservicebus.ReceivedMessage // by it
	runs                 map[string]string             // by pipeline
	log                  *slog.Logger                  // of the next start
}

// wrongFiles is a folder with what waits: queues by what their messages wait for, and
// pipelines likewise.
func wrongFiles() map[string]string {
	files := triggered(`{"MaxDeliveryCount":10}`, `{"name":"Stop","type":"Fail","typeProperties":{"message":"no","errorCode":"1"}}`)
	files["trigger/OnIn.json"] = strings.NewReplacer("00:00:00.2000000", "00:00:06", "00:00:01", "00:00:06").
		Replace(files["trigger/OnIn.json"])
	files["Config.json"] = `{"UserConfig":{"Namespaces":[{"Name":"test-ns","Queues":[
		{"Name":"in","Properties":{"MaxDeliveryCount":10}},{"Name":"lasting","Properties":{"DefaultMessageTimeToLive":"PT1H"}},
		{"Name":"brief","Properties":{"DefaultMessageTimeToLive":"PT2S"}},{"Name":"held","Properties":{"LockDuration":"PT1M"}},
		{"Name":"locked","Properties":{"LockDuration":"PT5S"}}]}]}}`
	for name, activities := range map[string]string{
		"Waits": `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":8}}`,
		"Retries": `{"name":"S","type":"ServiceBusSend","policy":{"retry":1,"retryIntervalInSeconds":3600},
			"linkedServiceName":{"referenceName":"Bus","type":"LinkedServiceReference"},"typeProperties":{"queueName":"nowhere","body":"x"}}`,
		"TimesOut": `{"name":"U","type":"Until","typeProperties":{"timeout":"0.00:10:00","expression":{"value":"@equals(1,1)","type":"Expression"},
			"activities":[{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":8}}]}}`,
		"Done": `{"name":"W","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}`,
	} {
		files["pipeline/"+name+".json"] = `{"name":"` + name + `","properties":{"activities":[` + activities + `]}}`
	}
	return files
}

func newWrongClock(t *testing.T) *wrongClock {
	w := &wrongClock{t: t, wall: &setClock{}, began: time.Now(), runs: map[string]string{}}
	w.s = startSystem(t, Options{DataDir: filepath.Join(t.TempDir(), "data"), Clock: w.wall, Grace: time.Millisecond,
		Deployments: []*deploy.Deployment{folder(t, wrongFiles())}})
	w.c = sdk(t, w.s)
	return w
}

// before begins all that waits.
func (w *wrongClock) before() {
	w.t.Helper()
	names := w.s.factories.Names()
	f, err := w.s.factories.Factory(names[0])
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{"Done", "Retries"} {
		w.run(f, name)
	}
	if _, err := w.s.engine.Wait(w.t.Context(), w.runs["Done"]); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, func() string { return w.attempts("Retries") })
	sendTo(w.t, w.c, "lasting", "lasting")
	sendTo(w.t, w.c, "held", "held")
	if w.lock, err = w.c.NewReceiverForQueue("held", nil); err != nil {
		w.t.Fatal(err)
	}
	w.held = w.receive(w.lock)
	sendTo(w.t, w.c, "in", "failing")
	w.failed = time.Now()
	eventually(w.t, func() string {
		for _, r := range allRuns(w.t, w.s) {
			if r.Pipeline == "P" && r.Status == run.Failed {
				return r.RunID
			}
		}
		return ""
	})
	w.waits = time.Now()
	w.run(f, "Waits")
	w.run(f, "TimesOut")
	eventually(w.t, func() string { return w.attempts("Waits") })
}

func (w *wrongClock) run(f *pipeline.Factory, name string) {
	w.t.Helper()
	id, err := w.s.engine.CreateRun(w.t.Context(), f, name, nil, engine.RunOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.runs[name] = id
}

// attempts says that activities of a run have begun.
func (w *wrongClock) attempts(name string) string {
	list, err := w.s.engine.ActivityRuns(w.runs[name])
	if err != nil {
		w.t.Fatal(err)
	}
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprint(len(list))
}

func (w *wrongClock) receive(r *azservicebus.Receiver) *azservicebus.ReceivedMessage {
	w.t.Helper()
	got, err := r.ReceiveMessages(w.t.Context(), 1, nil)
	if err != nil || len(got) != 1 {
		w.t.Fatalf("receive: %d messages, %v", len(got), err)
	}
	return got[0]
}

// wrong sets the clock ahead, has everything look at it, and sets it right.
func (w *wrongClock) wrong(ahead time.Duration) {
	w.t.Helper()
	w.wall.by.Store(int64(ahead))
	if _, err := w.s.broker.PutQueue(w.t.Context(), "test-ns", "late", broker.QueueOptions{}); err != nil {
		w.t.Fatal(err)
	}
	if n := time.Until(clock.ShownNow(w.s.clock)); n < ahead-time.Minute {
		w.t.Fatalf("the wall clock is %s ahead, want %s", n, ahead)
	}
	w.look()
	w.wall.by.Store(0)
}

// look has a wrong clock looked at. No client gets in meanwhile: its token is of another
// time.
func (w *wrongClock) look() {
	w.t.Helper()
	for _, queue := range []string{"in", "lasting", "held"} {
		if q, err := w.s.broker.Queue("test-ns", queue); err != nil {
			w.t.Fatal(err)
		} else if got, err := q.Peek(1, 10); err != nil || len(got) != 1 {
			w.t.Errorf("in %s: %d, %v", queue, len(got), err)
		}
	}
	time.Sleep(1500 * time.Millisecond) // for what looks once a second
}

// again restarts, with a clock that is ahead by so much.
func (w *wrongClock) again(restart string, ahead time.Duration) {
	w.t.Helper()
	dir := w.s.o.DataDir
	switch restart {
	case "none":
		return
	case "stop":
		if err := w.s.Stop(); err != nil {
			w.t.Fatal(err)
		}
	case "crash":
		dir = killed(w.t, w.s, "test-ns")
	}
	w.wall.by.Store(int64(ahead))
	w.s = startSystem(w.t, Options{DataDir: dir, Clock: w.wall, Grace: time.Millisecond, Logger: w.log,
		Deployments: []*deploy.Deployment{folder(w.t, wrongFiles())}})
	w.c, w.lock = sdk(w.t, w.s), nil
}

// after looks at what waited, and at what waits from now on.
func (w *wrongClock) after() {
	w.took("the first attempt of a message that failed, and the pause", w.failed, 3*time.Second, 12*time.Second, func() string {
		if n := w.failures(); n > 1 {
			return fmt.Sprint(n)
		}
		return ""
	})
	w.locks()
	w.took("Wait", w.waits, 5*time.Second, 14*time.Second, func() string { return w.ended("Waits") })
	if got := eventually(w.t, func() string { return w.ended("TimesOut") }); got != "Succeeded" {
		w.t.Errorf("an Until that may take ten minutes is %s", got)
	}
	if got := w.attempts("Retries"); got != "1" || w.ended("Retries") != "" {
		w.t.Errorf("an activity that is tried again after an hour was tried %s times and is %q", got, w.ended("Retries"))
	}
	if ids := left(w.t, w.c, "lasting"); len(ids) != 1 {
		w.t.Errorf("a message that lives for an hour is gone: %v", ids)
	}
	if got := w.ended("Done"); got != "Succeeded" {
		w.t.Errorf("a run that has ended is %q: history keeps it for 45 days", got)
	}
	w.shown()
	w.clientTimes()
}

// locks checks the lock that was held before, if it outlived the restart, and makes new
// waits: a lock, and a message that expires.
func (w *wrongClock) locks() {
	w.t.Helper()
	sendTo(w.t, w.c, "locked", "one")
	r, err := w.c.NewReceiverForQueue("locked", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	m := w.receive(r)
	now := time.Now()
	if m.LockedUntil == nil || m.LockedUntil.Sub(now).Abs() > 7*time.Second || m.EnqueuedTime.Sub(now).Abs() > 5*time.Second {
		w.t.Errorf("a message of now was enqueued at %v and is locked until %v, now is %v", m.EnqueuedTime, m.LockedUntil, now)
	}
	if err := r.RenewMessageLock(w.t.Context(), m, nil); err != nil || time.Until(*m.LockedUntil).Abs() > 7*time.Second {
		w.t.Errorf("renewed until %v, %v", m.LockedUntil, err)
	}
	locked := time.Now()
	sendTo(w.t, w.c, "brief", "two")
	w.took("a message that lives for 2 s", locked, time.Second, 6*time.Second, func() string {
		if len(left(w.t, w.c, "brief")) > 0 {
			return ""
		}
		return "expired"
	})
	r.Close(context.Background())
	again := take(w.t, w.c, "locked", 0, 1)
	if took := time.Since(locked); again[0].DeliveryCount != 2 || took < 3*time.Second || took > 12*time.Second {
		w.t.Errorf("%s came back after %s, delivery %d; its lock was of 5 s", again[0].MessageID, took, again[0].DeliveryCount)
	}
	if w.lock == nil {
		return
	}
	if err := w.lock.CompleteMessage(w.t.Context(), w.held, nil); err != nil {
		w.t.Errorf("a message that is locked for a minute can't be completed: %v", err)
	}
}

// took checks how long after a time something has happened.
func (w *wrongClock) took(what string, since time.Time, least, most time.Duration, f func() string) {
	w.t.Helper()
	eventually(w.t, f)
	if took := time.Since(since); took < least || took > most {
		w.t.Errorf("%s took %s, want %s to %s", what, took, least, most)
	}
}

// failures counts the runs that the failing message has started.
func (w *wrongClock) failures() (n int) {
	for _, r := range allRuns(w.t, w.s) {
		if r.Pipeline == "P" {
			n++
		}
	}
	return n
}

// ended is how a run has ended, "" if it has not.
func (w *wrongClock) ended(name string) string {
	w.t.Helper()
	r, err := w.s.engine.PipelineRun(w.runs[name])
	if err != nil {
		return err.Error()
	}
	if !r.Status.Final() {
		return ""
	}
	return r.Status.String()
}

var timestamp = regexp.MustCompile(`2\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[^"\\]*`)

// shown reads every time that the control plane shows: all are of this test, but for those
// of what was made while the clock was wrong.
func (w *wrongClock) shown() {
	w.t.Helper()
	factory := w.s.factories.List("", "")[0].ID
	df := "/subscriptions/" + factory.Subscription + "/resourceGroups/" + factory.ResourceGroup +
		"/providers/Microsoft.DataFactory/factories/" + factory.Factory
	group := "/subscriptions/" + factory.Subscription + "/resourceGroups/" + factory.ResourceGroup
	window := fmt.Sprintf(`{"lastUpdatedAfter":%q,"lastUpdatedBefore":%q}`, w.began.Add(-time.Minute).UTC().Format(time.RFC3339),
		time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
	for _, x := range []struct{ method, path, version, body, want string }{
		{"POST", df + "/queryPipelineRuns", factoryVersion, window, w.runs["Waits"]},
		{"POST", df + "/pipelineruns/" + w.runs["Waits"] + "/queryActivityruns", factoryVersion, window, `"durationInMs":`},
		{"GET", df, factoryVersion, "", "createTime"},
		{"GET", df + "/pipelines/P", factoryVersion, "", "lastPublishTime"},
		{"GET", group + "/providers/Microsoft.ServiceBus/namespaces/test-ns", busVersion, "", "createdAt"},
		{"GET", group + "/providers/Microsoft.ServiceBus/namespaces/test-ns/queues/locked", busVersion, "", "accessedAt"},
		{"GET", group + "/resources", "2021-04-01", "", "test-ns"},
	} {
		path := x.path + "?api-version=" + x.version
		if strings.HasSuffix(x.path, "/resources") {
			path += "&$expand=createdTime,changedTime"
		}
		code, body := request(w.t, w.s, x.method, path, x.body)
		if code != 200 || !strings.Contains(body, x.want) {
			w.t.Errorf("%s %s: %d, want %s in %s", x.method, x.path, code, x.want, body)
		}
		for _, text := range timestamp.FindAllString(body, -1) {
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil || at.Before(w.began.Add(-time.Minute)) || at.After(time.Now().Add(time.Minute)) {
				w.t.Errorf("%s %s shows %s: %v", x.method, x.path, text, err)
			}
		}
	}
}

// clientTimes: a time that a client gives is of the wall clock.
func (w *wrongClock) clientTimes() {
	w.t.Helper()
	sender, err := w.c.NewSender("locked", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer sender.Close(context.Background())
	for _, in := range []time.Duration{3 * time.Second, -time.Second} {
		began := time.Now()
		at := began.Add(in)
		if err := sender.SendMessage(w.t.Context(), &azservicebus.Message{Body: []byte("x"), ScheduledEnqueueTime: &at}, nil); err != nil {
			w.t.Fatal(err)
		}
		m := take(w.t, w.c, "locked", 0, 1)[0]
		took := time.Since(began)
		if took < in || took > max(in, 0)+5*time.Second || m.EnqueuedTime.Before(at.Truncate(time.Millisecond)) {
			w.t.Errorf("a message scheduled for %v from now came after %v; enqueued at %v", in, took, m.EnqueuedTime)
		}
	}
}
