package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/config"
)

// takeBatch is how many messages one request takes: the server's limit.
const takeBatch = 4000

func resubmit(ctx context.Context, e *env, v *config.Values, operands []string) int {
	return take(ctx, e, v, operands[0], true)
}

func purge(ctx context.Context, e *env, v *config.Values, operands []string) int {
	return take(ctx, e, v, operands[0], false)
}

// take moves dead letters back or deletes them: each request is one commit.
func take(ctx context.Context, e *env, v *config.Values, path string, back bool) int {
	numbers, err := sequenceNumbers(v.String("sequence-number"))
	if err != nil {
		return e.fail(err)
	}
	doing, done := "purge dead letters of", "purged"
	if back {
		doing, done = "resubmit dead letters of", "resubmitted"
	}
	s, err := openSource(ctx, v, doing, path, true)
	if err != nil {
		return e.fail(err)
	}
	defer s.close(ctx)
	x := &taking{source: s, operation: "switchyard:delete-messages"} // also of partitioned entities
	if back {
		x.operation = "switchyard:resubmit-messages"
	}
	if id := v.String("message-id"); id != "" {
		if numbers, err = x.withID(ctx, id, numbers); err == nil && len(numbers) == 0 {
			err = fmt.Errorf("there is no dead letter with the id %s", id)
		}
	}
	if err == nil && len(numbers) > 0 {
		err = x.named(ctx, numbers)
	} else if err == nil {
		err = x.oldest(ctx, v.Int("count"))
	}
	if err != nil {
		if x.taken > 0 {
			err = fmt.Errorf("after %s: %w", plural(x.taken, "message"), err)
		}
		return e.fail(x.explain(ctx, err))
	}
	if e.json {
		err = jsonLine(e.stdout, map[string]any{"entity": path, done: x.taken, "left": x.left})
	} else {
		_, err = fmt.Fprintf(e.stdout, "%s %s of %s\n", done, plural(x.taken, "dead letter"), path)
	}
	if err == nil && x.left > 0 {
		err = fmt.Errorf("%s %s: %d of %d were not taken: they are locked, deferred or not there",
			doing, path, x.left, x.taken+x.left)
	}
	if err != nil {
		return e.fail(err)
	}
	return exitOK
}

func sequenceNumbers(text string) (numbers []int64, err error) {
	if text == "" {
		return nil, nil
	}
	for s := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil || n < 1 {
			return nil, &config.UsageError{Msg: fmt.Sprintf("--sequence-number: %q is no sequence number", s), CommandLine: true}
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// taking is a resubmit or purge under way.
type taking struct {
	*source
	operation   string
	taken, left int // left: what was meant, too
}

func (x *taking) ask(ctx context.Context, args map[string]any) (n int, err error) {
	answer, err := x.Manage(ctx, x.entity.Path(), x.operation, args)
	if err != nil {
		return 0, err
	}
	count, _ := answer["message-count"].(int32)
	x.taken += int(count)
	return int(count), nil
}

// oldest takes up to max messages, 0 for all. What is dead-lettered again meanwhile is
// left: it would have no end. Where nobody can peek, nothing is taken, since nobody could
// say what is left.
func (x *taking) oldest(ctx context.Context, max int) error {
	if err := x.answers(ctx); err != nil {
		return err
	}
	// Times have whole milliseconds on the wire. What is resubmitted within this one would
	// count among what was there before, so it is waited for.
	before := time.Now().UTC().Truncate(time.Millisecond).Add(time.Millisecond)
	time.Sleep(time.Until(before))
	for max == 0 || x.taken < max {
		count := takeBatch
		if max > 0 {
			count = min(count, max-x.taken)
		}
		n, err := x.ask(ctx, map[string]any{"message-count": int32(count), "enqueued-time-utc": before})
		if err != nil {
			return err
		}
		if n == 0 {
			return x.countLeft(ctx, max, before)
		}
	}
	return nil
}

// countLeft counts what nobody could take although it was meant: what is locked or
// deferred.
func (x *taking) countLeft(ctx context.Context, max int, before time.Time) error {
	return x.each(ctx, 1, math.MaxInt, func(m *azservicebus.ReceivedMessage) error {
		if m.EnqueuedTime != nil && m.EnqueuedTime.Before(before) && (max == 0 || x.taken+x.left < max) {
			x.left++
		}
		return nil
	})
}

// named takes messages by number.
func (x *taking) named(ctx context.Context, numbers []int64) error {
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	for part := range slices.Chunk(numbers, takeBatch) {
		for { // large ones are taken in several commits
			n, err := x.ask(ctx, map[string]any{"sequence-numbers": part})
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	x.left = len(numbers) - x.taken
	return nil
}

// withID finds the dead letters with an id, among the given ones if there are any.
func (x *taking) withID(ctx context.Context, id string, among []int64) (numbers []int64, err error) {
	wanted := map[int64]bool{}
	for _, n := range among {
		wanted[n] = true
	}
	err = x.each(ctx, 1, math.MaxInt, func(m *azservicebus.ReceivedMessage) error {
		if m.MessageID == id && (len(wanted) == 0 || wanted[*m.SequenceNumber]) {
			numbers = append(numbers, *m.SequenceNumber)
		}
		return nil
	})
	return numbers, err
}
