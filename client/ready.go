package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
// token tells them apart. Its error is a [*NotRunningError], a [*NotReadyError] if there
// is no answer within patience, or what reading the endpoints file says.
func Find(ctx context.Context, dir string, patience time.Duration) (Endpoints, error) {
	e, err := Read(dir)
	if err == nil {
		err = e.answers(ctx, dir, patience)
	}
	return e, err
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
			err = e.ready(ctx, dir)
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
func (e Endpoints) answers(ctx context.Context, dir string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, _, err := e.get(ctx, "/subscriptions/"+e.SubscriptionID+"?api-version=2022-12-01")
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &NotReadyError{e, "it takes connections and does not answer"}
	case err != nil:
		return &NotRunningError{Dir: dir, Why: fmt.Sprintf("nothing answers at %s, which %s names; its process was killed", e.HTTP, File)}
	case status != http.StatusOK:
		return &NotRunningError{Dir: dir, Why: fmt.Sprintf("another program answers at %s, which %s names", e.HTTP, File)}
	}
	return nil
}

// ready asks whether it is there and well. The error is one of those of answers.
func (e Endpoints) ready(ctx context.Context, dir string) error {
	if err := e.answers(ctx, dir, askPatience); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	status, body, err := e.get(ctx, "/health")
	if err != nil {
		return &NotReadyError{e, err.Error()}
	}
	var health struct{ Message string }
	if status != http.StatusOK && json.Unmarshal(body, &health) == nil {
		return &NotReadyError{e, health.Message}
	}
	return nil
}

// get asks with the token that only those have who may read the data directory.
func (e Endpoints) get(ctx context.Context, path string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.HTTP+path, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+e.Token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}
