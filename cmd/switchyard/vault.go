package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"switchyard/client"
	"switchyard/config"
	"switchyard/system"
	"switchyard/vault"
)

// onVault does something with the vault of the data directory: through the Switchyard
// that runs on it, or on the directory itself if none does.
func onVault(ctx context.Context, v *config.Values, there func(client.Server) error, alone func(*vault.Vault) error) error {
	if err := readable(v, "key-file"); err != nil {
		return err
	}
	ep, err := running(ctx, v)
	if err == nil {
		return there(ep)
	}
	if _, none := errors.AsType[*client.NotRunningError](err); !none {
		return err
	}
	return system.WithVault(system.Options{DataDir: v.String("data"), KeyFile: v.String("key-file")}, alone)
}

func checkSecretName(name string) error {
	if err := vault.CheckName(name); err != nil {
		return &config.UsageError{Msg: err.Error()}
	}
	return nil
}

func setSecret(ctx context.Context, e *env, v *config.Values, operands []string) int {
	b, err := io.ReadAll(io.LimitReader(e.stdin, vault.MaxValue+2))
	if err != nil {
		return e.fail(fmt.Errorf("standard input: %w", err))
	}
	if err := checkSecretName(operands[0]); err != nil {
		return e.fail(err)
	}
	name, value := operands[0], string(bytes.TrimRight(b, "\r\n"))
	if value == "" {
		return e.fail(&config.UsageError{Msg: "standard input holds no secret"})
	}
	err = onVault(ctx, v, func(s client.Server) error { return s.SetSecret(ctx, name, value) },
		func(x *vault.Vault) error { return x.Set(ctx, name, value) })
	if err != nil {
		return e.fail(err)
	}
	return secretIs(e, name, "set")
}

func deleteSecret(ctx context.Context, e *env, v *config.Values, operands []string) int {
	if err := checkSecretName(operands[0]); err != nil {
		return e.fail(err)
	}
	err := onVault(ctx, v, func(s client.Server) error { return s.DeleteSecret(ctx, operands[0]) },
		func(x *vault.Vault) error { return x.Delete(ctx, operands[0]) })
	if err != nil {
		return e.fail(err)
	}
	return secretIs(e, operands[0], "deleted")
}

// secretIs says what holds of a secret now.
func secretIs(e *env, name, state string) int {
	if e.json {
		return e.answer(map[string]string{"secret": name, "state": state})
	}
	e.printf("secret %s is %s\n", name, state)
	return exitOK
}

func listSecrets(ctx context.Context, e *env, v *config.Values, _ []string) int {
	var list []vault.Entry
	err := onVault(ctx, v, func(s client.Server) (err error) { list, err = s.Secrets(ctx); return err },
		func(x *vault.Vault) (err error) { list, err = x.List(); return err })
	if err != nil {
		return e.fail(err)
	}
	if e.json {
		for _, s := range list {
			if code := e.answer(s); code != exitOK {
				return code
			}
		}
		return exitOK
	}
	t := &table{columns: []column{{title: "SECRET", whole: true}, {title: "SET", whole: true}, {title: "DAMAGE"}}}
	for _, s := range list {
		t.add(s.Name, s.Updated.Format(time.RFC3339), s.Damage)
	}
	e.printf("%s", t.layout(e.tableWidth()))
	return exitOK
}
