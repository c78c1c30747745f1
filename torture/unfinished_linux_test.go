package torture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/amqp/frames"
)

// A raw connection speaks AMQP in frames and keeps nothing of what it is told but how it ends.
type raw struct {
	net.Conn
	answers chan struct{} // one for each link that may send, or will be sent to, or was refused
	ended   chan struct{} // closed when nothing is read any more
	came    atomic.Int64  // bytes

	mu     sync.Mutex
	faults []string // what was ended for another reason than a limit; guarded by mu
	closed string   // how the server ended the connection; guarded by mu
}

// rawConn opens a connection and a session. With a key it logs in by SASL PLAIN. A slow
// one reads up to the answer of its first link and no further.
func (s *server) rawConn(key string, slow bool) (*raw, error) {
	c, err := net.DialTimeout("tcp", s.namespace().AMQP, 10*time.Second)
	if err != nil {
		return nil, err
	}
	r := &raw{Conn: c, answers: make(chan struct{}, 1000), ended: make(chan struct{})}
	s.t.Cleanup(func() { c.Close() })
	init := &frames.SASLInit{Mechanism: "ANONYMOUS"}
	if key != "" {
		init = &frames.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00RootManageSharedAccessKey\x00" + key)}
	}
	go r.listen(slow)
	io.WriteString(r, "AMQP\x03\x01\x00\x00")
	r.frame(frames.TypeSASL, 0, init)
	io.WriteString(r, "AMQP\x00\x01\x00\x00")
	r.frame(frames.TypeAMQP, 0, &frames.Open{ContainerID: "raw", MaxFrameSize: 65536, Hostname: frames.Some("attack-namespace.servicebus.windows.net")})
	return r, r.frame(frames.TypeAMQP, 0, &frames.Begin{IncomingWindow: 1 << 30, OutgoingWindow: 1 << 30, HandleMax: 1000})
}

// listen reads what comes: to learn which links may send, and how the connection ends.
func (r *raw) listen(slow bool) {
	defer close(r.ended)
	type link struct {
		channel uint16
		handle  uint32
	}
	may := map[link]bool{}
	for in := bufio.NewReader(r); ; {
		channel, body, err := r.next(in)
		if err != nil {
			return
		}
		switch b := body.(type) {
		case *frames.Attach:
			if b.Role == frames.RoleSender {
				r.answers <- struct{}{}
				if slow {
					return
				}
			}
		case *frames.Flow:
			if at := (link{channel, b.Handle.Value}); b.Handle.Set && b.LinkCredit.Value > 0 && !may[at] {
				may[at] = true
				r.answers <- struct{}{}
			}
		case *frames.Detach:
			r.fault(b.Error)
			if !may[link{channel, b.Handle}] {
				r.answers <- struct{}{}
			}
		case *frames.End:
			r.fault(b.Error)
		case *frames.Close:
			r.fault(b.Error)
			r.mu.Lock()
			r.closed = fmt.Sprint(b.Error)
			r.mu.Unlock()
			return // what is still written is thrown away, until the connection ends
		}
	}
}

// fault notes an end that is not the one an attack is about.
func (r *raw) fault(err *frames.Error) {
	if err == nil || err.Condition != frames.ErrResourceLimitExceeded {
		r.mu.Lock()
		r.faults = append(r.faults, fmt.Sprint(err))
		r.mu.Unlock()
	}
}

// next reads a frame; its body is nil if it is a protocol header or empty.
func (r *raw) next(in io.Reader) (channel uint16, body frames.Body, err error) {
	var head [frames.HeaderSize]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	if string(head[:4]) == "AMQP" {
		return 0, nil, nil
	}
	rest := make([]byte, binary.BigEndian.Uint32(head[:])-frames.HeaderSize)
	if _, err := io.ReadFull(in, rest); err != nil {
		return 0, nil, err
	}
	r.came.Add(int64(len(rest)))
	if len(rest) == 0 {
		return 0, nil, nil
	}
	body, _, err = frames.ParseBody(rest)
	return binary.BigEndian.Uint16(head[6:]), body, err
}

// answered waits until n links more are answered: a sender's by credit.
func (r *raw) answered(n int) error {
	late := time.After(time.Minute)
	for range n {
		select {
		case <-r.answers:
		case <-r.ended:
			return io.ErrUnexpectedEOF
		case <-late:
			return os.ErrDeadlineExceeded
		}
	}
	return nil
}

func (r *raw) frame(t frames.Type, channel uint16, body frames.Body, payload ...byte) error {
	b, mark := frames.BeginFrame(nil, t, channel)
	b, err := body.Append(b)
	if err != nil {
		return err
	}
	r.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, err = r.Write(frames.EndFrame(append(b, payload...), mark))
	return err
}

// attach attaches senders with the handles from 0 to n-1 and waits until they have credit.
func (r *raw) attach(channel uint16, n int, address string) error {
	for handle := range uint32(n) {
		err := r.frame(frames.TypeAMQP, channel, &frames.Attach{
			Name: fmt.Sprintf("l%d-%d", channel, handle), Handle: handle, Role: frames.RoleSender,
			InitialDeliveryCount: frames.Some(uint32(0)), Source: &frames.Source{},
			Target: &frames.Target{Address: frames.Some(address)},
		})
		if err != nil {
			return err
		}
	}
	return r.answered(n)
}

// send sends the content of a message on a link that has credit; more says that it goes on.
func (r *raw) send(channel uint16, handle uint32, content []byte, more bool) error {
	for len(content) > 0 {
		part := content[:min(len(content), 60_000)]
		content = content[len(part):]
		t := &frames.Transfer{Handle: handle, DeliveryID: frames.Some(handle), DeliveryTag: []byte("t"), More: more || len(content) > 0}
		if err := r.frame(frames.TypeAMQP, channel, t, part...); err != nil {
			return err
		}
	}
	return nil
}

// unfinished attaches n senders, and then begins a message of size bytes on each.
func (r *raw) unfinished(channel uint16, n int, address string, size int) error {
	if err := r.attach(channel, n, address); err != nil {
		return err
	}
	for handle := range uint32(n) {
		if err := r.send(channel, handle, make([]byte, size), true); err != nil {
			return err
		}
	}
	return nil
}

// receive attaches a receiver with handle 0 and gives it credit when it is answered.
func (r *raw) receive(address string, credit uint32) error {
	err := r.frame(frames.TypeAMQP, 0, &frames.Attach{Name: "r", Role: frames.RoleReceiver, Target: &frames.Target{},
		Source: &frames.Source{Address: frames.Some(address)}})
	if err == nil {
		err = r.answered(1)
	}
	if err != nil {
		return err
	}
	return r.frame(frames.TypeAMQP, 0, &frames.Flow{NextIncomingID: frames.Some(uint32(0)), IncomingWindow: 1 << 30,
		OutgoingWindow: 100, Handle: frames.Some(uint32(0)), DeliveryCount: frames.Some(uint32(0)), LinkCredit: frames.Some(credit)})
}

// TestAttackUnfinishedMessages: messages that are begun and never ended, and messages
// that are asked for and never read, or never settled, take little memory, end with words,
// and leave the others their rate.
func TestAttackUnfinishedMessages(t *testing.T) {
	torture(t)
	key := ""
	large := func(s *server) { // 1.5 GB in the queue large
		s.must("PUT", s.id(attackNamespace)+"/queues/large"+busVersion, `{"properties":{"maxSizeInMegabytes":5120}}`)
		c, err := azservicebus.NewClientFromConnectionString(s.namespace().ConnectionString, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		sender, err := c.NewSender("large", nil)
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 750 {
					sender.SendMessage(context.Background(), &azservicebus.Message{Body: bytes.Repeat([]byte("a"), 250_000)}, nil)
				}
			})
		}
		wait.Wait()
	}
	for _, attack := range []struct {
		name    string
		conns   int
		proven  bool
		begin   func(s *server, r *raw)
		closed  string // what some of them are told; "": nothing
		slow    bool   // they do not read
		prepare func(s *server)
		comes   int64 // MB at least
	}{
		{name: "without a token", conns: 1021, begin: func(_ *server, r *raw) {
			r.unfinished(0, 1, "$cbs", 975_000)
		}},
		{name: "without a token, a part of a frame", conns: 1021, begin: func(_ *server, r *raw) {
			b, mark := frames.BeginFrame(nil, frames.TypeAMQP, 0)
			r.Write(frames.EndFrame(append(b, make([]byte, 65_000)...), mark)[:64_000])
		}},
		{name: "with a token", conns: 24, proven: true, closed: "resource-limit-exceeded", begin: func(_ *server, r *raw) {
			r.unfinished(0, 250, "beside", 250_000)
		}},
		{name: "sessions and links", conns: 8, proven: true, closed: "resource-limit-exceeded", begin: func(_ *server, r *raw) {
			for channel := range uint16(2000) {
				if channel > 0 && r.frame(frames.TypeAMQP, channel, &frames.Begin{IncomingWindow: 100, OutgoingWindow: 100, HandleMax: 1000}) != nil {
					return
				}
				if r.unfinished(channel, 255, "beside", 1) != nil {
					return
				}
			}
		}},
		{name: "receivers that do not read", conns: 60, proven: true, slow: true, prepare: large, begin: func(_ *server, r *raw) { r.receive("large", 10_000) }},
		{name: "receivers that settle nothing", conns: 2, proven: true, prepare: large, comes: 1000, begin: func(_ *server, r *raw) {
			r.receive("large", 10_000)
			time.Sleep(20 * time.Second) // 1.5 GB come
		}},
	} {
		t.Run(attack.name, func(t *testing.T) {
			s := box{Memory: 2 << 30}.serve(t, t.TempDir())
			s.prepare()
			s.must("PUT", s.id(attackNamespace)+"/queues/beside"+busVersion, `{"properties":{"maxSizeInMegabytes":5120}}`)
			if attack.prepare != nil {
				attack.prepare(s)
			}
			key = ""
			if attack.proven {
				_, rest, _ := strings.Cut(s.namespace().ConnectionString, "SharedAccessKey=")
				key, _, _ = strings.Cut(rest, ";")
			}
			stop := s.beside(1000)
			var wait sync.WaitGroup
			conns := make(chan *raw, attack.conns)
			for range attack.conns {
				wait.Go(func() {
					r, err := s.rawConn(key, attack.slow)
					if err != nil {
						t.Logf("connect: %v", err)
						return
					}
					attack.begin(s, r)
					conns <- r
				})
			}
			wait.Wait()
			time.Sleep(3 * time.Second)
			if s.ended() {
				t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
			}
			told, came := 0, int64(0)
			for range len(conns) {
				r := <-conns
				came += r.came.Load()
				r.mu.Lock()
				if len(r.faults) > 0 {
					t.Errorf("the attack was stopped by its own fault: %q", firstOf(r.faults))
				}
				if attack.closed != "" && strings.Contains(r.closed, attack.closed) {
					told++
				}
				r.mu.Unlock()
			}
			peak := s.status("VmHWM")
			rate := stop()
			t.Logf("peak %d MB, %d of %d told %q, %d MB came, beside %v", peak>>10, told, attack.conns, attack.closed, came>>20, rate)
			if peak > 1200<<10 {
				t.Errorf("%d MB at most, want less than 1200", peak>>10)
			}
			if came>>20 < attack.comes {
				t.Errorf("%d MB came, want %d", came>>20, attack.comes)
			}
			if attack.closed != "" && told == 0 {
				t.Errorf("nobody was told %q", attack.closed)
			}
			for i, n := range rate[:len(rate)-1] {
				if n == 0 {
					t.Errorf("nothing was sent beside in second %d", i)
				}
			}
			s.terminate(25 * time.Second)
		})
	}
}

// message attaches a sender and sends a whole message of n bytes on it.
func (r *raw) message(address string, n int) error {
	if err := r.attach(0, 1, address); err != nil {
		return err
	}
	body := append([]byte{0x00, 0x53, 0x75, 0xb0}, binary.BigEndian.AppendUint32(nil, uint32(n))...)
	body = append(body, make([]byte, n)...)
	return r.send(0, 0, body, false)
}

// TestAttackFinishedMessages: large messages of many connections that are whole and wait
// for the disk take little memory, and get there.
func TestAttackFinishedMessages(t *testing.T) {
	torture(t)
	s := box{Memory: 2 << 30}.serve(t, t.TempDir())
	s.prepareFor("Premium")
	s.must("PUT", s.id(attackNamespace)+"/queues/large"+busVersion,
		`{"properties":{"maxSizeInMegabytes":81920,"maxMessageSizeInKilobytes":102400}}`)
	stop := s.beside(1000)
	_, rest, _ := strings.Cut(s.namespace().ConnectionString, "SharedAccessKey=")
	key, _, _ := strings.Cut(rest, ";")
	const conns, size = 60, 40 << 20
	turns, sent := make(chan struct{}, 2), atomic.Int64{} // two are begun at a time
	var wait sync.WaitGroup
	for range conns {
		wait.Go(func() {
			r, err := s.rawConn(key, false)
			if err != nil {
				t.Error(err)
				return
			}
			turns <- struct{}{}
			err = r.message("large", size)
			<-turns
			if err == nil {
				sent.Add(1)
			}
		})
	}
	wait.Wait()
	if s.ended() {
		t.Fatalf("%s: %s", s.cmd.ProcessState, s.tail())
	}
	stored := s.messages("large")
	for began := time.Now(); stored < conns && time.Since(began) < time.Minute && !s.ended(); stored = s.messages("large") {
		time.Sleep(100 * time.Millisecond)
	}
	rates := stop()
	peak := s.status("VmHWM") >> 10
	t.Logf("peak %d MB, %d of %d messages sent, %d stored in %d s, beside %v", peak, sent.Load(), conns, stored, len(rates), rates)
	if peak > 1200 {
		t.Errorf("%d MB at most, want less than 1200", peak)
	}
	if stored != conns {
		t.Errorf("%d of %d messages are stored", stored, conns)
	}
	s.terminate(25 * time.Second)
}
