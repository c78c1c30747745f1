package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// asker asks by no proxy: the Switchyard is on this machine.
var asker = &http.Client{Transport: &http.Transport{}}

// A Server is a running Switchyard that can be asked.
type Server struct {
	Endpoints
	// Dir is its data directory as the user calls it, for errors.
	Dir string
	// Patience is how long each answer may take; 0: as long as the context lasts.
	Patience time.Duration
}

// An answer is what a Switchyard says to a request.
type answer struct {
	status int
	body   []byte
}

// ask sends a request with the token that only those have who may read the data directory.
// The answer may take as long as [Server.Patience] says and ctx lasts. Without one the
// error is a [*NotRunningError] if nobody listens, a [*NotReadyError] if none came in time,
// or else a [*ServiceError].
func (s Server) ask(ctx context.Context, method, path, body string) (a answer, err error) {
	if s.Patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Patience)
		defer cancel()
	}
	r, err := http.NewRequestWithContext(ctx, method, s.HTTP+path, strings.NewReader(body))
	if err != nil {
		return a, &damagedError{filepath.Join(s.Dir, File)}
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := asker.Do(r)
	if err == nil {
		defer resp.Body.Close()
		a.status = resp.StatusCode
		a.body, err = io.ReadAll(resp.Body)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return a, &NotReadyError{s.Endpoints, "it takes connections and does not answer; is it stopped or overloaded? its log tells"}
	}
	err = Explain("ask the Switchyard", s.HTTP, err)
	if _, gone := errors.AsType[*NotRunningError](err); gone {
		err = &NotRunningError{Dir: s.Dir, Why: fmt.Sprintf("nothing answers at %s, which %s names; its process was killed",
			s.HTTP, File)}
	}
	return a, err
}

// askFor asks as ask does and reads the JSON of the answer. What the Switchyard refuses is
// an error with its words.
func (s Server) askFor(ctx context.Context, method, path, body string, out any) error {
	a, err := s.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		var failed struct{ Error string }
		if json.Unmarshal(a.body, &failed) == nil && failed.Error != "" {
			return errors.New(failed.Error)
		}
		return s.strange(a)
	}
	if json.Unmarshal(a.body, out) != nil {
		return s.strange(a)
	}
	return nil
}

// strange is the error of an answer that no Switchyard of this version gives.
func (s Server) strange(a answer) error {
	return fmt.Errorf("what answers at %s is no Switchyard of this version (status %d): is another program there, or another "+
		"version?", s.HTTP, a.status)
}
