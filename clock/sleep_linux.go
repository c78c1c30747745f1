package clock

import (
	"syscall"
	"time"
	"unsafe"
)

// slept returns how long the machine has slept since it was started: CLOCK_BOOTTIME goes
// on meanwhile, and CLOCK_MONOTONIC, by which Go measures, does not (clock_gettime(2)).
func slept() time.Duration {
	const monotonic, boottime = 1, 7
	asleep := readClock(boottime) - readClock(monotonic)
	return max(0, asleep)
}

// readClock returns 0 for a clock that the kernel does not have.
func readClock(id uintptr) time.Duration {
	var t syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}
