package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"switchyard/vault"
)

// secretPatience is how long a running Switchyard may take to answer.
const secretPatience = 30 * time.Second

// Secrets lists the secrets of a running Switchyard's vault.
func (e Endpoints) Secrets(ctx context.Context) ([]vault.Entry, error) {
	var list []vault.Entry
	err := e.secret(ctx, "GET", "", "", &list)
	return list, err
}

// SetSecret makes a secret, or gives it another value.
func (e Endpoints) SetSecret(ctx context.Context, name, value string) error {
	return e.secret(ctx, "PUT", "/"+url.PathEscape(name), value, &struct{}{})
}

// DeleteSecret removes a secret.
func (e Endpoints) DeleteSecret(ctx context.Context, name string) error {
	return e.secret(ctx, "DELETE", "/"+url.PathEscape(name), "", &struct{}{})
}

func (e Endpoints) secret(ctx context.Context, method, path, body string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, secretPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, e.HTTP+vault.Path+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+e.Token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return Explain("ask the Switchyard that wrote "+File, e.HTTP, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var failed struct{ Error string }
		if json.Unmarshal(b, &failed) == nil && failed.Error != "" {
			return errors.New(failed.Error)
		}
		return fmt.Errorf("secrets: status %s", resp.Status)
	}
	return json.Unmarshal(b, out)
}
