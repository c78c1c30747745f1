package main

import (
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"switchyard/config"
)

// A session is one of an entity that requires them. Its lock, which is that of its
// messages, is renewed until stop is called.
type session struct {
	*azservicebus.SessionReceiver
	stop context.CancelFunc
	done chan struct{}
}

// RenewMessageLock has nothing to do: the lock of the session is renewed anyway.
func (s *session) RenewMessageLock(context.Context, *azservicebus.ReceivedMessage, *azservicebus.RenewMessageLockOptions) error {
	return nil
}

// errNoSession says that no session with messages came that nobody has.
var errNoSession = errors.New("there is no session to be taken")

// openSession takes the session that was asked for, if one was. For the next one it waits
// as long as wait.
func (s *source) openSession(ctx context.Context, id string, next bool, wait time.Duration) error {
	if id == "" && !next {
		return nil
	}
	if s.entity.Dead {
		return &config.UsageError{Msg: "a dead-letter queue has no sessions: leave out " + sessionFlag(next), CommandLine: true}
	}
	timeout := s.Timeout
	if next {
		timeout = max(wait, leastWait)
	}
	accepting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := s.Session(accepting, s.entity, id)
	var sdk *azservicebus.Error
	switch {
	case err == nil:
	case next && ctx.Err() == nil && (accepting.Err() != nil || errors.As(err, &sdk) && sdk.Code == azservicebus.CodeTimeout):
		// A server that hangs has none either.
		args := map[string]any{"from-sequence-number": int64(behindAll), "message-count": int32(1)}
		if _, err := s.Manage(ctx, s.entity.Path(), "com.microsoft:peek-message", args); err != nil {
			return s.explain(ctx, err)
		}
		return errNoSession
	case accepting.Err() != nil && ctx.Err() == nil:
		return s.explain(ctx, accepting.Err())
	default:
		return s.explain(ctx, err)
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	session := &session{SessionReceiver: r, stop: stop, done: make(chan struct{})}
	s.receiver = session
	go session.keep(keeping, s.Timeout)
	return nil
}

func sessionFlag(next bool) string {
	if next {
		return "--next-session"
	}
	return "--session"
}

// keep renews the lock of the session whenever half of it has passed, until ctx ends or
// the lock is lost, which the next request tells.
func (s *session) keep(ctx context.Context, timeout time.Duration) {
	defer close(s.done)
	for {
		half := max(time.Until(s.LockedUntil())/2, 100*time.Millisecond)
		select {
		case <-ctx.Done():
			return
		case <-time.After(half):
		}
		renewing, cancel := context.WithTimeout(ctx, timeout)
		err := s.RenewSessionLock(renewing, nil)
		cancel()
		if err != nil {
			return
		}
	}
}
