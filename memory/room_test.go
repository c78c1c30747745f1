package memory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/memory"
)

// TestRoom: those who want much wait in their order and keep nobody out for good; who
// gives up leaves no hole.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.NewRoom(10)
		var log []string
		take := func(ctx context.Context, name string, bytes int64) *func() {
			var release func()
			go func() {
				give, err := r.Take(ctx, bytes)
				if errors.Is(err, context.Canceled) {
					name += " gives up"
				}
				release = give
				log = append(log, name)
			}()
			synctest.Wait()
			return &release
		}
		expect := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := strings.Join(log, ", "); got != want {
				t.Errorf("%s: %s, want %s", when, got, want)
			}
			log = nil
		}
		ctx := context.Background()
		impatient, cancel := context.WithCancel(ctx)
		a, b := take(ctx, "a 4", 4), take(ctx, "b 4", 4)
		c := take(ctx, "c 1000", 1000)
		take(impatient, "d 1", 1)
		e := take(ctx, "e 2", 2)
		expect("two fit, and nobody passes who waits", "a 4, b 4")
		cancel()
		expect("one gives up", "d 1 gives up")
		(*a)()
		(*a)()
		expect("the next wants all there is", "")
		(*b)()
		expect("it gets it", "c 1000")
		(*c)()
		expect("and the last", "e 2")
		(*e)()
		var f *func()
		for i := range 3 {
			f = take(ctx, fmt.Sprint("f ", i), 3)
		}
		expect("nothing was lost", "f 0, f 1, f 2")
		release, ok := r.TryTake(1)
		if _, more := r.TryTake(1); !ok || more {
			t.Errorf("of the one byte that is free there was one %v, and another %v", ok, more)
		}
		take(ctx, "g 1", 1)
		release()
		expect("who waited has it", "g 1")
		take(ctx, "h 1", 1)
		if _, ok := r.TryTake(0); ok {
			t.Error("somebody passed who does not wait")
		}
		(*f)()
		expect("the last", "h 1")
	})
}
