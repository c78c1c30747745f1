package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkStart is the time from starting the program on an existing data
// directory, which holds 2,000 messages and a factory, to the answer that the
// first AMQP connection gets.
func BenchmarkStart(b *testing.B) {
	const starts = 20
	program, data := binary(b), filepath.Join(b.TempDir(), "data")
	files := folder(b, map[string]string{"Config.json": queueConfig, "pipeline/P.json": nothing})
	p := serve(b, program, data, files)
	fill(b, p, 2000)
	p.stop()
	var took time.Duration
	for b.Loop() {
		for range starts {
			began := time.Now()
			p := serve(b, program, data, files)
			p.greet()
			took += time.Since(began)
			p.stop()
		}
	}
	b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N*starts), "ms/start")
}

// BenchmarkIdle is the resident memory of a Switchyard two seconds after it was
// started on an empty directory.
func BenchmarkIdle(b *testing.B) {
	p := serve(b, binary(b), filepath.Join(b.TempDir(), "data"), "")
	for b.Loop() {
		time.Sleep(2 * time.Second)
	}
	b.ReportMetric(p.resident(), "MB")
	p.stop()
}

// resident returns VmRSS of the process in MB of 1024 KB. Only Linux tells it.
func (p *process) resident() float64 {
	p.b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	check(p.b, err)
	for line := range bytes.Lines(status) {
		if text, ok := strings.CutPrefix(string(line), "VmRSS:"); ok {
			var kilobytes float64
			_, err := fmt.Sscanf(text, "%f kB", &kilobytes)
			check(p.b, err)
			return kilobytes / 1024
		}
	}
	p.b.Fatal("VmRSS is not in the status of the process")
	return 0
}
