package workload_test

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"switchyard/bench/workload"
	"switchyard/clock"
)

// TestServerIsMeasured: with the process of the server, each figure has its processor time and
// memory, and that of what waits has what the memory has grown by.
func TestServerIsMeasured(t *testing.T) {
	s := &server{}
	m := &workload.Measurement{
		Endpoint: s.serve(t), Address: "q", Server: workload.Process(os.Getpid()), Client: workload.Process(os.Getpid()),
		Stall: 250 * time.Millisecond, Empty: 50 * time.Millisecond, Clock: clock.Wall{},
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory() // what other tests have left would be used again
	w := workload.Workload{Name: "waiting", Size: 64 << 10, Messages: 500, Consumers: 1, Waiting: true}
	var figures []workload.Figure
	if err := m.Run(t.Context(), w, func(f workload.Figure) { figures = append(figures, f) }); err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		switch {
		case f.ServerCPU == nil || f.ClientCPU == nil || *f.ServerCPU < 0:
			t.Errorf("%s: processor time of the server %v, of the client %v", f.Phase, f.ServerCPU, f.ClientCPU)
		case f.Memory == nil || *f.Memory < 1<<20:
			t.Errorf("%s: memory %v", f.Phase, f.Memory)
		case (f.OverIdle != nil) != (f.Phase == "sends"):
			t.Errorf("%s: memory over idle %v", f.Phase, f.OverIdle)
		case f.OverIdle != nil && *f.OverIdle < 16<<20: // 31 MiB wait in this process
			t.Errorf("%s: memory over idle %d", f.Phase, *f.OverIdle)
		}
	}
	if len(figures) != 2 {
		t.Errorf("%d figures, want 2", len(figures))
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, tt := range []struct {
		m    workload.Measurement
		want string
	}{
		{workload.Measurement{Server: 1 << 30}, "the server's process: "},
		{workload.Measurement{Device: "none"}, `/proc/diskstats counts no flushes of "none"`},
	} {
		if err := tt.m.Check(); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}
