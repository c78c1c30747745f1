package armclient

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Cloud reads the metadata document, once.
func (c *Client) Cloud(ctx context.Context) (*Cloud, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cloud != nil {
		return c.cloud, nil
	}
	u := c.o.MetadataHost + "/metadata/endpoints?api-version=2022-09-01"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	r, raw, err := c.roundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("cloud metadata: %w", err)
	}
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("cloud metadata: %s answered %s", u, r.Status)
	}
	var cloud Cloud
	if err := json.Unmarshal(raw, &cloud); err != nil {
		return nil, fmt.Errorf("cloud metadata of %s: %w", u, err)
	}
	if !strings.HasPrefix(cloud.ResourceManager, "https://") ||
		!strings.HasPrefix(cloud.Authentication.LoginEndpoint, "https://") ||
		len(cloud.Authentication.Audiences) == 0 {
		return nil, fmt.Errorf(
			"cloud metadata of %s: resourceManager, authentication.loginEndpoint or authentication.audiences is missing or not https",
			u)
	}
	c.cloud = &cloud
	return c.cloud, nil
}

// bearer is a token for the resource manager, kept until shortly before it ends.
func (c *Client) bearer(ctx context.Context) (string, error) {
	cloud, err := c.Cloud(ctx)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	token, until := c.token, c.until
	c.mu.Unlock()
	if token != "" && time.Now().Before(until) {
		return token, nil
	}
	token, life, err := c.Token(ctx, cloud.Authentication.Audiences[0])
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token, c.until = token, time.Now().Add(life-min(life/2, 5*time.Minute))
	return token, nil
}

func (c *Client) forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

// Token logs in with the client secret and returns a token for audience and how
// long it lasts.
func (c *Client) Token(ctx context.Context, audience string) (string, time.Duration, error) {
	cloud, err := c.Cloud(ctx)
	if err != nil {
		return "", 0, err
	}
	u := strings.TrimRight(cloud.Authentication.LoginEndpoint, "/") + "/" + url.PathEscape(c.o.TenantID) +
		"/oauth2/v2.0/token"
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {c.o.ClientID},
		"client_secret": {c.o.ClientSecret},
		"scope":         {audience + "/.default"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", c.o.UserAgent)
	r, raw, err := c.roundTrip(req)
	if err != nil {
		return "", 0, fmt.Errorf("login: %w", err)
	}
	var answer struct {
		AccessToken string          `json:"access_token"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
		Error       string          `json:"error"`
		Description string          `json:"error_description"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", 0, fmt.Errorf("login: %s answered %s, not JSON", u, r.Status)
	}
	if r.StatusCode != http.StatusOK || answer.AccessToken == "" {
		return "", 0, fmt.Errorf("login as %s: %s: %s: %s",
			c.o.ClientID, r.Status, answer.Error, answer.Description)
	}
	seconds, err := time.ParseDuration(strings.Trim(string(answer.ExpiresIn), `"`) + "s")
	if err != nil {
		seconds = time.Minute // the answer does not say
	}
	return answer.AccessToken, seconds, nil
}
