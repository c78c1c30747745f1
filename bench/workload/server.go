package workload

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A Process is the id of a process of this machine, as Linux shows it in /proc.
type Process int

// tick is the unit of times in /proc/PID/stat, the same on every Linux.
const tick = 10 * time.Millisecond

// CPU is the processor time that all its threads have had.
func (p Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if err != nil {
		return 0, err
	}
	// The second field is the name, in parentheses, and may hold anything: count behind it.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", p, len(fields))
	}
	sum := int64(0)
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", p, err)
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// memory is what of it is resident, in bytes.
func (p Process) memory() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			if fields := bytes.Fields(rest); len(fields) == 2 {
				n, err := strconv.ParseInt(string(fields[0]), 10, 64)
				return n << 10, err
			}
		}
	}
	return 0, fmt.Errorf("process %d has no memory: it has ended", p)
}

// A Device is the name of a block device as in /proc/diskstats.
type Device string

// Flushes is how often its cache has been flushed. The kernel counts them for whole disks,
// not for partitions, since 5.5.
func (d Device) Flushes() (int64, error) {
	b, err := os.ReadFile("/proc/diskstats")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) >= 19 && string(fields[2]) == string(d) {
			return strconv.ParseInt(string(fields[18]), 10, 64)
		}
	}
	return 0, fmt.Errorf("/proc/diskstats counts no flushes of %q", string(d))
}
