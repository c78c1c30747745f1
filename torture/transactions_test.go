package torture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/amqp/encoding"
	"switchyard/amqp/frames"
	"switchyard/auth"
)

// ledger is the queue of the example from which nothing starts, elsewhere one that the child
// has beside the example's.
const (
	ledger    = "triaged"
	elsewhere = "elsewhere"
)

const (
	entries    = 12 // messages of which each is exchanged by a transaction
	exchanged  = 3  // for so many
	coordinate = 0  // the handles of the links
	sending    = 1
	receiving  = 2
	onward     = 3
)

// A bookkeeper is a client with transactions, which no library for Go has: frames, one at
// a time.
type bookkeeper struct {
	net.Conn
	next     uint32 // delivery-id of what it sends
	got      uint32 // messages received
	entered  int    // entries that were accepted
	out      uint32 // the link on which transactions send
	acked    map[int]bool
	declined map[int]bool // rolled back, or never discharged
}

var errRefused = errors.New("refused")

// openLedger attaches to a coordinator and to a queue, to send and to receive.
func openLedger(cs, host, queue string) (*bookkeeper, error) {
	c, err := auth.ParseConnectionString(cs)
	if err != nil {
		return nil, err
	}
	nc, err := net.DialTimeout("tcp", c.Endpoint, 10*time.Second)
	if err != nil {
		return nil, err
	}
	b := &bookkeeper{Conn: nc, out: sending, acked: map[int]bool{}, declined: map[int]bool{}}
	nc.SetDeadline(time.Now().Add(time.Minute))
	steps := []struct {
		header string
		t      frames.Type
		body   frames.Body
		answer func(frames.Body) bool
	}{
		{"AMQP\x03\x01\x00\x00", frames.TypeSASL, &frames.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00" + c.KeyName + "\x00" + c.Key)}, is[*frames.SASLOutcome]},
		{"AMQP\x00\x01\x00\x00", frames.TypeAMQP, &frames.Open{ContainerID: "ledger", MaxFrameSize: 65536, Hostname: frames.Some(host)}, is[*frames.Open]},
		{"", frames.TypeAMQP, &frames.Begin{NextOutgoingID: 1, IncomingWindow: 5000, OutgoingWindow: 5000, HandleMax: 10}, is[*frames.Begin]},
		{"", frames.TypeAMQP, attach(coordinate, &frames.Coordinator{}), is[*frames.Attach]},
		{"", frames.TypeAMQP, attach(sending, &frames.Target{Address: frames.Some(queue)}), is[*frames.Attach]},
		{"", frames.TypeAMQP, &frames.Attach{Name: "receiving", Handle: receiving, Role: frames.RoleReceiver, RcvSettleMode: frames.ReceiverSecond,
			Source: &frames.Source{Address: frames.Some(queue)}, Target: &frames.Target{}}, is[*frames.Attach]},
	}
	for _, s := range steps {
		if s.header != "" {
			head := []byte(s.header)
			if _, err := nc.Write(head); err != nil {
				return nil, err
			}
			if _, err := io.ReadFull(nc, head); err != nil {
				return nil, err
			}
		}
		if err := b.frame(s.t, s.body); err != nil {
			return nil, err
		}
		if _, _, err := b.until(s.answer); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// sendOn lets transactions send to another queue: the session began with the coordinator, so
// they go by way of the ledger.
func (b *bookkeeper) sendOn(queue string) error {
	b.out = onward
	if err := b.frame(frames.TypeAMQP, attach(onward, &frames.Target{Address: frames.Some(queue)})); err != nil {
		return err
	}
	body, _, err := b.until(is[*frames.Attach])
	if a, ok := body.(*frames.Attach); err == nil && ok && a.Target == nil {
		return fmt.Errorf("%w: the link to %s", errRefused, queue)
	}
	return err
}

func attach(handle uint32, target frames.TargetLike) *frames.Attach {
	return &frames.Attach{Name: fmt.Sprint(handle), Handle: handle, Role: frames.RoleSender, Source: &frames.Source{}, Target: target, InitialDeliveryCount: frames.Some(uint32(0))}
}

func is[T frames.Body](body frames.Body) bool { _, ok := body.(T); return ok }

func (b *bookkeeper) frame(t frames.Type, body frames.Body, payload ...byte) error {
	out, mark := frames.BeginFrame(nil, t, 0)
	out, err := body.Append(out)
	if err == nil {
		_, err = b.Write(frames.EndFrame(append(out, payload...), mark))
	}
	return err
}

// until reads up to a frame.
func (b *bookkeeper) until(want func(frames.Body) bool) (frames.Body, []byte, error) {
	for {
		var head [frames.HeaderSize]byte
		if _, err := io.ReadFull(b, head[:]); err != nil {
			return nil, nil, err
		}
		in := make([]byte, binary.BigEndian.Uint32(head[:])-frames.HeaderSize)
		if _, err := io.ReadFull(b, in); err != nil {
			return nil, nil, err
		}
		if len(in) == 0 {
			continue
		}
		body, payload, err := frames.ParseBody(in)
		if err != nil || want(body) {
			return body, payload, err
		}
		switch ended := body.(type) {
		case *frames.Detach:
			return nil, nil, fmt.Errorf("%w: detached: %v", errRefused, ended.Error)
		case *frames.Close:
			return nil, nil, fmt.Errorf("%w: closed: %v", errRefused, ended.Error)
		}
	}
}

// deliver sends a message and returns its outcome.
func (b *bookkeeper) deliver(handle uint32, state frames.State, payload []byte) (frames.State, error) {
	id := b.next
	b.next++
	err := b.frame(frames.TypeAMQP, &frames.Transfer{Handle: handle, DeliveryID: frames.Some(id), DeliveryTag: binary.BigEndian.AppendUint32(nil, id),
		MessageFormat: frames.Some(uint32(0)), State: state}, payload...)
	if err != nil {
		return nil, err
	}
	return b.outcome(frames.RoleReceiver)
}

func (b *bookkeeper) outcome(role frames.Role) (frames.State, error) {
	body, _, err := b.until(is[*frames.Disposition])
	if err != nil {
		return nil, err
	}
	d := body.(*frames.Disposition)
	if r, ok := d.State.(frames.Rejected); ok || d.Role != role {
		return nil, fmt.Errorf("%w: %v", errRefused, r.Error)
	}
	return d.State, nil
}

func entry(id string) []byte {
	b, _ := frames.AppendProperties(nil, &frames.Properties{MessageID: id})
	return frames.AppendData(b, []byte(id))
}

func control(code uint64, fields ...any) []byte {
	b, err := frames.AppendValue(nil, encoding.Described{Descriptor: code, Value: encoding.List(fields)})
	if err != nil {
		panic(err)
	}
	return b
}

// work sends the entries and exchanges each by a transaction of its own: what the third of
// them does is rolled back, and the transaction of each fifth is left open. It ends when the
// process does.
func (b *bookkeeper) work() error {
	for i := range entries {
		if _, err := b.deliver(sending, nil, entry(fmt.Sprintf("in-%d", i))); err != nil {
			return err
		}
		b.entered++
	}
	for i := range entries {
		if err := b.exchange(i); err != nil {
			return err
		}
	}
	return nil
}

func (b *bookkeeper) exchange(i int) error {
	if err := b.credit(1); err != nil {
		return err
	}
	body, _, err := b.until(is[*frames.Transfer])
	if err != nil {
		return err
	}
	delivery := body.(*frames.Transfer).DeliveryID.Value
	b.got++
	id, err := b.declare()
	if err != nil {
		return err
	}
	for n := range exchanged {
		if _, err := b.deliver(b.out, frames.TransactionalState{TxnID: id}, entry(fmt.Sprintf("out-%d-%d", i, n))); err != nil {
			return err
		}
	}
	err = b.frame(frames.TypeAMQP, &frames.Disposition{Role: frames.RoleReceiver, First: delivery, Last: delivery,
		State: frames.TransactionalState{TxnID: id, Outcome: frames.Accepted{}}})
	if err == nil {
		_, err = b.outcome(frames.RoleSender)
	}
	if err != nil {
		return err
	}
	if i%5 == 4 {
		b.declined[i] = true
		return nil
	}
	b.declined[i] = i%3 == 2
	if err := b.discharge(id, i%3 == 2); err != nil {
		return err
	}
	b.acked[i] = !b.declined[i]
	return nil
}

// credit asks for n messages beyond those that it has received.
func (b *bookkeeper) credit(n uint32) error {
	return b.frame(frames.TypeAMQP, &frames.Flow{NextIncomingID: frames.Some(1 + b.got), IncomingWindow: 5000, NextOutgoingID: 1, OutgoingWindow: 5000,
		Handle: frames.Some(uint32(receiving)), DeliveryCount: frames.Some(b.got), LinkCredit: frames.Some(n)})
}

func (b *bookkeeper) declare() (id []byte, err error) {
	state, err := b.deliver(coordinate, nil, control(0x31))
	declared, _ := state.(frames.Declared)
	return declared.TxnID, err
}

func (b *bookkeeper) discharge(id []byte, fail bool) error {
	_, err := b.deliver(coordinate, nil, control(0x32, id, fail))
	return err
}

// keepBooks lets a bookkeeper work until the process dies, and then looks in another
// process whether each transaction is whole. What they send goes to the queue out.
func keepBooks(t *testing.T, what, out string, commit uint64, after time.Duration) (commits uint64) {
	t.Helper()
	dir := dataDir(t)
	p := start(t, dir, commit)
	defer p.kill()
	if after > 0 {
		first := p.cmd.Process // not the one that looks
		defer time.AfterFunc(after, func() { first.Kill() }).Stop()
	}
	b := &bookkeeper{}
	if p.cs != "" {
		opened, err := openLedger(p.cs, "localhost", ledger)
		if err == nil {
			b = opened
			defer b.Close()
			if out != ledger {
				err = b.sendOn(out)
			}
			if err == nil {
				err = b.work()
			}
		}
		if errors.Is(err, errRefused) || err != nil && commit == 0 && after == 0 {
			t.Fatalf("%s: %v; log: %s", what, err, p.log.String())
		}
	}
	if commit == 0 && after == 0 {
		commits = p.finish()
	} else {
		p.kill()
	}
	p = start(t, dir, 0)
	defer p.kill()
	wrong := b.wrong(t, p, out)
	for wait := time.Now().Add(time.Minute); len(wrong) > 0 && out != ledger && time.Now().Before(wait); wrong = b.wrong(t, p, out) {
		time.Sleep(50 * time.Millisecond) // some are still on their way
	}
	for _, x := range wrong {
		t.Errorf("%s: %s", what, x)
	}
	if out != ledger {
		if dead := booked(t, p, ledger+"/$Transfer/$DeadLetterQueue"); len(dead) > 0 {
			t.Errorf("%s: dead letters %v", what, dead)
		}
	}
	p.finish()
	return commits
}

// wrong says which transactions are not whole.
func (b *bookkeeper) wrong(t *testing.T, p *process, queue string) (wrong []string) {
	t.Helper()
	entered, sent := booked(t, p, ledger), booked(t, p, queue)
	for i := range entries {
		in, out := entered[fmt.Sprintf("in-%d", i)], 0
		for n := range exchanged {
			id := fmt.Sprintf("out-%d-%d", i, n)
			if queue != ledger && entered[id] > 0 {
				wrong = append(wrong, id+" is in the ledger")
			}
			if sent[id] > 1 {
				wrong = append(wrong, fmt.Sprintf("%s is there %d times", id, sent[id]))
			}
			out += sent[id]
		}
		switch {
		case out == exchanged && in == 0 && !b.declined[i]:
		case out == 0 && in == 1 && !b.acked[i]:
		case out == 0 && in == 0 && i >= b.entered:
		default:
			wrong = append(wrong, fmt.Sprintf("transaction %d, committed %v, given up %v, left %d messages and %d of its entry", i, b.acked[i], b.declined[i], out, in))
		}
	}
	return wrong
}

// booked counts the messages of a queue.
func booked(t *testing.T, p *process, queue string) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := client(t, p.cs)
	defer c.Close(context.Background())
	queue, dead := strings.CutSuffix(queue, "/$Transfer/$DeadLetterQueue")
	o := &azservicebus.ReceiverOptions{}
	if dead {
		o.SubQueue = azservicebus.SubQueueTransfer
	}
	r, err := c.NewReceiverForQueue(queue, o)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for {
		msgs, err := r.PeekMessages(ctx, 100, nil)
		if err != nil {
			t.Fatalf("peek of %s: %v; log: %s", queue, err, p.log.String())
		}
		if len(msgs) == 0 {
			return there
		}
		for _, m := range msgs {
			if !strings.HasPrefix(m.MessageID, "in-") && !strings.HasPrefix(m.MessageID, "out-") {
				t.Errorf("message %q is in the queue", m.MessageID)
			}
			there[m.MessageID]++
		}
	}
}

// TestKillTransactions kills the process after each of its commits in turn, and at random
// times, while transactions settle a message and send others to the same queue. Each has
// happened whole or not at all, and that which was acknowledged has.
func TestKillTransactions(t *testing.T) { killBookkeepers(t, ledger) }

// TestKillTransfers is TestKillTransactions with messages to another queue, which go on from
// the transfer queue meanwhile: each is there once.
func TestKillTransfers(t *testing.T) { killBookkeepers(t, elsewhere) }

func killBookkeepers(t *testing.T, out string) {
	torture(t)
	commits := keepBooks(t, "without a kill", out, 0, 0)
	t.Logf("%d transactions take %d commits", entries, commits)
	for n := uint64(1); n <= commits && !t.Failed(); n++ {
		keepBooks(t, fmt.Sprintf("killed after commit %d", n), out, n, 0)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		if t.Failed() {
			return
		}
		after := time.Duration(1+r.IntN(600)) * time.Millisecond
		keepBooks(t, fmt.Sprintf("killed after %s", after), out, 0, after)
	}
}
