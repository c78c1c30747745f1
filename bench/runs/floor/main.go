// Command floor is the floor under the figures of "switchyard bench engine": the least that an
// engine has to do that makes steps durably. A step is made, its outcome is a record of a log,
// and the step behind it begins when the record is on the disk. Records that wait are written and
// synced together. It has no definitions, expressions, states or lists, and reads nothing. It is
// no product and no part of one.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/bench/runs"
	"switchyard/bench/workload"
	"switchyard/clock"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	dir := flag.String("dir", os.TempDir(), "the `directory` for its file, on the disk to measure")
	long := flag.Duration("for", 5*time.Second, "how long each workload is measured")
	device := flag.String("device", "", "the disk whose flushes are counted")
	flag.Parse()
	f, err := os.CreateTemp(*dir, "floor-")
	if err != nil {
		return err
	}
	defer os.Remove(filepath.Clean(f.Name()))
	defer f.Close()
	l := newLog(f)
	defer l.close()
	m := &runs.Measurement{Engine: l, For: *long, CPU: workload.Process(os.Getpid()).CPU, Device: workload.Device(*device),
		Clock: clock.Wall{}}
	for _, w := range runs.All {
		if flag.NArg() > 0 && !strings.Contains(" "+strings.Join(flag.Args(), " ")+" ", " "+w.Name+" ") {
			continue
		}
		figure, err := m.Run(context.Background(), w)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(figure); err != nil {
			return err
		}
	}
	return nil
}

// A log is an engine that is nothing but its log.
type log struct {
	file interface {
		Write([]byte) (int, error)
		Sync() error
	}
	made atomic.Int64
	wake chan struct{} // there may be something to write; closed when there won't be
	over chan struct{} // closed by write at its end

	mu   sync.Mutex
	next *batch // guarded by mu
}

// A batch is what one sync makes durable.
type batch struct {
	records []byte
	done    chan struct{}
	err     error // set before done is closed
}

func newLog(f *os.File) *log {
	l := &log{file: f, wake: make(chan struct{}, 1), over: make(chan struct{}), next: &batch{done: make(chan struct{})}}
	go l.write()
	return l
}

func (l *log) close() {
	close(l.wake)
	<-l.over
}

// Made implements [runs.Engine].
func (l *log) Made() int64 { return l.made.Load() }

// Run implements [runs.Engine].
func (l *log) Run(_ context.Context, w runs.Workload) error {
	if w.Batch == 0 {
		for range w.Steps {
			if err := l.step(); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make(chan error, w.Batch)
	var left atomic.Int64
	left.Store(int64(w.Steps))
	for range w.Batch {
		go func() {
			var err error
			for err == nil && left.Add(-1) >= 0 {
				err = l.step()
			}
			errs <- err
		}()
	}
	for range w.Batch {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// outcome is about the size of the events of a step in Switchyard's history.
var outcome = make([]byte, 128)

// step makes a step and waits until its outcome is durable.
func (l *log) step() error {
	l.made.Add(1)
	l.mu.Lock()
	b := l.next
	b.records = append(b.records, outcome...)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	<-b.done
	return b.err
}

func (l *log) write() {
	defer close(l.over)
	for range l.wake {
		l.mu.Lock()
		b := l.next
		l.next = &batch{done: make(chan struct{})}
		l.mu.Unlock()
		if len(b.records) > 0 {
			if _, b.err = l.file.Write(b.records); b.err == nil {
				b.err = l.file.Sync()
			}
		}
		close(b.done)
	}
}
