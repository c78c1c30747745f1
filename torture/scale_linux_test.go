package torture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// What TestAttackScale makes.
const (
	manyQueues      = 9_995 // and five more: there may be 10,000
	manyConnections = 2_000
	manyWaiting     = 1_000_000
	manyScheduled   = 1_000_000
	manySessions    = 100_000
	scaleBody       = 256 // bytes
)

// read is how many bytes the process has read since it began.
func (s *server) read() int64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "rchar: "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatal("no rchar")
	return 0
}

// cpu is how much processor time the process has taken.
func (s *server) cpu() time.Duration {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')'):]))
	user, _ := strconv.ParseInt(f[12], 10, 64)
	system, _ := strconv.ParseInt(f[13], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// A scale is a server that holds more and more.
type scale struct {
	t    *testing.T
	dir  string
	s    *server
	idle int64 // kB resident of an empty server
}

// look waits until the server is at rest and prints what it uses.
func (x *scale) look(what string) (resident int64) {
	x.t.Helper()
	x.rest()
	resident = x.s.status("VmRSS")
	x.t.Logf("%-60s %4d MB resident, %5d MB on disk", what, resident>>10, diskUse(x.dir)>>20)
	return resident
}

// rest waits until the process does nothing, as far as it matters: compactions are over,
// and memory that is not used was given back.
func (x *scale) rest() {
	before := x.s.cpu()
	for quiet, i := 0, 0; quiet < 3 && i < 60; i++ {
		time.Sleep(time.Second)
		now := x.s.cpu()
		if quiet++; now-before > 50*time.Millisecond {
			quiet = 0
		}
		before = now
	}
}

// restart ends the process, with signal 9 or in good order, and starts another.
func (x *scale) restart(what string, kill bool) (read int64) {
	x.t.Helper()
	if kill {
		x.s.kill()
	} else {
		x.s.terminate(30 * time.Second)
	}
	began := time.Now()
	x.s = box{}.serve(x.t, x.dir)
	took := time.Since(began)
	read = x.s.read()
	x.t.Logf("%-60s %s, %d MB read", "start "+what, took.Round(time.Millisecond), read>>20)
	return read
}

// starts is how much the least of three starts reads, each after the one before has come to
// rest. What a start itself reads it reads each time; a compaction that the load has left
// over runs beside one of them.
func (x *scale) starts(what string, kill bool) (least int64) {
	x.t.Helper()
	least = x.restart(what, kill)
	for range 2 {
		for before := int64(0); x.s.read()-before > 256<<10; time.Sleep(time.Second) {
			before = x.s.read()
		}
		least = min(least, x.restart(what, kill))
	}
	return least
}

// queues makes them, eight at a time.
func (x *scale) queues(n int) {
	x.t.Helper()
	began := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				path := fmt.Sprintf("%s/queues/many-%d%s", x.s.id(attackNamespace), i, busVersion)
				if status, answer := x.s.call(time.Minute, "PUT", path, `{"properties":{"lockDuration":"PT5M"}}`); status/100 != 2 {
					x.t.Errorf("%s: %d %.200s", path, status, answer)
					return
				}
			}
		})
	}
	wg.Wait()
	x.t.Logf("%d queues were made in %s", n, time.Since(began).Round(time.Second))
}

// send sends n messages in batches, four at a time.
func (x *scale) send(queue string, n int, fill func(i int, m *azservicebus.Message)) {
	x.t.Helper()
	began := time.Now()
	c := client(x.t, x.s.connection("attack-namespace"))
	defer c.Close(context.Background())
	var next atomic.Int64
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			random, body := rand.New(rand.NewPCG(g, 0)), make([]byte, scaleBody)
			sender, err := c.NewSender(queue, nil)
			if err != nil {
				x.t.Error(err)
				return
			}
			const each = 250
			for first := next.Add(each) - each; first < int64(n); first = next.Add(each) - each {
				batch, err := sender.NewMessageBatch(x.t.Context(), nil)
				for i := first; i < min(first+each, int64(n)) && err == nil; i++ {
					for at := 0; at < scaleBody; at += 8 { // what can't be compressed
						binary.LittleEndian.PutUint64(body[at:], random.Uint64())
					}
					m := &azservicebus.Message{Body: body}
					fill(int(i), m)
					err = batch.AddMessage(m, nil)
				}
				if err == nil {
					err = sender.SendMessageBatch(x.t.Context(), batch, nil)
				}
				if err != nil {
					x.t.Errorf("send to %s: %v", queue, err)
					return
				}
			}
		})
	}
	wg.Wait()
	x.t.Logf("%d messages were sent to %s in %s", n, queue, time.Since(began).Round(time.Second))
}

// head receives and completes n messages, one after the other, and prints how long each
// waited. It returns how much the process has read for all.
func (x *scale) head(queue string, n int) (read int64) {
	x.t.Helper()
	c := client(x.t, x.s.connection("attack-namespace"))
	defer c.Close(context.Background())
	r, err := c.NewReceiverForQueue(queue, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	before := x.s.read()
	var took []time.Duration
	for range n {
		began := time.Now()
		ctx, cancel := context.WithTimeout(x.t.Context(), time.Minute)
		messages, err := r.ReceiveMessages(ctx, 1, nil)
		took = append(took, time.Since(began))
		if err == nil {
			err = r.CompleteMessage(ctx, messages[0], nil)
		}
		cancel()
		if err != nil {
			x.t.Fatal(err)
		}
	}
	read = x.s.read() - before
	first := took[0]
	slices.Sort(took)
	x.t.Logf("%-60s first %s, median %s, longest %s, %d KB read", "receive at the head of "+queue, first.Round(10*time.Microsecond),
		took[n/2].Round(10*time.Microsecond), took[n-1].Round(10*time.Microsecond), read>>10)
	return read
}

// drain receives and deletes all there is.
func (x *scale) drain(queue string, n int) {
	x.t.Helper()
	began := time.Now()
	c := client(x.t, x.s.connection("attack-namespace"))
	defer c.Close(context.Background())
	var got atomic.Int64
	ctx, cancel := context.WithTimeout(x.t.Context(), 10*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			r, err := c.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
			for err == nil && got.Load() < int64(n) {
				var messages []*azservicebus.ReceivedMessage
				short, cancel := context.WithTimeout(ctx, 3*time.Second)
				messages, err = r.ReceiveMessages(short, 1000, nil)
				cancel()
				got.Add(int64(len(messages)))
				if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
					err = nil
				}
			}
			if err != nil {
				x.t.Error(err)
			}
		})
	}
	wg.Wait()
	if got.Load() != int64(n) || x.s.messages(queue) != 0 {
		x.t.Errorf("%d of %d messages were received from %s, which has %d", got.Load(), n, queue, x.s.messages(queue))
	}
	x.t.Logf("%d messages were received from %s in %s", n, queue, time.Since(began).Round(time.Second))
}

// connections opens them, each with a sender, a receiver with credit and a coordinator.
func (x *scale) connections(n int) (stop func()) {
	x.t.Helper()
	cs := x.s.connection("attack-namespace")
	var mu sync.Mutex
	var open []*bookkeeper
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := g; i < n; i += 8 {
				b, err := openLedger(cs, "attack-namespace.servicebus.windows.net", fmt.Sprint("many-", 1+i%manyQueues))
				if err == nil {
					b.SetDeadline(time.Time{})
					err = b.credit(10)
				}
				if err != nil {
					x.t.Errorf("connection %d: %v", i, err)
					return
				}
				mu.Lock()
				open = append(open, b)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return func() {
		for _, b := range open {
			b.Close()
		}
	}
}

// listSessions names all sessions, by pages.
func (x *scale) listSessions(queue string) (n int) {
	x.t.Helper()
	c := client(x.t, x.s.connection("attack-namespace"))
	defer c.Close(context.Background())
	for pager := c.NewListSessionsForQueuePager(queue, nil); pager.More(); {
		page, err := pager.NextPage(x.t.Context())
		if err != nil {
			x.t.Fatal(err)
		}
		n += len(page.Sessions)
	}
	return n
}

// acceptSessions holds n sessions one after the other and completes their message.
func (x *scale) acceptSessions(queue string, n int) {
	x.t.Helper()
	c := client(x.t, x.s.connection("attack-namespace"))
	defer c.Close(context.Background())
	var took []time.Duration
	for range n {
		began := time.Now()
		ctx, cancel := context.WithTimeout(x.t.Context(), time.Minute)
		r, err := c.AcceptNextSessionForQueue(ctx, queue, nil)
		if err != nil {
			x.t.Fatal(err)
		}
		messages, err := r.ReceiveMessages(ctx, 1, nil)
		took = append(took, time.Since(began))
		if err == nil {
			err = r.CompleteMessage(ctx, messages[0], nil)
		}
		if err != nil {
			x.t.Fatal(err)
		}
		r.Close(ctx)
		cancel()
	}
	slices.Sort(took)
	x.t.Logf("%-60s median %s, longest %s", "accept the next session and receive its message", took[n/2].Round(10*time.Microsecond), took[n-1].Round(10*time.Microsecond))
}

// cancelAll takes what is scheduled in a queue out of the schedule.
func (x *scale) cancelAll(queue string, n int) {
	x.t.Helper()
	began := time.Now()
	c := client(x.t, x.s.connection("attack-namespace"))
	defer c.Close(context.Background())
	sender, err := c.NewSender(queue, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	for first := 1; first <= n; first += 4000 {
		var numbers []int64
		for i := first; i < first+4000 && i <= n; i++ {
			numbers = append(numbers, int64(i))
		}
		if err := sender.CancelScheduledMessages(x.t.Context(), numbers, nil); err != nil {
			x.t.Fatal(err)
		}
	}
	x.t.Logf("%d scheduled messages were cancelled in %s", n, time.Since(began).Round(time.Second))
}

// TestAttackScale: 10,000 queues, 2,000 connections with links, a backlog of 1,000,000
// messages, 1,000,000 scheduled ones and 100,000 sessions. Memory does not grow with
// what waits, a start does not read it, it costs no time while it waits, the head of the
// backlog is received as that of a short queue, and the disk is given back. It prints the
// figures.
func TestAttackScale(t *testing.T) {
	torture(t)
	x := &scale{t: t, dir: dataDir(t)}
	x.s = box{}.serve(t, x.dir)
	x.idle = x.look("empty")
	x.s.prepareFor("Standard")
	bus := x.s.id(attackNamespace)
	for name, properties := range map[string]string{
		"waiting":   `{"maxSizeInMegabytes":5120}`,
		"scheduled": `{"maxSizeInMegabytes":5120}`,
		"sessions":  `{"maxSizeInMegabytes":5120,"requiresSession":true}`,
		"short":     `{}`,
	} {
		x.s.must("PUT", bus+"/queues/"+name+busVersion, `{"properties":`+properties+`}`)
	}
	x.queues(manyQueues)
	x.look("10,000 queues, just made")
	x.restart("with 10,000 queues", false)
	withQueues := x.look("10,000 queues")
	perQueue := (withQueues - x.idle) << 10 / manyQueues
	t.Logf("a queue takes %d bytes", perQueue)
	if perQueue > 12<<10 {
		t.Errorf("a queue takes %d bytes of memory, want less than 12 KiB", perQueue)
	}

	stop := x.connections(manyConnections)
	withConnections := x.look("and 2,000 connections with three links each")
	perConnection := (withConnections - withQueues) << 10 / manyConnections
	t.Logf("a connection takes %d KiB", perConnection>>10)
	if perConnection > 100<<10 {
		t.Errorf("a connection takes %d KiB of memory, want less than 100", perConnection>>10)
	}
	stop()

	empty := diskUse(x.dir)
	x.send("waiting", manyWaiting, func(int, *azservicebus.Message) {})
	at := time.Now().Add(24 * time.Hour)
	x.send("scheduled", manyScheduled, func(i int, m *azservicebus.Message) { m.ScheduledEnqueueTime = &at })
	x.send("sessions", manySessions, func(i int, m *azservicebus.Message) {
		id := fmt.Sprint("session-", i)
		m.SessionID = &id
	})
	x.send("short", 1000, func(int, *azservicebus.Message) {})
	full := x.look("and 1,000,000 waiting, 1,000,000 scheduled, 100,000 sessions")
	if grown := full - withConnections; grown > 64<<10 {
		t.Errorf("2,100,000 messages that wait take %d MB of memory, want less than 64", grown>>10)
	}
	content := int64(manyWaiting+manyScheduled+manySessions) * scaleBody
	for _, kill := range []bool{false, true} {
		read := x.starts(fmt.Sprintf("with all of that, after kill -9: %t", kill), kill)
		if read > content/16 { // it may read the live write-ahead log, 16 MiB, and the queues
			t.Errorf("a start reads %d MB, the messages have %d", read>>20, content>>20)
		}
	}
	if again := x.look("started again"); again-withQueues > 48<<10 {
		t.Errorf("2,100,000 messages that wait take %d MB of memory after a start, want less than 48", (again-withQueues)>>10)
	}
	before := x.s.cpu()
	time.Sleep(20 * time.Second)
	if cost := x.s.cpu() - before; cost > time.Second {
		t.Errorf("while everything waits 20 s take %s of processor time", cost)
	} else {
		t.Logf("%-60s %s of processor time in 20 s", "while all of that waits", cost)
	}

	short := x.head("short", 500)
	long := x.head("waiting", 500)
	if long > short+16<<20 {
		t.Errorf("500 messages at the head of the backlog need %d MB read, of a short queue %d", long>>20, short>>20)
	}
	x.acceptSessions("sessions", 100)
	beforeList, began := x.s.read(), time.Now()
	n := x.listSessions("sessions")
	t.Logf("%-60s %d in %s, %d MB read", "list the sessions", n, time.Since(began).Round(time.Millisecond), (x.s.read()-beforeList)>>20)
	if n != manySessions-100 {
		t.Errorf("%d sessions are named, want %d", n, manySessions-100)
	}

	x.drain("waiting", manyWaiting-500)
	x.cancelAll("scheduled", manyScheduled)
	x.look("without the 2,000,000 messages")
	// Four write-ahead logs of 16 MiB, the sessions' messages, and what the database has not
	// compacted yet because nothing is written any more.
	if left := diskUse(x.dir); left > empty+content/2 {
		t.Errorf("%d MB are on the disk, %d before there were messages", left>>20, empty>>20)
	}
	if read := x.starts("then", true); read > content/16 {
		t.Errorf("a start without the messages reads %d MB, they had %d", read>>20, content>>20)
	}
	x.look("started again")
	if left := diskUse(x.dir); left > empty+content/4 {
		t.Errorf("%d MB are on the disk after a start, %d before there were messages", left>>20, empty>>20)
	}
	if x.s.messages("scheduled") != 0 || x.s.messages("waiting") != 0 || x.s.messages("sessions") != manySessions-100 {
		t.Errorf("%d, %d and %d messages are left", x.s.messages("scheduled"), x.s.messages("waiting"), x.s.messages("sessions"))
	}
	x.s.terminate(30 * time.Second)
}
