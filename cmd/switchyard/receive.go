package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/client"
	"switchyard/config"
)

// receive takes messages, one after the other, and settles each only after it was
// written out: what nobody reads is not taken.
func receive(ctx context.Context, e *env, v *config.Values, operands []string) int {
	abandon, count := v.Bool("abandon"), v.Int("count")
	id, next := v.String("session"), v.Bool("next-session")
	switch {
	case abandon && v.Bool("peek-lock"):
		return e.fail(&config.UsageError{Msg: "--abandon and --peek-lock exclude each other", CommandLine: true})
	case abandon && count > maxHeld:
		return e.fail(&config.UsageError{CommandLine: true,
			Msg: fmt.Sprintf("--count: with --abandon at most %d messages are held, not %d", maxHeld, count)})
	case next && id != "":
		return e.fail(&config.UsageError{Msg: "--session and --next-session exclude each other", CommandLine: true})
	case v.Bool("peek-lock") && (next || id != ""):
		return e.fail(&config.UsageError{CommandLine: true, Msg: "--peek-lock leaves no message of a session locked: " +
			"what it locks is free again when its session is given back, at the end of the command"})
	case isClosed(e.stdout):
		return e.fail(errClosed)
	}
	// A pipe that is closed is told by the write, not by the end of the process.
	signal.Ignore(syscall.SIGPIPE)
	s, err := openSource(ctx, v, "receive from", operands[0], v.Bool("dead-letter"))
	if err != nil {
		return e.fail(err)
	}
	defer s.close(ctx)
	s.how = "name one with --session ID, or take the next one with --next-session"
	switch err := s.openSession(ctx, id, next, v.Duration("wait")); {
	case errors.Is(err, errNoSession):
		if !e.json {
			fmt.Fprintln(e.stderr, "no messages in any session that is free")
		}
		return exitOK
	case err != nil && ctx.Err() != nil: // a signal
		return exitOK
	case err != nil:
		return e.fail(err)
	}
	x := &receiving{source: s, e: e}
	switch {
	case abandon:
		x.held = hold(s)
	case v.Bool("peek-lock"):
		x.settle = func(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error {
			return nil
		}
	default:
		x.settle = s.CompleteMessage
	}
	err = x.run(ctx, count, v.Duration("wait"))
	if x.held != nil {
		if back := x.held.giveBack(ctx); err == nil || errors.Is(err, errUnread) {
			err = back
		}
	}
	if err != nil && !errors.Is(err, errUnread) {
		return e.fail(err)
	}
	return exitOK
}

// errClosed is the error of an output on which everything would be lost.
var errClosed = errors.New("standard output is closed, or the null device opened for reading and writing, " +
	"which looks the same: nothing is taken that can't be written; >/dev/null discards what is received")

// A receiving is one receive under way.
type receiving struct {
	*source
	e *env
	// held are the messages that are given back at the end, with which settle is not
	// asked; nil: each is settled after it was written.
	held   *held
	settle func(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error
	seen   map[int64]bool // sequence numbers of what was shown and not completed
}

// errUnread says that nobody reads what is written. It ends the command as it should.
var errUnread = errors.New("the reader of the output has gone")

func (x *receiving) run(ctx context.Context, count int, wait time.Duration) error {
	if err := x.answers(ctx); err != nil {
		return err
	}
	out := pipeOf(x.e)
	x.seen = map[int64]bool{}
	wait = max(wait, leastWait)
	for n := range count {
		m, err := x.next(ctx, wait)
		if err != nil {
			return err
		}
		if m == nil {
			if n == 0 && !x.e.json && ctx.Err() == nil {
				fmt.Fprintln(x.e.stderr, "no messages")
			}
			return nil
		}
		if err := x.show(ctx, m, n, out); err != nil {
			return err
		}
		if n+1 < count && out.closed() {
			return errUnread
		}
		wait = min(wait, time.Second) // the rest is there already or not at all
	}
	return nil
}

// show writes a message and settles it, or keeps it to be given back.
func (x *receiving) show(ctx context.Context, m *azservicebus.ReceivedMessage, n int, out *pipe) error {
	number := int64(0)
	if m.SequenceNumber != nil {
		number = *m.SequenceNumber
	}
	again := x.seen[number]
	text, err := x.text(m, n)
	if err != nil {
		return x.giveBack(ctx, m, err)
	}
	if x.held != nil {
		x.held.add(m)
	}
	if again {
		return x.explain(ctx, fmt.Errorf("message %d came again before the others: its lock has ended", number))
	}
	if _, err := io.WriteString(x.e.stdout, text); err != nil { // as one write, so that half of it is a failure
		return x.giveBack(ctx, m, err)
	}
	if !out.drained(ctx) {
		return x.giveBack(ctx, m, errUnread)
	}
	if x.held == nil {
		err = x.timed(ctx, "settle message "+m.MessageID, func(ctx context.Context) error { return x.settle(ctx, m, nil) })
	}
	x.seen[number] = true
	return err
}

// leastWait is how long a message that is there already may take to come. The server has
// locked it when a shorter wait ends, and nobody would show it.
const leastWait = 250 * time.Millisecond

// reconnects is how often a lost link is opened anew within one wait.
const reconnects = 3

// next receives one message, nil if the server has none until the wait is over.
func (x *receiving) next(ctx context.Context, wait time.Duration) (*azservicebus.ReceivedMessage, error) {
	wctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for lost := 0; ; lost++ {
		msgs, err := x.ReceiveMessages(wctx, 1, nil)
		switch {
		case len(msgs) > 0:
			return msgs[0], nil
		case ctx.Err() != nil: // a signal
			return nil, nil
		case err != nil && wctx.Err() == nil:
			return nil, x.explain(ctx, err)
		}
		over := wctx.Err() != nil
		// Nothing came: the SDK says the same of an empty queue, of a server that hangs,
		// and, without an error, of a link that was lost.
		if err := x.answers(ctx); err != nil || over {
			return nil, err
		}
		if x.Find != nil {
			if err := x.Find(ctx); err != nil { // another one may be where it was
				return nil, x.explain(ctx, err)
			}
		}
		if lost == reconnects {
			return nil, x.explain(ctx, client.ErrStoppedAnswering)
		}
	}
}

// text is what is written of a message.
func (x *receiving) text(m *azservicebus.ReceivedMessage, n int) (string, error) {
	s := shown(m)
	if x.e.json {
		var b strings.Builder
		err := jsonLine(&b, s)
		return b.String(), err
	}
	if n > 0 {
		return "\n" + s.text(x.e.width()), nil
	}
	return s.text(x.e.width()), nil
}

// giveBack makes a message that was not read available again, at once. One that is held
// is given back with the others.
func (x *receiving) giveBack(ctx context.Context, m *azservicebus.ReceivedMessage, why error) error {
	unread := errors.Is(why, errUnread) || errors.Is(why, syscall.EPIPE)
	if x.held == nil {
		err := x.timed(context.WithoutCancel(ctx), "give back message "+m.MessageID,
			func(ctx context.Context) error { return x.AbandonMessage(ctx, m, nil) })
		if err != nil && unread {
			return err
		}
	}
	if unread {
		return errUnread
	}
	return why
}
