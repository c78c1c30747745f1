package system

import (
	"fmt"
	"time"

	"switchyard/clock"
	"switchyard/eventlog"
)

// Waits says what [System.Stop] waits for, in words that follow "waits".
func (s *System) Waits() string {
	runs, activities := s.engine.Busy()
	return eventlog.Waits(s.o.Grace, runs, activities)
}

// within takes everything down. On a full disk that may never end: after the grace it
// fails, and the process may end. What can't be written then was never
// acknowledged, so the next start is as after a crash.
func within(grace time.Duration, teardown, full func() error) error {
	done := make(chan error, 1)
	go func() { done <- teardown() }()
	var wall clock.Wall
	for deadline := wall.Now().Add(grace); ; {
		select {
		case err := <-done:
			return err
		case <-time.After(100 * time.Millisecond):
		}
		if wall.Now().Before(deadline) {
			continue
		}
		if err := full(); err != nil {
			return fmt.Errorf("stopped before all was written: %w", err)
		}
	}
}
