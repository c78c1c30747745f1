package torture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/amqp/frames"
)

// A raw connection speaks AMQP in frames and keeps nothing of what it is told.
type raw struct {
	net.Conn
	closed string // how the server ended it; written before ended is closed
	ended  chan struct{}
}

// rawConn opens a connection and a session. With a key it logs in by SASL PLAIN.
func (s *server) rawConn(key string) (*raw, error) {
	c, err := net.DialTimeout("tcp", s.namespace().AMQP, 10*time.Second)
	if err != nil {
		return nil, err
	}
	r := &raw{Conn: c, ended: make(chan struct{})}
	s.t.Cleanup(func() { c.Close() })
	init := &frames.SASLInit{Mechanism: "ANONYMOUS"}
	if key != "" {
		init = &frames.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00RootManageSharedAccessKey\x00" + key)}
	}
	io.WriteString(r, "AMQP\x03\x01\x00\x00")
	r.frame(frames.TypeSASL, 0, init)
	io.WriteString(r, "AMQP\x00\x01\x00\x00")
	r.frame(frames.TypeAMQP, 0, &frames.Open{ContainerID: "raw", MaxFrameSize: 65536, Hostname: frames.Some("attack-namespace.servicebus.windows.net")})
	return r, r.frame(frames.TypeAMQP, 0, &frames.Begin{IncomingWindow: 1 << 30, OutgoingWindow: 1 << 30, HandleMax: 1000})
}

// listen reads what comes, to learn how the connection ends.
func (r *raw) listen() {
	go func() {
		defer close(r.ended)
		var tail []byte
		buf := make([]byte, 4096)
		for {
			n, err := r.Read(buf)
			tail = append(tail, buf[:n]...)
			tail = tail[max(0, len(tail)-2000):]
			if err != nil {
				r.closed = string(tail)
				return
			}
		}
	}()
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

// unfinished attaches a sender and begins a message of n bytes.
func (r *raw) unfinished(channel uint16, handle uint32, address string, n int) error {
	err := r.frame(frames.TypeAMQP, channel, &frames.Attach{
		Name: fmt.Sprintf("l%d-%d", channel, handle), Handle: handle, Role: frames.RoleSender,
		InitialDeliveryCount: frames.Some(uint32(0)), Source: &frames.Source{},
		Target: &frames.Target{Address: frames.Some(address)},
	})
	if err != nil {
		return err
	}
	for n > 0 {
		part := min(n, 60_000)
		t := &frames.Transfer{Handle: handle, DeliveryID: frames.Some(handle), DeliveryTag: []byte("t"), More: true}
		if err := r.frame(frames.TypeAMQP, channel, t, make([]byte, part)...); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

// receive attaches a receiver with handle 0 and gives it credit.
func (r *raw) receive(address string, credit uint32) {
	r.frame(frames.TypeAMQP, 0, &frames.Attach{Name: "r", Role: frames.RoleReceiver, Target: &frames.Target{},
		Source: &frames.Source{Address: frames.Some(address)}})
	r.frame(frames.TypeAMQP, 0, &frames.Flow{NextIncomingID: frames.Some(uint32(0)), IncomingWindow: 1 << 30,
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
	}{
		{name: "without a token", conns: 1021, begin: func(_ *server, r *raw) {
			r.unfinished(0, 0, "$cbs", 975_000)
		}},
		{name: "without a token, a part of a frame", conns: 1021, begin: func(_ *server, r *raw) {
			b, mark := frames.BeginFrame(nil, frames.TypeAMQP, 0)
			r.Write(frames.EndFrame(append(b, make([]byte, 65_000)...), mark)[:64_000])
		}},
		{name: "with a token", conns: 24, proven: true, closed: "resource-limit-exceeded", begin: func(_ *server, r *raw) {
			for handle := range uint32(250) {
				if r.unfinished(0, handle, "beside", 250_000) != nil {
					return
				}
			}
		}},
		{name: "sessions and links", conns: 8, proven: true, closed: "resource-limit-exceeded", begin: func(_ *server, r *raw) {
			for channel := range uint16(2000) {
				if channel > 0 && r.frame(frames.TypeAMQP, channel, &frames.Begin{IncomingWindow: 100, OutgoingWindow: 100, HandleMax: 1000}) != nil {
					return
				}
				for handle := range uint32(255) {
					if r.unfinished(channel, handle, "beside", 1) != nil {
						return
					}
				}
			}
		}},
		{name: "receivers that do not read", conns: 60, proven: true, slow: true, prepare: large, begin: func(_ *server, r *raw) { r.receive("large", 10_000) }},
		{name: "receivers that settle nothing", conns: 2, proven: true, prepare: large, begin: func(_ *server, r *raw) {
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
					r, err := s.rawConn(key)
					if err != nil {
						t.Logf("connect: %v", err)
						return
					}
					if !attack.slow {
						r.listen()
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
			told := 0
			for range len(conns) {
				r := <-conns
				select {
				case <-r.ended:
					if attack.closed != "" && strings.Contains(r.closed, attack.closed) {
						told++
					}
				default:
				}
			}
			peak := s.status("VmHWM")
			rate := stop()
			t.Logf("peak %d MB, %d of %d told %q, beside %v", peak>>10, told, attack.conns, attack.closed, rate)
			if peak > 1200<<10 {
				t.Errorf("%d MB at most, want less than 1200", peak>>10)
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
	if err := r.unfinished(0, 0, address, 0); err != nil {
		return err
	}
	body := append([]byte{0x00, 0x53, 0x75, 0xb0}, binary.BigEndian.AppendUint32(nil, uint32(n))...)
	body = append(body, make([]byte, n)...)
	for len(body) > 0 {
		part := body[:min(len(body), 60_000)]
		body = body[len(part):]
		t := &frames.Transfer{Handle: 0, DeliveryID: frames.Some(uint32(0)), DeliveryTag: []byte("t"), More: len(body) > 0}
		if err := r.frame(frames.TypeAMQP, 0, t, part...); err != nil {
			return err
		}
	}
	return nil
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
			r, err := s.rawConn(key)
			if err != nil {
				t.Error(err)
				return
			}
			r.listen()
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
