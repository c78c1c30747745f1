package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/Azure/go-amqp"

	"switchyard/amqp/amqpnet"
	"switchyard/bench/workload"
	"switchyard/clock"
)

// TestWorkloads: the floor passes what it is the floor of, and its file has every message, and
// that every one is settled.
func TestWorkloads(t *testing.T) {
	dir := t.TempDir()
	url, end := start(t, func(ctx context.Context, out io.Writer) error {
		return run(ctx, []string{"--listen", "127.0.0.1:0", "--dir", dir}, out)
	})
	endpoint, err := workload.ParseEndpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, w := range []workload.Workload{
		{Name: "small", Size: 1 << 10, Messages: 2000, Consumers: 1},
		{Name: "both", Size: 1 << 10, Messages: 2000, Consumers: 4, AtOnce: true},
		{Name: "large", Size: 64 << 10, Messages: 200, Consumers: 1},
	} {
		for _, second := range []bool{false, true} {
			m := &workload.Measurement{Endpoint: endpoint, Address: "q", Second: second,
				Stall: time.Minute, Empty: 100 * time.Millisecond, Clock: clock.Wall{}}
			if err := m.Run(t.Context(), w, func(workload.Figure) {}); err != nil {
				t.Errorf("%s, second %t: %v", w.Name, second, err)
			}
			total += w.Messages
		}
	}
	if err := end(); err != nil {
		t.Errorf("the floor ended with %v", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "floor.log"))
	if err != nil {
		t.Fatal(err)
	}
	sent, settled := records(t, b)
	for id := range settled {
		delete(sent, id)
	}
	if len(settled) != total || len(sent) > 0 {
		t.Errorf("%d messages are settled and %d more were sent, want %d and 0", len(settled), len(sent), total)
	}
}

// start runs a floor in this process. It returns its URL, and what ends it.
func start(t *testing.T, serve func(ctx context.Context, out io.Writer) error) (url string, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := serve(ctx, in)
		in.CloseWithError(err)
		ended <- err
	}()
	end = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { end() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the floor does not listen: %v", err)
	}
	return strings.TrimSpace(line), end
}

// records reads a file: what was sent, by id, and what is settled. It checks every sum.
func records(t *testing.T, b []byte) (sent map[uint64][]byte, settled map[uint64]bool) {
	t.Helper()
	sent, settled = map[uint64][]byte{}, map[uint64]bool{}
	for batch := b; len(b) > 0; {
		switch kind := b[0]; kind {
		case recordMessage:
			address, payload := binary.LittleEndian.Uint32(b[13:]), binary.LittleEndian.Uint32(b[17:])
			sent[binary.LittleEndian.Uint64(b[1:])] = b[21+address:][:payload]
			b = b[21+address+payload:]
		case recordSettlement:
			settled[binary.LittleEndian.Uint64(b[1:])] = true
			b = b[9:]
		case recordSum:
			sum := crc32.Checksum(batch[:len(batch)-len(b)], castagnoli)
			if got := binary.LittleEndian.Uint32(b[1:]); got != sum {
				t.Fatalf("a batch has the sum %x, want %x", got, sum)
			}
			b = b[5:]
			batch = b
		default:
			t.Fatalf("a record of kind %q", kind)
		}
	}
	return sent, settled
}

// A slowDisk syncs when it is told to.
type slowDisk struct {
	turn            chan struct{}
	written, synced []byte // owned by the goroutine of the log, and by who has given it a turn
}

func (d *slowDisk) WriteAt(p []byte, at int64) (int, error) {
	d.written = append(d.written[:at], p...)
	return len(p), nil
}

func (d *slowDisk) Sync() error {
	<-d.turn
	d.synced = d.written
	return nil
}

func (d *slowDisk) Truncate(size int64) error { return fmt.Errorf("truncated to %d", size) }

// answeredBy does something that waits for an answer, which must not come before the sync.
func (d *slowDisk) answeredBy(t *testing.T, do func() error) {
	t.Helper()
	answered := make(chan error, 1)
	go func() { answered <- do() }()
	synctest.Wait()
	select {
	case err := <-answered:
		t.Fatalf("it is answered, with error %v, and not synced", err)
	case d.turn <- struct{}{}:
	}
	must(t, <-answered)
}

// session opens one over a pipe, to a floor of the bubble.
func (d *slowDisk) session(t *testing.T) *client.Session {
	t.Helper()
	s := newServer(d)
	ours, theirs := net.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.log.run(); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		defer close(s.log.wake)
		if err := amqpnet.Serve(t.Context(), ours, s, options()); err != nil {
			t.Error(err)
		}
	})
	conn, err := client.NewConn(t.Context(), theirs, &client.ConnOptions{SASLType: client.SASLTypePlain("any", "body")})
	must(t, err)
	t.Cleanup(func() { close(d.turn); conn.Close(); wg.Wait() })
	session, err := conn.NewSession(t.Context(), nil)
	must(t, err)
	return session
}

// TestDurableBeforeAnswered: a send and a settlement are answered when they are synced, and what a
// client has not settled comes again, in its order.
func TestDurableBeforeAnswered(t *testing.T) { synctest.Test(t, durableBeforeAnswered) }

func durableBeforeAnswered(t *testing.T) {
	const n = 5
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	disk := &slowDisk{turn: make(chan struct{})}
	session := disk.session(t)
	sender, err := session.NewSender(ctx, "q", nil)
	must(t, err)
	text := func(i int) string { return fmt.Sprintf("message %d", i) }
	for i := range n {
		disk.answeredBy(t, func() error { return sender.Send(ctx, client.NewMessage([]byte(text(i))), nil) })
	}
	take := func(handle func(*client.Receiver, *client.Message)) {
		t.Helper()
		second := client.ReceiverSettleModeSecond
		r, err := session.NewReceiver(ctx, "q", &client.ReceiverOptions{Credit: n, SettlementMode: &second})
		must(t, err)
		for i := range n {
			msg, err := r.Receive(ctx, nil)
			must(t, err)
			if got := string(msg.GetData()); got != text(i) || len(msg.DeliveryTag) != 16 {
				t.Fatalf("%q with the tag %x came, want %q", got, msg.DeliveryTag, text(i))
			}
			handle(r, msg)
		}
		must(t, r.Close(ctx))
	}
	take(func(*client.Receiver, *client.Message) {})
	take(func(r *client.Receiver, msg *client.Message) {
		disk.answeredBy(t, func() error { return r.AcceptMessage(ctx, msg) })
	})
	synctest.Wait()
	sent, settled := records(t, disk.synced)
	if len(sent) != n || len(settled) != n {
		t.Errorf("%d messages and %d settlements are synced, want %d of each", len(sent), len(settled), n)
	}
	disk.answeredBy(t, func() error { return sender.Send(ctx, client.NewMessage([]byte("the next")), nil) })
	r, err := session.NewReceiver(ctx, "q", nil)
	must(t, err)
	msg, err := r.Receive(ctx, nil)
	must(t, err)
	if got := string(msg.GetData()); got != "the next" {
		t.Errorf("%q came, though it is settled", got)
	}
}

// TestElsewhere: the floor, which lets everybody in, does not leave the machine.
func TestElsewhere(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::1]:0", ":0", "localhost:0"} {
		if ln, err := listen(address); err == nil {
			ln.Close()
			t.Errorf("it listens on %s", address)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
