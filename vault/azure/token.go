package azure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"switchyard/clock"
)

// early is how long before its end a token is replaced.
const early = 5 * time.Minute

// tokens gets tokens for the identity of this process and keeps them: az, for one, would be
// run for each.
type tokens struct {
	clock clock.Clock
	// transport is for tests; nil: that of the Azure SDK.
	transport policy.Transporter

	turn        chan struct{}                     // has one place: whose turn it is
	credentials map[string]azcore.TokenCredential // by domain; of whose turn it is
	kept        map[string]azcore.AccessToken     // by domain and tenant; likewise
}

func newTokens(c clock.Clock) *tokens {
	return &tokens{clock: c, turn: make(chan struct{}, 1), credentials: map[string]azcore.TokenCredential{},
		kept: map[string]azcore.AccessToken{}}
}

// get returns a token for the vaults of a domain. Who asks meanwhile waits.
func (t *tokens) get(ctx context.Context, d domain, tenant string) (string, error) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return "", fmt.Errorf("no token for %s was made in time: %w", d.suffix, ctx.Err())
	}
	defer func() { <-t.turn }()
	key := d.suffix + " " + tenant
	if k, ok := t.kept[key]; ok && t.clock.Now().Add(early).Before(k.ExpiresOn) {
		return k.Token, nil
	}
	c, err := t.credential(d)
	if err != nil {
		return "", err
	}
	k, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://" + d.suffix + "/.default"}, TenantID: tenant})
	switch {
	case errors.Is(err, context.Canceled):
		return "", context.Canceled
	case err != nil:
		return "", &unreachable{fmt.Sprintf("there is no token for %s: %s. Give this process AZURE_TENANT_ID, AZURE_CLIENT_ID and "+
			"AZURE_CLIENT_SECRET of an application, a managed identity, or log in with \"az login\"", d.suffix, line(err.Error()))}
	}
	t.kept[key] = k
	return k.Token, nil
}

// credential returns what azidentity finds in the environment. It is the caller's turn.
func (t *tokens) credential(d domain) (azcore.TokenCredential, error) {
	if c := t.credentials[d.suffix]; c != nil {
		return c, nil
	}
	// A vault tells which tenant it is of, and the authority is Azure's or configured.
	o := azidentity.DefaultAzureCredentialOptions{AdditionallyAllowedTenants: []string{"*"}}
	o.Transport = t.transport
	if configured := configuredAuthority(); configured == "" {
		o.Cloud = d.cloud
	} else {
		o.DisableInstanceDiscovery = !azures(configured)
	}
	c, err := azidentity.NewDefaultAzureCredential(&o)
	if err != nil {
		return nil, fmt.Errorf("the identity of this process can't be used: %s", line(err.Error()))
	}
	t.credentials[d.suffix] = c
	return c, nil
}
