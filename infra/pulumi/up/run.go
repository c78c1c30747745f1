package main

import (
	"context"
	"fmt"
	"time"

	"switchyard/infra/pulumi/provider"
	"switchyard/infra/pulumi/provider/armclient"
)

// pipelineRun is what the factory tells of a run.
type pipelineRun struct {
	ID, Pipeline, Status, Message string
	Duration                      int64 // ms
	InvokedBy                     struct{ Name string }
}

// finished asks the factory about a run until it has ended, and refuses one that has
// not succeeded.
func finished(ctx context.Context, env, out map[string]string, id string) (pipelineRun, error) {
	arm, err := armclient.New(armclient.Options{MetadataHost: env["ARM_METADATA_HOSTNAME"],
		SubscriptionID: env["ARM_SUBSCRIPTION_ID"], TenantID: env["ARM_TENANT_ID"], ClientID: env["ARM_CLIENT_ID"],
		ClientSecret: env["ARM_CLIENT_SECRET"], CertFile: env["SSL_CERT_FILE"],
		UserAgent: "switchyard-up/" + provider.Version})
	if err != nil {
		return pipelineRun{}, err
	}
	path := fmt.Sprintf(
		"/subscriptions/%s/resourceGroups/%s/providers/Microsoft.DataFactory/factories/%s/pipelineruns/%s",
		arm.SubscriptionID(), out["resource_group_name"], out["data_factory_name"], id)
	for {
		r, err := arm.Do(ctx, "GET", path, "2018-06-01", nil)
		if err != nil {
			return pipelineRun{}, err
		}
		run := pipelineRun{ID: id}
		run.Status, _ = r.Body["status"].(string)
		run.Pipeline, _ = r.Body["pipelineName"].(string)
		run.Message, _ = r.Body["message"].(string)
		if ms, ok := r.Body["durationInMs"].(float64); ok {
			run.Duration = int64(ms)
		}
		if by, ok := r.Body["invokedBy"].(map[string]any); ok {
			run.InvokedBy.Name, _ = by["name"].(string)
		}
		switch run.Status {
		case "Succeeded":
			return run, nil
		case "Failed", "Cancelled":
			return run, fmt.Errorf("run %s: %s: %s", id, run.Status, run.Message)
		}
		select {
		case <-ctx.Done():
			return run, fmt.Errorf("run %s is %s: %w", id, run.Status, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
