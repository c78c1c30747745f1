package workload_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"switchyard/amqp"
	"switchyard/amqp/amqpnet"
	"switchyard/amqp/frames"
	"switchyard/bench/workload"
	"switchyard/clock"
)

// A server has one queue for all its connections, and a fault.
type server struct {
	// keep is asked for each message that is accepted, by number from 0, and says what
	// stands in the queue for it. Nil: the message.
	keep func(n int, payload []byte) [][]byte
	// outcome is what a message is answered with; nil: accepted. Deaf answers none.
	outcome frames.State
	deaf    bool

	mu      sync.Mutex
	n       int                    // guarded by mu: messages accepted
	waiting [][]byte               // guarded by mu
	readers map[*amqpnet.Conn]bool // guarded by mu
	settled int                    // guarded by mu: deliveries accepted by consumers
}

// A side is what one connection has.
type side struct {
	receivers []*amqp.Link
	tags      byte
}

func (s *server) Handle(c *amqpnet.Conn, ev amqp.Event) {
	if c.Data == nil {
		c.Data = &side{}
	}
	side := c.Data.(*side)
	switch ev := ev.(type) {
	case amqp.Attached:
		if ev.Link.Role() == amqp.RoleReceiver {
			ev.Link.Accept(amqp.AcceptOptions{Credit: 100})
			return
		}
		ev.Link.Accept(amqp.AcceptOptions{})
		side.receivers = append(side.receivers, ev.Link)
		s.mu.Lock()
		s.readers[c] = true
		s.mu.Unlock()
	case amqp.Delivered:
		s.delivered(ev)
	case amqp.Flowed:
		s.deliver(c)
		if ev.Drain {
			ev.Link.Drained()
		}
	case amqp.Settled:
		s.mu.Lock()
		s.settled += len(ev.Deliveries)
		s.mu.Unlock()
		for _, d := range ev.Deliveries {
			d.Settle(ev.State)
		}
	case amqp.Detached:
		side.receivers = nil
	}
}

func (s *server) delivered(ev amqp.Delivered) {
	ev.Link.AddCredit(1)
	switch {
	case s.deaf:
		return
	case s.outcome != nil:
		ev.Delivery.Settle(s.outcome)
		return
	}
	s.mu.Lock()
	kept := [][]byte{ev.Delivery.Payload}
	if s.keep != nil {
		kept = s.keep(s.n, ev.Delivery.Payload)
	}
	s.n++
	s.waiting = append(s.waiting, kept...)
	readers := slices.Collect(maps.Keys(s.readers))
	s.mu.Unlock()
	ev.Delivery.Settle(frames.Accepted{})
	for _, c := range readers {
		go c.Post(func() { s.deliver(c) })
	}
}

// deliver sends what waits to the receivers of a connection.
func (s *server) deliver(c *amqpnet.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	side := c.Data.(*side)
	for _, l := range side.receivers {
		for len(s.waiting) > 0 && l.Credit() > 0 {
			side.tags++
			if err := l.Send(&amqp.Outgoing{Tag: []byte{side.tags}, Payload: [][]byte{s.waiting[0]}}); err != nil {
				panic(err)
			}
			s.waiting = s.waiting[1:]
		}
	}
}

func (s *server) Flush(*amqpnet.Conn) {}

func (s *server) Stop(*amqpnet.Conn) {}

func (s *server) Gone(c *amqpnet.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readers, c)
}

// serve starts the server and returns its endpoint.
func (s *server) serve(t *testing.T) workload.Endpoint {
	t.Helper()
	s.readers = map[*amqpnet.Conn]bool{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { amqpnet.Serve(ctx, nc, s, amqpnet.Options{Clock: clock.Wall{}, CloseTimeout: time.Second}) })
		}
	})
	t.Cleanup(func() { ln.Close(); cancel(); wg.Wait() })
	e, err := workload.ParseEndpoint("amqp://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// measure runs a workload against the server.
func (s *server) measure(t *testing.T, w workload.Workload, second bool) ([]workload.Figure, error) {
	t.Helper()
	m := &workload.Measurement{Endpoint: s.serve(t), Address: "q", Second: second, Stall: 250 * time.Millisecond, Empty: 100 * time.Millisecond, Clock: clock.Wall{}}
	var figures []workload.Figure
	err := m.Run(t.Context(), w, func(f workload.Figure) { figures = append(figures, f) })
	return figures, err
}

var small = workload.Workload{Name: "small", Size: 100, Messages: 1000, Consumers: 1}

func TestEveryMessageComesBack(t *testing.T) {
	atOnce := workload.Workload{Name: "both", Size: 100, Messages: 1001, Consumers: 4, AtOnce: true}
	for _, tt := range []struct {
		w      workload.Workload
		second bool
		phases []string
	}{
		{small, false, []string{"sends", "drain"}},
		{small, true, []string{"sends", "drain"}},
		{atOnce, false, []string{"both"}},
		{atOnce, true, []string{"both"}},
		{workload.Workload{Name: "few", Size: 64 << 10, Messages: 3, Consumers: 1}, false, []string{"sends", "drain"}},
	} {
		s := &server{}
		figures, err := s.measure(t, tt.w, tt.second)
		if err != nil {
			t.Fatalf("%s, second %t: %v", tt.w.Name, tt.second, err)
		}
		if s.n != tt.w.Messages || s.settled != tt.w.Messages {
			t.Errorf("%s: the server accepted %d messages and %d were settled, want %d of each", tt.w.Name, s.n, s.settled, tt.w.Messages)
		}
		for i, f := range figures {
			if f.Phase != tt.phases[i] || f.Messages != tt.w.Messages || f.PerSecond <= 0 || f.Seconds <= 0 {
				t.Errorf("%s: figure %d is %+v, want one of phase %s", tt.w.Name, i, f, tt.phases[i])
			}
			if want := f.PerSecond * float64(tt.w.Size) / 1e6; f.Megabytes < want*0.999 || f.Megabytes > want*1.001 {
				t.Errorf("%s: %g MB/s, want %g", tt.w.Name, f.Megabytes, want)
			}
		}
		if len(figures) != len(tt.phases) {
			t.Errorf("%s: %d figures, want those of %v", tt.w.Name, len(figures), tt.phases)
		}
	}
}

// TestFaults: what a server must not do with messages has a name.
func TestFaults(t *testing.T) {
	var held []byte
	at := func(n int, f func([]byte) [][]byte) func(int, []byte) [][]byte {
		return func(i int, payload []byte) [][]byte {
			if i == n {
				return f(payload)
			}
			return [][]byte{payload}
		}
	}
	changed := func(i int) func([]byte) [][]byte {
		return func(p []byte) [][]byte {
			p[len(p)-i] ^= 1
			return [][]byte{p}
		}
	}
	for _, tt := range []struct {
		name, kind string
		keep       func(n int, payload []byte) [][]byte
	}{
		{"the first is dropped", workload.Lost, at(0, func([]byte) [][]byte { return nil })},
		{"the last is dropped", workload.Lost, at(small.Messages-1, func([]byte) [][]byte { return nil })},
		{"one is doubled", workload.Duplicated, at(500, func(p []byte) [][]byte { return [][]byte{p, p} })},
		{"the last is doubled", workload.Duplicated, at(small.Messages-1, func(p []byte) [][]byte { return [][]byte{p, p} })},
		{"a bit of the filling is changed", workload.Damaged, at(7, changed(1))},
		{"a bit of the number is changed", workload.Damaged, at(7, changed(small.Size-20))},
		{"one comes late", workload.Disordered, func(n int, p []byte) [][]byte {
			switch n {
			case 0:
				held = p
				return nil
			case 900:
				return [][]byte{p, held}
			}
			return [][]byte{p}
		}},
	} {
		for _, w := range []workload.Workload{small, {Name: "both", Size: small.Size, Messages: small.Messages, Consumers: 1, AtOnce: true}} {
			_, err := (&server{keep: tt.keep}).measure(t, w, false)
			f, ok := errors.AsType[*workload.Fault](err)
			if !ok || f.Kind != tt.kind {
				t.Errorf("%s, %s: %v, want %s", tt.name, w.Name, err, tt.kind)
			}
		}
	}
}

func TestServersThatRefuse(t *testing.T) {
	for _, tt := range []struct {
		s    *server
		want string
	}{
		{&server{outcome: frames.Rejected{Error: &frames.Error{Condition: "test:full", Description: "no room"}}},
			"small, sends: the server rejected a message: *Error{Condition: test:full, Description: no room, Info: map[]}"},
		{&server{outcome: frames.Released{}}, "small, sends: the server did not accept a message: it answered *encoding.StateReleased"},
		{&server{deaf: true}, "small, sends: the server did nothing for 250ms"},
	} {
		figures, err := tt.s.measure(t, small, false)
		if err == nil || err.Error() != tt.want || len(figures) > 0 {
			t.Errorf("%v with %d figures, want %s", err, len(figures), tt.want)
		}
	}
}

// TestSweep: what a measurement has left is removed, what others have sent is not touched.
func TestSweep(t *testing.T) {
	s := &server{keep: func(n int, p []byte) [][]byte {
		if n == small.Messages-1 {
			return nil
		}
		return [][]byte{p, p}
	}}
	m := &workload.Measurement{Endpoint: s.serve(t), Address: "q", Stall: 250 * time.Millisecond, Empty: 100 * time.Millisecond, Clock: clock.Wall{}}
	ignore := func(workload.Figure) {}
	if err := m.Run(t.Context(), small, ignore); err == nil {
		t.Fatal("the faulty server was measured")
	}
	s.mu.Lock()
	s.keep = nil
	s.mu.Unlock()
	if err := m.Run(t.Context(), small, ignore); err != nil {
		t.Errorf("after a failed measurement: %v", err)
	}
	s.mu.Lock()
	s.waiting = [][]byte{{0x00, 0x53, 0x75, 0xa0, 2, 'h', 'i'}}
	s.mu.Unlock()
	want := "q has messages of others, which are left there: measure with a queue of its own"
	if err := m.Run(t.Context(), small, ignore); err == nil || err.Error() != want {
		t.Errorf("with a message of others: %v, want %s", err, want)
	}
	if s.n != 3*small.Messages-small.Messages {
		t.Errorf("the server was sent %d messages, want none with those of others", s.n)
	}
}

func TestParseEndpoint(t *testing.T) {
	for _, tt := range []struct{ in, want, err string }{
		{"amqp://127.0.0.1", "amqp://127.0.0.1", ""},
		{"amqps://me:secret%2F@[::1]:5671/", "amqps://[::1]:5671", ""},
		{"Endpoint=sb://localhost:5672;SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true", "amqp://localhost:5672", ""},
		{"Endpoint=sb://ns.example.com;SharedAccessKeyName=k;SharedAccessKey=s", "amqps://ns.example.com", ""},
		{"http://127.0.0.1", "", `its scheme "http" is neither amqp nor amqps, and it is no connection string`},
		{"127.0.0.1:5672", "", "it is not a URL; what a user or password has of / ? # [ ] @ : % is written as %2F and so on"},
		{"amqp://me:secret/@host", "", "it is not a URL; what a user or password has of / ? # [ ] @ : % is written as %2F and so on"},
		{"amqp://host/queue", "", "it must be amqp://[user:password@]host[:port]"},
		{"Endpoint=sb://h;SharedAccessSignature=secret", "", "a SharedAccessSignature can't log in by SASL PLAIN: name a key"},
	} {
		e, err := workload.ParseEndpoint(tt.in)
		if got := e.String(); got != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: %q, %v; want %q, %s", tt.in, got, err, tt.want, tt.err)
		}
	}
}
