package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"switchyard/value"
)

// TypeAzureKeyVault is the type of a linked service that names a key vault.
const TypeAzureKeyVault = "AzureKeyVault"

// A SecretReference is an object {"type":"AzureKeyVaultSecret","store":…,"secretName":…}
// in place of a secret. Its name and version may be expressions until they are evaluated.
type SecretReference struct {
	Store         *Reference // nil if it names none
	Name, Version value.Value
}

// KeyVaultSecret reads a reference to a secret. Ok is false of every other value.
func KeyVaultSecret(v value.Value) (s SecretReference, ok bool) {
	o, isObject := v.(*value.Object)
	if !isObject {
		return s, false
	}
	t, _ := o.Lookup("type")
	if name, isText := t.(string); !isText || !equalFold(name, "AzureKeyVaultSecret") {
		return s, false
	}
	s.Name, _ = o.Lookup("secretName")
	s.Version, _ = o.Lookup("secretVersion")
	store, _ := o.Lookup("store")
	if at, isObject := store.(*value.Object); isObject {
		name, _ := at.Lookup("referenceName")
		if text, isText := name.(string); isText && text != "" {
			args, _ := at.Lookup("parameters")
			parameters, _ := args.(*value.Object)
			s.Store = &Reference{Name: text, Type: "LinkedServiceReference", Parameters: parameters}
		}
	}
	return s, true
}

// A SecretFunc returns a secret of the vault that a linked service names. The version is
// "" for the current one.
type SecretFunc func(ctx context.Context, vault *ResolvedLinkedService, name, version string) (string, error)

// In returns what a [Resolver] asks until ctx ends; nil of nil.
func (f SecretFunc) In(ctx context.Context) func(vault *ResolvedLinkedService, name, version string) (string, error) {
	if f == nil {
		return nil
	}
	return func(vault *ResolvedLinkedService, name, version string) (string, error) {
		return f(ctx, vault, name, version)
	}
}

// Secrets returns an object with a SecureString object in place of every reference to a
// secret. One that has none is returned as it is.
func (r *Resolver) Secrets(o *value.Object) (*value.Object, error) {
	if !holdsSecret(o) {
		return o, nil
	}
	v, err := r.withSecrets(o)
	out, _ := v.(*value.Object)
	return out, err
}

func holdsSecret(v value.Value) bool {
	if _, ok := KeyVaultSecret(v); ok {
		return true
	}
	switch v := v.(type) {
	case value.Array:
		return slices.ContainsFunc(v, holdsSecret)
	case *value.Object:
		return slices.ContainsFunc(v.Members(), func(m value.Member) bool { return holdsSecret(m.Value) })
	}
	return false
}

// withSecrets copies a value.
func (r *Resolver) withSecrets(v value.Value) (value.Value, error) {
	if s, ok := KeyVaultSecret(v); ok {
		text, err := r.secret(s)
		return value.NewObject(value.Member{Name: "type", Value: "SecureString"},
			value.Member{Name: "value", Value: text}), err
	}
	switch v := v.(type) {
	case value.Array:
		out := make(value.Array, len(v))
		for i := range v {
			var err error
			if out[i], err = r.withSecrets(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *value.Object:
		out := &value.Object{}
		for _, m := range v.Members() {
			x, err := r.withSecrets(m.Value)
			if err != nil {
				return nil, err
			}
			out.Set(m.Name, x)
		}
		return out, nil
	}
	return v, nil
}

func (r *Resolver) secret(s SecretReference) (string, error) {
	name, _ := s.Name.(string)
	version, _ := s.Version.(string)
	switch {
	case name == "":
		return "", errors.New("a reference to a key vault's secret has no secretName")
	case s.Store == nil:
		return "", fmt.Errorf("the reference to the secret %q names no store", name)
	case r.Secret == nil:
		return "", fmt.Errorf("the secret %q can't be read: there is no key vault", name)
	}
	vault, err := r.ResolveLinkedService(s.Store)
	if err != nil {
		return "", err
	}
	if !equalFold(vault.Type, TypeAzureKeyVault) {
		return "", fmt.Errorf("linked service %q, the store of the secret %q, is of type %s and not %s", vault.Name,
			name, vault.Type, TypeAzureKeyVault)
	}
	return r.Secret(vault, name, version)
}

// vaultSecrets checks the references to secrets of key vaults below a value.
func (v *validator) vaultSecrets(val value.Value, at string) {
	if s, ok := KeyVaultSecret(val); ok {
		if name, isText := s.Name.(string); s.Name == nil || isText && name == "" {
			v.errorf(at+".secretName", "is missing")
		}
		if s.Store == nil {
			v.errorf(at+".store", "is missing")
			return
		}
		s.Store.Path = at + ".store"
		v.typedService(s.Store, TypeAzureKeyVault)
		return
	}
	switch val := val.(type) {
	case value.Array:
		for i := range val {
			v.vaultSecrets(val[i], index(at, i))
		}
	case *value.Object:
		for _, m := range val.Members() {
			v.vaultSecrets(m.Value, at+"."+m.Name)
		}
	}
}
