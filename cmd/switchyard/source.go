package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/client"
	"switchyard/config"
)

// A source is an entity whose messages a command shows, takes or moves.
type source struct {
	*client.Bus
	receiver
	entity client.Entity
	doing  string // for errors: "peek q"
	how    string // to name a session, for errors
}

// A receiver is what the SDK has for an entity, or for one session of it.
type receiver interface {
	PeekMessages(context.Context, int, *azservicebus.PeekMessagesOptions) ([]*azservicebus.ReceivedMessage, error)
	ReceiveMessages(context.Context, int, *azservicebus.ReceiveMessagesOptions) ([]*azservicebus.ReceivedMessage, error)
	CompleteMessage(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error
	AbandonMessage(context.Context, *azservicebus.ReceivedMessage, *azservicebus.AbandonMessageOptions) error
	RenewMessageLock(context.Context, *azservicebus.ReceivedMessage, *azservicebus.RenewMessageLockOptions) error
}

// openSource opens the entity that an operand names, or its dead letters.
func openSource(ctx context.Context, v *config.Values, doing, path string, dead bool) (*source, error) {
	entity, err := client.ParseEntity(path)
	if err != nil {
		return nil, &config.UsageError{Msg: err.Error()}
	}
	entity.Dead = entity.Dead || dead
	s := &source{entity: entity, doing: doing + " " + path}
	if s.Bus, err = connect(ctx, v); err != nil {
		return nil, err
	}
	if s.receiver, err = s.Bus.Receiver(entity); err != nil {
		s.close(ctx)
		return nil, s.explain(ctx, err)
	}
	return s, nil
}

func (s *source) close(ctx context.Context) {
	if session, ok := s.receiver.(*session); ok {
		session.stop()
		<-session.done
	}
	s.Bus.Close(ctx)
}

func (s *source) explain(ctx context.Context, err error) error {
	err = s.Explain(ctx, s.doing, err)
	// In the server's words these need a sessionful message receiver, or no such thing.
	if e, ok := errors.AsType[*client.ServiceError](err); ok {
		switch {
		case strings.Contains(e.Why, "an entity that requires sessions"):
			e.Why, e.Do = "it requires sessions", s.how
		case strings.Contains(e.Why, "an entity that does not require sessions"):
			e.Why, e.Do = "it has no sessions", "leave out --session"
			if strings.Contains(s.how, "next") {
				e.Do += " and --next-session"
			}
		}
	}
	return err
}

// timed runs one request with the time that the server has for it.
func (s *source) timed(ctx context.Context, doing string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return s.Explain(ctx, doing, err)
}

// gone reports whether an error says that the server can't be asked any more.
func gone(err error) bool {
	_, not := errors.AsType[*client.NotRunningError](err)
	_, unready := errors.AsType[*client.NotReadyError](err)
	return not || unready || errors.Is(err, client.ErrStoppedAnswering) || errors.Is(err, context.DeadlineExceeded)
}

// peekPage is how many messages one request peeks at most: Azure's limit.
const peekPage = 250

// each peeks up to n messages from a sequence number on, the pages of which are not held,
// until f fails.
func (s *source) each(ctx context.Context, from int64, n int, f func(*azservicebus.ReceivedMessage) error) error {
	for n > 0 {
		page, err := s.page(ctx, from, min(n, peekPage))
		if err != nil {
			return s.explain(ctx, err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, m := range page {
			if m.SequenceNumber == nil {
				return s.explain(ctx, fmt.Errorf("the message %q has no sequence number", m.MessageID))
			}
			if err := f(m); err != nil {
				return err
			}
			from = *m.SequenceNumber + 1
		}
		n -= len(page)
	}
	return nil
}

// page is one request that peeks, with the time that the server has for it.
func (s *source) page(ctx context.Context, from int64, n int) ([]*azservicebus.ReceivedMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	msgs, err := s.PeekMessages(ctx, n, &azservicebus.PeekMessagesOptions{FromSequenceNumber: &from})
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return msgs, err
}

// behindAll is a sequence number that no message has: to peek from there reads nothing.
const behindAll = math.MaxInt64

// answers asks the server for next to nothing. What the SDK has not received says nothing
// about a queue whose server is gone or hangs.
func (s *source) answers(ctx context.Context) error {
	_, err := s.page(ctx, behindAll, 1)
	return s.explain(ctx, err)
}
