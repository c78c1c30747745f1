package killtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A service is what the runs call.
type service struct {
	t   *testing.T
	url string
	due chan struct{} // has one for each kill that is due

	mu      sync.Mutex
	points  []int               // numbers of first calls at which it is killed; guarded by mu
	dead    chan struct{}       // closed when the process that lives has ended; guarded by mu
	process int                 // its number; guarded by mu
	calls   map[string][]int    // by the id of an attempt: which processes have called; guarded by mu
	counts  map[string]int      // of an attempt's first call among those of its path; guarded by mu
	paths   map[string][]string // the attempts of a path; guarded by mu
	bodies  map[string]string   // of reports, by name; guarded by mu
}

// processKey is where a connection has the number of the process that made it.
type processKey struct{}

func newService(t *testing.T, points []int) *service {
	s := &service{t: t, due: make(chan struct{}, len(points)), points: points, dead: make(chan struct{}), calls: map[string][]int{},
		counts: map[string]int{}, paths: map[string][]string{}, bodies: map[string]string{}}
	server := httptest.NewUnstartedServer(s)
	// A request may be handled when its process has ended. But connections are accepted in
	// their order, see next.
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		s.mu.Lock()
		defer s.mu.Unlock()
		return context.WithValue(ctx, processKey{}, s.process)
	}
	server.Start()
	t.Cleanup(server.Close)
	s.url = server.URL + "/"
	return s
}

// next says that the process has ended and another one is going to be started.
func (s *service) next() {
	s.mu.Lock()
	close(s.dead)
	s.dead = make(chan struct{})
	s.mu.Unlock()
	// All connections of the process were accepted when this one is.
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(s.url + "next")
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process++
}

// attempts is how many have called.
func (s *service) attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/next" {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // its process has been killed
	}
	count, wait := s.count(r, string(body))
	if wait != nil {
		select {
		case <-wait:
		case <-r.Context().Done():
		}
		return
	}
	number, _ := strconv.Atoi(path.Base(r.URL.Path)) // 0 of those that have none
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"number":%d,"count":%d}`, number, count)
}

// count notes a call and returns the number of its attempt among those of its path, and what
// to wait for if the process is killed before the answer.
func (s *service) count(r *http.Request, body string) (count int, wait <-chan struct{}) {
	id, where := r.Header.Get("x-ms-client-request-id"), strings.Trim(r.URL.Path, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[id] = append(s.calls[id], r.Context().Value(processKey{}).(int))
	if name, ok := strings.CutPrefix(where, "report/"); ok {
		s.bodies[name] = body
	}
	if s.counts[id] == 0 {
		s.paths[where] = append(s.paths[where], id)
		s.counts[id] = len(s.paths[where])
		if len(s.points) > 0 && len(s.counts) >= s.points[0] {
			s.points = s.points[1:]
			s.due <- struct{}{}
			if len(s.points)%2 == 0 { // every second kill is before the answer
				wait = s.dead
			}
		}
	}
	return s.counts[id], wait
}
