package broker_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/broker"
)

// TestForwardPastDamage: what is behind damaged messages is forwarded, in order; they stay,
// are counted, and are told once. When they can be read again, the next start moves them.
func TestForwardPastDamage(t *testing.T) {
	const n = 600
	for _, c := range []struct {
		name     string
		sub      broker.SubQueue
		err      error
		from, to int64
	}{
		{"a message", broker.MainQueue, errDamage, 35, 35},
		{"a content", broker.MainQueue, errContent, 35, 35},
		{"the first", broker.MainQueue, errDamage, 1, 1},
		{"the last contents", broker.MainQueue, errContent, n - 2, n},
		{"the last", broker.MainQueue, errDamage, n, n},
		{"contents of more than a page", broker.MainQueue, errContent, 10, 400},
		{"a block", broker.MainQueue, errDamage, 10, 400},
		{"a block of dead letters", broker.DeadLetterQueue, errDamage, 10, 400},
		{"contents of dead letters", broker.DeadLetterQueue, errContent, 10, 400},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newDamageWorld(t, 0, broker.QueueOptions{})
			w.store.err, w.store.sub, w.store.to = c.err, c.sub, c.to
			w.open()
			fill(w, n, c.sub)
			w.Close()
			w.store.from.Store(c.from)
			w.open()
			o := broker.QueueOptions{ForwardTo: "other"}
			if c.sub == broker.DeadLetterQueue {
				o.ForwardTo, o.ForwardDeadLetteredMessagesTo = "", "other"
			}
			putQueue(t, w.Broker, "q", o)
			synctest.Wait()
			left := c.to - c.from + 1
			w.wantForwarded(c.name, n, left)
			time.Sleep(time.Hour)
			fill(w, 1, c.sub)
			w.wantForwarded(c.name+", and one that comes later", n+1, left)
			if got := w.told(); got != left {
				t.Errorf("%s: the log has the numbers of %d messages, want each of %d to %d once: %s", c.name, got, c.from, c.to, w.log)
			}
			if lines := strings.Count(w.log.String(), "damaged messages are not forwarded"); lines > 4 {
				t.Errorf("%s: %d lines in the log, want few: %s", c.name, lines, w.log)
			}
			if found := w.Damage(); len(found) != 1 || !strings.Contains(found[0], `queue "q"`) {
				t.Errorf("%s: known damage is %q", c.name, found)
			}
			w.Close()
			w.store.from.Store(0)
			w.open()
			synctest.Wait()
			w.wantForwarded(c.name+", mended", n+1, 0)
			w.Close()
		})
	}
}

// fill brings messages into a sub-queue of "q".
func fill(w *damageWorld, n int, sub broker.SubQueue) {
	w.t.Helper()
	q := queue(w.t, w.Broker, "q")
	send(w.t, w.Broker, q, messages(n, 8)...)
	if sub == broker.DeadLetterQueue {
		_, tokens, err := w.receive("q", broker.PeekLock, n)
		if err != nil || len(tokens) != n {
			w.t.Fatalf("%d messages received, %v", len(tokens), err)
		}
		w.Sync(q.Settle(tokens, broker.Outcome{Kind: broker.DeadLetter}, nil))
	}
	synctest.Wait()
}

// told counts the numbers of messages that the log says are not forwarded.
func (w *damageWorld) told() (n int64) {
	w.t.Helper()
	for _, line := range strings.Split(w.log.String(), "\n") {
		if _, at, ok := strings.Cut(line, "from="); ok {
			var from, to int64
			if _, err := fmt.Sscanf(at, "%d to=%d", &from, &to); err != nil {
				w.t.Fatalf("%s: %v", line, err)
			}
			n += to - from + 1
		}
	}
	return n
}

// wantForwarded checks that all of n messages but those that are left have come to "other",
// where two have been before, each once and those of one time in order.
func (w *damageWorld) wantForwarded(what string, n, left int64) {
	w.t.Helper()
	if c := counts(w.t, w.Broker, "q"); c.Total != left {
		w.t.Errorf("%s: %d messages are left, want %d", what, c.Total, left)
	}
	seen := map[int64]bool{}
	last := int64(0)
	for from := int64(3); ; {
		msgs, err := queue(w.t, w.Broker, "other").Peek(from, 250)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(msgs) == 0 {
			break
		}
		for _, m := range msgs {
			if from = m.SequenceNumber + 1; seen[m.EnqueueSequence] || left > 0 && m.EnqueueSequence < last {
				w.t.Fatalf("%s: message %d comes after %d", what, m.EnqueueSequence, last)
			}
			last = m.EnqueueSequence
			seen[last] = true
		}
	}
	if got := int64(len(seen)); got != n-left {
		w.t.Errorf("%s: %d messages are there, want %d", what, got, n-left)
	}
}
