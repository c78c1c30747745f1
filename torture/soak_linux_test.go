package torture

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A sample is what the process uses at one time.
type sample struct {
	at                  time.Duration
	resident, disk      int64 // kB
	descriptors, thread int64
}

func (s *server) sample(began time.Time) sample {
	return sample{at: time.Since(began), resident: s.status("VmRSS"), disk: diskUse(s.dir) >> 10,
		descriptors: int64(s.descriptors()), thread: s.status("Threads")}
}

// diskUse is what the files of a directory occupy, in bytes.
func diskUse(dir string) (sum int64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // deleted meanwhile
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				sum += st.Blocks * 512
			}
		}
		return nil
	})
	return sum
}

func median(samples []sample, of func(sample) int64) int64 {
	var all []int64
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// TestSoak puts the load on the program for SWITCHYARD_SOAK (a duration, 2 minutes
// unless set) and looks whether it uses more in the last third than in the second: the
// first is for warming up.
func TestSoak(t *testing.T) {
	torture(t)
	duration := 2 * time.Minute
	if s := os.Getenv("SWITCHYARD_SOAK"); s != "" {
		var err error
		if duration, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	s := box{Memory: 2 << 30, Files: 1024}.serve(t, dataDir(t), append(loadArguments, soakArguments...)...)
	equip(s)
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	l := newLoad(t, ctx, s)
	began := time.Now()
	l.start()
	var samples []sample
	every := max(duration/90, time.Second)
	for sleep(ctx, every) == nil && !s.ended() {
		samples = append(samples, s.sample(began))
	}
	l.wg.Wait()
	if s.ended() {
		t.Fatalf("the process has ended: %s", s.tail())
	}
	for i, x := range samples {
		if i%(max(len(samples)/15, 1)) == 0 {
			t.Logf("%6.0f s  %7d kB resident  %8d kB on disk  %4d descriptors  %3d threads", x.at.Seconds(), x.resident, x.disk, x.descriptors, x.thread)
		}
	}
	t.Log(l)
	n := len(samples) / 3
	for _, x := range []struct {
		name  string
		of    func(sample) int64
		slack int64
	}{
		{"resident kB", func(s sample) int64 { return s.resident }, 32 << 10},
		{"kB on disk", func(s sample) int64 { return s.disk }, 64 << 10},
		{"descriptors", func(s sample) int64 { return s.descriptors }, 20},
		{"threads", func(s sample) int64 { return s.thread }, 8},
	} {
		before, after := median(samples[n:2*n], x.of), median(samples[2*n:], x.of)
		t.Logf("%s: %d in the second third, %d in the last", x.name, before, after)
		if after > before+before/5+x.slack {
			t.Errorf("%s grew from %d to %d", x.name, before, after)
		}
	}
	l.settle(s, 2*time.Minute)
	if n := s.goroutines(); n > 150 {
		t.Errorf("%d goroutines after the load, want those of an idle process", n)
	} else {
		t.Logf("%d goroutines after the load", n)
	}
}

// soakArguments keep the history small, so that its end is reached in a short soak.
var soakArguments = []string{"--history-size", "8MiB"}

// goroutines ends the process with SIGQUIT and counts the goroutines that it then lists.
func (s *server) goroutines() int {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		s.t.Fatal("SIGQUIT did not end the process")
	}
	return strings.Count(s.logs.String(), "\ngoroutine ")
}

// TestKillUnderLoad kills the program with signal 9 under the whole load,
// SWITCHYARD_KILLS times (30 unless set), on one data directory. Whatever was acknowledged
// must come out once.
func TestKillUnderLoad(t *testing.T) {
	torture(t)
	kills := 30
	if s := os.Getenv("SWITCHYARD_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	dir := dataDir(t)
	s := box{}.serve(t, dir, loadArguments...)
	equip(s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := newLoad(t, ctx, s)
	l.start()
	for n := range kills {
		time.Sleep(time.Duration(300+rand.IntN(2500)) * time.Millisecond)
		if s.ended() {
			t.Fatalf("the process ended by itself before kill %d: %s", n+1, s.tail())
		}
		s.kill()
		l.replace(nil)
		s = box{}.serve(t, dir, loadArguments...)
		l.replace(s)
	}
	cancel()
	l.wg.Wait()
	l.settle(s, 3*time.Minute)
	t.Log(fmt.Sprint(kills, " kills; ", l))
	s.terminate(30 * time.Second)
}
