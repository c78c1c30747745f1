package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"switchyard/auth/issuer"
	"switchyard/config"
)

// hashSecret prints the hash of the secret on standard input, for the file of
// --auth-applications: the secret itself is in no file and on no command line.
func hashSecret(_ context.Context, e *env, _ *config.Values, _ []string) int {
	b, err := io.ReadAll(io.LimitReader(e.stdin, 64<<10))
	if err != nil {
		return e.fail(fmt.Errorf("standard input: %w", err))
	}
	secret := strings.TrimRight(string(b), "\r\n")
	if secret == "" {
		return e.fail(&config.UsageError{Msg: "standard input holds no secret"})
	}
	hash, err := issuer.HashSecret(secret, rand.Reader)
	if err != nil {
		return e.fail(err)
	}
	e.printf("%s\n", hash)
	return exitOK
}
