package torture

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// beside sends messages to the queue beside an attack until stop is called, which
// returns how many were accepted in each second.
func (s *server) beside(size int) (stop func() []int) {
	s.t.Helper()
	c, err := azservicebus.NewClientFromConnectionString(s.namespace().ConnectionString, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	sender, err := c.NewSender("beside", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := sender.SendMessage(ctx, &azservicebus.Message{Body: []byte("first")}, nil); err != nil {
		s.t.Fatal(err)
	}
	var perSecond []int
	var wait sync.WaitGroup
	wait.Go(func() {
		for began := time.Now(); ctx.Err() == nil; {
			err := sender.SendMessage(ctx, &azservicebus.Message{Body: bytes.Repeat([]byte("a"), size)}, nil)
			for int(time.Since(began).Seconds()) >= len(perSecond) {
				perSecond = append(perSecond, 0)
			}
			if err == nil {
				perSecond[len(perSecond)-1]++
			} else if ctx.Err() == nil {
				s.t.Errorf("beside: %v", err)
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	})
	return func() []int {
		cancel()
		wait.Wait()
		c.Close(context.Background())
		return perSecond
	}
}

// namespace is the attacked namespace.
func (s *server) namespace() (cs struct{ ConnectionString, AMQP string }) {
	s.t.Helper()
	for _, n := range s.Namespaces {
		if n.Name == "attack-namespace" {
			cs.ConnectionString = n.ConnectionString
			_, rest, _ := strings.Cut(n.ConnectionString, "sb://")
			cs.AMQP, _, _ = strings.Cut(strings.TrimSuffix(rest, "/"), ";")
			cs.AMQP = strings.TrimSuffix(cs.AMQP, "/")
			return cs
		}
	}
	s.t.Fatal("there is no attacked namespace")
	return cs
}

// crowd keeps n connections open, each with the bytes of first written to it, and
// opens another for each that is closed, until stop is called. With answer it reads
// what comes.
func crowd(address string, n int, first string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			for ctx.Err() == nil {
				c, err := net.DialTimeout("tcp", address, 5*time.Second)
				if err == nil {
					end := context.AfterFunc(ctx, func() { c.Close() })
					io.WriteString(c, first)
					io.Copy(io.Discard, c)
					end()
					c.Close()
				}
				select {
				case <-ctx.Done():
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	return func() {
		cancel()
		wait.Wait()
	}
}

// TestAttackDescriptors: idle connections, more than there are descriptors, neither
// keep others out nor take from the store what it needs.
func TestAttackDescriptors(t *testing.T) {
	torture(t)
	dir := t.TempDir()
	s := box{Files: 256}.serve(t, dir)
	s.prepare()
	s.must("PUT", s.id(attackNamespace)+"/queues/beside"+busVersion, `{"properties":{"maxSizeInMegabytes":5120}}`)
	sent, seconds := 0, 0
	for round := range 10 {
		stopBeside := s.beside(60_000)
		first := []string{"", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "AMQP\x03\x01\x00\x00", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"}[round%4]
		stopCrowd := crowd(s.namespace().AMQP, 400, first)
		time.Sleep(2 * time.Second)
		late, err := azservicebus.NewClientFromConnectionString(s.namespace().ConnectionString, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		sender, err := late.NewSender("beside", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := sender.SendMessage(ctx, &azservicebus.Message{Body: []byte("late")}, nil); err != nil {
			t.Errorf("round %d: a client that comes during the attack: %v", round, err)
		}
		cancel()
		late.Close(context.Background())
		time.Sleep(2 * time.Second)
		if s.ended() {
			t.Fatalf("round %d: %s: %s", round, s.cmd.ProcessState, s.tail())
		}
		most := s.descriptors()
		stopCrowd()
		rate := stopBeside()
		for i, n := range rate[:len(rate)-1] {
			sent, seconds = sent+n, seconds+1
			if n == 0 {
				t.Errorf("round %d: nothing was sent in second %d: %v", round, i, rate)
			}
		}
		if most > 250 {
			t.Errorf("round %d: %d descriptors of 256 are open", round, most)
		}
	}
	if n := strings.Count(s.logs.String(), "\n"); n > 60 {
		t.Errorf("%d lines of log", n)
	}
	t.Logf("%d messages of 60 kB in %d s beside 400 connections with 256 descriptors", sent, seconds)
	s.terminate(25 * time.Second)
}

// TestAttackKeepAlive: 2,000 idle HTTP connections and 200 that send a byte a second
// leave the resource manager and the queues to the others, and end by themselves.
func TestAttackKeepAlive(t *testing.T) {
	torture(t)
	s := box{Memory: 1 << 30}.serve(t, t.TempDir())
	s.prepare()
	address := strings.TrimPrefix(s.HTTP, "http://")
	var open []net.Conn
	dial := func(text string) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		io.WriteString(c, text)
		open = append(open, c)
	}
	for range 2000 {
		dial("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	for range 200 {
		dial("POST /common/oauth2/v2.0/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n")
		go func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "a"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}(open[len(open)-1])
	}
	stop := s.beside(1000)
	kept := s.status("VmRSS")
	for began := time.Now(); time.Since(began) < 35*time.Second; time.Sleep(time.Second) {
		if status, text := s.call(2*time.Second, http.MethodGet, "/health", ""); status != 200 {
			t.Errorf("health: %d %s", status, text)
		}
	}
	late := 0
	for _, c := range open[2000:] {
		c.SetReadDeadline(time.Now().Add(time.Second))
		b, _ := io.ReadAll(c)
		if bytes.HasPrefix(b, []byte("HTTP/1.1 408")) {
			late++
		}
	}
	if late != 200 {
		t.Errorf("%d of 200 slow bodies were told that they are", late)
	}
	for i, n := range stop() {
		if n == 0 && i < 34 {
			t.Errorf("nothing was sent in second %d", i)
		}
	}
	time.Sleep(90 * time.Second)
	if n := s.descriptors(); n > 200 {
		t.Errorf("%d descriptors are open after two minutes", n)
	}
	t.Logf("with 2,200 connections: %d kB resident", kept)
}
