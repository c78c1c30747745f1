package datafactoryrp_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/datafactory/armdatafactory/v9"

	"switchyard/arm/armtest"
	"switchyard/pipeline/engine"
	"switchyard/pipeline/run"
)

// token is a credential that needs nobody.
type token struct{}

func (token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// clients returns Azure's client for a control plane behind TLS.
func clients(t *testing.T, h http.Handler) *armdatafactory.ClientFactory {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	transport := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}}}
	c, err := armdatafactory.NewClientFactory(sub, token{}, &arm.ClientOptions{
		DisableRPRegistration: true,
		ClientOptions: azcore.ClientOptions{
			Transport: transport,
			Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: server.URL, Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				cloud.ResourceManager: {Endpoint: server.URL, Audience: "https://management.azure.com"},
			}},
			Retry: policy.RetryOptions{MaxRetries: -1},
		},
	})
	check(t, err)
	return c
}

// wantCode checks that a client sees an error of Azure.
func wantCode(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	var e *azcore.ResponseError
	if !errors.As(err, &e) || e.StatusCode != status || e.ErrorCode != code {
		t.Errorf("%s: got %v, want %d %s", what, err, status, code)
	}
}

// TestClient goes through the life of a factory with Azure's own client.
func TestClient(t *testing.T) {
	f := open(t, armtest.NewStore())
	f.must(t, 201, "PUT", "$RG?api-version=2021-04-01", `{"location":"westeurope"}`)
	c, ctx := clients(t, f.k), t.Context()

	factories := c.NewFactoriesClient()
	created, err := factories.CreateOrUpdate(ctx, "rg", "contoso", armdatafactory.Factory{
		Location: to.Ptr("westeurope"), Tags: map[string]*string{"a": to.Ptr("b")},
		Identity: &armdatafactory.FactoryIdentity{Type: to.Ptr(armdatafactory.FactoryIdentityTypeSystemAssigned)},
		Properties: &armdatafactory.FactoryProperties{
			GlobalParameters: map[string]*armdatafactory.GlobalParameterSpecification{
				"region": {Type: to.Ptr(armdatafactory.GlobalParameterTypeString), Value: "here"}},
			RepoConfiguration: &armdatafactory.FactoryGitHubConfiguration{Type: to.Ptr("FactoryGitHubConfiguration"), AccountName: to.Ptr("a"),
				CollaborationBranch: to.Ptr("main"), RepositoryName: to.Ptr("r"), RootFolder: to.Ptr("/")},
		}}, nil)
	check(t, err)
	if *created.Identity.TenantID != tenant || len(*created.Identity.PrincipalID) != 36 || *created.Properties.ProvisioningState != "Succeeded" || created.Properties.CreateTime == nil {
		t.Errorf("factory: got identity %+v, properties %+v", created.Identity, created.Properties)
	}
	got, err := factories.Get(ctx, "rg", "CONTOSO", nil)
	check(t, err)
	if *got.Name != "contoso" || *got.ETag != *created.ETag || *got.Identity.PrincipalID != *created.Identity.PrincipalID {
		t.Errorf("get: got %s, tag %s, principal %s; want those of the creation", *got.Name, *got.ETag, *got.Identity.PrincipalID)
	}
	same, err := factories.Get(ctx, "rg", "contoso", &armdatafactory.FactoriesClientGetOptions{IfNoneMatch: created.ETag})
	if err != nil || same.Name != nil {
		t.Errorf("get what has not changed: got %+v, %v, want 304 without a body", same.Factory, err)
	}
	patched, err := factories.Update(ctx, "rg", "contoso", armdatafactory.FactoryUpdateParameters{Tags: map[string]*string{"c": to.Ptr("d")}}, nil)
	check(t, err)
	if len(patched.Tags) != 1 || *patched.Tags["c"] != "d" {
		t.Errorf("patch: got tags %v", patched.Tags)
	}
	_, err = factories.CreateOrUpdate(ctx, "rg", "contoso", armdatafactory.Factory{Location: to.Ptr("westeurope")}, &armdatafactory.FactoriesClientCreateOrUpdateOptions{IfMatch: created.ETag})
	wantCode(t, "put with the tag of before", err, http.StatusPreconditionFailed, "PreconditionFailed")

	services := c.NewLinkedServicesClient()
	_, err = services.CreateOrUpdate(ctx, "rg", "contoso", "Blob", armdatafactory.LinkedServiceResource{Properties: &armdatafactory.AzureBlobStorageLinkedService{
		Type:           to.Ptr("AzureBlobStorage"),
		TypeProperties: &armdatafactory.AzureBlobStorageLinkedServiceTypeProperties{ConnectionString: map[string]any{"type": "SecureString", "value": "AccountKey=hidden"}},
	}}, nil)
	check(t, err)
	service, err := services.Get(ctx, "rg", "contoso", "blob", nil)
	check(t, err)
	blob := service.Properties.(*armdatafactory.AzureBlobStorageLinkedService)
	if b, _ := json.Marshal(blob.TypeProperties.ConnectionString); string(b) != `{"type":"SecureString","value":"**********"}` {
		t.Errorf("connection string: got %s, want it masked", b)
	}
	check2(t)(services.CreateOrUpdate(ctx, "rg", "contoso", "Blob", service.LinkedServiceResource, nil))
	check2(t)(services.CreateOrUpdate(ctx, "rg", "contoso", "Bus", armdatafactory.LinkedServiceResource{Properties: &armdatafactory.LinkedService{
		Type: to.Ptr("AzureServiceBus"), AdditionalProperties: map[string]any{"typeProperties": map[string]any{"fullyQualifiedNamespace": "ns.servicebus.windows.net"}},
	}}, nil))
	if stored, err := f.m.LinkedService("contoso", "Blob"); err != nil || !jsonHas(stored.TypeProperties, "AccountKey=hidden") {
		t.Errorf("after a put of the mask the run sees %v, %v; want the secret kept", stored, err)
	}

	datasets := c.NewDatasetsClient()
	check2(t)(datasets.CreateOrUpdate(ctx, "rg", "contoso", "D", armdatafactory.DatasetResource{Properties: &armdatafactory.JSONDataset{
		Type: to.Ptr("Json"), LinkedServiceName: &armdatafactory.LinkedServiceReference{Type: to.Ptr(armdatafactory.LinkedServiceReferenceTypeLinkedServiceReference), ReferenceName: to.Ptr("Blob")},
	}}, nil))
	_, err = services.Delete(ctx, "rg", "contoso", "Blob", nil)
	wantCode(t, "delete of what a dataset refers to", err, http.StatusBadRequest, "BadRequest")

	pipelines := c.NewPipelinesClient()
	loop := armdatafactory.PipelineResource{Properties: &armdatafactory.Pipeline{
		Parameters: map[string]*armdatafactory.ParameterSpecification{"items": {Type: to.Ptr(armdatafactory.ParameterTypeArray)}},
		Variables:  map[string]*armdatafactory.VariableSpecification{"all": {Type: to.Ptr(armdatafactory.VariableTypeArray)}},
		Activities: []armdatafactory.ActivityClassification{&armdatafactory.ForEachActivity{
			Name: to.Ptr("Each"), Type: to.Ptr("ForEach"),
			TypeProperties: &armdatafactory.ForEachActivityTypeProperties{
				IsSequential: to.Ptr(true),
				Items:        &armdatafactory.Expression{Type: to.Ptr(armdatafactory.ExpressionTypeExpression), Value: to.Ptr("@pipeline().parameters.items")},
				Activities: []armdatafactory.ActivityClassification{&armdatafactory.AppendVariableActivity{
					Name: to.Ptr("Add"), Type: to.Ptr("AppendVariable"),
					TypeProperties: &armdatafactory.AppendVariableActivityTypeProperties{VariableName: to.Ptr("all"), Value: "@concat(item(), pipeline().globalParameters.region)"},
				}},
			}}},
	}}
	check2(t)(pipelines.CreateOrUpdate(ctx, "rg", "contoso", "Loop", loop, nil))
	read, err := pipelines.Get(ctx, "rg", "contoso", "Loop", nil)
	check(t, err)
	if each, ok := read.Properties.Activities[0].(*armdatafactory.ForEachActivity); !ok || len(each.TypeProperties.Activities) != 1 {
		t.Errorf("pipeline: got %T, want the ForEach with its activity", read.Properties.Activities[0])
	}
	if read.Properties.Activities == nil || *read.Type != "Microsoft.DataFactory/factories/pipelines" {
		t.Errorf("pipeline: got type %s", *read.Type)
	}

	started, err := pipelines.CreateRun(ctx, "rg", "contoso", "Loop", &armdatafactory.PipelinesClientCreateRunOptions{Parameters: map[string]any{"items": []string{"x", "y"}}})
	check(t, err)
	if status, err := f.engine.Wait(ctx, *started.RunID); err != nil || status != run.Succeeded {
		t.Fatalf("run: got %s, %v, want Succeeded", status, err)
	}
	shown, err := c.NewPipelineRunsClient().Get(ctx, "rg", "contoso", *started.RunID, nil)
	check(t, err)
	if *shown.Status != "Succeeded" || *shown.PipelineName != "Loop" || *shown.Parameters["items"] != `["x","y"]` || *shown.InvokedBy.InvokedByType != "Manual" {
		t.Errorf("run: got %s of %s with %v by %s", *shown.Status, *shown.PipelineName, *shown.Parameters["items"], *shown.InvokedBy.InvokedByType)
	}
	between := armdatafactory.RunFilterParameters{LastUpdatedAfter: to.Ptr(time.Now().Add(-time.Hour)), LastUpdatedBefore: to.Ptr(time.Now().Add(time.Hour))}
	runs, err := c.NewPipelineRunsClient().QueryByFactory(ctx, "rg", "contoso", between, nil)
	check(t, err)
	if len(runs.Value) != 1 || *runs.Value[0].RunID != *started.RunID {
		t.Errorf("query of runs: got %d, want the one", len(runs.Value))
	}
	activities, err := c.NewActivityRunsClient().QueryByPipelineRun(ctx, "rg", "contoso", *started.RunID, between, nil)
	check(t, err)
	if len(activities.Value) != 3 {
		t.Errorf("query of activity runs: got %d, want the loop and its two", len(activities.Value))
	}
	again, err := pipelines.CreateRun(ctx, "rg", "contoso", "Loop", &armdatafactory.PipelinesClientCreateRunOptions{
		ReferencePipelineRunID: started.RunID, IsRecovery: to.Ptr(true), StartFromFailure: to.Ptr(true)})
	check(t, err)
	if status, err := f.engine.Wait(ctx, *again.RunID); err != nil || status != run.Succeeded {
		t.Fatalf("rerun: got %s, %v, want Succeeded", status, err)
	}
	shown, err = c.NewPipelineRunsClient().Get(ctx, "rg", "contoso", *again.RunID, nil)
	check(t, err)
	if *shown.RunGroupID != *started.RunID || !*shown.IsLatest || *shown.Parameters["items"] != `["x","y"]` {
		t.Errorf("rerun: got group %s, latest %t, parameters %v", *shown.RunGroupID, *shown.IsLatest, *shown.Parameters["items"])
	}
	for operand, want := range map[armdatafactory.RunQueryFilterOperand]int{
		armdatafactory.RunQueryFilterOperandLatestOnly: 1, armdatafactory.RunQueryFilterOperandRunGroupID: 2} {
		filtered := between
		filtered.Filters = []*armdatafactory.RunQueryFilter{{Operand: to.Ptr(operand),
			Operator: to.Ptr(armdatafactory.RunQueryFilterOperatorEquals), Values: []*string{to.Ptr("true")}}}
		if operand == armdatafactory.RunQueryFilterOperandRunGroupID {
			filtered.Filters[0].Values[0] = started.RunID
		}
		runs, err := c.NewPipelineRunsClient().QueryByFactory(ctx, "rg", "contoso", filtered, nil)
		check(t, err)
		if len(runs.Value) != want {
			t.Errorf("query by %s: got %d runs, want %d", operand, len(runs.Value), want)
		}
	}
	_, err = pipelines.CreateRun(ctx, "rg", "contoso", "Loop", &armdatafactory.PipelinesClientCreateRunOptions{
		ReferencePipelineRunID: started.RunID, IsRecovery: to.Ptr(true), StartActivityName: to.Ptr("Nope")})
	wantCode(t, "rerun from no activity", err, http.StatusBadRequest, "BadRequest")
	_, err = pipelines.CreateRun(ctx, "rg", "contoso", "Loop", nil)
	wantCode(t, "run without its parameter", err, http.StatusBadRequest, "BadRequest")
	_, err = c.NewPipelineRunsClient().Cancel(ctx, "rg", "contoso", *started.RunID, nil)
	wantCode(t, "cancel of a finished run", err, http.StatusBadRequest, "BadRequest")
	_, err = c.NewPipelineRunsClient().Get(ctx, "rg", "contoso", "00000000-0000-0000-0000-000000000000", nil)
	wantCode(t, "unknown run", err, http.StatusNotFound, "NotFound")

	triggers := c.NewTriggersClient()
	bus := armdatafactory.TriggerResource{Properties: &armdatafactory.Trigger{Type: to.Ptr("ServiceBusTrigger"), AdditionalProperties: map[string]any{
		"typeProperties": map[string]any{"queueName": "in", "linkedServiceName": map[string]any{"referenceName": "Bus", "type": "LinkedServiceReference"}},
		"pipelines":      []any{map[string]any{"pipelineReference": map[string]any{"referenceName": "Loop", "type": "PipelineReference"}, "parameters": map[string]any{"items": "@triggerBody().messages"}}},
	}}}
	check2(t)(triggers.CreateOrUpdate(ctx, "rg", "contoso", "T", bus, nil))
	start, err := triggers.BeginStart(ctx, "rg", "contoso", "T", nil)
	check(t, err)
	check2(t)(start.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Millisecond}))
	tr, err := triggers.Get(ctx, "rg", "contoso", "T", nil)
	check(t, err)
	if state := *tr.Properties.GetTrigger().RuntimeState; state != armdatafactory.TriggerRuntimeStateStarted || !f.starter.running["T"] {
		t.Errorf("trigger: got %s, running %t", state, f.starter.running["T"])
	}
	_, err = triggers.CreateOrUpdate(ctx, "rg", "contoso", "T", bus, nil)
	wantCode(t, "put of a started trigger", err, http.StatusBadRequest, "TriggerEnabledCannotUpdate")
	stop, err := triggers.BeginStop(ctx, "rg", "contoso", "T", nil)
	check(t, err)
	check2(t)(stop.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Millisecond}))
	check2(t)(triggers.Delete(ctx, "rg", "contoso", "T", nil))
	all := 0
	for pager := triggers.NewListByFactoryPager("rg", "contoso", nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		check(t, err)
		all += len(page.Value)
	}
	if all != 0 {
		t.Errorf("%d triggers are listed after the deletion", all)
	}
	check2(t)(pipelines.Delete(ctx, "rg", "contoso", "Loop", nil))
	check2(t)(factories.Delete(ctx, "rg", "contoso", nil))
	left, _, err := f.engine.Query(engine.Query{Factory: "contoso"})
	check(t, err)
	if n := len(left); n != 0 || len(f.store.Keys("datafactory/")) != 0 {
		t.Errorf("after the deletion there are %d runs and the records %v", n, f.store.Keys("datafactory/"))
	}
}
