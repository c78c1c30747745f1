package torture

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAttackFullUnderLoad takes the last byte of the disk from the program under the whole
// load, again and again, and kills it there every second time. Whatever was acknowledged,
// before, meanwhile or after, comes out once.
func TestAttackFullUnderLoad(t *testing.T) {
	torture(t)
	disk := tmpfs(t, 700<<20)
	dir, other := filepath.Join(disk, "data"), filepath.Join(disk, "other")
	arguments := append([]string{"--min-free", "256MiB"}, loadArguments...)
	s := box{}.serve(t, dir, arguments...)
	equip(s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := newLoad(t, ctx, s)
	l.start()
	unhealthy := 0
	const rounds = 8
	for round := range rounds {
		time.Sleep(time.Duration(1000+rand.IntN(1500)) * time.Millisecond)
		for began := time.Now(); time.Since(began) < 4*time.Second; time.Sleep(100 * time.Millisecond) {
			fill(t, other, 0) // and what is deleted, and the ballast, meanwhile
		}
		if code, _ := s.call(5*time.Second, "GET", "/health", ""); code == 503 {
			unhealthy++
		}
		if s.ended() {
			t.Fatalf("round %d: the process has ended: %s", round, s.tail())
		}
		killed := round%2 == 1
		if killed {
			s.kill()
			l.replace(nil)
		}
		if err := os.Remove(other); err != nil {
			t.Fatal(err)
		}
		if killed {
			s = box{}.serve(t, dir, arguments...)
			l.replace(s)
		}
		s.healthy(20 * time.Second)
	}
	cancel()
	l.wg.Wait()
	if unhealthy < rounds/2 {
		t.Errorf("the disk was full %d times, and the program unhealthy %d times", rounds, unhealthy)
	}
	l.settle(s, 3*time.Minute)
	t.Logf("%d times full, %d kills; %s", rounds, rounds/2, l)
	s.terminate(30 * time.Second)
}

// healthy waits until the program says that it is.
func (s *server) healthy(limit time.Duration) {
	s.t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		code, text := s.call(5*time.Second, "GET", "/health", "")
		if code == 200 {
			return
		}
		if time.Since(began) > limit {
			s.t.Fatalf("not healthy after %s: %d %s; log: %s", limit, code, text, s.tail())
		}
	}
}
