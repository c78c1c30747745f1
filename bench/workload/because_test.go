package workload

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// late is a context whose deadline has passed and that ends only now.
type late struct {
	context.Context
	at time.Time
}

func (c late) Deadline() (time.Time, bool) { return c.at, true }

// TestBecause: who sees the deadline before the context has ended gets its cause, too.
func TestBecause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("not done in 1s")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, cause)
		defer cancel()
		passed := late{ctx, time.Now().Add(-time.Nanosecond)}
		if err := because(passed, nil); err != nil {
			t.Errorf("what did not fail at the deadline: %v", err)
		}
		if err := because(passed, context.DeadlineExceeded); !errors.Is(err, cause) {
			t.Errorf("at the deadline: %v, want %v", err, cause)
		}
		other := errors.New("refused")
		if err := because(late{ctx, time.Now()}, other); !errors.Is(err, cause) {
			t.Errorf("a write that failed at the deadline: %v, want %v", err, cause)
		}
		open, end := context.WithTimeout(t.Context(), time.Hour)
		defer end()
		if err := because(open, other); !errors.Is(err, other) {
			t.Errorf("before the deadline: %v, want %v", err, other)
		}
		if err := because(open, context.DeadlineExceeded); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a deadline of something else: %v", err)
		}
	})
}
