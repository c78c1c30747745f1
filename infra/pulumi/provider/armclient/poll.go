package armclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Put writes a resource, waits until it is provisioned and returns it as read.
func (c *Client) Put(ctx context.Context, path, apiVersion string, body any) (map[string]any, error) {
	r, err := c.Do(ctx, http.MethodPut, path, apiVersion, body)
	if err != nil {
		return nil, err
	}
	if err := c.wait(ctx, http.MethodPut, r); err != nil {
		return nil, err
	}
	for {
		r, err := c.Do(ctx, http.MethodGet, path, apiVersion, nil)
		if err != nil {
			return nil, err
		}
		done, err := provisioned(path, r.Body)
		if done || err != nil {
			return r.Body, err
		}
		if err := c.pause(ctx, r.Header); err != nil {
			return nil, err
		}
	}
}

// Delete removes a resource and waits until it is gone; one that is already gone
// is no error.
func (c *Client) Delete(ctx context.Context, path, apiVersion string) error {
	r, err := c.Do(ctx, http.MethodDelete, path, apiVersion, nil)
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.wait(ctx, http.MethodDelete, r); err != nil && !IsNotFound(err) {
		return err
	}
	return nil
}

// provisioned reads properties.provisioningState; a resource without one is done.
func provisioned(path string, body map[string]any) (bool, error) {
	p, _ := body["properties"].(map[string]any)
	state, ok := p["provisioningState"].(string)
	if !ok {
		return true, nil
	}
	switch strings.ToLower(state) {
	case "succeeded":
		return true, nil
	case "failed", "canceled", "cancelled":
		return true, fmt.Errorf("%s: provisioning %s", path, strings.ToLower(state))
	}
	return false, nil
}

// wait follows a long-running operation by the header its first answer had:
// Azure-AsyncOperation, Operation-Location or, after a 202, Location. The first
// poll is immediate, as azcore's is.
func (c *Client) wait(ctx context.Context, method string, first *Response) error {
	async := first.Header.Get("Azure-AsyncOperation")
	if async == "" {
		async = first.Header.Get("Operation-Location")
	}
	location := first.Header.Get("Location")
	if async == "" && (first.Status != http.StatusAccepted || location == "") {
		return nil
	}
	for {
		u := location
		if async != "" {
			u = async
		}
		if err := c.sameHost(u); err != nil {
			return err
		}
		r, err := c.send(ctx, http.MethodGet, u, nil)
		if err != nil {
			return err
		}
		if async != "" {
			status, _ := r.Body["status"].(string)
			switch strings.ToLower(status) {
			case "succeeded":
				return nil
			case "failed", "canceled", "cancelled":
				e := &Error{Method: method, Path: u, Status: r.Status, Code: status}
				raw, _ := json.Marshal(r.Body)
				e.fill(raw)
				return e
			}
		} else if r.Status != http.StatusAccepted {
			return nil
		} else if l := r.Header.Get("Location"); l != "" {
			location = l
		}
		if err := c.pause(ctx, r.Header); err != nil {
			return err
		}
	}
}

// sameHost refuses to carry the token to another host than the resource manager's.
func (c *Client) sameHost(u string) error {
	c.mu.Lock()
	rm := c.cloud.ResourceManager
	c.mu.Unlock()
	a, errA := url.Parse(u)
	b, errB := url.Parse(rm)
	if errA != nil || errB != nil || a.Scheme != b.Scheme || !strings.EqualFold(a.Host, b.Host) {
		return fmt.Errorf("operation %q is not on the resource manager's host %q", u, rm)
	}
	return nil
}

// pause waits as long as the service says (at most a minute), or the interval of
// the options.
func (c *Client) pause(ctx context.Context, h http.Header) error {
	d := c.o.PollInterval
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 {
		d = min(time.Duration(s)*time.Second, time.Minute)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
