package identity

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"switchyard/auth/issuer"
)

// OwnerFile has the id and the secret of the application that the first start in strict
// mode makes, readable by its owner only.
const OwnerFile = "owner.json"

// owner returns the list of applications with the one that is made where none are
// registered: it owns everything, and only the hash of its secret is kept. If it is not
// there, it is made where that may be, or else the applications are missing.
func (i *Identities) owner(first bool) ([]byte, error) {
	if kept, err := i.o.Store.Kept(keptOwner); err != nil || len(kept) > 0 {
		return kept, err
	}
	if !first || i.o.Ephemeral {
		return nil, ErrNeedsApplications
	}
	id, err := uuid.NewRandomFromReader(i.o.Rand)
	if err != nil {
		return nil, err
	}
	random := make([]byte, 32)
	if _, err := io.ReadFull(i.o.Rand, random); err != nil {
		return nil, err
	}
	secret := base64.RawURLEncoding.EncodeToString(random)
	hash, err := issuer.HashSecret(secret, i.o.Rand)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(map[string]any{"applications": []issuer.Application{{ID: id.String(),
		SecretHashes: []string{hash}, Roles: []issuer.ApplicationRole{{Role: "Owner", Scope: "/"}}}}})
	if err != nil {
		return nil, err
	}
	// The file is first: a secret that was shown and does not count is made again, one
	// that counts and was not shown opens nothing.
	if err := i.show(id.String(), secret); err != nil {
		return nil, fmt.Errorf("secret of the first application: %w", err)
	}
	return list, i.o.Store.Keep(keptOwner, list)
}

// forgetOwner makes an end to that application where others are registered: a start that
// forgets to name them must not open the directory to it again.
func (i *Identities) forgetOwner() error {
	if kept, err := i.o.Store.Kept(keptOwner); err != nil || len(kept) == 0 {
		return err
	}
	return i.o.Store.Keep(keptOwner, nil)
}

// show writes a secret to a file that only its owner can read.
func (i *Identities) show(id, secret string) error {
	b, err := json.MarshalIndent(map[string]string{"clientId": id, "clientSecret": secret, "tenantId": i.tenant,
		"subscriptionId": i.subscription}, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(i.o.OwnerDir, OwnerFile)
	fresh := name + ".new"
	if err := os.Remove(fresh); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(fresh, name)
	}
	if err == nil {
		i.o.Logger.Warn("the secret of the first application, which owns everything, is in a file that is not "+
			"written again: keep it elsewhere and delete the file", "file", name)
	}
	return err
}
