package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"switchyard/client"
	"switchyard/config"
)

// health asks the Switchyard on the data directory whether all is well: what the health
// check of a container or a supervisor runs.
func health(ctx context.Context, e *env, v *config.Values, _ []string) int {
	ep, err := client.Find(ctx, v.String("data"), answerPatience)
	if err != nil {
		return e.fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ep.HTTP+"/health", nil)
	if err != nil {
		return e.fail(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(r) // by no proxy
	if err != nil {
		return e.fail(fmt.Errorf("no answer from the Switchyard on %s: %w", v.String("data"), err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var told struct{ Message string }
	if err == nil {
		err = json.Unmarshal(body, &told)
	}
	if err != nil {
		return e.fail(fmt.Errorf("the answer of %s can't be read: %w", ep.HTTP, err))
	}
	if resp.StatusCode != http.StatusOK {
		return e.fail(fmt.Errorf("%s", told.Message))
	}
	if v.String("output") == "json" {
		e.printf("%s\n", strings.TrimSpace(string(body)))
		return exitOK
	}
	e.printf("%s\n", told.Message)
	return exitOK
}
