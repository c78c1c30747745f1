package vault

import (
	"context"
	"errors"
	"fmt"

	"switchyard/pipeline"
)

// Resolve is a [pipeline.SecretFunc]: it answers for every linked service. The vault that
// one names is not asked, and named in the error of a secret that is not here.
func (v *Vault) Resolve(_ context.Context, service *pipeline.ResolvedLinkedService, name, version string) (string, error) {
	if version != "" {
		return "", fmt.Errorf("version %s of the secret %q: versions are not supported; leave out secretVersion",
			version, name)
	}
	text, err := v.Value(name)
	if errors.Is(err, ErrNotFound) {
		url, _ := service.TypeProperties.Lookup("baseUrl")
		return "", fmt.Errorf("the secret %q is not in the local vault: set it with \"switchyard secret set %s\"; %v, "+
			"which linked service %s names, is asked with --key-vault azure only",
			name, name, url, service.Name)
	}
	return text, err
}
