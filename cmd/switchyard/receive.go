package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os/signal"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/client"
	"switchyard/config"
)

// receive takes messages, one after the other, and settles each only after it was
// written out: what nobody reads is not taken.
func receive(ctx context.Context, e *env, v *config.Values, operands []string) int {
	entity, err := client.ParseEntity(operands[0])
	if err != nil {
		return e.fail(&config.UsageError{Msg: err.Error()})
	}
	if v.Bool("abandon") && v.Bool("peek-lock") {
		return e.fail(&config.UsageError{Msg: "--abandon and --peek-lock exclude each other", CommandLine: true})
	}
	// A pipe that is closed is told by the write, not by the end of the process.
	signal.Ignore(syscall.SIGPIPE)
	b, err := connect(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	defer b.Close(ctx)
	r, err := b.Receiver(entity, v.Bool("dead-letter"))
	if err != nil {
		return e.fail(client.Explain("receive from "+operands[0], b.Where, err))
	}
	x := &receiving{e: e, bus: b, r: r, from: operands[0], settle: r.CompleteMessage}
	switch {
	case v.Bool("abandon"):
		x.settle = func(ctx context.Context, m *azservicebus.ReceivedMessage, _ *azservicebus.CompleteMessageOptions) error {
			return r.AbandonMessage(ctx, m, nil)
		}
	case v.Bool("peek-lock"):
		x.settle = func(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error {
			return nil
		}
	}
	if err := x.run(ctx, v.Int("count"), v.Duration("wait")); err != nil && !errors.Is(err, errUnread) {
		return e.fail(err)
	}
	return exitOK
}

// A receiving is one receive under way.
type receiving struct {
	e      *env
	bus    *client.Bus
	r      *azservicebus.Receiver
	from   string
	settle func(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error
}

// behindAll is a sequence number that no message has: to peek from there reads nothing.
const behindAll = math.MaxInt64

// errUnread says that nobody reads what is written. It ends the command as it should.
var errUnread = errors.New("the reader of the output has gone")

func (x *receiving) run(ctx context.Context, count int, wait time.Duration) error {
	// A server that accepts and does not answer looks like an empty queue to the SDK.
	if _, err := peekAll(ctx, x.bus, x.r, behindAll, 1); err != nil {
		return client.Explain("receive from "+x.from, x.bus.Where, err)
	}
	out := pipeOf(x.e)
	for n := range count {
		m, err := x.next(ctx, wait)
		if err != nil {
			return err
		}
		if m == nil {
			if n == 0 && !x.e.json {
				fmt.Fprintln(x.e.stderr, "no messages")
			}
			return nil
		}
		if err := x.write(m, n); err != nil {
			return x.giveBack(ctx, m, err)
		}
		if !out.drained(ctx) {
			return x.giveBack(ctx, m, errUnread)
		}
		if err := x.timed(ctx, "settle message "+m.MessageID, func(ctx context.Context) error { return x.settle(ctx, m, nil) }); err != nil {
			return err
		}
		if n+1 < count && out.closed() {
			return errUnread
		}
		wait = min(wait, time.Second) // the rest is there already or not at all
	}
	return nil
}

// next receives one message, nil if there is none in time.
func (x *receiving) next(ctx context.Context, wait time.Duration) (*azservicebus.ReceivedMessage, error) {
	wctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	msgs, err := x.r.ReceiveMessages(wctx, 1, nil)
	switch {
	case len(msgs) > 0:
		return msgs[0], nil
	case ctx.Err() != nil: // a signal
		return nil, nil
	case errors.Is(err, context.DeadlineExceeded) || wctx.Err() != nil:
		return nil, nil
	}
	return nil, client.Explain("receive from "+x.from, x.bus.Where, err)
}

// write writes one message whole: as one write, so that half of it is a failure.
func (x *receiving) write(m *azservicebus.ReceivedMessage, n int) error {
	s := shown(m)
	if x.e.json {
		return jsonLine(x.e.stdout, s)
	}
	text := s.text(x.e.width())
	if n > 0 {
		text = "\n" + text
	}
	_, err := io.WriteString(x.e.stdout, text)
	return err
}

// giveBack makes a message that was not read available again, at once.
func (x *receiving) giveBack(ctx context.Context, m *azservicebus.ReceivedMessage, why error) error {
	ctx = context.WithoutCancel(ctx)
	err := x.timed(ctx, "give back message "+m.MessageID, func(ctx context.Context) error { return x.r.AbandonMessage(ctx, m, nil) })
	if errors.Is(why, errUnread) || errors.Is(why, syscall.EPIPE) {
		return err
	}
	return nil // Main reports that standard output failed
}

// timed runs one request with the time that the server has for it.
func (x *receiving) timed(ctx context.Context, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, x.bus.Timeout)
	defer cancel()
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return client.Explain(what, x.bus.Where, err)
}
