package clock

import (
	"bytes"
	"runtime"
)

// waiting are the states in which a goroutine does nothing until another, a timer or
// the network wakes it, as a stack trace names them.
var waiting = map[string]bool{
	"chan receive": true, "chan receive (nil chan)": true, "chan send": true, "chan send (nil chan)": true,
	"select": true, "select (no cases)": true, "IO wait": true, "semacquire": true, "coroutine": true,
	"sync.Cond.Wait": true, "sync.Mutex.Lock": true, "sync.RWMutex.Lock": true, "sync.RWMutex.RLock": true,
	"sync.WaitGroup.Wait": true, "finalizer wait": true, "cleanup wait": true,
}

// AllWait reports whether every other goroutine of the process waits: then nothing
// happens before a timer is due or the outside world says something. All are looked at
// in one moment, so what one hands to another is never missed. A state that is not
// known counts as work.
//
// The world is stopped for it, for some milliseconds when there are thousands: it is for
// programs whose only work is the one that is looked at.
func AllWait() bool {
	trace := make([]byte, 256<<10)
	for {
		n := runtime.Stack(trace, true)
		if n < len(trace) {
			trace = trace[:n]
			break
		}
		trace = make([]byte, 4*len(trace)) // it was cut off
	}
	goroutines := bytes.Split(trace, []byte("\n\n"))
	for _, g := range goroutines[1:] { // the first is the caller
		if !waits(g) {
			return false
		}
	}
	return true
}

// signals is where the one goroutine is that waits for signals, in a system call.
var signals = []byte("os/signal.signal_recv(")

// waits reads the state in a trace that begins with "goroutine 7 [select, 2 minutes]:".
func waits(trace []byte) bool {
	_, state, _ := bytes.Cut(trace, []byte("["))
	state, _, _ = bytes.Cut(state, []byte("]:"))
	state, _, _ = bytes.Cut(state, []byte(","))
	if string(state) == "syscall" {
		return bytes.Contains(trace, signals)
	}
	return waiting[string(state)]
}
