package client

import (
	"context"
	"net/url"

	"switchyard/vault"
)

// Secrets lists the secrets of a running Switchyard's vault.
func (s Server) Secrets(ctx context.Context) ([]vault.Entry, error) {
	var list []vault.Entry
	err := s.secret(ctx, "GET", "", "", &list)
	return list, err
}

// SetSecret makes a secret, or gives it another value.
func (s Server) SetSecret(ctx context.Context, name, value string) error {
	return s.secret(ctx, "PUT", "/"+url.PathEscape(name), value, &struct{}{})
}

// DeleteSecret removes a secret.
func (s Server) DeleteSecret(ctx context.Context, name string) error {
	return s.secret(ctx, "DELETE", "/"+url.PathEscape(name), "", &struct{}{})
}

func (s Server) secret(ctx context.Context, method, path, body string, out any) error {
	return s.askFor(ctx, method, vault.Path+path, body, out)
}
