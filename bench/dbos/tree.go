package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"switchyard/bench/workload"
)

// tree is the processor time that a process has had, its children that live, and those that
// have ended and whose end it has seen.
func tree(pid int) (time.Duration, error) {
	sum, err := workload.Process(pid).CPU()
	if err != nil {
		return 0, err
	}
	_, ended, err := stat(pid)
	if err != nil {
		return 0, err
	}
	sum += ended
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range all {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		parent, _, err := stat(child)
		if err != nil || parent != pid {
			continue // or it has ended meanwhile
		}
		if t, err := workload.Process(child).CPU(); err == nil {
			sum += t
		}
	}
	return sum, nil
}

// stat is the parent of a process and the processor time of its children that have ended.
func stat(pid int) (parent int, ended time.Duration, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 15 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	if parent, err = strconv.Atoi(string(fields[1])); err != nil {
		return 0, 0, err
	}
	for _, field := range fields[13:15] {
		ticks, err := strconv.Atoi(string(field))
		if err != nil {
			return 0, 0, err
		}
		ended += time.Duration(ticks) * 10 * time.Millisecond
	}
	return parent, ended, nil
}
