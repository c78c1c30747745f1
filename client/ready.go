package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A NotReadyError says why a Switchyard that runs can't be used.
type NotReadyError struct {
	Endpoints Endpoints
	Why       string
}

func (e *NotReadyError) Error() string {
	return fmt.Sprintf("the Switchyard at %s (process %d) is not ready: %s", e.Endpoints.HTTP, e.Endpoints.PID, e.Why)
}

const (
	// askPatience is how long one question may take: a process that hangs does not
	// keep us from finding the one that takes its place.
	askPatience = 2 * time.Second
	// askPause is how long to wait before the next one.
	askPause = 50 * time.Millisecond
)

// Find finds the Switchyard that runs on a data directory and asks whether it is there:
// what every command does before it sends anything to it. The file of a process that was
// killed names a port that another program, or another Switchyard, may have by now; the
// token tells them apart. Patience is for each answer, this one and those that are asked
// for later. The error is a [*NotRunningError], a [*NotReadyError] if there is no answer in
// time, or what reading the endpoints file says.
func Find(ctx context.Context, dir string, patience time.Duration) (Server, error) {
	e, err := Read(dir)
	s := Server{Endpoints: e, Dir: dir, Patience: patience}
	if err == nil {
		err = s.answers(ctx)
	}
	return s, err
}

// WaitReady waits until a Switchyard runs on a data directory and is ready, or patience
// or ctx ends; it asks at least once. Its error is a [*NotRunningError], a
// [*NotReadyError], or what reading the endpoints file says.
func WaitReady(ctx context.Context, dir string, patience time.Duration) (Endpoints, error) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		e, err := Read(dir)
		if err == nil {
			err = Server{e, dir, askPatience}.ready(ctx)
		}
		if err == nil {
			return e, nil
		}
		select {
		case <-ctx.Done():
			return e, err
		case <-deadline.C:
			return e, err
		case <-time.After(askPause):
		}
	}
}

// answers asks whether the Switchyard that wrote the endpoints of a data directory is
// there. The error is a [*NotRunningError] or a [*NotReadyError].
func (s Server) answers(ctx context.Context) error {
	a, err := s.ask(ctx, "GET", "/subscriptions/"+s.SubscriptionID+"?api-version=2022-12-01", "")
	_, gone := errors.AsType[*NotRunningError](err)
	_, hangs := errors.AsType[*NotReadyError](err)
	switch {
	case gone, hangs:
		return err
	case err != nil || a.status != http.StatusOK:
		return &NotRunningError{Dir: s.Dir, Why: fmt.Sprintf("another program answers at %s, which %s names", s.HTTP, File)}
	}
	return nil
}

// ready asks whether it is there and well. The error is one of those of answers.
func (s Server) ready(ctx context.Context) error {
	if err := s.answers(ctx); err != nil {
		return err
	}
	_, err := s.Health(ctx)
	return err
}

// Health is what a Switchyard says of itself: the answer of /health.
type Health struct {
	Status  string   `json:"status"` // healthy, degraded or unhealthy
	Message string   `json:"message"`
	Causes  []string `json:"causes,omitempty"`
}

// Health asks whether all is well. The error is a [*NotReadyError] if it is unhealthy, or
// that of an answer that does not come.
func (s Server) Health(ctx context.Context) (h Health, err error) {
	a, err := s.ask(ctx, "GET", "/health", "")
	switch {
	case err != nil:
		return h, err
	case json.Unmarshal(a.body, &h) != nil || h.Status == "":
		return h, s.strange(a)
	case a.status != http.StatusOK:
		return h, &NotReadyError{s.Endpoints, h.Message}
	}
	return h, nil
}
