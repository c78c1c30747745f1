package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/google/uuid"

	"switchyard/client"
	"switchyard/config"
	"switchyard/trial"
)

// maxMessageLine is the largest line of a file of messages: the largest message of all.
const maxMessageLine = 100 << 20

func send(ctx context.Context, e *env, v *config.Values, operands []string) int {
	if err := canSend(operands[0]); err != nil {
		return e.fail(&config.UsageError{Msg: err.Error()})
	}
	m, err := messageOf(v, time.Now())
	if err != nil {
		return e.fail(err)
	}
	next, closeBodies, err := bodies(e, v, operands[1:])
	if err != nil {
		return e.fail(err)
	}
	defer closeBodies()
	b, err := connect(ctx, v)
	if err != nil {
		return e.fail(err)
	}
	defer b.Close(ctx)
	s, err := b.SDK().NewSender(operands[0], nil)
	if err != nil {
		return e.fail(client.Explain("send to "+operands[0], b.Where, err))
	}
	x := &sending{e: e, bus: b, sender: s, to: operands[0]}
	for {
		body, line, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			x.line = line
			one := *m
			if one.Body = body; one.MessageID == nil {
				id := uuid.NewString() // so that it can be found again
				one.MessageID = &id
			}
			err = x.add(ctx, &one)
		}
		if err != nil {
			return x.failed(err)
		}
	}
	if err := x.flush(ctx); err != nil {
		return x.failed(err)
	}
	return exitOK
}

// canSend says why nothing can be sent to an entity of that path.
func canSend(path string) error {
	to, err := client.ParseEntity(path)
	switch {
	case err != nil:
		return err
	case to.Dead:
		to.Dead, to.Transfer = false, false
		return fmt.Errorf("nothing is sent to the dead letters of %s; resubmit moves them back", to.Path())
	case to.Topic != "":
		return fmt.Errorf("%q is a subscription: send to its topic, %s", path, to.Topic)
	}
	return nil
}

// maxTTL is the longest time to live of a message's header: 32 bits of milliseconds.
const maxTTL = math.MaxUint32 * time.Millisecond

// messageOf makes the message that the flags describe, without body.
func messageOf(v *config.Values, now time.Time) (*azservicebus.Message, error) {
	m := &azservicebus.Message{}
	for _, x := range []struct {
		flag string
		to   **string
	}{
		{"content-type", &m.ContentType}, {"subject", &m.Subject}, {"message-id", &m.MessageID}, {"to", &m.To},
		{"session", &m.SessionID}, {"reply-to", &m.ReplyTo}, {"correlation-id", &m.CorrelationID},
	} {
		if s := v.String(x.flag); s != "" {
			*x.to = &s
		}
	}
	for _, flag := range []string{"message-id", "session"} {
		if n := utf8.RuneCountInString(v.String(flag)); n > trial.MaxID {
			return nil, &config.UsageError{CommandLine: true,
				Msg: fmt.Sprintf("--%s: it has %d characters, and an id at most %d", flag, n, trial.MaxID)}
		}
	}
	if ttl := v.Duration("ttl"); ttl > 0 {
		if ttl%time.Millisecond != 0 || ttl > maxTTL {
			return nil, &config.UsageError{CommandLine: true,
				Msg: fmt.Sprintf("--ttl: %s is not what AMQP can say: whole milliseconds, from 1ms to %s", ttl, maxTTL)}
		}
		m.TimeToLive = &ttl
	}
	if s := v.String("at"); s != "" {
		at, err := moment(s, now, 1)
		if err != nil {
			return nil, &config.UsageError{Msg: "--at: " + err.Error(), CommandLine: true}
		}
		m.ScheduledEnqueueTime = &at
	}
	if s := v.String("property"); s != "" {
		var err error
		if m.ApplicationProperties, err = properties(s); err != nil {
			return nil, &config.UsageError{Msg: "--property: " + err.Error(), CommandLine: true}
		}
	}
	if v.String("message-id") != "" && (v.String("lines") != "" || v.Int("count") > 1) {
		return nil, &config.UsageError{Msg: "--message-id is for one message; several get ids of their own", CommandLine: true}
	}
	return m, nil
}

// moment reads a time, or a duration away from now: ahead or, with a direction of -1, back.
func moment(s string, now time.Time, direction time.Duration) (time.Time, error) {
	return momentIn(s, now, direction, time.Local)
}

// momentIn is [moment] with the zone of a time that names none.
func momentIn(s string, now time.Time, direction time.Duration, zone *time.Location) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d * direction), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-03-01T12:00:00Z nor a duration such as 10m", s)
}

// bodies returns what gives the bodies of the messages one after the other, of those in a
// file with the number of the line, and then [io.EOF].
func bodies(e *env, v *config.Values, operands []string) (next func() ([]byte, int, error), done func(), err error) {
	name, count := v.String("lines"), v.Int("count")
	if name != "" {
		if len(operands) > 0 || count > 1 {
			return nil, nil, &config.UsageError{Msg: "--lines excludes BODY and --count", CommandLine: true}
		}
		in := e.stdin
		done = func() {}
		if name != "-" {
			f, err := os.Open(name)
			if err != nil {
				return nil, nil, &config.UsageError{CommandLine: true, Msg: "--lines " + name + ": " + config.Unreadable(err)}
			}
			in, done = f, func() { f.Close() }
		}
		return lines(in), done, nil
	}
	var body []byte
	if len(operands) > 0 {
		body = []byte(operands[0])
	} else if body, err = io.ReadAll(e.stdin); err != nil {
		return nil, nil, err
	}
	return func() ([]byte, int, error) {
		if count--; count < 0 {
			return nil, 0, io.EOF
		}
		return body, 0, nil
	}, func() {}, nil
}

// lines gives the lines of a file, but for empty ones, with their numbers.
func lines(in io.Reader) func() ([]byte, int, error) {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxMessageLine)
	n := 0
	return func() ([]byte, int, error) {
		for s.Scan() {
			if n++; len(s.Bytes()) > 0 {
				return append([]byte(nil), s.Bytes()...), n, nil
			}
		}
		err := s.Err()
		switch {
		case err == nil:
			err = io.EOF
		case errors.Is(err, bufio.ErrTooLong):
			err = fmt.Errorf("line %d is longer than %d MiB, which no message may be", n+1, maxMessageLine>>20)
		default:
			err = fmt.Errorf("line %d: %w", n+1, err)
		}
		return nil, 0, err
	}
}

// A sending gathers messages in batches and tells of each that was accepted.
type sending struct {
	e      *env
	bus    *client.Bus
	sender *azservicebus.Sender
	to     string
	batch  *azservicebus.MessageBatch
	in     []*azservicebus.Message // what is in it
	// line is the number of the line that is being sent, 0 without a file; first and last
	// are those of the batch.
	line, first, last int
	sent              int
}

// timed runs one request with the time that the server has for it.
func (x *sending) timed(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, x.bus.Timeout)
	defer cancel()
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return x.bus.Explain(ctx, "send to "+x.to, err)
}

// inLines adds to an error the lines that it is about.
func inLines(err error, first, last int) error {
	switch {
	case err == nil || first == 0:
		return err
	case first == last:
		return fmt.Errorf("line %d: %w", first, err)
	}
	return fmt.Errorf("lines %d to %d: %w", first, last, err)
}

func (x *sending) add(ctx context.Context, m *azservicebus.Message) error {
	if x.batch == nil {
		err := x.timed(ctx, func(ctx context.Context) (err error) {
			x.batch, err = x.sender.NewMessageBatch(ctx, nil)
			return err
		})
		if err != nil {
			return inLines(err, x.line, x.line)
		}
	}
	err := x.batch.AddMessage(m, nil)
	switch {
	case errors.Is(err, azservicebus.ErrMessageTooLarge) && len(x.in) > 0:
		if err := x.flush(ctx); err != nil {
			return err
		}
		return x.add(ctx, m)
	case errors.Is(err, azservicebus.ErrMessageTooLarge): // for a batch; the server says whether for the entity, too
		x.in, x.first, x.last = append(x.in, m), x.line, x.line
		err := x.timed(ctx, func(ctx context.Context) error { return x.sender.SendMessage(ctx, m, nil) })
		return x.accepted(err)
	case err != nil:
		return inLines(x.bus.Explain(ctx, "send to "+x.to, err), x.line, x.line)
	}
	if len(x.in) == 0 {
		x.first = x.line
	}
	x.in, x.last = append(x.in, m), x.line
	return nil
}

// flush sends what was gathered, all or nothing.
func (x *sending) flush(ctx context.Context) error {
	if len(x.in) == 0 {
		return nil
	}
	batch := x.batch
	x.batch = nil
	return x.accepted(x.timed(ctx, func(ctx context.Context) error { return x.sender.SendMessageBatch(ctx, batch, nil) }))
}

// accepted tells of the messages of a batch, if they were sent.
func (x *sending) accepted(err error) error {
	if err != nil {
		return inLines(err, x.first, x.last)
	}
	for _, m := range x.in {
		if x.e.json {
			err = jsonLine(x.e.stdout, map[string]any{"messageId": *m.MessageID, "entity": x.to, "bytes": len(m.Body)})
		} else {
			_, err = fmt.Fprintf(x.e.stdout, "sent %s to %s (%d bytes)\n", printable(*m.MessageID), x.to, len(m.Body))
		}
		if err != nil {
			break // Main reports it
		}
	}
	x.sent += len(x.in)
	x.in = nil
	return nil
}

// failed reports an error, and what was sent before it.
func (x *sending) failed(err error) int {
	if x.sent > 0 {
		err = fmt.Errorf("after %s: %w", plural(x.sent, "message"), err)
	}
	return x.e.fail(err)
}
