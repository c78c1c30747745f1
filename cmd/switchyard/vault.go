package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"switchyard/client"
	"switchyard/config"
	"switchyard/system"
	"switchyard/vault"
)

// onVault does something with the vault of the data directory: through the Switchyard
// that runs on it, or on the directory itself if none does.
func onVault(ctx context.Context, v *config.Values, running func(client.Endpoints) error, alone func(*vault.Vault) error) error {
	ep, err := client.Find(ctx, v.String("data"), answerPatience)
	if err == nil {
		return running(ep)
	}
	if _, none := errors.AsType[*client.NotRunningError](err); !none {
		return err
	}
	return system.WithVault(system.Options{DataDir: v.String("data"), KeyFile: v.String("key-file")}, alone)
}

func setSecret(ctx context.Context, e *env, v *config.Values, operands []string) int {
	b, err := io.ReadAll(io.LimitReader(e.stdin, vault.MaxValue+2))
	if err != nil {
		return e.fail(fmt.Errorf("standard input: %w", err))
	}
	name, value := operands[0], string(bytes.TrimRight(b, "\r\n"))
	if value == "" {
		return e.fail(&config.UsageError{Msg: "standard input holds no secret"})
	}
	err = onVault(ctx, v, func(ep client.Endpoints) error { return ep.SetSecret(ctx, name, value) },
		func(x *vault.Vault) error { return x.Set(ctx, name, value) })
	if err != nil {
		return e.fail(err)
	}
	e.printf("secret %s is set\n", name)
	return exitOK
}

func deleteSecret(ctx context.Context, e *env, v *config.Values, operands []string) int {
	err := onVault(ctx, v, func(ep client.Endpoints) error { return ep.DeleteSecret(ctx, operands[0]) },
		func(x *vault.Vault) error { return x.Delete(ctx, operands[0]) })
	if err != nil {
		return e.fail(err)
	}
	e.printf("secret %s is deleted\n", operands[0])
	return exitOK
}

func listSecrets(ctx context.Context, e *env, v *config.Values, _ []string) int {
	var list []vault.Entry
	err := onVault(ctx, v, func(ep client.Endpoints) (err error) { list, err = ep.Secrets(ctx); return err },
		func(x *vault.Vault) (err error) { list, err = x.List(); return err })
	if err != nil {
		return e.fail(err)
	}
	if v.String("output") == "json" {
		enc := json.NewEncoder(e.stdout)
		for _, s := range list {
			if err := enc.Encode(s); err != nil {
				return e.fail(err)
			}
		}
		return exitOK
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SECRET\tSET\tDAMAGE")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Updated.Format(time.RFC3339), s.Damage)
	}
	if err := w.Flush(); err != nil {
		return e.fail(err)
	}
	return exitOK
}
