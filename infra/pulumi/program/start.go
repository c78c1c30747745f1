package program

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/program/azure"
	"switchyard/infra/pulumi/provider/armclient"
)

// startByHooks makes a trigger of Azure's run. There a trigger is made stopped, is
// started by a request that no resource of azure-native stands for, and must be
// stopped before it is changed. Hooks of the engine do that: start after it is
// created or updated, stop before it is updated. That it is deleted with its factory
// spares a hook before deletion, which the engine only has when it runs the program.
func startByHooks(ctx *pulumi.Context) (pulumi.ResourceOption, error) {
	hook := func(name, action string) (*pulumi.ResourceHook, error) {
		return ctx.RegisterResourceHook(name, func(args *pulumi.ResourceHookArgs) error {
			token, err := azure.ClientToken(ctx)
			if err != nil {
				return err
			}
			return post(ctx.Context(), resourceManager(), string(args.ID)+"/"+action, token)
		}, nil)
	}
	start, err := hook("start-trigger", "start")
	if err != nil {
		return nil, err
	}
	stop, err := hook("stop-trigger", "stop")
	if err != nil {
		return nil, err
	}
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{
		AfterCreate:  []*pulumi.ResourceHook{start},
		BeforeUpdate: []*pulumi.ResourceHook{stop},
		AfterUpdate:  []*pulumi.ResourceHook{start},
	}), nil
}

// resourceManager is where requests go: Azure's public cloud, or what stands for it.
func resourceManager() string {
	if host := os.Getenv("ARM_METADATA_HOSTNAME"); host != "" {
		return "https://" + strings.TrimSuffix(strings.TrimPrefix(host, "https://"), "/")
	}
	return "https://management.azure.com"
}

// post sends a request without a body to a resource's action.
func post(ctx context.Context, base, path, token string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path+"?api-version=2018-06-01", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	client, err := armclient.Trusting(os.Getenv("SSL_CERT_FILE"))
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	r, err := client.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 1000))
		return fmt.Errorf("%s: %s: %s", path, r.Status, text)
	}
	return nil
}
